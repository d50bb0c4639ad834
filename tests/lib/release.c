/* SPDX-License-Identifier: 0BSD */
/* lf_release(), lf_verify(), LF_AUTO: what is removed, and what never is. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(a_null_handle_is_EBADF)
{
	struct lf_lock *lock = NULL;

	assert_int_equal(lf_release(&lock), -EBADF);
	assert_int_equal(lf_release(NULL), -EBADF);
	assert_int_equal(lf_verify(NULL), -EBADF);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_null(lock);
	assert_int_equal(lf_release(&lock), -EBADF);
}

static int return_under_lock(void)
{
	LF_AUTO struct lf_lock *lock = NULL;

	if (lf_acquire(&lock, lock_path, 0, 0) < 0)
		return -1;
	return lock_error(lock_path);
}

TEST(LF_AUTO_releases_at_the_end_of_the_scope)
{
	assert_int_equal(return_under_lock(), EAGAIN);
	assert_false(exists(lock_path));
	assert_free(lock_path);
}

TEST(a_replaced_file_is_ESTALE_and_never_unlinked)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(rename(lock_path, "old"), 0);
	assert_int_equal(lf_verify(lock), -ESTALE);
	make_file(lock_path, 0666);
	assert_int_equal(lf_verify(lock), -ESTALE);
	assert_int_equal(lf_release(&lock), LF_REPLACED);
	assert_true(exists(lock_path));
	assert_true(exists("old"));
}

TEST(a_holder_of_a_replaced_file_is_informed)
{
	static const unsigned flags[] = { 0, LF_KEEP, LF_FOLLOW, LF_PID,
					  LF_KEEP | LF_PID, LF_SHARED };
	const char *const paths[] = { lock_path, "lock" };
	struct lf_lock *lock;

	for (size_t i = 0; i < 2 * sizeof(flags) / sizeof(flags[0]); i++) {
		bool keep = flags[i / 2] & (LF_KEEP | LF_FOLLOW);

		if (!has_shared_locks() && flags[i / 2] == LF_SHARED)
			continue;
		assert_int_equal(lf_acquire(&lock, paths[i % 2], 0, flags[i / 2]),
				 0);
		make_file("new", 0666);
		assert_int_equal(rename("new", lock_path), 0);
		assert_int_equal(lf_verify(lock), -ESTALE);
		assert_int_equal(lf_release(&lock), keep ? 0 : LF_REPLACED);
		assert_true(exists(lock_path));
		assert_int_equal(unlink(lock_path), 0);
	}
}

TEST(a_holder_of_a_replaced_file_is_informed_though_others_need_it)
{
	struct actor *other;
	struct lf_lock *lock;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	other = actor_process();
	actor_must(other, ACQUIRE, 0, LF_SHARED);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(lf_release(&lock), LF_REPLACED);
	assert_int_equal(actor_do(other, RELEASE, 0, 0), LF_REPLACED);
	actor_end(other);

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	other = actor_waiter(LF_FOREVER, 0, 1);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(lf_release(&lock), LF_REPLACED);
	assert_int_equal(actor_result(other), 0);
	actor_release(other);
	assert_false(exists(lock_path));
}

/* The others may have removed it by the time at which it looks again. */
TEST(a_file_that_others_remove_after_the_release_is_not_replaced)
{
	needs_shared_locks();
	for (int i = 0; i < rounds(300); i++) {
		struct actor *sharers[4];

		actors_new(sharers, 4, actor_process);
		actors_must(sharers, 4, ACQUIRE, LF_SHARED);
		for (int k = 0; k < 4; k++)
			actor_begin(sharers[k], RELEASE, 0, 0);
		for (int k = 0; k < 4; k++)
			assert_int_equal(actor_result(sharers[k]), 0);
		actors_end(sharers, 4);
		assert_false(exists(lock_path));
	}
}

static int release_inherited_of_removed(void *lock)
{
	struct lf_lock *inherited = lock;

	demand(lf_release(&inherited) == 0);
	return 0;
}

TEST(a_borrowed_or_inherited_file_is_not_called_replaced)
{
	struct lf_lock *lock;
	int fd = open(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);

	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), 0);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(lf_release(&lock), 0);
	close(fd);

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(unlink(lock_path), 0);
	assert_child(release_inherited_of_removed, lock);
	assert_int_equal(lf_release(&lock), LF_REPLACED);
}

TEST(a_removed_file_is_ESTALE)
{
	struct lf_lock *lock;

	for (unsigned flags = 0; flags <= LF_KEEP; flags++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
		assert_int_equal(unlink(lock_path), 0);
		assert_int_equal(lf_verify(lock), -ESTALE);
		assert_int_equal(lf_release(&lock), flags ? 0 : LF_REPLACED);
		assert_false(exists(lock_path));
	}
	assert_int_equal(lf_acquire(&lock, "lock", 0, LF_KEEP), 0);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(lf_verify(lock), -ESTALE);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_file_with_content_is_locked_and_left_as_it_is)
{
	static const char text[] = "data\nof others\n";
	struct stat before, after;
	struct lf_lock *lock;

	write_to(lock_path, text);
	assert_int_equal(stat(lock_path, &before), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, LF_FOREVER, 0), 0);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), LF_LEFT);
	assert_content(lock_path, text);
	assert_int_equal(stat(lock_path, &after), 0);
	assert_int_equal(before.st_mtime, after.st_mtime);
	assert_int_equal(before.st_ino, after.st_ino);

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_content(lock_path, text);
}

TEST(content_written_under_the_lock_is_left_as_it_is)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	write_to(lock_path, "written by another\n");
	assert_int_equal(lf_release(&lock), LF_LEFT);
	assert_content(lock_path, "written by another\n");
}

static int release_what_may_not_be_removed(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(become_ordinary());
	demand(lf_acquire(&lock, "shut/lock", 0, 0) == 0);
	demand(lf_release(&lock) == LF_LEFT);
	demand(lf_acquire(&lock, "shut/lock", 0, 0) == 0);
	demand(lf_release(&lock) == LF_LEFT);
	return 0;
}

TEST(a_file_that_may_not_be_removed_is_released)
{
	assert_int_equal(mkdir("shut", 0755), 0);
	make_file("shut/lock", 0666);
	assert_int_equal(chmod("shut/lock", 0666), 0);
	assert_int_equal(chmod("shut", 0555), 0);
	assert_child(release_what_may_not_be_removed, NULL);
	assert_true(exists("shut/lock"));
	assert_int_equal(chmod("shut", 0755), 0);
}

static int release_inherited(void *lock)
{
	struct lf_lock *inherited = lock;
	int fd = lf_fileno(inherited);

	demand(lf_release(&inherited) == 0);
	demand(inherited == NULL);
	demand(fcntl(fd, F_GETFD) < 0);
	/* The child is a contender like any other. */
	demand(lf_acquire(&inherited, lock_path, 0, 0) == -EAGAIN);
	return 0;
}

TEST(a_child_releases_neither_lock_nor_file_of_its_parent)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	for (unsigned flags = 0; flags <= LF_KEEP; flags++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
		assert_child(release_inherited, lock);
		assert_true(exists(lock_path));
		assert_int_equal(lf_verify(lock), 0);
		/* The body alone excludes: this close drops the tag. */
		close(open(lock_path, O_RDONLY));
		assert_held(lock_path);
		assert_int_equal(lf_release(&lock), 0);
		assert_int_equal(exists(lock_path), flags == LF_KEEP);
	}
}

TEST(release_unlocks_although_a_child_has_the_descriptor)
{
	struct lf_lock *lock;
	struct actor *child;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	child = actor_process();
	assert_int_equal(lf_release(&lock), 0);
	assert_free(lock_path);
	actor_end(child);
}

/* To remove it would scatter the queue. */
TEST(a_waiter_gets_the_file_that_it_waited_for)
{
	struct actor *holder, *waiter;
	struct stat was, is;
	int fd;

	needs_locks_of_descriptions();
	needs(has_flock(), "flock(2)");
	holder = actor_holder(0);
	waiter = actor_waiter(LF_FOREVER, 0, 1);
	/* As long as it is open, its number is no other file's. */
	fd = open(lock_path, O_RDONLY);
	assert_int_equal(fstat(fd, &was), 0);
	actor_release(holder);
	assert_int_equal(actor_result(waiter), 0);
	assert_int_equal(stat(lock_path, &is), 0);
	assert_int_equal(is.st_ino, was.st_ino);
	actor_release(waiter);
	assert_false(exists(lock_path));
	close(fd);
}

/* Else the next holder would leave the file to it. */
TEST(release_leaves_no_presence_with_a_child)
{
	struct actor *child;
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	child = actor_process();
	write_to(lock_path, "written by another\n");
	assert_int_equal(lf_release(&lock), 1);
	assert_int_equal(truncate(lock_path, 0), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
	actor_end(child);
}

TEST(SIGKILL_frees_the_lock)
{
	struct lf_lock *lock;

	for (int i = 0; i < 100; i++) {
		struct actor *holder = actor_holder(0);

		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
		actor_kill(holder);
		assert_true(exists(lock_path));
		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		assert_int_equal(lf_release(&lock), 0);
		assert_false(exists(lock_path));
	}
}

/* --- A close drops what the process has on the file */

/* Of byte 0, as any other process sees it. */
static pid_t owner_of_tag(void)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open(lock_path, O_RDWR);

	assert_int_equal(fcntl(fd, F_GETLK, &tag), 0);
	close(fd);
	return tag.l_type == F_UNLCK ? 0 : tag.l_pid;
}

struct family {
	struct lf_lock *lock;
	struct gate left, may_end;
};

static int leave_beside_own(void *argument)
{
	struct family *f = argument;
	struct lf_lock *own;

	demand(lf_acquire(&own, lock_path, 0, LF_SHARED) == 0);
	demand(lf_release(&f->lock) >= 0);
	gate_open(f->left);
	gate_pass(f->may_end);
	demand(lf_release(&own) == 0);
	return 0;
}

TEST(a_child_that_leaves_the_lock_of_its_parent_keeps_its_own_tag)
{
	struct family f = { .left = gate_new(), .may_end = gate_new() };
	pid_t child;

	needs_shared_locks();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&f.lock, lock_path, 0, LF_SHARED), 0);
	child = child_start(leave_beside_own, &f);
	gate_pass(f.left);
	assert_true(lf_release(&f.lock) >= 0);
	assert_int_equal(owner_of_tag(), child);
	gate_open(f.may_end);
	assert_finish(child);
	assert_false(exists(lock_path));
	gate_free(f.left);
	gate_free(f.may_end);
}
