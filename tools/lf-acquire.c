/* SPDX-License-Identifier: 0BSD */
/* lf-acquire: runs a command under a lock. */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One of LOCKS per lock file; *PATH is the one that failed. */
static int acquire(struct lf_lock **locks, const struct options *o,
		   int timeout_ms, const char **path)
{
	size_t failed = 0;
	mode_t mask = 0;
	int rc;

	if (o->fd >= 0)
		return lf_acquire_fd(locks, o->fd, timeout_ms,
				     o->flags & (LF_SHARED | LF_GLOBAL));
	/* --mode is exact, as with mkdir -m. */
	if (o->has_mode)
		mask = umask(0);
	if (o->count > 1)
		rc = lf_acquire_all(locks, o->paths, o->count, o->mode,
				    timeout_ms, o->flags, &failed);
	else
		rc = lf_acquire_at(locks, AT_FDCWD, o->paths[0], o->mode,
				   timeout_ms, o->flags);
	if (o->has_mode)
		umask(mask);
	*path = o->paths[failed];
	return rc;
}

static void release(struct lf_lock **locks, const struct options *o)
{
	for (size_t i = o->count; i-- > 0;)
		if (lf_release(&locks[i]) == LF_LEFT && o->verbose)
			message_about(o->paths[i], "left in place");
}

/*
 * A signal ends this process while it waits, but not before it has left the
 * queue: the holder may just have left the file for this waiter to remove.
 */
static int wait_and_acquire(struct lf_lock **locks, const struct options *o,
			    struct signals *was, const char **path)
{
	int rc, sig;

	if (o->verbose) {
		print_holder(*path, o->flags & LF_FOLLOW, "; waiting");
		forget_own_sigpipe();
	}
	let_signals_interrupt(was);
	rc = acquire(locks, o, o->timeout_ms, path);
	sig = take_signals_again(was);
	if (sig == 0)
		return rc;
	if (rc == 0)
		release(locks, o);
	exit(end_by(sig));
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

/*
 * What a killed COMMAND started may still be at work: the lock is left to the
 * processes that inherited it.  A lock of this process alone is not inherited.
 */
static void leave_to_processes(struct lf_lock **locks, const struct options *o,
			       int sig)
{
	for (size_t i = o->count; i-- > 0;) {
		if (!locks[i])
			continue;
		if (lf_backend(locks[i]) != LF_BACKEND_OFD)
			lf_release(&locks[i]);
		else if (o->verbose)
			message_about(o->paths[i],
				      "COMMAND was killed by %s; the lock "
				      "lasts until all its processes have "
				      "ended",
				      signal_name(sig));
	}
}

/* A COMMAND that ends by itself is the end of the work. */
static int run_under(struct lf_lock **locks, const struct options *o,
		     const struct signals *was)
{
	const char *path;
	int error, status;

	error = o->close ? 0 : pass_on_locks(locks, o, &path);
	if (error) {
		release(locks, o);
		return failure(o, path, error);
	}
	if (o->exec) {
		give_signals_back(was);
		error = become(o->command);
	} else {
		error = run(o->command, was, &status);
	}
	if (!error && WIFSIGNALED(status) && !o->close)
		leave_to_processes(locks, o, WTERMSIG(status));
	else
		release(locks, o);
	return error ? cannot_run(o->command[0], error) : end_alike(status);
}

int main(int argc, char **argv)
{
	/* They last as long as the process. */
	static struct lf_lock **locks;
	static struct options o;
	struct signals was;
	const char *path; /* the one that is waited for, or that failed */
	double start;
	int rc;

	message_begin("lf-acquire");
	parse_options(argc, argv, &o);
	path = o.fd >= 0 ? descriptor_name(o.fd) : o.paths[0];
	if (o.unlock)
		return descriptor_unlock(o.fd, path);
	locks = checked(calloc(o.count, sizeof(*locks)));

	start = now();
	take_signals(&was);
	rc = acquire(locks, &o, 0, &path);
	if (rc == -EAGAIN && o.timeout_ms != 0)
		rc = wait_and_acquire(locks, &o, &was, &path);
	if (rc == -EAGAIN || rc == -ETIMEDOUT)
		return conflict(&o, path, rc);
	if (rc < 0)
		return failure(&o, path, rc);
	if (o.verbose) {
		message_about(path, "locked after %.3f seconds", now() - start);
		forget_own_sigpipe();
	}
	if (o.fd >= 0)
		return descriptor_leave(locks[0], path);
	return run_under(locks, &o, &was);
}
