/* SPDX-License-Identifier: 0BSD */
/*
 * Shared to exclusive and back.  The kernel converts the body in one step, and a
 * refused conversion leaves what was (fcntl(2)).  Two sharers that both wait to
 * be exclusive would wait for ever, and the kernel sees no deadlock between
 * open file descriptions: so each wait has a bound.
 *
 * The path need not be verified again: a process that holds the body in any mode
 * keeps others from removing the file.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>

/* How often byte 0 is tried, a millisecond apart, before it is held. */
#define PATIENCE 5

/* Before it is tried again by a call with a bound. */
#define BYTE_0_PAUSE_MS 5

int lf_convert_to_shared(struct lf_lock *lock)
{
	int rc = lf_body_try(lock, F_RDLCK);

	if (rc != LF_GOT)
		return rc;
	rc = lf_flock_convert(lock, F_RDLCK);
	if (rc == LF_GOT)
		lf_table_set_type(lock, F_RDLCK);
	else
		lf_body_try(lock, F_WRLCK);
	return rc;
}

/*
 * Another program may have locked byte 0 alone, beside our shared tag.  A process
 * on its way to the body leaves it in a moment, and the parent of an adopter
 * keeps it.
 */
static int take_byte_0(struct lf_lock *lock)
{
	int rc = LF_BUSY;

	/* The tag that a sibling has left behind would be in the way, too. */
	if (lock->marks.place)
		lf_table_give_tag_back(lock);
	for (int i = 0; rc == LF_BUSY && i < PATIENCE; i++) {
		if (i > 0 && lf_poll_until(-1, lf_deadline(1)) < 0)
			break;
		rc = lock->marks.place ? lf_place_convert(lock) :
					 lf_tag_try(lock);
		if (rc == LF_BUSY && lf_tag_is_of_parent(lock))
			rc = LF_GOT;
	}
	return rc;
}

/* After lf_table_claim(), whether or not it has let the handle in. */
static int finish(struct lf_lock *lock, int rc)
{
	if (rc == LF_GOT) {
		lf_table_set_type(lock, F_WRLCK);
		rc = take_byte_0(lock);
	}
	if (rc == LF_GOT)
		rc = lf_flock_convert(lock, F_WRLCK);
	if (rc != LF_GOT) {
		/* Never refused, and no change if it is shared still. */
		lf_body_try(lock, F_RDLCK);
		lf_table_set_type(lock, F_RDLCK);
	}
	return rc;
}

static int convert_now(struct lf_lock *lock)
{
	struct lf_claimant claim = { .cancelled = false };
	int rc = lf_table_claim(lock, F_WRLCK, LF_NO_WAIT, &claim);

	return rc == LF_GOT ? finish(lock, lf_body_try(lock, F_WRLCK)) : rc;
}

struct conversion {
	struct lf_lock *lock;
	struct lf_claimant claim;
};

static int convert_waiting(void *argument)
{
	struct conversion *conversion = argument;
	struct lf_lock *lock = conversion->lock;
	int rc = lf_table_claim(lock, F_WRLCK, LF_WAIT_BOUNDED,
				&conversion->claim);

	if (rc == LF_GOT)
		rc = lf_body_wait(lock, F_WRLCK);
	return rc == -EDEADLK ?
		       lf_body_wait_again(lock, F_WRLCK, &conversion->claim) :
		       rc;
}

static int wait_until(struct conversion *conversion, struct timespec deadline)
{
	struct lf_wait *wait;
	int result = LF_CANCELLED;
	int rc = lf_wait_start(&wait, &(struct lf_wait_job){
			.run = convert_waiting,
			.argument = conversion,
			.pollable = true,
		});

	if (rc < 0)
		return rc;
	rc = lf_poll_until(lf_wait_descriptor(wait), deadline);
	if (rc > 0)
		return lf_wait_join(wait);
	lf_table_cancel(&conversion->claim);
	if (lf_wait_cancel(wait, &result) == LF_WAIT_RETURNED &&
	    result == LF_GOT)
		return LF_GOT;
	/* What the kernel granted is unknown; finish() undoes it. */
	return rc < 0 ? rc : LF_TIMED_OUT;
}

static int convert_until(struct lf_lock *lock, struct timespec deadline)
{
	struct conversion conversion = { .lock = lock };

	return finish(lock, wait_until(&conversion, deadline));
}

int lf_convert_to_exclusive(struct lf_lock *lock, int timeout_ms)
{
	struct timespec deadline = lf_deadline(timeout_ms);
	int rc = convert_now(lock);

	/* Byte 0 is not waited for in the kernel: its holder may want the body. */
	while (rc == LF_BUSY && timeout_ms > 0 && !lock->marks.flock_is_lost) {
		rc = convert_until(lock, deadline);
		if (rc != LF_BUSY)
			break;
		if (lf_deadline_is_over(deadline))
			rc = LF_TIMED_OUT;
		else if (lf_poll_until(-1, lf_deadline(BYTE_0_PAUSE_MS)) < 0)
			rc = -EINTR;
	}
	return rc;
}
