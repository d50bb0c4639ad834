/* SPDX-License-Identifier: 0BSD */
/* Record locks by fcntl(2), also where the library has them by lockf(3). */
#include "other-names.h"

#include "lib/child.h"
#include "port/fcntl.c"
#include "record-locks.h"

static int try_shared(void *unused)
{
	(void)unused;
	return -lf_setlk(open_file(), F_SETLK, F_RDLCK, 0, 0);
}

static int try_from_byte_1(void *unused)
{
	(void)unused;
	return -lf_setlk(open_file(), F_SETLK, F_WRLCK, 1, 0);
}

static int find_bytes_10_to_14(void *unused)
{
	struct flock other = whole_file();

	(void)unused;
	demand(lf_getlk(open_file(), F_GETLK, &other) == 0);
	demand(other.l_type == F_RDLCK);
	demand(other.l_start == 10 && other.l_len == 5);
	return 0;
}

TEST(sharers_exclude_a_writer_alone)
{
	int fd = open_file();

	assert_int_equal(lf_setlk(fd, F_SETLK, F_RDLCK, 0, 0), 0);
	assert_child(try_shared, NULL);
	assert_int_equal(child_run(try, NULL), EAGAIN);
	close(fd);
}

TEST(ranges_are_apart)
{
	int fd = open_file();

	assert_int_equal(lf_setlk(fd, F_SETLK, F_WRLCK, 0, 1), 0);
	assert_child(try_from_byte_1, NULL);
	assert_int_equal(child_run(try, NULL), EAGAIN);
	close(fd);
}

TEST(a_range_is_reported)
{
	int fd = open_file();

	assert_int_equal(lf_setlk(fd, F_SETLK, F_RDLCK, 10, 5), 0);
	assert_child(find_bytes_10_to_14, NULL);
	close(fd);
}

TEST(descriptions_exclude_each_other)
{
	struct flock other = whole_file();
	int fd = open_file(), another = open_file();

	needs_locks_of_descriptions();
	assert_int_equal(lf_setlk(fd, F_OFD_SETLK, F_WRLCK, 1, 0), 0);
	assert_int_equal(lf_setlk(another, F_OFD_SETLK, F_WRLCK, 0, 0),
			 -EAGAIN);
	other.l_pid = 1;
	assert_int_equal(lf_getlk(another, F_OFD_GETLK, &other), 0);
	assert_int_equal(other.l_type, F_WRLCK);
	assert_int_equal(other.l_start, 1);
	assert_int_equal(other.l_len, 0);
	assert_int_equal(other.l_pid, -1);
	assert_int_equal(lf_setlk(fd, F_OFD_SETLK, F_UNLCK, 1, 0), 0);
	assert_int_equal(lf_setlk(another, F_OFD_SETLKW, F_WRLCK, 0, 0), 0);
	close(another);
	close(fd);
}
