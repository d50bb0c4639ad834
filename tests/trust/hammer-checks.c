/* SPDX-License-Identifier: 0BSD */
/* What lf_inspect() and lf-check report, against what the slots show. */
#include "config.h"

#include "hammer.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Before the question. */
struct view {
	unsigned changes[SLOTS], uses[SLOTS], kills[PROCESSES];
	size_t holder; /* alone, or SLOTS */
};

static bool holds_alone(size_t slot, int lock)
{
	return atomic_load(&arena->slots[slot].holds) == lock + 1 &&
	       !atomic_load(&arena->is_dying[process_of(slot)]);
}

static void look(struct view *view, int lock)
{
	for (int i = 0; i < PROCESSES; i++)
		view->kills[i] = atomic_load(&arena->kills[i]);
	view->holder = SLOTS;
	for (size_t i = 0; i < SLOTS; i++) {
		view->changes[i] = atomic_load(&arena->slots[i].changes);
		view->uses[i] = atomic_load(&arena->slots[i].uses);
		if (holds_alone(i, lock))
			view->holder = i;
	}
}

/* Whether one slot held the lock all the time, and nobody else could. */
static bool has_one_holder(const struct view *view, int lock)
{
	size_t i = view->holder;

	return i < SLOTS && holds_alone(i, lock) &&
	       atomic_load(&arena->slots[i].changes) == view->changes[i];
}

/*
 * A child inherits all locks of the process: it is a holder of each, and the only
 * one if the process is killed.  A parent is reported until it releases a lock
 * that its child has adopted.
 */
static bool is_of(int process, pid_t pid)
{
	if (getpgid(pid) == atomic_load(&arena->groups[process]))
		return true;
	for (size_t i = 0; i < SLOTS; i++)
		if (process_of(i) == process &&
		    (atomic_load(&arena->slots[i].pid) == pid ||
		     atomic_load(&arena->slots[i].was) == pid))
			return true;
	return false;
}

/* A child changes its slot so often; more may be two of them. */
#define CHANGES_OF_CHILD 6

/* Whether the slot did anything with the lock since then, or it is unclear. */
static bool used(const struct view *view, size_t i, int lock, pid_t pid)
{
	const struct slot *slot = &arena->slots[i];
	unsigned uses = view->uses[i] | atomic_load(&slot->uses);
	unsigned changes = atomic_load(&slot->changes) - view->changes[i];
	unsigned kills = atomic_load(&arena->kills[process_of(i)]) -
			 view->kills[process_of(i)];

	if (kills > 1 || (i >= THREAD_SLOTS && changes > CHANGES_OF_CHILD))
		return true;
	return (changes > 0 || uses & 1u << lock) && is_of(process_of(i), pid);
}

static bool was_used(const struct view *view, int lock, pid_t pid)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (used(view, i, lock, pid))
			return true;
	/* A child that ended before it noted its PID. */
	return kill(pid, 0) < 0 && errno == ESRCH;
}

static void check_holder(const struct view *view, int lock, pid_t pid,
			 const char *source)
{
	if (has_one_holder(view, lock)) {
		atomic_fetch_add(&arena->proved, 1);
		if (!is_of(process_of(view->holder), pid) &&
		    has_one_holder(view, lock))
			wrong("%s: %s names PID %d; the holder is %d",
			      paths[lock], source, pid,
			      atomic_load(&arena->slots[view->holder].pid));
	} else if (!was_used(view, lock, pid)) {
		wrong("%s: %s names PID %d, which does not use it", paths[lock],
		      source, pid);
	}
	atomic_fetch_add(&arena->checked, 1);
}

static void inspect(int lock)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	struct view view;
	bool held_by_one;
	int rc;

	look(&view, lock);
	rc = lf_inspect(paths[lock], &report);
	held_by_one = has_one_holder(&view, lock);
	if (rc < 0)
		wrong("lf_inspect: %s: %s", paths[lock], lf_strerror(rc));
	else if (rc == 0 && held_by_one)
		wrong("lf_inspect: %s: free, and PID %d holds it", paths[lock],
		      atomic_load(&arena->slots[view.holder].pid));
	while ((entry = lf_report_next(report, entry)) != NULL)
		if (!lf_entry_waits(entry) && lf_entry_pid(entry) > 0 &&
		    lf_entry_type(entry) != LF_TYPE_FLOCK)
			check_holder(&view, lock, lf_entry_pid(entry),
				     "lf_inspect");
	lf_report_free(report);
}

/* Its standard output is ANSWER; the exit status is returned. */
static int run_lf_check(const char *lf_check, const char *path, char *answer,
			size_t size)
{
	char *const command[] = { (char *)(uintptr_t)"lf-check",
				  (char *)(uintptr_t)"-p",
				  (char *)(uintptr_t)path, NULL };
	posix_spawn_file_actions_t actions;
	int fd[2], status = -1;
	size_t length = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd[1], STDOUT_FILENO);
	if (posix_spawn(&pid, lf_check, &actions, NULL, command, environ) != 0)
		abort();
	posix_spawn_file_actions_destroy(&actions);
	close(fd[1]);
	while (length < size - 1 &&
	       (n = read(fd[0], answer + length, size - 1 - length)) > 0)
		length += (size_t)n;
	answer[length] = '\0';
	close(fd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void ask_lf_check(const char *lf_check, int lock)
{
	struct view view;
	char answer[4096], *end;
	bool held_by_one;
	int status;
	long pid;

	look(&view, lock);
	status = run_lf_check(lf_check, paths[lock], answer, sizeof(answer));
	held_by_one = has_one_holder(&view, lock);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		wrong("lf-check: %s: status %x", paths[lock], (unsigned)status);
	else if (WEXITSTATUS(status) == 1 && held_by_one)
		wrong("lf-check: %s: free, and PID %d holds it", paths[lock],
		      atomic_load(&arena->slots[view.holder].pid));
	for (char *next = answer; (pid = strtol(next, &end, 10)) > 0;
	     next = end)
		check_holder(&view, lock, (pid_t)pid, "lf-check");
}

void check_reports(const char *lf_check)
{
	static const int asked[] = { PLAIN, PIDS, FIRST, PLAIN, SECOND };
	unsigned n = 0;

	while (!atomic_load(&arena->over)) {
		int lock = asked[n++ % 5];

		if (lf_check && n % 8 == 0)
			ask_lf_check(lf_check, lock);
		else
			inspect(lock);
	}
}
