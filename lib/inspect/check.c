/* SPDX-License-Identifier: 0BSD */
/* The holder of a lock file, as a descriptor of the file shows it. */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* A process that did not just sleep is looked at for longer than a moment. */
#define LONGEST_MS 200

/*
 * A process that used so many clock ticks of CPU time, and had the tag whenever it
 * was looked at, did not just try for the lock again and again.
 */
#define BUSY_TICKS 10

/* Files that are watched at the same time: each takes a descriptor. */
#define WATCHED 64

/* ---- The question */

/* Whether another owner has the body: 1 and its process or 0, or 0. */
static int body_owner(const struct lf_lock *lock, pid_t *pid)
{
	int rc = lf_body_test(lock, F_WRLCK, pid);

	return rc == LF_REMOVER ? 0 : rc;
}

/*
 * The tag alone is held for the moment between two steps of the protocol, or by
 * a program that locks the first byte and no more, which excludes others too.
 * If the body is held too, the owner of the tag holds it; or it is a waiter's
 * for the instant until that has tried the body, and the holder has lost its.
 */
static void ask(const struct lf_lock *lock, struct lf_view *view)
{
	pid_t tag;

	view->held = body_owner(lock, &view->pid);
	/* A server may give the PID of a process on another machine. */
	view->elsewhere = lock->marks.elsewhere;
	if (view->held <= 0 || view->elsewhere)
		view->pid = 0;
	if (view->held < 0 || view->elsewhere)
		return;
	if (view->pid > 0) {
		view->claim = LF_CLAIM_LOCK;
		return;
	}
	if (lf_tag_test(lock, &tag) <= 0)
		return;
	if (view->held == 0)
		view->claim = LF_CLAIM_TAG;
	else if (tag > 0)
		view->claim = LF_CLAIM_BODY;
	else
		view->nameless = true;
	view->held = 1;
	view->pid = tag;
}

/*
 * The pinned file and no other: to open a device or a FIFO may have effects,
 * and at the path there may be one by now.  Without /proc, or pins, it is opened
 * by its path, and what is there now is examined just before.
 */
static int open_file(struct lf_lock **lock, const struct lf_view *view)
{
	char pinned[LF_PIN_PATH];
	struct lf_request request = {
		.dirfd = AT_FDCWD,
		.path = pinned,
		.fd = -1,
		.type = F_RDLCK,
		.follow = true,
		.inspects = true,
	};
	struct stat st;
	int rc = view->pin;

	if (view->is_pinned) {
		lf_pin_path(view->pin, pinned);
		rc = lf_file_open(lock, &request);
	}
	if (rc != -ENOENT && rc != -ENOTSUP)
		return rc;
	if (lstat(view->path, &st) < 0)
		return -errno;
	request.path = view->path;
	request.follow = false;
	rc = lf_file_check_type(st.st_mode);
	return rc < 0 ? rc : lf_file_open(lock, &request);
}

/*
 * Another file than the one examined has come to the path just now: its holder
 * will not be confirmed.
 */
static void open_and_ask(struct lf_view *view, off_t size)
{
	struct lf_lock *lock;
	int rc = lf_view_check_lease(view);

	if (rc == 0)
		rc = open_file(&lock, view);
	if (rc < 0) {
		view->held = rc == -ENOENT ? 0 : rc;
		return;
	}
	/* By the cache it was at the path; the file server knows better. */
	if (lock->marks.never_remove &&
	    lf_file_is_at(lock, AT_FDCWD, view->path) == -ESTALE) {
		view->held = -ESTALE;
		lf_table_close(lock);
		return;
	}
	if (!view->is_pinned) {
		view->id.dev = lock->dev;
		view->id.ino = lock->ino;
	}
	ask(lock, view);
	if (view->held > 0 && size > 0)
		view->pidfile = lf_pidfile_read(lock, &view->written,
						view->host);
	lf_table_close(lock);
}

/* Whether we hold it is known without a descriptor. */
static int examine(struct lf_view *view, struct stat *st)
{
	int rc = lf_view_pin(view, st);

	if (rc == -ENOTSUP || rc == -EMFILE || rc == -ENFILE)
		rc = lstat(view->path, st) < 0 ? -errno : 0;
	if (rc < 0)
		return rc;
	view->id = (struct lf_file_id){ st->st_ino, st->st_dev,
					st->st_nlink == 0 };
	view->exists = !S_ISLNK(st->st_mode);
	return lf_file_check_type(st->st_mode);
}

static void ask_at_path(struct lf_view *view)
{
	struct stat st;

	view->asked = view->when = lf_ticks();
	view->exists = false;
	view->held = examine(view, &st);
	if (view->held == -ENOENT && lf_file_forget_names(AT_FDCWD, view->path))
		view->held = examine(view, &st);
	if (view->held == -ENOENT && view->path[0] != '\0')
		view->held = 0;
	if (!view->exists || view->held < 0)
		return;
	/* Not opened while we hold it: the kernel hides our own locks. */
	if (lf_table_process_holds(&st, &view->elsewhere)) {
		view->held = 1;
		view->pid = getpid();
	} else {
		open_and_ask(view, st.st_size);
		view->claimed = view->pid;
	}
}

void lf_ask_file(struct lf_view *view)
{
	ask_at_path(view);
	/* Another machine has replaced it. */
	if (view->held == -ESTALE)
		ask_at_path(view);
}

/* ---- Watching those whose answer has to be seen to last */

struct watched {
	struct lf_view *view;
	struct lf_lock *lock; /* NULL: seen enough */
	int error;
	struct lf_activity before; /* when it began */
	bool lasts;
};

/* PID 0 is some process without a PID here, and not the caller. */
static int state_of(pid_t pid, struct lf_activity *activity)
{
	return pid > 0 ? lf_process_state(pid, activity) : -ENOTSUP;
}

/* The file is not pinned any more where many are examined. */
static int open_again(struct lf_lock **lock, const struct lf_view *view)
{
	struct lf_view again = { .path = view->path };
	struct stat st;
	int rc;

	if (view->is_pinned)
		return open_file(lock, view);
	rc = examine(&again, &st);
	if (rc == 0)
		rc = open_file(lock, &again);
	lf_view_unpin(&again);
	return rc;
}

/* Another file has come to the path meanwhile: the tag was given back. */
static void begin_to_watch(struct watched *watched, struct lf_view *view)
{
	*watched = (struct watched){ .view = view };
	watched->error = open_again(&watched->lock, view);
	if (watched->error == -ENOENT)
		watched->error = 0;
	if (watched->lock && (watched->lock->dev != view->id.dev ||
			      watched->lock->ino != view->id.ino)) {
		lf_table_close(watched->lock);
		watched->lock = NULL;
	}
	state_of(view->pid, &watched->before);
}

static void end_to_watch(struct watched *watched)
{
	if (watched->lock)
		lf_table_close(watched->lock);
	watched->lock = NULL;
}

/*
 * Whether the process had its chance to give the tag back, if it is a waiter.  A
 * waiter never sleeps with the tag for a moment without waking up.  Of others that
 * only wait for a processor or a disk, or are stopped, nothing is known; one that
 * tries again and again does not have the tag at every look for so long.
 */
static bool had_its_chance(const struct watched *watched, bool long_enough)
{
	const struct lf_activity *before = &watched->before;
	struct lf_activity now;
	int state = state_of(watched->view->pid, &now);

	if (state < 0 || lf_has_slept(before, &now, state))
		return true;
	return long_enough && (state == 'S' ||
			       now.ticks > before->ticks + BUSY_TICKS);
}

/*
 * The tag must be seen at each look, since a caller that tries for the lock
 * again and again has the tag again and again.  False: seen enough.
 */
static bool watch(struct watched *watched, int ms)
{
	const struct lf_view *view = watched->view;
	pid_t pid;

	if (lf_tag_test(watched->lock, &pid) <= 0 || pid != view->pid)
		return false;
	if (ms % LF_MOMENT_MS != 0)
		return true;
	watched->lasts = had_its_chance(watched, ms >= LONGEST_MS);
	if (!watched->lasts && ms < LONGEST_MS)
		return true;
	if (view->claim == LF_CLAIM_BODY)
		watched->lasts &= body_owner(watched->lock, &pid) > 0;
	else
		watched->lasts = true;
	return false;
}

static bool any_is_watched(const struct watched *watched, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (watched[i].lock)
			return true;
	return false;
}

static void watch_all(struct watched *watched, size_t count)
{
	for (int ms = 1; ms <= LONGEST_MS && any_is_watched(watched, count);
	     ms++) {
		poll(NULL, 0, 1);
		for (size_t i = 0; i < count; i++)
			if (watched[i].lock && !watch(&watched[i], ms))
				end_to_watch(&watched[i]);
	}
}

/* ---- The answer */

/* What could not be watched is not free. */
static void settle(struct lf_view *view, bool is_true, int error)
{
	if (!is_true)
		view->pid = 0;
	if (!is_true && view->claim == LF_CLAIM_TAG) {
		view->held = error;
		view->pidfile = 0;
	}
	view->by_process = view->claim == LF_CLAIM_LOCK ||
			   (is_true && view->claim == LF_CLAIM_TAG);
	view->claim = LF_CLAIM_NONE;
}

static void watch_and_settle(struct lf_view **views, size_t count)
{
	struct watched watched[WATCHED];

	for (size_t i = 0; i < count; i++)
		begin_to_watch(&watched[i], views[i]);
	watch_all(watched, count);
	for (size_t i = 0; i < count; i++) {
		end_to_watch(&watched[i]);
		settle(views[i], watched[i].lasts, watched[i].error);
		if (views[i]->is_forged)
			views[i]->pid = 0;
	}
}

/* The process is the holder if its descriptors show the lock. */
static void judge(struct lf_view *view)
{
	struct lf_use use;
	int has = lf_view_ask(view, view->pid, &use);
	enum lf_word word;

	if (has == 0)
		has = view->claim == LF_CLAIM_BODY ?
			      lf_use_bodies_of_tag(&use) :
			      lf_use_posix(&use);
	word = lf_judge(view, view->pid, has);
	view->is_word = word == LF_WORD_OPEN;
	if (view->claim == LF_CLAIM_TAG) {
		view->is_forged = word == LF_WORD_FALSE;
	} else if (view->claim == LF_CLAIM_LOCK || word != LF_WORD_OPEN) {
		settle(view, word != LF_WORD_FALSE, 0);
	}
}

void lf_settle_claims(struct lf_view *const *views, size_t count)
{
	struct lf_view *doubtful[WATCHED];
	size_t doubts = 0;

	for (size_t i = 0; i < count; i++) {
		struct lf_view *view = views[i];

		if (view->claim != LF_CLAIM_NONE)
			judge(view);
		if (view->claim == LF_CLAIM_NONE)
			continue;
		doubtful[doubts++] = view;
		if (doubts == WATCHED) {
			watch_and_settle(doubtful, doubts);
			doubts = 0;
		}
	}
	watch_and_settle(doubtful, doubts);
}

static int settle_one(struct lf_view *view)
{
	struct lf_file_id *id = malloc(sizeof(*id));
	struct lf_snapshot snapshot;
	int rc;

	if (!id)
		return -ENOMEM;
	*id = view->id;
	view->snapshot = &snapshot;
	rc = lf_snapshot_begin(&snapshot, id, 1);
	if (rc == 0)
		lf_settle_claims(&view, 1);
	lf_snapshot_end(&snapshot);
	return rc;
}

/* What is held is held, whether the kernel names its holder or not. */
static bool needs_settling(const struct lf_view *view, bool wants_pid)
{
	return view->claim == LF_CLAIM_TAG ||
	       (view->claim != LF_CLAIM_NONE && wants_pid);
}

/* The kernel's word alone would make the caller end a process that it may end. */
static pid_t certain_pid(const struct lf_view *view)
{
	bool believed = !view->is_word || !lf_shows_descriptors() ||
			(kill(view->pid, 0) < 0 && errno == EPERM);

	return view->held > 0 && view->pid > 0 && believed ? view->pid : 0;
}

int lf_check_view(struct lf_view *view, const struct lf_lock_list *leases,
		  bool wants_pid)
{
	int rc = 0;

	view->leases = leases;
	lf_ask_file(view);
	view->leases = NULL;
	if (needs_settling(view, wants_pid))
		rc = settle_one(view);
	return rc < 0 ? rc : view->held;
}

static int check(struct lf_view *view, bool wants_pid)
{
	struct lf_lock_list leases;
	int rc = lf_list_leases(&leases);

	if (rc == -ENOMEM)
		return rc;
	rc = lf_check_view(view, &leases, wants_pid);
	lf_lock_list_free(&leases);
	return rc;
}

/*
 * A waiter has the lock of a file that was removed for as long as it takes to find
 * that out: it is not the holder of what is at the path now.
 */
int lf_check_holder(const char *path, pid_t *pid)
{
	bool in_place = false;
	int rc;

	if (pid)
		*pid = 0;
	for (int looks = 0; looks < LF_LOOKS && !in_place; looks++) {
		struct lf_view view = { .path = path };

		rc = check(&view, pid != NULL);
		in_place = rc <= 0 || !pid || lf_view_is_in_place(&view);
		if (pid && in_place && rc > 0)
			*pid = certain_pid(&view);
		lf_view_unpin(&view);
	}
	return rc;
}
