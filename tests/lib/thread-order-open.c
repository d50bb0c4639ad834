/* SPDX-License-Identifier: 0BSD */
/* What the library does not do yet; so it is in no list of tests. */
#include "config.h"

#include "seen.h"
#include "turns.h"

#define ALL 10

static int count_out_of_order(unsigned flags, bool mixed)
{
	struct turns *turns = turns_new(flags);
	struct turn turn[ALL];
	int wrong = 0;

	for (int i = 0; i < ALL; i++)
		turn_begin(turns, &turn[i], i, mixed ? i % 2 : i == 1);
	for (int i = 1; i < ALL; i++)
		wrong += turn_next(turns) != i;
	turns_end(turns, turn, ALL);
	return wrong;
}

static int count_all(unsigned flags, bool mixed)
{
	int wrong = 0;

	for (int round = rounds(20); round > 0; round--)
		wrong += count_out_of_order(flags, mixed);
	print_message("# flags %u%s: %d of %d out of order\n", flags,
		      mixed ? ", mixed" : "", wrong, rounds(20) * (ALL - 1));
	return wrong;
}

TEST(threads_are_served_in_order)
{
	int wrong;

	needs_locks_of_descriptions();
	wrong = count_all(LF_KEEP, false);
	wrong += count_all(in_order(), false);
	wrong += count_all(LF_KEEP, true);
	wrong += count_all(in_order(), true);
	assert_int_equal(wrong, 0);
}

static bool is_named(pid_t pid)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "1; %ld %s", (long)pid, by_us());
	for (int look = 0; look < 200 && look_again(&look);)
		if (strncmp(seen(lock_path), wanted, strlen(wanted)) == 0)
			return true;
	return false;
}

/* The tag comes from the place with a gap, in which the next in the queue gets it. */
TEST(a_thread_is_named_after_each_hand_over)
{
	int unnamed = 0;

	needs_locks_of_descriptions();
	for (int round = rounds(20); round > 0; round--) {
		struct turns *turns = turns_new(LF_KEEP);
		struct turn turn[ALL];

		for (int i = 0; i < ALL; i++)
			turn_begin(turns, &turn[i], i, i == 1);
		for (int i = 1; i < ALL; i++) {
			int number = turn_next(turns);

			unnamed += !is_named(number == 1 ? turn[1].pid :
							   getpid());
		}
		turns_end(turns, turn, ALL);
	}
	print_message("# %d of %d without a name\n", unnamed,
		      rounds(20) * (ALL - 1));
	assert_int_equal(unnamed, 0);
}
