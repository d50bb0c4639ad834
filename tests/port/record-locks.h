/* SPDX-License-Identifier: 0BSD */
/*
 * What is true of record locks from any source.  A test includes this after the
 * source that it tests, whose functions have other names (other-names.h).
 */
#ifndef TESTS_PORT_RECORD_LOCKS_H
#define TESTS_PORT_RECORD_LOCKS_H

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int open_file(void)
{
	return open(lock_path, O_CREAT | O_RDWR, 0666);
}

static struct flock whole_file(void)
{
	return (struct flock){ .l_type = F_WRLCK };
}

/* ---- In another process */

/* Its status is the error, positive. */
static int try(void *unused)
{
	(void)unused;
	return -lf_setlk(open_file(), F_SETLK, F_WRLCK, 0, 0);
}

static int wait_and_lock(void *unused)
{
	(void)unused;
	return -lf_setlk(open_file(), F_SETLKW, F_WRLCK, 0, 0);
}

/* PID: the one to be found, or 0. */
static int find_the_lock(void *pid)
{
	struct flock other = whole_file();

	demand(lf_getlk(open_file(), F_GETLK, &other) == 0);
	demand(other.l_type == F_WRLCK);
	demand(other.l_pid == *(pid_t *)pid);
	return 0;
}

static int find_no_lock(void *unused)
{
	struct flock other = whole_file();

	(void)unused;
	demand(lf_getlk(open_file(), F_GETLK, &other) == 0);
	demand(other.l_type == F_UNLCK);
	return 0;
}

/* ---- Tests */

static inline void assert_no_ofd_locks(int fd)
{
	struct flock other = whole_file();

	assert_false(lf_has_ofd_locks());
	assert_int_equal(lf_setlk(fd, F_OFD_SETLK, F_WRLCK, 0, 0), -EINVAL);
	assert_int_equal(lf_setlk(fd, F_OFD_SETLKW, F_WRLCK, 0, 0), -EINVAL);
	assert_int_equal(lf_setlk(fd, F_OFD_SETLK, F_UNLCK, 0, 0), -EINVAL);
	assert_int_equal(lf_getlk(fd, F_OFD_GETLK, &other), -EINVAL);
}

TEST(a_lock_excludes_another_process)
{
	int fd = open_file();

	assert_int_equal(lf_setlk(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	assert_int_equal(child_run(try, NULL), EAGAIN);
	assert_int_equal(lf_setlk(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	assert_child(try, NULL);
	close(fd);
}

TEST(another_process_finds_the_lock)
{
	pid_t pid = lf_locks_by_lockf() ? 0 : getpid();
	int fd = open_file();

	assert_child(find_no_lock, NULL);
	assert_int_equal(lf_setlk(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	assert_child(find_the_lock, &pid);
	assert_int_equal(lf_setlk(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	assert_child(find_no_lock, NULL);
	close(fd);
}

TEST(a_process_is_never_in_its_own_way)
{
	struct flock other = whole_file();
	int fd = open_file(), again = open_file();

	assert_int_equal(lf_setlk(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	assert_int_equal(lf_setlk(again, F_SETLK, F_WRLCK, 0, 0), 0);
	assert_int_equal(lf_getlk(again, F_GETLK, &other), 0);
	assert_int_equal(other.l_type, F_UNLCK);
	close(again);
	close(fd);
}

TEST(a_wait_ends_with_the_lock)
{
	int fd = open_file();
	pid_t waiter;

	assert_int_equal(lf_setlk(fd, F_SETLKW, F_WRLCK, 0, 0), 0);
	waiter = child_start(wait_and_lock, NULL);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_setlk(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	assert_finish(waiter);
	close(fd);
}

TEST(a_bad_descriptor_is_refused)
{
	struct flock other = whole_file();

	assert_int_equal(lf_setlk(-1, F_SETLK, F_WRLCK, 0, 0), -EBADF);
	assert_int_equal(lf_setlk(-1, F_SETLKW, F_WRLCK, 0, 0), -EBADF);
	assert_int_equal(lf_setlk(-1, F_SETLK, F_UNLCK, 0, 0), -EBADF);
	assert_int_equal(lf_setlk(-1, F_OFD_SETLK, F_WRLCK, 0, 0), -EBADF);
	assert_int_equal(lf_getlk(-1, F_GETLK, &other), -EBADF);
	assert_int_equal(lf_getlk(-1, F_OFD_GETLK, &other), -EBADF);
}

TEST(a_descriptor_not_open_for_writing_is_refused)
{
	int fd = open_file(), reader = open(lock_path, O_RDONLY);

	assert_int_equal(lf_setlk(reader, F_SETLK, F_WRLCK, 0, 0), -EBADF);
	close(reader);
	close(fd);
}

#endif
