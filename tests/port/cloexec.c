/* SPDX-License-Identifier: 0BSD */
/* The same descriptors where O_CLOEXEC is missing, and pipe2(2) with it. */
#define lf_cloexec test_cloexec
#define lf_open test_open
#define lf_open_directory test_open_directory
#define lf_pipe test_pipe
#define pipe2 test_pipe2

#include "config.h"

#undef HAVE_O_CLOEXEC
#undef HAVE_PIPE2

#include "lib/harness.h"
#include "port/cloexec.c"
#include "port/open.c"
#include "port/pipe2.c"
#include "descriptors.h"

static void the_flag_is_set(void **state)
{
	int fd = open("/", O_RDONLY);

	(void)state;
	assert_false(is_closed_on_exec(fd));
	assert_int_equal(lf_cloexec(fd), fd);
	assert_true(is_closed_on_exec(fd));
	close(fd);
}

static void an_error_stays(void **state)
{
	(void)state;
	errno = ENOENT;
	assert_int_equal(lf_cloexec(-1), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(lf_cloexec(1 << 30), -1);
	assert_int_equal(errno, EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_flag_is_set),
		cmocka_unit_test(an_error_stays),
		DESCRIPTOR_TESTS,
	};

	return cmocka_run_group_tests_name("port/cloexec", tests, NULL, NULL);
}
