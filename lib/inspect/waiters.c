/* SPDX-License-Identifier: 0BSD */
/* Who waits, in the order in which they will be served. */
#include "config.h"

#include "inspect/inspect.h"

#include <unistd.h>

/*
 * A child that adopted waits for the tag alone: it has the body.  A child that
 * has no more than a copy of its parent's waits by a descriptor of its own.
 */
static bool is_adopter(const struct lf_view *view,
		       const struct lf_listed_lock *lock)
{
	int process, descriptor;
	bool has;

	if (lock->kind != LF_TYPE_POSIX || lock->pid == 0)
		return false;
	process = lf_process_open(lock->pid);
	if (process < 0)
		return false;
	has = lf_process_lock_descriptor(process, &view->st, lf_is_body,
					 &descriptor) > 0 &&
	      lf_process_descriptors(process, &view->st) == 1;
	close(process);
	return has;
}

/*
 * The kernel lists each after the one it waits for.  All who wait for the same
 * one go when that goes, before those who wait for any of them.
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

/* Who waits for the body has had the tag: he is before those who have not. */
int lf_add_waiters(struct lf_view *view)
{
	int rc = add_waiters(view, LF_TYPE_OFDLCK);

	return rc < 0 ? rc : add_waiters(view, LF_TYPE_POSIX);
}

int lf_add_flock_waiters(struct lf_view *view)
{
	return add_waiters(view, LF_TYPE_FLOCK);
}
