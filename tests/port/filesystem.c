/* SPDX-License-Identifier: 0BSD */
/* The kind of a file system where the system does not report it. */
#define lf_filesystem test_filesystem

#include "config.h"

#include "lib/child.h"
#include "port/filesystem.c"

#include <unistd.h>

PLAIN_TEST(each_counts_as_local)
{
	int fd = open("/", O_RDONLY);

	assert_int_equal(lf_filesystem(fd), LF_FILESYSTEM_LOCAL);
	assert_int_equal(lf_filesystem(-1), LF_FILESYSTEM_LOCAL);
	close(fd);
}
