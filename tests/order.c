/* SPDX-License-Identifier: 0BSD */
/*
 * order - whether waiters keep their order and their names when the holder does
 * not simply release the lock
 *
 * In each run waiters queue one after another behind a holder, which then ends in
 * one of several ways.  A run is out of order if a waiter gets the lock before one
 * that came earlier.  A waiter is nameless if lf_inspect() shows it without a PID
 * or not at all, right after the end.
 */
#include "config.h"

#include "lib/waiters.h"
#include "lockfile-fcntl.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_WAITERS 1000

static struct shared {
	atomic_int holds, served;
	int order[MOST_WAITERS];
} *shared;

static char directory[] = "/tmp/lf-order-XXXXXX";

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* How the holder ends, after a byte from END. */
static void end_by_release(struct lf_lock *lock)
{
	must(lf_release(&lock) == 0, "lf_release");
}

static void end_by_exit(struct lf_lock *lock)
{
	(void)lock;
	_exit(0);
}

static void end_by_kill(struct lf_lock *lock)
{
	(void)lock;
	kill(getpid(), SIGKILL);
}

static void end_without_tag(struct lf_lock *lock)
{
	close(open(lf_path(lock), O_RDONLY)); /* drops the tag */
	must(lf_release(&lock) == 0, "lf_release");
}

/* The child has the descriptor, and so the lock, for a while. */
static void end_by_kill_with_child(struct lf_lock *lock)
{
	(void)lock;
	if (fork() > 0)
		kill(getpid(), SIGKILL);
	usleep(300000);
	_exit(0);
}

static const struct {
	const char *name;
	void (*end)(struct lf_lock *lock);
} ends[] = {
	{ "releases", end_by_release },
	{ "exits while it holds", end_by_exit },
	{ "is killed", end_by_kill },
	{ "has lost its tag", end_without_tag },
	{ "is killed, a child keeps the lock", end_by_kill_with_child },
};

static pid_t start_holder(void (*end)(struct lf_lock *), int end_pipe)
{
	struct lf_lock *lock;
	pid_t pid = fork();
	char byte;

	must(pid >= 0, "fork");
	if (pid == 0) {
		must(lf_acquire(&lock, "lock", 0, 0) == 0, "lf_acquire");
		atomic_store(&shared->holds, 1);
		must(read(end_pipe, &byte, 1) == 1, "read");
		end(lock);
		_exit(0);
	}
	while (atomic_load(&shared->holds) == 0)
		usleep(100);
	return pid;
}

static void start_waiter(int number)
{
	struct lf_lock *lock;
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (pid > 0)
		return;
	must(lf_acquire(&lock, "lock", LF_FOREVER, 0) == 0, "lf_acquire");
	shared->order[atomic_fetch_add(&shared->served, 1)] = number;
	must(lf_release(&lock) == 0, "lf_release");
	_exit(0);
}

/* Waiters with a PID, as they are reported now; -1: none is held any more. */
static int named(void)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	int count = 0;

	if (lf_inspect("lock", &report) < 0)
		return -1;
	while ((entry = lf_report_next(report, entry)) != NULL)
		count += lf_entry_waits(entry) && lf_entry_pid(entry) > 0;
	lf_report_free(report);
	return count;
}

struct result {
	int runs_out_of_order, displaced, nameless;
};

static void run(void (*end)(struct lf_lock *), int most,
		struct result *result)
{
	int end_pipe[2], displaced = 0, seen, left;

	atomic_store(&shared->holds, 0);
	atomic_store(&shared->served, 0);
	must(pipe(end_pipe) == 0, "pipe");
	start_holder(end, end_pipe[0]);
	for (int i = 0; i < most; i++) {
		start_waiter(i);
		must(waiters_reach("lock", i + 1), "a waiter");
	}
	must(write(end_pipe[1], "", 1) == 1, "write");
	seen = named();
	left = most - atomic_load(&shared->served);
	if (seen >= 0 && seen < left - 1)
		result->nameless++;
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < most; i++)
		if (shared->order[i] > i && shared->order[i] - i > displaced)
			displaced = shared->order[i] - i;
	for (int i = 1; i < most; i++)
		if (shared->order[i] < shared->order[i - 1]) {
			result->runs_out_of_order++;
			break;
		}
	if (displaced > result->displaced)
		result->displaced = displaced;
	close(end_pipe[0]);
	close(end_pipe[1]);
}

int main(int argc, char **argv)
{
	int runs = argc > 1 ? atoi(argv[1]) : 40;
	int most = argc > 2 ? atoi(argv[2]) : 20;

	must(mkdtemp(directory) && chdir(directory) == 0, directory);
	must(most > 0 && most <= MOST_WAITERS, "waiters");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED, "mmap");
	printf("%d runs each, %d waiters\n\n", runs, most);
	printf("%-36s %12s %12s %12s\n", "the holder ...", "out of order",
	       "displaced by", "nameless");
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct result result = { 0 };

		for (int n = 0; n < runs; n++)
			run(ends[i].end, most, &result);
		printf("%-36s %12d %12d %12d\n", ends[i].name,
		       result.runs_out_of_order, result.displaced,
		       result.nameless);
		fflush(stdout);
	}
	must(chdir("/") == 0 && rmdir(directory) == 0, directory);
	return 0;
}
