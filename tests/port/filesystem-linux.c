/* SPDX-License-Identifier: 0BSD */
/* The kind of a file system by what fstatfs(2) reports, or might. */
#define lf_filesystem test_filesystem

#include "config.h"

#include "lib/child.h"
#include "port/os.h"

#include <linux/magic.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* 0: what the system reports. */
static unsigned reported;
static dev_t reported_device;

static int report(int fd, struct statfs *fs)
{
	int rc = fstatfs(fd, fs);

	if (reported != 0)
		fs->f_type = (__typeof__(fs->f_type))reported;
	return rc;
}

static int report_file(int fd, struct stat *st)
{
	int rc = fstat(fd, st);

	st->st_dev = reported_device;
	return rc;
}

#define fstatfs(fd, fs) report(fd, fs)
#define fstat(fd, st) report_file(fd, st)
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

/* As the headers of the system have them, for a mistyped number. */
PLAIN_TEST(file_systems_of_other_machines)
{
	static const long known[] = {
		AFS_FS_MAGIC,	   AFS_SUPER_MAGIC,   CEPH_SUPER_MAGIC,
		CODA_SUPER_MAGIC,  NCP_SUPER_MAGIC,   NFS_SUPER_MAGIC,
		OCFS2_SUPER_MAGIC, SMB_SUPER_MAGIC,   V9FS_MAGIC,
		HOSTFS_SUPER_MAGIC,
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(kind_of((unsigned)known[i]), LF_FILESYSTEM_NETWORK);
}

/* Also numbers whose highest bit is set, in a signed f_type. */
PLAIN_TEST(those_without_a_header)
{
	static const unsigned known[] = {
		0xff534d42, 0xfe534d42, /* SMB */
		0x01161970, 0x20030528, 0x0bd00bd0, 0x47504653, 0x19830326,
		0xaad7aaea, 0x013111a8, 0x61636673, 0xbeefdead, 0xa501fcf5,
		0x786f4256, 0xbacbacbc, 0x7c7c6673,
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(kind_of(known[i]), LF_FILESYSTEM_NETWORK);
}

PLAIN_TEST(file_systems_of_this_machine)
{
	static const long known[] = {
		BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		MSDOS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, RAMFS_MAGIC,
		TMPFS_MAGIC, XFS_SUPER_MAGIC,
		0x2fc12fc1, /* ZFS */
		0x3153464a, /* JFS */
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(kind_of((unsigned)known[i]), LF_FILESYSTEM_LOCAL);
}

PLAIN_TEST(fuse_may_be_on_a_disk)
{
	reported_device = makedev(0, 42);
	assert_int_equal(kind_of(FUSE_SUPER_MAGIC), LF_FILESYSTEM_FUSE);
	reported_device = makedev(8, 1);
	assert_int_equal(kind_of(FUSE_SUPER_MAGIC), LF_FILESYSTEM_FUSE_DISK);
}

PLAIN_TEST(proc_is_local)
{
	int fd = open("/proc/self/stat", O_RDONLY);

	if (fd < 0)
		skip_because("needs proc(5)");
	assert_int_equal(lf_filesystem(fd), LF_FILESYSTEM_LOCAL);
	close(fd);
}

PLAIN_TEST(what_is_unknown_counts_as_a_network)
{
	assert_int_equal(lf_filesystem(-1), LF_FILESYSTEM_NETWORK);
}
