#include "config.h"

#include "view.h"

#include "lockfile-fcntl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_here(const struct view *view, const struct os_listed_lock *lock)
{
	return lock->inode.number == view->inode.number &&
	       lock->inode.major == view->inode.major &&
	       lock->inode.minor == view->inode.minor;
}

/* Only those that share a lock, and have no PID there, can be alike. */
static bool is_told_before(const struct view *view,
			   const struct os_listed_lock *lock)
{
	if (lock->mode == OS_READ &&
	    (lock->type != OS_TYPE_POSIX || lock->pid == 0))
		return false;
	for (size_t i = 0; i < view->lock_count; i++) {
		const struct os_listed_lock *other = &view->locks[i];

		if (!other->waits && other->type == lock->type &&
		    other->mode == lock->mode && other->pid == lock->pid &&
		    other->first == lock->first && other->last == lock->last)
			return true;
	}
	return false;
}

/*
 * The list comes in parts: if a new lock is put before one that has been told,
 * that is told again in the next part, with all who wait for it.
 */
int view_pick(struct view *view, const struct os_lock_list *list)
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
		const struct os_listed_lock *lock = &list->locks[i];

		if (!is_here(view, lock))
			continue;
		if (!lock->waits)
			again = is_told_before(view, lock);
		if (!again)
			view->locks[view->lock_count++] = *lock;
	}
	return 0;
}

int view_later(const struct view *view, struct view *later)
{
	struct os_lock_list list;
	int rc;

	poll(NULL, 0, MOMENT_MS / MOMENTS);
	rc = os_list_locks(&list);
	if (rc < 0)
		return rc;
	*later = *view;
	rc = view_pick(later, &list);
	os_lock_list_free(&list);
	return rc;
}

const struct os_listed_lock *view_next(const struct view *view,
				       const struct os_listed_lock *lock)
{
	lock = lock ? lock + 1 : view->locks;
	return lock && lock < view->locks + view->lock_count ? lock : NULL;
}

/* Whether the process that was listed under this PID has ended since. */
static bool is_gone(const struct view *view, struct lf_entry *entry)
{
	int process = os_process_open(entry->pid);

	if (process >= 0) {
		entry->start_time = os_process_start_time(process);
		close(process);
	}
	if (entry->start_time == 0)
		return kill(entry->pid, 0) < 0 && errno == ESRCH;
	return entry->start_time > view->list->when;
}

bool view_tells(const struct view *view, pid_t pid, int type)
{
	const struct lf_entry *entry = NULL;

	while ((entry = lf_report_next(view->report, entry)) != NULL)
		if (entry->pid == pid && entry->type == type && !entry->waits)
			return true;
	return false;
}

int view_add(struct view *view, struct lf_entry entry)
{
	if (entry.pid != 0 && !entry.waits &&
	    view_tells(view, entry.pid, entry.type))
		return 0;
	if (entry.pid == 0)
		entry.source = LF_SOURCE_NONE;
	else if (is_gone(view, &entry))
		return 0;
	return report_add(view->report, &entry);
}

int view_add_listed(struct view *view, const struct os_listed_lock *lock,
		    pid_t pid)
{
	static const int types[] = {
		[OS_TYPE_POSIX] = LF_TYPE_POSIX,
		[OS_TYPE_OFDLCK] = LF_TYPE_OFDLCK,
		[OS_TYPE_FLOCK] = LF_TYPE_FLOCK,
	};

	return view_add(view, (struct lf_entry){
				 .pid = pid,
				 .source = LF_SOURCE_LOCK,
				 .type = types[lock->type],
				 .waits = lock->waits,
				 .shared = lock->mode == OS_READ,
				 .depth = lock->waits ? lock->depth : 0,
			 });
}

int view_ask(const struct view *view, pid_t pid, os_lock_filter *is_meant,
	     int *descriptor)
{
	/* 0 is somebody, and not ourselves. */
	int process = pid > 0 ? os_process_open(pid) : -ENOTSUP, count;

	*descriptor = -1;
	if (process < 0)
		return process;
	count = os_process_lock_descriptor(process, &view->st, is_meant,
					   descriptor);
	close(process);
	return count;
}
