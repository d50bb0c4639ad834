/* SPDX-License-Identifier: 0BSD */
/* statx(2) of the system, if it has one, and ours: the answers are the same. */
#include "config.h"

#include "lib/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#undef HAVE_STATX
#undef STATX_INO
#undef STATX_NLINK
#undef AT_STATX_DONT_SYNC
#define statx test_statx
#include "port/statx.h"
/* Which includes config.h again. */
#include "port/statx.c"

static void assert_same(int dirfd, const char *path)
{
	struct test_statx st;
	struct stat wanted;

	assert_int_equal(fstatat(dirfd, path, &wanted, 0), 0);
	assert_int_equal(test_statx(dirfd, path, AT_STATX_DONT_SYNC,
				    STATX_INO | STATX_NLINK, &st),
			 0);
	assert_int_equal(st.stx_ino, wanted.st_ino);
	assert_int_equal(st.stx_nlink, wanted.st_nlink);
	assert_int_equal(makedev(st.stx_dev_major, st.stx_dev_minor),
			 wanted.st_dev);
}

TEST(a_file_is_described_as_by_fstatat)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	make_file("file", 0600);
	assert_int_equal(link("file", "link"), 0);
	assert_int_equal(symlink("file", "symlink"), 0);
	assert_same(AT_FDCWD, "/");
	assert_same(AT_FDCWD, "symlink");
	assert_same(fd, "link");
	close(fd);
	unlink("symlink");
	unlink("link");
	unlink("file");
}

TEST(an_error_is_that_of_fstatat)
{
	struct test_statx st;

	errno = 0;
	assert_int_equal(test_statx(AT_FDCWD, "missing", 0, STATX_INO, &st), -1);
	assert_int_equal(errno, ENOENT);
}
