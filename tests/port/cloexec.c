/* SPDX-License-Identifier: 0BSD */
/* The same descriptors where O_CLOEXEC is missing, and pipe2(2) with it. */
#define lf_cloexec test_cloexec
#define lf_open test_open
#define lf_open_directory test_open_directory
#define lf_open_name test_open_name
#define lf_is_directory test_is_directory
#define lf_pipe test_pipe
#define pipe2 test_pipe2

#include "config.h"

#undef HAVE_O_CLOEXEC
#undef HAVE_PIPE2

#include "port/os.h" /* before config.h is read again */

#include "lib/child.h"

/* No system refuses the flag to an open descriptor. */
static bool refuses;
#define fcntl(...) (refuses ? (errno = EIO, -1) : (fcntl)(__VA_ARGS__))
#define close(fd) (refuses ? ((close)(fd), errno = EBADF, -1) : (close)(fd))

#include "port/cloexec.c"
#include "port/open.c"
#include "port/pipe2.c"
#include "descriptors.h"

PLAIN_TEST(the_flag_is_set)
{
	int fd = open("/", O_RDONLY);

	assert_false(is_closed_on_exec(fd));
	assert_int_equal(lf_cloexec(fd), fd);
	assert_true(is_closed_on_exec(fd));
	close(fd);
}

PLAIN_TEST(an_error_stays)
{
	errno = ENOENT;
	assert_int_equal(lf_cloexec(-1), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(lf_cloexec(1 << 30), -1);
	assert_int_equal(errno, EBADF);
}

PLAIN_TEST(a_descriptor_that_cannot_have_the_flag_is_closed)
{
	int before = open_descriptors(), fd = open("/", O_RDONLY);

	refuses = true;
	fd = lf_cloexec(fd);
	refuses = false;
	assert_int_equal(fd, -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(open_descriptors(), before);
}
