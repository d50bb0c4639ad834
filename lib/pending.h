/* A wait that goes on in a thread of its own and can be cancelled. */
#ifndef PENDING_H
#define PENDING_H

#include "handle.h"

struct pending;

/*
 * Begins to wait for what RQ asks, which is copied; or does not wait at all if
 * the lock is ACQUIRED already.  -ENOMEM, -EMFILE, -ENFILE.
 */
int pending_start(struct pending **, const struct request *rq,
		  struct lf_lock *acquired);

/* Readable when the wait has ended. */
int pending_descriptor(const struct pending *);

/* Waits for the end, frees, and returns what acquire() returned. */
int pending_finish(struct pending *, struct lf_lock **acquired);

/*
 * Ends the wait now.  If it was won at this very moment the result is 0 and the
 * lock is the caller's, else REASON.
 */
int pending_cancel(struct pending *, struct lf_lock **acquired, int reason);

/*
 * As acquire(); TIMEOUT_MS as in poll(2), and if it is positive the wait is such
 * a one, until DEADLINE.
 */
int acquire_within(struct lf_lock **, struct request *, int timeout_ms,
		   struct timespec deadline);

/* In a forked child, which has no copy of the thread: frees what it can. */
void pending_forget(struct pending *);

#endif
