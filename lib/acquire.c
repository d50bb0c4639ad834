/*
 * The protocol forwards: open, presence (only if we may wait), tag, body; then,
 * if the path no longer names what was locked, undo and start over.
 *
 * The tag comes before the body so that others who look meet a PID first and
 * waiters queue where PIDs show.  Safety rests on the body alone.
 */
#include "config.h"

#include "acquire.h"

#include "release.h"
#include "stamp.h"

#include <errno.h>

/* Who removes a file has done so in a moment, unless he is stopped. */
#define REMOVALS 10000

/* A file system that says ESTALE each time is an error, not contention. */
#define STALE_ANSWERS 8

/* Between two attempts of who cannot wait in the kernel. */
#define MISJUDGED_MS 5

/* No error: what was locked is not what is to be.  This alone has no bound. */
#define START_OVER 1

/* No error: nobody is in the way but who removes the file, if he still is. */
#define REMOVAL 2

static bool is_removed_just_now(const struct lf_lock *lock)
{
	pid_t pid;
	int body = body_test(lock, lock->mode, &pid);

	return body == BODY_FREE || body == BODY_REMOVED;
}

/*
 * -EAGAIN: held, by the word of the tag or, with the tag in hand, of the body.
 * Among those who share, the tag may be a waiter's for a moment, or a parent's
 * from before its child made the lock shared: only the body tells.
 */
static int lock_now(struct lf_lock *lock)
{
	int rc = handle_has_sibling_in_other_mode(lock) ? 0 : tag_try(lock);

	if (rc == -EAGAIN && lock->mode == OS_READ)
		rc = 0;
	if (rc < 0)
		return rc;
	rc = body_try(lock, lock->mode);
	return rc == -EAGAIN && is_removed_just_now(lock) ? REMOVAL : rc;
}

/*
 * The kernel judges deadlock by process (fcntl(2), BUGS).  A thread that holds
 * nothing closes no cycle.
 */
static bool is_misjudged(const struct lf_lock *lock, int rc)
{
	return rc == -EDEADLK && !thread_holds_any(lock->thread);
}

/*
 * The body has no such judge, unless it belongs to the process too.  Then there
 * is nothing else to wait for, and nobody tells when another thread or another
 * process has opened the circle.
 */
static int wait_for_body(struct lf_lock *lock)
{
	int rc = body_wait(lock, lock->mode);

	while (is_misjudged(lock, rc)) {
		rc = os_poll_until(-1, os_deadline(MISJUDGED_MS));
		if (rc == 0)
			rc = body_wait(lock, lock->mode);
	}
	return rc;
}

static int lock_wait(struct lf_lock *lock)
{
	int rc;

	presence_join(lock);
	/* The tag is the process's, and a sibling needs it as it is. */
	if (handle_has_sibling_in_other_mode(lock))
		return wait_for_body(lock);
	rc = tag_wait(lock);
	if (is_misjudged(lock, rc))
		return wait_for_body(lock);
	if (rc < 0)
		return rc;
	rc = body_try(lock, lock->mode);
	if (rc != -EAGAIN)
		return rc;
	/* The holder has lost its tag.  Ours would name a waiter. */
	handle_untag(lock);
	return wait_for_body(lock);
}

static int lock_and_verify(struct lf_lock *lock, const struct request *rq,
			   enum os_wait wait)
{
	int rc = wait == OS_WAIT ? lock_wait(lock) : lock_now(lock);
	int stale;

	if (rc < 0 && rc != -EAGAIN)
		return rc;
	stale = path_is_ours(lock, rq->dirfd, rq->path);
	if (stale == -ESTALE && !lock->borrowed)
		return START_OVER;
	if (stale < 0)
		return stale;
	if (rc == 0 && !body_is_kept(lock))
		return -EINVAL;
	return rc;
}

static int stamp(struct lf_lock *lock)
{
	int rc = lock->stamp ? stamp_write(lock) : 0;

	/* What was content of others when it was opened is ours now. */
	if (rc == 0 && lock->stamp)
		lock->foreign = false;
	return rc;
}

/*
 * Who waited, or had the body, leaves like a holder, with or without presence:
 * others may have left the file to him.  A refused no-waiter just closes: to
 * clean up would refuse the next one, where lockf(3) does not tell who removes.
 * Who starts over finds the file gone, as a rule; but if its directory was
 * renamed it is there still, and left to him.
 */
static void give_up(struct lf_lock *lock, int reason, enum os_wait wait)
{
	bool counted = wait == OS_WAIT ||
		       (lock->marks.body != OS_UNLOCK && reason != START_OVER);

	body_drop(lock);
	/* The lock of the process is a sibling's still: it will leave. */
	if (lock->marks.process_owned && handle_has_sibling(lock))
		counted = false;
	if (!counted || lock->keep || lock->foreign ||
	    (reason == START_OVER &&
	     path_is_ours(lock, lock->dir, lock->name) < 0))
		drop(lock);
	else
		leave(lock);
}

int acquire(struct lf_lock **acquired, struct request *rq, enum os_wait wait)
{
	int removals = 0, stale = 0;

	for (;;) {
		struct lf_lock *lock;
		int rc = handle_open(&lock, rq);

		if (rc == -ESTALE && ++stale < STALE_ANSWERS)
			continue;
		if (rc < 0)
			return rc;
		rc = handle_enter(lock, lock->mode, wait, &rq->cancelled);
		rq->attempt = lock;
		if (rc < 0) {
			handle_close(lock);
			return rc;
		}

		rc = lock_and_verify(lock, rq, wait);
		if (rc == 0)
			rc = stamp(lock);
		if (rc == 0) {
			handle_hold(lock);
			/* No more whose who adopted an earlier lock on it. */
			if (lock->borrowed)
				os_own_description(lock->fd);
			*acquired = lock;
			return 0;
		}
		/* Open-file-description locks are refused, or would leak. */
		if (rc == -EINVAL && !rq->process_owned) {
			rq->process_owned = true;
			drop(lock);
			continue;
		}
		if (rc == REMOVAL)
			rc = ++removals < REMOVALS ? START_OVER : -EAGAIN;
		if (rc == -ESTALE && !lock->borrowed && ++stale < STALE_ANSWERS)
			rc = START_OVER;
		give_up(lock, rc, wait);
		if (rc != START_OVER)
			return rc;
	}
}

/* It is not known what the kernel granted: count it as granted. */
void acquire_cancelled(struct lf_lock *lock)
{
	lock->marks.body = lock->mode;
	give_up(lock, -ECANCELED, OS_WAIT);
}
