/* SPDX-License-Identifier: 0BSD */
/*
 * The steps of an inspection.  The kernel's list has every lock, but no PID for
 * a lock of an open file description; those PIDs come from the descriptors of
 * the processes.  Each file is asked too, with F_GETLK: nothing else can say that
 * it is free, and a list that lacks what the file shows is read again.
 *
 * The list comes first: a file under a lease is not opened.  It is of a moment
 * ago.  No process is called by a PID that may have
 * become another's: it shows the lock itself, or it is older than the list.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A lock may be new, and missing from the list, but not often. */
#define READS 8

/*
 * A lock file that is removed frees its inode number, and another lock file may
 * get it, whose holder would be reported.  So this many held files stay pinned
 * while the processes are examined; but no more than a quarter of the
 * descriptors that this process may have.
 */
#define PINNED 256

/* ---- 1. Each file is asked, and it is found out how the list names it. */

static size_t allowed_pins(void)
{
	long descriptors = sysconf(_SC_OPEN_MAX);

	return descriptors < 0 || descriptors / 4 > PINNED ?
		       PINNED :
		       (size_t)descriptors / 4;
}

/* What may not be opened, or not without harm, may be listed as locked. */
static bool is_final(const struct lf_view *view)
{
	return view->held < 0 && !(view->exists && view->is_pinned);
}

/* The list alone shows locks of flock(2). */
static int flock_before_list(const struct lf_view *view)
{
	if (!view->exists)
		return view->held;
	return view->is_pinned ? 0 : view->pin;
}

static int ask(struct lf_view *view)
{
	lf_ask_file(view);
	view->status = view->held;
	view->flock = flock_before_list(view);
	if (is_final(view)) {
		lf_view_unpin(view);
		return view->held == -ENOMEM ? -ENOMEM : 0;
	}
	if (!view->report)
		view->report = lf_report_new(view->path);
	return view->report ? 0 : -ENOMEM;
}

/* ---- 2. Each file takes its locks from the list. */

static bool is_listed_holder(const struct lf_view *view, pid_t pid)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lock->kind == LF_TYPE_POSIX && !lock->waits &&
		    (lock->pid == pid || lock->pid == 0))
			return true;
	return false;
}

static bool is_listed_body(const struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lock->kind != LF_TYPE_FLOCK && !lock->waits &&
		    !(view->claim == LF_CLAIM_BODY && lf_is_tag(lock)))
			return true;
	return false;
}

/*
 * Whether the list has the locks that the file has shown.  It lists the waiters
 * with them, and what it has of others may be misjudged without them.
 */
static bool is_confirmed(const struct lf_view *view)
{
	if (!view->is_listed || view->held <= 0 || view->elsewhere ||
	    view->pid == getpid())
		return true;
	if (view->pid != 0 && !is_listed_holder(view, view->pid))
		return false;
	return (view->pid != 0 && view->claim != LF_CLAIM_BODY) ||
	       is_listed_body(view);
}

static int take_locks(struct lf_view *view, const struct lf_listing *listing,
		      struct lf_mounts *mounts)
{
	bool lacks;
	int rc = 0;

	free(view->locks);
	view->locks = NULL;
	view->lock_count = 0;
	view->is_listed = view->is_pinned && listing->sorted;
	if (view->is_pinned && !listing->sorted)
		view->flock = listing->error;
	if (view->is_listed)
		rc = lf_view_name(view, listing, mounts);
	if (rc < 0) {
		view->is_listed = false;
		view->flock = rc;
	}
	if (view->is_listed && lf_view_pick(view, listing) < 0)
		return -ENOMEM;
	lacks = view->is_listed && !view->holders_only &&
		!lf_view_lists_flocks(view);
	view->is_torn = view->is_listed && listing->list.is_torn;
	if (view->is_listed)
		view->flock = lacks && view->is_torn ? -EIO : 0;
	view->is_doubtful = lacks && ++view->lists < listing->list.enough;
	view->is_confirmed = is_confirmed(view);
	return 0;
}

static int ask_one(struct lf_view *view, const struct lf_listing *listing,
		   struct lf_mounts *mounts, size_t *pins)
{
	int rc;

	*pins += view->is_pinned;
	view->leases = &listing->list;
	rc = ask(view);
	if (rc == 0)
		rc = take_locks(view, listing, mounts);
	if ((view->held == 0 && view->lock_count == 0) || *pins == 0)
		lf_view_unpin(view);
	*pins -= view->is_pinned;
	return rc;
}

/* A file that has been asked, and is pinned still, needs only another list. */
static int ask_or_take(struct lf_view *view, const struct lf_listing *listing,
		       struct lf_mounts *mounts, size_t *pins)
{
	return view->is_confirmed && view->is_pinned ?
		       take_locks(view, listing, mounts) :
		       ask_one(view, listing, mounts, pins);
}

/* The files whose locks are still missing; *COUNT: how many there are. */
static int ask_and_take(struct lf_view *const *views, size_t *count,
			const struct lf_listing *listing, size_t *pins)
{
	struct lf_mounts mounts = { .is_read = false };
	size_t all = *count;
	int rc = 0;

	*count = 0;
	for (size_t i = 0; i < all && rc == 0; i++) {
		struct lf_view *view = views[i];

		if (view->is_confirmed && !view->is_doubtful)
			continue;
		rc = ask_or_take(view, listing, &mounts, pins);
		*count += !view->is_confirmed || view->is_doubtful;
	}
	lf_mounts_free(&mounts);
	return rc;
}

/* LISTING is the one for the first time, if it has been read. */
static int ask_each(struct lf_view *const *views, size_t count,
		    struct lf_listing *listing)
{
	size_t pins = allowed_pins(), missing = count;
	int rc = 0;

	for (int reads = 0; missing > 0 && reads < READS; reads++) {
		if (reads > 0)
			lf_listing_free(listing);
		if (!listing->sorted)
			rc = lf_listing_read(listing);
		if (rc == -ENOMEM)
			return rc;
		missing = count;
		rc = ask_and_take(views, &missing, listing, &pins);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* ---- 3. The files in question are those with a lock. */

static bool is_in_question(const struct lf_view *view)
{
	return view->report && view->exists &&
	       (view->held != 0 || view->lock_count > 0);
}

static int begin_snapshot(struct lf_view *const *views, size_t count,
			  struct lf_snapshot *snapshot)
{
	struct lf_file_id *files = calloc(count, sizeof(*files));
	size_t used = 0;
	int rc;

	if (!files)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (is_in_question(views[i]))
			files[used++] = views[i]->id;
	rc = lf_snapshot_begin(snapshot, files, used);
	for (size_t i = 0; i < count && rc == 0; i++) {
		views[i]->snapshot = snapshot;
		if (is_in_question(views[i]))
			views[i]->file = lf_snapshot_file(snapshot,
							  &views[i]->id);
	}
	return rc;
}

/* ---- 4. What has to be seen to last is watched, for all files together. */

static int find_doubts(struct lf_view *view)
{
	int rc = view->holders_only ? 0 : lf_find_flocks(view);

	if (rc == 0 && view->held != 0)
		rc = lf_find_owners(view);
	view->doubtful = rc == 0 ? lf_keep_doubtful(view, &view->bodies) : 0;
	return rc;
}

static bool is_watched(const struct lf_view *view, int looks)
{
	return (view->doubtful > 0 && looks < LF_MOMENTS) ||
	       lf_undecided_flocks(view, looks) > 0;
}

static int watch(struct lf_view *view, const struct lf_listing *listing)
{
	struct lf_view later = *view;
	int rc = lf_view_pick(&later, listing);

	if (rc < 0)
		return rc;
	view->doubtful = lf_keep_doubtful(&later, &view->bodies);
	if (lf_undecided_flocks(view, 0) > 0)
		rc = lf_watch_flocks(view, &later, &listing->list);
	free(later.locks);
	return rc;
}

/* A little later.  The number of files that are to be watched on. */
static int watch_once(struct lf_view *const *views, size_t count, int look)
{
	struct lf_listing later;
	int watched = 0, rc;

	poll(NULL, 0,
	     look < LF_MOMENTS ? LF_MOMENT_MS / LF_MOMENTS : LF_MOMENT_MS);
	rc = lf_listing_read(&later);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count && rc == 0; i++) {
		if (!is_watched(views[i], look))
			continue;
		rc = watch(views[i], &later);
		watched += is_watched(views[i], look + 1);
	}
	lf_listing_free(&later);
	return rc < 0 ? rc : watched;
}

/* A list that cannot be read leaves no answer for the files that need it. */
static int watch_for_a_moment(struct lf_view *const *views, size_t count)
{
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		rc |= is_watched(views[i], 0);
	for (int i = 0; i < LF_MOST_MOMENTS && rc > 0; i++)
		rc = watch_once(views, count, i);
	if (rc == -ENOMEM)
		return rc;
	for (size_t i = 0; i < count && rc < 0; i++)
		if (is_watched(views[i], 0)) {
			views[i]->is_listed = false;
			views[i]->status = views[i]->flock = rc;
		}
	return 0;
}

/* ---- 5. The conclusion for one file: its report and its status. */

/* Whether the owner of the first byte has no PID here and is not listed. */
static bool is_hidden(const struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;

	/* lockf(3) never reports a PID. */
	if (!view->nameless || lf_locks_by_lockf())
		return false;
	while ((lock = lf_view_next(view, lock)) != NULL)
		if (!lock->waits && lock->kind != LF_TYPE_FLOCK &&
		    lock->first == 0)
			return false;
	return true;
}

/*
 * Whether an ancestor of the caller, outside this PID namespace, may have the lock: the
 * body is listed, and the tag of the process that acquired it is not.
 */
static bool may_be_outside(const struct lf_view *view)
{
	const struct lf_bodies *bodies = &view->bodies;
	size_t acquired = 0;

	for (size_t i = 0; i < bodies->owner_count; i++)
		if (bodies->owners[i].has_body > 0)
			acquired += (size_t)bodies->owners[i].has_body;
	return acquired < bodies->count && !lf_is_initial_pid_namespace();
}

static int conclude(struct lf_view *view)
{
	int rc = view->held != 0 ? lf_add_holders(view) : 0;

	view->holders = view->report->count;
	view->status = view->holders > 0 ? 1 : view->held;
	if (rc == 0 && !view->holders_only) {
		rc = lf_add_flocks(view);
		if (rc == 0 && view->status > 0)
			rc = lf_add_waiters(view);
		if (rc == 0)
			rc = lf_add_flock_waiters(view);
	}
	view->report->partial |= is_hidden(view) ||
				 (view->holders_only && may_be_outside(view));
	return rc;
}

/*
 * A list that is torn lacks no other holder if each byte has an exclusive lock in it.
 * The body alone would not do: only the tag, on byte 0, has the PID of the holder.
 */
static bool may_lack(const struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;
	bool tag = false, body = false;

	if (!view->is_torn || !view->holders_only)
		return view->is_torn;
	while ((lock = lf_view_next(view, lock)) != NULL) {
		if (lock->waits || lock->kind == LF_TYPE_FLOCK ||
		    lock->type != F_WRLCK)
			continue;
		tag |= lock->first == 0;
		body |= lock->first <= 1 && lock->last == ULLONG_MAX;
	}
	return !(tag && body);
}

/* ---- One look at all files: the steps in order */

static int examine(struct lf_view *const *views, size_t count,
		   struct lf_snapshot *snapshot)
{
	int rc = 0;

	lf_settle_claims(views, count);
	for (size_t i = 0; i < count && rc == 0; i++) {
		struct lf_view *view = views[i];

		if (!view->report || !view->exists)
			continue;
		view->status = view->held;
		view->report->partial = !view->is_listed || may_lack(view) ||
					view->elsewhere || !snapshot->is_ours;
		if (view->is_listed)
			rc = find_doubts(view);
	}
	if (rc == 0)
		rc = watch_for_a_moment(views, count);
	for (size_t i = 0; i < count && rc == 0; i++) {
		if (views[i]->is_listed)
			rc = conclude(views[i]);
	}
	return rc;
}

static int look(struct lf_view *const *views, size_t count,
		struct lf_listing *listing, struct lf_snapshot *snapshot)
{
	int rc = ask_each(views, count, listing);

	if (rc == 0)
		rc = begin_snapshot(views, count, snapshot);
	return rc < 0 ? rc : examine(views, count, snapshot);
}

/* ---- Whether to look again */

/* The holder that the file names must be reported. */
static bool is_complete(const struct lf_view *view)
{
	pid_t pid = view->pid;

	return view->is_confirmed && view->holders > 0 &&
	       (pid == 0 || lf_view_has_entry(view, pid, LF_TYPE_OFDLCK) ||
		lf_view_has_entry(view, pid, LF_TYPE_POSIX));
}

/*
 * Adds the holder that the file names to those of the list; not if the list has
 * another holder, which got the lock since.
 */
static int add_unlisted(struct lf_view *view)
{
	struct lf_entry *first = view->report->entries;
	int source = view->is_word ? LF_SOURCE_LOCK : LF_SOURCE_DESCRIPTOR;
	struct lf_entry unlisted = {
		.pid = view->pid,
		.source = source,
		.type = LF_TYPE_UNKNOWN,
	};
	size_t count = view->report->count;
	bool partial = view->report->partial;
	int rc;

	view->report->partial |= !view->is_confirmed;
	if (view->holders > 0 && !partial)
		return 0;
	view->report->partial = true;
	/* The list of another PID namespace, which has no PIDs for us. */
	if (view->holders == 1 && first->pid == 0 && view->pid != 0) {
		first->pid = view->pid;
		first->source = source;
		return 0;
	}
	view->when = view->asked;
	rc = lf_view_add(view, unlisted);
	/* It has ended, and was the last one known. */
	if (rc == 0 && view->report->count == count && view->holders == 0) {
		unlisted.pid = 0;
		rc = lf_view_add(view, unlisted);
	}
	if (rc == 0 && view->report->count > count)
		lf_report_sort_in(view->report, 0);
	return rc;
}

/*
 * Another file is at the path now.  A waiter has the lock of one that was removed
 * for as long as it takes to find that out, so a holder is none of this path's.
 */
static void forget_names(struct lf_view *view)
{
	for (size_t i = 0; i < view->report->count; i++) {
		struct lf_entry *entry = &view->report->entries[i];

		if (entry->waits)
			continue;
		entry->pid = 0;
		entry->source = LF_SOURCE_NONE;
		entry->start_time = 0;
	}
}

static int end_incomplete(struct lf_view *view, bool in_place)
{
	int rc = view->status <= 0 || is_complete(view) ? 0 :
							  add_unlisted(view);

	if (rc == 0 && !in_place)
		forget_names(view);
	return rc;
}

static void reset(struct lf_view *view)
{
	lf_view_clear(view);
	lf_report_free(view->report);
	*view = (struct lf_view){ .path = view->path,
				  .holders_only = view->holders_only };
}

static bool may_be_complete(const struct lf_view *view)
{
	return (view->status <= 0 || is_complete(view)) && !view->surplus;
}

/*
 * Keeps in VIEWS those that another look may complete; without a list there is
 * nothing to wait for, and an incomplete one has been read often enough.
 */
static int keep_incomplete(struct lf_view **views, size_t *count, bool is_last)
{
	size_t incomplete = 0;
	int rc = 0;

	for (size_t i = 0; i < *count && rc == 0; i++) {
		struct lf_view *view = views[i];
		bool is_free = view->status <= 0 && view->flock <= 0;
		bool in_place = is_free || lf_view_is_in_place(view);

		lf_view_unpin(view);
		if (in_place && may_be_complete(view))
			continue;
		if (is_last || !view->is_listed ||
		    (in_place && !view->is_confirmed && view->holders > 0)) {
			rc = end_incomplete(view, in_place);
			continue;
		}
		reset(view);
		views[incomplete++] = view;
	}
	*count = incomplete;
	return rc;
}

static int look_until_complete(struct lf_view **views, size_t count,
			       struct lf_listing *listing)
{
	int rc = 0;

	for (int looks = 1; count > 0 && rc == 0; looks++) {
		struct lf_snapshot snapshot = { .file_count = 0 };

		rc = look(views, count, listing, &snapshot);
		if (rc == 0)
			rc = keep_incomplete(views, &count, looks == LF_LOOKS);
		lf_snapshot_end(&snapshot);
		lf_listing_free(listing);
	}
	return rc;
}

/* ---- The reports */

static int finish(struct lf_view *view, struct lf_report **report)
{
	if (!view->report)
		view->report = lf_report_new(view->path);
	if (!view->report)
		return -ENOMEM;
	view->report->status = view->status;
	/* Where there is no list, flock(2) makes record locks, or none. */
	view->report->flock = view->flock == -ENOTSUP ? view->status :
			      view->flock;
	view->report->pidfile = view->pidfile;
	view->report->written = view->written;
	strcpy(view->report->host, view->host);
	*report = view->report;
	view->report = NULL;
	return 0;
}

static int inspect(struct lf_report **reports, struct lf_view *all,
		   struct lf_view **views, const char *const *paths,
		   size_t count, struct lf_listing *listing)
{
	int rc;

	for (size_t i = 0; i < count; i++) {
		all[i].path = paths[i];
		views[i] = &all[i];
	}
	rc = look_until_complete(views, count, listing);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = finish(&all[i], &reports[i]);
	for (size_t i = 0; i < count; i++)
		reset(&all[i]);
	return rc;
}

int lf_inspect_listed(struct lf_report **reports, const char *const *paths,
		      size_t count, struct lf_listing *listing)
{
	struct lf_view *all = calloc(count + 1, sizeof(*all));
	struct lf_view **views = calloc(count + 1, sizeof(struct lf_view *));
	int rc = -ENOMEM;

	for (size_t i = 0; i < count; i++)
		reports[i] = NULL;
	if (all && views)
		rc = inspect(reports, all, views, paths, count, listing);
	free(views);
	free(all);
	for (size_t i = 0; i < count && rc < 0; i++) {
		lf_report_free(reports[i]);
		reports[i] = NULL;
	}
	return rc;
}

int lf_inspect_holders(struct lf_report **report, const char *path)
{
	struct lf_view all = { .path = path, .holders_only = true };
	struct lf_view *views = &all;
	struct lf_listing listing = { .sorted = NULL };
	int rc = look_until_complete(&views, 1, &listing);

	if (rc == 0)
		rc = finish(&all, report);
	reset(&all);
	lf_listing_free(&listing);
	return rc;
}

int lf_inspect_files(struct lf_report **reports, const char *const *paths,
		     size_t count)
{
	struct lf_listing listing = { .sorted = NULL };
	int rc = lf_inspect_listed(reports, paths, count, &listing);

	lf_listing_free(&listing);
	return rc;
}
