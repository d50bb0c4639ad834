/* Tag, body, presence: what each verb is to the kernel. */
#include "config.h"

#include "marks.h"

#include "handle.h"

#include <errno.h>
#include <limits.h>

static const struct os_range tag_range = { 0, 1 };
static const struct os_range body_range = { 1, 0 };
static const struct os_range whole_file = { 0, 0 };

/*
 * Where the lock of a remover ends, and that of a holder does not.  A program
 * that locks but a part of an empty file locks nothing beyond, and less than
 * 2 GiB is a number to all of them.
 */
#define REMOVERS_END 2000000000
#define HOLDERS_END 0

/*
 * On a network file system flock(2) may be a record lock in disguise and so
 * collide with ours, and a PID means nothing to the other machines.
 */
void marks_choose(struct lf_lock *lock, bool process_owned)
{
	enum os_filesystem fs = os_filesystem(lock->fd);
	bool local = fs != OS_FS_NETWORK && !process_owned;

	lock->marks = (struct marks){
		.process_owned = process_owned,
		.use_tag = local,
		.use_presence = local && !lock->keep && !lock->foreign,
		.doubtful = fs == OS_FS_FUSE && !process_owned,
	};
}

/* The ways of file systems to say that they have no record locks. */
static int without_locks(int rc)
{
	return rc == -ENOSYS || rc == -ENOTSUP || rc == -EOPNOTSUPP ? -ENOLCK :
								      rc;
}

/*
 * The flag goes up before the call: a close by another thread that falls
 * between the kernel's answer and a later assignment would be missed.
 */
static int take_tag(struct lf_lock *lock, enum os_wait wait)
{
	int rc;

	if (!lock->marks.use_tag)
		return 0;
	lock->marks.tag = true;
	rc = os_process_lock(lock->fd, lock->mode, tag_range, wait);
	if (rc < 0)
		lock->marks.tag = false;
	return without_locks(rc);
}

int tag_try(struct lf_lock *lock)
{
	return take_tag(lock, OS_NOWAIT);
}

int tag_wait(struct lf_lock *lock)
{
	return take_tag(lock, OS_WAIT);
}

void tag_drop(struct lf_lock *lock)
{
	if (!lock->marks.use_tag)
		return;
	os_process_lock(lock->fd, OS_UNLOCK, tag_range, OS_NOWAIT);
	lock->marks.tag = false;
}

/* -EINVAL: the kernel has no locks of an open file description, here. */
static int lock_body(const struct lf_lock *lock, enum os_lock how, off_t end,
		     enum os_wait wait)
{
	struct os_range range = lock->marks.process_owned ? whole_file :
							    body_range;
	int rc;

	if (end != HOLDERS_END)
		range.length = end - range.start;
	rc = lock->marks.process_owned ?
		     os_process_lock(lock->fd, how, range, wait) :
		     os_description_lock(lock->fd, how, range, wait);
	if (rc == -EINVAL && lock->marks.process_owned)
		return -ENOLCK;
	return without_locks(rc);
}

static int try_body(struct lf_lock *lock, enum os_lock mode, off_t end)
{
	int rc = lock_body(lock, mode, end, OS_NOWAIT);

	if (rc == 0)
		lock->marks.body = mode;
	return rc;
}

int body_try(struct lf_lock *lock, enum os_lock mode)
{
	return try_body(lock, mode, HOLDERS_END);
}

int body_try_to_remove(struct lf_lock *lock)
{
	return try_body(lock, OS_WRITE, REMOVERS_END);
}

int body_wait(struct lf_lock *lock, enum os_lock mode)
{
	int rc = lock_body(lock, mode, HOLDERS_END, OS_WAIT);

	if (rc == 0)
		lock->marks.body = mode;
	/* A replicated Gluster grants it later to whoever was interrupted. */
	if (rc == -EINTR)
		lock_body(lock, lock->marks.body, HOLDERS_END, OS_NOWAIT);
	return rc;
}

/* What belongs to the process may be another handle's too. */
void body_drop(struct lf_lock *lock)
{
	if (lock->marks.body != OS_UNLOCK &&
	    !(lock->marks.process_owned && handle_has_sibling(lock)))
		lock_body(lock, OS_UNLOCK, HOLDERS_END, OS_NOWAIT);
	lock->marks.body = OS_UNLOCK;
}

static unsigned long long last_of(struct os_range range)
{
	return range.length == 0 ?
		       ULLONG_MAX :
		       (unsigned long long)(range.start + range.length - 1);
}

/* Whether a lock is a remover's, or what it left of his own. */
static bool is_removers(unsigned long long first, unsigned long long last)
{
	return last == REMOVERS_END - 1 || first == REMOVERS_END;
}

bool lock_is_tag(const struct os_listed_lock *lock)
{
	return lock->type == OS_TYPE_POSIX && !lock->waits &&
	       lock->first == 0 && lock->last == 0;
}

bool lock_is_body(const struct os_listed_lock *lock)
{
	return lock->type == OS_TYPE_OFDLCK && !lock->waits &&
	       !is_removers(lock->first, lock->last);
}

int body_test(const struct lf_lock *lock, enum os_lock mode, pid_t *pid)
{
	struct os_range range = body_range;
	int rc = os_description_test(lock->fd, mode, &range, pid);

	if (rc == -EINVAL) {
		range = whole_file;
		rc = os_process_test(lock->fd, mode, &range, pid);
	}
	if (rc > 0)
		return is_removers((unsigned long long)range.start,
				   last_of(range)) ?
			       BODY_REMOVED :
			       BODY_HELD;
	return rc == -EINVAL ? -ENOLCK : without_locks(rc);
}

int body_owner(const struct lf_lock *lock, pid_t *pid)
{
	int rc = body_test(lock, OS_WRITE, pid);

	return rc == BODY_REMOVED ? 0 : rc;
}

bool body_held(const struct lf_lock *lock)
{
	pid_t pid;

	return body_owner(lock, &pid) > 0;
}

int tag_owner(const struct lf_lock *lock, pid_t *pid)
{
	struct os_range range = tag_range;

	return os_process_test(lock->fd, OS_WRITE, &range, pid);
}

bool body_is_kept(const struct lf_lock *lock)
{
	struct stat file = { .st_dev = lock->dev, .st_ino = lock->ino };

	return !lock->marks.doubtful || os_process_has_lock(0, &file, lock_is_body) > 0;
}

/* Refused while somebody removes the file: then it is gone in a moment. */
void presence_join(struct lf_lock *lock)
{
	if (lock->marks.use_presence)
		lock->marks.presence =
			os_flock(lock->fd, OS_FLOCK_SHARED) == 0;
}

/* Where flock(2) does not work nobody else has a presence either. */
bool presence_alone(struct lf_lock *lock)
{
	int rc;

	if (!lock->marks.use_presence)
		return true;
	rc = os_flock(lock->fd, OS_FLOCK_EXCLUSIVE);
	lock->marks.presence = rc == 0;
	return rc != -EWOULDBLOCK;
}

void presence_drop(struct lf_lock *lock)
{
	if (lock->marks.presence)
		os_flock(lock->fd, OS_FLOCK_UNLOCK);
	lock->marks.presence = false;
}
