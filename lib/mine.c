/* SPDX-License-Identifier: 0BSD */
/*
 * Whether the calling process runs under a lock already, so that it would wait for
 * its own caller.  Two things show it:
 *
 *  - It has a descriptor to which the lock belongs: the lock lasts as long as that
 *    is open, also if the process that acquired it was killed.  Another descriptor
 *    of the same file proves nothing.
 *  - A holder is one of its ancestors: sudo, a daemon and lf-acquire --close close
 *    descriptors, and a lock may belong to the process.
 *
 * The holder may be the kernel's word alone, such as lf-acquire of root to its
 * COMMAND that runs as another user.  Any user can leave the PID of another process
 * on a lock; but only the user that started this very process can leave that of one
 * of its ancestors, and can as well pass it a descriptor.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Descriptors, where the system does not list them with their locks */

/* How many are tried. */
#define DESCRIPTORS 1024

/* How often each is asked, a millisecond apart. */
#define LOOKS 10

/*
 * Whether the body is held, and not by another description than that of FD.  One
 * question cannot answer both, and another process may lock and unlock the file in
 * between, but not each time.
 */
static bool has_body(int fd, const struct lf_lock *other)
{
	struct lf_lock mine = { .fd = fd };
	pid_t unused;

	for (int i = 0; i < LOOKS; i++) {
		if (lf_body_test(&mine, F_WRLCK, &unused) != LF_GOT ||
		    lf_body_test(other, F_WRLCK, &unused) != LF_BUSY)
			return false;
		lf_poll_until(-1, lf_deadline(1));
	}
	return true;
}

static bool is_of_file(int fd, const struct lf_lock *file)
{
	struct stat st;

	return fd != file->fd && fstat(fd, &st) == 0 &&
	       st.st_dev == file->dev && st.st_ino == file->ino;
}

/* Several sharers keep each other from being recognised. */
static bool any_has_body(const struct lf_lock *other)
{
	long limit = sysconf(_SC_OPEN_MAX);

	if (limit < 0 || limit > DESCRIPTORS)
		limit = DESCRIPTORS;
	for (int fd = 0; fd < limit; fd++)
		if (is_of_file(fd, other) && has_body(fd, other))
			return true;
	return false;
}

/* A file under a lease is not opened, and lf_check_holder() knows it. */
static int ask_descriptors(const char *path)
{
	struct lf_request request = {
		.dirfd = AT_FDCWD,
		.path = path,
		.fd = -1,
		.type = F_RDLCK,
		.inspects = true,
	};
	struct lf_lock *other;
	int rc = lf_check_holder(path, NULL);

	if (rc == 0)
		return 0;
	if (rc > 0)
		rc = lf_file_open(&other, &request);
	if (rc < 0)
		return -ESRCH;
	rc = any_has_body(other);
	lf_table_close(other);
	return rc;
}

/* ---- Ancestors, the calling process first */

struct ancestor {
	pid_t pid;
	pid_t parent;
	unsigned long long start_time;
};

struct ancestors {
	struct ancestor *list;
	size_t count;
	bool complete; /* up to the first process that is visible here */
};

static int add_ancestor(struct ancestors *ancestors, struct ancestor ancestor)
{
	struct ancestor *more = realloc(ancestors->list,
					(ancestors->count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	ancestors->list = more;
	more[ancestors->count++] = ancestor;
	return 0;
}

static int identify(struct ancestor *process)
{
	int fd = lf_process_open(process->pid), rc;

	if (fd < 0)
		return fd;
	rc = lf_process_parent(fd, &process->parent, &process->start_time);
	close(fd);
	return rc;
}

static bool has_parent(const struct ancestor *child, pid_t parent)
{
	struct ancestor again = { .pid = child->pid };

	return identify(&again) == 0 && again.parent == parent &&
	       again.start_time == child->start_time;
}

/*
 * -ESRCH: one of them has ended meanwhile.  Its PID may be another's already; but
 * that process is younger, and a parent is older than its child.
 */
static int climb(struct ancestors *ancestors)
{
	struct ancestor child, process = { .pid = getpid() };
	int rc = identify(&process);

	*ancestors = (struct ancestors){ .list = ancestors->list };
	for (;;) {
		if (add_ancestor(ancestors, process) < 0)
			return -ENOMEM;
		/* Where nothing is shown of a process. */
		if (rc < 0)
			return 0;
		if (process.parent == 0)
			break;
		child = process;
		process = (struct ancestor){ .pid = child.parent };
		rc = identify(&process);
		if (rc < 0 ? !has_parent(&child, process.pid) :
			     process.start_time > child.start_time)
			return -ESRCH;
	}
	ancestors->complete = true;
	return 0;
}

static int find_ancestors(struct ancestors *ancestors)
{
	struct ancestor parent = { .pid = getppid() };
	int rc = -ESRCH;

	for (int looks = 0; looks < LF_LOOKS && rc < 0 && rc != -ENOMEM; looks++)
		rc = climb(ancestors);
	if (rc == -ENOMEM || ancestors->count > 1 || parent.pid == 0)
		return rc == -ENOMEM ? rc : 0;
	/* Known without proc(5) too. */
	return add_ancestor(ancestors, parent);
}

/* ---- The answer */

static bool is_among(const struct ancestors *ancestors, pid_t pid)
{
	for (size_t i = 0; i < ancestors->count; i++)
		if (ancestors->list[i].pid == pid)
			return true;
	return false;
}

/*
 * The report is older than the list.  All ancestors are older than this process, so
 * that none of them can have the PID of a holder that has ended since.
 */
static int compare(const struct lf_report *holders,
		   const struct ancestors *ancestors)
{
	bool unknown = holders->partial || !ancestors->complete;

	for (size_t i = 0; i < holders->count; i++) {
		pid_t pid = holders->entries[i].pid;

		if (pid > 0 && is_among(ancestors, pid))
			return 1;
		unknown |= pid == 0;
	}
	return unknown ? -ESRCH : 0;
}

static int ask_holders(const struct lf_report *report)
{
	struct ancestors ancestors = { .list = NULL };
	int rc = find_ancestors(&ancestors);

	if (rc == 0)
		rc = compare(report, &ancestors);
	free(ancestors.list);
	return rc;
}

/*
 * The descriptors come first: they need no permission for the file.  Where they are
 * not listed, a lock of this process is among those whose holder is unknown.
 */
static int find_out(const char *path, const struct stat *file)
{
	struct lf_report *report;
	int shown, asked, rc;

	if (lf_table_process_holds(file, NULL))
		return 1;
	shown = lf_process_has_lock(0, file, lf_is_body);
	if (shown > 0 || shown == -ENOMEM)
		return shown > 0 ? 1 : shown;
	rc = lf_inspect_holders(&report, path);
	if (rc < 0)
		return rc;
	rc = report->status;
	if (rc > 0)
		rc = ask_holders(report);
	if (report->status > 0 && rc <= 0 && shown < 0 && lf_has_ofd_locks()) {
		asked = ask_descriptors(path);
		rc = asked != 0 ? asked : rc;
	}
	lf_report_free(report);
	return rc;
}

/* While it is pinned, no other file gets its inode number. */
int lf_runs_under(const char *path)
{
	struct stat file;
	int pin = lf_pin(path, &file), rc = pin < 0 ? pin : 0;

	if (rc == -ENOTSUP || rc == -EMFILE || rc == -ENFILE)
		rc = lstat(path, &file) < 0 ? -errno : 0;
	if (rc == 0)
		rc = lf_file_check_type(file.st_mode);
	else if (rc == -ENOENT && path[0] != '\0')
		return 0;
	if (rc == 0)
		rc = find_out(path, &file);
	if (pin >= 0)
		close(pin);
	return rc;
}
