/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_here(const struct lf_view *view, const struct lf_listed_lock *lock)
{
	return lock->inode.number == view->inode.number &&
	       lock->inode.major == view->inode.major &&
	       lock->inode.minor == view->inode.minor;
}

/* Only those that share a lock, and have no PID there, can be alike. */
static bool is_told_before(const struct lf_view *view,
			   const struct lf_listed_lock *lock)
{
	if (lock->type == F_RDLCK &&
	    (lock->kind != LF_TYPE_POSIX || lock->pid == 0))
		return false;
	for (size_t i = 0; i < view->lock_count; i++) {
		const struct lf_listed_lock *other = &view->locks[i];

		if (!other->waits && other->kind == lock->kind &&
		    other->type == lock->type && other->pid == lock->pid &&
		    other->first == lock->first && other->last == lock->last)
			return true;
	}
	return false;
}

/*
 * The list comes in parts: if a new lock is put before one that has been told,
 * that is told again in the next part, with all who wait for it.
 */
int lf_view_pick(struct lf_view *view, const struct lf_lock_list *list)
{
	size_t count = 0;
	bool again = false;

	for (size_t i = 0; i < list->count; i++)
		count += is_here(view, &list->locks[i]);
	view->lock_count = 0;
	view->locks = calloc(count + 1, sizeof(*view->locks));
	if (!view->locks)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++) {
		const struct lf_listed_lock *lock = &list->locks[i];

		if (!is_here(view, lock))
			continue;
		if (!lock->waits)
			again = is_told_before(view, lock);
		if (!again)
			view->locks[view->lock_count++] = *lock;
	}
	return 0;
}

int lf_view_later(const struct lf_view *view, struct lf_view *later)
{
	struct lf_lock_list list;
	int rc;

	poll(NULL, 0, LF_MOMENT_MS / LF_MOMENTS);
	rc = lf_list_locks(&list);
	if (rc < 0)
		return rc;
	*later = *view;
	rc = lf_view_pick(later, &list);
	lf_lock_list_free(&list);
	return rc;
}

const struct lf_listed_lock *lf_view_next(const struct lf_view *view,
				       const struct lf_listed_lock *lock)
{
	lock = lock ? lock + 1 : view->locks;
	return lock && lock < view->locks + view->lock_count ? lock : NULL;
}

/* Whether the process that was listed under this PID has ended since. */
static bool is_gone(const struct lf_view *view, struct lf_entry *entry)
{
	int process = lf_process_open(entry->pid);

	if (process >= 0) {
		entry->start_time = lf_start_time(process);
		close(process);
	}
	if (entry->start_time == 0)
		return kill(entry->pid, 0) < 0 && errno == ESRCH;
	return entry->start_time > view->list->when;
}

bool lf_view_has_entry(const struct lf_view *view, pid_t pid, int type)
{
	const struct lf_entry *entry = NULL;

	while ((entry = lf_report_next(view->report, entry)) != NULL)
		if (entry->pid == pid && entry->type == type && !entry->waits)
			return true;
	return false;
}

int lf_view_add(struct lf_view *view, struct lf_entry entry)
{
	if (entry.pid != 0 && !entry.waits &&
	    lf_view_has_entry(view, entry.pid, entry.type))
		return 0;
	if (entry.pid == 0)
		entry.source = LF_SOURCE_NONE;
	else if (is_gone(view, &entry))
		return 0;
	return lf_report_add(view->report, &entry);
}

int lf_view_add_listed(struct lf_view *view, const struct lf_listed_lock *lock,
		    pid_t pid)
{
	static const int types[] = {
		[LF_TYPE_POSIX] = LF_TYPE_POSIX,
		[LF_TYPE_OFDLCK] = LF_TYPE_OFDLCK,
		[LF_TYPE_FLOCK] = LF_TYPE_FLOCK,
	};

	return lf_view_add(view, (struct lf_entry){
				 .pid = pid,
				 .source = LF_SOURCE_LOCK,
				 .type = types[lock->kind],
				 .waits = lock->waits,
				 .shared = lock->type == F_RDLCK,
				 .depth = lock->waits ? lock->depth : 0,
			 });
}

int lf_view_ask(const struct lf_view *view, pid_t pid, lf_lock_filter *is_meant,
	     int *descriptor)
{
	/* 0 is somebody, and not ourselves. */
	int process = pid > 0 ? lf_process_open(pid) : -ENOTSUP, count;

	*descriptor = -1;
	if (process < 0)
		return process;
	count = lf_process_lock_descriptor(process, &view->st, is_meant,
					   descriptor);
	close(process);
	return count;
}
