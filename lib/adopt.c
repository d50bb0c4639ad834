/* SPDX-License-Identifier: 0BSD */
/*
 * A lock passes from a parent to its forked child.  The body belongs to the open
 * file description, and so to both; the tag does not pass.
 *
 * The parent has the tag until it ends or closes the file, and cannot be made to
 * give it away.  So a helper thread of the adopter waits for it, in the queue:
 * the waiters before it get the tag one by one, find the body held, give the tag
 * back and wait for the body, in order.  This is the only wait for the tag while
 * the body is held; nothing waits for that thread in turn.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <unistd.h>

static int wait_for_tag(void *lock)
{
	return lf_tag_wait(lock);
}

/* If no thread can be started, the lock is held all the same, without a name. */
static void start_waiting_for_tag(struct lf_lock *lock)
{
	if (lock->marks.use_tag && !lock->marks.tag && !lock->marks.place &&
	    !lock->tag_wait)
		lf_wait_start(&lock->tag_wait, &(struct lf_wait_job){
				.run = wait_for_tag,
				.argument = lock,
			});
}

int lf_adopt_lock(struct lf_lock *lock)
{
	struct stat file = { .st_dev = lock->dev, .st_ino = lock->ino };
	bool inherited = lf_is_inherited(lock);
	pid_t owner;
	int rc;

	if (!lf_file_is_open(lock))
		return -EBADF;
	owner = lf_description_owner(lock->fd);

	/* The kernel grants it for nothing if the process holds the file. */
	if (lock->marks.process_owned && inherited &&
	    lf_table_process_holds(&file, NULL))
		return LF_BUSY;
	/* Granted where the description holds the body, as it should. */
	rc = lf_body_try(lock, lock->type);
	if (rc == LF_GOT)
		rc = lf_flock_try(lock);
	if (rc == LF_GOT)
		rc = lf_file_verify_name(lock);
	if (rc == 0 && lock->pidfile)
		rc = lf_pidfile_write(lock);
	if (rc != LF_GOT)
		return rc;
	lf_adopt_stop(lock);
	/* The parent would release a lock that it does not know to be adopted. */
	rc = lf_mark_description(lock->fd);
	if (rc == 0)
		rc = lf_own_description(lock->fd);
	if (rc == 0) {
		rc = lf_table_adopt(lock, owner);
		if (rc < 0)
			fcntl(lock->fd, F_SETOWN, owner > 0 ? owner : 0);
	}
	if (rc == 0)
		start_waiting_for_tag(lock);
	else if (inherited && lock->pidfile)
		lf_pidfile_clear(lock);
	return rc;
}

enum lf_adopted lf_adopted_by_another(struct lf_lock *lock)
{
	pid_t owner, other;
	bool was_free;

	if (lf_is_inherited(lock))
		return LF_IS_ADOPTED;
	if (!lf_description_is_marked(lock->fd))
		return LF_NOT_ADOPTED;
	owner = lf_description_owner(lock->fd);
	if (owner == getpid())
		return LF_NOT_ADOPTED;
	if (owner != 0)
		return LF_IS_ADOPTED;
	if (lock->marks.process_owned)
		return LF_WAS_ADOPTED;
	/* The adopter may have released the lock since, and ended. */
	was_free = lf_body_test(lock, F_WRLCK, &other) != LF_GOT ||
		   lf_body_is_free(lock);
	if (lf_body_try(lock, lock->type) != LF_GOT)
		return LF_IS_ADOPTED;
	return was_free ? LF_WAS_ADOPTED : LF_WAS_ABANDONED;
}

void lf_adopt_stop(struct lf_lock *lock)
{
	int result;

	if (!lock->tag_wait)
		return;
	/* A fork does not copy the thread. */
	if (lf_is_inherited(lock))
		lf_wait_forget(lock->tag_wait);
	else
		lf_wait_cancel(lock->tag_wait, &result);
	lock->tag_wait = NULL;
}

/* Whether a cancelled thread got the tag is unknown. */
void lf_adopt_resume(struct lf_lock *lock)
{
	if (!lock->marks.place)
		lf_tag_try(lock);
	start_waiting_for_tag(lock);
}
