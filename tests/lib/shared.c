/* SPDX-License-Identifier: 0BSD */
/* LF_SHARED: sharers exclude the others, and the last one removes the file. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARERS 3

/* "POSIX ADVISORY READ PID", from byte 0 on: the tag, or all of the file. */
static bool is_listed_now(pid_t pid)
{
	unsigned long owner, inode, from;
	char line[256];
	bool found = false;
	struct stat st;
	FILE *locks;

	if (stat(lock_path, &st) < 0 || !(locks = fopen("/proc/locks", "re")))
		return false;
	while (!found && fgets(line, sizeof(line), locks))
		found = sscanf(line,
			       "%*u: POSIX ADVISORY READ %lu %*x:%*x:%lu %lu",
			       &owner, &inode, &from) == 3 &&
			owner == (unsigned long)pid && inode == st.st_ino &&
			from == 0;
	fclose(locks);
	return found;
}

/*
 * The kernel writes the list a page at a time, and skips a line of the next one
 * if another lock, on whatever file, has gone in between.
 */
static bool is_listed(pid_t pid)
{
	for (int look = 0; look < 100; look++)
		if (is_listed_now(pid))
			return true;
	return false;
}

TEST(sharers_exclude_others_and_others_exclude_them)
{
	struct actor *sharer[SHARERS], *other = actor_process();

	needs_shared_locks();
	actors_new(sharer, SHARERS, actor_process);
	actors_must(sharer, SHARERS, ACQUIRE, LF_SHARED);
	for (int i = 0; i < SHARERS; i++)
		assert_true(is_listed(actor_pid(sharer[i])));
	for (int i = 0; i < SHARERS; i++) {
		assert_int_equal(actor_do(other, ACQUIRE, 0, 0), -EAGAIN);
		assert_int_equal(actor_do(other, ACQUIRE, 10, 0), -ETIMEDOUT);
		assert_true(exists(lock_path));
		actor_must(sharer[i], RELEASE, 0, 0);
	}
	assert_false(exists(lock_path));
	actor_must(other, ACQUIRE, 0, 0);
	for (int i = 0; i < SHARERS; i++) {
		assert_int_equal(actor_do(sharer[i], ACQUIRE, 0, LF_SHARED),
				 -EAGAIN);
		assert_int_equal(actor_do(sharer[i], ACQUIRE, 10, LF_SHARED),
				 -ETIMEDOUT);
	}
	assert_true(exists(lock_path));
	actor_must(other, RELEASE, 0, 0);
	assert_false(exists(lock_path));
	actors_end(sharer, SHARERS);
	actor_end(other);
}

static int try_as_original(void *unused)
{
	struct flock whole = { .l_type = F_WRLCK };
	int fd = open(lock_path, O_RDWR);

	(void)unused;
	return fcntl(fd, F_SETLK, &whole) < 0 ? errno : 0;
}

static int share_as_others_do(void *unused)
{
	struct flock whole = { .l_type = F_RDLCK };
	int fd = open(lock_path, O_RDONLY);

	(void)unused;
	return fcntl(fd, F_SETLK, &whole) < 0 ? errno : 0;
}

TEST(other_programs_can_share_and_are_excluded)
{
	struct lf_lock *lock;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(child_run(try_as_original, NULL), EAGAIN);
	assert_child(share_as_others_do, NULL);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(child_run(share_as_others_do, NULL), EAGAIN);
	assert_int_equal(lf_release(&lock), 0);
}

/* The ways to wait: without a bound, with one, pending. */
enum way { UNTIMED, TIMED, PENDING, WAYS };

static void begin_to_wait(struct actor *actor, enum way way, unsigned flags)
{
	if (way == PENDING) {
		actor_must(actor, START, 0, flags);
		actor_begin(actor, FINISH, 0, 0);
	} else {
		actor_begin(actor, ACQUIRE, way == TIMED ? LONG_MS : LF_FOREVER,
			    flags);
	}
}

TEST(sharers_wait_for_an_exclusive_holder)
{
	struct actor *waiter[WAYS];
	struct lf_lock *lock;

	needs_shared_locks();
	actors_new(waiter, WAYS, actor_process);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	for (int i = 0; i < WAYS; i++) {
		begin_to_wait(waiter[i], (enum way)i, LF_SHARED);
		assert_true(waiters_reach(lock_path, i + 1));
	}
	assert_int_equal(lf_release(&lock), 0);
	/* All acquire it before any of them releases it. */
	for (int i = 0; i < WAYS; i++)
		assert_int_equal(actor_result(waiter[i]), 0);
	assert_held(lock_path);
	for (int i = 0; i < WAYS; i++) {
		assert_true(exists(lock_path));
		actor_must(waiter[i], RELEASE, 0, 0);
	}
	assert_false(exists(lock_path));
	actors_end(waiter, WAYS);
}

TEST(an_exclusive_waiter_waits_for_all_sharers)
{
	struct actor *sharer[SHARERS], *waiter = actor_process();

	needs_shared_locks();
	actors_new(sharer, SHARERS, actor_process);
	for (int way = 0; way < WAYS; way++) {
		actors_must(sharer, SHARERS, ACQUIRE, LF_SHARED);
		begin_to_wait(waiter, (enum way)way, 0);
		for (int i = 0; i < SHARERS; i++) {
			assert_true(waiters_reach(lock_path, 1));
			actor_must(sharer[i], RELEASE, 0, 0);
		}
		assert_int_equal(actor_result(waiter), 0);
		assert_held(lock_path);
		actor_must(waiter, RELEASE, 0, 0);
		assert_false(exists(lock_path));
	}
	actors_end(sharer, SHARERS);
	actor_end(waiter);
}

static const int orders[][SHARERS] = {
	{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
	{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
};

#define ORDERS (sizeof(orders) / sizeof(orders[0]))

TEST(the_last_sharer_removes_the_file_in_each_order)
{
	struct actor *sharer[SHARERS];

	needs_shared_locks();
	actors_new(sharer, SHARERS, actor_process);
	for (size_t i = 0; i < ORDERS; i++) {
		actors_must(sharer, SHARERS, ACQUIRE, LF_SHARED);
		for (int j = 0; j < SHARERS; j++) {
			assert_true(exists(lock_path));
			actor_must(sharer[orders[i][j]], RELEASE, 0, 0);
		}
		assert_false(exists(lock_path));
	}
	actors_end(sharer, SHARERS);
}

TEST(the_file_stays_until_a_waiter_has_released_it)
{
	struct actor *sharer[SHARERS], *waiter = actor_process();

	needs_shared_locks();
	actors_new(sharer, SHARERS, actor_process);
	for (size_t i = 0; i < ORDERS; i++) {
		actors_must(sharer, SHARERS, ACQUIRE, LF_SHARED);
		actor_begin(waiter, ACQUIRE, LF_FOREVER, 0);
		assert_true(waiters_reach(lock_path, 1));
		for (int j = 0; j < SHARERS; j++)
			actor_must(sharer[orders[i][j]], RELEASE, 0, 0);
		assert_int_equal(actor_result(waiter), 0);
		assert_true(exists(lock_path));
		actor_must(waiter, RELEASE, 0, 0);
		assert_false(exists(lock_path));
	}
	actors_end(sharer, SHARERS);
	actor_end(waiter);
}

TEST(a_waiter_that_gives_up_leaves_the_file_to_the_last_sharer)
{
	struct actor *sharer[SHARERS], *waiter = actor_process();

	needs_shared_locks();
	actors_new(sharer, SHARERS, actor_process);
	for (size_t i = 0; i < ORDERS; i++) {
		actors_must(sharer, SHARERS, ACQUIRE, LF_SHARED);
		for (int j = 0; j < SHARERS; j++) {
			actor_must(waiter, START, 0, 0);
			assert_true(waiters_reach(lock_path, 1));
			actor_must(waiter, RELEASE, 0, 0);
			assert_int_equal(actor_do(waiter, ACQUIRE, 5, 0),
					 -ETIMEDOUT);
			assert_true(exists(lock_path));
			actor_must(sharer[orders[i][j]], RELEASE, 0, 0);
		}
		assert_false(exists(lock_path));
	}
	actors_end(sharer, SHARERS);
	actor_end(waiter);
}

/* The last sharer leaves the file to a waiter, which then gives up. */
TEST(a_waiter_that_gives_up_last_removes_the_file)
{
	struct actor *sharer = actor_process(), *waiter = actor_process();

	needs_shared_locks();
	for (int round = 0; round < 200; round++) {
		actor_must(sharer, ACQUIRE, 0, LF_SHARED);
		actor_must(waiter, START, 0, 0);
		assert_true(waiters_reach(lock_path, 1));
		actor_begin(sharer, RELEASE, 0, 0);
		actor_begin(waiter, RELEASE, 0, 0);
		assert_int_equal(actor_result(sharer), 0);
		assert_int_equal(actor_result(waiter), 0);
		assert_false(exists(lock_path));
	}
	actor_end(sharer);
	actor_end(waiter);
}

/* A remover holds the body exclusively, for a moment. */
static int share_again_and_again(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	for (int i = 0; i < rounds(5000); i++) {
		demand(lf_acquire(&lock, lock_path, 0, LF_SHARED) == 0);
		demand(lf_release(&lock) == 0);
	}
	return 0;
}

TEST(a_remover_never_refuses_a_sharer)
{
	pid_t sharer[SHARERS];

	needs_shared_locks();
	for (int i = 0; i < SHARERS; i++)
		sharer[i] = child_start(share_again_and_again, NULL);
	assert_all_finish(sharer, SHARERS);
	assert_false(exists(lock_path));
}

TEST(the_last_sharer_decides_whether_the_file_stays)
{
	struct actor *keeper = actor_process(), *remover = actor_process();

	needs_shared_locks();
	actor_must(keeper, ACQUIRE, 0, LF_SHARED | LF_KEEP);
	actor_must(remover, ACQUIRE, 0, LF_SHARED);
	actor_must(remover, RELEASE, 0, 0);
	actor_must(keeper, RELEASE, 0, 0);
	assert_true(exists(lock_path));
	actor_must(keeper, ACQUIRE, 0, LF_SHARED | LF_KEEP);
	actor_must(remover, ACQUIRE, 0, LF_SHARED);
	actor_must(keeper, RELEASE, 0, 0);
	actor_must(remover, RELEASE, 0, 0);
	assert_false(exists(lock_path));
	actor_end(keeper);
	actor_end(remover);
}

TEST(a_file_with_content_stays_as_it_is)
{
	struct lf_lock *lock;

	needs_shared_locks();
	write_to(lock_path, "data\n");
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_release(&lock), LF_LEFT);
	assert_content(lock_path, "data\n");
}

/* Two of one process, so that the library has the file open already. */
static int share_what_can_only_be_read(const char *path, int refusal)
{
	struct lf_lock *lock, *second;
	int descriptors;

	demand(lf_acquire(&lock, path, 0, 0) == -refusal);
	demand(lf_acquire(&lock, path, 10, 0) == -refusal);
	demand(lf_acquire(&lock, path, LF_FOREVER, LF_SHARED) == 0);
	demand(lf_convert(lock, 0, 0) == -EACCES);
	demand(lf_convert(lock, 10, 0) == -EACCES);
	demand(lf_convert(lock, 0, LF_SHARED) == 0);
	demand(lf_verify(lock) == 0);
	descriptors = open_descriptors();
	for (int i = 0; i < 10; i++) {
		demand(lf_acquire(&second, path, 0, LF_SHARED) == 0);
		demand(lf_release(&second) == LF_LEFT);
		demand(open_descriptors() <= descriptors + 1);
	}
	demand(lf_acquire(&second, path, 0, 0) == -refusal);
	demand(lf_acquire(&second, path, 0, LF_SHARED | LF_KEEP) == 0);
	demand(lf_release(&second) == 0);
	demand(lf_release(&lock) == LF_LEFT);
	demand(exists(path));
	return 0;
}

static int share_as_ordinary_user(void *path)
{
	demand(become_ordinary());
	return share_what_can_only_be_read(path, EACCES);
}

TEST(a_reader_without_write_permission_can_share)
{
	needs_shared_locks();
	make_file(lock_path, 0444);
	assert_child(share_as_ordinary_user, lock_path);
	assert_true(exists(lock_path));
}

static int write_as_ordinary_user(void *path)
{
	struct lf_lock *lock, *second;

	demand(become_ordinary());
	demand(lf_acquire(&lock, path, 0, LF_SHARED) == -EACCES);
	demand(lf_acquire(&lock, path, 0, LF_KEEP) == 0);
	demand(lf_convert(lock, 0, LF_SHARED) == -EACCES);
	demand(lf_acquire(&second, path, 0, LF_KEEP) == -EAGAIN);
	demand(lf_acquire(&second, path, 0, LF_SHARED) == -EACCES);
	demand(lf_verify(lock) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_writer_without_read_permission_cannot_share)
{
	needs_shared_locks();
	make_file(lock_path, 0222);
	assert_int_equal(chmod(lock_path, 0222), 0);
	assert_child(write_as_ordinary_user, lock_path);
}

static int share_on_read_only_mount(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	if (!own_mounts() || mount("none", "ro", "tmpfs", 0, NULL) < 0)
		return IMPOSSIBLE;
	make_file("ro/there", 0666);
	demand(mount("none", "ro", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
	demand(lf_acquire(&lock, "ro/new", 0, LF_SHARED) == -EROFS);
	return share_what_can_only_be_read("ro/there", EROFS);
}

TEST(a_file_on_a_read_only_mount_can_be_shared)
{
	needs_shared_locks();
	assert_int_equal(mkdir("ro", 0755), 0);
	assert_child_if_possible(share_on_read_only_mount, NULL,
				 "mounts of its own");
}

TEST(LF_PID_with_LF_SHARED_is_EINVAL)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID | LF_SHARED),
			 -EINVAL);
	assert_int_equal(lf_start(&lock, lock_path, LF_PID | LF_SHARED),
			 -EINVAL);
	assert_null(lock);
	assert_false(exists(lock_path));
}

TEST(without_shared_locks_LF_SHARED_is_ENOLCK)
{
	struct lf_lock *lock;

	needs(!has_shared_locks(), "locks that cannot be shared");
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), -ENOLCK);
	assert_int_equal(lf_acquire(&lock, lock_path, 10, LF_SHARED), -ENOLCK);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_convert(lock, 0, LF_SHARED), -ENOLCK);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_descriptor_for_reading_can_be_shared)
{
	int fd = open(lock_path, O_RDONLY | O_CREAT | O_CLOEXEC, 0666);
	struct actor *sharer = actor_process();
	struct lf_lock *lock;

	needs_shared_locks();
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), -EBADF);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, LF_SHARED | LF_KEEP),
			 -EINVAL);
	actor_must(sharer, ACQUIRE, 0, LF_KEEP);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, LF_SHARED), -EAGAIN);
	assert_int_equal(lf_acquire_fd(&lock, fd, 10, LF_SHARED), -ETIMEDOUT);
	actor_must(sharer, RELEASE, 0, 0);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, LF_SHARED), 0);
	actor_must(sharer, ACQUIRE, 0, LF_SHARED);
	assert_held(lock_path);
	assert_int_equal(lf_convert(lock, 0, 0), -EACCES);
	actor_must(sharer, RELEASE, 0, 0);
	assert_true(exists(lock_path));
	assert_int_equal(lf_release(&lock), 0);
	assert_true(exists(lock_path));
	assert_true(fcntl(fd, F_GETFD) >= 0);
	actor_end(sharer);
	close(fd);
}

TEST(threads_share_and_exclude_others)
{
	struct actor *other = actor_process(), *thread[SHARERS];

	needs_shared_locks();
	actors_new(thread, SHARERS, actor_thread);
	for (size_t i = 0; i < ORDERS; i++) {
		for (int j = 0; j < SHARERS; j++)
			actor_must(thread[j], ACQUIRE, j ? LONG_MS : 0,
				   LF_SHARED);
		for (int j = 0; j < SHARERS; j++) {
			assert_int_equal(actor_do(other, ACQUIRE, 0, 0),
					 -EAGAIN);
			assert_true(is_listed(getpid()));
			assert_true(exists(lock_path));
			actor_must(thread[orders[i][j]], RELEASE, 0, 0);
		}
		assert_false(exists(lock_path));
	}
	actors_end(thread, SHARERS);
	actor_end(other);
}

TEST(one_thread_may_share_twice_but_not_exclude_itself)
{
	struct lf_lock *lock, *second;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_acquire(&second, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, 10, 0), -ETIMEDOUT);
	assert_int_equal(lf_acquire(&lock, lock_path, LF_FOREVER, 0), -EDEADLK);
	assert_true(is_listed(getpid()));
	assert_int_equal(lf_release(&second), 0);
	assert_false(exists(lock_path));
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_acquire(&second, lock_path, 0, LF_SHARED), -EAGAIN);
	assert_int_equal(lf_acquire(&second, lock_path, LF_FOREVER, LF_SHARED),
			 -EDEADLK);
	assert_int_equal(lf_release(&lock), 0);
}

/* The tag is the process's: a thread that waits for it must not take it. */
TEST(a_waiting_thread_does_not_keep_sharers_out)
{
	struct actor *other = actor_process(), *third = actor_process();
	struct actor *sharer = actor_thread(), *waiter = actor_thread();

	needs_shared_locks();
	actor_must(sharer, ACQUIRE, 0, LF_SHARED);
	actor_begin(waiter, ACQUIRE, LF_FOREVER, 0);
	if (has_description_locks())
		assert_true(waiters_reach(lock_path, 1));
	for (int i = 0; i < 100; i++) {
		actor_must(other, ACQUIRE, 0, LF_SHARED);
		actor_must(third, ACQUIRE, i % 2 ? LF_FOREVER : LONG_MS,
			   LF_SHARED);
		actor_must(other, RELEASE, 0, 0);
		actor_must(third, RELEASE, 0, 0);
	}
	assert_true(is_listed(getpid()));
	actor_must(sharer, RELEASE, 0, 0);
	assert_int_equal(actor_result(waiter), 0);
	assert_int_equal(actor_do(other, ACQUIRE, 0, LF_SHARED), -EAGAIN);
	actor_must(waiter, RELEASE, 0, 0);
	assert_false(exists(lock_path));
	actor_end(sharer);
	actor_end(waiter);
	actor_end(other);
	actor_end(third);
}

/*
 * The waiter waits for the tag when another thread of its process begins to
 * share.  When the other process releases the tag, the waiter gets it
 * immediately, for its process shares it already.
 */
TEST(a_thread_that_waited_first_does_not_keep_sharers_out)
{
	struct actor *other = actor_process(), *third = actor_process();
	struct actor *sharer = actor_thread(), *waiter = actor_thread();

	needs_shared_locks();
	needs_locks_of_descriptions();
	for (int i = 0; i < 300; i++) {
		actor_must(other, ACQUIRE, 0, LF_SHARED);
		actor_begin(waiter, ACQUIRE, LF_FOREVER, 0);
		assert_true(waiters_reach(lock_path, 1));
		actor_must(sharer, ACQUIRE, 0, LF_SHARED);
		actor_begin(other, RELEASE, 0, 0);
		actor_must(third, ACQUIRE, 0, LF_SHARED);
		assert_int_equal(actor_result(other), 0);
		actor_must(third, RELEASE, 0, 0);
		actor_must(sharer, RELEASE, 0, 0);
		assert_int_equal(actor_result(waiter), 0);
		actor_must(waiter, RELEASE, 0, 0);
		assert_false(exists(lock_path));
	}
	actor_end(sharer);
	actor_end(waiter);
	actor_end(other);
	actor_end(third);
}

/* The inherited handle, and its descriptor, are the lock of the parent. */
static int share_beside_inherited(void *argument)
{
	struct lf_lock *inherited = argument, *lock;

	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED) == 0);
	demand(is_listed(getpid()));
	demand(lf_convert(inherited, 0, 0) == -EBADF);
	demand(lf_release(&inherited) == 0);
	demand(is_listed(getpid()));
	demand(is_listed(getppid()));
	demand(lock_error(lock_path) == EAGAIN);
	demand(lf_release(&lock) == 0);
	demand(is_listed(getppid()));
	return 0;
}

TEST(a_child_that_shares_leaves_the_lock_of_its_parent)
{
	struct lf_lock *lock;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_child(share_beside_inherited, lock);
	assert_held(lock_path);
	assert_true(exists(lock_path));
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(a_killed_sharer_leaves_no_lock)
{
	struct actor *sharer;
	struct lf_lock *lock;

	needs_shared_locks();
	sharer = actor_holder(LF_SHARED);
	actor_kill(sharer);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}
