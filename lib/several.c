/*
 * Waits only while it holds nothing: waits for one, tries the rest, and if one of
 * these is busy lets go of all and waits for that one.  That the paths are taken
 * in order is for speed alone: two who want the same meet at the first file, not
 * in the middle.  An order cannot exclude deadlock, since files that are removed
 * come back as others, and a file may have several names.
 */
#include "config.h"

#include "several.h"

#include "pending.h"
#include "release.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static void release_all(struct lf_lock **locks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (locks[i])
			release(locks[i]);
		locks[i] = NULL;
	}
}

/* By another spelling, or by a hard link. */
static bool is_among(struct lf_lock *const *locks, size_t count,
		     const struct request *rq)
{
	bool any = false, found = false;
	struct stat st;

	for (size_t i = 0; i < count && !any; i++)
		any = locks[i] != NULL;
	if (!any || fstatat(rq->dirfd, rq->path, &st,
			    rq->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	for (size_t i = 0; i < count && !found; i++)
		found = locks[i] && locks[i]->dev == st.st_dev &&
			locks[i]->ino == st.st_ino;
	return found;
}

static int by_name(const void *a, const void *b)
{
	const char *const *const *one = a, *const *const *other = b;

	return strcmp(**one, **other);
}

struct task {
	struct lf_lock **locks;
	const struct request *request;
	const char *const *paths;
	const char *const **order; /* pointers into PATHS */
	size_t count;
};

/* FIRST, then the others by their names. */
static void put_in_order(const struct task *t, size_t first)
{
	for (size_t i = 0; i < t->count; i++)
		t->order[i] = &t->paths[i];
	t->order[first] = t->order[0];
	t->order[0] = &t->paths[first];
	qsort(t->order + 1, t->count - 1, sizeof(*t->order), by_name);
}

/*
 * Waits for the first in the order, if TIMEOUT_MS is not 0, and for no other.
 * *FAILED is the one that could not be had.
 */
static int try_all(const struct task *t, int timeout_ms,
		   struct timespec deadline, size_t *failed)
{
	for (size_t n = 0; n < t->count; n++) {
		size_t i = (size_t)(t->order[n] - t->paths);
		struct request rq = *t->request;
		int rc;

		rq.path = t->paths[i];
		if (is_among(t->locks, t->count, &rq))
			continue;
		rc = acquire_within(&t->locks[i], &rq, n == 0 ? timeout_ms : 0,
				    deadline);
		if (rc < 0) {
			t->locks[i] = NULL;
			release_all(t->locks, t->count);
			*failed = i;
			return rc;
		}
	}
	return 0;
}

int acquire_all(struct lf_lock **locks, const struct request *rq,
		const char *const *paths, size_t count, int timeout_ms,
		size_t *failed)
{
	struct task task = { locks, rq, paths, NULL, count };
	struct timespec deadline = os_deadline(timeout_ms);
	int rc;

	*failed = 0;
	task.order = calloc(count, sizeof(*task.order));
	if (!task.order)
		return -ENOMEM;
	put_in_order(&task, 0);
	rc = try_all(&task, 0, deadline, failed);
	while (rc == -EAGAIN && timeout_ms != 0) {
		if (timeout_ms > 0 && os_is_over(deadline)) {
			rc = -ETIMEDOUT;
			break;
		}
		put_in_order(&task, *failed);
		rc = try_all(&task, timeout_ms, deadline, failed);
	}
	free(task.order);
	return rc;
}
