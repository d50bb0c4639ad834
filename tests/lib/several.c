/* SPDX-License-Identifier: 0BSD */
/* lf_acquire_all(): all or none, and no order of the paths is a deadlock. */
#include "config.h"

#include "harness.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES 10

static const char *const names[FILES] = {
	"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9",
};

/* Whether it is free for another process. */
static bool is_free(const char *name)
{
	char path[8];

	snprintf(path, sizeof(path), "%s", name);
	return child_run(try_lock, path) == 0;
}

static int release_all(struct lf_lock **locks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (locks[i] && lf_release(&locks[i]) != 0)
			return -1;
	return 0;
}

TEST(all_are_held_and_then_gone)
{
	struct lf_lock *locks[FILES];
	size_t failed = 99;

	assert_int_equal(lf_acquire_all(locks, names, FILES, 0, 0, &failed), 0);
	for (size_t i = 0; i < FILES; i++) {
		assert_string_equal(lf_path(locks[i]), names[i]);
		assert_false(is_free(names[i]));
	}
	assert_int_equal(release_all(locks, FILES), 0);
	for (size_t i = 0; i < FILES; i++)
		assert_false(exists(names[i]));
}

struct hold {
	const char *path;
	struct gate held, go;
};

static int hold(void *argument)
{
	struct hold *h = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, h->path, 0, 0) == 0);
	gate_open(h->held);
	gate_pass(h->go);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(one_that_is_held_gives_none)
{
	struct lf_lock *locks[FILES];

	for (size_t i = 0; i < FILES; i += 3) {
		struct hold h = { names[i], gate_new(), gate_new() };
		pid_t pid = child_start(hold, &h);
		size_t failed = 99;

		gate_pass(h.held);
		assert_int_equal(lf_acquire_all(locks, names, FILES, 0, 0,
						&failed), -EAGAIN);
		assert_int_equal(failed, i);
		assert_int_equal(lf_acquire_all(locks, names, FILES, 20, 0,
						NULL), -ETIMEDOUT);
		for (size_t k = 0; k < FILES; k++) {
			assert_null(locks[k]);
			assert_true(exists(names[k]) == (k == i));
		}
		gate_open(h.go);
		assert_finish(pid);
		gate_free(h.held);
		gate_free(h.go);
	}
}

TEST(an_error_names_its_path_and_gives_none)
{
	const char *paths[] = { "a", "missing/b", "c", NULL };
	struct lf_lock *locks[4];
	size_t failed = 99;

	assert_int_equal(lf_acquire_all(locks, paths, 3, LF_FOREVER, 0, &failed),
			 -ENOENT);
	assert_int_equal(failed, 1);
	for (size_t i = 0; i < 3; i++)
		assert_null(locks[i]);
	assert_false(exists("a"));
	assert_false(exists("c"));
	assert_int_equal(lf_acquire_all(locks, paths, 4, 0, 0, NULL), -EINVAL);
	assert_int_equal(lf_acquire_all(locks, paths, 0, 0, 0, NULL), -EINVAL);
	assert_int_equal(lf_acquire_all(NULL, paths, 1, 0, 0, NULL), -EINVAL);
	assert_int_equal(lf_acquire_all(locks, NULL, 1, 0, 0, NULL), -EINVAL);
	assert_int_equal(lf_acquire_all(locks, paths, 1, -2, 0, NULL), -EINVAL);
	assert_int_equal(lf_acquire_all(locks, paths, 1, 0, 1u << 31, NULL),
			 -EINVAL);
}

TEST(a_file_that_is_named_twice_counts_once)
{
	const char *paths[] = { "b", "./a", "a", lock_path, "hard", "lock" };
	unsigned last = os_locks_by_lockf() ? 0 : LF_SHARED;
	struct lf_lock *locks[6];

	write_to("lock", "");
	assert_int_equal(link("lock", "hard"), 0);
	for (unsigned mode = 0; mode <= last; mode += LF_SHARED)
		for (int timeout = LF_FOREVER; timeout <= 1; timeout++) {
			int handles = 0;

			assert_int_equal(lf_acquire_all(locks, paths, 6,
							timeout,
							mode | LF_KEEP, NULL),
					 0);
			for (size_t i = 0; i < 6; i++)
				handles += locks[i] != NULL;
			assert_int_equal(handles, 3);
			assert_int_equal(release_all(locks, 6), 0);
		}
}

/* What it waits for is not the first, and it holds nothing meanwhile. */
static int acquire_all_and_go(void *unused)
{
	struct lf_lock *locks[FILES];

	(void)unused;
	demand(lf_acquire_all(locks, names, FILES, 3600000, 0,
			      NULL) == 0);
	demand(release_all(locks, FILES) == 0);
	return 0;
}

TEST(it_waits_while_it_holds_nothing)
{
	struct hold h = { names[5], gate_new(), gate_new() };
	pid_t holder = child_start(hold, &h), waiter;

	gate_pass(h.held);
	waiter = child_start(acquire_all_and_go, NULL);
	assert_true(waiters_reach(names[5], 1));
	for (size_t i = 0; i < FILES; i++)
		if (i != 5)
			assert_true(is_free(names[i]));
	gate_open(h.go);
	assert_finish(holder);
	assert_finish(waiter);
	for (size_t i = 0; i < FILES; i++)
		unlink(names[i]); /* try_lock keeps them */
	gate_free(h.held);
	gate_free(h.go);
}

struct arena {
	atomic_int inside[FILES], broken;
	int rounds;
	unsigned seed;
};

static void shuffle(const char **paths, unsigned *seed)
{
	for (size_t i = FILES - 1; i > 0; i--) {
		size_t k = (size_t)rand_r(seed) % (i + 1);
		const char *path = paths[i];

		paths[i] = paths[k];
		paths[k] = path;
	}
}

static int contend(void *argument)
{
	struct arena *a = argument;
	unsigned seed = a->seed;

	for (int round = 0; round < a->rounds; round++) {
		const char *paths[FILES];
		struct lf_lock *locks[FILES];

		memcpy(paths, names, sizeof(paths));
		shuffle(paths, &seed);
		demand(lf_acquire_all(locks, paths, FILES, LF_FOREVER, 0,
				      NULL) == 0);
		for (size_t i = 0; i < FILES; i++)
			if (atomic_fetch_add(&a->inside[i], 1) != 0)
				atomic_fetch_add(&a->broken, 1);
		for (size_t i = 0; i < FILES; i++)
			atomic_fetch_sub(&a->inside[i], 1);
		demand(release_all(locks, FILES) == 0);
	}
	return 0;
}

static void compete(int processes, int rounds)
{
	struct arena *a = shared_new(sizeof(*a));
	pid_t pid[4];

	a->rounds = rounds;
	for (int i = 0; i < processes; i++) {
		a->seed = (unsigned)i + 1;
		pid[i] = child_start(contend, a);
	}
	assert_all_finish(pid, processes);
	assert_int_equal(atomic_load(&a->broken), 0);
	for (size_t i = 0; i < FILES; i++)
		assert_false(exists(names[i]));
	shared_free(a, sizeof(*a));
}

/* Of all together. */
#define ROUNDS rounds(1000)

TEST(two_in_any_order_end)
{
	compete(2, ROUNDS / 2);
}

TEST(four_in_any_order_end)
{
	compete(4, ROUNDS / 4);
}

/* Killed at any place, between two locks too. */
TEST(a_killed_one_holds_none)
{
	struct arena *a = shared_new(sizeof(*a));

	a->rounds = 1000000;
	for (int round = 0; round < 50; round++) {
		struct lf_lock *locks[FILES];
		pid_t pid;

		a->seed = (unsigned)round + 1;
		pid = child_start(contend, a);
		/* It competes with us until it is killed. */
		for (int i = 0; i < 5; i++) {
			assert_int_equal(lf_acquire_all(locks, names, FILES,
							LF_FOREVER, 0, NULL),
					 0);
			assert_int_equal(release_all(locks, FILES), 0);
		}
		kill(pid, SIGKILL);
		assert_int_equal(child_finish(pid), -SIGKILL);
		assert_int_equal(lf_acquire_all(locks, names, FILES, 0, 0,
						NULL),
				 0);
		assert_int_equal(release_all(locks, FILES), 0);
	}
	for (size_t i = 0; i < FILES; i++)
		assert_false(exists(names[i]));
	shared_free(a, sizeof(*a));
}
