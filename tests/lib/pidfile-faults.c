/* SPDX-License-Identifier: 0BSD */
/* A PID that cannot be read or written: the caller gets the error, and no lock. */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"

#include "faulty.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static void refuse(enum faulty call, bool all, const char *content)
{
	struct lf_lock *lock;

	unlink(lock_path);
	if (content)
		write_to(lock_path, content);
	faulty_set(call, 1, all, EIO);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), -EIO);
	assert_int_not_equal(faulty_clear(), 0);
	assert_null(lock);
	if (content)
		assert_content(lock_path, content);
	else
		assert_false(exists(lock_path));
	assert_free(lock_path);
}

TEST(a_PID_that_cannot_be_written_is_an_error_and_leaves_nothing)
{
	refuse(PREAD, true, NULL);
	refuse(PWRITE, true, NULL);
	refuse(FTRUNCATE, false, NULL);
}

TEST(content_that_cannot_be_read_stays)
{
	refuse(PREAD, true, "42\n");
}

TEST(a_holder_that_cannot_empty_the_file_leaves_it)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	faulty_set(FTRUNCATE, 1, true, EIO);
	assert_int_equal(lf_release(&lock), LF_LEFT);
	assert_int_not_equal(faulty_clear(), 0);
	assert_true(exists(lock_path));
}

static void die(void)
{
	raise(SIGKILL);
}

static int acquire_and_die(void *call)
{
	struct lf_lock *lock;

	faulty_before(*(enum faulty *)call, die);
	return lf_acquire(&lock, lock_path, 0, LF_PID);
}

static int acquire_with_PID(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(lf_acquire(&lock, lock_path, 0, LF_PID) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

/* With a longer number than its own in the file. */
TEST(one_that_is_killed_before_it_has_written_its_PID_leaves_a_file_that_serves)
{
	enum faulty calls[] = { PWRITE, FTRUNCATE };

	for (int i = 0; i < 2; i++) {
		write_to(lock_path, "1234567890\n");
		assert_int_equal(child_run(acquire_and_die, &calls[i]),
				 -SIGKILL);
		assert_child(acquire_with_PID, NULL);
		assert_false(exists(lock_path));
	}
}

/* Before the PID, or after a part of it. */
static int write_beyond(rlim_t size)
{
	struct rlimit before, limit;
	struct lf_lock *lock;
	int rc;

	demand(getrlimit(RLIMIT_FSIZE, &before) == 0);
	limit = before;
	limit.rlim_cur = size;
	demand(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	rc = lf_acquire(&lock, lock_path, 0, LF_PID);
	demand(setrlimit(RLIMIT_FSIZE, &before) == 0);
	demand(rc == -ENOSPC);
	demand(!lock);
	demand(!exists(lock_path));
	return 0;
}

static int write_beyond_limits(void *unused)
{
	(void)unused;
	demand(write_beyond(0) == 0);
	demand(write_beyond(1) == 0);
	return 0;
}

TEST(a_part_of_a_PID_is_never_left)
{
	assert_child(write_beyond_limits, NULL);
}
