/* SPDX-License-Identifier: 0BSD */
/* What the library does not do yet; so it is in no list of tests. */
#include "config.h"

#include "identity.h"
#include "seen.h"

TEST(a_wait_that_lost_its_descriptors_closes_no_others)
{
	needs_known_file_systems();
	assert_int_equal(lose_while_waiting(false), HIGHEST - LOWEST + 1);
	assert_int_equal(lose_while_waiting(true), HIGHEST - LOWEST + 1);
}

static void adopt_by(const char *path, unsigned flags)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, path, 0, flags), 0);
	assert_child(adopt_as_ordinary, lock);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_child_that_may_not_enter_the_directory_can_adopt_by_any_path)
{
	needs_root("to become an ordinary user");
	needs_locks_of_descriptions();
	assert_int_equal(mkdir("private", 0700), 0);
	adopt_by(absolute_path("private/lock"), 0);
	adopt_by("private/lock", 0);
	adopt_by("private/lock", LF_KEEP);
}

TEST(a_lock_does_not_stay_with_a_child_cloned_before)
{
	check_parked(LF_KEEP, true);
	needs_shared_locks();
	check_parked(LF_KEEP | LF_SHARED, true);
}

static int read_first_byte(void *unused)
{
	struct flock first = { .l_type = F_RDLCK, .l_len = 1 };
	int fd = open(lock_path, O_RDONLY);

	(void)unused;
	demand(fd >= 0 && fcntl(fd, F_SETLK, &first) == 0);
	return 0;
}

/* As lf_acquire() is refused beside it. */
TEST(a_read_lock_of_the_first_byte_keeps_a_sharer_from_being_exclusive)
{
	struct lf_lock *lock;
	pid_t program;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	program = holder_new(read_first_byte, NULL);
	assert_int_equal(lf_convert(lock, 0, 0), -EAGAIN);
	assert_int_equal(lf_release(&lock), 0);
	assert_true(exists(lock_path));
	assert_kill(program);
}
