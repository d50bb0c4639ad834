/* SPDX-License-Identifier: 0BSD */
/* The lock file itself: opened, verified to be at its path, removed. */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int lf_file_check_type(mode_t mode)
{
	return S_ISREG(mode) ? 0 :
	       S_ISLNK(mode) ? -ELOOP :
	       S_ISDIR(mode) ? -EISDIR :
			       -ENOTSUP;
}

/* open(2) refuses what is not a regular file in many ways; we have one. */
static int why_not_opened(const struct lf_request *request, int error)
{
	struct stat st;
	int why;

	if (fstatat(request->dirfd, request->path, &st,
		    request->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return error;
	why = lf_file_check_type(st.st_mode);
	return why < 0 ? why : error;
}

/*
 * An exclusive lock needs a descriptor open for writing, a shared one a
 * descriptor open for reading; both are wanted, one is enough.  In a sticky
 * directory Linux may refuse O_CREAT for a file of another user
 * (fs.protected_regular, 4.19).  Such a file can be locked, but is not ours to
 * remove, and neither is one that we may only read.
 */
static const int to_write[] = {
	O_RDWR | O_CREAT, O_WRONLY | O_CREAT, O_RDWR, O_WRONLY, -1,
};
static const int to_read[] = { O_RDWR | O_CREAT, O_RDWR, O_RDONLY, -1 };
static const int to_inspect[] = { O_RDONLY, -1 };

static bool is_allowed(int flags, const struct lf_request *request)
{
	return !((flags & O_CREAT) && !request->create) &&
	       !((flags & O_ACCMODE) == O_WRONLY && request->pidfile);
}

/* Whether weaker flags may be granted. */
static bool may_weaken(int fd, const struct lf_request *request)
{
	return fd == -EACCES ||
	       (request->type == F_RDLCK &&
		(fd == -EROFS || fd == -EPERM || fd == -ETXTBSY));
}

/*
 * Neither waits for a FIFO or device, nor follows a link, nor gets a terminal.
 *
 * In the directory from which it may be removed: the path may lead to another one
 * by now, and a file created there would be left.
 */
static int open_in_turn(struct lf_lock *lock, const struct lf_request *request,
			bool above_stdio, int *first)
{
	const bool in_parent = lock->dirfd >= 0;
	const int dirfd = in_parent ? lock->dirfd : request->dirfd;
	const char *path = in_parent ? lock->name : request->path;
	const int *flags = request->inspects		? to_inspect :
			   request->type == F_RDLCK ? to_read :
							      to_write;
	const int always = O_NONBLOCK | O_NOCTTY |
			   (request->follow ? 0 : O_NOFOLLOW);
	int fd = 0;

	*first = 0;
	for (; *flags >= 0; flags++) {
		if (!is_allowed(*flags, request))
			continue;
		fd = lf_open(dirfd, path, *flags | always, request->mode,
			     above_stdio);
		if (*first == 0)
			*first = fd;
		lock->access = *flags & O_ACCMODE;
		lock->cannot_remove = lock->access == O_RDONLY ||
				      (request->create && !(*flags & O_CREAT));
		if (!may_weaken(fd, request))
			break;
	}
	return fd;
}

#define MOST_OPENED 5

/*
 * Refused with O_CREAT, missing without: it may not be created; or it was another
 * user's in a sticky directory, and has been removed in between.
 */
static int open_file(struct lf_lock *lock, const struct lf_request *request,
		     bool above_stdio)
{
	int fd, first, tries = 0;

	do {
		fd = open_in_turn(lock, request, above_stdio, &first);
	} while (fd == -ENOENT && first == -EACCES && ++tries < MOST_OPENED);
	return fd == -ENOENT ? first : fd;
}

static int open_parent(struct lf_lock *lock, int dirfd)
{
	char *slash = strrchr(lock->path, '/');
	int fd;

	if (!slash)
		return lf_open_directory(dirfd, ".");
	if (slash == lock->path)
		return lf_open_directory(dirfd, "/");
	*slash = '\0';
	fd = lf_open_directory(dirfd, lock->path);
	*slash = '/';
	return fd;
}

static bool is_listed(const struct lf_lock_list *leases, ino_t number)
{
	for (size_t i = 0; i < leases->lease_count; i++)
		if (leases->leases[i].inode.number == number)
			return true;
	return false;
}

/*
 * -EBUSY is a lease of another process, which the kernel ends after a while.  But
 * a file server may fail in the same way, and for ever: there it is a lease only
 * if the kernel lists one.
 */
static bool may_be_leased(struct lf_lock *lock, const struct lf_request *request)
{
	int fd = lf_open_name(request->dirfd, request->path);
	struct lf_lock_list leases;
	bool is_local, may;
	struct stat st;

	if (fd < 0)
		fd = open_parent(lock, request->dirfd);
	if (fd < 0)
		return true;
	is_local = lf_filesystem(fd) == LF_FILESYSTEM_LOCAL ||
		   fstat(fd, &st) < 0;
	close(fd);
	if (is_local || lf_list_leases(&leases) < 0)
		return true;
	may = is_listed(&leases, st.st_ino);
	lf_lock_list_free(&leases);
	return may;
}

/* The lease may have ended just before the list was read. */
static int open_unless_leased(struct lf_lock *lock,
			      const struct lf_request *request,
			      bool above_stdio)
{
	int fd = open_file(lock, request, above_stdio);

	if (fd != -EBUSY || may_be_leased(lock, request))
		return fd;
	fd = open_file(lock, request, above_stdio);
	return fd == -EBUSY ? -EIO : fd;
}

/*
 * Never below 3, where the program would take the file for a standard stream.
 * Closing the low one drops what this process has on the file; so where a handle
 * of ours holds it, or may get a lock of the process meanwhile, it is not even
 * opened.
 */
static int get_descriptor(struct lf_lock *lock,
			  const struct lf_request *request)
{
	bool in_use = lf_table_unpark(lock, request);
	int fd;

	if (lock->fd >= 0)
		return lock->fd;
	fd = open_unless_leased(lock, request,
				in_use || request->process_owned);
	if (fd >= 0 && fd <= STDERR_FILENO) {
		close(fd);
		fd = open_file(lock, request, true);
	}
	return fd < 0 ? why_not_opened(request, fd) : fd;
}

struct lf_lock *lf_lock_new(const struct lf_request *request)
{
	size_t length = strlen(request->path);
	struct lf_lock *lock = calloc(1, sizeof(*lock) + length + 1);
	const char *slash;

	if (!lock)
		return NULL;
	memcpy(lock->path, request->path, length + 1);
	slash = strrchr(lock->path, '/');
	lock->name = slash ? slash + 1 : lock->path;
	lock->generation = lf_generation();
	lock->thread = request->thread;
	lock->borrowed = request->fd >= 0;
	lock->follow = request->follow;
	lock->keep = request->keep;
	lock->pidfile = request->pidfile;
	lock->inspects = request->inspects;
	lock->type = request->type;
	lock->fd = request->fd;
	lock->dirfd = -1;
	return lock;
}

static int open_path(struct lf_lock *lock, const struct lf_request *request)
{
	size_t length = strlen(request->path);
	int rc = 0;

	if (length == 0)
		return -ENOENT;
	if (request->path[length - 1] == '/')
		return -EISDIR;
	/* A file that is kept, at an absolute path, is found again without it. */
	if (!request->inspects && (!request->keep || request->path[0] != '/'))
		lock->dirfd = rc = open_parent(lock, request->dirfd);
	/* To create a file may take long on a busy disk. */
	if (lock->dirfd >= 0 && lf_wait_is_helper())
		lf_wait_on_local_file(lf_filesystem(lock->dirfd) ==
				      LF_FILESYSTEM_LOCAL);
	if (rc >= 0)
		rc = lock->fd = get_descriptor(lock, request);
	return rc;
}

static int examine(struct lf_lock *lock, bool process_owned)
{
	struct stat st;
	int why;

	if (fstat(lock->fd, &st) < 0)
		return -errno;
	why = lf_file_check_type(st.st_mode);
	if (why < 0)
		return why;
	/* Before it is locked: a lock that the description has stays as it is. */
	if (lock->borrowed && st.st_nlink == 0)
		return -ESTALE;
	lock->dev = st.st_dev;
	lock->ino = st.st_ino;
	lock->foreign = lock->cannot_remove;
	lock->empty = st.st_size == 0;
	/* What is another's to remove is not ours to write to either. */
	if (lock->foreign)
		lock->pidfile = false;
	/* Under its other name it may be anything. */
	if (lock->pidfile && st.st_nlink > 1)
		return -EMLINK;
	if (st.st_size > 0 &&
	    !(lock->pidfile && lf_pidfile_check(lock) == 0))
		lock->foreign = true;
	lf_marks_choose(lock, process_owned);
	return 0;
}

/*
 * The content may have been the PID of the holder before, which has left the file
 * to the waiters: then one of them must remove it.  Had this one come a moment
 * later, it would have found the file empty.
 */
void lf_file_reconsider(struct lf_lock *lock)
{
	struct stat st;

	if (lock->foreign && !lock->keep && !lock->cannot_remove &&
	    fstat(lock->fd, &st) == 0 && st.st_size == 0)
		lf_marks_own_file(lock);
}

/* Another handle of this process may hold the file: then the descriptor is parked. */
static void undo_open(struct lf_lock *lock)
{
	struct stat st;

	if (lock->fd >= 0 && !lock->borrowed) {
		if (fstat(lock->fd, &st) == 0) {
			lock->dev = st.st_dev;
			lock->ino = st.st_ino;
			lock->marks.body = F_UNLCK;
			lf_table_add(lock);
			lf_table_close(lock);
			return;
		}
		close(lock->fd);
	}
	if (lock->dirfd >= 0)
		close(lock->dirfd);
	lf_table_unprepare(lock);
	free(lock);
}

/*
 * A sharer has the same locks as a sharer with a presence, the shared flock of which
 * excludes nobody.  The flags of the description are what lf_inspect() sees of it, and
 * a regular file, once open, needs no O_NONBLOCK.
 */
static int show_flock(const struct lf_lock *lock)
{
	int flags = fcntl(lock->fd, F_GETFL);

	if (flags < 0 || fcntl(lock->fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static int choose_flock(struct lf_lock *lock, const struct lf_request *request)
{
	int rc = lf_fs_flock(request);

	if (rc < 0)
		return rc;
	lock->flock = rc > 0;
	return 0;
}

static int open_once(struct lf_lock **opened, const struct lf_request *request)
{
	struct lf_lock *lock = lf_lock_new(request);
	int rc = 0;

	*opened = NULL;
	if (!lock)
		return -ENOMEM;
	rc = lf_table_prepare(lock);
	if (rc < 0) {
		free(lock);
		return rc;
	}
	if (request->global)
		rc = lf_fs_require_global(request);
	if (rc >= 0 && request->flock)
		rc = choose_flock(lock, request);
	if (rc >= 0 && !lock->borrowed)
		rc = open_path(lock, request);
	if (rc >= 0 && !lock->borrowed && lock->flock)
		rc = show_flock(lock);
	if (rc >= 0)
		rc = examine(lock, request->process_owned);
	if (rc < 0) {
		undo_open(lock);
		return rc;
	}
	lf_table_add(lock);
	*opened = lock;
	return 0;
}

bool lf_file_forget_names(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash ? strndup(path, (size_t)(slash - path + 1)) :
			       strdup(".");
	bool is_remote;
	int fd;

	if (!parent)
		return false;
	fd = lf_open(dirfd, parent, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0,
		     false);
	free(parent);
	if (fd < 0)
		return false;
	is_remote = lf_filesystem(fd) != LF_FILESYSTEM_LOCAL;
	close(fd);
	return is_remote;
}

int lf_file_open(struct lf_lock **opened, const struct lf_request *request)
{
	int rc = open_once(opened, request);

	/* To a client a new file may be missing, and a removed one be there. */
	if ((rc == -ENOENT || rc == -ESTALE) && request->fd < 0 &&
	    lf_file_forget_names(request->dirfd, request->path))
		rc = open_once(opened, request);
	return rc;
}

/* Not where a lock belongs to the process: the close would drop it. */
static int stat_past_cache(const struct lf_lock *lock, int dirfd,
			   const char *path, struct stat *st)
{
	int fd, rc;

	lf_file_forget_names(dirfd, path);
	fd = lf_open(dirfd, path,
		     lock->access | O_NONBLOCK | O_NOCTTY |
			     (lock->follow ? 0 : O_NOFOLLOW),
		     0, false);
	if (fd < 0)
		return fd;
	rc = fstat(fd, st) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int stat_path(const struct lf_lock *lock, int dirfd, const char *path,
		     struct stat *st)
{
	if (lock->marks.verify_by_open)
		return stat_past_cache(lock, dirfd, path, st);
	return fstatat(dirfd, path, st,
		       lock->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int has_any_name(const struct lf_lock *lock)
{
	struct stat st;

	if (fstat(lock->fd, &st) < 0)
		return -errno;
	return st.st_nlink == 0 ? -ESTALE : 0;
}

int lf_file_is_at(const struct lf_lock *lock, int dirfd, const char *path)
{
	struct stat st;
	int rc;

	if (lock->borrowed)
		return has_any_name(lock);
	rc = stat_path(lock, dirfd, path, &st);
	if (rc < 0) /* ELOOP: a symbolic link has taken its place */
		return rc == -ENOENT || rc == -ENOTDIR || rc == -ELOOP ?
			       -ESTALE :
			       rc;
	return st.st_dev == lock->dev && st.st_ino == lock->ino ? 0 : -ESTALE;
}

static int is_in_directory(const struct lf_lock *lock)
{
	return lock->dirfd >= 0 ?
		       lf_file_is_at(lock, lock->dirfd, lock->name) :
		       -EACCES;
}

/* By an absolute path, of which the program cannot lose a descriptor. */
static int find_directory(struct lf_lock *lock)
{
	int fd = open_parent(lock, AT_FDCWD), rc;

	if (fd < 0)
		return fd;
	rc = lf_file_is_at(lock, fd, lock->name);
	if (rc == 0)
		lock->dirfd = fd; /* the number that it was is not ours */
	else
		close(fd);
	return rc;
}

/* -EACCES: in which directory it should be is unknown, or that cannot be searched. */
static int look_in_directory(struct lf_lock *lock)
{
	int rc = is_in_directory(lock);

	if (rc == 0 || lock->dirfd < 0 || lf_has_its_directory(lock))
		return rc;
	rc = lock->path[0] == '/' ? find_directory(lock) : -EACCES;
	return rc == 0 || rc == -ESTALE ? rc : -EACCES;
}

int lf_file_verify_name(struct lf_lock *lock)
{
	int rc = look_in_directory(lock);

	/* An adopter that is another user may not be able to search the directory. */
	return rc == -EACCES ? has_any_name(lock) : rc;
}

int lf_file_verify(const struct lf_lock *lock)
{
	bool is_absolute = lock->path[0] == '/';
	int rc = is_in_directory(lock);

	if (rc < 0 && !lf_has_its_directory(lock))
		rc = is_absolute ? 0 : has_any_name(lock);
	if (rc == 0 && is_absolute)
		rc = lf_file_is_at(lock, AT_FDCWD, lock->path);
	return rc;
}

int lf_file_unlink(struct lf_lock *lock)
{
	switch (look_in_directory(lock)) {
	case 0:
		break;
	case -ESTALE:
		return LF_REPLACED;
	case -EACCES:
		return has_any_name(lock) == -ESTALE ? LF_REPLACED : LF_LEFT;
	default:
		return LF_LEFT;
	}
	if (lock->empty && (unlinkat(lock->dirfd, lock->name, 0) == 0 ||
			    errno == ENOENT)) {
		/* It is a number of this directory; but a daemon may have closed ours. */
		if (!lock->parent && !lf_table_has_directory_too(lock))
			close(atomic_exchange(&lock->dirfd, -1));
		return 0;
	}
	return LF_LEFT;
}

bool lf_file_is_open(const struct lf_lock *lock)
{
	struct stat st;

	return lf_has_its_descriptor(lock, &st);
}

bool lf_file_examine(struct lf_lock *lock)
{
	struct stat st;
	bool is = lf_has_its_descriptor(lock, &st);

	lock->empty = is && st.st_size == 0;
	return is;
}
