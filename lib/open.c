/* Opening a lock file: a handle with a descriptor of a regular file. */
#include "config.h"

#include "handle.h"

#include "stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int handle_why_not_regular(mode_t mode)
{
	return S_ISREG(mode) ? 0 :
	       S_ISLNK(mode) ? -ELOOP :
	       S_ISDIR(mode) ? -EISDIR :
			       -ENOTSUP;
}

/* open(2) has many ways to refuse what is no regular file; we have one. */
static int why_not_opened(const struct request *rq, int error)
{
	struct stat st;
	int why;

	if (fstatat(rq->dirfd, rq->path, &st,
		    rq->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return error;
	why = handle_why_not_regular(st.st_mode);
	return why < 0 ? why : error;
}

/*
 * A lock for writing needs a descriptor open for writing, one for reading one
 * open for reading; both are wanted but can be done without.  In a sticky
 * directory Linux may refuse O_CREAT for a file of another that is there
 * (fs.protected_regular, 4.19): such a file can be locked, but is not ours to
 * remove, and neither is one that we may only read.
 */
struct way {
	enum os_access access;
	unsigned create;
};

static const struct way to_write[] = {
	{ OS_READ_WRITE, OS_CREATE },
	{ OS_WRITE_ONLY, OS_CREATE },
	{ OS_READ_WRITE, 0 },
	{ OS_WRITE_ONLY, 0 },
	{ 0, 0 },
}, to_read[] = {
	{ OS_READ_WRITE, OS_CREATE },
	{ OS_READ_WRITE, 0 },
	{ OS_READ_ONLY, 0 },
	{ 0, 0 },
}, to_look[] = {
	{ OS_READ_ONLY, 0 },
	{ 0, 0 },
};

static bool is_possible(const struct way *way, const struct request *rq)
{
	return !(way->create && !rq->create) &&
	       !(way->access == OS_WRITE_ONLY && rq->stamp);
}

/* Whether another way of opening may be granted. */
static bool may_do_with_less(int fd, const struct request *rq)
{
	return fd == -EACCES ||
	       (rq->lock == OS_READ &&
		(fd == -EROFS || fd == -EPERM || fd == -ETXTBSY));
}

static int open_file(struct lf_lock *lock, const struct request *rq, bool above)
{
	const struct way *way = rq->look	    ? to_look :
				rq->lock == OS_READ ? to_read :
						      to_write;
	unsigned how = (above ? OS_ABOVE_STDIO : 0u) |
		       (rq->follow ? OS_FOLLOW : 0u);
	int fd = 0, first = 0;

	for (; way->access; way++) {
		if (!is_possible(way, rq))
			continue;
		fd = os_open(rq->dirfd, rq->path, way->access,
			     how | way->create, rq->mode);
		if (first == 0)
			first = fd;
		lock->access = way->access;
		lock->foreign = way->access == OS_READ_ONLY ||
				(rq->create && !way->create);
		if (!may_do_with_less(fd, rq))
			break;
	}
	/* Refused with O_CREAT, and not there without: it may not be made. */
	return fd == -ENOENT ? first : fd;
}

/*
 * Never below 3, where the program would take the file for a standard stream.
 * To close the low one drops what this process has on the file, so that where a
 * handle of ours holds it, or may get a lock of the process meanwhile, it is not
 * even opened.
 */
static int get_descriptor(struct lf_lock *lock, const struct request *rq)
{
	bool held = handle_unpark(lock, rq);
	int fd;

	if (lock->fd >= 0)
		return lock->fd;
	fd = open_file(lock, rq, held || rq->process_owned);
	if (fd >= 0 && fd <= STDERR_FILENO) {
		close(fd);
		fd = open_file(lock, rq, true);
	}
	return fd < 0 ? why_not_opened(rq, fd) : fd;
}

static int open_parent(struct lf_lock *lock, const struct request *rq)
{
	char *slash = strrchr(lock->path, '/');
	int fd;

	if (!slash)
		return os_open_directory(rq->dirfd, ".");
	if (slash == lock->path)
		return os_open_directory(rq->dirfd, "/");
	*slash = '\0';
	fd = os_open_directory(rq->dirfd, lock->path);
	*slash = '/';
	return fd;
}

struct lf_lock *handle_new(const struct request *rq)
{
	size_t length = strlen(rq->path);
	struct lf_lock *lock = calloc(1, sizeof(*lock) + length + 1);
	const char *slash;

	if (!lock)
		return NULL;
	memcpy(lock->path, rq->path, length + 1);
	slash = strrchr(lock->path, '/');
	lock->name = slash ? slash + 1 : lock->path;
	lock->pid = getpid();
	lock->thread = rq->thread;
	lock->borrowed = rq->fd >= 0;
	lock->follow = rq->follow;
	lock->keep = rq->keep;
	lock->stamp = rq->stamp;
	lock->look = rq->look;
	lock->mode = rq->lock;
	lock->fd = rq->fd;
	lock->dir = -1;
	return lock;
}

static int look_at_file(struct lf_lock *lock, bool process_owned)
{
	struct stat st;
	int why;

	if (fstat(lock->fd, &st) < 0)
		return -errno;
	why = handle_why_not_regular(st.st_mode);
	if (why < 0)
		return why;
	lock->dev = st.st_dev;
	lock->ino = st.st_ino;
	/* What is another's to remove is not ours to write to either. */
	if (lock->foreign)
		lock->stamp = false;
	if (st.st_size > 0 && !(lock->stamp && stamp_check(lock) == 0))
		lock->foreign = true;
	marks_choose(lock, process_owned);
	return 0;
}

static int open_path(struct lf_lock *lock, const struct request *rq)
{
	size_t length = strlen(rq->path);
	int rc = 0;

	if (length == 0)
		return -ENOENT;
	if (rq->path[length - 1] == '/')
		return -EISDIR;
	/* A kept file at an absolute path is found again without it. */
	if (!rq->look && (!rq->keep || rq->path[0] != '/'))
		rc = lock->dir = open_parent(lock, rq);
	if (rc >= 0)
		rc = lock->fd = get_descriptor(lock, rq);
	return rc;
}

int handle_open(struct lf_lock **opened, const struct request *rq)
{
	struct lf_lock *lock = handle_new(rq);
	int rc = 0;

	*opened = NULL;
	if (!lock)
		return -ENOMEM;
	if (!lock->borrowed)
		rc = open_path(lock, rq);
	if (rc >= 0)
		rc = look_at_file(lock, rq->process_owned);
	if (rc < 0)
		goto fail;

	handle_enter_table(lock);
	*opened = lock;
	return 0;

fail:
	if (lock->fd >= 0 && !lock->borrowed)
		close(lock->fd);
	if (lock->dir >= 0)
		close(lock->dir);
	free(lock);
	return rc;
}

int path_is_ours(const struct lf_lock *lock, int dirfd, const char *path)
{
	struct stat st;

	if (lock->borrowed)
		return fstat(lock->fd, &st) < 0 ? -errno :
		       st.st_nlink == 0		? -ESTALE :
						  0;
	if (fstatat(dirfd, path, &st, lock->follow ? 0 : AT_SYMLINK_NOFOLLOW) <
	    0)
		return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
	return st.st_dev == lock->dev && st.st_ino == lock->ino ? 0 : -ESTALE;
}

int handle_verify(const struct lf_lock *lock)
{
	int rc = 0;

	if (lock->dir >= 0)
		rc = path_is_ours(lock, lock->dir, lock->name);
	if (rc == 0 && lock->path[0] == '/')
		rc = path_is_ours(lock, AT_FDCWD, lock->path);
	return rc;
}
