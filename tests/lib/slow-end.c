/* SPDX-License-Identifier: 0BSD */
/*
 * A holder that ends without a release, and slowly, as on a busy machine: the kernel
 * drops its tag first, then closes thousands of other files, and drops the body last.
 */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* To close so many takes 10 to 50 ms, where a waiter has a patience of 2 ms. */
#define FEWEST_FILES 15000
#define MOST_FILES 50000

enum end { KILLED, EXITS, EXITS_BY_THREAD };

struct holder {
	enum end end;
	struct gate holds, may_end;
};

static void *exit_all(void *end)
{
	gate_pass(*(struct gate *)end);
	_exit(0);
}

/* That of main() ends now, and is a zombie while the other one closes the files. */
static void end_by_thread(struct gate *may_end)
{
	pthread_t thread;

	pthread_create(&thread, NULL, exit_all, may_end);
	syscall(SYS_exit, 0); /* pthread_exit(3) may need a descriptor */
}

/* Returns how many are open. */
static int open_many(void)
{
	struct rlimit limit;
	int count = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	while (count < MOST_FILES && open("/dev/null", O_RDONLY) >= 0)
		count++;
	return count;
}

static int hold_and_end(void *argument)
{
	struct holder *holder = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, LF_KEEP) == 0);
	demand(open_many() >= FEWEST_FILES);
	gate_open(holder->holds);
	if (holder->end == EXITS_BY_THREAD)
		end_by_thread(&holder->may_end);
	gate_pass(holder->may_end);
	if (holder->end == KILLED)
		raise(SIGKILL);
	_exit(0);
}

/* The first of them holds, the other waits under its name. */
static void check_queue(enum end end)
{
	struct holder holder = { end, gate_new(), gate_new() };
	struct actor *second, *third;
	pid_t first;

	first = child_start(hold_and_end, &holder);
	gate_pass(holder.holds);
	second = actor_waiter(LF_FOREVER, LF_KEEP, 1);
	third = actor_waiter(LF_FOREVER, LF_KEEP, 2);
	gate_open(holder.may_end);
	assert_int_equal(actor_result(second), 0);
	assert_int_equal(child_finish(first), end == KILLED ? -SIGKILL : 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_true(is_waiter(lock_path, actor_pid(third)));
	actor_release(second);
	assert_int_equal(actor_result(third), 0);
	actor_release(third);
	gate_free(holder.holds);
	gate_free(holder.may_end);
}

static int try_to_open_many(void *unused)
{
	(void)unused;
	return open_many() < FEWEST_FILES;
}

#define needs_a_slow_end() \
	do { \
		needs_locks_of_descriptions(); \
		needs_known_file_systems(); \
		needs(child_run(try_to_open_many, NULL) == 0, \
		      "a higher limit of open files"); \
	} while (0)

TEST(the_queue_stays_in_place_while_a_killed_holder_closes_files)
{
	needs_a_slow_end();
	check_queue(KILLED);
}

TEST(the_queue_stays_in_place_while_a_holder_exits)
{
	needs_a_slow_end();
	check_queue(EXITS);
}

TEST(the_queue_stays_in_place_while_the_last_thread_of_a_holder_exits)
{
	needs_a_slow_end();
	check_queue(EXITS_BY_THREAD);
}

/* It gives up in time, and neither leaves a lock. */
TEST(a_bound_ends_the_wait_for_a_holder_that_ends)
{
	struct holder holder;
	struct actor *second;
	pid_t first;

	needs_a_slow_end();
	holder = (struct holder){ KILLED, gate_new(), gate_new() };
	first = child_start(hold_and_end, &holder);
	gate_pass(holder.holds);
	second = actor_process();
	actor_must(second, START, 0, LF_KEEP);
	assert_true(waiters_reach(lock_path, 1));
	gate_open(holder.may_end);
	actor_must(second, RELEASE, 0, 0);
	assert_int_equal(child_finish(first), -SIGKILL);
	assert_free(lock_path);
	actor_end(second);
	gate_free(holder.holds);
	gate_free(holder.may_end);
}
