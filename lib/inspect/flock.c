/* SPDX-License-Identifier: 0BSD */
/*
 * Locks of flock(2), which exclude no record lock, are reported as what they
 * are.  Our own presence is no lock and is not reported.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>

static bool is_flock(const struct lf_listed_lock *lock)
{
	return lock->kind == LF_TYPE_FLOCK && !lock->waits;
}

/*
 * Our holders and waiters have a lock of flock(2) too, their presence.  A
 * waiter for a body is listed without a PID, so any shared lock may be its.
 */
static bool is_ours(const struct lf_view *view,
		    const struct lf_listed_lock *presence)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if ((lock->kind == LF_TYPE_POSIX &&
		     lock->pid == presence->pid) ||
		    (lock->kind == LF_TYPE_OFDLCK && lock->waits &&
		     presence->type == F_RDLCK))
			return true;
	return false;
}

/* Without the whole list any shared lock may be the presence of a waiter. */
int lf_find_flocks(struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;
	size_t count = 0;

	while ((lock = lf_view_next(view, lock)) != NULL)
		count += is_flock(lock);
	if (count == 0)
		return 0;
	view->flocks = calloc(count, sizeof(*view->flocks));
	if (!view->flocks)
		return -ENOMEM;
	while ((lock = lf_view_next(view, lock)) != NULL)
		if (is_flock(lock) && !is_ours(view, lock) &&
		    (view->is_confirmed || lock->type == F_WRLCK))
			view->flocks[view->flock_count++].lock = lock;
	return 0;
}

static bool has_flock(const struct lf_view *view,
		      const struct lf_listed_lock *wanted)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (is_flock(lock) && lock->pid == wanted->pid &&
		    lock->type == wanted->type)
			return true;
	return false;
}

/*
 * A process of ours has its presence for an instant before it is listed as a
 * waiter, and between the tag and the body, and on its way out.
 */
void lf_watch_flocks(const struct lf_view *later, struct lf_flock *flocks,
		     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		flocks[i].ours |= is_ours(later, flocks[i].lock);
		flocks[i].again |= has_flock(later, flocks[i].lock);
	}
}

/* All processes that have the descriptor, as far as they are visible. */
static int add_heirs(struct lf_view *view, const struct lf_listed_lock *lock)
{
	size_t before = view->report->count;
	int rc = lf_snapshot_scan(view->snapshot);
	const struct lf_use *use = NULL;

	if (rc == -ENOMEM)
		return rc;
	if (rc == 0)
		use = view->snapshot->users[view->file].first;
	for (rc = 0; use && rc == 0; use = use->next)
		if (use->has_flock)
			rc = lf_view_add(view, (struct lf_entry){
						 .pid = use->pid,
						 .source = LF_SOURCE_DESCRIPTOR,
						 .type = LF_TYPE_FLOCK,
					 });
	if (rc < 0 || view->report->count > before)
		return rc;
	return lf_view_add_listed(view, lock, 0);
}

/*
 * The list names the process that asked for the lock.  It may have ended while
 * another has the descriptor, as flock(1) leaves it to a shell.  A shared lock
 * without its process, where there is a holder that had no tag, is the presence
 * of one that has ended.
 */
static int add_flock(struct lf_view *view, const struct lf_listed_lock *lock)
{
	struct lf_use use;

	if (lf_view_ask(view, lock->pid, &use) == 0 && use.has_flock)
		return lf_view_add_listed(view, lock, lock->pid);
	if (lock->type == F_WRLCK)
		return add_heirs(view, lock);
	return view->holders > 0 ? 0 : lf_view_add_listed(view, lock, 0);
}

int lf_add_flocks(struct lf_view *view)
{
	int rc = 0;

	for (size_t i = 0; i < view->flock_count && rc == 0; i++)
		if (view->flocks[i].again && !view->flocks[i].ours)
			rc = add_flock(view, view->flocks[i].lock);
	return rc;
}
