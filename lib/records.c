/* SPDX-License-Identifier: 0BSD */
/*
 * Steps 2 to 4 of the protocol: presence, tag and body, without waiting or in the
 * queue.  protocol.c explains them.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>

/* How often a waiter tries the body with the tag in hand, a millisecond apart. */
#define PATIENCE 2

/* The same while a process is ending that may be the holder. */
#define PATIENCE_WITH_DYING 1000

/* How often byte 0 alone is found locked before it is not a process on its way. */
#define MOST_BYTE_0 3

bool lf_may_be_closed(const struct lf_lock *lock)
{
	return lock->borrowed && lf_wait_is_late();
}

/* ---- Without waiting */

/* After a refusal, which stands if the question fails. */
static int test_body(const struct lf_lock *lock)
{
	pid_t pid;
	int rc = lf_body_test(lock, lock->type, &pid);

	return rc < 0 ? LF_BUSY : rc;
}

/*
 * Byte 0 may be a remover's, for as long as its body is.  If there is no body, it
 * is that of a process between two steps, or of a program that locks no more.
 */
static int try_tag(struct lf_lock *lock)
{
	int rc = lf_tag_try(lock), body;

	for (int tries = 0; rc == LF_BUSY && tries < MOST_BYTE_0; tries++) {
		body = test_body(lock);
		if (body != LF_GOT)
			return body;
		rc = lf_tag_try(lock);
	}
	return rc;
}

/*
 * A caller that does not wait has no presence: nobody need keep the file for it.
 *
 * Among sharers only the body decides.  The tag may be a waiter's for a moment,
 * or a parent's from before its child made the lock shared.
 */
int lf_records_try(struct lf_lock *lock)
{
	int rc = LF_GOT;

	/* 3. The tag, unless another thread needs it in another mode. */
	if (lock->type == F_RDLCK)
		rc = lf_table_has_sibling_of_other_type(lock) ? LF_GOT :
							      lf_tag_try(lock);
	else if (!lf_table_has_sibling_of_other_type(lock))
		rc = try_tag(lock);
	if (rc < 0 || (rc != LF_GOT && lock->type == F_WRLCK))
		return rc;
	if (lf_may_be_closed(lock))
		return -EBADF;
	/* 4. The body. */
	rc = lf_body_try(lock, lock->type);
	if (rc != LF_BUSY)
		return rc;
	rc = test_body(lock);
	return rc == LF_GOT ? LF_REMOVER : rc; /* it has just gone */
}

/* ---- Waiting */

/*
 * The kernel judges deadlock by process (fcntl(2), BUGS): it also answers EDEADLK
 * to a thread that holds nothing, which closes no circle.  A wait that the caller
 * can end does not last for ever.
 */
static bool is_misjudged(const struct lf_request *request, enum lf_how how,
			 int rc)
{
	return rc == -EDEADLK && (how == LF_WAIT_BOUNDED ||
				  !lf_table_thread_holds_any(request->thread));
}

static int wait_for_body(const struct lf_request *request, enum lf_how how)
{
	struct lf_lock *lock = request->attempt;
	int rc = lf_body_wait(lock, lock->type);

	return is_misjudged(request, how, rc) ?
		       lf_body_wait_again(lock, lock->type, &request->claim) :
		       rc;
}

static int try_body_again(const struct lf_request *request)
{
	struct lf_lock *lock = request->attempt;
	int rc = lf_poll_until(-1, lf_deadline(1));

	if (rc < 0)
		return rc;
	if (atomic_load(&request->claim.cancelled))
		return LF_CANCELLED;
	return lf_may_be_closed(lock) ? -EBADF : lf_body_try(lock, lock->type);
}

/*
 * The holder has lost its tag.  If that is because it is ending, it is one of the
 * processes that are ending now, and its body is gone once all of them have ended,
 * however long that takes on a busy machine.  A waiter that waits for the body was
 * here before, and found that the holder lives on.
 */
static int try_body_while_dying(const struct lf_request *request)
{
	struct lf_lock *lock = request->attempt;
	struct lf_dying dying;
	int rc = LF_BUSY;

	if (lf_body_has_waiter(lock))
		return LF_BUSY;
	lf_dying_find(&dying);
	for (int i = 0; i < PATIENCE_WITH_DYING && rc == LF_BUSY &&
			lf_dying_remain(&dying);
	     i++)
		rc = try_body_again(request);
	lf_dying_free(&dying);
	/* The last of them may have ended between the attempt and the question. */
	return rc == LF_BUSY ? lf_body_try(lock, lock->type) : rc;
}

static int try_body_patiently(const struct lf_request *request)
{
	struct lf_lock *lock = request->attempt;
	int rc = lf_body_try(lock, lock->type);

	if (!lock->marks.use_tag)
		return rc;
	for (int i = 0; rc == LF_BUSY && i < PATIENCE; i++)
		rc = try_body_again(request);
	return rc == LF_BUSY ? try_body_while_dying(request) : rc;
}

/*
 * As flock(2) does: two sharers that both waited to be exclusive would wait for
 * ever.  No other handle of this process has a lock of the description.
 */
static void give_up_shared(struct lf_lock *lock)
{
	if (lock->marks.process_owned)
		return;
	lock->marks.body = F_RDLCK;
	lock->marks.place = lock->marks.use_tag;
	lf_body_unlock(lock);
}

int lf_records_wait(const struct lf_request *request, enum lf_how how)
{
	struct lf_lock *lock = request->attempt;
	int rc;

	if (lock->borrowed) {
		lf_flock_give_up(lock);
		give_up_shared(lock);
	}
	/* 2. Presence. */
	lf_presence_share(lock);
	/* 3. The tag, or a place at the same byte: here waiters queue. */
	rc = lf_table_may_wait_for_tag(lock) ? lf_tag_wait(lock) :
					       lf_place_wait(lock);
	if (is_misjudged(request, how, rc)) {
		lf_table_give_tag_back(lock);
		return wait_for_body(request, how);
	}
	if (rc < 0)
		return rc;
	if (lf_may_be_closed(lock))
		return -EBADF;
	/* 4. The body is free now, unless its holder has lost its tag. */
	rc = try_body_patiently(request);
	if (rc != LF_BUSY)
		return rc;
	/* Then this tag would name a waiter as the holder. */
	if (lock->marks.place)
		lf_place_unlock(lock);
	else
		lf_table_give_tag_back(lock);
	return wait_for_body(request, how);
}

void lf_records_give_back(struct lf_lock *lock)
{
	bool place = lock->marks.place;

	lf_table_unlock_body(lock);
	if (!place)
		lf_table_give_tag_back(lock);
}
