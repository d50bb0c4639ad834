/* SPDX-License-Identifier: 0BSD */
/* The mount of a descriptor. */
#define lf_mount_read test_mount_read
#define lf_mount_free test_mount_free

#include "config.h"

#include "lib/child.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What fails, with which error. */
static int open_error, copies = INT_MAX;

static bool fails_to_open(void)
{
	errno = open_error;
	return open_error != 0;
}

#define fopen(...) (fails_to_open() ? NULL : (fopen)(__VA_ARGS__))
#define strdup(text) (copies-- <= 0 ? NULL : (strdup)(text))
#include "port/mount-linux.c"
#undef fopen
#undef strdup

#include <unistd.h>

PLAIN_TEST(the_mount_of_proc_is_listed)
{
	struct lf_mount mount;
	int fd = open("/proc/self/stat", O_RDONLY);

	int before = fd < 0 ? 0 : open_descriptors();

	if (fd < 0)
		skip_because("needs proc(5)");
	assert_int_equal(lf_mount_read(fd, &mount), 0);
	assert_int_equal(open_descriptors(), before);
	assert_string_equal(mount.type, "proc");
	assert_non_null(mount.source);
	assert_non_null(strstr(mount.options, "rw"));
	close(fd);
	lf_mount_free(&mount);
	assert_null(mount.type);
}

PLAIN_TEST(a_descriptor_that_is_not_open_has_no_mount)
{
	struct lf_mount mount;

	assert_int_equal(lf_mount_read(-1, &mount), -ENOTSUP);
	assert_null(mount.type);
}

PLAIN_TEST(a_list_that_cannot_be_read_is_an_error)
{
	struct lf_mount mount;
	int fd = open("/proc/self/stat", O_RDONLY);

	if (fd < 0)
		skip_because("needs proc(5)");
	open_error = EMFILE;
	assert_int_equal(lf_mount_read(fd, &mount), -EMFILE);
	open_error = 0;
	assert_null(mount.type);
	for (copies = 0; copies < 3; copies++) {
		int left = copies;

		assert_int_equal(lf_mount_read(fd, &mount), -ENOMEM);
		assert_null(mount.type);
		copies = left;
	}
	copies = INT_MAX;
	assert_int_equal(lf_mount_read(fd, &mount), 0);
	lf_mount_free(&mount);
	close(fd);
}
