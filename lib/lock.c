/* The life of a lock as a caller sees it. */
#include "config.h"

#include "acquire.h"
#include "adopt.h"
#include "call.h"
#include "convert.h"
#include "handle.h"
#include "lockfile-fcntl.h"
#include "pending.h"
#include "release.h"
#include "several.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FLAGS (LF_KEEP | LF_NOCREATE | LF_PID | LF_FOLLOW | LF_SHARED)

/* One PID is no answer where many hold the lock. */
static bool are_valid(unsigned flags)
{
	return !(flags & ~FLAGS) && (flags & (LF_PID | LF_SHARED)) !=
					    (LF_PID | LF_SHARED);
}

static struct request request(int dirfd, const char *path, mode_t mode,
			      unsigned flags)
{
	return (struct request){
		.dirfd = dirfd,
		.path = path,
		.fd = -1,
		.mode = mode,
		.lock = flags & LF_SHARED ? OS_READ : OS_WRITE,
		.create = !(flags & LF_NOCREATE),
		.follow = flags & LF_FOLLOW,
		.keep = flags & (LF_KEEP | LF_FOLLOW),
		.stamp = flags & LF_PID,
		.process_owned = !os_has_description_locks(),
		.thread = os_thread_self(),
	};
}

static int within(struct lf_lock **lock, struct request *rq, int timeout_ms)
{
	return acquire_within(lock, rq, timeout_ms, os_deadline(timeout_ms));
}

int lf_acquire_at(struct lf_lock **lock, int dirfd, const char *path,
		  mode_t mode, int timeout_ms, unsigned flags)
{
	struct request rq;
	struct call call;

	call_enter(&call);
	if (lock)
		*lock = NULL;
	if (!lock || !path || (mode & ~(mode_t)07777) ||
	    timeout_ms < LF_FOREVER || !are_valid(flags))
		return call_leave(&call, -EINVAL, ACQUIRE);

	rq = request(dirfd, path, mode, flags);
	return call_leave(&call, within(lock, &rq, timeout_ms), ACQUIRE);
}

int lf_acquire(struct lf_lock **lock, const char *path, int timeout_ms,
	       unsigned flags)
{
	return lf_acquire_at(lock, AT_FDCWD, path, 0666, timeout_ms, flags);
}

int lf_acquire_all(struct lf_lock **locks, const char *const *paths,
		   size_t count, int timeout_ms, unsigned flags, size_t *failed)
{
	bool valid = locks && paths && count > 0 && timeout_ms >= LF_FOREVER &&
		     are_valid(flags);
	struct request rq;
	struct call call;
	size_t which = 0;
	int rc = -EINVAL;

	call_enter(&call);
	for (size_t i = 0; locks && i < count; i++)
		locks[i] = NULL;
	for (size_t i = 0; valid && i < count; i++)
		valid = paths[i] != NULL;
	if (valid) {
		rq = request(AT_FDCWD, paths[0], 0666, flags);
		rc = acquire_all(locks, &rq, paths, count, timeout_ms, &which);
	}
	if (failed)
		*failed = rc < 0 ? which : 0;
	return call_leave(&call, rc, ACQUIRE);
}

int lf_acquire_fd(struct lf_lock **lock, int fd, int timeout_ms, unsigned flags)
{
	struct request rq;
	struct call call;
	char name[32];
	int rc = -EBADF;

	call_enter(&call);
	if (lock)
		*lock = NULL;
	if (!lock || timeout_ms < LF_FOREVER || (flags & ~LF_SHARED))
		return call_leave(&call, -EINVAL, ACQUIRE_FD);
	if (fd >= 0) {
		snprintf(name, sizeof(name), "/dev/fd/%d", fd);
		rq = request(AT_FDCWD, name, 0, flags | LF_KEEP);
		rq.fd = fd;
		rc = within(lock, &rq, timeout_ms);
	}
	return call_leave(&call, rc, ACQUIRE_FD);
}

/* The first attempt is made here: if it does, or fails, there is no wait. */
static int start(struct lf_lock **lock, struct request *rq)
{
	struct lf_lock *acquired = NULL, *waiting;
	int rc = acquire(&acquired, rq, OS_NOWAIT);

	if (rc < 0 && rc != -EAGAIN)
		return rc;
	waiting = handle_new(rq);
	rc = waiting ? pending_start(&waiting->pending, rq, acquired) : -ENOMEM;
	if (rc == 0) {
		*lock = waiting;
		return 0;
	}
	free(waiting);
	if (acquired)
		release(acquired);
	return rc;
}

int lf_start(struct lf_lock **lock, const char *path, unsigned flags)
{
	struct request rq;
	struct call call;

	call_enter(&call);
	if (lock)
		*lock = NULL;
	if (!lock || !path || !are_valid(flags))
		return call_leave(&call, -EINVAL, START);
	rq = request(AT_FDCWD, path, 0666, flags);
	return call_leave(&call, start(lock, &rq), START);
}

int lf_pending_fd(const struct lf_lock *lock)
{
	return lock && lock->pending ? pending_descriptor(lock->pending) :
				       -EBADF;
}

static bool is_inherited(const struct lf_lock *lock)
{
	return lock->pid != getpid();
}

int lf_finish(struct lf_lock **lock)
{
	struct lf_lock *waiting;
	struct call call;
	int rc;

	if (!lock || !*lock || is_inherited(*lock))
		return -EBADF;
	waiting = *lock;
	if (!waiting->pending)
		return 0;
	call_enter(&call);
	rc = pending_finish(waiting->pending, lock);
	free(waiting);
	return call_leave(&call, rc, FINISH);
}

static int give_up(struct lf_lock *waiting)
{
	struct lf_lock *acquired;
	int rc = 0;

	if (is_inherited(waiting))
		pending_forget(waiting->pending);
	else if (pending_cancel(waiting->pending, &acquired, -ECANCELED) == 0)
		rc = release(acquired);
	free(waiting);
	return rc;
}

int lf_release(struct lf_lock **lock)
{
	struct lf_lock *mine;
	struct call call;
	int rc = 0;

	if (!lock || !*lock)
		return -EBADF;
	call_enter(&call);
	mine = *lock;
	*lock = NULL;
	if (mine->pending)
		rc = give_up(mine);
	else if (adopted_by_another(mine))
		handle_forget(mine);
	else
		rc = release(mine);
	return call_leave(&call, rc, RELEASE);
}

static int convert(struct lf_lock *lock, int timeout_ms, bool shared)
{
	bool waits_for_tag = lock->tag_waiter;
	int rc;

	if (shared == (lock->mode == OS_READ))
		return 0;
	adopt_end(lock);
	if (shared) {
		rc = convert_to_shared(lock);
	} else {
		rc = convert_to_exclusive(lock);
		if (rc == -EAGAIN && timeout_ms > 0)
			rc = convert_to_exclusive_until(
				lock, os_deadline(timeout_ms));
	}
	if (waits_for_tag)
		adopt_go_on(lock);
	/* Not open for writing, or for reading. */
	return rc == -EBADF ? -EACCES : rc;
}

int lf_convert(struct lf_lock *lock, int timeout_ms, unsigned flags)
{
	struct call call;
	int rc = -EINVAL;

	if (!lock || lock->pending || is_inherited(lock))
		return -EBADF;
	call_enter(&call);
	/* The PID of one is no answer where many hold the lock. */
	if (!(flags & ~LF_SHARED) && !(flags && lock->stamp) &&
	    timeout_ms >= (flags & LF_SHARED ? LF_FOREVER : 0))
		rc = convert(lock, timeout_ms, flags & LF_SHARED);
	return call_leave(&call, rc, CONVERT);
}

int lf_adopt(struct lf_lock *lock)
{
	struct call call;

	if (!lock || lock->pending)
		return -EBADF;
	call_enter(&call);
	return call_leave(&call, adopt(lock), ADOPT);
}

int lf_verify(const struct lf_lock *lock)
{
	struct call call;

	if (!lock || lock->pending)
		return -EBADF;
	call_enter(&call);
	return call_leave(&call, handle_verify(lock), VERIFY);
}

int lf_fileno(const struct lf_lock *lock)
{
	return lock && !lock->pending ? lock->fd : -EBADF;
}

int lf_backend(const struct lf_lock *lock)
{
	if (!lock || lock->pending)
		return -EBADF;
	return !lock->marks.process_owned ? LF_BACKEND_OFD :
	       os_locks_by_lockf()	  ? LF_BACKEND_LOCKF :
					    LF_BACKEND_FCNTL;
}

const char *lf_path(const struct lf_lock *lock)
{
	return lock ? lock->path : NULL;
}

int lf_describe(const struct lf_lock *lock, char *buffer, size_t size)
{
	if (!lock)
		return -EBADF;
	return snprintf(buffer, size, "<%s lock file '%s'>",
			lock->pending ? "pending" : "acquired", lock->path);
}

const char *lf_version(void)
{
	return PACKAGE_VERSION;
}
