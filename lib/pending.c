/* SPDX-License-Identifier: 0BSD */
/*
 * An acquisition that runs in a helper thread: lf_start(), and every wait with a
 * time limit.  The handle that the first attempt opened goes on in the thread.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lf_pending {
	struct lf_request request;
	struct lf_wait *wait;
	struct lf_lock *acquired;
	int dirfd; /* or -1 */
	char path[];
};

static void free_pending(struct lf_pending *pending)
{
	if (pending->dirfd >= 0)
		close(pending->dirfd);
	free(pending);
}

/*
 * A thread may change the working directory during the wait, or close the
 * directory that the caller named.  *DIRFD: to close afterwards, or -1.
 */
static int keep_directory(struct lf_request *request, int *dirfd)
{
	*dirfd = -1;
	if (request->path[0] == '/' || request->fd >= 0)
		return 0;
	*dirfd = lf_open_directory(request->dirfd, ".");
	if (*dirfd < 0)
		return *dirfd;
	request->dirfd = *dirfd;
	return 0;
}

static struct lf_pending *new_pending(const struct lf_request *request)
{
	size_t size = strlen(request->path) + 1;
	struct lf_pending *pending = calloc(1, sizeof(*pending) + size);

	if (!pending)
		return NULL;
	memcpy(pending->path, request->path, size);
	pending->request = *request;
	pending->request.path = pending->path;
	pending->dirfd = -1;
	return pending;
}

static int acquire_waiting(void *argument)
{
	struct lf_pending *pending = argument;

	return lf_protocol_acquire(&pending->acquired, &pending->request,
				   LF_WAIT_BOUNDED);
}

/* The caller gave up, but the thread did not end in time. */
static void give_back(void *argument, bool returned)
{
	struct lf_pending *pending = argument;

	if (!returned)
		lf_protocol_cancelled(&pending->request);
	else if (pending->acquired)
		lf_protocol_release(pending->acquired);
	free_pending(pending);
}

int lf_pending_start(struct lf_pending **started,
		     const struct lf_request *request, struct lf_lock *acquired)
{
	struct lf_pending *pending = new_pending(request);
	int rc;

	if (!pending)
		return -ENOMEM;
	pending->acquired = acquired;
	rc = acquired ? 0 : keep_directory(&pending->request, &pending->dirfd);
	if (rc == 0)
		rc = lf_wait_start(&pending->wait, &(struct lf_wait_job){
				.run = acquired ? NULL : acquire_waiting,
				.abandoned = give_back,
				.argument = pending,
				.pollable = true,
			});
	if (rc < 0) {
		free_pending(pending);
		return rc;
	}
	*started = pending;
	return 0;
}

int lf_pending_descriptor(const struct lf_pending *pending)
{
	return lf_wait_descriptor(pending->wait);
}

int lf_pending_finish(struct lf_pending *pending, struct lf_lock **acquired)
{
	int rc = lf_wait_join(pending->wait);

	*acquired = pending->acquired;
	free_pending(pending);
	return rc;
}

int lf_pending_cancel(struct lf_pending *pending, struct lf_lock **acquired)
{
	int rc = LF_CANCELLED;

	lf_table_cancel(&pending->request.claim);
	switch (lf_wait_cancel(pending->wait, &rc)) {
	case LF_WAIT_ABANDONED:
		return LF_CANCELLED;
	case LF_WAIT_STOPPED:
		lf_protocol_cancelled(&pending->request);
		rc = LF_CANCELLED;
		break;
	case LF_WAIT_RETURNED:
		*acquired = pending->acquired;
		break;
	}
	free_pending(pending);
	return rc;
}

/* What the thread was doing at the fork may be half done: it stays as it is. */
void lf_pending_forget(struct lf_pending *pending)
{
	if (lf_wait_forget(pending->wait) && pending->acquired)
		lf_table_forget(pending->acquired);
	free_pending(pending);
}

static int acquire_until(struct lf_lock **lock, struct lf_request *request,
			 struct timespec deadline)
{
	int rc = lf_protocol_acquire(lock, request, LF_NO_WAIT_KEEP_OPEN), ended;
	struct lf_pending *pending;

	if (rc != LF_BUSY)
		return rc;
	rc = lf_pending_start(&pending, request, NULL);
	if (rc < 0) {
		lf_protocol_close_attempt(request);
		return rc;
	}
	rc = lf_poll_until(lf_pending_descriptor(pending), deadline);
	if (rc > 0)
		return lf_pending_finish(pending, lock);
	ended = lf_pending_cancel(pending, lock);
	if (ended == LF_GOT)
		return LF_GOT;
	return rc < 0 ? rc : LF_TIMED_OUT;
}

static int acquire_without_bound(struct lf_lock **lock,
				 struct lf_request *request)
{
	int dirfd, rc = keep_directory(request, &dirfd);

	if (rc < 0)
		return rc;
	rc = lf_protocol_acquire(lock, request, LF_WAIT);
	if (dirfd >= 0)
		close(dirfd);
	return rc;
}

int lf_acquire_within(struct lf_lock **lock, struct lf_request *request,
		      int timeout_ms, struct timespec deadline)
{
	return timeout_ms == 0 ? lf_protocol_acquire(lock, request, LF_NO_WAIT) :
	       timeout_ms < 0  ? acquire_without_bound(lock, request) :
				 acquire_until(lock, request, deadline);
}
