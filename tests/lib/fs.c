/* SPDX-License-Identifier: 0BSD */
/* What file systems do with locks, also those that this machine has not mounted. */
#define lf_fs_examine test_fs_examine
#define lf_fs_require_global test_fs_require_global
#define lf_fs_flock test_fs_flock
#define lf_fs_has test_fs_has
#define lf_fs_type test_fs_type
#define lf_fs_source test_fs_source
#define lf_fs_free test_fs_free
#define lf_filesystem reported_filesystem
#define lf_mount_read reported_mount

#include "config.h"

#include "lib/fs.c"

#include "lib/child.h"

static enum lf_filesystem kind;
static const char *type, *options;

enum lf_filesystem reported_filesystem(int fd)
{
	assert_true(fd >= 0);
	return kind;
}

int reported_mount(int fd, struct lf_mount *mount)
{
	assert_true(fd >= 0);
	*mount = (struct lf_mount){ .type = NULL };
	if (!type)
		return -ENOTSUP;
	*mount = (struct lf_mount){ strdup(type), strdup("server:/export"),
				    strdup(options) };
	return 0;
}

static enum lf_fs_answer answer_of(enum lf_filesystem fs_kind,
				   const char *fs_type, const char *fs_options,
				   enum lf_fs_property property)
{
	struct lf_fs *fs;
	enum lf_fs_answer answer;

	kind = fs_kind;
	type = fs_type;
	options = fs_options;
	assert_int_equal(lf_fs_examine(&fs, "."), 0);
	answer = lf_fs_has(fs, property);
	lf_fs_free(fs);
	return answer;
}

static enum lf_fs_answer is_global_on(const char *fs_type,
				      const char *fs_options)
{
	return answer_of(LF_FILESYSTEM_NETWORK, fs_type, fs_options, LF_FS_GLOBAL);
}

static int require_global(const char *path)
{
	struct lf_request request = {
		.dirfd = AT_FDCWD, .path = path, .fd = -1
	};

	return lf_fs_require_global(&request);
}

/* lockfile-fcntl(7): nothing orders waiters where locks belong to the process. */
TEST(waiters_are_in_order_only_by_locks_of_descriptions)
{
	enum lf_fs_answer ordered = answer_of(LF_FILESYSTEM_LOCAL, "ext4", "rw",
					      LF_FS_ORDERED);

	assert_int_equal(ordered, has_description_locks() ? LF_FS_YES :
								LF_FS_NO);
	assert_int_equal(answer_of(LF_FILESYSTEM_LOCAL, "ext4", "rw",
				   LF_FS_PIDS),
			 shows_holders() ? LF_FS_YES : LF_FS_NO);
}

TEST(mount_options_keep_the_locks_on_this_machine)
{
	assert_int_equal(is_global_on("nfs", "rw,vers=3,local_lock=none"),
			 LF_FS_YES);
	assert_int_equal(is_global_on("nfs", "rw,vers=3,local_lock=flock"),
			 LF_FS_YES);
	assert_int_equal(is_global_on("nfs", "rw,nolock,local_lock=all"),
			 LF_FS_NO);
	assert_int_equal(is_global_on("nfs", "rw,local_lock=posix,hard"),
			 LF_FS_NO);
	assert_int_equal(is_global_on("nfs", "local_lock=all"), LF_FS_NO);
	assert_int_equal(is_global_on("nfs4", "rw,vers=4.2,local_lock=none"),
			 LF_FS_YES);
	assert_int_equal(is_global_on("cifs", "rw,vers=3.1.1"), LF_FS_YES);
	assert_int_equal(is_global_on("cifs", "rw,nobrl,vers=3.1.1"), LF_FS_NO);
	/* An option that only begins so. */
	assert_int_equal(is_global_on("cifs", "rw,nobrlx"), LF_FS_YES);
}

TEST(locks_of_these_reach_other_machines)
{
	static const char *const types[] = {
		"nfs", "nfs4", "cifs", "smb3", "ceph", "gfs2",
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(is_global_on(types[i], "rw"), LF_FS_YES);
	assert_int_equal(is_global_on("gfs2", "rw,localflocks"), LF_FS_NO);
}

TEST(locks_of_other_network_file_systems_may_end_here)
{
	assert_int_equal(is_global_on("9p", "rw,trans=virtio"), LF_FS_UNKNOWN);
	assert_int_equal(is_global_on("afs", ""), LF_FS_UNKNOWN);
	assert_int_equal(answer_of(LF_FILESYSTEM_NETWORK, NULL, NULL, LF_FS_GLOBAL),
			 LF_FS_UNKNOWN);
}

/* The type of a local file system proves nothing: an image of it may be remote. */
TEST(a_local_file_system_is_not_global)
{
	assert_int_equal(answer_of(LF_FILESYSTEM_LOCAL, "ext4", "rw", LF_FS_GLOBAL),
			 LF_FS_NO);
	assert_int_equal(answer_of(LF_FILESYSTEM_LOCAL, "ext4", "rw", LF_FS_SHARED),
			 LF_FS_NO);
	assert_int_equal(answer_of(LF_FILESYSTEM_LOCAL, "ext4", "rw", LF_FS_REMOVES),
			 LF_FS_YES);
}

TEST(where_mounts_are_not_listed_nothing_is_certain)
{
	assert_int_equal(answer_of(LF_FILESYSTEM_LOCAL, NULL, NULL, LF_FS_GLOBAL),
			 LF_FS_UNKNOWN);
	assert_int_equal(answer_of(LF_FILESYSTEM_LOCAL, NULL, NULL, LF_FS_SHARED),
			 LF_FS_UNKNOWN);
}

TEST(fuse_is_shared_or_on_a_disk)
{
	const char *fuse = "fuse.sshfs", *disk = "fuseblk";

	assert_int_equal(answer_of(LF_FILESYSTEM_FUSE, fuse, "rw", LF_FS_SHARED),
			 LF_FS_UNKNOWN);
	assert_int_equal(answer_of(LF_FILESYSTEM_FUSE, fuse, "rw", LF_FS_REMOVES),
			 LF_FS_NO);
	assert_int_equal(answer_of(LF_FILESYSTEM_FUSE_DISK, disk, "rw", LF_FS_SHARED),
			 LF_FS_NO);
	assert_int_equal(answer_of(LF_FILESYSTEM_FUSE_DISK, disk, "rw", LF_FS_REMOVES),
			 LF_FS_UNKNOWN);
}

TEST(LF_GLOBAL_is_granted_where_locks_reach_other_machines)
{
	kind = LF_FILESYSTEM_NETWORK;
	type = "nfs4";
	options = "rw";
	assert_int_equal(require_global("new"), 0);
	assert_int_equal(require_global("."), 0);
	options = "rw,local_lock=all";
	type = "nfs";
	assert_int_equal(require_global("new"), -ENOLCK);
	type = "9p";
	assert_int_equal(require_global("new"), -ENOLCK);
	type = NULL;
	assert_int_equal(require_global("new"), -ENOLCK);
	kind = LF_FILESYSTEM_LOCAL;
	type = "tmpfs";
	assert_int_equal(require_global("new"), -ENOLCK);
	/* Shown by the first lock only. */
	kind = LF_FILESYSTEM_FUSE;
	type = "fuse.sshfs";
	assert_int_equal(require_global("new"), 0);
	assert_int_equal(require_global("missing/new"), -ENOENT);
	kind = LF_FILESYSTEM_FUSE_DISK;
	assert_int_equal(require_global("new"), -ENOLCK);
}

static int flock_on(enum lf_filesystem fs_kind, const char *fs_type,
		    const char *fs_options, bool process_owned)
{
	struct lf_request request = {
		.dirfd = AT_FDCWD, .path = "new", .fd = -1,
		.process_owned = process_owned,
	};

	kind = fs_kind;
	type = fs_type;
	options = fs_options;
	return lf_fs_flock(&request);
}

TEST(LF_FLOCK_needs_a_second_lock_unless_the_record_lock_is_it)
{
	static const struct {
		const char *type, *options;
		int answer;
	} network[] = {
		{ "nfs4", "rw,vers=4.2,local_lock=none", 0 },
		{ "nfs", "rw,vers=3,local_lock=none", 0 },
		{ "nfs", "rw,vers=3,local_lock=flock", 1 },
		{ "nfs", "rw,vers=3,local_lock=posix", 1 },
		{ "nfs", "rw,vers=3,nolock,local_lock=all", 1 },
		{ "ceph", "rw", 1 },
		{ "gfs2", "rw", 1 },
		{ "cifs", "rw", -ENOLCK },
		{ "9p", "rw", -ENOLCK },
		{ NULL, NULL, -ENOLCK },
	};

	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++)
		assert_int_equal(flock_on(LF_FILESYSTEM_NETWORK,
					  network[i].type, network[i].options,
					  false),
				 network[i].answer);
	assert_int_equal(flock_on(LF_FILESYSTEM_LOCAL, "ext4", "rw", false), 1);
	assert_int_equal(flock_on(LF_FILESYSTEM_LOCAL, "ext4", "rw", true), 1);
	assert_int_equal(flock_on(LF_FILESYSTEM_FUSE, "fuse", "rw", false), 1);
	/* Its server keeps record locks, and may keep flock(2) by the same. */
	assert_int_equal(flock_on(LF_FILESYSTEM_FUSE, "fuse", "rw", true),
			 -ENOLCK);
}

static struct lf_fs *examine_local(const char *path)
{
	struct lf_fs *fs;

	kind = LF_FILESYSTEM_LOCAL;
	type = "ext4";
	options = "rw";
	assert_int_equal(lf_fs_examine(&fs, path), 0);
	return fs;
}

TEST(a_file_in_the_root_directory_is_where_that_is)
{
	struct lf_fs *fs = examine_local("/lf-test-that-is-missing");

	assert_string_equal(lf_fs_type(fs), "ext4");
	lf_fs_free(fs);
}

TEST(an_unknown_property_is_unknown)
{
	struct lf_fs *fs = examine_local(".");

	assert_int_equal(lf_fs_has(fs, (enum lf_fs_property)-1), LF_FS_UNKNOWN);
	assert_int_equal(lf_fs_has(NULL, LF_FS_SHARED), LF_FS_UNKNOWN);
	lf_fs_free(fs);
}

static void ask_all(const char *path, int fd)
{
	struct lf_request request = {
		.dirfd = AT_FDCWD, .path = path, .fd = fd
	};
	struct lf_fs *fs;

	assert_int_equal(lf_fs_examine(&fs, path), 0);
	lf_fs_free(fs);
	assert_int_equal(lf_fs_require_global(&request), 0);
	assert_int_equal(lf_fs_flock(&request), 0);
}

TEST(no_descriptor_is_left_open_and_none_of_the_caller_is_closed)
{
	int before = open_descriptors(), fd;

	kind = LF_FILESYSTEM_NETWORK;
	type = "nfs4";
	options = "rw";
	assert_int_equal(symlink("missing", "one"), 0);
	assert_int_equal(symlink("one", "two"), 0);
	ask_all("new", -1);
	ask_all(".", -1);
	ask_all("two", -1);
	assert_int_equal(open_descriptors(), before);
	fd = open(".", O_RDONLY | O_CLOEXEC);
	ask_all(".", fd);
	assert_int_equal(open_descriptors(), before + 1);
	close(fd);
	assert_int_equal(open_descriptors(), before);
}
