/* SPDX-License-Identifier: 0BSD */
/*
 * What another writes to the file, at the last moment before a process that leaves
 * locks it to remove it, is not lost.
 */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include "faulty.h"

#include <errno.h>

/* To LF_PID this is what a holder may have left. */
#define CONTENT "42\n"

static int end_hook(void **state)
{
	faulty_before(NOTHING, NULL);
	faulty_clear();
	return leave_directory(state);
}

#define TEST_WITH_HOOK(name) TEST_BETWEEN(name, enter_directory, end_hook)

/* In the way of the examples in lf_acquire(3) that append to the file. */
static int write_under_lock(void *flags)
{
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, *(unsigned *)flags | LF_KEEP) == 0);
	write_to(lock_path, CONTENT);
	demand(lf_release(&lock) == 0);
	return 0;
}

static bool has_written;

/* Once: the next call is that of the one that leaves. */
static void write_once(unsigned flags)
{
	faulty_before(NOTHING, NULL);
	has_written = child_run(write_under_lock, &flags) == 0;
}

static void assert_kept(struct lf_lock *lock)
{
	has_written = false;
	assert_int_equal(lf_release(&lock), LF_LEFT);
	assert_true(has_written);
	assert_content(lock_path, CONTENT);
}

static void share_and_write(void)
{
	write_once(LF_SHARED);
}

TEST_WITH_HOOK(a_sharer_leaves_what_another_sharer_has_written)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	needs(has_flock(), "flock(2), a call before the file is locked");
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	faulty_before(FLOCK, share_and_write);
	assert_kept(lock);
}

static int lock_byte_0(void *unused)
{
	struct flock byte = { .l_type = F_WRLCK, .l_len = 1 };

	(void)unused;
	return (fcntl)((open)(lock_path, O_RDWR), F_SETLK, &byte) < 0;
}

static pid_t program;

static void end_program_and_write(void)
{
	child_kill(program);
	write_once(0);
}

/* A pause between two attempts, because a program has locked the first byte. */
TEST_WITH_HOOK(a_holder_leaves_what_the_next_one_has_written)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	(close)((open)(lock_path, O_RDONLY)); /* drops our tag */
	program = holder_new(lock_byte_0, NULL);
	faulty_before(POLL, end_program_and_write);
	assert_kept(lock);
}

static int adopt_and_release(void *argument)
{
	struct lf_lock *lock = argument;

	demand(lf_adopt(lock) == 0);
	write_to(lock_path, "a reason not to remove it\n");
	demand(lf_release(&lock) == LF_LEFT);
	return 0;
}

static void write_exclusively(void)
{
	write_once(0);
}

/* To find out whether the child still has the lock, the parent takes it. */
static void release_after_child(unsigned flags)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
	assert_child(adopt_and_release, lock);
	assert_int_equal(truncate(lock_path, 0), 0);
	(close)((open)(lock_path, O_RDONLY));
	faulty_before(F_GETOWN_, write_exclusively);
	assert_kept(lock);
}

TEST_WITH_HOOK(a_parent_leaves_what_the_next_one_after_its_child_has_written)
{
	release_after_child(0);
}

TEST_WITH_HOOK(a_parent_leaves_a_number_that_is_not_the_PID_of_its_child)
{
	release_after_child(LF_PID);
}

/* Any close of the file has dropped it, and nothing shows that. */
TEST_WITH_HOOK(a_lost_lock_of_the_process_leaves_what_the_next_one_has_written)
{
	struct lf_lock *lock;

	faulty_set(F_OFD_SETLK_, 1, true, EINVAL);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	(close)((open)(lock_path, O_RDONLY));
	faulty_before(lf_backend(lock) == LF_BACKEND_LOCKF ? LOCKF : F_SETLK_,
		      write_exclusively);
	assert_kept(lock);
}
