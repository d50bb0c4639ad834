/* SPDX-License-Identifier: 0BSD */
/*
 * waiters [COUNT]
 *
 * COUNT (1000) processes queue one after another behind a holder, which releases
 * the lock, or is killed, with and without the file to be kept.  The first one then
 * has the lock, and lf_inspect() names it and the others in the order of their
 * arrival.  They hold the lock one at a time and in this order, woken by the kernel,
 * and the last one removes the file.  Prints what is wrong, and a line for the table of
 * tests/trust/run.
 */
#include "config.h"

#include "lib/waiters.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_PRINTED 10

/* A waiter sleeps in the kernel's queue until its turn, and is woken for the tag, for
   the body, and seldom for anything else.  One that tried again and again would sleep
   each time. */
#define MOST_SLEEPS 10

/* Behind a killed holder, on a busy machine, the order may be lost, but not always:
   lockfile-fcntl(7). */
#define TRIES 3

static struct {
	atomic_int inside, served, wrong, handed_over;
	atomic_long sleeps; /* of all waiters but the first */
	int order[]; /* the number of each, as they get the lock */
} *shared;

static int count = 1000;
static pid_t *pids;
static char directory[] = "/tmp/lf-waiters.XXXXXX";

__attribute__((__format__(__printf__, 1, 2))) static void
wrong(const char *format, ...)
{
	va_list more;

	if (atomic_fetch_add(&shared->wrong, 1) >= MOST_PRINTED)
		return;
	fputs("# ", stdout);
	va_start(more, format);
	vprintf(format, more);
	va_end(more);
	putchar('\n');
	fflush(stdout);
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(99);
}

/* --- The processes */

static void enter(int number)
{
	if (atomic_exchange(&shared->inside, 1) != 0)
		wrong("waiter %d is not alone", number);
	shared->order[atomic_fetch_add(&shared->served, 1)] = number;
}

/* Its end would close the pipes of all, if the test is killed. */
static pid_t start(void)
{
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* How often this process has slept. */
static long count_sleeps(void)
{
	struct rusage usage;

	must(getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
	return usage.ru_nvcsw;
}

/* The first one stays until it reads a byte from END. */
static pid_t start_waiter(int number, unsigned flags, int end)
{
	pid_t pid = start();
	struct lf_lock *lock;
	long before;
	char c;
	int rc;

	if (pid > 0)
		return pid;
	before = count_sleeps();
	rc = lf_acquire(&lock, "lock", LF_FOREVER, flags);
	/* The first one may have to look how the holder ends. */
	if (number > 1)
		atomic_fetch_add(&shared->sleeps, count_sleeps() - before);
	if (rc < 0) {
		wrong("waiter %d: %s", number, lf_strerror(rc));
		_exit(1);
	}
	enter(number);
	if (atomic_load(&shared->served) == 1)
		(void)!read(end, &c, 1);
	atomic_store(&shared->inside, 0);
	rc = lf_release(&lock);
	if (rc < 0)
		wrong("waiter %d: release: %s", number, lf_strerror(rc));
	_exit(0);
}

/* It writes a byte to READY, and ends when it reads one from END. */
static pid_t start_holder(unsigned flags, int ready, int end)
{
	pid_t pid = start();
	struct lf_lock *lock;
	char c;

	if (pid > 0)
		return pid;
	must(lf_acquire(&lock, "lock", 0, flags) == 0, "lf_acquire");
	must(write(ready, "", 1) == 1, "write");
	if (read(end, &c, 1) == 1)
		lf_release(&lock);
	_exit(0);
}

/* --- What lf_inspect() shows */

/* How many names are right; -1 if the lock is held by another. */
static int named(int holder)
{
	const struct lf_entry *entry = NULL;
	int right = 0, next = holder + 1;
	struct lf_report *report;

	must(lf_inspect("lock", &report) >= 0, "lf_inspect");
	while ((entry = lf_report_next(report, entry)) != NULL) {
		pid_t pid = lf_entry_pid(entry);

		if (!lf_entry_waits(entry))
			right += pid == pids[holder];
		else if (next <= count)
			right += pid == pids[next++];
	}
	lf_report_free(report);
	return right;
}

/* One look may miss a line of the kernel's list. */
static bool are_named(int holder)
{
	for (int look = 0; look_again(&look);)
		if (named(holder) == count + 1 - holder)
			return true;
	return false;
}

/* --- One round */

static void start_all(unsigned flags, const int *ready, const int *end,
		      const int *first)
{
	char c;

	pids[0] = start_holder(flags, ready[1], end[0]);
	must(read(ready[0], &c, 1) == 1, "holder");
	for (int i = 1; i <= count; i++) {
		pids[i] = start_waiter(i, flags, first[0]);
		if (!waiters_reach("lock", i))
			wrong("waiter %d does not wait", i);
	}
}

static void await_all(bool killed)
{
	for (int i = 0; i <= count; i++) {
		int status;

		while (waitpid(pids[i], &status, 0) < 0 && errno == EINTR)
			;
		if (status != (i == 0 && killed ? SIGKILL : 0))
			wrong("waiter %d: status %x", i, (unsigned)status);
	}
}

static bool is_in_order(void)
{
	for (int i = 0; i < count; i++)
		if (shared->order[i] != i + 1)
			return false;
	return true;
}

static bool one_try(const char *name, bool killed, unsigned flags)
{
	int ready[2], end[2], first[2];
	bool in_order;

	atomic_store(&shared->served, 0);
	atomic_store(&shared->sleeps, 0);
	must(pipe(ready) == 0 && pipe(end) == 0 && pipe(first) == 0, "pipe");
	start_all(flags, ready, end, first);
	if (!are_named(0))
		wrong("%s: %d of %d are named", name, named(0), count + 1);
	if (killed)
		kill(pids[0], SIGKILL);
	else
		must(write(end[1], "", 1) == 1, "write");
	for (int look = 0; atomic_load(&shared->served) == 0;)
		if (!look_again(&look)) {
			wrong("%s: the next does not get in", name);
			break;
		}
	in_order = shared->order[0] == 1 && are_named(1);
	must(write(first[1], "", 1) == 1, "write");
	await_all(killed);
	if (atomic_load(&shared->served) != count)
		wrong("%s: %d of %d had the lock", name,
		      atomic_load(&shared->served), count);
	in_order = in_order && is_in_order();
	/* Another that came first had to look, too. */
	if (in_order && atomic_load(&shared->sleeps) > (long)MOST_SLEEPS * count)
		wrong("%s: %d waiters slept %ld times", name, count,
		      atomic_load(&shared->sleeps));
	atomic_fetch_add(&shared->handed_over, count);
	if ((access("lock", F_OK) == 0) != (flags == LF_KEEP))
		wrong("%s: the file is left, or gone", name);
	unlink("lock");
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(end[i]);
		close(first[i]);
	}
	return in_order;
}

static void round_of(const char *name, bool killed, unsigned flags)
{
	int tries = killed ? TRIES : 1;

	while (tries-- > 0)
		if (one_try(name, killed, flags))
			return;
	wrong("%s: the order or the names are lost", name);
}

int main(int argc, char **argv)
{
	size_t size;

	if (argc > 1)
		count = atoi(argv[1]);
	must(count > 0, "COUNT");
	size = sizeof(*shared) + (size_t)count * sizeof(int);
	pids = calloc((size_t)count + 1, sizeof(*pids));
	shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(pids && shared != MAP_FAILED, "memory");
	must(mkdtemp(directory) && chdir(directory) == 0, directory);
	round_of("released", false, 0);
	round_of("killed", true, 0);
	round_of("killed, kept", true, LF_KEEP);
	must(chdir("/") == 0 && rmdir(directory) == 0, directory);
	printf("row|%d waiters, the holder is killed|%d|%d\n", count,
	       atomic_load(&shared->handed_over), atomic_load(&shared->wrong));
	return atomic_load(&shared->wrong) != 0;
}
