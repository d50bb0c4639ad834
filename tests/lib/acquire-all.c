/* SPDX-License-Identifier: 0BSD */
/* lf_acquire_all(): all or none, and no order of the paths is a deadlock. */
#include "config.h"

#include "actor.h"
#include "lock.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 10

static const char *const names[FILES] = {
	"f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9",
};

static int release_all(struct lf_lock **locks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (locks[i] && lf_release(&locks[i]) != 0)
			return -1;
	return 0;
}

TEST(all_are_held_and_removed_on_release)
{
	struct lf_lock *locks[FILES];
	size_t failed = 99;

	assert_int_equal(
		lf_acquire_all(locks, names, FILES, 0666, 0, 0, &failed), 0);
	for (size_t i = 0; i < FILES; i++) {
		assert_string_equal(lf_path(locks[i]), names[i]);
		assert_held(names[i]);
	}
	assert_int_equal(release_all(locks, FILES), 0);
	for (size_t i = 0; i < FILES; i++)
		assert_false(exists(names[i]));
}

TEST(new_files_have_the_mode_less_the_umask)
{
	mode_t mask = umask(022);
	struct lf_lock *locks[FILES];
	struct stat st;

	make_file(names[1], 0644);
	assert_int_equal(lf_acquire_all(locks, names, FILES, 0660, 0, 0, NULL),
			 0);
	umask(mask);
	for (size_t i = 0; i < FILES; i++) {
		assert_int_equal(stat(names[i], &st), 0);
		assert_int_equal(st.st_mode & 07777, i == 1 ? 0644 : 0640);
	}
	assert_int_equal(release_all(locks, FILES), 0);
}

static struct actor *hold(const char *path)
{
	struct actor *holder = actor_process_on(path);

	actor_must(holder, ACQUIRE, 0, 0);
	return holder;
}

TEST(if_one_is_held_none_is_acquired)
{
	struct lf_lock *locks[FILES];

	for (size_t i = 0; i < FILES; i += 3) {
		struct actor *holder = hold(names[i]);
		size_t failed = 99;

		assert_int_equal(lf_acquire_all(locks, names, FILES, 0666, 0, 0,
						&failed),
				 -EAGAIN);
		assert_int_equal(failed, i);
		assert_int_equal(lf_acquire_all(locks, names, FILES, 0666, 20,
						0, NULL),
				 -ETIMEDOUT);
		for (size_t k = 0; k < FILES; k++) {
			assert_null(locks[k]);
			assert_true(exists(names[k]) == (k == i));
		}
		actor_release(holder);
	}
}

TEST(an_error_has_the_index_of_its_path_and_none_is_acquired)
{
	const char *paths[] = { "a", "missing/b", "c", NULL };
	struct lf_lock *locks[4];
	size_t failed = 99;

	assert_int_equal(lf_acquire_all(locks, paths, 3, 0666, LF_FOREVER, 0,
					&failed),
			 -ENOENT);
	assert_int_equal(failed, 1);
	for (size_t i = 0; i < 3; i++)
		assert_null(locks[i]);
	assert_false(exists("a"));
	assert_false(exists("c"));
	assert_int_equal(lf_acquire_all(locks, paths, 4, 0666, 0, 0, NULL),
			 -EINVAL);
	assert_int_equal(lf_acquire_all(locks, paths, 0, 0666, 0, 0, NULL),
			 -EINVAL);
	assert_int_equal(lf_acquire_all(NULL, paths, 1, 0666, 0, 0, NULL),
			 -EINVAL);
	assert_int_equal(lf_acquire_all(locks, NULL, 1, 0666, 0, 0, NULL),
			 -EINVAL);
	assert_int_equal(lf_acquire_all(locks, paths, 1, 0666, -2, 0, NULL),
			 -EINVAL);
	assert_int_equal(lf_acquire_all(locks, paths, 1, 0666, 0, 1u << 31,
					NULL),
			 -EINVAL);
	assert_int_equal(lf_acquire_all(locks, paths, 1, 0100644, 0, 0, NULL),
			 -EINVAL);
	assert_false(exists("a"));
}

TEST(a_file_that_is_named_twice_counts_once)
{
	const char *paths[] = { "b", "./a", "a", lock_path, "hard", "lock" };
	unsigned last = has_shared_locks() ? LF_SHARED : 0;
	struct lf_lock *locks[6];

	write_to("lock", "");
	assert_int_equal(link("lock", "hard"), 0);
	for (unsigned mode = 0; mode <= last; mode += LF_SHARED)
		for (int timeout = LF_FOREVER; timeout <= 1; timeout++) {
			int handles = 0;

			assert_int_equal(lf_acquire_all(locks, paths, 6, 0666,
							timeout, mode | LF_KEEP,
							NULL),
					 0);
			for (size_t i = 0; i < 6; i++)
				handles += locks[i] != NULL;
			assert_int_equal(handles, 3);
			assert_int_equal(release_all(locks, 6), 0);
		}
}

static int acquire_and_release_all(void *unused)
{
	struct lf_lock *locks[FILES];

	(void)unused;
	demand(lf_acquire_all(locks, names, FILES, 0666, 3600000, 0, NULL) ==
	       0);
	demand(release_all(locks, FILES) == 0);
	return 0;
}

/* The file that it waits for is not the first. */
TEST(a_waiter_holds_nothing)
{
	struct actor *holder = hold(names[5]);
	pid_t waiter = child_start(acquire_and_release_all, NULL);

	assert_true(waiters_reach(names[5], 1));
	for (size_t i = 0; i < FILES; i++)
		if (i != 5)
			assert_free(names[i]);
	actor_release(holder);
	assert_finish(waiter);
	for (size_t i = 0; i < FILES; i++)
		unlink(names[i]); /* assert_free() keeps them */
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
		demand(lf_acquire_all(locks, paths, FILES, 0666, LF_FOREVER, 0,
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

/* Rounds of all processes together. */
#define ROUNDS rounds(1000)

/* Its time is over while it tries the rest: it has waited, and is not refused. */
TEST(a_bounded_call_that_is_given_up_between_two_waits_has_timed_out)
{
	const char *const *order[2];
	struct lf_request request = {
		.dirfd = AT_FDCWD,
		.fd = -1,
		.mode = 0666,
		.type = F_WRLCK,
		.create = true,
		.thread = lf_thread_self(),
		.process_owned = !lf_has_ofd_locks(),
		.claim = { .cancelled = true },
		.order = order,
	};
	struct lf_slot slots[2] = { { NULL, 0, 0 }, { NULL, 0, 0 } };
	struct actor *holder = actor_process_on(names[1]);

	actor_must(holder, ACQUIRE, 0, 0);
	assert_int_equal(lf_acquire_each(slots, &request, names, 2,
					 LF_WAIT_BOUNDED),
			 LF_CANCELLED);
	assert_int_equal(lf_acquire_each(slots, &request, names, 2,
					 LF_NO_WAIT),
			 LF_BUSY);
	actor_must(holder, RELEASE, 0, 0);
	actor_end(holder);
}

TEST(two_processes_in_any_order_do_not_block_for_ever)
{
	compete(2, ROUNDS / 2);
}

TEST(four_processes_in_any_order_do_not_block_for_ever)
{
	compete(4, ROUNDS / 4);
}

/* Killed anywhere, between two locks too. */
TEST(a_killed_process_holds_none)
{
	struct arena *a = shared_new(sizeof(*a));

	a->rounds = 1000000;
	for (int round = 0; round < 50; round++) {
		struct lf_lock *locks[FILES];
		pid_t pid;

		a->seed = (unsigned)round + 1;
		pid = child_start(contend, a);
		/* It competes with us until then. */
		for (int i = 0; i < 5; i++) {
			assert_int_equal(lf_acquire_all(locks, names, FILES,
							0666, LF_FOREVER, 0,
							NULL),
					 0);
			assert_int_equal(release_all(locks, FILES), 0);
		}
		assert_kill(pid);
		assert_int_equal(lf_acquire_all(locks, names, FILES, 0666, 0, 0,
						NULL),
				 0);
		assert_int_equal(release_all(locks, FILES), 0);
	}
	for (size_t i = 0; i < FILES; i++)
		assert_false(exists(names[i]));
	shared_free(a, sizeof(*a));
}
