/* SPDX-License-Identifier: 0BSD */
/*
 * An acquisition that runs in a helper thread: lf_start(), and every call with a
 * time limit.  A file server that does not answer may block any call on the file,
 * open(2) too; so the thread that must return in time makes none of them.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long lf_start() waits for the first attempt, to report its error. */
#define FIRST_ATTEMPT_MS 1000

/* How long a release may take before it is left to its thread. */
#define RELEASE_MS 100

struct lf_pending {
	struct lf_request request;
	struct lf_wait *wait;
	atomic_size_t users;
	const char **paths;
	size_t count;
	int dirfd; /* or -1 */
	struct lf_slot slots[]; /* then PATHS and the order of the request */
};

static void put(struct lf_pending *pending)
{
	if (atomic_fetch_sub(&pending->users, 1) > 1)
		return;
	if (pending->dirfd >= 0 && lf_is_directory(pending->dirfd))
		close(pending->dirfd);
	free(pending);
}

static bool is_any_relative(const char *const *paths, size_t count)
{
	size_t i = 0;

	while (i < count && paths[i][0] == '/')
		i++;
	return i < count;
}

/*
 * A thread may change the working directory during the wait, or close the
 * directory that the caller named.  *DIRFD: to close afterwards, or -1.
 */
static int keep_directory(struct lf_request *request, const char *const *paths,
			  size_t count, int *dirfd)
{
	*dirfd = -1;
	if (request->fd >= 0 || !is_any_relative(paths, count))
		return 0;
	*dirfd = lf_open_directory(request->dirfd, ".");
	/* A caller that has gone on may have done either by now. */
	if (*dirfd >= 0 && lf_wait_is_late()) {
		close(*dirfd);
		*dirfd = -EIO;
	}
	if (*dirfd < 0)
		return *dirfd;
	request->dirfd = *dirfd;
	return 0;
}

static struct lf_pending *new_pending(const struct lf_request *request,
				      const char *const *paths, size_t count)
{
	size_t size = sizeof(struct lf_pending), length;
	struct lf_pending *pending;
	char *text;

	for (size_t i = 0; i < count; i++)
		size += sizeof(struct lf_slot) + 2 * sizeof(void *) +
			strlen(paths[i]) + 1;
	pending = calloc(1, size);
	if (!pending)
		return NULL;
	pending->request = *request;
	pending->users = 1;
	pending->paths = (void *)(pending->slots + count);
	pending->request.order = (void *)(pending->paths + count);
	pending->count = count;
	pending->dirfd = -1;
	text = (char *)(pending->request.order + count);
	for (size_t i = 0; i < count; i++, text += length) {
		length = strlen(paths[i]) + 1;
		pending->paths[i] = memcpy(text, paths[i], length);
	}
	return pending;
}

static int acquire(void *argument)
{
	struct lf_pending *pending = argument;
	int rc = keep_directory(&pending->request, pending->paths,
				pending->count, &pending->dirfd);

	return rc < 0 ? rc :
			lf_acquire_each(pending->slots, &pending->request,
					pending->paths, pending->count,
					LF_WAIT_BOUNDED);
}

/* The caller gave up, but the thread did not end in time. */
static void give_back(void *argument, bool returned)
{
	struct lf_pending *pending = argument;

	if (!returned)
		lf_protocol_cancelled(&pending->request);
	lf_release_each(pending->slots, pending->count);
	put(pending);
}

static int release_rest(void *argument)
{
	struct lf_pending *pending = argument;

	lf_release_each(pending->slots, pending->count);
	return 0;
}

static void end_release(void *pending, bool returned)
{
	(void)returned;
	put(pending);
}

static bool holds_any(struct lf_pending *pending)
{
	size_t i = 0;

	while (i < pending->count && !atomic_load(&pending->slots[i].lock))
		i++;
	return i < pending->count;
}

/*
 * A thread that was abandoned may be kept at one file for ever, and the others must
 * not stay locked.  But some of them may be on the same server.  So another thread
 * releases them; when it is kept at one too, the next one takes those that are left.
 */
static void release_of_abandoned(struct lf_pending *pending)
{
	const struct lf_wait_job job = {
		.run = release_rest,
		.abandoned = end_release,
		.argument = pending,
		.pollable = true,
	};
	struct lf_wait *release;

	while (holds_any(pending)) {
		/* Without memory they are left to the abandoned thread. */
		if (lf_wait_start(&release, &job) < 0)
			return;
		atomic_fetch_add(&pending->users, 1);
		if (lf_wait_leave(release, lf_deadline(RELEASE_MS)))
			put(pending);
	}
}

static int begin(struct lf_pending **begun, const struct lf_request *request,
		 const char *const *paths, size_t count, bool reports)
{
	struct lf_pending *pending = new_pending(request, paths, count);
	int rc;

	if (!pending)
		return -ENOMEM;
	rc = lf_wait_start(&pending->wait, &(struct lf_wait_job){
			.run = acquire,
			.abandoned = give_back,
			.argument = pending,
			.pollable = true,
			.reports = reports,
		});
	if (rc < 0)
		put(pending);
	else
		*begun = pending;
	return rc;
}

/* After the end of the thread, which returned RC. */
static int take(struct lf_pending *pending, struct lf_lock **acquired,
		size_t *which, int rc)
{
	for (size_t i = 0; i < pending->count; i++)
		acquired[i] = pending->slots[i].lock;
	*which = pending->request.which;
	put(pending);
	return rc;
}

int lf_pending_start(struct lf_pending **started,
		     const struct lf_request *request)
{
	struct lf_pending *pending;
	struct lf_lock *acquired;
	int rc = begin(&pending, request, &request->path, 1, true);

	if (rc < 0)
		return rc;
	rc = lf_wait_for_report(pending->wait, lf_deadline(FIRST_ATTEMPT_MS));
	if (rc == 0 && lf_wait_has_failed(pending->wait))
		return lf_pending_finish(pending, &acquired);
	if (rc == 0)
		*started = pending;
	else if (lf_pending_cancel(pending, &acquired) == LF_GOT)
		lf_release_each(&(struct lf_slot){ .lock = acquired }, 1);
	return rc;
}

int lf_pending_descriptor(const struct lf_pending *pending)
{
	return lf_wait_descriptor(pending->wait);
}

static int finish(struct lf_pending *pending, struct lf_lock **acquired,
		  size_t *which)
{
	return take(pending, acquired, which, lf_wait_join(pending->wait));
}

static int cancel(struct lf_pending *pending, struct lf_lock **acquired,
		  size_t *which)
{
	enum lf_wait_end end;
	int rc = LF_CANCELLED;

	*which = pending->request.which;
	lf_table_cancel(&pending->request.claim);
	atomic_fetch_add(&pending->users, 1);
	end = lf_wait_cancel(pending->wait, &rc);
	if (end == LF_WAIT_ABANDONED)
		release_of_abandoned(pending);
	put(pending);
	if (end == LF_WAIT_ABANDONED)
		return rc;
	if (end == LF_WAIT_STOPPED) {
		lf_protocol_cancelled(&pending->request);
		rc = LF_CANCELLED;
	}
	/* No signal interrupts that thread; with musl a cancellation does. */
	if (rc == -EINTR)
		rc = LF_CANCELLED;
	return take(pending, acquired, which, rc);
}

int lf_pending_finish(struct lf_pending *pending, struct lf_lock **acquired)
{
	size_t first;

	return finish(pending, acquired, &first);
}

int lf_pending_cancel(struct lf_pending *pending, struct lf_lock **acquired)
{
	size_t first;

	return cancel(pending, acquired, &first);
}

/* What the thread was doing at the fork may be half done: it stays as it is. */
void lf_pending_forget(struct lf_pending *pending)
{
	if (lf_wait_forget(pending->wait) && pending->slots[0].lock)
		lf_table_close(pending->slots[0].lock);
	put(pending);
}

static int acquire_until(struct lf_lock **locks, struct lf_request *request,
			 const char *const *paths, size_t count,
			 struct timespec deadline)
{
	struct lf_pending *pending;
	int rc = begin(&pending, request, paths, count, false), ended;
	size_t which;

	if (rc < 0)
		return rc;
	rc = lf_poll_until(lf_pending_descriptor(pending), deadline);
	/* An attempt that is about to end still counts. */
	ended = rc > 0 ? finish(pending, locks, &which) :
			 cancel(pending, locks, &which);
	request->which = which;
	if (ended != LF_CANCELLED)
		return ended;
	return rc < 0 ? rc : LF_TIMED_OUT;
}

static int acquire_here(struct lf_lock **locks, struct lf_request *request,
			const char *const *paths, size_t count, enum lf_how how)
{
	struct lf_slot one = { NULL, 0, 0 }, *slots = &one;
	int dirfd = -1, rc = 0;

	if (count > 1) {
		slots = calloc(count, sizeof(*slots) + sizeof(*request->order));
		if (!slots)
			return -ENOMEM;
		request->order = (void *)(slots + count);
	}
	if (how == LF_WAIT)
		rc = keep_directory(request, paths, count, &dirfd);
	if (rc >= 0)
		rc = lf_acquire_each(slots, request, paths, count, how);
	for (size_t i = 0; i < count; i++)
		locks[i] = slots[i].lock;
	if (dirfd >= 0 && lf_is_directory(dirfd))
		close(dirfd);
	if (slots != &one)
		free(slots);
	return rc;
}

int lf_acquire_within(struct lf_lock **locks, struct lf_request *request,
		      const char *const *paths, size_t count, int timeout_ms)
{
	if (timeout_ms > 0)
		return acquire_until(locks, request, paths, count,
				     lf_deadline(timeout_ms));
	return acquire_here(locks, request, paths, count,
			    timeout_ms < 0 ? LF_WAIT : LF_NO_WAIT);
}
