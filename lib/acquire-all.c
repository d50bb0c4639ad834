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

void lf_release_each(struct lf_lock **locks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (locks[i])
			lf_protocol_release(locks[i]);
		locks[i] = NULL;
	}
}

/* The same file by another spelling, or by a hard link. */
static bool is_among(struct lf_lock *const *locks, size_t count,
		     const struct lf_request *request)
{
	bool any = false, found = false;
	struct stat st;

	for (size_t i = 0; i < count && !any; i++)
		any = locks[i] != NULL;
	if (!any || fstatat(request->dirfd, request->path, &st,
			    request->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	for (size_t i = 0; i < count && !found; i++)
		found = locks[i] && locks[i]->dev == st.st_dev &&
			locks[i]->ino == st.st_ino;
	return found;
}

struct task {
	struct lf_lock **locks;
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

	for (size_t n = 0; n < t->count; n++) {
		size_t i = (size_t)(request->order[n] - t->paths);
		int rc;

		request->path = t->paths[i];
		request->which = i;
		request->attempt = NULL;
		request->process_owned = t->process_owned;
		if (is_among(t->locks, t->count, request))
			continue;
		rc = lf_protocol_acquire(&t->locks[i], request,
					 n == 0 ? how : LF_NO_WAIT);
		if (rc != LF_GOT) {
			lf_release_each(t->locks, t->count);
			return rc;
		}
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
	return rc;
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

int lf_acquire_each(struct lf_lock **locks, struct lf_request *request,
		    const char *const *paths, size_t count, enum lf_how how)
{
	struct task task = { locks, request, paths, count,
			     request->process_owned };

	request->path = paths[0];
	return count == 1 ? acquire_one(locks, request, how) :
			    acquire_all(&task, how);
}
