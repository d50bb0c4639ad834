/* SPDX-License-Identifier: 0BSD */
/*
 * What is true of the descriptors of open.c, with O_CLOEXEC and without.  A test
 * includes this after the sources that it tests, whose functions have other
 * names by then.
 */
#ifndef TESTS_PORT_DESCRIPTORS_H
#define TESTS_PORT_DESCRIPTORS_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_closed_on_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags >= 0 && flags & FD_CLOEXEC;
}

/* ---- In a process of its own: any of its standard streams may be closed. */

static void close_streams(int which)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (which & 1 << fd)
			close(fd);
}

/* Whether those that were closed are closed again, and the others open still. */
static bool streams_are_left(int which)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (is_open(fd) != !(which & 1 << fd))
			return false;
	return true;
}

static int open_above(void *which)
{
	int fd;

	close_streams(*(int *)which);
	fd = lf_open(AT_FDCWD, lock_path, O_RDWR | O_CREAT, 0600, true);
	demand(fd > STDERR_FILENO);
	demand(is_closed_on_exec(fd));
	demand(write(fd, "x", 1) == 1);
	demand(streams_are_left(*(int *)which));
	return 0;
}

static int open_directory(void *which)
{
	int fd;

	close_streams(*(int *)which);
	fd = lf_open_directory(AT_FDCWD, ".");
	demand(fd > STDERR_FILENO);
	demand(is_closed_on_exec(fd));
	demand(faccessat(fd, "..", F_OK, 0) == 0);
	demand(streams_are_left(*(int *)which));
	return 0;
}

static int make_pipe(void *which)
{
	int fd[2];
	char byte = 0;

	close_streams(*(int *)which);
	demand(lf_pipe(fd) == 0);
	demand(fd[0] > STDERR_FILENO && fd[1] > STDERR_FILENO);
	demand(is_closed_on_exec(fd[0]) && is_closed_on_exec(fd[1]));
	demand(write(fd[1], "x", 1) == 1);
	demand(read(fd[0], &byte, 1) == 1 && byte == 'x');
	demand(streams_are_left(*(int *)which));
	return 0;
}

/* So many descriptors are available, from 0 on. */
static int leave_descriptors(int count)
{
	struct rlimit limit = { (rlim_t)count, (rlim_t)count };

	for (int fd = 0; fd < count; fd++)
		close(fd);
	return setrlimit(RLIMIT_NOFILE, &limit);
}

/* One above the streams is needed, and there is none. */
static int run_out(void *count)
{
	int fd[2], before, available = *(int *)count;

	demand(leave_descriptors(available) == 0);
	before = open_descriptors();
	demand(lf_open(AT_FDCWD, lock_path, O_RDWR | O_CREAT, 0600, true) ==
	       -EMFILE);
	demand(lf_open_directory(AT_FDCWD, ".") == -EMFILE);
	demand(lf_pipe(fd) == -EMFILE);
	demand(open_descriptors() == before);
	return 0;
}

/* ---- Tests */

static void for_all_streams(int (*body)(void *))
{
	for (int which = 0; which < 8; which++)
		assert_child(body, &which);
}

TEST(a_file_is_opened_above_the_streams)
{
	for_all_streams(open_above);
}

TEST(a_directory_is_opened_above_the_streams)
{
	for_all_streams(open_directory);
}

TEST(a_pipe_is_made_above_the_streams)
{
	for_all_streams(make_pipe);
}

TEST(nothing_is_left_open_without_descriptors)
{
	for (int count = 0; count <= 3; count++)
		assert_child(run_out, &count);
}

TEST(a_file_is_closed_on_exec)
{
	int fd = lf_open(AT_FDCWD, lock_path, O_RDWR | O_CREAT, 0600, false);

	assert_true(fd >= 0);
	assert_true(is_closed_on_exec(fd));
	close(fd);
}

TEST(errors_are_those_of_open)
{
	int before = open_descriptors();

	for (int above = 0; above < 2; above++) {
		assert_int_equal(lf_open(AT_FDCWD, "none", O_RDWR, 0, above),
				 -ENOENT);
		assert_int_equal(lf_open(-1, "none", O_RDWR, 0, above),
				 -EBADF);
	}
	assert_int_equal(lf_open_directory(AT_FDCWD, "none"), -ENOENT);
	write_to("file", "");
	assert_int_equal(lf_open_directory(AT_FDCWD, "file"), -ENOTDIR);
	assert_int_equal(open_descriptors(), before);
}


#endif
