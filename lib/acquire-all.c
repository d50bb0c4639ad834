/* SPDX-License-Identifier: 0BSD */
/*
 * Several lock files, all or none.  The caller waits only while it holds nothing:
 * it waits for one, tries the rest, and if one of these is held, releases all and
 * waits for that one.  The paths are sorted for speed alone: two callers that
 * want the same files meet at the first, not in the middle.  An order cannot
 * exclude deadlock, since files that are removed come back as others, and a file
 * may have several names.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void release_all(struct lf_lock **locks, size_t count)
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
	const struct lf_request *request;
	const char *const *paths;
	const char *const **order; /* pointers into PATHS */
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	const char *const *const *one = a, *const *const *other = b;

	return strcmp(**one, **other);
}

/* FIRST, then the others by name. */
static void put_in_order(const struct task *t, size_t first)
{
	for (size_t i = 0; i < t->count; i++)
		t->order[i] = &t->paths[i];
	t->order[first] = t->order[0];
	t->order[0] = &t->paths[first];
	qsort(t->order + 1, t->count - 1, sizeof(*t->order), compare_names);
}

/*
 * Waits for the first in the order, unless TIMEOUT_MS is 0, and for no other.
 * *FAILED: the one that was not acquired.
 */
static int try_all(const struct task *t, int timeout_ms,
		   struct timespec deadline, size_t *failed)
{
	for (size_t n = 0; n < t->count; n++) {
		size_t i = (size_t)(t->order[n] - t->paths);
		struct lf_request request = *t->request;
		int rc;

		request.path = t->paths[i];
		if (is_among(t->locks, t->count, &request))
			continue;
		rc = lf_acquire_within(&t->locks[i], &request,
				       n == 0 ? timeout_ms : 0, deadline);
		if (rc != LF_GOT) {
			t->locks[i] = NULL;
			release_all(t->locks, t->count);
			*failed = i;
			return rc;
		}
	}
	return LF_GOT;
}

int lf_acquire_each(struct lf_lock **locks, const struct lf_request *request,
		    const char *const *paths, size_t count, int timeout_ms,
		    size_t *failed)
{
	struct task task = { locks, request, paths, NULL, count };
	struct timespec deadline = lf_deadline(timeout_ms);
	int rc;

	*failed = 0;
	task.order = calloc(count, sizeof(*task.order));
	if (!task.order)
		return -ENOMEM;
	put_in_order(&task, 0);
	rc = try_all(&task, 0, deadline, failed);
	while (rc == LF_BUSY && timeout_ms != 0) {
		if (timeout_ms > 0 && lf_deadline_is_over(deadline)) {
			rc = LF_TIMED_OUT;
			break;
		}
		put_in_order(&task, *failed);
		rc = try_all(&task, timeout_ms, deadline, failed);
	}
	free(task.order);
	return rc;
}
