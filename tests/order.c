/* SPDX-License-Identifier: 0BSD */
/*
 * order [RUNS [WAITERS [BUSY]]] - whether waiters keep their order and their names
 * when the holder does not simply release the lock, beside BUSY other processes,
 * each of which uses a processor
 *
 * order looks LOOKS - what lf_inspect() reports of four processes that take turns
 *
 * In each run waiters queue one after another behind a holder, which then ends in
 * one of several ways.  A run is out of order if a waiter gets the lock before one
 * that came earlier.  A waiter is nameless if lf_inspect() shows it without a PID
 * or not at all, right after the end.
 *
 * A look is wrong if it shows two holders, as the lock is exclusive; a lock of
 * flock(2), as there are only marks; or a holder that did not have the lock.
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
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_WAITERS 1000
#define MOST_BUSY 100
#define KEEP_ALL (~0u)
#define PLAYERS 4
#define MOST_TURNS (1 << 24)

static struct shared {
	atomic_int holds, served;
	int order[MOST_WAITERS];
	int waiters;
	pid_t first; /* of them */
	atomic_int turns; /* of PLAYERS */
	unsigned char player[MOST_TURNS];
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

static bool is_in_state(pid_t pid, char state)
{
	char path[64], found = '\0';
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	stat = fopen(path, "r");
	if (stat && fscanf(stat, "%*d %*s %c", &found) != 1)
		found = '\0';
	if (stat)
		fclose(stat);
	return found == state;
}

static void end_without_tag(struct lf_lock *lock)
{
	close(open(lf_path(lock), O_RDONLY)); /* drops the tag */
	must(lf_release(&lock) == 0, "lf_release");
}

/* As Ctrl-Z and fg(1) do. */
static void end_by_release_after_stop(struct lf_lock *lock)
{
	kill(shared->first, SIGSTOP);
	while (!is_in_state(shared->first, 'T'))
		usleep(100);
	kill(shared->first, SIGCONT);
	must(waiters_reach("lock", shared->waiters), "a waiter");
	end_by_release(lock);
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
	unsigned flags; /* of every second waiter */
} ends[] = {
	{ "releases", end_by_release, 0 },
	{ "exits while it holds", end_by_exit, 0 },
	{ "is killed", end_by_kill, 0 },
	{ "has lost its tag", end_without_tag, 0 },
	{ "is killed, a child keeps the lock", end_by_kill_with_child, 0 },
	{ "releases, some waiters keep the file", end_by_release, LF_KEEP },
	{ "releases, all waiters keep the file", end_by_release, KEEP_ALL },
	{ "releases, one waiter was stopped", end_by_release_after_stop, 0 },
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

static void start_waiter(int number, unsigned flags)
{
	struct lf_lock *lock;
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (pid > 0) {
		if (number == 0)
			shared->first = pid;
		return;
	}
	if (flags != 0 && (flags == KEEP_ALL || number % 2))
		flags = LF_KEEP;
	else
		flags = 0;
	must(lf_acquire(&lock, "lock", LF_FOREVER, flags) == 0, "lf_acquire");
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

static void run(void (*end)(struct lf_lock *), unsigned flags, int most,
		struct result *result)
{
	int end_pipe[2], displaced = 0, seen, left;

	atomic_store(&shared->holds, 0);
	atomic_store(&shared->served, 0);
	must(pipe(end_pipe) == 0, "pipe");
	shared->waiters = most;
	start_holder(end, end_pipe[0]);
	for (int i = 0; i < most; i++) {
		start_waiter(i, flags);
		must(waiters_reach("lock", i + 1), "a waiter");
	}
	must(write(end_pipe[1], "", 1) == 1, "write");
	seen = named();
	left = most - atomic_load(&shared->served);
	if (seen >= 0 && seen < left - 1)
		result->nameless++;
	for (int i = 0; i < most + 1; i++)
		must(wait(NULL) > 0, "wait");
	unlink("lock");
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

/* ---- Looks at processes that take turns */

static void play(unsigned char number, pid_t parent)
{
	struct lf_lock *lock;

	while (getppid() == parent) {
		must(lf_acquire(&lock, "lock", LF_FOREVER, 0) == 0,
		     "lf_acquire");
		must(shared->turns + 1 < MOST_TURNS, "turns");
		shared->player[shared->turns + 1] = number;
		atomic_fetch_add(&shared->turns, 1);
		must(lf_release(&lock) == 0, "lf_release");
	}
}

/* Whether it had one of these turns, or the one after, which had begun. */
static bool had_a_turn(const pid_t *players, pid_t pid, int first, int last)
{
	while (atomic_load(&shared->turns) <= last)
		usleep(100);
	for (int turn = first; turn <= last + 1; turn++)
		if (players[shared->player[turn]] == pid)
			return true;
	return false;
}

static void look(const pid_t *players, int *flocks, int *holders, int *wrong)
{
	int first = atomic_load(&shared->turns), last, rc, found = 0;
	const struct lf_entry *entry = NULL;
	struct lf_report *report;

	rc = lf_inspect("lock", &report);
	last = atomic_load(&shared->turns);
	must(rc >= 0, "lf_inspect");
	*flocks += lf_report_flock(report) > 0;
	while ((entry = lf_report_next(report, entry)) != NULL) {
		if (lf_entry_waits(entry) ||
		    lf_entry_type(entry) == LF_TYPE_FLOCK)
			continue;
		found++;
		*wrong += lf_entry_pid(entry) != 0 &&
			  !had_a_turn(players, lf_entry_pid(entry), first,
				      last);
	}
	*holders += found > 1;
	lf_report_free(report);
}

static void look_at_turns(int looks)
{
	int flocks = 0, holders = 0, wrong = 0;
	pid_t players[PLAYERS], parent = getpid();

	for (int i = 0; i < PLAYERS; i++) {
		players[i] = fork();
		must(players[i] >= 0, "fork");
		if (players[i] == 0) {
			play((unsigned char)i, parent);
			_exit(0);
		}
	}
	while (atomic_load(&shared->turns) == 0)
		usleep(100);
	for (int i = 0; i < looks; i++)
		look(players, &flocks, &holders, &wrong);
	for (int i = 0; i < PLAYERS; i++)
		kill(players[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	unlink("lock");
	printf("%d looks: a mark as a lock of flock(2) %d, two holders %d, a "
	       "wrong holder %d\n", looks, flocks, holders, wrong);
}

/* ---- */

static void measure_ends(int runs, int most)
{
	printf("%d runs each, %d waiters\n\n", runs, most);
	printf("%-38s %12s %12s %12s\n", "the holder ...", "out of order",
	       "displaced by", "nameless");
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct result result = { 0 };

		for (int n = 0; n < runs; n++)
			run(ends[i].end, ends[i].flags, most, &result);
		printf("%-38s %12d %12d %12d\n", ends[i].name,
		       result.runs_out_of_order, result.displaced,
		       result.nameless);
		fflush(stdout);
	}
}

static void start_busy(pid_t *busy, int count)
{
	for (int i = 0; i < count; i++) {
		busy[i] = fork();
		must(busy[i] >= 0, "fork");
		while (busy[i] == 0)
			atomic_signal_fence(memory_order_seq_cst);
	}
}

static void end_busy(const pid_t *busy, int count)
{
	for (int i = 0; i < count; i++) {
		kill(busy[i], SIGKILL);
		waitpid(busy[i], NULL, 0);
	}
}

int main(int argc, char **argv)
{
	bool looks = argc > 2 && strcmp(argv[1], "looks") == 0;
	int runs = argc > 1 ? atoi(argv[1]) : 40;
	int most = argc > 2 ? atoi(argv[2]) : 20;
	int busy_count = argc > 3 ? atoi(argv[3]) : 0;
	pid_t busy[MOST_BUSY];

	must(mkdtemp(directory) && chdir(directory) == 0, directory);
	must(looks || (most > 0 && most <= MOST_WAITERS), "waiters");
	must(busy_count >= 0 && busy_count <= MOST_BUSY, "busy processes");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED, "mmap");
	start_busy(busy, busy_count);
	if (looks)
		look_at_turns(most);
	else
		measure_ends(runs, most);
	end_busy(busy, busy_count);
	must(chdir("/") == 0 && rmdir(directory) == 0, directory);
	return 0;
}
