/* SPDX-License-Identifier: 0BSD */
/* pipe2(2) of the system, if it has one, and ours: the answers are the same. */
#include "config.h"

#include "lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#ifdef HAVE_PIPE2
static int system_pipe2(int fd[2], int flags)
{
	return pipe2(fd, flags);
}
#endif

/* So many calls of ours succeed before one fails. */
static int successes = INT_MAX;

static int refuse_flags(void)
{
	errno = EINVAL;
	return -1;
}

#define pipe2 test_pipe2
int pipe2(int fd[2], int flags);
#define fcntl(...) (successes-- > 0 ? (fcntl)(__VA_ARGS__) : refuse_flags())
#define close(fd) ((close)(fd), errno = EBADF)
#include "port/pipe2.c"
#undef fcntl
#undef close

#include <sys/resource.h>

static int (*const sources[])(int[2], int) = {
	pipe2,
#ifdef HAVE_PIPE2
	system_pipe2,
#endif
};

#define SOURCES (sizeof(sources) / sizeof(sources[0]))

/* Where O_CLOEXEC is missing, it is 0 and always asked for. */
static void assert_flags(int fd, int flags)
{
	bool closed_on_exec = (flags & O_CLOEXEC) == O_CLOEXEC;

	assert_int_equal(fcntl(fd, F_GETFD), closed_on_exec ? FD_CLOEXEC : 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, flags & O_NONBLOCK);
}

static void assert_passes_a_byte(const int fd[2])
{
	char byte = 0;

	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(read(fd[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
}

PLAIN_TEST(both_ends_have_the_flags)
{
	static const int flags[] = {
		0, O_CLOEXEC, O_NONBLOCK, O_CLOEXEC | O_NONBLOCK,
	};
	int fd[2];

	for (size_t i = 0; i < SOURCES; i++)
		for (size_t j = 0; j < sizeof(flags) / sizeof(flags[0]); j++) {
			assert_int_equal(sources[i](fd, flags[j]), 0);
			assert_flags(fd[0], flags[j]);
			assert_flags(fd[1], flags[j]);
			assert_passes_a_byte(fd);
			close(fd[0]);
			close(fd[1]);
		}
}

PLAIN_TEST(other_flags_are_refused)
{
	int fd[2] = { -1, -1 };

	for (size_t i = 0; i < SOURCES; i++) {
		errno = 0;
		assert_int_equal(sources[i](fd, O_CREAT), -1);
		assert_int_equal(errno, EINVAL);
	}
	assert_int_equal(fd[0], -1);
	assert_int_equal(fd[1], -1);
}

/* One descriptor is left where two are needed. */
static int run_out(void *unused)
{
	int before, fd[2];
	struct rlimit limit = { 3, 3 };

	(void)unused;
	close(0);
	demand(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	before = open_descriptors();
	for (size_t i = 0; i < SOURCES; i++) {
		errno = 0;
		demand(sources[i](fd, O_CLOEXEC) == -1);
		demand(errno == EMFILE);
	}
	demand(open_descriptors() == before);
	return 0;
}

PLAIN_TEST(nothing_is_left_open_without_descriptors)
{
	assert_child(run_out, NULL);
}

PLAIN_TEST(nothing_is_left_open_if_a_flag_cannot_be_set)
{
	int before = open_descriptors(), fd[2], calls = 0;

	for (successes = 0; pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0;
	     successes = ++calls) {
		assert_int_equal(errno, EINVAL);
		assert_int_equal(open_descriptors(), before);
	}
	successes = INT_MAX;
	close(fd[0]);
	close(fd[1]);
	assert_int_not_equal(calls, 0);
}
