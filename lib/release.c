/*
 * The protocol backwards.  Only who holds the body at that moment unlinks;
 * presence decides whether to remove, never whether it is safe.
 */
#include "config.h"

#include "release.h"

#include "adopt.h"
#include "stamp.h"

#include <errno.h>
#include <unistd.h>

/*
 * Marks are dropped explicitly: a close alone does not release what belongs to
 * the open file description while a child has a copy of the descriptor.
 */
void drop(struct lf_lock *lock)
{
	body_drop(lock);
	presence_drop(lock);
	handle_close(lock);
}

/* Only what was empty and ours all along: 0 gone or not ours, 1 left. */
static int remove_file(const struct lf_lock *lock)
{
	struct stat st;

	switch (path_is_ours(lock, lock->dir, lock->name)) {
	case 0:
		break;
	case -ESTALE:
		return 0;
	default:
		return 1;
	}
	if (fstat(lock->fd, &st) < 0 || st.st_size > 0)
		return 1;
	return unlinkat(lock->dir, lock->name, 0) < 0 && errno != ENOENT;
}

int leave(struct lf_lock *lock)
{
	int left = 0, rc;
	pid_t pid;

	for (;;) {
		if (!presence_alone(lock)) {
			/* Whoever is there will remove it. */
			if (lock->marks.body == OS_UNLOCK)
				break;
			/* Look again, no longer in the way. */
			body_drop(lock);
			continue;
		}
		rc = lock->marks.body == OS_WRITE ?
			     0 :
			     body_try_to_remove(lock);
		if (rc == 0) {
			left = remove_file(lock);
			break;
		}
		/* In this order: who leaves meanwhile sees one of the two. */
		body_drop(lock);
		presence_drop(lock);
		/* If it cannot be told, not for ever again. */
		if (rc != -EAGAIN ||
		    body_test(lock, OS_WRITE, &pid) != BODY_FREE)
			break;
	}
	drop(lock);
	return left;
}

int release(struct lf_lock *lock)
{
	bool keep = lock->keep, left = lock->foreign && !keep;

	adopt_end(lock);
	if (lock->stamp)
		stamp_clear(lock);
	if (lock->marks.process_owned && !handle_leave(lock)) {
		handle_close(lock); /* the last of this process will remove it */
		return left;
	}
	if (!keep && !lock->foreign)
		return leave(lock);
	drop(lock);
	return left;
}
