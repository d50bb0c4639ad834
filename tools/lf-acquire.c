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

static void say_holder(const char *path, const char *more)
{
	struct holder holder;
	char *text = NULL;
	size_t size;
	FILE *to;
	int rc;

	rc = holder_find(path, &holder);
	if (rc < 0)
		holder.pid = 0;
	to = rc == 0 ? NULL : open_memstream(&text, &size);
	if (to) {
		holder_print(to, &holder);
		fclose(to);
	}
	message_about(path, "%s%s", text ? text : "was held just now", more);
	free(text);
}

static int conflict(const struct options *o, int error)
{
	if (!o->quiet)
		say_holder(o->path, error == -ETIMEDOUT ? "; gave up" : "");
	return o->conflict_status;
}

static int failure(const struct options *o, int error)
{
	const char *hint = o->fd >= 0 ? descriptor_advice(o->fd, error) : NULL;
	struct stat st;

	if (hint) {
		message_about(o->path, "%s", hint);
		return STATUS_CANNOT_OPEN;
	}
	hint = advice(error);
	message_about(o->path, "%s%s%s", lf_strerror(error), hint ? "; " : "",
		      hint ? hint : "");
	switch (-error) {
	case EBUSY:
	case EDEADLK:
	case EMFILE:
	case ENFILE:
	case ENOLCK:
	case ENOMEM:
	case EIO:
		return STATUS_SYSTEM;
	default:
		return lstat(o->path, &st) == 0 ? STATUS_CANNOT_OPEN :
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

static int take(struct lf_lock **lock, const struct options *o, int timeout_ms)
{
	mode_t mask;
	int rc;

	if (o->fd >= 0)
		return lf_acquire_fd(lock, o->fd, timeout_ms, 0);
	if (!o->has_mode)
		return lf_acquire(lock, o->path, timeout_ms, o->flags);
	/* A mode that was asked for is exact, as with mkdir -m. */
	mask = umask(0);
	rc = lf_acquire_at(lock, AT_FDCWD, o->path, o->mode, timeout_ms,
			   o->flags);
	umask(mask);
	return rc;
}

/* While it waits, a signal simply ends it. */
static int wait_and_take(struct lf_lock **lock, const struct options *o,
			 struct signals *was)
{
	int rc;

	if (o->verbose)
		say_holder(o->path, "; waiting");
	give_signals_back(was);
	rc = take(lock, o, o->timeout_ms);
	take_signals(was);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o;
	struct signals was;
	struct lf_lock *lock;
	double start;
	int rc, error, status, pass_fd;

	message_begin("lf-acquire");
	parse_options(argc, argv, &o);
	if (o.fd >= 0)
		o.path = descriptor_name(o.fd);
	if (o.unlock)
		return descriptor_unlock(o.fd, o.path);

	start = now();
	take_signals(&was);
	rc = take(&lock, &o, 0);
	if (rc == -EAGAIN && o.timeout_ms != 0)
		rc = wait_and_take(&lock, &o, &was);
	if (rc == -EAGAIN || rc == -ETIMEDOUT)
		return conflict(&o, rc);
	if (rc < 0)
		return failure(&o, rc);
	if (o.verbose)
		message_about(o.path, "locked after %.3f seconds",
			      now() - start);
	if (o.fd >= 0)
		return descriptor_leave(lock, o.path);

	pass_fd = o.close ? -1 : lf_fileno(lock);
	if (o.exec) {
		give_signals_back(&was);
		error = become(o.command, pass_fd);
	} else {
		error = run(o.command, pass_fd, &was, &status);
	}
	if (lf_release(&lock) > 0 && o.verbose)
		message_about(o.path, "left in place");
	return error ? cannot_run(&o, error) : end_alike(status);
}
