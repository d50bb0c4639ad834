/* SPDX-License-Identifier: 0BSD */
/* lf-acquire: runs a command under a lock. */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int acquire_files(struct lf_lock **locks, const struct options *o,
			 int timeout_ms, const char **path)
{
	size_t failed = 0;
	int rc;

	if (o->slots > 0)
		return slots_acquire(locks, o, timeout_ms, path);
	if (o->count > 1)
		rc = lf_acquire_all(locks, o->paths, o->count, o->mode,
				    timeout_ms, o->flags, &failed);
	else
		rc = lf_acquire_at(locks, AT_FDCWD, o->paths[0], o->mode,
				   timeout_ms, o->flags);
	*path = o->paths[failed];
	return rc;
}

static int acquire_as_one_waiter(struct lf_lock **locks,
				 const struct options *o, int timeout_ms,
				 const char **path)
{
	struct lf_lock *place;
	int rc = one_waiter_begin(&place, o, timeout_ms, path);

	if (rc < 0)
		return rc;
	rc = acquire_files(locks, o, timeout_ms, path);
	lf_release(&place);
	return rc;
}

/* One of LOCKS per lock file; *PATH is the one that failed. */
static int acquire(struct lf_lock **locks, const struct options *o,
		   int timeout_ms, const char **path)
{
	mode_t mask = 0;
	int rc;

	if (o->fd >= 0)
		return lf_acquire_fd(locks, o->fd, timeout_ms,
				     o->flags & (LF_SHARED | LF_GLOBAL |
						  LF_FLOCK));
	/* --mode is exact, as with mkdir -m. */
	if (o->has_mode)
		mask = umask(0);
	if (o->one_waiter && timeout_ms != 0)
		rc = acquire_as_one_waiter(locks, o, timeout_ms, path);
	else
		rc = acquire_files(locks, o, timeout_ms, path);
	if (o->has_mode)
		umask(mask);
	return rc;
}

/* Before COMMAND, or if there is none. */
static void release(struct lf_lock **locks, const struct options *o)
{
	for (size_t i = o->count; i-- > 0;)
		if (lf_release(&locks[i]) == LF_LEFT && o->verbose)
			message_about(o->paths[i], "left in place");
}

/* Not an error of the library. */
#define REFUSED_AS_NESTED (-EALREADY)

/* The library needs a second to give up a wait for a file server. */
#define GRACE_MS 2000

/* When to give up what a file server keeps from returning; 0: never. */
static int limit(int timeout_ms)
{
	if (timeout_ms <= 0)
		return 0;
	return timeout_ms < INT_MAX - GRACE_MS ? timeout_ms + GRACE_MS :
						 INT_MAX;
}

/* With -t, what is asked about the holder has a limit too. */
static void begin_limited(const struct options *o, const char *path)
{
	if (o->timeout_ms > 0)
		waiting_begin(o, path, GRACE_MS, IN_CALL);
}

static void end_limited(const struct options *o)
{
	if (o->timeout_ms > 0)
		waiting_end();
}

/*
 * A signal ends this process while it waits, but not before it has left the
 * queue: the holder may just have left the file for this waiter to remove.
 * -EINTR, if it is to ASK: the lock may be the caller's.
 */
static int wait_in_queue(struct lf_lock **locks, const struct options *o,
			 int timeout_ms, const char **path, bool ask)
{
	sigset_t mask;
	int rc, sig;

	if (o->verbose) {
		sigpipe_block(&mask);
		begin_limited(o, *path);
		print_wait(o, *path);
		end_limited(o);
		sigpipe_unblock(&mask);
	}
	if (waiting_begin(o, *path, limit(timeout_ms),
			  ask ? IN_QUEUE_ASKING : IN_QUEUE) || !ask)
		rc = acquire(locks, o, timeout_ms, path);
	else
		rc = -EINTR; /* nothing would ask meanwhile */
	sig = waiting_end();
	/* A busy machine makes another error of it, if the call has a bound. */
	if (sig == FOR_CALLER && rc < 0)
		return -EINTR;
	if (sig <= 0)
		return rc;
	if (rc == 0)
		release(locks, o);
	exit(end_by(sig));
}

/*
 * A wait that does not end soon is for others or for the own caller; a short one
 * should not pay for the question.  Not where this process may hold meanwhile what
 * is asked about.
 */
static bool asks_later(const struct options *o)
{
	return o->timeout_ms != 0 && o->count == 1 && o->slots == 0 &&
	       o->fd < 0 && !(o->flags & LF_FLOCK) && !o->nested &&
	       !o->one_waiter && !o->verbose;
}

/* Whether the lock is the caller's makes no difference. */
static bool is_refused_anyway(const struct options *o)
{
	return o->timeout_ms == 0 && o->quiet && !o->nested;
}

static bool is_of_caller(struct options *o, const char **path)
{
	bool of_caller;

	begin_limited(o, *path);
	of_caller = nested_skip(o, path) == NESTED;
	end_limited(o);
	return of_caller;
}

static int left(int timeout_ms, double seconds)
{
	if (timeout_ms == LF_FOREVER)
		return LF_FOREVER;
	return seconds * 1e3 < timeout_ms ?
		       timeout_ms - (int)(seconds * 1e3) : 0;
}

/* Interrupted for nothing, it loses its place in the queue; that is rare. */
static int wait_and_acquire(struct lf_lock **locks, struct options *o,
			    const char **path)
{
	bool ask = asks_later(o);
	double begin = now();
	int rc = wait_in_queue(locks, o, o->timeout_ms, path, ask);

	if (!ask || (rc != -EINTR && rc != -ETIMEDOUT))
		return rc;
	if (is_of_caller(o, path))
		return REFUSED_AS_NESTED;
	if (rc == -ETIMEDOUT)
		return rc;
	return wait_in_queue(locks, o, left(o->timeout_ms, now() - begin), path,
			     false);
}

/* Where the caller has some of the locks, the others are tried again. */
static int acquire_around_caller(struct lf_lock **locks, struct options *o,
				 const char **path)
{
	int rc = nested_skip(o, path);

	if (rc == NESTED)
		return REFUSED_AS_NESTED;
	if (rc == 0)
		return -EAGAIN;
	return o->count > 0 ? acquire(locks, o, 0, path) : 0;
}

/*
 * The first attempt does not wait.  Signals have their usual effect, since it
 * may last while a file server does not answer.
 */
static int acquire_as_asked(struct lf_lock **locks, struct options *o,
			    const char **path)
{
	bool bounded = o->timeout_ms > 0;
	int rc;

	/* A caller that has a slot needs no other one. */
	if (o->nested && o->slots > 0 && nested_skip(o, path) > 0)
		return 0;
	if (bounded)
		waiting_begin(o, *path, limit(o->timeout_ms), IN_CALL);
	rc = acquire(locks, o, 0, path);
	if (rc == -EAGAIN && !asks_later(o) && !is_refused_anyway(o))
		rc = acquire_around_caller(locks, o, path);
	if (bounded)
		waiting_end();
	/* Also for another process to give up its lease. */
	if ((rc == -EAGAIN || rc == -EBUSY) && o->timeout_ms != 0)
		rc = wait_and_acquire(locks, o, path);
	return rc;
}

/* The message needs the file server too. */
static int refuse(const struct options *o, const char *path, int error)
{
	int status;

	begin_limited(o, path);
	if (error == REFUSED_AS_NESTED)
		status = nested_refuse(o, path);
	else if (error == -EAGAIN || error == -ETIMEDOUT)
		status = conflict(o, path, error);
	else
		status = failure(o, path, error);
	end_limited(o);
	return status;
}

/*
 * A COMMAND that is a script uses single digits: its 'exec 4>file' would close
 * an inherited descriptor 4, and with it the lock.  A lock that belongs to the
 * process ends when any descriptor of the file is closed: there a duplicate
 * would be one more that COMMAND could close.
 */
#define ABOVE_DIGITS 10

/*
 * With --exec the library's descriptor stays open as well: the kernel drops the
 * mark that names the holder when this process closes any descriptor.  Returns
 * 0, or a negative errno value.
 */
static int pass_on_lock(const struct lf_lock *lock, bool exec)
{
	bool of_process = lf_backend(lock) != LF_BACKEND_OFD;
	int fd = lf_fileno(lock);

	if ((of_process || exec) && fcntl(fd, F_SETFD, 0) < 0)
		return -errno;
	if (of_process)
		return 0;
	if (fcntl(fd, F_DUPFD, ABOVE_DIGITS) >= 0)
		return 0;
	/* A limit of 10 descriptors or fewer is EINVAL. */
	return errno == EINVAL ? -EMFILE : -errno;
}

/*
 * COMMAND inherits the locked files, and holds the locks as well.  *PATH is the
 * one that failed.
 */
static int pass_on_locks(struct lf_lock *const *locks, const struct options *o,
			 const char **path)
{
	int rc = 0;

	for (size_t i = 0; i < o->count && rc == 0; i++) {
		*path = o->paths[i];
		if (locks[i])
			rc = pass_on_lock(locks[i], o->exec);
	}
	return rc;
}

/* Whether all processes that inherited a lock keep it when this one ends. */
static bool is_inherited(const struct lf_lock *lock)
{
	return lf_backend(lock) == LF_BACKEND_OFD;
}

/*
 * Whether PATH leads to another file, or to none, because a directory or a link on the
 * way was replaced.  lf_release() does not ask that, and lf_verify() of absolute paths only: a
 * program may have changed its directory.
 */
static bool leads_elsewhere(const struct lf_lock *lock, const char *path,
			    unsigned flags)
{
	struct stat locked, named;

	if (!strchr(path, '/') && !(flags & LF_FOLLOW))
		return false;
	if (fstat(lf_fileno(lock), &locked) < 0)
		return false;
	if ((flags & LF_FOLLOW ? stat : lstat)(path, &named) < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
	return named.st_dev != locked.st_dev || named.st_ino != locked.st_ino;
}

/* As lf_release() reports it of a file that it would remove. */
static int verify(const struct lf_lock *lock)
{
	switch (lf_verify(lock)) {
	case -ESTALE:
		return LF_REPLACED;
	case -EAGAIN:
		return LF_LOST;
	default:
		return 0;
	}
}

/*
 * What a killed COMMAND started may still be at work: the lock is left to the
 * processes that inherited it.
 */
static int release_or_leave(struct lf_lock **lock, const char *path,
			    unsigned flags, int killed_by)
{
	bool leave = killed_by && is_inherited(*lock);
	bool stays = flags & (LF_KEEP | LF_FOLLOW | LF_FLOCK);
	int found = leave || stays ? verify(*lock) : 0, released;

	if (found == 0 && leads_elsewhere(*lock, path, flags))
		found = LF_REPLACED;
	released = leave ? 0 : lf_release(lock);

	return found != 0 ? found : released;
}

static void report_end(const char *path, int result, bool verbose)
{
	if (result == LF_REPLACED)
		message_about(path, "was replaced while COMMAND ran; another "
				    "may have run at the same time");
	else if (result == LF_LOST)
		message_about(path, "the file server gave the lock to another "
				    "while COMMAND ran; both may have run at "
				    "the same time");
	else if (result == LF_LEFT && verbose)
		message_about(path, "left in place");
}

/*
 * No message delays the release of another file.  RESULTS is room for one of each:
 * without memory COMMAND's status must not be lost.
 */
static void finish(struct lf_lock **locks, int *results,
		   const struct options *o, const struct signals *was,
		   int killed_by)
{
	bool failed = false;

	for (size_t i = o->count; i-- > 0;) {
		if (locks[i])
			results[i] = release_or_leave(&locks[i], o->paths[i],
						      o->flags, killed_by);
		failed |= results[i] == LF_REPLACED ||
			  results[i] == LF_LOST;
	}
	if (o->verbose || failed)
		let_signals_end_messages(was);
	for (size_t i = o->count; i-- > 0;) {
		report_end(o->paths[i], results[i], o->verbose);
		if (o->verbose && locks[i])
			message_about(o->paths[i],
				      "COMMAND was killed by %s; the lock "
				      "lasts until all its processes have "
				      "ended",
				      signal_name(killed_by));
	}
}

static int become_command(struct lf_lock **locks, const struct options *o)
{
	int error = become(o->command);

	release(locks, o);
	return cannot_run(o->command[0], error);
}

/* A COMMAND that ends by itself is the end of the work. */
static int run_command(struct lf_lock **locks, int *results,
		       const struct options *o)
{
	struct signals was;
	int status, error, killed_by;

	take_signals(&was);
	error = run(o->command, &was, &status);
	if (error) {
		finish(locks, results, o, &was, 0);
		let_signals_end_messages(&was);
		return error < 0 ? unknown_end(o->command[0], -error) :
				   cannot_run(o->command[0], error);
	}
	killed_by = WIFSIGNALED(status) && !o->close ? WTERMSIG(status) : 0;
	finish(locks, results, o, &was, killed_by);
	return end_alike(status);
}

static int run_under(struct lf_lock **locks, int *results,
		     const struct options *o)
{
	const char *path;
	int error = o->close ? 0 : pass_on_locks(locks, o, &path);

	if (error) {
		release(locks, o);
		return failure(o, path, error);
	}
	return o->exec ? become_command(locks, o) :
			 run_command(locks, results, o);
}

int main(int argc, char **argv)
{
	/* They last as long as the process. */
	static struct lf_lock **locks;
	static int *results;
	static struct options o;
	const char *path; /* the one that is waited for, or that failed */
	sigset_t mask;
	double start;
	int rc;

	message_begin("lf-acquire");
	parse_acquire_options(argc, argv, &o);
	path = o.fd >= 0 ? descriptor_name(o.fd) : o.paths[0];
	if (o.unlock)
		return descriptor_unlock(o.fd, path);
	locks = checked(calloc(o.count, sizeof(*locks)));
	results = checked(calloc(o.count, sizeof(*results)));

	start = o.verbose ? now() : 0;
	rc = acquire_as_asked(locks, &o, &path);
	if (rc < 0)
		return refuse(&o, path, rc);
	if (o.verbose) {
		sigpipe_block(&mask);
		if (o.count > 0)
			message_about(path, "locked after %.3f seconds",
				      now() - start);
		else
			message_about(path, "COMMAND runs under the lock of "
					    "its caller");
		sigpipe_unblock(&mask);
	}
	if (o.fd >= 0)
		return descriptor_leave(locks[0], path);
	if (o.slots > 0 && path != o.lockfile)
		slots_announce(path);
	else if (o.slots > 0)
		unsetenv("LF_SLOT"); /* that of another lock */
	/* Nothing is left to be done after COMMAND. */
	if (o.count == 0)
		return become_command(locks, &o);
	if (o.slots > 0)
		o.paths[0] = path;
	return run_under(locks, results, &o);
}
