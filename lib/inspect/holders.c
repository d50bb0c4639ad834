/* SPDX-License-Identifier: 0BSD */
/*
 * The holders, of locks that exclude others.  A holder of a body is known by
 * the tag, if the tag's owner has the body too, or by a descriptor with the
 * body.  A lock that belongs to a process is listed with its PID.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>

static int has_body(const struct lf_view *view, pid_t pid, int *descriptor)
{
	struct lf_use use;
	int rc = lf_view_ask(view, pid, &use);

	*descriptor = use.descriptor;
	return rc < 0 ? rc : lf_use_bodies_of_tag(&use);
}

/* ---- The owners of tags */

/* An exclusive tag is the only one, and F_GETLK has named its owner. */
static bool is_known_from_file(const struct lf_view *view,
			       const struct lf_listed_lock *tag)
{
	return tag->type == F_WRLCK && view->held > 0 && !view->elsewhere;
}

static void add_owner(const struct lf_view *view, struct lf_bodies *bodies,
		      const struct lf_listed_lock *tag)
{
	struct lf_owner *owner = &bodies->owners[bodies->owner_count++];

	owner->pid = tag->pid;
	owner->has_body = has_body(view, tag->pid, &owner->descriptor);
	if (owner->has_body < 0 &&
	    (tag->pid == view->pid || is_known_from_file(view, tag)))
		owner->has_body = tag->pid == view->pid;
}

int lf_find_owners(struct lf_view *view)
{
	struct lf_bodies *bodies = &view->bodies;
	const struct lf_listed_lock *lock = NULL;
	size_t tags = 0;

	while ((lock = lf_view_next(view, lock)) != NULL) {
		tags += lf_is_tag(lock);
		bodies->count += lf_is_body(lock);
		bodies->shared |= lf_is_body(lock) && lock->type == F_RDLCK;
	}
	bodies->owners = calloc(tags + 1, sizeof(*bodies->owners));
	if (!bodies->owners)
		return -ENOMEM;
	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lf_is_tag(lock) && lock->pid != 0)
			add_owner(view, bodies, lock);
	return 0;
}

/* ---- Doubtful owners: those that do not show their descriptors */

static bool has_tag(const struct lf_view *view, pid_t pid)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lf_is_tag(lock) && lock->pid == pid)
			return true;
	return false;
}

static bool any_body(const struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lf_is_body(lock))
			return true;
	return false;
}

size_t lf_keep_doubtful(const struct lf_view *view, struct lf_bodies *bodies)
{
	bool lost_body = bodies->count > 0 && !any_body(view);
	size_t count = 0;

	for (size_t i = 0; i < bodies->owner_count; i++) {
		struct lf_owner *owner = &bodies->owners[i];

		if (owner->has_body < 0 &&
		    (lost_body || !has_tag(view, owner->pid)))
			owner->has_body = 0;
		count += owner->has_body < 0;
	}
	return count;
}

/*
 * A doubtful owner that has had the tag for a moment has the body: a waiter
 * gives the tag back immediately.  But one that only waits for a processor may
 * still be a waiter.
 */
static void settle_doubtful(struct lf_bodies *bodies)
{
	unsigned long long ticks;

	for (size_t i = 0; i < bodies->owner_count; i++) {
		struct lf_owner *owner = &bodies->owners[i];

		if (owner->has_body < 0)
			owner->has_body = lf_process_is_runnable(owner->pid,
								 &ticks) <= 0;
	}
}

/* ---- Holders of bodies */

/*
 * A child has a copy of its parent's descriptor, and is not a holder beside the
 * owner that is reported.
 */
static bool is_copy(const struct lf_bodies *bodies, pid_t pid, int descriptor)
{
	const struct lf_owner *owners = bodies->owners;

	for (size_t i = 0; i < bodies->owner_count; i++)
		if (owners[i].pid == pid && owners[i].descriptor >= 0)
			return true;
	for (size_t i = 0; i < bodies->owner_count; i++)
		if (owners[i].descriptor >= 0 &&
		    lf_same_description(owners[i].pid, owners[i].descriptor,
					pid, descriptor))
			return true;
	return false;
}

static int add_body(struct lf_view *view, pid_t pid, int source)
{
	return lf_view_add(view, (struct lf_entry){
					 .pid = pid,
					 .source = source,
					 .type = LF_TYPE_OFDLCK,
					 .shared = view->bodies.shared,
				 });
}

static int add_owners(struct lf_view *view, size_t *known)
{
	const struct lf_bodies *bodies = &view->bodies;
	int rc = 0;

	for (size_t i = 0; i < bodies->owner_count && rc == 0; i++) {
		const struct lf_owner *owner = &bodies->owners[i];

		if (owner->has_body <= 0)
			continue;
		rc = add_body(view, owner->pid, LF_SOURCE_TAG);
		*known += (size_t)owner->has_body;
	}
	return rc;
}

/* Holders without a tag, as far as they are visible; *ALL: they all are. */
static int add_untagged(struct lf_view *view, size_t *known, bool *all)
{
	struct lf_snapshot *snapshot = view->snapshot;
	const struct lf_use *use;
	int rc = lf_snapshot_scan(snapshot);

	*all = rc == 0 && !snapshot->denied;
	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	for (use = snapshot->users[view->file].first; use && rc == 0;
	     use = use->next) {
		int has = lf_use_bodies(use);

		if (has == -EACCES || has == -EPERM)
			*all = false;
		if (has <= 0 ||
		    is_copy(&view->bodies, use->pid, use->descriptor))
			continue;
		rc = add_body(view, use->pid, LF_SOURCE_DESCRIPTOR);
		*known += (size_t)has;
	}
	return rc;
}

/*
 * A holder that has ended meanwhile is none any more; but one that may not be
 * visible is reported without a PID.
 */
static int add_body_holders(struct lf_view *view)
{
	size_t count = view->bodies.count, known = 0;
	bool all;
	int rc = add_owners(view, &known);

	if (rc < 0 || known >= count)
		return rc;
	rc = add_untagged(view, &known, &all);
	if (rc < 0 || (known > 0 && (all || known >= count)))
		return rc;
	view->surplus = known > 0;
	return add_body(view, 0, LF_SOURCE_NONE);
}

/* ---- Processes that hold by a lock of their own */

/*
 * Where nothing has a body, a lock on the first byte is one like any other, if
 * it lasts.
 */
static bool is_lock_of_process(const struct lf_view *view,
			       const struct lf_listed_lock *lock)
{
	const struct lf_bodies *bodies = &view->bodies;

	if (lock->kind != LF_TYPE_POSIX || lock->waits)
		return false;
	if (!lf_is_tag(lock))
		return true;
	if (bodies->count > 0)
		return false;
	for (size_t i = 0; view->held < 0 && i < bodies->owner_count; i++)
		if (bodies->owners[i].pid == lock->pid)
			return bodies->owners[i].has_body > 0;
	return lock->pid == view->pid;
}

static int add_process_holders(struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;
	int rc = 0;

	while (rc == 0 && (lock = lf_view_next(view, lock)) != NULL)
		if (is_lock_of_process(view, lock))
			rc = lf_view_add_listed(view, lock, lock->pid);
	return rc;
}

int lf_add_holders(struct lf_view *view)
{
	int rc = 0;

	settle_doubtful(&view->bodies);
	if (view->bodies.count > 0)
		rc = add_body_holders(view);
	return rc < 0 ? rc : add_process_holders(view);
}
