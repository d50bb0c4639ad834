/* SPDX-License-Identifier: 0BSD */
/* One file under inspection, and what the snapshot has of it. */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int lf_view_pin(struct lf_view *view, struct stat *st)
{
	int pin = lf_pin(view->path, st);

	lf_view_unpin(view);
	view->pin = pin;
	if (pin < 0)
		return pin;
	view->is_pinned = true;
	view->is_named = view->has_device = false;
	view->id.ino = st->st_ino;
	view->id.dev = st->st_dev;
	return 0;
}

void lf_view_unpin(struct lf_view *view)
{
	if (view->is_pinned)
		close(view->pin);
	view->is_pinned = false;
}

int lf_view_check_lease(const struct lf_view *view)
{
	struct lf_mounts mounts = { .is_read = false };
	unsigned long long mount;
	struct lf_inode inode;
	int rc;

	if (!view->is_pinned || !view->leases || view->leases->lease_count == 0)
		return 0;
	rc = lf_inode_of(view->pin, &view->id, &inode, &mount);
	if (rc == 0)
		rc = lf_inode_find_device(&inode, mount, &mounts);
	lf_mounts_free(&mounts);
	for (size_t i = 0; i < view->leases->lease_count && rc == 0; i++)
		if (lf_inode_is_same(&view->leases->leases[i].inode, &inode))
			rc = -EBUSY;
	return rc;
}

void lf_view_clear(struct lf_view *view)
{
	lf_view_unpin(view);
	free(view->locks);
	free(view->bodies.owners);
	free(view->flocks);
	view->locks = NULL;
	view->bodies.owners = NULL;
	view->flocks = NULL;
}

/* ---- The list */

/* Once; the device is needed only if a lock has this inode number. */
int lf_view_name(struct lf_view *view, const struct lf_listing *listing,
		 struct lf_mounts *mounts)
{
	int rc = view->is_named ? 0 :
				  lf_inode_of(view->pin, &view->id,
					      &view->inode, &view->mount);

	view->is_named = rc == 0;
	if (rc == 0 && !view->has_device &&
	    lf_listing_has_number(listing, view->inode.number)) {
		rc = lf_inode_find_device(&view->inode, view->mount, mounts);
		view->has_device = rc == 0;
	}
	return rc;
}

/* Shared locks of flock(2), and those without a PID, may be several that look alike. */
static bool is_repeated(const struct lf_view *view,
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
 * In a list that is torn, or whose locks have moved, a lock may be repeated, with all
 * its waiters.
 */
int lf_view_pick(struct lf_view *view, const struct lf_listing *listing)
{
	const struct lf_listed_lock *const *found;
	bool repeated = false;
	size_t count;

	found = lf_listing_find(listing, &view->inode, &count);
	view->when = listing->list.when;
	view->lock_count = 0;
	view->locks = calloc(count + 1, sizeof(*view->locks));
	if (!view->locks)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (!found[i]->waits)
			repeated = is_repeated(view, found[i]);
		if (!repeated)
			view->locks[view->lock_count++] = *found[i];
	}
	return 0;
}

bool lf_view_lists_flocks(const struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lock->kind == LF_TYPE_FLOCK)
			return true;
	return false;
}

const struct lf_listed_lock *lf_view_next(const struct lf_view *view,
					  const struct lf_listed_lock *lock)
{
	lock = lock ? lock + 1 : view->locks;
	return lock && lock < view->locks + view->lock_count ? lock : NULL;
}

bool lf_has_slept(const struct lf_activity *before,
		  const struct lf_activity *now, int state)
{
	return state == 'S' && before->has_switches && now->has_switches &&
	       now->switches == before->switches;
}

bool lf_view_is_in_place(const struct lf_view *view)
{
	struct stat st;

	return !view->is_pinned ||
	       (lstat(view->path, &st) == 0 && st.st_ino == view->id.ino &&
		st.st_dev == view->id.dev);
}

/* ---- The processes */

static int compare_uses(const void *left, const void *right)
{
	const struct lf_use *a = left, *b = right;

	return (a->file > b->file) - (a->file < b->file);
}

int lf_view_ask(const struct lf_view *view, pid_t pid, struct lf_use *use)
{
	struct lf_use wanted = { .file = view->file, .descriptor = -1 };
	const struct lf_examined *examined;
	const struct lf_use *found;
	int rc;

	*use = wanted;
	/* PID 0 is some process without a PID here, and not the caller. */
	if (pid <= 0)
		return -ENOTSUP;
	rc = lf_snapshot_examine(view->snapshot, pid, &examined);
	if (rc < 0)
		return rc;
	found = bsearch(&wanted, examined->uses, examined->count,
			sizeof(wanted), compare_uses);
	if (found)
		*use = *found;
	if (use->error == 0)
		use->error = examined->error;
	return found ? 0 : use->error;
}

int lf_use_bodies(const struct lf_use *use)
{
	return use->bodies > 0 ? (int)use->bodies : use->error;
}

int lf_use_bodies_of_tag(const struct lf_use *use)
{
	return use->has_tag ? (int)use->bodies : use->error;
}

int lf_use_posix(const struct lf_use *use)
{
	return use->has_posix ? 1 : use->error;
}

/* Whether the lock that carries PID is shown by another process, as its own. */
static bool is_of_another(const struct lf_view *view, pid_t pid)
{
	const struct lf_use *use;

	if (lf_snapshot_scan(view->snapshot) < 0)
		return false;
	for (use = view->snapshot->users[view->file].first; use;
	     use = use->next)
		if (use->pid != pid && use->named == pid)
			return true;
	return false;
}

/*
 * The kernel gives a lock the PID of the process that asked for it.  That may be
 * a child that shared the descriptors of its parent (CLONE_FILES) and has ended
 * or executed another program since, which may be one of another user; the lock
 * stays with the parent.  So any user may leave any PID on a lock.
 */
enum lf_word lf_judge(const struct lf_view *view, pid_t pid, int has)
{
	const struct lf_examined *examined;
	struct lf_activity activity;
	int state;

	if (has >= 0)
		return has > 0 ? LF_WORD_SHOWN : LF_WORD_FALSE;
	if (pid <= 0)
		return LF_WORD_FALSE;
	if (!lf_shows_descriptors())
		return LF_WORD_OPEN;
	/* One that has ended, and that its parent has not asked about yet. */
	state = lf_process_state(pid, &activity);
	if (state == 'Z' || state == 'X')
		return LF_WORD_FALSE;
	if (kill(pid, 0) < 0 && errno != EPERM)
		return LF_WORD_FALSE;
	if (is_of_another(view, pid))
		return LF_WORD_FALSE;
	if (kill(pid, 0) < 0)
		return LF_WORD_OPEN;
	/* The caller may look up and then kill it: not without its identity. */
	return lf_snapshot_examine(view->snapshot, pid, &examined) == 0 &&
			       examined->start_time > 0 ?
		       LF_WORD_OPEN :
		       LF_WORD_FALSE;
}

/* ---- Entries of the report */

/* Whether the process that was listed under this PID has ended since. */
static int is_gone(const struct lf_view *view, struct lf_entry *entry)
{
	const struct lf_examined *examined;
	int rc = lf_snapshot_examine(view->snapshot, entry->pid, &examined);

	if (rc < 0)
		return rc;
	entry->start_time = examined->start_time;
	if (entry->start_time == 0)
		return kill(entry->pid, 0) < 0 && errno == ESRCH;
	return entry->start_time > view->when;
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
	int gone = 0;

	if (entry.pid != 0 && !entry.waits &&
	    lf_view_has_entry(view, entry.pid, entry.type))
		return 0;
	if (entry.pid == 0)
		entry.source = LF_SOURCE_NONE;
	else
		gone = is_gone(view, &entry);
	return gone != 0 ? (gone < 0 ? gone : 0) :
			   lf_report_add(view->report, &entry);
}

int lf_view_add_listed(struct lf_view *view, const struct lf_listed_lock *lock,
		       pid_t pid)
{
	return lf_view_add(view, (struct lf_entry){
					 .pid = pid,
					 .source = LF_SOURCE_LOCK,
					 .type = lock->kind,
					 .waits = lock->waits,
					 .shared = lock->type == F_RDLCK,
					 .depth = lock->waits ? lock->depth : 0,
				 });
}
