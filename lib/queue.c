/* Who waits, in the order in which they will be served. */
#include "config.h"

#include "marks.h"
#include "view.h"

#include <unistd.h>

/*
 * A child that adopted waits for the tag alone: it has the body.  A child that
 * has no more than a copy of its parent's waits by a descriptor of its own.
 */
static bool is_adopter(const struct view *view,
		       const struct os_listed_lock *lock)
{
	int process, descriptor;
	bool has;

	if (lock->type != OS_TYPE_POSIX || lock->pid == 0)
		return false;
	process = os_process_open(lock->pid);
	if (process < 0)
		return false;
	has = os_process_lock_descriptor(process, &view->st, lock_is_body,
					 &descriptor) > 0 &&
	      os_process_descriptors(process, &view->st) == 1;
	close(process);
	return has;
}

/*
 * The kernel lists each after the one it waits for.  All who wait for the same
 * one go when that goes, before those who wait for any of them.
 */
static int add_waiters(struct view *view, enum os_lock_type type)
{
	const struct os_listed_lock *lock = NULL;
	size_t first = 0;
	int rc = 0;

	while (rc == 0 && (lock = view_next(view, lock)) != NULL) {
		size_t count = view->report->count;

		if (!lock->waits)
			first = count;
		else if (lock->type == type && !is_adopter(view, lock))
			rc = view_add_listed(view, lock, lock->pid);
		if (view->report->count > count)
			report_sort_in(view->report, first);
	}
	return rc;
}

/* Who waits for the body has had the tag: he is before those who have not. */
int add_queue(struct view *view)
{
	int rc = add_waiters(view, OS_TYPE_OFDLCK);

	return rc < 0 ? rc : add_waiters(view, OS_TYPE_POSIX);
}

int add_flock_queue(struct view *view)
{
	return add_waiters(view, OS_TYPE_FLOCK);
}
