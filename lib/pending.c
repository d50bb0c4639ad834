/*
 * A wait in the kernel has no time limit and no descriptor to poll, and to
 * interrupt it takes a signal.  So a thread with all signals blocked waits
 * there, in its place in the queue, and is cancelled if need be; a pipe tells
 * when it has done.
 */
#include "config.h"

#include "pending.h"

#include "acquire.h"
#include "release.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum progress { WAITING, FINISHED, ABANDONED };

struct pending {
	struct request request;
	struct os_helper *helper;
	atomic_int progress;
	int ended[2]; /* a pipe */
	int directory;
	int result;
	struct lf_lock *acquired;
	char path[];
};

static void free_pending(struct pending *pending)
{
	close(pending->ended[0]);
	close(pending->ended[1]);
	if (pending->directory >= 0)
		close(pending->directory);
	free(pending);
}

/* Nobody wants it any more. */
static void give_back(struct pending *pending)
{
	if (pending->result == 0)
		release(pending->acquired);
	free_pending(pending);
}

static void end(struct pending *pending)
{
	if (atomic_exchange(&pending->progress, FINISHED) == ABANDONED)
		give_back(pending);
	else
		(void)!write(pending->ended[1], "", 1);
}

static void *wait_in_kernel(void *argument)
{
	struct pending *pending = argument;

	pending->result = acquire(&pending->acquired, &pending->request, OS_WAIT);
	end(pending);
	return NULL;
}

static struct pending *new_pending(const struct request *rq)
{
	size_t size = strlen(rq->path) + 1;
	struct pending *pending = calloc(1, sizeof(*pending) + size);

	if (!pending)
		return NULL;
	memcpy(pending->path, rq->path, size);
	pending->request = *rq;
	pending->request.path = pending->path;
	pending->directory = -1;
	return pending;
}

/* The process may go elsewhere meanwhile, or close the directory it named. */
static int keep_directory(struct pending *pending)
{
	int fd;

	if (pending->path[0] == '/')
		return 0;
	fd = os_open_directory(pending->request.dirfd, ".");
	if (fd >= 0)
		pending->directory = pending->request.dirfd = fd;
	return fd;
}

int pending_start(struct pending **started, const struct request *rq,
		  struct lf_lock *acquired)
{
	struct pending *pending = new_pending(rq);
	int rc;

	if (!pending)
		return -ENOMEM;
	rc = os_pipe(pending->ended);
	if (rc < 0) {
		free(pending);
		return rc;
	}
	if (acquired) {
		pending->acquired = acquired;
		end(pending);
	} else {
		rc = keep_directory(pending);
		if (rc >= 0)
			rc = os_helper_start(&pending->helper, wait_in_kernel,
					     pending);
	}
	if (rc < 0)
		free_pending(pending);
	else
		*started = pending;
	return rc < 0 ? rc : 0;
}

int pending_descriptor(const struct pending *pending)
{
	return pending->ended[0];
}

int pending_finish(struct pending *pending, struct lf_lock **acquired)
{
	int rc;

	if (pending->helper)
		os_helper_join(pending->helper);
	rc = pending->result;
	*acquired = pending->acquired;
	free_pending(pending);
	return rc;
}

int pending_cancel(struct pending *pending, struct lf_lock **acquired,
		   int reason)
{
	struct os_helper *helper = pending->helper;

	if (!helper) {
		pending_finish(pending, acquired);
		return 0;
	}
	atomic_store(&pending->request.cancelled, true);
	handle_wake();
	if (os_helper_cancel(helper) < 0 &&
	    atomic_exchange(&pending->progress, ABANDONED) == WAITING) {
		/* It cannot be stopped: it gives back what it gets, and frees. */
		os_helper_detach(helper);
		return reason;
	}
	os_helper_join(helper);
	if (pending->progress == WAITING)
		acquire_cancelled(pending->request.attempt);
	else if (pending->result == 0) {
		*acquired = pending->acquired;
		reason = 0;
	}
	free_pending(pending);
	return reason;
}

/* What the thread has under way is not to be touched: it may be half done. */
void pending_forget(struct pending *pending)
{
	if (pending->progress == FINISHED && pending->acquired)
		handle_forget(pending->acquired);
	free_pending(pending);
}

static int acquire_until(struct lf_lock **lock, struct request *rq,
			 struct timespec deadline)
{
	struct pending *pending;
	int rc = acquire(lock, rq, OS_NOWAIT);

	if (rc != -EAGAIN)
		return rc;
	rc = pending_start(&pending, rq, NULL);
	if (rc < 0)
		return rc;
	rc = os_poll_until(pending_descriptor(pending), deadline);
	if (rc > 0)
		return pending_finish(pending, lock);
	return pending_cancel(pending, lock, rc == 0 ? -ETIMEDOUT : rc);
}

int acquire_within(struct lf_lock **lock, struct request *rq, int timeout_ms,
		   struct timespec deadline)
{
	return timeout_ms == 0 ? acquire(lock, rq, OS_NOWAIT) :
	       timeout_ms < 0  ? acquire(lock, rq, OS_WAIT) :
				 acquire_until(lock, rq, deadline);
}
