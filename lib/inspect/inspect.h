/* SPDX-License-Identifier: 0BSD */
/*
 * Private to lib/inspect: one inspection of one or more lock files, and the
 * report that comes of each.  check.c asks the file, snapshot.c the system;
 * holders.c, flock.c and waiters.c conclude; report.c is what the caller gets.
 */
#ifndef LF_INSPECT_H
#define LF_INSPECT_H

#include "lock.h"

/* How long a waiter that runs may have the tag before it has tried the body. */
#define LF_MOMENT_MS 20

/* In how many looks one sees whether something lasts for a moment. */
#define LF_MOMENTS 10

/* ---- check.c: the holder of a lock file, as a descriptor of it shows */

struct lf_holder {
	pid_t pid;	/* 0: unknown */
	bool elsewhere; /* it may be on another machine */
	bool nameless;	/* the owner of the first byte has no PID here */
	pid_t pidfile;	/* the PID in the file, or 0 */
	time_t written;
};

/* 1 held, 0 free. */
int lf_find_holder(const char *path, struct lf_holder *holder);
int lf_check_holder(const char *path, pid_t *pid);

/* ---- report.c */

struct lf_entry {
	pid_t pid;
	int source;
	int type;
	bool waits;
	bool shared;
	size_t depth; /* in the queue */
	unsigned long long start_time;
};

struct lf_report {
	int status;
	bool partial;
	pid_t pidfile; /* or 0 */
	time_t written;
	size_t count, room;
	struct lf_entry *entries;
	char path[];
};

/* NULL: no memory.  lf_report_free() frees. */
struct lf_report *lf_report_new(const char *path);

/* 0 or -ENOMEM. */
int lf_report_add(struct lf_report *report, const struct lf_entry *entry);

/* The last entry goes before all from FIRST on that are deeper. */
void lf_report_sort_in(struct lf_report *report, size_t first);

/* ---- inspect.c */

/* Stores a report for each path.  0, or -ENOMEM and all are NULL. */
int lf_inspect_files(struct lf_report **reports, const char *const *paths,
		     size_t count);

/*
 * The same for one file.  LIST, empty at first and freed by the caller, serves
 * many files: it is read once, and again for a file whose holder it lacks.
 */
int lf_inspect_file(struct lf_report **report, const char *path,
		    struct lf_lock_list *list);

/* ---- view.c: one file under inspection */

struct lf_view {
	const char *path;
	struct stat st;
	struct lf_inode inode;
	struct lf_lock_list *list;
	struct lf_listed_lock *locks; /* those of the list on this file */
	size_t lock_count;
	struct lf_report *report;
	int held; /* as the file itself shows; negative: unknown */
	struct lf_holder holder;
	size_t holders; /* reported, of locks that keep others out */
	bool surplus;	/* more locks are listed than known holders have */
};

/* Takes the locks on this file from LIST; the caller frees VIEW->locks. */
int lf_view_pick(struct lf_view *view, const struct lf_lock_list *list);

/* The same a part of a moment later; the caller frees LATER->locks. */
int lf_view_later(const struct lf_view *view, struct lf_view *later);

/* The next on this file after LOCK, which is NULL at first. */
const struct lf_listed_lock *lf_view_next(const struct lf_view *view,
					  const struct lf_listed_lock *lock);

/* How many such locks the process has on the file, and the first descriptor. */
int lf_view_ask(const struct lf_view *view, pid_t pid, lf_lock_filter *filter,
		int *descriptor);

int lf_view_add(struct lf_view *view, struct lf_entry entry);
int lf_view_add_listed(struct lf_view *view, const struct lf_listed_lock *lock,
		       pid_t pid);
bool lf_view_has_entry(const struct lf_view *view, pid_t pid, int type);

int lf_add_holders(struct lf_view *view);
int lf_add_flocks(struct lf_view *view);
int lf_add_waiters(struct lf_view *view);
int lf_add_flock_waiters(struct lf_view *view);

#endif
