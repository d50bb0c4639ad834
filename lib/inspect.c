/*
 * First the file is asked, by lf_check(): that alone can tell "free".  The
 * kernel's list then tells of everybody, but for a lock of an open file
 * description it has no PID.  The holder's is that of the tag, if the owner of
 * the tag has the body too; or that of whoever has the body's descriptor.
 *
 * The list is of a moment ago.  Nobody is called by a PID that may have become
 * another's: a process is asked itself, or is older than the list.
 */
#include "config.h"

#include "inspect.h"

#include "call.h"
#include "check.h"
#include "lockfile-fcntl.h"
#include "marks.h"
#include "report.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The list is told in parts and may miss a lock; the next time it is there. */
#define LOOKS 4

/*
 * How long a waiter may have the tag before it has tried the body, and how
 * often one looks meanwhile: who tries again and again has it again and again.
 */
#define MOMENT_MS 20
#define MOMENTS 10

/* The owner of a tag, and how many bodies it has too: negative, not told. */
struct owner {
	pid_t pid;
	bool shared;
	int has_body;
	int descriptor;
};

struct view {
	const char *path;
	struct stat st;
	struct os_inode inode;
	struct os_lock_list *list;
	struct os_listed_lock *locks; /* those of the list on this file */
	size_t lock_count;
	struct lf_report *report;
	int held; /* as the file itself tells; negative: it does not */
	struct holder holder;
	size_t bodies;		/* locks of open file descriptions */
	bool shared;		/* that is what they are */
	struct owner *owners;	/* of tags */
	size_t owner_count;
	size_t holders; /* found, of locks that keep others out */
};

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
static int pick_locks(struct view *view, const struct os_lock_list *list)
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

/* The same a part of a moment later; the caller frees LATER->locks. */
static int look_later(const struct view *view, struct view *later)
{
	struct os_lock_list list;
	int rc;

	poll(NULL, 0, MOMENT_MS / MOMENTS);
	rc = os_list_locks(&list);
	if (rc < 0)
		return rc;
	*later = *view;
	rc = pick_locks(later, &list);
	os_lock_list_free(&list);
	return rc;
}

/* The next on this file after LOCK, which is NULL at first. */
static const struct os_listed_lock *next(const struct view *view,
					 const struct os_listed_lock *lock)
{
	lock = lock ? lock + 1 : view->locks;
	return lock && lock < view->locks + view->lock_count ? lock : NULL;
}

static bool is_tag(const struct os_listed_lock *lock)
{
	return lock->type == OS_TYPE_POSIX && !lock->waits &&
	       lock->first == 0 && lock->last == 0;
}

static bool is_body(const struct os_listed_lock *lock)
{
	return lock->type == OS_TYPE_OFDLCK && !lock->waits &&
	       !is_removers(lock->first, lock->last);
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

static bool is_reported(const struct lf_report *report, pid_t pid, int type)
{
	const struct lf_entry *entry = NULL;

	while ((entry = lf_report_next(report, entry)) != NULL)
		if (entry->pid == pid && entry->type == type && !entry->waits)
			return true;
	return false;
}

/* Once for each process that has a lock, and for each request that waits. */
static int add(struct view *view, struct lf_entry entry)
{
	if (entry.pid != 0 && !entry.waits &&
	    is_reported(view->report, entry.pid, entry.type))
		return 0;
	if (entry.pid == 0)
		entry.source = LF_SOURCE_NONE;
	else if (is_gone(view, &entry))
		return 0;
	return report_add(view->report, &entry);
}

static int add_listed(struct view *view, const struct os_listed_lock *lock,
		      pid_t pid)
{
	static const int types[] = {
		[OS_TYPE_POSIX] = LF_TYPE_POSIX,
		[OS_TYPE_OFDLCK] = LF_TYPE_OFDLCK,
		[OS_TYPE_FLOCK] = LF_TYPE_FLOCK,
	};

	return add(view, (struct lf_entry){
				 .pid = pid,
				 .source = LF_SOURCE_LOCK,
				 .type = types[lock->type],
				 .waits = lock->waits,
				 .shared = lock->mode == OS_READ,
				 .depth = lock->waits ? lock->depth : 0,
			 });
}

static int add_body(struct view *view, pid_t pid, int source, bool shared)
{
	return add(view, (struct lf_entry){
				 .pid = pid,
				 .source = source,
				 .type = LF_TYPE_OFDLCK,
				 .shared = shared,
			 });
}

static int has_body(const struct view *view, pid_t pid, int *descriptor)
{
	int process = os_process_open(pid), has;

	*descriptor = -1;
	if (process < 0)
		return process;
	has = os_process_lock_descriptor(process, &view->st, OS_TYPE_OFDLCK,
					 descriptor);
	close(process);
	return has;
}

/* One excludes all others, and the file itself has been asked who it is. */
static bool is_told(const struct view *view, const struct os_listed_lock *tag)
{
	return tag->mode == OS_WRITE && view->held > 0 &&
	       !view->holder.elsewhere;
}

/* Bodies are counted, and the owners of tags asked whether they have one. */
static int find_owners(struct view *view)
{
	const struct os_listed_lock *lock = NULL;
	size_t count = 0;

	while ((lock = next(view, lock)) != NULL) {
		count += is_tag(lock);
		view->bodies += is_body(lock);
		view->shared |= is_body(lock) && lock->mode == OS_READ;
	}
	view->owners = calloc(count + 1, sizeof(*view->owners));
	if (!view->owners)
		return -ENOMEM;
	while ((lock = next(view, lock)) != NULL) {
		struct owner *owner = &view->owners[view->owner_count];

		if (!is_tag(lock) || lock->pid == 0)
			continue;
		owner->pid = lock->pid;
		owner->shared = lock->mode == OS_READ;
		owner->has_body =
			has_body(view, lock->pid, &owner->descriptor);
		if (owner->has_body < 0 &&
		    (lock->pid == view->holder.pid || is_told(view, lock)))
			owner->has_body = lock->pid == view->holder.pid;
		view->owner_count++;
	}
	return 0;
}

static bool is_listed(const struct view *view, pid_t pid)
{
	const struct os_listed_lock *lock = NULL;

	while ((lock = next(view, lock)) != NULL)
		if (lock->type == OS_TYPE_POSIX && !lock->waits &&
		    lock->pid == pid)
			return true;
	return false;
}

static bool has_tag(const struct view *view, pid_t pid)
{
	const struct os_listed_lock *lock = NULL;

	while ((lock = next(view, lock)) != NULL)
		if (is_tag(lock) && lock->pid == pid)
			return true;
	return false;
}

/* Some process; one that only waits for a processor may be a waiter still. */
static bool is_runnable(pid_t pid)
{
	int process = os_process_open(pid), runnable;
	unsigned long long ticks;

	if (process < 0)
		return false;
	runnable = os_process_is_runnable(process, &ticks);
	close(process);
	return runnable > 0;
}

static bool any_body(const struct view *view)
{
	const struct os_listed_lock *lock = NULL;

	while ((lock = next(view, lock)) != NULL)
		if (is_body(lock))
			return true;
	return false;
}

/* Owners of the tag that are not asked and had it at each look. */
static size_t keep_doubtful(struct view *view)
{
	size_t count = 0;

	for (size_t i = 0; i < view->owner_count; i++) {
		struct owner *owner = &view->owners[i];

		if (owner->has_body < 0 &&
		    (!has_tag(view, owner->pid) ||
		     (view->bodies > 0 && !any_body(view))))
			owner->has_body = 0;
		count += owner->has_body < 0;
	}
	return count;
}

/*
 * Who may not be asked has the body if it has the tag for a moment: a waiter
 * gives it back at once.
 */
static int look_again(struct view *view)
{
	size_t doubtful = keep_doubtful(view);

	for (int i = 0; i < MOMENTS && doubtful > 0; i++) {
		struct view later;
		int rc = look_later(view, &later);

		if (rc < 0)
			return rc;
		doubtful = keep_doubtful(&later);
		free(later.locks);
	}
	for (size_t i = 0; i < view->owner_count; i++)
		if (view->owners[i].has_body < 0)
			view->owners[i].has_body =
				!is_runnable(view->owners[i].pid);
	return 0;
}

/* As a parent and a child have: it is not a holder beside that owner. */
static bool is_copy(const struct view *view, pid_t pid, int descriptor)
{
	for (size_t i = 0; i < view->owner_count; i++) {
		const struct owner *owner = &view->owners[i];

		if (owner->descriptor >= 0 &&
		    (owner->pid == pid ||
		     os_same_description(owner->pid, owner->descriptor, pid,
					 descriptor)))
			return true;
	}
	return false;
}

/* Those who have a body and no tag, as far as we may look; *ALL: everywhere. */
static int add_untagged(struct view *view, size_t *known, bool *all)
{
	size_t count;
	pid_t *pids;
	int rc = os_list_processes(&pids, &count);

	*all = rc == 0;
	if (rc == -ENOMEM)
		return rc;
	if (rc < 0)
		return 0;
	for (size_t i = 0; i < count && rc >= 0; i++) {
		int descriptor;
		int has = has_body(view, pids[i], &descriptor);

		if (has == -EACCES || has == -EPERM)
			*all = false;
		if (has <= 0 || is_copy(view, pids[i], descriptor))
			continue;
		rc = add_body(view, pids[i], LF_SOURCE_DESCRIPTOR,
			      view->shared);
		*known += (size_t)has;
	}
	free(pids);
	return rc;
}

static int add_body_holders(struct view *view)
{
	size_t known = 0;
	bool all;
	int rc;

	for (size_t i = 0; i < view->owner_count; i++) {
		const struct owner *owner = &view->owners[i];

		if (owner->has_body <= 0)
			continue;
		rc = add_body(view, owner->pid, LF_SOURCE_TAG, view->shared);
		if (rc < 0)
			return rc;
		known += (size_t)owner->has_body;
	}
	if (known >= view->bodies)
		return 0;
	rc = add_untagged(view, &known, &all);
	if (rc < 0)
		return rc;
	/* One that has ended meanwhile is none; but who may not be seen is. */
	if (known > 0 && (all || known >= view->bodies))
		return 0;
	return add_body(view, 0, LF_SOURCE_NONE, view->shared);
}

/*
 * With no body anywhere, a lock on the first byte is one like any other, if it
 * stays.
 */
static bool is_lock_of_process(const struct view *view,
			       const struct os_listed_lock *lock)
{
	if (lock->type != OS_TYPE_POSIX || lock->waits)
		return false;
	if (!is_tag(lock))
		return true;
	if (view->bodies > 0)
		return false;
	for (size_t i = 0; view->held < 0 && i < view->owner_count; i++)
		if (view->owners[i].pid == lock->pid)
			return view->owners[i].has_body > 0;
	return lock->pid == view->holder.pid;
}

static int add_process_holders(struct view *view)
{
	const struct os_listed_lock *lock = NULL;
	int rc = 0;

	while (rc == 0 && (lock = next(view, lock)) != NULL)
		if (is_lock_of_process(view, lock))
			rc = add_listed(view, lock, lock->pid);
	return rc;
}

static int add_record_locks(struct view *view)
{
	int rc = find_owners(view);

	if (rc == 0)
		rc = look_again(view);
	if (rc == 0 && view->bodies > 0)
		rc = add_body_holders(view);
	return rc < 0 ? rc : add_process_holders(view);
}

/*
 * Holders and waiters of ours have a flock(2) lock too, their presence.  Who
 * waits for a body is listed without a PID, so that any that is shared may be
 * the presence of such a one.
 */
static bool is_ours(const struct view *view,
		    const struct os_listed_lock *presence)
{
	const struct os_listed_lock *lock = NULL;

	while ((lock = next(view, lock)) != NULL)
		if ((lock->type == OS_TYPE_POSIX &&
		     lock->pid == presence->pid) ||
		    (lock->type == OS_TYPE_OFDLCK && lock->waits &&
		     presence->mode == OS_READ))
			return true;
	return false;
}

/* Who has a lock of flock(2) by one of his descriptors; negative: not told. */
static int has_flock_by_descriptor(const struct view *view, pid_t pid)
{
	int process, descriptor, has;

	/* 0 is somebody, and not ourselves. */
	process = pid > 0 ? os_process_open(pid) : -ENOTSUP;
	if (process < 0)
		return process;
	has = os_process_lock_descriptor(process, &view->st, OS_TYPE_FLOCK,
					 &descriptor);
	close(process);
	return has;
}

/* All that have the descriptor, as far as we may look, or one not known. */
static int add_flock_heirs(struct view *view, const struct os_listed_lock *lock)
{
	size_t count = 0, before = view->report->count;
	pid_t *pids;
	int rc = os_list_processes(&pids, &count);

	if (rc == -ENOMEM)
		return rc;
	if (rc < 0)
		return add_listed(view, lock, 0);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		if (has_flock_by_descriptor(view, pids[i]) <= 0)
			continue;
		rc = add(view, (struct lf_entry){
				       .pid = pids[i],
				       .source = LF_SOURCE_DESCRIPTOR,
				       .type = LF_TYPE_FLOCK,
			       });
	}
	free(pids);
	if (rc < 0 || view->report->count > before)
		return rc;
	return add_listed(view, lock, 0);
}

/*
 * It is listed by the process that asked for it, which may have ended while
 * another has the descriptor, as flock(1) leaves it to a shell.  If it is shared
 * and there is a holder that had no tag, it is the presence of one that ended.
 */
static int add_flock(struct view *view, const struct os_listed_lock *lock)
{
	if (has_flock_by_descriptor(view, lock->pid) > 0)
		return add_listed(view, lock, lock->pid);
	if (lock->mode == OS_WRITE)
		return add_flock_heirs(view, lock);
	return view->holders > 0 ? 0 : add_listed(view, lock, 0);
}

/* What is told, unless it is seen to be ours, or is not seen again. */
struct candidate {
	const struct os_listed_lock *lock;
	bool again, ours;
};

static bool has_flock(const struct view *view,
		      const struct os_listed_lock *wanted)
{
	const struct os_listed_lock *lock = NULL;

	while ((lock = next(view, lock)) != NULL)
		if (lock->type == OS_TYPE_FLOCK && !lock->waits &&
		    lock->pid == wanted->pid && lock->mode == wanted->mode)
			return true;
	return false;
}

/*
 * A process of ours has its presence for an instant before it is listed as one
 * who waits, and on its way from the tag to the body, and out.
 */
static int look_at_flocks(const struct view *view, struct candidate *flocks,
			  size_t count)
{
	for (int i = 0; i < MOMENTS && count > 0; i++) {
		struct view later;
		int rc = look_later(view, &later);

		if (rc < 0)
			return rc;
		for (size_t j = 0; j < count; j++) {
			flocks[j].ours |= is_ours(&later, flocks[j].lock);
			flocks[j].again |= has_flock(&later, flocks[j].lock);
		}
		free(later.locks);
	}
	return 0;
}

static int add_flocks(struct view *view)
{
	const struct os_listed_lock *lock = NULL;
	struct candidate *flocks;
	size_t count = 0;
	int rc;

	while ((lock = next(view, lock)) != NULL)
		count += lock->type == OS_TYPE_FLOCK && !lock->waits;
	flocks = calloc(count + 1, sizeof(*flocks));
	if (!flocks)
		return -ENOMEM;
	count = 0;
	while ((lock = next(view, lock)) != NULL)
		if (lock->type == OS_TYPE_FLOCK && !lock->waits &&
		    !is_ours(view, lock))
			flocks[count++].lock = lock;
	rc = look_at_flocks(view, flocks, count);
	for (size_t i = 0; i < count && rc == 0; i++)
		if (flocks[i].again && !flocks[i].ours)
			rc = add_flock(view, flocks[i].lock);
	free(flocks);
	return rc;
}

/*
 * A child that adopted waits for the tag alone: it has the body.  A child that
 * has no more than a copy of its parent's waits by a descriptor of its own.
 */
static bool is_adopter(const struct view *view,
		       const struct os_listed_lock *lock)
{
	int process, descriptor;
	bool has;

	if (lock->type != OS_TYPE_POSIX || lock->pid == 0)
		return false;
	process = os_process_open(lock->pid);
	if (process < 0)
		return false;
	has = os_process_lock_descriptor(process, &view->st, OS_TYPE_OFDLCK,
					 &descriptor) > 0 &&
	      os_process_descriptors(process, &view->st) == 1;
	close(process);
	return has;
}

/*
 * The kernel lists each after the one it waits for.  All who wait for the same
 * one go when that goes, before those who wait for any of them.
 */
static int add_waiters(struct view *view, enum os_lock_type type)
{
	const struct os_listed_lock *lock = NULL;
	size_t first = 0;
	int rc = 0;

	while (rc == 0 && (lock = next(view, lock)) != NULL) {
		size_t count = view->report->count;

		if (!lock->waits)
			first = count;
		else if (lock->type == type && !is_adopter(view, lock))
			rc = add_listed(view, lock, lock->pid);
		if (view->report->count > count)
			report_sort_in(view->report, first);
	}
	return rc;
}

/* Who waits for the body has had the tag: he is before those who have not. */
static int add_queue(struct view *view)
{
	int rc = add_waiters(view, OS_TYPE_OFDLCK);

	return rc < 0 ? rc : add_waiters(view, OS_TYPE_POSIX);
}

static int add_all(struct view *view)
{
	int held = view->held;
	int rc = pick_locks(view, view->list);

	if (rc == 0 && held != 0)
		rc = add_record_locks(view);
	free(view->owners);
	view->holders = view->report->count;
	if (rc == 0 && held < 0 && view->holders == 0)
		return held;
	if (rc == 0)
		rc = add_flocks(view);
	if (rc == 0 && held != 0)
		rc = add_queue(view);
	return rc < 0 ? rc : add_waiters(view, OS_TYPE_FLOCK);
}

/*
 * Whether the holder that the file tells of is there, and the lock by which it
 * is known: those who wait are listed with that.
 */
static bool is_complete(const struct view *view)
{
	pid_t pid = view->holder.pid;

	if (pid != 0 && pid != getpid() && !is_listed(view, pid))
		return false;
	return view->holders > 0 &&
	       (pid == 0 || is_reported(view->report, pid, LF_TYPE_OFDLCK) ||
		is_reported(view->report, pid, LF_TYPE_POSIX));
}

/*
 * Whether somebody has the first byte who is not listed: a process that has no
 * PID in this namespace.  lockf(3) never tells one.
 */
static bool is_hidden(const struct view *view)
{
	const struct os_listed_lock *lock = NULL;

	if (!view->holder.nameless || os_locks_by_lockf())
		return false;
	while ((lock = next(view, lock)) != NULL)
		if (!lock->waits && lock->type != OS_TYPE_FLOCK &&
		    lock->first == 0)
			return false;
	return true;
}

static int get_list(struct os_lock_list *list, bool anew)
{
	if (list->when != 0 && !anew)
		return 0;
	os_lock_list_free(list);
	return os_list_locks(list);
}

/* One look at all of it: 1 held, 0 free, -EACCES cannot be told. */
static int look(struct view *view, bool anew)
{
	int held = holder_of(view->path, &view->holder), rc;

	view->held = held;
	if (held < 0 && held != -EACCES)
		return held;
	view->report = report_new();
	if (!view->report)
		return -ENOMEM;
	if (lstat(view->path, &view->st) < 0)
		return held < 0 ? held : errno == ENOENT ? 0 : -errno;
	rc = get_list(view->list, anew);
	if (rc == 0)
		rc = os_inode_of(view->path, &view->inode);
	if (rc == -ENOMEM)
		return rc;
	view->report->partial = rc < 0 || view->holder.elsewhere ||
				!os_proc_is_ours();
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
static int add_unlisted(struct view *view)
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
	rc = add(view, unlisted);
	/* It has ended, and was the last that is known. */
	if (rc == 0 && view->report->count == count && view->holders == 0) {
		unlisted.pid = 0;
		rc = add(view, unlisted);
	}
	if (rc == 0 && view->report->count > count)
		report_sort_in(view->report, 0);
	return rc;
}

int inspect(const char *path, struct os_lock_list *list,
	    struct lf_report **report)
{
	struct view view;
	bool again = true;
	int rc;

	for (int looks = 1; again; looks++) {
		view = (struct view){ .path = path, .list = list };
		rc = look(&view, looks > 1);
		again = rc > 0 && !is_complete(&view);
		free(view.locks);
		if (again && looks == LOOKS) {
			again = false;
			if (add_unlisted(&view) < 0)
				rc = -ENOMEM;
		}
		if (again)
			lf_report_free(view.report);
	}
	if (rc < 0) {
		lf_report_free(view.report);
		return rc;
	}
	view.report->stamp = view.holder.stamp;
	view.report->stamped = view.holder.stamped;
	*report = view.report;
	return rc;
}

int lf_inspect(const char *path, struct lf_report **report)
{
	struct os_lock_list list = { .count = 0 };
	struct lf_report *found = NULL;
	struct call call;
	int rc;

	call_enter(&call);
	rc = path && report ? inspect(path, &list, &found) : -EINVAL;
	os_lock_list_free(&list);
	if (report)
		*report = found;
	return call_leave(&call, rc, INSPECT);
}
