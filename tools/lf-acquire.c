/* lf-acquire: run a command under a lock. */
#include "config.h"

#include "descriptor.h"
#include "holder.h"
#include "lockfile-fcntl.h"
#include "message.h"
#include "options.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void say_holder(const char *path, bool follow, const char *more)
{
	char *target = follow ? realpath(path, NULL) : NULL;
	struct process holder;
	char *text = NULL;
	size_t size;
	FILE *to;
	int rc;

	rc = holder_find(target ? target : path, &holder);
	free(target);
	if (rc < 0)
		holder.pid = 0;
	to = rc == 0 ? NULL : open_memstream(&text, &size);
	if (to) {
		holder_print(to, &holder);
		fclose(to);
	}
	process_free(&holder);
	message_about(path, "%s%s", text ? text : "was held just now", more);
	free(text);
}

static int conflict(const struct options *o, const char *path, int error)
{
	if (!o->quiet)
		say_holder(path, o->flags & LF_FOLLOW,
			   error == -ETIMEDOUT ? "; timed out" : "");
	return o->conflict_status;
}

static int failure(const struct options *o, const char *path, int error)
{
	const char *hint = o->fd >= 0 ? descriptor_advice(o->fd, error) : NULL;
	struct stat st;

	if (hint) {
		message_about(path, "%s", hint);
		return STATUS_CANNOT_OPEN;
	}
	hint = o->fd >= 0 ? NULL : advice(error);
	if (error == -ENOENT && (o->flags & LF_NOCREATE))
		hint = "with --no-create it must exist";
	if (error == -ELOOP && (o->flags & LF_FOLLOW))
		hint = "the link leads to itself, or there are too many links";
	message_about(path, "%s%s%s", lf_strerror(error), hint ? "; " : "",
		      hint ? hint : "");
	switch (-error) {
	case EBUSY:
	case EDEADLK:
	case EINTR:
	case EMFILE:
	case ENFILE:
	case ENOLCK:
	case ENOMEM:
	case EIO:
		return STATUS_SYSTEM;
	default:
		return o->fd >= 0 || lstat(path, &st) == 0 ?
					       STATUS_CANNOT_OPEN :
					       STATUS_CANNOT_CREATE;
	}
}

static int cannot_run(const struct options *o, int error)
{
	const char *name = o->command[0];

	if (error == ENOENT && strchr(name, '/') && access(name, F_OK) == 0) {
		message_about(name, "cannot be run: its interpreter is missing");
		return STATUS_CANNOT_RUN;
	}
	message_about(name, "cannot be run: %s", strerror(error));
	switch (error) {
	case ENOENT:
		return STATUS_NOT_FOUND;
	case EAGAIN:
	case ENOMEM:
		return STATUS_SYSTEM;
	default:
		return STATUS_CANNOT_RUN;
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* LOCKS are as many as the lock files; *PATH is the one that could not be had. */
static int take(struct lf_lock **locks, const struct options *o, int timeout_ms,
		const char **path)
{
	size_t failed = 0;
	mode_t mask = 0;
	int rc;

	if (o->fd >= 0)
		return lf_acquire_fd(locks, o->fd, timeout_ms,
				     o->flags & LF_SHARED);
	/* A mode that was asked for is exact, as with mkdir -m. */
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
		if (lf_release(&locks[i]) > 0 && o->verbose)
			message_about(o->paths[i], "left in place");
}

/*
 * While it waits a signal ends it, but not before it has left the queue: the
 * holder may just have left the file for it to remove.
 */
static int wait_and_take(struct lf_lock **locks, const struct options *o,
			 struct signals *was, const char **path)
{
	int rc, sig;

	if (o->verbose)
		say_holder(*path, o->flags & LF_FOLLOW, "; waiting");
	let_signals_interrupt(was);
	rc = take(locks, o, o->timeout_ms, path);
	sig = take_signals_again(was);
	if (sig == 0)
		return rc;
	if (rc == 0)
		release(locks, o);
	exit(end_by(sig));
}

/* COMMAND inherits the locked files: it holds the locks too. */
static void pass_on_locks(struct lf_lock *const *locks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (locks[i])
			fcntl(lf_fileno(locks[i]), F_SETFD, 0);
}

int main(int argc, char **argv)
{
	/* They last as long as the process. */
	static struct lf_lock **locks;
	static struct options o;
	struct signals was;
	const char *path; /* that is waited for, or failed */
	double start;
	int rc, error, status;

	message_begin("lf-acquire");
	parse_options(argc, argv, &o);
	path = o.fd >= 0 ? descriptor_name(o.fd) : o.paths[0];
	if (o.unlock)
		return descriptor_unlock(o.fd, path);
	locks = calloc(o.count, sizeof(*locks));
	if (!locks)
		return failure(&o, path, -ENOMEM);

	start = now();
	take_signals(&was);
	rc = take(locks, &o, 0, &path);
	if (rc == -EAGAIN && o.timeout_ms != 0)
		rc = wait_and_take(locks, &o, &was, &path);
	if (rc == -EAGAIN || rc == -ETIMEDOUT)
		return conflict(&o, path, rc);
	if (rc < 0)
		return failure(&o, path, rc);
	if (o.verbose)
		message_about(path, "locked after %.3f seconds", now() - start);
	if (o.fd >= 0)
		return descriptor_leave(locks[0], path);

	if (!o.close)
		pass_on_locks(locks, o.count);
	if (o.exec) {
		give_signals_back(&was);
		error = become(o.command);
	} else {
		error = run(o.command, &was, &status);
	}
	release(locks, &o);
	return error ? cannot_run(&o, error) : end_alike(status);
}
