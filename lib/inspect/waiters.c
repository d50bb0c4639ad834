/* SPDX-License-Identifier: 0BSD */
/* The waiters, in the order in which they will be served. */
#include "config.h"

#include "inspect/inspect.h"

/*
 * A child that has adopted the lock waits for the tag alone: it has the body.
 * A child that only has a copy of its parent's descriptor waits for the lock,
 * by another descriptor of its own.
 */
static bool is_adopter(const struct lf_view *view,
		       const struct lf_listed_lock *lock)
{
	struct lf_use use;

	return lock->kind == LF_TYPE_POSIX &&
	       lf_view_ask(view, lock->pid, &use) == 0 && use.bodies > 0 &&
	       use.descriptors == 1;
}

/* Of the queues of a file, in the order in which they are served. */
enum queue {
	AT_BODY, /* a waiter that has had the first byte already */
	AT_TAG,
	BEHIND, /* of another program: behind the body, then at the tag's end */
	AT_FLOCK,
};

static enum queue queue_of(const struct lf_listed_lock *waiter,
			   const struct lf_listed_lock *blocker)
{
	if (waiter->kind == LF_TYPE_FLOCK)
		return AT_FLOCK;
	if (waiter->kind == LF_TYPE_OFDLCK && waiter->first > 0)
		return AT_BODY;
	return blocker && blocker->first == 0 && blocker->last == 0 ? AT_TAG :
								      BEHIND;
}

/*
 * The kernel lists each waiter after the lock it waits for.  All waiters for
 * the same lock are served when that is released, before those that wait for
 * any of them.
 */
static int add_waiters(struct lf_view *view, enum queue queue)
{
	const struct lf_listed_lock *lock = NULL, *blocker = NULL;
	size_t first = 0;
	int rc = 0;

	while (rc == 0 && (lock = lf_view_next(view, lock)) != NULL) {
		size_t count = view->report->count;

		if (!lock->waits) {
			first = count;
			blocker = lock;
		} else if (queue_of(lock, blocker) == queue &&
			   !is_adopter(view, lock)) {
			rc = lf_view_add_listed(view, lock, lock->pid);
		}
		if (view->report->count > count)
			lf_report_sort_in(view->report, first);
	}
	return rc;
}

/*
 * A holder gives back the body before the tag.  So a waiter of another program
 * that is behind the body wakes first, and then queues again, at the tag.
 */
int lf_add_waiters(struct lf_view *view)
{
	int rc = 0;

	for (enum queue queue = AT_BODY; queue <= BEHIND && rc == 0; queue++)
		rc = add_waiters(view, queue);
	return rc;
}

int lf_add_flock_waiters(struct lf_view *view)
{
	return add_waiters(view, AT_FLOCK);
}
