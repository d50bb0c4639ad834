/* SPDX-License-Identifier: 0BSD */
/* The kind of a file system where the system does not report it. */
#define lf_filesystem test_filesystem

#include "config.h"

#include "lib/harness.h"
#include "port/filesystem.c"

#include <unistd.h>

static void each_counts_as_local(void **state)
{
	int fd = open("/", O_RDONLY);

	(void)state;
	assert_int_equal(lf_filesystem(fd), LF_FS_LOCAL);
	assert_int_equal(lf_filesystem(-1), LF_FS_LOCAL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_counts_as_local),
	};

	return cmocka_run_group_tests_name("port/filesystem", tests, NULL,
					   NULL);
}
