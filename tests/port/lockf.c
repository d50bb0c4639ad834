/* SPDX-License-Identifier: 0BSD */
/* Record locks by lockf(3), also where the library has them by fcntl(2). */
#include "other-names.h"

#include "lib/child.h"
#include "port/lockf.c"
#include "record-locks.h"

static int be_refused_by_fcntl(void *unused)
{
	struct flock lock = whole_file();

	(void)unused;
	demand(fcntl(open_file(), F_SETLK, &lock) < 0);
	demand(errno == EAGAIN || errno == EACCES);
	return 0;
}

TEST(fcntl_is_excluded_too)
{
	int fd = open_file();

	assert_int_equal(lf_setlk(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	assert_child(be_refused_by_fcntl, NULL);
	close(fd);
}

TEST(a_lock_is_never_shared)
{
	int fd = open_file();

	assert_int_equal(lf_setlk(fd, F_SETLK, F_RDLCK, 0, 0), -ENOLCK);
	assert_int_equal(lf_setlk(fd, F_SETLKW, F_RDLCK, 0, 0), -ENOLCK);
	assert_child(try, NULL);
	close(fd);
}

TEST(what_lockf_has_not_is_refused)
{
	struct flock other = whole_file();
	int fd = open_file();

	assert_no_ofd_locks(fd);
	assert_int_equal(lf_setlk(fd, F_SETLK, F_WRLCK, 1, 0), -EINVAL);
	other.l_start = 1;
	assert_int_equal(lf_getlk(fd, F_GETLK, &other), -EINVAL);
	assert_child(try, NULL);
	close(fd);
}
