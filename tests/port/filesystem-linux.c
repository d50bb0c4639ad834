/* SPDX-License-Identifier: 0BSD */
/* The kind of a file system by what fstatfs(2) reports, or might. */
#define lf_filesystem test_filesystem

#include "config.h"

#include "lib/child.h"

#include <sys/vfs.h>
#include <unistd.h>

/* 0: what the system reports. */
static unsigned reported;

static int report(int fd, struct statfs *fs)
{
	int rc = fstatfs(fd, fs);

	if (reported != 0)
		fs->f_type = (__typeof__(fs->f_type))reported;
	return rc;
}

#define fstatfs(fd, fs) report(fd, fs)
#include "port/filesystem-linux.c"

static enum lf_filesystem kind_of(unsigned magic)
{
	enum lf_filesystem kind;
	int fd = open("/", O_RDONLY);

	reported = magic;
	kind = lf_filesystem(fd);
	reported = 0;
	close(fd);
	return kind;
}

/* From statfs(2): also numbers whose highest bit is set, in a signed f_type. */
PLAIN_TEST(the_magic_number_decides)
{
	assert_int_equal(kind_of(0xef53), LF_FS_LOCAL);	    /* ext4 */
	assert_int_equal(kind_of(0x58465342), LF_FS_LOCAL); /* XFS */
	assert_int_equal(kind_of(0x9123683e), LF_FS_LOCAL); /* Btrfs */
	assert_int_equal(kind_of(0x01021994), LF_FS_LOCAL); /* tmpfs */
	assert_int_equal(kind_of(0x6969), LF_FS_NETWORK);   /* NFS */
	assert_int_equal(kind_of(0xff534d42), LF_FS_NETWORK); /* CIFS */
	assert_int_equal(kind_of(0xfe534d42), LF_FS_NETWORK); /* SMB */
	assert_int_equal(kind_of(0x01021997), LF_FS_NETWORK); /* 9P */
	assert_int_equal(kind_of(0x65735546), LF_FS_FUSE);
}

PLAIN_TEST(proc_is_local)
{
	int fd = open("/proc/self/stat", O_RDONLY);

	if (fd < 0)
		skip_because("needs proc(5)");
	assert_int_equal(lf_filesystem(fd), LF_FS_LOCAL);
	close(fd);
}

PLAIN_TEST(what_is_unknown_counts_as_a_network)
{
	assert_int_equal(lf_filesystem(-1), LF_FS_NETWORK);
}
