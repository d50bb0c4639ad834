/* SPDX-License-Identifier: 0BSD */
/*
 * Threads queue with other processes: the kernel would grant the tag of a process
 * to all its threads at once, ahead of a process that came before them.
 */
#include "config.h"

#include "turns.h"

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
