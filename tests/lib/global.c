/* SPDX-License-Identifier: 0BSD */
/* LF_GLOBAL, and what is known of the file systems of this machine. */
#include "config.h"

#include "lib/child.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(LF_GLOBAL_creates_nothing_where_it_is_refused)
{
	struct lf_fs *fs;
	struct lf_lock *lock;
	enum lf_fs_answer global;

	assert_int_equal(lf_inspect_fs("lock", &fs), 0);
	global = lf_fs_has(fs, LF_FS_GLOBAL);
	lf_fs_free(fs);
	if (global == LF_FS_YES)
		skip_because("the tests run on a file system of several "
			     "machines");
	assert_int_equal(lf_acquire(&lock, "lock", 0, LF_GLOBAL), -ENOLCK);
	assert_null(lock);
	assert_int_equal(lf_acquire(&lock, "lock", 1000, LF_GLOBAL), -ENOLCK);
	assert_int_equal(lf_start(&lock, "lock", LF_GLOBAL), -ENOLCK);
	assert_int_equal(access("lock", F_OK), -1);
}

TEST(the_path_may_be_anything)
{
	struct lf_fs *fs;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(lf_inspect_fs("fifo", &fs), 0);
	lf_fs_free(fs);
	assert_int_equal(lf_inspect_fs("missing", &fs), 0);
	lf_fs_free(fs);
	assert_int_equal(lf_inspect_fs("missing/file", &fs), -ENOENT);
	assert_null(fs);
	assert_int_equal(lf_inspect_fs("", &fs), -ENOENT);
	assert_int_equal(lf_inspect_fs(NULL, &fs), -EINVAL);
	assert_int_equal(lf_inspect_fs("fifo", NULL), -EINVAL);
	assert_int_equal(lf_fs_has(NULL, LF_FS_GLOBAL), LF_FS_UNKNOWN);
	assert_null(lf_fs_type(NULL));
	assert_null(lf_fs_source(NULL));
	lf_fs_free(NULL);
}
