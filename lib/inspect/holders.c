/* SPDX-License-Identifier: 0BSD */
/*
 * Who has a lock that keeps others out: those with a body, whose PID is that of
 * the tag, if the owner of the tag has the body too, or of whoever has the
 * body's descriptor; and processes that lock as POSIX has it.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The owner of a tag, and how many bodies it has too: negative, not told. */
struct owner {
	pid_t pid;
	int has_body;
	int descriptor;
};

struct bodies {
	size_t count; /* locks of open file descriptions */
	bool shared;  /* that is what they are */
	struct owner *owners; /* of tags */
	size_t owner_count;
};

static int has_body(const struct lf_view *view, pid_t pid, int *descriptor)
{
	return lf_view_ask(view, pid, lf_is_body, descriptor);
}

/* One excludes all others, and the file itself has been asked who it is. */
static bool is_told(const struct lf_view *view, const struct lf_listed_lock *tag)
{
	return tag->type == F_WRLCK && view->held > 0 &&
	       !view->holder.elsewhere;
}

/* Bodies are counted, and the owners of tags asked whether they have one. */
static int find_owners(const struct lf_view *view, struct bodies *bodies)
{
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
	while ((lock = lf_view_next(view, lock)) != NULL) {
		struct owner *owner = &bodies->owners[bodies->owner_count];

		if (!lf_is_tag(lock) || lock->pid == 0)
			continue;
		owner->pid = lock->pid;
		owner->has_body =
			has_body(view, lock->pid, &owner->descriptor);
		if (owner->has_body < 0 &&
		    (lock->pid == view->holder.pid || is_told(view, lock)))
			owner->has_body = lock->pid == view->holder.pid;
		bodies->owner_count++;
	}
	return 0;
}

static bool has_tag(const struct lf_view *view, pid_t pid)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lf_is_tag(lock) && lock->pid == pid)
			return true;
	return false;
}

/* Some process; one that only waits for a processor may be a waiter still. */
static bool is_runnable(pid_t pid)
{
	int process = lf_process_open(pid), runnable;
	unsigned long long ticks;

	if (process < 0)
		return false;
	runnable = lf_process_is_runnable(process, &ticks);
	close(process);
	return runnable > 0;
}

static bool any_body(const struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lf_is_body(lock))
			return true;
	return false;
}

/* Owners of the tag that are not asked and had it at each look. */
static size_t keep_doubtful(const struct lf_view *view, struct bodies *bodies)
{
	size_t count = 0;

	for (size_t i = 0; i < bodies->owner_count; i++) {
		struct owner *owner = &bodies->owners[i];

		if (owner->has_body < 0 &&
		    (!has_tag(view, owner->pid) ||
		     (bodies->count > 0 && !any_body(view))))
			owner->has_body = 0;
		count += owner->has_body < 0;
	}
	return count;
}

/*
 * Who may not be asked has the body if it has the tag for a moment: a waiter
 * gives it back at once.
 */
static int look_again(const struct lf_view *view, struct bodies *bodies)
{
	size_t doubtful = keep_doubtful(view, bodies);

	for (int i = 0; i < LF_MOMENTS && doubtful > 0; i++) {
		struct lf_view later;
		int rc = lf_view_later(view, &later);

		if (rc < 0)
			return rc;
		doubtful = keep_doubtful(&later, bodies);
		free(later.locks);
	}
	for (size_t i = 0; i < bodies->owner_count; i++)
		if (bodies->owners[i].has_body < 0)
			bodies->owners[i].has_body =
				!is_runnable(bodies->owners[i].pid);
	return 0;
}

/* As a parent and a child have: it is not a holder beside that owner. */
static bool is_copy(const struct bodies *bodies, pid_t pid, int descriptor)
{
	for (size_t i = 0; i < bodies->owner_count; i++) {
		const struct owner *owner = &bodies->owners[i];

		if (owner->descriptor >= 0 &&
		    (owner->pid == pid ||
		     lf_same_description(owner->pid, owner->descriptor, pid,
					 descriptor)))
			return true;
	}
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

/* Those who have a body and no tag, as far as we may look; *ALL: everywhere. */
static int add_untagged(struct lf_view *view, const struct bodies *bodies,
			size_t *known, bool *all)
{
	size_t count;
	pid_t *pids;
	int rc = lf_list_processes(&pids, &count);

	*all = rc == 0;
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0)
		return 0;
	for (size_t i = 0; i < count && rc >= 0; i++) {
		int descriptor;
		int has = has_body(view, pids[i], &descriptor);

		if (has == -EACCES || has == -EPERM)
			*all = false;
		if (has <= 0 || is_copy(bodies, pids[i], descriptor))
			continue;
		rc = add_body(view, pids[i], LF_SOURCE_DESCRIPTOR,
			      bodies->shared);
		*known += (size_t)has;
	}
	free(pids);
	return rc;
}

static int add_body_holders(struct lf_view *view, const struct bodies *bodies)
{
	size_t known = 0;
	bool all;
	int rc;

	for (size_t i = 0; i < bodies->owner_count; i++) {
		const struct owner *owner = &bodies->owners[i];

		if (owner->has_body <= 0)
			continue;
		rc = add_body(view, owner->pid, LF_SOURCE_TAG, bodies->shared);
		if (rc < 0)
			return rc;
		known += (size_t)owner->has_body;
	}
	if (known >= bodies->count)
		return 0;
	rc = add_untagged(view, bodies, &known, &all);
	if (rc < 0)
		return rc;
	/* One that has ended meanwhile is none; but who may not be seen is. */
	if (known > 0 && (all || known >= bodies->count))
		return 0;
	view->surplus = known > 0;
	return add_body(view, 0, LF_SOURCE_NONE, bodies->shared);
}

/*
 * With no body anywhere, a lock on the first byte is one like any other, if it
 * stays.
 */
static bool is_lock_of_process(const struct lf_view *view,
			       const struct bodies *bodies,
			       const struct lf_listed_lock *lock)
{
	if (lock->kind != LF_TYPE_POSIX || lock->waits)
		return false;
	if (!lf_is_tag(lock))
		return true;
	if (bodies->count > 0)
		return false;
	for (size_t i = 0; view->held < 0 && i < bodies->owner_count; i++)
		if (bodies->owners[i].pid == lock->pid)
			return bodies->owners[i].has_body > 0;
	return lock->pid == view->holder.pid;
}

static int add_process_holders(struct lf_view *view, const struct bodies *bodies)
{
	const struct lf_listed_lock *lock = NULL;
	int rc = 0;

	while (rc == 0 && (lock = lf_view_next(view, lock)) != NULL)
		if (is_lock_of_process(view, bodies, lock))
			rc = lf_view_add_listed(view, lock, lock->pid);
	return rc;
}

int lf_add_holders(struct lf_view *view)
{
	struct bodies bodies = { .count = 0 };
	int rc = find_owners(view, &bodies);

	if (rc == 0)
		rc = look_again(view, &bodies);
	if (rc == 0 && bodies.count > 0)
		rc = add_body_holders(view, &bodies);
	if (rc == 0)
		rc = add_process_holders(view, &bodies);
	free(bodies.owners);
	return rc;
}
