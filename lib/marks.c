/* SPDX-License-Identifier: 0BSD */
/*
 * The three marks of a lock file, each as a few calls of fcntl(2) or flock(2):
 *
 *   tag       byte 0, owned by the process: shows its PID, queues the waiters
 *   body      bytes 1 to the end, owned by the open file description: the lock
 *   presence  flock(2), shared: "a waiter still needs this file"
 *
 * Where an open file description cannot own it, the body belongs to the process,
 * covers the whole file and is the tag too.  On a network file system the body
 * is alone.  protocol.c explains why they are what they are.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* Between two attempts where the kernel refuses to let a thread wait. */
#define MISJUDGED_PAUSE_MS 5

struct range {
	off_t start, length; /* length 0: up to the end */
};

static const struct range tag_range = { 0, 1 };
static const struct range body_range = { 1, 0 };
static const struct range whole_file = { 0, 0 };

/*
 * A remover's body has a gap here, a holder's has none: the lock before the gap,
 * which a refused caller meets first, ends in a way that no holder's does.  It is
 * a write lock, so that a process that may only read the file cannot take one
 * like it.  Any program, also one without large files, can express the number.
 */
#define GAP 2000000000

static const struct range before_gap = { 1, GAP - 1 };
static const struct range from_byte_0 = { 0, GAP };
static const struct range gap = { GAP, 1 };
static const struct range after_gap = { GAP + 1, 0 };

/*
 * On a network file system flock(2) may be emulated by a record lock, which
 * would collide with the body, and a PID means nothing to other machines.
 *
 * A file that another machine may share is never removed.  Whether the path still
 * names a file, a client answers from its cache: a waiter that gets the lock on a
 * file that another client has removed verifies it, and believes it is there.
 * Between two NFS clients 22 to 42 of 200 turns overlapped with removal, and none
 * without.
 *
 * FUSE with locks of the kernel excludes this machine alone, but another machine
 * may remove the file: then two processes here would hold two files.
 */
void lf_marks_choose(struct lf_lock *lock, bool process_owned)
{
	enum lf_filesystem fs = lf_filesystem(lock->fd);
	bool local = fs != LF_FILESYSTEM_NETWORK && !process_owned;
	bool fuse = fs == LF_FILESYSTEM_FUSE || fs == LF_FILESYSTEM_FUSE_DISK;
	bool shared = fs == LF_FILESYSTEM_NETWORK || fs == LF_FILESYSTEM_FUSE ||
		      (fuse && process_owned);

	lf_wait_on_local_file(fs == LF_FILESYSTEM_LOCAL);
	lock->marks = (struct lf_marks){
		.process_owned = process_owned,
		.use_tag = local,
		.use_presence = local && !shared && !lock->keep &&
				!lock->foreign,
		.may_leak = fuse && !process_owned,
		.never_remove = shared,
		.elsewhere = shared || (fuse && !process_owned),
		.verify_by_open = fs == LF_FILESYSTEM_NETWORK && !process_owned,
		.body = F_UNLCK,
	};
}

void lf_marks_own_file(struct lf_lock *lock)
{
	lock->foreign = false;
	lock->marks.use_presence = lock->marks.use_tag && !lock->keep &&
				  !lock->marks.never_remove;
}

/* A file system without record locks has several ways to say so. */
static int answer(int rc)
{
	if (rc == -EAGAIN)
		return LF_BUSY;
	if (rc == -ENOSYS || rc == -ENOTSUP || rc == -EOPNOTSUPP)
		return -ENOLCK;
	return rc;
}

static int set_lock(int fd, int command, short type, struct range range)
{
	bool waits = command == F_SETLKW || command == F_OFD_SETLKW;
	int rc;

	if (waits)
		lf_wait_cancellable(true);
	rc = lf_setlk(fd, command, type, range.start, range.length);
	if (waits)
		lf_wait_cancellable(false);
	/* No answer to a call that waits, but a file server may give it. */
	return waits && rc == -EAGAIN ? -EIO : answer(rc);
}

/*
 * The flag is set before the call: another thread's close, which drops the tag
 * and clears the flag, may come between the kernel's answer and a later
 * assignment.
 */
static int lock_tag(struct lf_lock *lock, int command)
{
	int rc;

	if (!lock->marks.use_tag)
		return LF_GOT;
	lock->marks.tag = true;
	rc = set_lock(lock->fd, command, lock->type, tag_range);
	if (rc != LF_GOT)
		lock->marks.tag = false;
	return rc;
}

int lf_tag_try(struct lf_lock *lock)
{
	return lock_tag(lock, F_SETLK);
}

int lf_tag_wait(struct lf_lock *lock)
{
	return lock_tag(lock, F_SETLKW);
}

void lf_tag_unlock(struct lf_lock *lock)
{
	if (!lock->marks.use_tag)
		return;
	set_lock(lock->fd, F_SETLK, F_UNLCK, tag_range);
	lock->marks.tag = false;
}

int lf_place_wait(struct lf_lock *lock)
{
	int rc;

	if (!lock->marks.use_tag)
		return LF_GOT;
	lock->marks.place = true;
	rc = set_lock(lock->fd, F_OFD_SETLKW, lock->type, tag_range);
	lock->marks.place = rc == LF_GOT;
	/* Replicated Gluster grants an interrupted request later. */
	if (rc == -EINTR)
		set_lock(lock->fd, F_OFD_SETLK, F_UNLCK, tag_range);
	return rc;
}

int lf_place_convert(struct lf_lock *lock)
{
	return set_lock(lock->fd, F_OFD_SETLK, lock->type, tag_range);
}

void lf_place_unlock(struct lf_lock *lock)
{
	if (lock->marks.place)
		set_lock(lock->fd, F_OFD_SETLK, F_UNLCK, tag_range);
	lock->marks.place = false;
}

/* -EINVAL: the system has no locks of an open file description here. */
static int lock_body(const struct lf_lock *lock, short type, bool wait)
{
	bool process = lock->marks.process_owned;
	struct range range = process ? whole_file : body_range;
	int rc;

	if (process)
		rc = set_lock(lock->fd, wait ? F_SETLKW : F_SETLK, type, range);
	else
		rc = set_lock(lock->fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, type,
			      range);
	return rc == -EINVAL && process ? -ENOLCK : rc;
}

int lf_body_try(struct lf_lock *lock, short type)
{
	int rc = lock_body(lock, type, false);

	if (rc == LF_GOT)
		lock->marks.body = type;
	return rc;
}

static bool is_locked(const struct lf_lock *lock, struct range range)
{
	struct flock other = {
		.l_type = F_WRLCK,
		.l_start = range.start,
		.l_len = range.length,
	};
	int command = lock->marks.process_owned ? F_GETLK : F_OFD_GETLK;

	return lf_getlk(lock->fd, command, &other) < 0 ||
	       other.l_type != F_UNLCK;
}

/*
 * By the description: a stray close of the program may drop the tag at any moment,
 * and is not noticed.  The tag of the own process would be in the way.
 */
static int exclude_byte_0(struct lf_lock *lock)
{
	int rc;

	if (!lock->marks.use_tag)
		return LF_GOT;
	rc = set_lock(lock->fd, F_OFD_SETLK, F_WRLCK, tag_range);
	if (rc == LF_GOT)
		lock->marks.place = true;
	return rc;
}

/*
 * The kernel joins neighbouring locks of one owner and type; so the gap is locked
 * for reading, and a reader of that very byte is asked for.
 */
static int exclude_all(struct lf_lock *lock)
{
	bool process = lock->marks.process_owned;
	int command = process ? F_SETLK : F_OFD_SETLK, rc;

	/* lockf(3) has no ranges like these, nor sharers that would be refused. */
	if (lf_locks_by_lockf())
		return lock_body(lock, F_WRLCK, false);
	rc = set_lock(lock->fd, command, F_WRLCK,
		      process ? from_byte_0 : before_gap);
	/* Without permission to read, a lock of that byte alone is only looked for. */
	if (rc == LF_GOT && lock->access != O_WRONLY)
		rc = set_lock(lock->fd, command, F_RDLCK, gap);
	if (rc == LF_GOT)
		rc = set_lock(lock->fd, command, F_WRLCK, after_gap);
	if (rc == LF_GOT && is_locked(lock, gap))
		rc = LF_BUSY;
	return rc;
}

bool lf_body_is_exclusive(const struct lf_lock *lock)
{
	return lock->marks.body == F_WRLCK && !lock->marks.process_owned;
}

/* What belongs to the process, any close of the file may have dropped. */
static int exclude_all_by_body(const struct lf_lock *lock)
{
	return lf_body_is_exclusive(lock) ? LF_GOT :
					    lock_body(lock, F_WRLCK, false);
}

int lf_body_try_to_remove(struct lf_lock *lock)
{
	bool has_all = lock->marks.body == F_WRLCK;
	int rc = has_all ? exclude_all_by_body(lock) : exclude_all(lock);

	if (rc == LF_GOT)
		rc = exclude_byte_0(lock);
	/* Beside an exclusive tag of the parent no other program has byte 0. */
	if (rc == LF_BUSY && has_all && lf_tag_is_of_parent(lock))
		rc = LF_GOT;
	/* Refused halfway, there may be parts of it. */
	lock->marks.body = F_WRLCK;
	return rc;
}

int lf_body_wait(struct lf_lock *lock, short type)
{
	int rc = lock_body(lock, type, true);

	if (rc == LF_GOT)
		lock->marks.body = type;
	/* Replicated Gluster grants an interrupted request later. */
	if (rc == -EINTR)
		lock_body(lock, lock->marks.body, false);
	return rc;
}

/*
 * The kernel looks for deadlocks among processes only.  It may refuse to let a
 * thread wait for a body that belongs to the process, there is nothing else to
 * wait for, and it does not report when another thread has opened the circle.  So
 * it is tried again.
 */
int lf_body_wait_again(struct lf_lock *lock, short type,
		       const struct lf_claimant *claim)
{
	int rc;

	do {
		if (atomic_load(&claim->cancelled))
			return LF_CANCELLED;
		rc = lf_poll_until(-1, lf_deadline(MISJUDGED_PAUSE_MS));
		if (rc == 0)
			rc = lf_body_wait(lock, type);
	} while (rc == -EDEADLK);
	return rc;
}

/* With the place, in one step, which wakes the next in the queue last. */
void lf_body_unlock(struct lf_lock *lock)
{
	if (lock->marks.place)
		set_lock(lock->fd, F_OFD_SETLK, F_UNLCK, whole_file);
	else if (lock->marks.body != F_UNLCK)
		lock_body(lock, F_UNLCK, false);
	lock->marks.body = F_UNLCK;
	lock->marks.place = false;
}

static unsigned long long last_byte(const struct flock *lock)
{
	return lock->l_len == 0 ?
		       ULLONG_MAX :
		       (unsigned long long)(lock->l_start + lock->l_len - 1);
}

/*
 * The lock before the gap is known by both ends: one of another program may have
 * either.  The kernel joins it with that of byte 0.
 */
static bool is_before_gap(short type, unsigned long long first,
			  unsigned long long last)
{
	return type == F_WRLCK && first <= 1 && last == GAP - 1;
}

/* Before, in and after the gap. */
static bool is_of_remover(const struct lf_listed_lock *lock)
{
	return is_before_gap(lock->type, lock->first, lock->last) ||
	       (lock->type == F_RDLCK && lock->first == GAP) ||
	       (lock->type == F_WRLCK && lock->first == GAP + 1 &&
		lock->last == ULLONG_MAX);
}

static bool is_byte_0(const struct lf_listed_lock *lock)
{
	return lock->first == 0 && lock->last == 0;
}

bool lf_is_tag(const struct lf_listed_lock *lock)
{
	return lock->kind == LF_TYPE_POSIX && !lock->waits && is_byte_0(lock);
}

bool lf_is_body(const struct lf_listed_lock *lock)
{
	return lock->kind == LF_TYPE_OFDLCK && !lock->waits &&
	       !is_byte_0(lock) && !is_of_remover(lock);
}

bool lf_body_has_waiter(const struct lf_lock *lock)
{
	struct lf_file_id file = { lock->ino, lock->dev, false };
	struct lf_mounts mounts = { .is_read = false };
	unsigned long long mount;
	struct lf_lock_list list;
	struct lf_inode inode;
	bool has = false;

	lf_inode_of(lock->fd, &file, &inode, &mount);
	lf_inode_find_device(&inode, mount, &mounts);
	lf_mounts_free(&mounts);
	if (lf_list_locks(&list) < 0)
		return false;
	for (size_t i = 0; i < list.count && !has; i++)
		has = list.locks[i].kind == LF_TYPE_OFDLCK &&
		      list.locks[i].waits && !is_byte_0(&list.locks[i]) &&
		      lf_inode_is_same(&list.locks[i].inode, &inode);
	lf_lock_list_free(&list);
	return has;
}

static struct flock question(short type, struct range range)
{
	return (struct flock){
		.l_type = type,
		.l_start = range.start,
		.l_len = range.length,
	};
}

/* Of its owner, or 0: unknown. */
static pid_t pid_of(const struct flock *lock)
{
	return lock->l_pid > 0 ? lock->l_pid : 0;
}

int lf_body_test(const struct lf_lock *lock, short type, pid_t *pid)
{
	struct flock other = question(type, body_range);
	int rc = lf_getlk(lock->fd, F_OFD_GETLK, &other);

	if (rc == -EINVAL) {
		other = question(type, whole_file);
		rc = lf_getlk(lock->fd, F_GETLK, &other);
	}
	if (rc < 0)
		return rc == -EINVAL ? -ENOLCK : answer(rc);
	*pid = pid_of(&other);
	if (other.l_type == F_UNLCK)
		return LF_GOT;
	return is_before_gap(other.l_type, (unsigned long long)other.l_start,
			     last_byte(&other)) ?
		       LF_REMOVER :
		       LF_BUSY;
}

bool lf_body_is_free(const struct lf_lock *lock)
{
	struct flock other = question(F_WRLCK, body_range);

	return lf_getlk(lock->fd, F_GETLK, &other) == 0 &&
	       other.l_type == F_UNLCK;
}

bool lf_body_is_lost(const struct lf_lock *lock)
{
	bool process = lock->marks.process_owned;
	struct flock other =
		question(lock->type, process ? whole_file : body_range);

	return (lock->marks.never_remove || process) &&
	       lf_getlk(lock->fd, process ? F_GETLK : F_OFD_GETLK, &other) ==
		       0 &&
	       other.l_type != F_UNLCK;
}

int lf_tag_test(const struct lf_lock *lock, pid_t *pid)
{
	struct flock other = question(F_WRLCK, tag_range);
	int rc = lf_getlk(lock->fd, F_GETLK, &other);

	if (rc < 0)
		return rc;
	*pid = pid_of(&other);
	return other.l_type != F_UNLCK;
}

/*
 * Without the place of the own description.  A PID of 0 is outside of this PID
 * namespace; any may be that of another child that has adopted the lock.
 */
bool lf_tag_is_of_parent(const struct lf_lock *lock)
{
	struct flock other = question(F_WRLCK, tag_range);
	int command = lock->marks.place ? F_OFD_GETLK : F_GETLK;

	if (!lock->parent || lf_getlk(lock->fd, command, &other) < 0 ||
	    other.l_type == F_UNLCK || other.l_pid < 0)
		return false;
	return other.l_pid == 0 || other.l_pid == lock->parent ||
	       lock->parent < 0 || lf_description_owner(lock->fd) != getpid();
}

bool lf_tag_is_of_this_process(const struct lf_lock *lock)
{
	struct flock other = question(F_WRLCK, tag_range);

	return lf_getlk(lock->fd, F_OFD_GETLK, &other) == 0 &&
	       other.l_type != F_UNLCK && other.l_pid == getpid();
}

bool lf_body_is_listed(const struct lf_lock *lock)
{
	struct stat file = { .st_dev = lock->dev, .st_ino = lock->ino };

	return !lock->marks.may_leak ||
	       lf_process_has_lock(0, &file, lf_is_body) > 0;
}

/* Refused while a remover is at work: then the file is gone in a moment. */
void lf_presence_share(struct lf_lock *lock)
{
	if (lock->marks.use_presence)
		lock->marks.presence = flock(lock->fd, LOCK_SH | LOCK_NB) == 0;
}

/*
 * Linux converts by dropping the old lock first, so a refusal loses a shared
 * presence.  Where flock(2) does not work, no other has a presence either.
 */
bool lf_presence_is_alone(struct lf_lock *lock)
{
	if (!lock->marks.use_presence)
		return true;
	lock->marks.presence = flock(lock->fd, LOCK_EX | LOCK_NB) == 0;
	return lock->marks.presence || errno != EWOULDBLOCK;
}

void lf_presence_unlock(struct lf_lock *lock)
{
	if (lock->marks.presence)
		flock(lock->fd, LOCK_UN);
	lock->marks.presence = false;
}

void lf_flock_unlock(struct lf_lock *lock)
{
	if (lock->marks.flock)
		flock(lock->fd, LOCK_UN);
	lock->marks.flock = false;
}

void lf_flock_give_up(struct lf_lock *lock)
{
	lock->marks.flock = lock->flock;
	lf_flock_unlock(lock);
}
