/* SPDX-License-Identifier: 0BSD */
/*
 * What a file system does with locks.  lockfile-fcntl(7) has the same table, and
 * marks.c acts by it.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROPERTIES (LF_FS_PIDS + 1)

struct lf_fs {
	struct lf_mount mount; /* its texts are NULL if it is not listed */
	enum lf_fs_answer answers[PROPERTIES];
};

/* By enum lf_filesystem.  A FUSE server may keep the locks, or leave them to us. */
static const enum lf_fs_answer usual[][PROPERTIES] = {
	[LF_FILESYSTEM_LOCAL] = {
		[LF_FS_SHARED] = LF_FS_NO,
		[LF_FS_GLOBAL] = LF_FS_NO,
		[LF_FS_REMOVES] = LF_FS_YES,
		[LF_FS_ORDERED] = LF_FS_YES,
		[LF_FS_PIDS] = LF_FS_YES,
	},
	[LF_FILESYSTEM_NETWORK] = {
		[LF_FS_SHARED] = LF_FS_YES,
		[LF_FS_GLOBAL] = LF_FS_UNKNOWN,
		[LF_FS_REMOVES] = LF_FS_NO,
		[LF_FS_ORDERED] = LF_FS_NO,
		[LF_FS_PIDS] = LF_FS_NO,
	},
	[LF_FILESYSTEM_FUSE] = {
		[LF_FS_SHARED] = LF_FS_UNKNOWN,
		[LF_FS_GLOBAL] = LF_FS_UNKNOWN,
		[LF_FS_REMOVES] = LF_FS_NO,
		[LF_FS_ORDERED] = LF_FS_UNKNOWN,
		[LF_FS_PIDS] = LF_FS_UNKNOWN,
	},
	[LF_FILESYSTEM_FUSE_DISK] = {
		[LF_FS_SHARED] = LF_FS_NO,
		[LF_FS_GLOBAL] = LF_FS_NO,
		[LF_FS_REMOVES] = LF_FS_UNKNOWN,
		[LF_FS_ORDERED] = LF_FS_UNKNOWN,
		[LF_FS_PIDS] = LF_FS_UNKNOWN,
	},
};

/*
 * Whose locks reach other machines, and with which mount option they do not:
 * nfs(5), mount.cifs(8), the documentation of Linux on Ceph and GFS2.
 */
static const struct {
	const char *type;
	const char *local[3];
} global[] = {
	{ "nfs", { "nolock", "local_lock=all", "local_lock=posix" } },
	{ "nfs4", { NULL } },
	{ "cifs", { "nobrl" } },
	{ "smb3", { "nobrl" } },
	{ "ceph", { NULL } },
	{ "gfs2", { "localflocks" } },
};

static bool has_option(const char *options, const char *option)
{
	size_t length = strlen(option);

	while (options) {
		if (strncmp(options, option, length) == 0 &&
		    (options[length] == ',' || options[length] == '\0'))
			return true;
		options = strchr(options, ',');
		if (options)
			options++;
	}
	return false;
}

static enum lf_fs_answer is_global(const struct lf_mount *mount)
{
	for (size_t i = 0; i < sizeof(global) / sizeof(global[0]); i++) {
		if (strcmp(mount->type, global[i].type) != 0)
			continue;
		for (size_t j = 0; j < 3 && global[i].local[j]; j++)
			if (has_option(mount->options, global[i].local[j]))
				return LF_FS_NO;
		return LF_FS_YES;
	}
	return LF_FS_UNKNOWN;
}

/*
 * Where flock(2) is neither emulated by record locks, with which our own would
 * collide, nor something that nobody has written down.
 */
static bool has_flock_of_its_own(const struct lf_mount *mount)
{
	return strcmp(mount->type, "ceph") == 0 ||
	       strcmp(mount->type, "gfs2") == 0 ||
	       strcmp(mount->type, "ocfs2") == 0;
}

/*
 * Linux's NFS asks the server for a record lock on the whole file (flock(2),
 * NOTES), unless the mount keeps one of the two kinds to this machine.
 */
static int nfs_flock(const struct lf_mount *mount)
{
	static const char *const apart[] = {
		"nolock", "local_lock=all", "local_lock=flock",
		"local_lock=posix",
	};

	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
		if (has_option(mount->options, apart[i]))
			return 1;
	return 0;
}

static int network_flock(int fd)
{
	struct lf_mount mount;
	int rc = lf_mount_read(fd, &mount);

	if (rc < 0)
		return rc == -ENOTSUP ? -ENOLCK : rc;
	if (strcmp(mount.type, "nfs") == 0 || strcmp(mount.type, "nfs4") == 0)
		rc = nfs_flock(&mount);
	else
		rc = has_flock_of_its_own(&mount) ? 1 : -ENOLCK;
	lf_mount_free(&mount);
	return rc;
}

/* Linux before 3.15, or a build without them: nothing orders the waiters. */
static bool has_ofd_locks(void)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET
	};
	int fd = lf_has_ofd_locks() ?
			 lf_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, false) :
			 -EINVAL;
	int rc = fd < 0 ? fd : lf_getlk(fd, F_OFD_GETLK, &lock);

	if (fd >= 0)
		close(fd);
	return rc != -EINVAL;
}

/* FD may be one that only names a file (O_PATH). */
static int examine(int fd, struct lf_fs *fs)
{
	enum lf_filesystem kind = lf_filesystem(fd);
	int rc = lf_mount_read(fd, &fs->mount);

	if (rc < 0 && rc != -ENOTSUP)
		return rc;
	memcpy(fs->answers, usual[kind], sizeof(fs->answers));
	if (rc == -ENOTSUP) {
		/* Where mounts are not listed, kinds may be unknown too. */
		fs->answers[LF_FS_GLOBAL] = LF_FS_UNKNOWN;
		if (kind == LF_FILESYSTEM_LOCAL)
			fs->answers[LF_FS_SHARED] = LF_FS_UNKNOWN;
	} else if (kind == LF_FILESYSTEM_NETWORK) {
		fs->answers[LF_FS_GLOBAL] = is_global(&fs->mount);
	}
	if (fs->answers[LF_FS_ORDERED] != LF_FS_NO && !has_ofd_locks())
		fs->answers[LF_FS_ORDERED] = LF_FS_NO;
	if (lf_locks_by_lockf())
		fs->answers[LF_FS_PIDS] = LF_FS_NO;
	return 0;
}

static int open_parent(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int fd;

	if (!slash)
		return lf_open_directory(dirfd, ".");
	parent = strndup(path, slash > path ? (size_t)(slash - path) : 1);
	if (!parent)
		return -ENOMEM;
	fd = lf_open_directory(dirfd, parent);
	free(parent);
	return fd;
}

/* As many as Linux follows. */
#define MOST_LINKS 40

/*
 * The file, or the directory in which it will be: with a link to a missing file, that
 * in which LF_FOLLOW will create it.
 */
static int open_at(int dirfd, const char *path)
{
	int fd = lf_open_name(dirfd, path), parent;
	char target[PATH_MAX], name[PATH_MAX];

	if (fd != -ENOENT || *path == '\0')
		return fd;
	parent = open_parent(dirfd, path);
	for (int links = 0; parent >= 0 && links < MOST_LINKS; links++) {
		const char *slash = strrchr(path, '/');
		ssize_t length;

		/* PATH may be in the buffer that readlinkat() fills. */
		snprintf(name, sizeof(name), "%s", slash ? slash + 1 : path);
		length = readlinkat(parent, name, target, sizeof(target) - 1);
		if (length <= 0)
			break;
		target[length] = '\0';
		path = target;
		fd = open_parent(parent, path);
		close(parent);
		parent = fd;
	}
	return parent;
}

int lf_fs_examine(struct lf_fs **fs, const char *path)
{
	int fd = open_at(AT_FDCWD, path), rc;

	*fs = NULL;
	if (fd < 0)
		return fd;
	*fs = calloc(1, sizeof(**fs));
	rc = *fs ? examine(fd, *fs) : -ENOMEM;
	close(fd);
	if (rc < 0) {
		free(*fs);
		*fs = NULL;
	}
	return rc;
}

static int open_request(const struct lf_request *request)
{
	return request->fd >= 0 ? request->fd :
				  open_at(request->dirfd, request->path);
}

/* A FUSE server that keeps record locks may emulate flock(2) by them. */
int lf_fs_flock(const struct lf_request *request)
{
	int fd = open_request(request), rc = 1;

	if (fd < 0)
		return fd;
	switch (lf_filesystem(fd)) {
	case LF_FILESYSTEM_NETWORK:
		rc = network_flock(fd);
		break;
	case LF_FILESYSTEM_FUSE:
		rc = request->process_owned ? -ENOLCK : 1;
		break;
	default:
		break;
	}
	if (fd != request->fd)
		close(fd);
	return rc;
}

int lf_fs_require_global(const struct lf_request *request)
{
	int fd = open_request(request);
	struct lf_fs fs;
	bool is_fuse;
	int rc;

	if (fd < 0)
		return fd;
	is_fuse = lf_filesystem(fd) == LF_FILESYSTEM_FUSE;
	rc = examine(fd, &fs);
	if (fd != request->fd)
		close(fd);
	if (rc < 0)
		return rc;
	lf_mount_free(&fs.mount);
	/* Whether a FUSE server keeps a lock shows only once there is one. */
	return is_fuse || fs.answers[LF_FS_GLOBAL] == LF_FS_YES ? 0 : -ENOLCK;
}

enum lf_fs_answer lf_fs_has(const struct lf_fs *fs, enum lf_fs_property property)
{
	return fs && (unsigned)property < PROPERTIES ? fs->answers[property] :
						       LF_FS_UNKNOWN;
}

const char *lf_fs_type(const struct lf_fs *fs)
{
	return fs ? fs->mount.type : NULL;
}

const char *lf_fs_source(const struct lf_fs *fs)
{
	return fs ? fs->mount.source : NULL;
}

void lf_fs_free(struct lf_fs *fs)
{
	int saved_errno = errno;

	if (fs)
		lf_mount_free(&fs->mount);
	free(fs);
	errno = saved_errno;
}
