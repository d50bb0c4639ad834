/*
 * One file under inspection: what the file itself tells, the kernel's locks on
 * it, and the report that comes of both.  Each part of the report has a file:
 * holders.c, flocks.c, queue.c.
 */
#ifndef VIEW_H
#define VIEW_H

#include "check.h"
#include "names.h"
#include "port/os.h"
#include "report.h"

/* In how many looks one sees for a moment, see check.h, whether it lasts. */
#define MOMENTS 10

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
	size_t holders; /* reported, of locks that keep others out */
	bool surplus;	/* more locks were listed than have a holder who is known */
};

/* Takes the locks on this file from LIST; the caller frees VIEW->locks. */
int view_pick(struct view *, const struct os_lock_list *);

/* The same a part of a moment later; the caller frees LATER->locks. */
int view_later(const struct view *, struct view *later);

/* The next on this file after LOCK, which is NULL at first. */
const struct os_listed_lock *view_next(const struct view *,
				       const struct os_listed_lock *lock);

/*
 * How many such locks the process has on the file by its descriptors, and the
 * first of these; negative: not told.
 */
int view_ask(const struct view *, pid_t pid, os_lock_filter *,
	     int *descriptor);

/*
 * Adds to the report, once for each process that has a lock and for each request
 * that waits, unless the process has ended.
 */
int view_add(struct view *, struct lf_entry);
int view_add_listed(struct view *, const struct os_listed_lock *, pid_t pid);

/* Whether the report has a lock of this type that this process has. */
bool view_tells(const struct view *, pid_t pid, int type);

/* The parts of the report. */
int add_holders(struct view *);
int add_flocks(struct view *);
int add_queue(struct view *);
int add_flock_queue(struct view *);

#endif
