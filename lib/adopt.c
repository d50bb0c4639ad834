/*
 * The parent has the tag until it ends or closes the file, and cannot be made
 * to give it away.  So a thread of the new holder waits for it, in the queue:
 * the waiters before it get the tag one by one, find the body held, give the
 * tag back and wait for the body, in order.  This is the one wait for the tag
 * while the body is held; nothing in turn waits for that thread.
 */
#include "config.h"

#include "adopt.h"

#include "stamp.h"

#include <errno.h>
#include <unistd.h>

static void *wait_for_tag(void *lock)
{
	tag_wait(lock);
	return NULL;
}

/*
 * A thread that could not be cancelled would be in the way of the release.
 * Without one the lock is held all the same, and names nobody.
 */
static void get_tag(struct lf_lock *lock)
{
	if (lock->marks.use_tag && !lock->marks.tag && !lock->tag_waiter &&
	    os_helper_can_be_cancelled())
		os_helper_start(&lock->tag_waiter, wait_for_tag, lock);
}

int adopt(struct lf_lock *lock)
{
	struct stat file = { .st_dev = lock->dev, .st_ino = lock->ino };
	int rc;

	/* Granted for nothing if another handle of this process has it. */
	if (lock->marks.process_owned && lock->pid != getpid() &&
	    process_holds(&file))
		return -EAGAIN;
	/* Granted at once where the description has it, as it should. */
	rc = body_try(lock, lock->mode);
	if (rc == 0)
		rc = handle_verify(lock);
	if (rc == 0 && lock->stamp)
		rc = stamp_write(lock);
	if (rc < 0)
		return rc;
	if (lock->pid != getpid())
		lock->tag_waiter = NULL; /* a thread that fork did not copy */
	os_own_description(lock->fd);
	adopt_end(lock);
	handle_adopt(lock);
	get_tag(lock);
	return 0;
}

/* Whether the tag is there is not known of a thread that was cancelled. */
void adopt_go_on(struct lf_lock *lock)
{
	tag_try(lock);
	get_tag(lock);
}

bool adopted_by_another(struct lf_lock *lock)
{
	pid_t self = getpid(), owner;

	if (lock->pid != self)
		return true;
	if (!os_may_have_forked())
		return false;
	owner = os_description_owner(lock->fd);
	if (owner != 0 || lock->marks.process_owned)
		return owner != 0 && owner != self;
	/* Who adopted it may have released it since, and ended. */
	return body_try(lock, lock->mode) < 0;
}

void adopt_end(struct lf_lock *lock)
{
	if (!lock->tag_waiter)
		return;
	os_helper_cancel(lock->tag_waiter);
	os_helper_join(lock->tag_waiter);
	lock->tag_waiter = NULL;
}
