/*
 * Shared to exclusive and back.  The kernel converts the body in one step, and a
 * refused conversion leaves what was (fcntl(2): "replaces", or fails).  Two who
 * share the lock and both wait to have it alone would wait for ever, and for
 * locks of an open file description nobody notices: so each wait has a bound.
 */
#include "config.h"

#include "convert.h"

#include <errno.h>
#include <unistd.h>

int convert_to_shared(struct lf_lock *lock)
{
	int rc = body_try(lock, OS_READ);

	if (rc == 0)
		handle_convert(lock, OS_READ);
	return rc;
}

/* After handle_enter(). */
static int end(struct lf_lock *lock, int rc)
{
	handle_convert(lock, rc == 0 ? OS_WRITE : OS_READ);
	return rc;
}

int convert_to_exclusive(struct lf_lock *lock)
{
	atomic_bool cancelled = false;
	int rc = handle_enter(lock, OS_WRITE, OS_NOWAIT, &cancelled);

	if (rc == 0)
		rc = end(lock, body_try(lock, OS_WRITE));
	return rc;
}

/* The same in a thread of its own, as in pending.c. */
struct conversion {
	struct lf_lock *lock;
	atomic_bool cancelled;
	bool entered, granted;
	int result;
	int ended[2]; /* a pipe */
};

static void *wait_in_kernel(void *argument)
{
	struct conversion *conversion = argument;
	struct lf_lock *lock = conversion->lock;
	int rc = handle_enter(lock, OS_WRITE, OS_WAIT, &conversion->cancelled);

	conversion->entered = rc == 0;
	if (rc == 0)
		rc = body_wait(lock, OS_WRITE);
	conversion->granted = rc == 0;
	conversion->result = rc;
	(void)!write(conversion->ended[1], "", 1);
	return NULL;
}

static int wait_until(struct conversion *conversion, struct timespec deadline)
{
	struct os_helper *helper;
	int rc = os_helper_start(&helper, wait_in_kernel, conversion);

	if (rc < 0)
		return rc;
	rc = os_poll_until(conversion->ended[0], deadline);
	if (rc <= 0) {
		atomic_store(&conversion->cancelled, true);
		handle_wake();
		os_helper_cancel(helper);
	}
	os_helper_join(helper);
	return rc > 0 ? 0 : rc == 0 ? -ETIMEDOUT : rc;
}

int convert_to_exclusive_until(struct lf_lock *lock, struct timespec deadline)
{
	struct conversion conversion = { .lock = lock };
	int rc;

	if (!os_helper_can_be_cancelled())
		return -ENOMEM;
	rc = os_pipe(conversion.ended);
	if (rc < 0)
		return rc;
	rc = wait_until(&conversion, deadline);
	if (conversion.granted || rc == 0)
		rc = conversion.result;
	else
		/* It is not known what the kernel granted. */
		body_try(lock, OS_READ);
	if (conversion.entered)
		rc = end(lock, rc);
	close(conversion.ended[0]);
	close(conversion.ended[1]);
	return rc;
}
