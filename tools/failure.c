/* SPDX-License-Identifier: 0BSD */
/* What lf-acquire prints, and its status, when it does not run COMMAND. */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often the lock may change hands meanwhile. */
#define ATTEMPTS 3

/*
 * The process may end, and its PID become another's, while its facts are read.
 * They are the holder's if the same PID holds the lock afterwards.  The result
 * is that of lf_check(); the caller frees HOLDER.
 */
static int find_holder(const char *path, struct process *holder)
{
	pid_t pid;
	int rc;

	*holder = (struct process){ .pid = 0 };
	rc = lf_check(path, &pid);
	for (int n = 0; rc > 0 && pid > 0 && n < ATTEMPTS; n++) {
		pid_t before = pid;

		process_free(holder);
		process_read(holder, pid, lf_process_start_time(pid));
		rc = lf_check(path, &pid);
		if (rc > 0 && pid == before)
			return rc;
	}
	process_free(holder);
	*holder = (struct process){ .pid = 0 };
	return rc;
}

/* "held by PID 4242 (rsync -a / /mnt), user root" as new text, or NULL. */
static char *describe_holder(const char *path)
{
	struct process holder;
	char *text = NULL;
	size_t size;
	FILE *to;

	if (find_holder(path, &holder) == 0 ||
	    !(to = open_memstream(&text, &size))) {
		process_free(&holder);
		return NULL;
	}
	if (holder.pid > 0) {
		fputs("held by ", to);
		process_print(to, &holder, COMMAND_WIDTH);
	} else {
		fprintf(to, "held; holder unknown%s", try_as_root());
	}
	fclose(to);
	process_free(&holder);
	return text;
}

void print_holder(const char *path, bool follow, const char *more)
{
	char *target = follow ? realpath(path, NULL) : NULL;
	char *text = describe_holder(target ? target : path);

	message_about(path, "%s%s", text ? text : "was held just now", more);
	free(text);
	free(target);
}

int conflict(const struct options *o, const char *path, int error)
{
	if (!o->quiet)
		print_holder(path, o->flags & LF_FOLLOW,
			     error == -ETIMEDOUT ? "; timed out" : "");
	return o->conflict_status;
}

/* What to do about an error of the library on a lock file, or NULL. */
static const char *advice(int error)
{
	switch (-error) {
	case EACCES:
		return "check the permissions of the file and its directory";
	case EBUSY:
		return "try again: that process has been asked to yield";
	case EIO:
		return "check the system log";
	case EISDIR:
		return "name a file in it";
	case ELOOP:
		return "name the file it points to, or use --follow";
	case ENAMETOOLONG:
		return "choose a shorter one";
	case ENOENT:
		return "create the directory first, or correct the name";
	case ENOLCK:
		return "use a local file system, such as /run";
	case ENOMEM:
		return "check the limits on memory and processes, ulimit -a";
	case ENOTDIR:
		return "correct the name";
	case ENOTSUP:
		return "name a regular file, or one that does not exist yet";
	case ENOTEMPTY:
		return "use another lock file, or omit --pid";
	case EOVERFLOW:
	case ETXTBSY:
		return "use a file that serves only as a lock";
	case EPERM:
		return "check with lsattr whether it or its directory is "
		       "immutable";
	case EROFS:
		return "use a writable file system, such as /run";
	case EMFILE:
	case ENFILE:
		return "check the limit on open files, ulimit -n";
	case ENOSPC:
	case EDQUOT:
		return "free some space, or use another file system, such "
		       "as /run";
	case ESTALE:
		return "check its file server, or use a local file system, "
		       "such as /run";
	default:
		return NULL;
	}
}

static const char *advice_for(const struct options *o, int error)
{
	if (o->fd >= 0)
		return NULL;
	if (error == -ENOENT && (o->flags & LF_NOCREATE))
		return "with --no-create it must exist";
	if (error == -ELOOP && (o->flags & LF_FOLLOW))
		return "the link leads to itself, or there are too many links";
	return advice(error);
}

static int status_of(const struct options *o, const char *path, int error)
{
	struct stat st;

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

int failure(const struct options *o, const char *path, int error)
{
	const char *hint = o->fd >= 0 ? descriptor_advice(o->fd, error) : NULL;

	if (error == -ENOLCK && o->flags & LF_GLOBAL) {
		message_about(path, "locks here do not, or may not, exclude "
				    "other machines: see lf-check --fs");
		return STATUS_SYSTEM;
	}
	if (hint) {
		message_about(path, "%s", hint);
		return STATUS_CANNOT_OPEN;
	}
	hint = advice_for(o, error);
	message_about(path, "%s%s%s", lf_strerror(error), hint ? "; " : "",
		      hint ? hint : "");
	return status_of(o, path, error);
}

int cannot_run(const char *command, int error)
{
	if (error == ENOENT && strchr(command, '/') &&
	    access(command, F_OK) == 0) {
		message_about(command,
			      "cannot be run: its interpreter is missing");
		return STATUS_CANNOT_RUN;
	}
	message_about(command, "cannot be run: %s", strerror(error));
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
