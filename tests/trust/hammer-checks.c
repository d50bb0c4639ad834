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

/* --- What each PID uses */

static bool is_known(pid_t pid)
{
	return pid > 0 && pid < PID_LIMIT;
}

static void store_greater(atomic_uint *last, unsigned question)
{
	unsigned before = atomic_load(last);

	while (before < question &&
	       !atomic_compare_exchange_weak(last, &before, question))
		;
}

/* The COMMAND of lf-acquire -F has the PID of lf-acquire. */
void note_process(pid_t pid, int process)
{
	unsigned kills = atomic_load(&arena->kills[process]);
	unsigned owner = kills << 8 | (unsigned)(process + 1);

	if (!is_known(pid) || atomic_load(&arena->pids[pid].owner) == owner)
		return;
	for (int i = 0; i < LOCKS; i++)
		atomic_store(&arena->pids[pid].uses[i], 0);
	atomic_store(&arena->pids[pid].owner, owner);
}

void note_use(pid_t pid, unsigned locks)
{
	for (int i = 0; i < LOCKS && is_known(pid); i++)
		if (locks & 1u << i)
			atomic_fetch_add(&arena->pids[pid].uses[i], 1);
}

void note_end_of_use(pid_t pid, unsigned locks)
{
	unsigned question = atomic_load(&arena->questions);

	for (int i = 0; i < LOCKS && is_known(pid); i++) {
		if (!(locks & 1u << i))
			continue;
		store_greater(&arena->pids[pid].last[i], question);
		atomic_fetch_sub(&arena->pids[pid].uses[i], 1);
	}
}

void note_end(pid_t pid)
{
	unsigned question = atomic_load(&arena->questions);

	for (int i = 0; i < LOCKS && is_known(pid); i++) {
		if (atomic_load(&arena->pids[pid].uses[i]) == 0)
			continue;
		store_greater(&arena->pids[pid].last[i], question);
		atomic_store(&arena->pids[pid].uses[i], 0);
	}
}

/* Whether it does now, or has done since the question was asked. */
static bool has_used(pid_t pid, int lock, unsigned question)
{
	return is_known(pid) &&
	       (atomic_load(&arena->pids[pid].uses[lock]) > 0 ||
		atomic_load(&arena->pids[pid].last[lock]) >= question);
}

/* A child inherits all locks of the process: it is a holder of each until it ends,
   and the only one if the process is killed. */
void note_child(int process, pid_t parent, unsigned question)
{
	note_process(getpid(), process);
	for (int i = 0; i < LOCKS; i++)
		if (has_used(parent, i, question))
			note_use(getpid(), 1u << i);
}

/* --- What the slots show, before the question and after it */

struct view {
	unsigned changes, kills[PROCESSES], question;
	size_t holder; /* alone, or SLOTS */
};

static bool holds_alone(size_t slot, int lock)
{
	return atomic_load(&arena->slots[slot].holds) == lock + 1 &&
	       !atomic_load(&arena->is_dying[process_of(slot)]);
}

static void look(struct view *view, int lock)
{
	view->question = atomic_fetch_add(&arena->questions, 1) + 1;
	for (int i = 0; i < PROCESSES; i++)
		view->kills[i] = atomic_load(&arena->kills[i]);
	view->holder = SLOTS;
	for (size_t i = 0; i < SLOTS; i++) {
		unsigned changes = atomic_load(&arena->slots[i].changes);

		if (!holds_alone(i, lock))
			continue;
		view->holder = i;
		view->changes = changes;
	}
}

/* Whether one slot held the lock all the time, and nobody else could. */
static bool has_one_holder(const struct view *view, int lock)
{
	size_t i = view->holder;

	return i < SLOTS && can_be_judged(lock) && holds_alone(i, lock) &&
	       atomic_load(&arena->slots[i].changes) == view->changes;
}

/* --- Whose a PID is */

enum { NOBODY = -1, UNCLEAR = -2 };

/* The process to which this one belongs as long as it is there, or NOBODY. */
static int group_of(pid_t pid)
{
	pid_t group = getpgid(pid);

	for (int i = 0; i < PROCESSES; i++)
		if (group > 0 && group == atomic_load(&arena->groups[i]))
			return i;
	return NOBODY;
}

static bool was_killed(const struct view *view)
{
	for (int i = 0; i < PROCESSES; i++)
		if (atomic_load(&arena->is_dying[i]) ||
		    atomic_load(&arena->kills[i]) != view->kills[i])
			return true;
	return false;
}

/*
 * The process of a PID that has used the lock since the question was asked, or
 * NOBODY.  A child is one of its process as soon as it is there, and is noted by
 * itself, a program by the process before it is reaped.  So one that is gone and
 * not noted, whose process had no time for it, was killed: that is UNCLEAR.
 */
static int find_user(const struct view *view, int lock, pid_t pid)
{
	int process = group_of(pid);
	unsigned owner;

	if (process != NOBODY &&
	    has_used(atomic_load(&arena->groups[process]), lock, view->question))
		return process;
	owner = is_known(pid) ? atomic_load(&arena->pids[pid].owner) : 0;
	process = (int)(owner & 0xff) - 1;
	/* Those that were killed before have no locks; the number is used again. */
	if (owner == 0 || owner >> 8 < view->kills[process])
		return kill(pid, 0) < 0 && errno == ESRCH && was_killed(view) ?
			       UNCLEAR :
			       NOBODY;
	return has_used(pid, lock, view->question) ? process : NOBODY;
}

static void check_holder(const struct view *view, int lock, pid_t pid,
			 const char *source, enum kind kind)
{
	bool is_certain = can_be_proved(lock) && has_one_holder(view, lock);
	int process = find_user(view, lock, pid);

	happens(kind);
	if (is_certain)
		happens(kind == NAMED ? NAMED_PROVED : PRINTED_PROVED);
	if (process == UNCLEAR)
		atomic_fetch_add(&arena->unclear, 1);
	else if (process == NOBODY)
		wrong("%s: %s names PID %d, which does not use it", paths[lock],
		      source, pid);
	else if (is_certain && process != process_of(view->holder) &&
		 has_one_holder(view, lock))
		wrong("%s: %s names PID %d; the holder is %d", paths[lock],
		      source, pid,
		      atomic_load(&arena->slots[view->holder].pid));
}

/* --- The questions */

static bool is_locked(int lock, int rc, const struct lf_report *report)
{
	return rc != 0 || (lock == FLOCKS && lf_report_flock(report) != 0);
}

/* Those waiting for a file that will be removed have a lock of flock(2). */
static bool is_holder(int lock, const struct lf_entry *entry)
{
	return !lf_entry_waits(entry) && lf_entry_pid(entry) > 0 &&
	       (lock == FLOCKS || lf_entry_type(entry) != LF_TYPE_FLOCK);
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
	else if (!is_locked(lock, rc, report) && held_by_one)
		wrong("lf_inspect: %s: free, and PID %d holds it", paths[lock],
		      atomic_load(&arena->slots[view.holder].pid));
	while ((entry = lf_report_next(report, entry)) != NULL)
		if (is_holder(lock, entry))
			check_holder(&view, lock, lf_entry_pid(entry),
				     "lf_inspect", NAMED);
	lf_report_free(report);
}

/* What it prints is ANSWER; the exit status is returned. */
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
	posix_spawn_file_actions_adddup2(&actions, fd[1], STDERR_FILENO);
	if (posix_spawnp(&pid, lf_check, &actions, NULL, command, environ) != 0)
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

/* On a very busy machine: it ends itself after half a minute, too. */
static bool has_no_answer(int status, const char *answer)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGALRM;
	return WEXITSTATUS(status) == 2 &&
	       strstr(answer, "whether flock(2) holds it is unknown: ");
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
	happens(ASKED);
	if (has_no_answer(status, answer))
		happens(UNANSWERED);
	else if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		wrong("lf-check: %s: status %x: %s", paths[lock],
		      (unsigned)status, answer);
	else if (WEXITSTATUS(status) == 1 && held_by_one)
		wrong("lf-check: %s: free, and PID %d holds it", paths[lock],
		      atomic_load(&arena->slots[view.holder].pid));
	for (char *next = answer; (pid = strtol(next, &end, 10)) > 0;
	     next = end)
		check_holder(&view, lock, (pid_t)pid, "lf-check", PRINTED);
}

/* Of each file in turn, and of those whose holder wants it. */
void check_reports(const char *lf_check)
{
	unsigned n = 0;

	while (!atomic_load(&arena->over)) {
		int wanted = atomic_load(&arena->wanted);
		int lock = wanted ? wanted - 1 : (int)(n % LOCKS);

		if (n++ % 3 == 0 && lf_check)
			ask_lf_check(lf_check, lock);
		else
			inspect(lock);
		if (wanted)
			atomic_compare_exchange_strong(&arena->wanted, &wanted, 0);
	}
}
