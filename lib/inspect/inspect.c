/* SPDX-License-Identifier: 0BSD */
/*
 * First the file is asked, by lf_check(): that alone can tell "free".  The
 * kernel's list then tells of everybody, but for a lock of an open file
 * description it has no PID.
 *
 * The list is of a moment ago.  Nobody is called by a PID that may have become
 * another's: a process is asked itself, or is older than the list.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The list is told in parts, and may miss a lock or tell it twice, but not often. */
#define LOOKS 4

static int add_all(struct lf_view *view)
{
	int held = view->held;
	int rc = lf_view_pick(view, view->list);

	if (rc == 0 && held != 0)
		rc = lf_add_holders(view);
	view->holders = view->report->count;
	if (rc == 0 && held < 0 && view->holders == 0)
		return held;
	if (rc == 0)
		rc = lf_add_flocks(view);
	if (rc == 0 && held != 0)
		rc = lf_add_waiters(view);
	return rc < 0 ? rc : lf_add_flock_waiters(view);
}

static bool is_listed(const struct lf_view *view, pid_t pid)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lock->kind == LF_TYPE_POSIX && !lock->waits &&
		    lock->pid == pid)
			return true;
	return false;
}

/*
 * Whether the holder that the file tells of is there, and the lock by which it
 * is known: those who wait are listed with that.
 */
static bool is_complete(const struct lf_view *view)
{
	pid_t pid = view->holder.pid;

	if (pid != 0 && pid != getpid() && !is_listed(view, pid))
		return false;
	return view->holders > 0 &&
	       (pid == 0 || lf_view_has_entry(view, pid, LF_TYPE_OFDLCK) ||
		lf_view_has_entry(view, pid, LF_TYPE_POSIX));
}

/*
 * Whether somebody has the first byte who is not listed: a process that has no
 * PID in this namespace.  lockf(3) never tells one.
 */
static bool is_hidden(const struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;

	if (!view->holder.nameless || lf_locks_by_lockf())
		return false;
	while ((lock = lf_view_next(view, lock)) != NULL)
		if (!lock->waits && lock->kind != LF_TYPE_FLOCK &&
		    lock->first == 0)
			return false;
	return true;
}

static int get_list(struct lf_lock_list *list, bool anew)
{
	if (list->when != 0 && !anew)
		return 0;
	lf_lock_list_free(list);
	return lf_list_locks(list);
}

/* One look at all of it: 1 held, 0 free, -EACCES cannot be told. */
static int look(struct lf_view *view, bool anew)
{
	int held = lf_find_holder(view->path, &view->holder), rc;

	view->held = held;
	if (held < 0 && held != -EACCES)
		return held;
	view->report = lf_report_new(view->path);
	if (!view->report)
		return -ENOMEM;
	if (lstat(view->path, &view->st) < 0)
		return held < 0 ? held : errno == ENOENT ? 0 : -errno;
	rc = get_list(view->list, anew);
	if (rc == 0)
		rc = lf_inode_of(view->path, &view->inode);
	if (rc == -ENOMEM)
		return rc;
	view->report->partial = rc < 0 || view->holder.elsewhere ||
				!lf_proc_is_ours();
	if (rc < 0)
		return held;
	rc = add_all(view);
	if (rc < 0)
		return rc;
	view->report->partial |= is_hidden(view);
	return held != 0;
}

/*
 * What the file says, where the list does not; nothing, if the list has another,
 * who got it since.
 */
static int add_unlisted(struct lf_view *view)
{
	struct lf_entry *first = view->report->entries;
	struct lf_entry unlisted = {
		.pid = view->holder.pid,
		.source = LF_SOURCE_LOCK,
		.type = LF_TYPE_UNKNOWN,
	};
	size_t count = view->report->count;
	int rc;

	if (view->holders > 0 && !view->report->partial)
		return 0;
	view->report->partial = true;
	/* The list of another PID namespace, which has no PIDs for us. */
	if (view->holders == 1 && first->pid == 0) {
		first->pid = view->holder.pid;
		first->source = LF_SOURCE_LOCK;
		return 0;
	}
	rc = lf_view_add(view, unlisted);
	/* It has ended, and was the last that is known. */
	if (rc == 0 && view->report->count == count && view->holders == 0) {
		unlisted.pid = 0;
		rc = lf_view_add(view, unlisted);
	}
	if (rc == 0 && view->report->count > count)
		lf_report_sort_in(view->report, 0);
	return rc;
}

int lf_inspect_file(struct lf_report **report, const char *path,
		    struct lf_lock_list *list)
{
	struct lf_view view;
	bool again = true;
	int rc;

	for (int looks = 1; again; looks++) {
		view = (struct lf_view){ .path = path, .list = list };
		rc = look(&view, looks > 1);
		again = rc > 0 && (!is_complete(&view) ||
				   (view.surplus && looks < LOOKS));
		free(view.locks);
		if (again && looks == LOOKS) {
			again = false;
			if (add_unlisted(&view) < 0)
				rc = -ENOMEM;
		}
		if (again)
			lf_report_free(view.report);
	}
	if (rc == -ENOMEM || !view.report) {
		lf_report_free(view.report);
		*report = rc == -ENOMEM ? NULL : lf_report_new(path);
		if (!*report)
			return -ENOMEM;
	} else {
		*report = view.report;
	}
	(*report)->status = rc;
	(*report)->pidfile = view.holder.pidfile;
	(*report)->written = view.holder.written;
	return 0;
}

int lf_inspect_files(struct lf_report **reports, const char *const *paths,
		     size_t count)
{
	struct lf_lock_list list = { .count = 0 };
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++)
		rc = lf_inspect_file(&reports[i], paths[i], &list);
	lf_lock_list_free(&list);
	for (size_t i = 0; i < count && rc < 0; i++) {
		lf_report_free(reports[i]);
		reports[i] = NULL;
	}
	return rc;
}
