/* SPDX-License-Identifier: 0BSD */
/*
 * The cost of an inspection, counted in system calls: each file, process and
 * descriptor costs the same, however many of the others there are.
 */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include "faulty.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The list of their locks takes more than a page. */
#define FEW 120
#define TRIES 20

static const char *paths[2 * FEW];
static struct lf_report *reports[2 * FEW];

static int name_files(void **state)
{
	int rc = enter_directory(state);

	for (int i = 0; i < 2 * FEW && rc == 0; i++)
		paths[i] = strdup(numbered(i));
	return rc;
}

static int free_names(void **state)
{
	for (int i = 0; i < 2 * FEW; i++)
		free((void *)(uintptr_t)paths[i]);
	return leave_directory(state);
}

/* More than are watched at the same time; each may be a waiter at first sight. */
#define DOUBTFUL 70

static int lock_first_bytes(void *unused)
{
	struct flock byte = { .l_type = F_WRLCK, .l_len = 1 };

	(void)unused;
	for (int i = 0; i < DOUBTFUL; i++) {
		int fd = (openat)(AT_FDCWD, paths[i], O_CREAT | O_RDWR, 0666);

		demand(fd >= 0 && (fcntl)(fd, F_SETLK, &byte) == 0);
	}
	return 0;
}

TEST_BETWEEN(many_locks_that_have_to_last_are_all_found, name_files, free_names)
{
	pid_t pid;

	needs_proc_with_locks();
	needs_holders_with_names();
	pid = holder_new(lock_first_bytes, NULL);
	assert_int_equal(lf_inspect_all(reports, paths, DOUBTFUL), 1);
	for (int i = 0; i < DOUBTFUL; i++) {
		const struct lf_entry *entry = lf_report_next(reports[i], NULL);

		assert_int_equal(lf_report_status(reports[i]), 1);
		assert_non_null(entry);
		assert_int_equal(lf_entry_pid(entry), pid);
		lf_report_free(reports[i]);
	}
	assert_kill(pid);
}

struct part {
	size_t count;
	bool tagged; /* or not: another close of the file has dropped the tag */
};

static int take_files(void *argument)
{
	const struct part *part = argument;
	struct lf_lock *lock;

	for (size_t i = 0; i < part->count; i++) {
		demand(lf_acquire(&lock, paths[i], 0, LF_KEEP) == 0);
		if (!part->tagged)
			close((openat)(AT_FDCWD, paths[i], O_RDONLY));
	}
	return 0;
}

/* The calls for the first COUNT files, all held by PID; 0: it is not complete. */
static int calls_once(enum faulty call, size_t count, pid_t pid)
{
	bool complete = true;
	int calls;

	faulty_set(call, INT_MAX, false, EIO);
	assert_int_equal(lf_inspect_all(reports, paths, count), 1);
	calls = faulty_calls();
	faulty_clear();
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(lf_report_status(reports[i]), 1);
		complete &= lf_entry_pid(lf_report_next(reports[i], NULL)) == pid;
		lf_report_free(reports[i]);
	}
	return complete ? calls : 0;
}

/*
 * The fewest: the kernel's list may miss a line, and a file is asked again.  The
 * longer list does more often, so twice as many files may cost 2.5 times as much; if
 * each cost more, it would be 4 times.
 */
static int calls_for(enum faulty call, size_t count, pid_t pid)
{
	int fewest = INT_MAX;

	for (int i = 0; i < TRIES; i++) {
		int calls = calls_once(call, count, pid);

		if (calls > 0 && calls < fewest)
			fewest = calls;
	}
	assert_true(fewest < INT_MAX);
	return fewest;
}

/* The same for as many files, which one process has taken. */
static int calls_with_holder(enum faulty call, struct part part)
{
	pid_t pid = holder_new(take_files, &part);
	int calls = calls_for(call, part.count, pid);

	assert_kill(pid);
	return calls;
}

TEST_BETWEEN(many_files_of_one_process_cost_no_more_each, name_files, free_names)
{
	static const enum faulty each[] = { OPENAT, READ, STATX, FSTAT };
	const struct part few = { FEW, true }, many = { 2 * FEW, true };

	needs_proc_with_locks();
	needs_holders_with_names();
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		assert_true(2 * calls_with_holder(each[i], many) <=
			    5 * calls_with_holder(each[i], few));
	/* Its descriptors are listed once, and those of no other process. */
	assert_int_equal(calls_with_holder(FDOPENDIR, few), 1);
	assert_int_equal(calls_with_holder(FDOPENDIR, many), 1);
}

/* The processes are listed once, however many holders have to be found so. */
TEST_BETWEEN(many_holders_without_a_tag_are_found_together, name_files, free_names)
{
	const struct part few = { FEW, false }, many = { 2 * FEW, false };

	needs_proc_with_locks();
	needs_locks_of_descriptions();
	assert_int_equal(calls_with_holder(OPENDIR, few), 1);
	assert_int_equal(calls_with_holder(OPENDIR, many), 1);
}

TEST(each_process_in_a_queue_is_read_once)
{
	enum { WAITERS = 10 };
	pid_t pid, waiting[WAITERS];

	needs_proc_with_locks();
	needs_holders_with_names();
	pid = holder_new(take, NULL);
	for (int i = 0; i < WAITERS; i++)
		waiting[i] = waiter_new(LF_KEEP);
	paths[0] = lock_path;
	assert_int_equal(calls_for(FDOPENDIR, 1, pid), 1 + WAITERS);
	for (int i = WAITERS; i-- > 0;)
		assert_kill(waiting[i]);
	assert_kill(pid);
}

/* --- A long queue, while others lock other files and change the list */

#define QUEUE 150
#define OTHERS 20
#define REPORTS 30
#define MOST_REPORTS 3000 /* until one is whole at once */

static int lock_other_files(void *unused)
{
	int fds[OTHERS];

	(void)unused;
	for (int i = 0; i < OTHERS; i++) {
		fds[i] = (openat)(AT_FDCWD, numbered(i), O_RDWR | O_CREAT, 0666);
		demand(fds[i] >= 0);
	}
	for (short type = F_WRLCK;;
	     type = type == F_WRLCK ? F_UNLCK : F_WRLCK)
		for (int i = 0; i < OTHERS; i++)
			(fcntl)(fds[i], F_SETLK,
				&(struct flock){ .l_type = type });
}

/*
 * Whether it shows all waiters, or says that it may not; it never shows presence.
 * Stores how often a process was read: once each, but again if the list was torn
 * before.
 */
static bool reports_queue(pid_t holder, int *reads)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	int waiting = 0;
	bool is_whole;

	faulty_set(FDOPENDIR, INT_MAX, false, EIO);
	assert_int_equal(lf_inspect(lock_path, &report), 1);
	*reads = faulty_calls();
	faulty_clear();
	while ((entry = lf_report_next(report, entry)) != NULL) {
		assert_int_not_equal(lf_entry_type(entry), LF_TYPE_FLOCK);
		waiting += lf_entry_waits(entry);
		if (!lf_entry_waits(entry))
			assert_int_equal(lf_entry_pid(entry), holder);
	}
	is_whole = !lf_report_partial(report);
	assert_true(waiting == QUEUE || !is_whole);
	assert_int_equal(lf_report_flock(report), 0);
	lf_report_free(report);
	return is_whole;
}

TEST(a_long_queue_is_reported_while_the_list_changes)
{
	pid_t holder, others, waiting[QUEUE];
	int reads, fewest = INT_MAX;

	needs_proc_with_locks();
	needs_locks_of_descriptions();
	holder = holder_new(take, NULL);
	for (int i = 0; i < QUEUE; i++)
		waiting[i] = waiter_new(0);
	others = child_start(lock_other_files, NULL);
	/* A list that changes all the time may be torn many times. */
	for (int i = 0; i < REPORTS || (fewest > 1 + QUEUE && i < MOST_REPORTS); i++)
		if (reports_queue(holder, &reads))
			fewest = reads < fewest ? reads : fewest;
	assert_true(fewest <= 1 + QUEUE);
	assert_kill(others);
	for (int i = QUEUE; i-- > 0;)
		assert_kill(waiting[i]);
	assert_kill(holder);
}

/* Nor is any asked whether it is the holder, if that is not wanted. */
TEST(whether_a_file_is_held_is_asked_of_the_file_alone)
{
	pid_t pid = holder_new(take, NULL);

	faulty_set(FDOPENDIR, INT_MAX, false, EIO);
	assert_int_equal(lf_check(lock_path, NULL), 1);
	assert_int_equal(faulty_calls(), 0);
	faulty_clear();
	assert_kill(pid);
}
