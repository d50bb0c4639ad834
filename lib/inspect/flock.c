/* SPDX-License-Identifier: 0BSD */
/*
 * Locks of flock(2).  Nothing but the list shows them, and our own marks are in
 * it too: the presence of a waiter, which it keeps as a holder, and the exclusive
 * lock of a remover, for an instant.  So
 *
 *  - the descriptors decide, if we may examine the process: ours are open in a
 *    way of their own;
 *  - else what lasts for a moment decides: a process of ours never sleeps through
 *    it with a mark unless there are record locks too.
 *
 * What neither decides is unknown, and not free.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>

static bool is_flock(const struct lf_listed_lock *lock)
{
	return lock->kind == LF_TYPE_FLOCK && !lock->waits;
}

static bool any_records(const struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lock->kind != LF_TYPE_FLOCK)
			return true;
	return view->held > 0;
}

/* A waiter of ours has presence; in a long queue each is known by this alone. */
static bool waits_for_record(const struct lf_view *view, pid_t pid)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (lock->kind == LF_TYPE_POSIX && lock->waits &&
		    lock->pid == pid)
			return true;
	return false;
}

/* ---- What the process itself shows */

static void decide(struct lf_flock *flock, enum lf_verdict verdict)
{
	flock->verdict = verdict;
}

/*
 * The first judgement stays: it may examine all processes, and for the first look
 * that is done once, for all files.
 */
static bool is_kernels_word(const struct lf_view *view, struct lf_flock *flock,
			    int error)
{
	if (!flock->is_judged)
		flock->is_open = lf_judge(view, flock->lock.pid, error) ==
				 LF_WORD_OPEN;
	flock->is_judged = true;
	return flock->is_open;
}

static void ask_process(const struct lf_view *view, struct lf_flock *flock)
{
	const struct lf_listed_lock *lock = &flock->lock;
	struct lf_use use;
	int rc = lf_view_ask(view, lock->pid, &use);

	flock->is_mark = use.has_presence;
	flock->is_word = false;
	if (use.has_flock) {
		flock->shared = !use.exclusive_flock;
		decide(flock, LF_VERDICT_HELD);
	} else if (!use.has_presence && (rc < 0 || use.error < 0)) {
		flock->is_word = is_kernels_word(view, flock,
						 rc < 0 ? rc : use.error);
	}
}

/* A shared lock beside record locks may be a mark, of any process. */
static void judge(const struct lf_view *view, struct lf_flock *flock)
{
	bool shared = flock->lock.type == F_RDLCK;

	flock->beside_records |= any_records(view);
	if (shared && waits_for_record(view, flock->lock.pid)) {
		decide(flock, LF_VERDICT_OURS);
		return;
	}
	ask_process(view, flock);
	if (flock->verdict != LF_VERDICT_NONE || !shared ||
	    !flock->beside_records)
		return;
	if (flock->is_mark)
		decide(flock, LF_VERDICT_OURS);
	else if (flock->is_word)
		decide(flock, LF_VERDICT_UNKNOWN);
}

static void begin(const struct lf_view *view, struct lf_flock *flock,
		  const struct lf_listed_lock *lock)
{
	flock->lock = *lock;
	flock->shared = lock->type == F_RDLCK;
	judge(view, flock);
	if (flock->verdict == LF_VERDICT_NONE && lock->pid > 0)
		lf_process_state(lock->pid, &flock->before);
}

int lf_find_flocks(struct lf_view *view)
{
	const struct lf_listed_lock *lock = NULL;
	size_t count = 0;

	while ((lock = lf_view_next(view, lock)) != NULL)
		count += is_flock(lock);
	if (count == 0)
		return 0;
	view->flocks = calloc(count, sizeof(*view->flocks));
	if (!view->flocks)
		return -ENOMEM;
	while ((lock = lf_view_next(view, lock)) != NULL)
		if (is_flock(lock))
			begin(view, &view->flocks[view->flock_count++], lock);
	return 0;
}

/* Whether it may be seen to last, though its process has not just slept. */
static bool is_running(const struct lf_flock *flock)
{
	struct lf_activity now;
	int state;

	if (!flock->is_word)
		return false;
	state = lf_process_state(flock->lock.pid, &now);
	return state == 'R' ||
	       (state == 'S' && !lf_has_slept(&flock->before, &now, state));
}

size_t lf_undecided_flocks(const struct lf_view *view, int looks)
{
	size_t count = 0;

	for (size_t i = 0; i < view->flock_count; i++)
		if (view->flocks[i].verdict == LF_VERDICT_NONE)
			count += looks < LF_MOMENTS ||
				 is_running(&view->flocks[i]);
	return count;
}

/* ---- What lasts */

static bool is_listed(const struct lf_view *view, const struct lf_flock *flock)
{
	const struct lf_listed_lock *lock = NULL;

	while ((lock = lf_view_next(view, lock)) != NULL)
		if (is_flock(lock) && lock->pid == flock->lock.pid &&
		    lock->type == flock->lock.type)
			return true;
	return false;
}

/*
 * The list names the process that asked for the lock.  It may have ended while
 * another has the descriptor, as flock(1) leaves it to a shell.
 */
static int find_heirs(const struct lf_view *view, struct lf_flock *flock)
{
	const struct lf_snapshot *snapshot = view->snapshot;
	int rc = lf_snapshot_scan(view->snapshot);
	const struct lf_use *use;

	if (rc < 0)
		return rc == -ENOMEM ? rc : 0;
	for (use = snapshot->users[view->file].first; use; use = use->next) {
		flock->has_heirs |= use->has_flock;
		flock->is_mark |= use->has_presence;
	}
	if (flock->has_heirs)
		decide(flock, LF_VERDICT_HELD);
	else if (flock->is_mark && flock->shared)
		decide(flock, LF_VERDICT_OURS);
	return 0;
}

/* As LIST, which LATER is of, has it, and those before. */
static bool is_gone(const struct lf_view *later, struct lf_flock *flock,
		    const struct lf_lock_list *list)
{
	if (list->is_torn || is_listed(later, flock)) {
		flock->lacking = 0;
		return false;
	}
	return ++flock->lacking >= list->enough;
}

static int watch(const struct lf_view *view, const struct lf_view *later,
		 struct lf_flock *flock, const struct lf_lock_list *list)
{
	bool is_first = flock->looks == 0;

	if (is_gone(later, flock, list)) {
		decide(flock, LF_VERDICT_GONE);
		return 0;
	}
	flock->looks++;
	judge(later, flock);
	return flock->verdict == LF_VERDICT_NONE && is_first &&
			       !flock->is_word && !flock->is_mark ?
		       find_heirs(view, flock) :
		       0;
}

static bool any_is(const struct lf_view *view, enum lf_verdict verdict)
{
	for (size_t i = 0; i < view->flock_count; i++)
		if (view->flocks[i].verdict == verdict)
			return true;
	return false;
}

static bool is_watched(const struct lf_view *view,
		       const struct lf_listed_lock *lock)
{
	for (size_t i = 0; i < view->flock_count; i++) {
		const struct lf_flock *flock = &view->flocks[i];

		if (flock->verdict != LF_VERDICT_GONE &&
		    flock->lock.pid == lock->pid &&
		    flock->lock.type == lock->type)
			return true;
	}
	return false;
}

/*
 * Sharers may take turns, so that the file is never free though each lock goes: those
 * that came meanwhile are watched too.
 */
static int add_successors(struct lf_view *view, const struct lf_view *later)
{
	const struct lf_listed_lock *lock = NULL;

	if (!any_is(view, LF_VERDICT_GONE) || any_is(view, LF_VERDICT_HELD))
		return 0;
	while ((lock = lf_view_next(later, lock)) != NULL) {
		size_t size = (view->flock_count + 1) * sizeof(*view->flocks);
		struct lf_flock *more;

		if (!is_flock(lock) || is_watched(view, lock))
			continue;
		more = realloc(view->flocks, size);
		if (!more)
			return -ENOMEM;
		view->flocks = more;
		more += view->flock_count++;
		*more = (struct lf_flock){ .is_successor = true };
		begin(later, more, lock);
	}
	return 0;
}

/* The processes are examined again: they may have the lock again and again. */
int lf_watch_flocks(struct lf_view *view, const struct lf_view *later,
		    const struct lf_lock_list *list)
{
	struct lf_file_id *id = malloc(sizeof(*id));
	struct lf_view again = *later;
	struct lf_snapshot snapshot;
	int rc;

	if (!id)
		return -ENOMEM;
	*id = view->id;
	rc = lf_snapshot_begin(&snapshot, id, 1);
	again.snapshot = &snapshot;
	again.file = 0;
	for (size_t i = 0; i < view->flock_count && rc == 0; i++)
		if (view->flocks[i].verdict == LF_VERDICT_NONE)
			rc = watch(view, &again, &view->flocks[i], list);
	if (rc == 0)
		rc = add_successors(view, &again);
	lf_snapshot_end(&snapshot);
	return rc;
}

/*
 * A process that is stopped, or waits for a disk, may be at any step of ours.  One
 * that runs is not at the same one whenever it is looked at for so long.
 */
static enum lf_verdict verdict_of_process(const struct lf_flock *flock)
{
	struct lf_activity now;
	int state = lf_process_state(flock->lock.pid, &now);
	bool lasts = lf_has_slept(&flock->before, &now, state) ||
		     (flock->is_word && flock->looks == LF_MOST_MOMENTS &&
		      (state == 'R' || state == 'S'));

	if (flock->shared && flock->beside_records)
		lasts = false;
	if (lasts)
		return LF_VERDICT_HELD;
	return flock->is_mark ? LF_VERDICT_OURS : LF_VERDICT_UNKNOWN;
}

/*
 * Whether the process that asked for the lock has run meanwhile.  It may be one of
 * ours, whose mark was on the list again and again, and which was examined each time
 * just when it had none.
 */
static bool has_run(const struct lf_flock *flock)
{
	struct lf_activity now;
	int state = lf_process_state(flock->lock.pid, &now);

	return flock->lock.pid > 0 && state >= 0 && state != 'Z' &&
	       state != 'X' && !lf_has_slept(&flock->before, &now, state);
}

/* No process shows it: that of one that we may not examine, or of a message. */
static enum lf_verdict verdict_of_nobody(const struct lf_flock *flock)
{
	return (flock->shared && flock->beside_records) || has_run(flock) ?
		       LF_VERDICT_UNKNOWN :
		       LF_VERDICT_HELD;
}

static void settle(struct lf_flock *flock)
{
	if (flock->verdict != LF_VERDICT_NONE)
		return;
	/* It was not seen to last. */
	if (flock->is_successor && flock->looks < LF_MOMENTS) {
		decide(flock, LF_VERDICT_UNKNOWN);
		return;
	}
	flock->is_nobodys = !flock->is_word && !flock->is_mark;
	decide(flock, flock->is_nobodys ? verdict_of_nobody(flock) :
					  verdict_of_process(flock));
}

/* ---- The report */

static int add_holder(struct lf_view *view, pid_t pid, int source, bool shared)
{
	return lf_view_add(view, (struct lf_entry){
					 .pid = pid,
					 .source = source,
					 .type = LF_TYPE_FLOCK,
					 .shared = shared,
				 });
}

/* All processes that have the descriptor, as far as they are visible. */
static int add_heirs(struct lf_view *view)
{
	const struct lf_use *use = view->snapshot->users[view->file].first;
	int rc = 0;

	for (; use && rc == 0; use = use->next)
		if (use->has_flock)
			rc = add_holder(view, use->pid, LF_SOURCE_DESCRIPTOR,
					!use->exclusive_flock);
	return rc;
}

static int add_flock(struct lf_view *view, const struct lf_flock *flock)
{
	if (flock->has_heirs)
		return add_heirs(view);
	if (flock->is_word)
		return add_holder(view, flock->lock.pid, LF_SOURCE_LOCK,
				  flock->shared);
	return add_holder(view, flock->is_nobodys ? 0 : flock->lock.pid,
			  LF_SOURCE_DESCRIPTOR, flock->shared);
}

int lf_add_flocks(struct lf_view *view)
{
	int rc = 0;

	for (size_t i = 0; i < view->flock_count && rc == 0; i++) {
		struct lf_flock *flock = &view->flocks[i];

		settle(flock);
		if (flock->verdict == LF_VERDICT_HELD) {
			view->flock = 1;
			rc = add_flock(view, flock);
		} else if (flock->verdict == LF_VERDICT_UNKNOWN &&
			   view->flock == 0) {
			view->flock = flock->is_successor ? -EIO : -EACCES;
		}
		/* The next may have it by now, or a record lock. */
		view->surplus |= (flock->verdict == LF_VERDICT_GONE &&
				  !flock->is_mark) ||
				 (flock->verdict == LF_VERDICT_UNKNOWN &&
				  (view->status == 0 || flock->is_nobodys));
	}
	return rc;
}
