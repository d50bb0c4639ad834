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
	struct lf_use use;
	int rc = lf_view_ask(view, tag->pid, &use);

	*owner = (struct lf_owner){
		.pid = tag->pid,
		.has_body = rc < 0 ? rc : lf_use_bodies_of_tag(&use),
		.shared = !use.exclusive_body,
		.descriptor = use.descriptor,
	};
	if (owner->has_body >= 0)
		return;
	owner->is_word = true;
	lf_process_state(tag->pid, &owner->before);
	owner->shared = bodies->shared;
	if (lf_judge(view, tag->pid, owner->has_body) == LF_WORD_FALSE)
		owner->has_body = 0;
	else if (tag->pid == view->pid || is_known_from_file(view, tag))
		owner->has_body = tag->pid == view->pid;
}

int lf_find_owners(struct lf_view *view)
{
	struct lf_bodies *bodies = &view->bodies;
	const struct lf_listed_lock *lock = NULL;
	size_t tags = 0;

	bodies->shared = true;
	while ((lock = lf_view_next(view, lock)) != NULL) {
		tags += lf_is_tag(lock);
		bodies->count += lf_is_body(lock);
		bodies->shared &= !lf_is_body(lock) || lock->type == F_RDLCK;
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
 * A doubtful owner that has slept with the tag for a moment has the body, as far as
 * one can see: a waiter would have given the tag back.  But one that is stopped,
 * waits for a processor or a disk, or has run meanwhile may still be a waiter.
 */
static void settle_doubtful(struct lf_bodies *bodies)
{
	for (size_t i = 0; i < bodies->owner_count; i++) {
		struct lf_owner *owner = &bodies->owners[i];
		struct lf_activity now;
		int state;

		if (owner->has_body >= 0)
			continue;
		state = lf_process_state(owner->pid, &now);
		owner->has_body = state < 0 ||
				  lf_has_slept(&owner->before, &now, state);
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
		if (owners[i].has_body > 0 && owners[i].pid == pid)
			return true;
	for (size_t i = 0; i < bodies->owner_count; i++)
		if (owners[i].has_body > 0 && owners[i].descriptor >= 0 &&
		    lf_same_description(owners[i].pid, owners[i].descriptor,
					pid, descriptor) > 0)
			return true;
	return false;
}

static int add_body(struct lf_view *view, pid_t pid, int source, bool shared)
{
	return lf_view_add(view, (struct lf_entry){
					 .pid = pid,
					 .source = source,
					 .type = LF_TYPE_OFDLCK,
					 .shared = shared,
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
		rc = add_body(view, owner->pid,
			      owner->is_word ? LF_SOURCE_LOCK : LF_SOURCE_TAG,
			      owner->shared);
		*known += (size_t)owner->has_body;
	}
	return rc;
}

/*
 * The processes are read one after the other, and the lock may go from one to
 * another meanwhile: an exclusive lock has no second description.  Containers often
 * forbid to ask for that: then both are reported, unless another look shows one.
 */
static bool is_impossible(struct lf_view *view, const struct lf_use *first,
			  const struct lf_use *use)
{
	const struct lf_bodies *bodies = &view->bodies;
	int same = first && bodies->count == 1 && !bodies->shared ?
			   lf_same_description(first->pid, first->descriptor,
					       use->pid, use->descriptor) :
			   1;

	view->surplus |= same <= 0;
	return same == 0;
}

/* Holders without a tag, as far as they are visible; *ALL: they all are. */
static int add_untagged(struct lf_view *view, size_t *known, bool *all)
{
	struct lf_snapshot *snapshot = view->snapshot;
	const struct lf_use *use, *first = NULL;
	int rc = lf_snapshot_scan(snapshot);

	*all = rc == 0 && !snapshot->denied;
	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	for (use = snapshot->users[view->file].first; use && rc == 0;
	     use = use->next) {
		int has = lf_use_bodies(use);

		if (has < 0)
			*all = false;
		if (has <= 0 ||
		    is_copy(&view->bodies, use->pid, use->descriptor))
			continue;
		if (is_impossible(view, first, use))
			continue;
		if (!first)
			first = use;
		rc = add_body(view, use->pid, LF_SOURCE_DESCRIPTOR,
			      !use->exclusive_body);
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
	view->surplus |= known > 0;
	return add_body(view, 0, LF_SOURCE_NONE, view->bodies.shared);
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
	return view->by_process && lock->pid == view->claimed;
}

static int add_posix(struct lf_view *view, pid_t pid, int source, bool shared)
{
	return lf_view_add(view, (struct lf_entry){
					 .pid = pid,
					 .source = source,
					 .type = LF_TYPE_POSIX,
					 .shared = shared,
				 });
}

/* Locks whose owners may be found by their descriptors. */
struct forged {
	bool any, exclusive;
};

static int add_named(struct lf_view *view, const struct lf_listed_lock *lock,
		     struct forged *forged)
{
	struct lf_use use;
	int rc = lf_view_ask(view, lock->pid, &use), has;

	if (rc == -ENOMEM)
		return rc;
	has = rc < 0 ? rc : lf_use_posix(&use);
	switch (lf_judge(view, lock->pid, has)) {
	case LF_WORD_SHOWN:
		return add_posix(view, lock->pid, LF_SOURCE_DESCRIPTOR,
				 !use.exclusive_posix);
	case LF_WORD_OPEN:
		return lf_view_add_listed(view, lock, lock->pid);
	case LF_WORD_FALSE:
		break;
	}
	forged->any = true;
	forged->exclusive |= lock->type == F_WRLCK;
	return 0;
}

/*
 * The owners of locks that carry the PID of another process, or of none: all that
 * show a lock.  Nobody is found if the lock is gone meanwhile.
 */
static int add_true_owners(struct lf_view *view, const struct forged *forged)
{
	struct lf_snapshot *snapshot = view->snapshot;
	int rc = lf_snapshot_scan(snapshot);
	size_t before = view->report->count;
	const struct lf_use *use = NULL;
	bool found = false;

	if (rc == -ENOMEM)
		return rc;
	if (rc == 0)
		use = snapshot->users[view->file].first;
	for (rc = 0; use && rc == 0; use = use->next) {
		if (!use->has_posix)
			continue;
		found = true;
		rc = add_posix(view, use->pid, LF_SOURCE_DESCRIPTOR,
			       !use->exclusive_posix);
	}
	if (rc < 0 || view->report->count > before ||
	    (found && !snapshot->denied))
		return rc;
	view->surplus = true;
	return add_posix(view, 0, LF_SOURCE_NONE, !forged->exclusive);
}

static int add_process_holders(struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;
	struct forged forged = { .any = false };
	int rc = 0;

	while (rc == 0 && (lock = lf_view_next(view, lock)) != NULL) {
		if (!is_lock_of_process(view, lock))
			continue;
		if (lock->pid == 0)
			rc = lf_view_add_listed(view, lock, 0);
		else
			rc = add_named(view, lock, &forged);
	}
	return rc == 0 && forged.any ? add_true_owners(view, &forged) : rc;
}

/* ---- The mode of a holder is that of its strongest lock. */

static bool shares(const struct lf_report *report, const struct lf_entry *holder)
{
	const struct lf_entry *entry = NULL;

	while ((entry = lf_report_next(report, entry)) != NULL)
		if (entry->pid == holder->pid && !entry->shared)
			return false;
	return true;
}

static void set_modes(struct lf_report *report)
{
	bool all_share = true;

	for (size_t i = 0; i < report->count; i++)
		all_share &= report->entries[i].shared;
	for (size_t i = 0; i < report->count && !all_share; i++)
		if (report->entries[i].pid != 0)
			report->entries[i].shared =
				shares(report, &report->entries[i]);
}

int lf_add_holders(struct lf_view *view)
{
	int rc = 0;

	settle_doubtful(&view->bodies);
	if (view->bodies.count > 0)
		rc = add_body_holders(view);
	if (rc == 0)
		rc = add_process_holders(view);
	if (rc == 0)
		set_modes(view->report);
	return rc;
}
