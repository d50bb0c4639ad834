/* SPDX-License-Identifier: 0BSD */
/* Locks of an open file description where <fcntl.h> has no names for them. */
#define lf_getlk test_getlk
#define lf_has_ofd_locks test_has_ofd_locks
#define lf_locks_by_lockf test_locks_by_lockf
#define lf_setlk test_setlk

#include "config.h"

#undef LF_NO_OFD_LOCKS
#define LF_NO_OFD_LOCKS 1

#include "lib/harness.h"
#include "port/fcntl.c"
#include "record-locks.h"

static void descriptions_have_no_locks(void **state)
{
	struct flock other = whole_file();
	int fd = open_file();

	(void)state;
	assert_false(lf_has_ofd_locks());
	assert_int_equal(lf_setlk(fd, F_OFD_SETLK, F_WRLCK, 0, 0), -EINVAL);
	assert_int_equal(lf_setlk(fd, F_OFD_SETLKW, F_WRLCK, 0, 0), -EINVAL);
	assert_int_equal(lf_setlk(fd, F_OFD_SETLK, F_UNLCK, 0, 0), -EINVAL);
	assert_int_equal(lf_getlk(fd, F_OFD_GETLK, &other), -EINVAL);
	assert_int_equal(finish(start(try, NULL)), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECORD_LOCK_TESTS,
		in_directory(descriptions_have_no_locks),
	};

	return cmocka_run_group_tests_name("port/no-ofd-locks", tests, NULL,
					   NULL);
}
