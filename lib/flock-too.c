/* SPDX-License-Identifier: 0BSD */
/*
 * LF_FLOCK: a lock of flock(2) beside the record locks.  On Linux the two kinds do
 * not exclude each other, and flock(1), file locks of Python's filelock, Rust and
 * Go, and HDF5 are of the other kind.  It belongs to the open file description, as
 * the body does, and so passes to COMMAND and to an adopter.
 *
 * It is acquired after the record locks, in which callers queue with their names, and
 * released before them: the next in that queue then finds it free.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>

/* How often each is tried, a millisecond apart, while the other is held. */
#define PATIENCE 5
#define PATIENCE_WITH_FLOCK 2

/* The caller takes EINVAL for a refusal of record locks. */
static int answer(int error)
{
	if (error == EWOULDBLOCK)
		return LF_BUSY;
	if (error == EINVAL || error == ENOSYS || error == ENOTSUP ||
	    error == EOPNOTSUPP)
		return -ENOLCK;
	return -error;
}

static int set_flock(struct lf_lock *lock, short type, int flags)
{
	int operation = type == F_RDLCK ? LOCK_SH : LOCK_EX;
	int rc = flock(lock->fd, operation | flags) == 0 ? LF_GOT :
							   answer(errno);

	/* A refused conversion drops it; another error leaves it. */
	if (rc >= 0)
		lock->marks.flock = rc == LF_GOT;
	return rc;
}

int lf_flock_try(struct lf_lock *lock)
{
	return lock->flock ? set_flock(lock, lock->type, LOCK_NB) : LF_GOT;
}

/* ---- Acquire, after step 4: with the record locks in hand */

/*
 * The kernel drops the flock of a killed holder after its record locks, a remover has
 * one for an instant, and a waiter that got it first gives it up soon.
 */
static int try_patiently(struct lf_lock *lock, bool waits)
{
	int rc = lf_flock_try(lock);

	for (int i = 0; rc == LF_BUSY && i < PATIENCE; i++) {
		rc = lf_poll_until(-1, lf_deadline(1));
		/* No signal interrupts a call that does not wait. */
		if (rc < 0 && !waits)
			rc = 0;
		if (rc == 0)
			rc = lf_flock_try(lock);
	}
	return lf_may_be_closed(lock) ? -EBADF : rc;
}

/* A holder drops its flock first, and its record locks in a moment. */
static int try_records_patiently(struct lf_lock *lock)
{
	int rc = lf_records_try(lock);

	for (int i = 0; rc == LF_BUSY && i < PATIENCE_WITH_FLOCK; i++) {
		rc = lf_poll_until(-1, lf_deadline(1));
		if (rc == 0)
			rc = lf_records_try(lock);
	}
	return rc;
}

static int wait_for_flock(struct lf_lock *lock)
{
	int rc;

	lf_wait_cancellable(true);
	rc = set_flock(lock, lock->type, 0);
	lf_wait_cancellable(false);
	/* A file server may grant an interrupted request later. */
	if (rc == -EINTR)
		lf_flock_give_up(lock);
	return rc;
}

/*
 * Waiters that will remove the file have a shared flock, their presence; so to wait
 * for it with the body in hand would be to wait for those that wait for the body.
 * Other programs may take the two locks in the other order.  So the call waits only
 * while it holds neither, and with one of them only tries for the other.
 */
int lf_flock_lock(const struct lf_request *request, enum lf_how how)
{
	struct lf_lock *lock = request->attempt;
	bool waits = how == LF_WAIT || how == LF_WAIT_BOUNDED;
	int rc;

	/* A server that keeps the body may see its lock in the flock. */
	if (!lf_body_is_listed(lock))
		return -EINVAL;
	while ((rc = try_patiently(lock, waits)) == LF_BUSY) {
		lf_records_give_back(lock);
		if (!waits)
			break;
		rc = wait_for_flock(lock);
		if (lf_may_be_closed(lock))
			return -EBADF;
		if (rc == LF_GOT)
			rc = try_records_patiently(lock);
		if (rc != LF_BUSY && rc != LF_REMOVER)
			break;
		lf_flock_give_up(lock);
		lf_records_give_back(lock);
		/* In the queue with those that have record locks only. */
		rc = lf_records_wait(request, how);
		if (rc != LF_GOT)
			break;
	}
	return rc;
}

/* ---- Convert */

/*
 * Linux drops the lock and then asks for the other, in one step if it is granted
 * (since 4.0).  A refused one is lost; the next moment it is free to share again,
 * unless the sharer in the way has gone and a waiter got it.
 */
int lf_flock_convert(struct lf_lock *lock, short type)
{
	int rc;

	if (!lock->flock)
		return LF_GOT;
	rc = set_flock(lock, type, LOCK_NB);
	if (rc == LF_BUSY && set_flock(lock, F_RDLCK, LOCK_NB) != LF_GOT)
		lock->marks.flock_is_lost = true;
	return rc;
}
