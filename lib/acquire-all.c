/* SPDX-License-Identifier: 0BSD */
/*
 * One lock file, or several: all or none.  The caller waits only while it holds
 * nothing: it waits for one, tries the rest, and if one of these is held,
 * releases all and waits for that one.  The paths are sorted for speed alone: two
 * callers that want the same files meet at the first, not in the middle.  An
 * order cannot exclude deadlock, since files that are removed come back as
 * others, and a file may have several names.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The caller may have gone, and have closed a descriptor that it gave us. */
void lf_release_each(struct lf_slot *slots, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct lf_lock *lock = atomic_exchange(&slots[i].lock, NULL);

		if (lock && lf_file_examine(lock))
			lf_protocol_release(lock);
		else if (lock)
			lf_table_drop(lock);
	}
}

/* The same file by another spelling, or by a hard link. */
static bool is_among(const struct lf_slot *slots, size_t count,
		     const struct lf_request *request)
{
	bool any = false, found = false;
	struct stat st;

	for (size_t i = 0; i < count && !any; i++)
		any = atomic_load(&slots[i].lock) != NULL;
	if (!any || fstatat(request->dirfd, request->path, &st,
			    request->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	for (size_t i = 0; i < count && !found; i++)
		found = atomic_load(&slots[i].lock) != NULL &&
			slots[i].dev == st.st_dev && slots[i].ino == st.st_ino;
	return found;
}

static void fill(struct lf_slot *slot, struct lf_lock *lock)
{
	slot->dev = lock->dev;
	slot->ino = lock->ino;
	atomic_store(&slot->lock, lock);
}

struct task {
	struct lf_slot *slots;
	struct lf_request *request;
	const char *const *paths;
	size_t count;
	bool process_owned; /* as requested: one attempt may change it */
};

static int compare_names(const void *a, const void *b)
{
	const char *const *const *one = a, *const *const *other = b;

	return strcmp(**one, **other);
}

/* FIRST, then the others by name. */
static void put_in_order(const struct task *t, size_t first)
{
	const char *const **order = t->request->order;

	for (size_t i = 0; i < t->count; i++)
		order[i] = &t->paths[i];
	order[first] = order[0];
	order[0] = &t->paths[first];
	qsort(order + 1, t->count - 1, sizeof(*order), compare_names);
}

/* Waits for the first in the order, if HOW says so, and for no other. */
static int try_all(const struct task *t, enum lf_how how)
{
	struct lf_request *request = t->request;
	struct lf_lock *lock;

	for (size_t n = 0; n < t->count; n++) {
		size_t i = (size_t)(request->order[n] - t->paths);
		int rc;

		lf_wait_on_local_file(false);
		request->path = t->paths[i];
		request->which = i;
		request->attempt = NULL;
		request->process_owned = t->process_owned;
		if (is_among(t->slots, t->count, request))
			continue;
		/* The caller, which has gone on, releases what was there. */
		rc = lf_wait_is_late() ?
			     LF_CANCELLED :
			     lf_protocol_acquire(&lock, request,
						 n == 0 ? how : LF_NO_WAIT);
		if (rc != LF_GOT) {
			lf_release_each(t->slots, t->count);
			return rc;
		}
		fill(&t->slots[i], lock);
	}
	return LF_GOT;
}

static int acquire_all(const struct task *t, enum lf_how how)
{
	int rc;

	put_in_order(t, 0);
	rc = try_all(t, LF_NO_WAIT);
	while ((rc == LF_BUSY || rc == -EBUSY) && how != LF_NO_WAIT &&
	       !atomic_load(&t->request->claim.cancelled)) {
		lf_wait_report();
		put_in_order(t, t->request->which);
		rc = try_all(t, how);
	}
	/* Given up between two waits: only a call that does not wait is refused. */
	return rc == LF_BUSY && how != LF_NO_WAIT ? LF_CANCELLED : rc;
}

static int acquire_one(struct lf_lock **lock, struct lf_request *request,
		       enum lf_how how)
{
	bool borrowed = request->fd >= 0;
	int rc;

	if (borrowed && lf_is_lent(request->fd))
		return -EPERM;
	if (how == LF_NO_WAIT || (how == LF_WAIT && !borrowed))
		return lf_protocol_acquire(lock, request, how);
	/* A wait gives up what the description has: not if that is enough. */
	rc = lf_protocol_acquire(lock, request, LF_NO_WAIT_KEEP_OPEN);
	if (rc != LF_BUSY && rc != -EBUSY)
		return rc;
	lf_wait_report();
	return lf_protocol_acquire(lock, request, how);
}

int lf_acquire_each(struct lf_slot *slots, struct lf_request *request,
		    const char *const *paths, size_t count, enum lf_how how)
{
	struct task task = { slots, request, paths, count,
			     request->process_owned };
	struct lf_lock *lock;
	int rc;

	request->path = paths[0];
	if (count > 1)
		return acquire_all(&task, how);
	rc = acquire_one(&lock, request, how);
	if (rc == LF_GOT)
		fill(&slots[0], lock);
	return rc;
}
