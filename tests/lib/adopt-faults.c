/* SPDX-License-Identifier: 0BSD */
/*
 * The owner of an open file description, and a mark that outlives it, show a parent
 * that its child has adopted the lock.  If they cannot be set or read, nobody loses
 * the lock.
 */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"

#include "faulty.h"

#include <errno.h>
#include <sys/resource.h>

static int adopt_without_descriptors(void *argument)
{
	struct lf_lock *lock = argument;
	struct rlimit none, usual;

	demand(getrlimit(RLIMIT_NOFILE, &usual) == 0);
	none = (struct rlimit){ 0, usual.rlim_max };
	demand(setrlimit(RLIMIT_NOFILE, &none) == 0);
	demand(lf_adopt(lock) == 0);
	demand(lf_release(&lock) == 0);
	return setrlimit(RLIMIT_NOFILE, &usual); /* for make coverage */
}

/*
 * The child has no thread that waits for the tag, as it could not be cancelled.  First:
 * once a thread has been cancelled, the library that this needs is loaded.
 */
TEST(a_child_that_cannot_cancel_threads_can_adopt)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_child(adopt_without_descriptors, lock);
	assert_int_equal(lf_release(&lock), 0);
	assert_free(lock_path);
}

static int lose_and_release(void *argument)
{
	struct lf_lock *lock = argument;

	(close)(lf_fileno(lock));
	faulty_set(CANCEL, 1000, false, EIO); /* counted only */
	demand(lf_release(&lock) == -EBADF);
	demand(faulty_calls() == 0);
	return 0;
}

static int adopt_and_fork(void *argument)
{
	struct lf_lock *lock = argument;

	demand(lf_adopt(lock) == 0);
	demand(child_run(lose_and_release, lock) == 0);
	demand(lf_verify(lock) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

/* Of an adopter a thread waits for the tag, and a fork does not copy it. */
TEST(a_child_of_an_adopter_has_no_thread_to_cancel)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	needs_threads_after_a_fork_beside_threads();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_child(adopt_and_fork, lock);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

struct family {
	struct lf_lock *lock;
	struct gate adopted, may_end;
	enum faulty fails;
};

static int fail_to_adopt(void *argument)
{
	struct family *f = argument;

	faulty_set(f->fails, 1, false, EINVAL);
	demand(lf_adopt(f->lock) < 0);
	demand(faulty_clear() == 1);
	return 0;
}

static void adopt_in_vain(enum faulty fails)
{
	struct family f = { .fails = fails };

	assert_int_equal(lf_acquire(&f.lock, lock_path, 0, LF_PID), 0);
	assert_child(fail_to_adopt, &f);
	assert_held(lock_path);
	assert_content(lock_path, "");
	assert_int_equal(lf_release(&f.lock), 0);
	assert_false(exists(lock_path));
}

TEST(an_adoption_that_cannot_be_noted_fails)
{
	needs_locks_of_descriptions();
	adopt_in_vain(F_SETOWN_);
	if (knows_file_systems()) /* Linux, which has it */
		adopt_in_vain(F_SETSIG_);
}

static int adopt_and_release(void *argument)
{
	struct family *f = argument;

	demand(lf_adopt(f->lock) == 0);
	gate_open(f->adopted);
	gate_pass(f->may_end);
	demand(lf_release(&f->lock) == 0);
	return 0;
}

/* The child of a process with the lock, which has opened the gate ADOPTED. */
static pid_t child_of_holder(struct family *f, int (*child)(void *))
{
	pid_t pid;

	assert_int_equal(lf_acquire(&f->lock, lock_path, 0, 0), 0);
	pid = child_start(child, f);
	gate_pass(f->adopted);
	return pid;
}

/* Byte 0 alone, which the child waits for, would not do. */
static bool body_is_locked(void)
{
	struct flock body = { .l_type = F_WRLCK, .l_start = 1 };
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal((fcntl)(fd, F_GETLK, &body), 0);
	(close)(fd);
	return body.l_type != F_UNLCK;
}

TEST(a_parent_that_cannot_find_the_adopter_leaves_it_the_lock)
{
	struct family f = { .adopted = gate_new(), .may_end = gate_new() };
	pid_t pid;

	needs_locks_of_descriptions();
	pid = child_of_holder(&f, adopt_and_release);
	faulty_set(F_GETOWN_, 1, true, EINVAL);
	assert_true(lf_release(&f.lock) >= 0);
	assert_int_not_equal(faulty_clear(), 0);
	assert_true(body_is_locked());
	gate_open(f.may_end);
	assert_finish(pid);
	assert_false(exists(lock_path));
	gate_free(f.adopted);
	gate_free(f.may_end);
}

static int adopt_without_memory(void *argument)
{
	struct family *f = argument;

	faulty_set(CALLOC, 1, false, ENOMEM);
	demand(lf_adopt(f->lock) == -ENOMEM);
	demand(faulty_clear() == 1);
	gate_open(f->adopted);
	gate_pass(f->may_end);
	return 0;
}

/* The parent asks for an owner once a child has adopted any lock. */
TEST(an_adoption_without_memory_leaves_the_lock_to_the_parent)
{
	struct family f = { .adopted = gate_new(), .may_end = gate_new() };
	pid_t pid;

	needs_locks_of_descriptions();
	pid = child_of_holder(&f, adopt_and_release);
	gate_open(f.may_end);
	assert_finish(pid);
	assert_true(lf_release(&f.lock) >= 0);
	pid = child_of_holder(&f, adopt_without_memory);
	assert_int_equal(lf_release(&f.lock), 0);
	assert_false(exists(lock_path));
	gate_open(f.may_end);
	assert_finish(pid);
	gate_free(f.adopted);
	gate_free(f.may_end);
}
