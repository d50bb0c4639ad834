/* SPDX-License-Identifier: 0BSD */
/* A system that does not list its mounts. */
#define lf_mount_read test_mount_read
#define lf_mount_free test_mount_free

#include "config.h"

#include "lib/child.h"

#include "port/mount.c"

PLAIN_TEST(no_mount_is_listed)
{
	struct lf_mount mount;

	assert_int_equal(lf_mount_read(0, &mount), -ENOTSUP);
	assert_null(mount.type);
	lf_mount_free(&mount);
}
