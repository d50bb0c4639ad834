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

/*
 * The kernel lists each waiter after the lock it waits for.  All waiters for
 * the same lock are served when that is released, before those that wait for
 * any of them.
 */
static int add_waiters(struct lf_view *view, int type)
{
	const struct lf_listed_lock *lock = NULL;
	size_t first = 0;
	int rc = 0;

	while (rc == 0 && (lock = lf_view_next(view, lock)) != NULL) {
		size_t count = view->report->count;

		if (!lock->waits)
			first = count;
		else if (lock->kind == type && !is_adopter(view, lock))
			rc = lf_view_add_listed(view, lock, lock->pid);
		if (view->report->count > count)
			lf_report_sort_in(view->report, first);
	}
	return rc;
}

/* A waiter for the body has had the tag: it is before those that have not. */
int lf_add_waiters(struct lf_view *view)
{
	int rc = add_waiters(view, LF_TYPE_OFDLCK);

	return rc < 0 ? rc : add_waiters(view, LF_TYPE_POSIX);
}

int lf_add_flock_waiters(struct lf_view *view)
{
	return add_waiters(view, LF_TYPE_FLOCK);
}
