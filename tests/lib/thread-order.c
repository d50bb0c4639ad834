/* SPDX-License-Identifier: 0BSD */
/*
 * Threads queue with other processes: the kernel would grant the tag of a process
 * to all its threads at once, ahead of a process that came before them.
 */
#include "config.h"

#include "seen.h"
#include "turns.h"

#include <fcntl.h>

#define THREADS 5
#define ALL (THREADS + 2)

/*
 * A thread of this process holds the lock, another process comes second, and then
 * more threads of the first.  Which number was served second?
 */
static int find_second(unsigned flags)
{
	struct turns *turns = turns_new(flags);
	struct turn turn[ALL];
	int second;

	for (int i = 0; i < ALL; i++)
		turn_begin(turns, &turn[i], i, i == 1);
	second = turn_next(turns);
	for (int i = 2; i < ALL; i++)
		turn_next(turns);
	turns_end(turns, turn, ALL);
	assert_int_equal(exists(lock_path), flags == LF_KEEP);
	return second;
}

TEST(a_process_is_served_before_later_threads_of_the_holder)
{
	needs_locks_of_descriptions();
	for (int round = rounds(20); round > 0; round--)
		assert_int_equal(find_second(LF_KEEP), 1);
}

TEST(a_process_is_served_before_later_threads_where_the_file_is_removed)
{
	needs_locks_of_descriptions();
	for (int round = rounds(20); round > 0; round--)
		assert_int_equal(find_second(in_order()), 1);
}

/* A line of the list: a request for byte 0 by an open file description. */
static bool waits_without_PID(void)
{
	char line[512], inode[32];
	bool waits = false;
	struct stat st;
	FILE *locks;

	assert_int_equal(stat(lock_path, &st), 0);
	snprintf(inode, sizeof(inode), ":%lu 0 0\n", (unsigned long)st.st_ino);
	locks = fopen("/proc/locks", "re");
	while (locks && !waits && fgets(line, sizeof(line), locks))
		waits = strstr(line, "-> OFDLCK ADVISORY  WRITE -1 ") &&
			strstr(line, inode);
	if (locks)
		fclose(locks);
	return waits;
}

/* Byte 0 is locked, and carries no PID. */
static int find_no_PID(void *unused)
{
	struct flock byte = { .l_type = F_WRLCK, .l_len = 1 };

	(void)unused;
	demand(fcntl(open(lock_path, O_RDWR | O_CLOEXEC), F_GETLK, &byte) == 0);
	demand(byte.l_type == F_WRLCK && byte.l_pid == -1);
	return 0;
}

/* Forked before the lock is acquired, and so without its descriptor. */
static int see_unknown_holder(void *is_held)
{
	gate_pass(*(struct gate *)is_held);
	demand(become_ordinary());
	demand(sees("1; 0 unknown ofd"));
	return 0;
}

TEST(a_thread_in_the_queue_has_no_PID_and_gets_no_tag)
{
	struct gate is_held = gate_new();
	pid_t ordinary = 0;
	struct turns *turns;
	struct turn turn[2];
	bool waits = false;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	if (geteuid() == 0)
		ordinary = child_start(see_unknown_holder, &is_held);
	turns = turns_new(LF_KEEP);
	turn_begin(turns, &turn[0], 0, false);
	turn_begin(turns, &turn[1], 1, false);
	for (int look = 0; !waits && look_again(&look);)
		waits = waits_without_PID();
	assert_true(waits);
	assert_int_equal(turn_next(turns), 1);
	assert_child(find_no_PID, NULL);
	assert_true(sees("1; %d descriptor ofd", getpid()));
	gate_open(is_held);
	if (ordinary)
		assert_finish(ordinary);
	turns_end(turns, turn, 2);
	gate_free(is_held);
}

/* None is lost, whoever comes when. */
TEST(threads_and_processes_that_queue_are_all_served)
{
	unsigned flags[] = { 0, LF_KEEP };
	struct turn turn[10];

	needs_locks_of_descriptions();
	for (int round = rounds(20); round > 0; round--) {
		struct turns *turns = turns_new(flags[round % 2]);

		for (int i = 0; i < 10; i++)
			turn_begin(turns, &turn[i], i, i % 2);
		for (int i = 1; i < 10; i++)
			turn_next(turns);
		turns_end(turns, turn, 10);
	}
	assert_free(lock_path);
}

/* --- Many */

enum { MANY = 10 };

static int count_out_of_order(unsigned flags, bool mixed)
{
	struct turns *turns = turns_new(flags);
	struct turn turn[MANY];
	int wrong = 0;

	for (int i = 0; i < MANY; i++)
		turn_begin(turns, &turn[i], i, mixed ? i % 2 : i == 1);
	for (int i = 1; i < MANY; i++)
		wrong += turn_next(turns) != i;
	turns_end(turns, turn, MANY);
	return wrong;
}

static int count_all(unsigned flags, bool mixed)
{
	int wrong = 0;

	for (int round = rounds(20); round > 0; round--)
		wrong += count_out_of_order(flags, mixed);
	return wrong;
}

/* Each is in the kernel's queue before the next one comes. */
TEST(threads_are_served_in_order)
{
	needs_locks_of_descriptions();
	assert_int_equal(count_all(LF_KEEP, false), 0);
	assert_int_equal(count_all(in_order(), false), 0);
	assert_int_equal(count_all(LF_KEEP, true), 0);
	assert_int_equal(count_all(in_order(), true), 0);
}
