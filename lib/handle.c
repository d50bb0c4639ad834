/* One handle, and the table of all that this process has. */
#include "config.h"

#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 64

static struct lf_lock *table[BUCKETS];
static size_t handles;

static struct lf_lock **bucket(ino_t ino)
{
	return &table[ino % BUCKETS];
}

static void table_add(struct lf_lock *lock)
{
	struct lf_lock **head = bucket(lock->ino);

	lock->next = *head;
	*head = lock;
	handles++;
}

static void table_remove(struct lf_lock *lock)
{
	struct lf_lock **at = bucket(lock->ino);

	while (*at != lock)
		at = &(*at)->next;
	*at = lock->next;
	handles--;
}

/* The handles of a process on a file; those that fork copied do not count. */
struct file {
	dev_t dev;
	ino_t ino;
	pid_t pid;
};

static bool is_on(const struct lf_lock *lock, const struct file *file)
{
	return lock->dev == file->dev && lock->ino == file->ino &&
	       lock->pid == file->pid;
}

static struct file file_of(const struct lf_lock *lock)
{
	return (struct file){ lock->dev, lock->ino, lock->pid };
}

static struct lf_lock *find(const struct file *file, enum state state)
{
	struct lf_lock *lock = *bucket(file->ino);

	while (lock && !(is_on(lock, file) && lock->state == state))
		lock = lock->next;
	return lock;
}

static bool is_held(const struct file *file)
{
	return find(file, HOLDING) || find(file, CLAIMED);
}

static void forget_tag(const struct file *file)
{
	for (struct lf_lock *lock = *bucket(file->ino); lock; lock = lock->next)
		if (is_on(lock, file))
			lock->marks.tag = false;
}

/* Closing drops the tag of the process: whoever counts on it is told after. */
static void close_for_good(struct lf_lock *lock, const struct file *file)
{
	close(lock->fd);
	forget_tag(file);
	free(lock);
}

static void close_parked(const struct file *file)
{
	struct lf_lock *parked;

	while ((parked = find(file, PARKED)) != NULL) {
		table_remove(parked);
		close_for_good(parked, file);
	}
}

void handle_close(struct lf_lock *lock)
{
	struct file file = file_of(lock);

	if (lock->dir >= 0)
		close(lock->dir);
	lock->dir = -1;
	file.pid = getpid(); /* not LOCK's in a forked child */

	os_mutex_lock();
	table_remove(lock);
	if (is_held(&file)) {
		lock->state = PARKED;
		lock->pid = file.pid;
		table_add(lock);
	} else {
		close_for_good(lock, &file);
		close_parked(&file);
	}
	os_condition_wake();
	os_mutex_unlock();
}

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

	if (fstatat(rq->dirfd, rq->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error;
	why = handle_why_not_regular(st.st_mode);
	return why < 0 ? why : error;
}

/*
 * A lock for writing needs a descriptor open for writing; reading is wanted but
 * can be done without.  In a sticky directory Linux may refuse O_CREAT for a
 * file of another that is there (fs.protected_regular, 4.19): such a file can
 * be locked, but is not ours to remove.
 */
static int open_file(struct lf_lock *lock, const struct request *rq, bool above)
{
	static const struct {
		enum os_access access;
		bool create;
	} way[] = {
		{ OS_READ_WRITE, true },
		{ OS_WRITE_ONLY, true },
		{ OS_READ_WRITE, false },
		{ OS_WRITE_ONLY, false },
	};
	size_t i, first = rq->create ? 0 : 2;

	if (rq->look)
		return os_open(rq->dirfd, rq->path, OS_READ_ONLY, false, 0,
			       above);
	for (i = first; i < sizeof(way) / sizeof(way[0]); i++) {
		int fd = os_open(rq->dirfd, rq->path, way[i].access,
				 way[i].create, rq->mode, above);

		lock->foreign = rq->create && !way[i].create;
		if (fd >= 0 || (fd != -EACCES && i == first))
			return fd;
	}
	return -EACCES;
}

static bool table_is_empty(void)
{
	bool empty;

	os_mutex_lock();
	empty = handles == 0;
	os_mutex_unlock();
	return empty;
}

/* A descriptor that was parked, so that they do not grow without bound. */
static int take_parked(const struct request *rq, bool *known)
{
	struct lf_lock *parked;
	struct file file;
	struct stat st;
	int fd = -1;

	*known = false;
	if (table_is_empty() ||
	    fstatat(rq->dirfd, rq->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	file = (struct file){ st.st_dev, st.st_ino, getpid() };

	os_mutex_lock();
	*known = is_held(&file);
	parked = rq->look ? NULL : find(&file, PARKED);
	if (parked) {
		table_remove(parked);
		fd = parked->fd;
		free(parked);
	}
	os_mutex_unlock();
	return fd;
}

/*
 * Never below 3, where the program would take the file for a standard stream.
 * The low one may be closed only if no holder is hurt, so for a file that is
 * known here it is not even opened.
 */
static int get_descriptor(struct lf_lock *lock, const struct request *rq)
{
	bool above;
	int fd = take_parked(rq, &above);

	if (fd >= 0)
		return fd;
	fd = open_file(lock, rq, above);
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

static struct lf_lock *new_handle(const char *path, size_t length)
{
	struct lf_lock *lock = calloc(1, sizeof(*lock) + length + 1);
	const char *slash;

	if (!lock)
		return NULL;
	memcpy(lock->path, path, length + 1);
	slash = strrchr(lock->path, '/');
	lock->name = slash ? slash + 1 : lock->path;
	lock->pid = getpid();
	lock->thread = os_thread_self();
	lock->fd = -1;
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
	lock->foreign |= st.st_size > 0;
	marks_choose(lock, process_owned);
	return 0;
}

int handle_open(struct lf_lock **opened, const struct request *rq)
{
	size_t length = strlen(rq->path);
	struct lf_lock *lock;
	int rc = 0;

	*opened = NULL;
	if (length == 0)
		return -ENOENT;
	if (rq->path[length - 1] == '/')
		return -EISDIR;
	lock = new_handle(rq->path, length);
	if (!lock)
		return -ENOMEM;
	lock->keep = rq->keep;

	/* A kept file at an absolute path is found again without it. */
	if (!rq->look && (!rq->keep || rq->path[0] != '/'))
		rc = lock->dir = open_parent(lock, rq);
	if (rc >= 0)
		rc = lock->fd = get_descriptor(lock, rq);
	if (rc >= 0)
		rc = look_at_file(lock, rq->process_owned);
	if (rc < 0)
		goto fail;

	os_mutex_lock();
	table_add(lock);
	os_mutex_unlock();
	*opened = lock;
	return 0;

fail:
	if (lock->fd >= 0)
		close(lock->fd);
	if (lock->dir >= 0)
		close(lock->dir);
	free(lock);
	return rc;
}

int path_is_ours(const struct lf_lock *lock, int dirfd, const char *path)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
	return st.st_dev == lock->dev && st.st_ino == lock->ino ? 0 : -ESTALE;
}

/* With the mutex held. */
static int enter(struct lf_lock *lock, enum os_wait wait)
{
	struct file file = file_of(lock);
	struct lf_lock *other;

	while ((other = find(&file, HOLDING)) != NULL ||
	       (other = find(&file, CLAIMED)) != NULL) {
		if (other->thread == lock->thread)
			return wait == OS_WAIT ? -EDEADLK : -EAGAIN;
		if (!lock->marks.process_owned)
			return 0;
		if (wait == OS_NOWAIT)
			return -EAGAIN;
		os_condition_wait();
	}
	if (lock->marks.process_owned)
		lock->state = CLAIMED;
	return 0;
}

int handle_enter(struct lf_lock *lock, enum os_wait wait)
{
	int rc;

	os_mutex_lock();
	rc = enter(lock, wait);
	os_mutex_unlock();
	return rc;
}

void handle_hold(struct lf_lock *lock)
{
	os_mutex_lock();
	if (!lock->marks.tag)
		tag_try(lock);
	lock->state = HOLDING;
	os_mutex_unlock();
}

void handle_untag(struct lf_lock *lock)
{
	struct file file = file_of(lock);

	os_mutex_lock();
	if (!is_held(&file)) {
		tag_drop(lock);
		forget_tag(&file);
	}
	os_mutex_unlock();
}

bool thread_holds_any(void)
{
	os_thread self = os_thread_self();
	pid_t pid = getpid();
	bool found = false;

	os_mutex_lock();
	for (size_t i = 0; i < BUCKETS && !found; i++)
		for (struct lf_lock *lock = table[i]; lock && !found;
		     lock = lock->next)
			found = lock->state == HOLDING && lock->pid == pid &&
				lock->thread == self;
	os_mutex_unlock();
	return found;
}

bool process_holds(const struct stat *st)
{
	struct file file = { st->st_dev, st->st_ino, getpid() };
	bool held;

	os_mutex_lock();
	held = find(&file, HOLDING) != NULL;
	os_mutex_unlock();
	return held;
}
