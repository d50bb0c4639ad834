/* SPDX-License-Identifier: 0BSD */
/*
 * Locks of flock(2), which keep no record lock out: told as what they are, but
 * for our own presence, which is no lock.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Holders and waiters of ours have a flock(2) lock too, their presence.  Who
 * waits for a body is listed without a PID, so that any that is shared may be
 * the presence of such a one.
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

static bool is_flock(const struct lf_listed_lock *lock)
{
	return lock->kind == LF_TYPE_FLOCK && !lock->waits;
}

/* Whether it has a lock of flock(2) by one of its descriptors. */
static bool has_descriptor(const struct lf_view *view, pid_t pid)
{
	int descriptor;

	return lf_view_ask(view, pid, is_flock, &descriptor) > 0;
}

/* All that have the descriptor, as far as we may look, or one not known. */
static int add_flock_heirs(struct lf_view *view, const struct lf_listed_lock *lock)
{
	size_t count = 0, before = view->report->count;
	pid_t *pids;
	int rc = lf_list_processes(&pids, &count);

	if (rc == -ENOMEM)
		return rc;
	if (rc < 0)
		return lf_view_add_listed(view, lock, 0);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (!has_descriptor(view, pids[i]))
			continue;
		rc = lf_view_add(view, (struct lf_entry){
					    .pid = pids[i],
					    .source = LF_SOURCE_DESCRIPTOR,
					    .type = LF_TYPE_FLOCK,
				    });
	}
	free(pids);
	if (rc < 0 || view->report->count > before)
		return rc;
	return lf_view_add_listed(view, lock, 0);
}

/*
 * It is listed by the process that asked for it, which may have ended while
 * another has the descriptor, as flock(1) leaves it to a shell.  If it is shared
 * and there is a holder that had no tag, it is the presence of one that ended.
 */
static int add_flock(struct lf_view *view, const struct lf_listed_lock *lock)
{
	if (has_descriptor(view, lock->pid))
		return lf_view_add_listed(view, lock, lock->pid);
	if (lock->type == F_WRLCK)
		return add_flock_heirs(view, lock);
	return view->holders > 0 ? 0 : lf_view_add_listed(view, lock, 0);
}

/* What is told, unless it is seen to be ours, or is not seen again. */
struct candidate {
	const struct lf_listed_lock *lock;
	bool again, ours;
};

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
 * A process of ours has its presence for an instant before it is listed as one
 * who waits, and on its way from the tag to the body, and out.
 */
static int look_at_flocks(const struct lf_view *view, struct candidate *flocks,
			  size_t count)
{
	for (int i = 0; i < LF_MOMENTS && count > 0; i++) {
		struct lf_view later;
		int rc = lf_view_later(view, &later);

		if (rc < 0)
			return rc;
		for (size_t j = 0; j < count; j++) {
			flocks[j].ours |= is_ours(&later, flocks[j].lock);
			flocks[j].again |= has_flock(&later, flocks[j].lock);
		}
		free(later.locks);
	}
	return 0;
}

int lf_add_flocks(struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;
	struct candidate *flocks;
	size_t count = 0;
	int rc;

	while ((lock = lf_view_next(view, lock)) != NULL)
		count += is_flock(lock);
	flocks = calloc(count + 1, sizeof(*flocks));
	if (!flocks)
		return -ENOMEM;
	count = 0;
	while ((lock = lf_view_next(view, lock)) != NULL)
		if (is_flock(lock) && !is_ours(view, lock))
			flocks[count++].lock = lock;
	rc = look_at_flocks(view, flocks, count);
	for (size_t i = 0; i < count && rc == 0; i++)
		if (flocks[i].again && !flocks[i].ours)
			rc = add_flock(view, flocks[i].lock);
	free(flocks);
	return rc;
}
