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

/* This process may have inherited a descriptor with the lock. */
static const struct lf_entry *next_holder(const struct lf_report *report,
					  const struct lf_entry *entry)
{
	do
		entry = lf_report_next(report, entry);
	while (entry &&
	       (!is_holder(entry) || is_this_wait(lf_entry_pid(entry))));
	return entry;
}

/* The one to show: a holder with a PID, if there is one. */
static const struct lf_entry *best_holder(const struct lf_report *report)
{
	const struct lf_entry *first = next_holder(report, NULL), *entry = first;

	while (entry && lf_entry_pid(entry) == 0)
		entry = next_holder(report, entry);
	return entry ? entry : first;
}

/* With --flock a lock of flock(2) is in the way, too. */
static const struct lf_entry *find_flock(const struct lf_report *report)
{
	const struct lf_entry *entry = NULL;

	do
		entry = lf_report_next(report, entry);
	while (entry && (lf_entry_type(entry) != LF_TYPE_FLOCK ||
			 lf_entry_waits(entry)));
	return entry;
}

static void print_best_holder(FILE *to, const struct lf_report *report,
			      const struct lf_entry *entry)
{
	const struct lf_entry *other = NULL;
	struct process holder;
	char details[160];
	int others = -1;

	process_read(&holder, lf_entry_pid(entry), lf_entry_start_time(entry));
	format_details(details, sizeof(details), report, entry, &holder);
	fputs("held by ", to);
	process_print(to, &holder, COMMAND_WIDTH);
	fputs(details, to);
	process_free(&holder);
	while ((other = next_holder(report, other)) != NULL)
		others++;
	if (others > 0)
		fprintf(to, ", and by %d more", others);
}

/* A holder on another machine may have written it, or anybody else. */
static void print_word_of_the_file(FILE *to, const struct lf_report *report)
{
	const char *host = lf_report_pidfile_host(report);
	pid_t pid;

	if (!host)
		return;
	lf_report_pidfile(report, &pid, NULL);
	fprintf(to, "; PID %ld on host ", (long)pid);
	print_escaped(to, host);
	fputs(", according to the file", to);
}

/* New text, or NULL: no memory. */
static char *describe(const struct lf_report *report,
		      const struct lf_entry *entry)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	if (entry && lf_entry_pid(entry) > 0) {
		print_best_holder(to, report, entry);
	} else {
		fprintf(to, "held%s; holder unknown%s",
			entry && lf_entry_shared(entry) ? ", shared" : "",
			try_as_root());
		print_word_of_the_file(to, report);
	}
	if (entry && lf_entry_type(entry) == LF_TYPE_FLOCK)
		fputs(", by flock(2)", to);
	fclose(to);
	return text;
}

/*
 * Returns what lf_inspect() does; *TEXT is new, "held by PID 4242: rsync -a / /mnt
 * (lf-acquire, root), for 3 min", or NULL.
 */
static int find_holder(const char *path, unsigned flags, char **text)
{
	char *target = flags & LF_FOLLOW ? realpath(path, NULL) : NULL;
	struct lf_report *report;
	int rc = lf_inspect(target ? target : path, &report);
	const struct lf_entry *entry = rc > 0 ? best_holder(report) : NULL;

	if (!entry && flags & LF_FLOCK)
		entry = find_flock(report);
	*text = rc > 0 || entry ? describe(report, entry) : NULL;
	lf_report_free(report);
	free(target);
	return rc;
}

void print_holder(const char *path, unsigned flags, const char *more)
{
	char *text;
	int rc = find_holder(path, flags, &text);

	message_about(path, "%s%s",
		      text	   ? text :
		      rc == 0	   ? "was held just now" :
		      rc == -EBUSY ? lf_strerror(rc) :
				     "held; holder unknown",
		      more);
	free(text);
}

/* Any other slot would do as well. */
static bool is_slot(const struct options *o, const char *path)
{
	return o->slots > 0 && path != o->paths[0];
}

void print_wait(const struct options *o, const char *path)
{
	print_holder(path, o->flags,
		     is_slot(o, path) ? "; no slot is free; waiting" :
					"; waiting");
}

/* To wait for an exclusive lock, a descriptor gives up a shared one. */
static const char *how_it_ended(const struct options *o, int error)
{
	/* Only the place of the waiter refuses a caller that waits. */
	if (error != -ETIMEDOUT)
		return o->one_waiter ? "; one waits already" :
		       o->fd >= 0 && o->flags & LF_FLOCK ?
				       "; the descriptor may have lost its "
				       "shared lock" :
				       "";
	return o->fd >= 0 && !(o->flags & LF_SHARED) ?
		       "; timed out; the descriptor has no lock now" :
		       "; timed out";
}

int conflict(const struct options *o, const char *path, int error)
{
	bool is_place = o->one_waiter && error != -ETIMEDOUT;
	bool full = is_slot(o, path) && !is_place;
	char more[80];

	snprintf(more, sizeof(more), "%s%s", full ? "; no slot is free" : "",
		 how_it_ended(o, error));
	if (!o->quiet)
		print_holder(path, o->flags, more);
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
	case EHOSTUNREACH:
		return "check the disk, or the file server and the network";
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
	case EMLINK:
	case ENOTEMPTY:
		return "use another lock file, or omit --pid";
	case EOVERFLOW:
	case ETXTBSY:
		return "use a file that serves only as a lock";
	case EPERM:
		return "check with lsattr whether it or its directory is "
		       "immutable";
	case EROFS:
		return "use a directory that can be written here";
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
	if (error == -ENOLCK && (o->flags & LF_GLOBAL))
		return "check the lock service of the file server";
	if (error == -ENOENT && (o->flags & LF_NOCREATE))
		return "with --no-create it must exist";
	if (error == -ELOOP && (o->flags & LF_FOLLOW))
		return "the link leads to itself, or there are too many links";
	if (error == -ELOOP && o->slots > 0)
		return "name the file it points to";
	return advice(error);
}

static bool is_missing(const struct options *o, const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 || (o->flags & LF_FOLLOW &&
					stat(path, &st) < 0 && errno == ENOENT);
}

static int status_of(const struct options *o, const char *path, int error)
{
	/* The file that has no room for the PID may have been there before. */
	if ((error == -ENOSPC || error == -EDQUOT) && o->flags & LF_PID)
		return STATUS_SYSTEM;
	switch (-error) {
	case EBUSY:
	case EDEADLK:
	case EINTR:
	case EMFILE:
	case ENFILE:
	case ENOLCK:
	case EHOSTUNREACH:
	case ENOMEM:
	case EIO:
		return STATUS_SYSTEM;
	default:
		return o->fd >= 0 || !is_missing(o, path) ?
			       STATUS_CANNOT_OPEN :
			       STATUS_CANNOT_CREATE;
	}
}

/* Why an existing file cannot be locked: it is another user's, as a rule. */
static const char *explain_denial(const struct options *o, const char *path)
{
	int needed = o->flags & LF_SHARED ? R_OK :
		     o->flags & LF_PID	  ? R_OK | W_OK :
					    W_OK;

	if (access(path, needed) == 0)
		return "the system refuses the lock, as a sandbox may";
	return "a lock file that several users lock must be created with "
	       "--mode 666";
}

/* A file that cannot be opened may be held nevertheless. */
static int permission_denied(const struct options *o, const char *path)
{
	struct stat st;
	char *text;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		message_about(path, "%s; %s", lf_strerror(-EACCES),
			      advice(-EACCES));
		return status_of(o, path, -EACCES);
	}
	find_holder(path, o->flags, &text);
	message_about(path, "%s%s%s; %s", lf_strerror(-EACCES),
		      text ? "; " : "", text ? text : "",
		      explain_denial(o, path));
	free(text);
	return STATUS_CANNOT_OPEN;
}

/* Then --global is not what failed. */
static bool excludes_other_machines(const struct options *o, const char *path)
{
	char name[32];
	struct lf_fs *fs;
	bool known;

	snprintf(name, sizeof(name), "/dev/fd/%d", o->fd);
	known = lf_inspect_fs(o->fd >= 0 ? name : path, &fs) == 0 &&
		lf_fs_has(fs, LF_FS_GLOBAL) == LF_FS_YES;
	lf_fs_free(fs);
	return known;
}

int failure(const struct options *o, const char *path, int error)
{
	const char *hint = o->fd >= 0 ? descriptor_advice(o->fd, error) : NULL;

	if (error == -ENOLCK && o->flags & LF_GLOBAL &&
	    !excludes_other_machines(o, path)) {
		message_about(path, "locks here do not, or may not, exclude "
				    "other machines: see lf-check --fs");
		return STATUS_SYSTEM;
	}
	if (error == -ENOLCK && o->flags & LF_FLOCK) {
		message_about(path, "no locks of flock(2) are available here, "
				    "or they cannot be used beside record "
				    "locks; omit --flock%s",
			      o->flags & LF_GLOBAL ?
				      "" :
				      ", or use a local file system, such as "
				      "/run");
		return STATUS_SYSTEM;
	}
	if (hint) {
		message_about(path, "%s", hint);
		return STATUS_CANNOT_OPEN;
	}
	if (error == -EACCES && o->fd < 0)
		return permission_denied(o, path);
	hint = advice_for(o, error);
	message_about(path, "%s%s%s", lf_strerror(error), hint ? "; " : "",
		      hint ? hint : "");
	return status_of(o, path, error);
}

/* Why COMMAND cannot be run, besides the system's own word. */
static const char *explain_command(const char *command, int error)
{
	bool has_path = strchr(command, '/');

	if (error == ETXTBSY)
		return "it is open for writing, perhaps as its own lock file; "
		       "lock another file, or run a script as sh SCRIPT";
	if (error != ENOENT)
		return strerror(error);
	if (has_path && access(command, F_OK) == 0)
		return "its interpreter is missing";
	if (strpbrk(command, " \t\n"))
		return "no such command; give its words without quotes around "
		       "them, or use sh -c 'COMMAND'";
	return has_path ? "no such file" : "not found in any directory of PATH";
}

static int status_of_command(const char *command, int error)
{
	switch (error) {
	case ENOENT:
		return strchr(command, '/') && access(command, F_OK) == 0 ?
			       STATUS_CANNOT_RUN :
			       STATUS_NOT_FOUND;
	case EAGAIN:
	case ENOMEM:
		return STATUS_SYSTEM;
	default:
		return STATUS_CANNOT_RUN;
	}
}

int unknown_end(const char *command, int error)
{
	message_about(command, "how it ended is unknown: %s", strerror(error));
	return STATUS_SYSTEM;
}

int cannot_run(const char *command, int error)
{
	message_about(command, "cannot be run: %s",
		      explain_command(command, error));
	return status_of_command(command, error);
}
