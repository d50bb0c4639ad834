/* SPDX-License-Identifier: 0BSD */
/*
 * The public functions: each checks its arguments, calls in, and returns only
 * errors that its manual page lists, see errors.c.
 */
#include "config.h"

#include "inspect/inspect.h"
#include "lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- What each call does first and last */

struct call {
	int saved_errno;
	int cancel_state;
};

static struct call begin(void)
{
	return (struct call){ errno, lf_cancel_disable() };
}

static int end(const struct call *call, int result, enum lf_function function)
{
	lf_cancel_restore(call->cancel_state);
	errno = call->saved_errno;
	return lf_documented(result, function);
}

/*
 * The same for an answer.  -EAGAIN and -ETIMEDOUT mean that another process
 * holds the lock, and nothing else: a system call that fails so is -EIO.
 */
static int end_answer(const struct call *call, int answer,
		      enum lf_function function)
{
	switch (answer) {
	case LF_BUSY:
		return end(call, -EAGAIN, function);
	case LF_TIMED_OUT:
		return end(call, -ETIMEDOUT, function);
	case -EAGAIN:
	case -ETIMEDOUT:
		return end(call, -EIO, function);
	default:
		return end(call, answer, function);
	}
}

/* ---- Acquire */

#define FLAGS \
	(LF_KEEP | LF_NOCREATE | LF_PID | LF_FOLLOW | LF_SHARED | LF_GLOBAL | \
	 LF_FLOCK)

/* One PID would not do where many share the lock. */
static bool are_valid(unsigned flags)
{
	return !(flags & ~FLAGS) && (flags & (LF_PID | LF_SHARED)) !=
					    (LF_PID | LF_SHARED);
}

static bool is_valid_mode(mode_t mode)
{
	return !(mode & ~(mode_t)07777);
}

static struct lf_request new_request(int dirfd, const char *path, mode_t mode,
				     unsigned flags)
{
	return (struct lf_request){
		.dirfd = dirfd,
		.path = path,
		.fd = -1,
		.mode = mode,
		.type = flags & LF_SHARED ? F_RDLCK : F_WRLCK,
		.create = !(flags & LF_NOCREATE),
		.follow = flags & LF_FOLLOW,
		.keep = flags & (LF_KEEP | LF_FOLLOW | LF_FLOCK),
		.pidfile = flags & LF_PID,
		.global = flags & LF_GLOBAL,
		.flock = flags & LF_FLOCK,
		.process_owned = !lf_has_ofd_locks(),
		.thread = lf_thread_self(),
	};
}

int lf_acquire_at(struct lf_lock **lock, int dirfd, const char *path,
		  mode_t mode, int timeout_ms, unsigned flags)
{
	struct call call = begin();
	struct lf_request request;

	if (lock)
		*lock = NULL;
	if (!lock || !path || !is_valid_mode(mode) || timeout_ms < LF_FOREVER ||
	    !are_valid(flags))
		return end(&call, -EINVAL, LF_ACQUIRE);
	request = new_request(dirfd, path, mode, flags);
	return end_answer(&call,
			  lf_acquire_within(lock, &request, &path, 1,
					    timeout_ms),
			  LF_ACQUIRE);
}

int lf_acquire(struct lf_lock **lock, const char *path, int timeout_ms,
	       unsigned flags)
{
	return lf_acquire_at(lock, AT_FDCWD, path, 0666, timeout_ms, flags);
}

static bool are_paths(const char *const *paths, size_t count)
{
	for (size_t i = 0; paths && i < count; i++)
		if (!paths[i])
			return false;
	return paths || count == 0;
}

int lf_acquire_all(struct lf_lock **locks, const char *const *paths,
		   size_t count, mode_t mode, int timeout_ms, unsigned flags,
		   size_t *failed)
{
	struct call call = begin();
	struct lf_request request;
	size_t which = 0;
	int rc = -EINVAL;

	for (size_t i = 0; locks && i < count; i++)
		locks[i] = NULL;
	if (locks && count > 0 && are_paths(paths, count) &&
	    is_valid_mode(mode) && timeout_ms >= LF_FOREVER &&
	    are_valid(flags)) {
		request = new_request(AT_FDCWD, paths[0], mode, flags);
		rc = lf_acquire_within(locks, &request, paths, count,
				       timeout_ms);
		if (rc != LF_GOT)
			which = request.which;
	}
	if (failed)
		*failed = which;
	return end_answer(&call, rc, LF_ACQUIRE);
}

int lf_acquire_fd(struct lf_lock **lock, int fd, int timeout_ms, unsigned flags)
{
	struct call call = begin();
	struct lf_request request;
	char name[32];
	int rc = -EBADF;

	if (lock)
		*lock = NULL;
	if (!lock || timeout_ms < LF_FOREVER ||
	    (flags & ~(LF_SHARED | LF_GLOBAL | LF_FLOCK)))
		return end(&call, -EINVAL, LF_ACQUIRE_FD);
	if (fd >= 0) {
		snprintf(name, sizeof(name), "/dev/fd/%d", fd);
		request = new_request(AT_FDCWD, name, 0, flags | LF_KEEP);
		request.fd = fd;
		rc = lf_acquire_within(lock, &request, &request.path, 1,
				       timeout_ms);
	}
	return end_answer(&call, rc, LF_ACQUIRE_FD);
}

int lf_release_fd(int fd)
{
	struct call call = begin();
	int rc = lf_is_lent(fd) ? -EPERM :
				  lf_setlk(fd, F_OFD_SETLK, F_UNLCK, 0, 0);

	/* LF_FLOCK may have been given. */
	if (rc == 0)
		flock(fd, LOCK_UN);
	return end(&call, rc == -EINVAL ? -ENOLCK : rc, LF_RELEASE_FD);
}

/* ---- Wait without blocking */

static int start(struct lf_lock **lock, const struct lf_request *request)
{
	struct lf_lock *waiting = lf_lock_new(request);
	int rc = waiting ? lf_pending_start(&waiting->pending, request) :
			   -ENOMEM;

	if (rc < 0) {
		free(waiting);
		return rc;
	}
	*lock = waiting;
	return 0;
}

int lf_start(struct lf_lock **lock, const char *path, unsigned flags)
{
	struct call call = begin();
	struct lf_request request;

	if (lock)
		*lock = NULL;
	if (!lock || !path || !are_valid(flags))
		return end(&call, -EINVAL, LF_START);
	request = new_request(AT_FDCWD, path, 0666, flags);
	return end_answer(&call, start(lock, &request), LF_START);
}

int lf_pending_fd(const struct lf_lock *lock)
{
	return lock && lock->pending ? lf_pending_descriptor(lock->pending) :
				       -EBADF;
}

int lf_finish(struct lf_lock **lock)
{
	struct lf_lock *waiting;
	struct call call;
	int rc;

	if (!lock || !*lock || lf_is_inherited(*lock))
		return -EBADF;
	waiting = *lock;
	if (!waiting->pending)
		return 0;
	call = begin();
	rc = lf_pending_finish(waiting->pending, lock);
	free(waiting);
	return end_answer(&call, rc, LF_FINISH);
}

/* ---- Hold and release */

/* A descriptor that the program closed, and opened for another file, is not ours. */
static int release(struct lf_lock *lock)
{
	enum lf_adopted adopted;
	bool was_adopted;
	int rc;

	if (!lf_file_examine(lock)) {
		lf_adopt_stop(lock);
		lf_table_drop(lock);
		return -EBADF;
	}
	adopted = lf_adopted_by_another(lock);
	if (adopted == LF_IS_ADOPTED) {
		lf_adopt_stop(lock);
		lf_table_close(lock);
		return 0;
	}
	was_adopted = adopted != LF_NOT_ADOPTED;
	/* Others may have held the file since the child released it. */
	if (was_adopted)
		lf_file_examine(lock);
	if (adopted == LF_WAS_ABANDONED && lock->pidfile)
		lf_pidfile_empty(lock);
	rc = lf_protocol_release(lock);
	/* The adopter may have removed it, and others have the lock of its file. */
	return (rc == LF_REPLACED || rc == LF_LOST) && was_adopted ? 0 : rc;
}

static int cancel(struct lf_lock *waiting)
{
	struct lf_lock *acquired;
	int rc = 0;

	if (lf_is_inherited(waiting))
		lf_pending_forget(waiting->pending);
	else if (lf_pending_cancel(waiting->pending, &acquired) == LF_GOT)
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
	call = begin();
	mine = *lock;
	*lock = NULL;
	if (mine->pending)
		rc = cancel(mine);
	else
		rc = release(mine);
	return end(&call, rc, LF_RELEASE);
}

static int convert(struct lf_lock *lock, int timeout_ms, bool shared)
{
	bool waits_for_tag = lock->tag_wait;
	int rc;

	if (shared == (lock->type == F_RDLCK))
		return LF_GOT;
	lf_adopt_stop(lock);
	rc = shared ? lf_convert_to_shared(lock) :
		      lf_convert_to_exclusive(lock, timeout_ms);
	if (waits_for_tag)
		lf_adopt_resume(lock);
	/* The descriptor is not open for writing, or for reading. */
	return rc == -EBADF ? -EACCES : rc;
}

int lf_convert(struct lf_lock *lock, int timeout_ms, unsigned flags)
{
	struct call call;
	int rc = -EINVAL;

	if (!lock || lock->pending || lf_is_inherited(lock))
		return -EBADF;
	call = begin();
	if (!lf_file_is_open(lock))
		rc = -EBADF;
	else if (!(flags & ~LF_SHARED) && !(flags && lock->pidfile) &&
	    timeout_ms >= (flags & LF_SHARED ? LF_FOREVER : 0))
		rc = convert(lock, timeout_ms, flags & LF_SHARED);
	return end_answer(&call, rc, LF_CONVERT);
}

int lf_adopt(struct lf_lock *lock)
{
	struct call call;

	if (!lock || lock->pending)
		return -EBADF;
	call = begin();
	return end_answer(&call, lf_adopt_lock(lock), LF_ADOPT);
}

static int verify(const struct lf_lock *lock)
{
	int rc;

	if (!lf_file_is_open(lock))
		return -EBADF;
	rc = lf_file_verify(lock);
	/* To a child the lock of its parent is that of another process. */
	if (rc == 0 && lock->marks.process_owned && lf_is_inherited(lock))
		return 0;
	return rc == 0 && (lf_body_is_lost(lock) || lock->marks.flock_is_lost) ?
		       LF_BUSY :
		       rc;
}

int lf_verify(const struct lf_lock *lock)
{
	struct call call;

	if (!lock || lock->pending)
		return -EBADF;
	call = begin();
	return end_answer(&call, verify(lock), LF_VERIFY);
}

/* ---- Properties of a handle */

int lf_fileno(const struct lf_lock *lock)
{
	return lock && !lock->pending ? lock->fd : -EBADF;
}

int lf_backend(const struct lf_lock *lock)
{
	if (!lock || lock->pending)
		return -EBADF;
	return !lock->marks.process_owned ? LF_BACKEND_OFD :
	       lf_locks_by_lockf()	  ? LF_BACKEND_LOCKF :
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

/* ---- Inspect */

int lf_check(const char *path, pid_t *pid)
{
	struct call call = begin();
	int rc;

	if (pid)
		*pid = 0;
	rc = path ? lf_check_holder(path, pid) : -EINVAL;
	return end(&call, rc, LF_CHECK);
}

/* Its other errors are those of lf_check(). */
int lf_is_mine(const char *path)
{
	struct call call = begin();
	int rc = path ? lf_runs_under(path) : -EINVAL;

	return end(&call, rc, rc == -ESRCH ? LF_IS_MINE : LF_CHECK);
}

int lf_check_any(const char *path)
{
	struct call call = begin();

	return end(&call, path ? lf_check_any_lock(path) : -EINVAL, LF_CHECK);
}

static int filter(const struct call *call, struct lf_report *report)
{
	report->status = end(call, report->status, LF_INSPECT);
	report->flock = end(call, report->flock, LF_INSPECT);
	return report->status;
}

int lf_inspect(const char *path, struct lf_report **report)
{
	struct call call = begin();
	int rc;

	if (report)
		*report = NULL;
	rc = path && report ? lf_inspect_files(report, &path, 1) : -EINVAL;
	if (rc == 0)
		rc = filter(&call, *report);
	if (rc < 0 && report) {
		lf_report_free(*report);
		*report = NULL;
	}
	return end(&call, rc, LF_INSPECT);
}

int lf_inspect_all(struct lf_report **reports, const char *const *paths,
		   size_t count)
{
	struct call call = begin();
	int rc = -EINVAL;

	for (size_t i = 0; reports && i < count; i++)
		reports[i] = NULL;
	if (reports && paths && are_paths(paths, count))
		rc = lf_inspect_files(reports, paths, count);
	for (size_t i = 0, ok = rc == 0; ok && i < count; i++)
		if (filter(&call, reports[i]) > 0)
			rc = 1;
	return end(&call, rc, LF_INSPECT);
}

int lf_inspect_machine(struct lf_report ***reports, size_t *count)
{
	struct call call = begin();
	int rc = -EINVAL;

	if (reports)
		*reports = NULL;
	if (count)
		*count = 0;
	if (reports && count)
		rc = lf_inspect_all_locked(reports, count);
	for (size_t i = 0; rc >= 0 && i < *count; i++)
		filter(&call, (*reports)[i]);
	return end(&call, rc == -ENOTSUP ? -ENOSYS : rc, LF_INSPECT_MACHINE);
}

void lf_reports_free(struct lf_report **reports, size_t count)
{
	int saved_errno = errno;

	for (size_t i = 0; reports && i < count; i++)
		lf_report_free(reports[i]);
	free(reports);
	errno = saved_errno;
}

int lf_inspect_fs(const char *path, struct lf_fs **fs)
{
	struct call call = begin();

	if (fs)
		*fs = NULL;
	return end(&call, path && fs ? lf_fs_examine(fs, path) : -EINVAL,
		   LF_INSPECT_FS);
}

unsigned long long lf_process_start_time(pid_t pid)
{
	struct call call = begin();
	int process = pid > 0 ? lf_process_open(pid) : -1;
	unsigned long long ticks = 0;

	if (process >= 0) {
		ticks = lf_start_time(process);
		close(process);
	}
	end(&call, 0, LF_INSPECT);
	return ticks;
}

const char *lf_version(void)
{
	return PACKAGE_VERSION;
}
