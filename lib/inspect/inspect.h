/* SPDX-License-Identifier: 0BSD */
/*
 * Private to lib/inspect: one inspection of one or more lock files, and the
 * report that comes of each.  Each file calls only those below it:
 *
 *   machine.c   all locked files
 *   any.c       whether there is any lock on a file
 *   inspect.c   the steps of a look, and whether to look again
 *   waiters.c   the queue
 *   flock.c     locks of flock(2), and which of them are our own marks
 *   holders.c   the holders: tags, bodies, locks of processes
 *   check.c     one file, asked through a descriptor of it
 *   view.c      one file under inspection, and what the snapshot has of it
 *   snapshot.c  the system, asked once for all files
 *   report.c    the report
 *
 * A look reads /proc/locks, then asks each file once, and again while the list
 * lacks what the file shows; then it reads each process that matters once.  So
 * its cost is that of the files, their locks and those processes, added and not
 * multiplied.  What has to be seen to last is watched for all files at the same
 * time.
 */
#ifndef LF_INSPECT_H
#define LF_INSPECT_H

#include "lock.h"

/* How long a running waiter may have the tag before it has tried the body. */
#define LF_MOMENT_MS 20

/* The number of looks at the list in a moment. */
#define LF_MOMENTS 10

/* The same for the lock of flock(2) of a process that runs: more, a moment apart. */
#define LF_MOST_MOMENTS (LF_MOMENTS + 9)

/*
 * The list is of one moment, and the processes are read one after the other: what a
 * look saw may be of two moments, but not often.
 */
#define LF_LOOKS 4

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
	int flock;
	bool partial;
	pid_t pidfile; /* or 0 */
	time_t written;
	char host[LF_HOST_MAX + 1]; /* in the file, or "" */
	size_t count, room;
	struct lf_entry *entries;
	char path[];
};

/* NULL: no memory.  lf_report_free() frees. */
struct lf_report *lf_report_new(const char *path);

/* 0 or -ENOMEM. */
int lf_report_add(struct lf_report *report, const struct lf_entry *entry);

/* Moves the last entry before all from FIRST on that are deeper. */
void lf_report_sort_in(struct lf_report *report, size_t first);

/* ---- snapshot.c: the list of locks, and the processes */

/* The list in the order of inodes; the locks of one file stay in order. */
struct lf_listing {
	struct lf_lock_list list;
	const struct lf_listed_lock **sorted; /* NULL: not read */
	int error; /* why not, -ENOSYS or -ENOTSUP: there is no such list */
};

int lf_listing_read(struct lf_listing *listing);
void lf_listing_free(struct lf_listing *listing);

/* Whether there is a lock on a file of this number, on any device. */
bool lf_listing_has_number(const struct lf_listing *listing,
			   unsigned long long number);

/* The locks on a file, *COUNT of them. */
const struct lf_listed_lock *const *
lf_listing_find(const struct lf_listing *listing, const struct lf_inode *inode,
		size_t *count);

/* What one process has of one file in question. */
struct lf_use {
	struct lf_use *next; /* of the same file, by another process */
	pid_t pid;
	size_t file;
	size_t descriptors;
	size_t bodies;
	bool exclusive_body; /* one of them is exclusive */
	bool has_tag; /* a descriptor has a body and a lock of the process */
	bool has_posix, exclusive_posix; /* locks of the process */
	pid_t named; /* the other PID that one of these carries, or 0 */
	bool has_flock, exclusive_flock;
	bool has_presence; /* or a lock of flock(2) that looks like that */
	int descriptor; /* the first with a body, or -1 */
	int error; /* why the locks of a descriptor are not shown */
};

/* A process, as it was when it was read. */
struct lf_examined {
	struct lf_examined *next;
	pid_t pid;
	int error; /* why its descriptors, or some, are not shown */
	unsigned long long start_time; /* 0: unknown */
	size_t count;
	struct lf_use uses[]; /* by file */
};

#define LF_BUCKETS 512

struct lf_snapshot {
	bool is_ours; /* see lf_proc_is_ours() */
	struct lf_file_id *files; /* in question */
	size_t file_count;
	struct {
		struct lf_use *first, *last;
	} *users; /* of each file */
	struct lf_examined *examined[LF_BUCKETS];
	bool scanned;
	int scan_result;
	bool denied; /* there are processes that we cannot examine */
};

/* Takes FILES, from malloc(3) and in any order.  0 or -ENOMEM. */
int lf_snapshot_begin(struct lf_snapshot *snapshot, struct lf_file_id *files,
		      size_t count);
void lf_snapshot_end(struct lf_snapshot *snapshot);

/* Which of the files in question it is. */
size_t lf_snapshot_file(const struct lf_snapshot *snapshot,
			const struct lf_file_id *file);

/* Reads the process unless it has been read.  0 or -ENOMEM. */
int lf_snapshot_examine(struct lf_snapshot *snapshot, pid_t pid,
		       const struct lf_examined **examined);

/*
 * Reads all processes, once: then the users of a file are known.  -ENOMEM; or
 * another error, and the processes are not listed.
 */
int lf_snapshot_scan(struct lf_snapshot *snapshot);

/* ---- view.c: one file under inspection */

/* What F_GETLK says of the holder, before that is confirmed. */
enum lf_claim {
	LF_CLAIM_NONE,
	LF_CLAIM_TAG,  /* the tag alone is held */
	LF_CLAIM_BODY, /* the owner of the tag may hold the body */
	LF_CLAIM_LOCK, /* a process has a lock of its own */
};

/* What becomes of a PID that the kernel gives with a lock. */
enum lf_word {
	LF_WORD_FALSE, /* it is not that of the holder */
	LF_WORD_OPEN,  /* we may not examine the process: the kernel's word */
	LF_WORD_SHOWN, /* its descriptors show the lock */
};

/* The owner of a tag, and how many bodies it has: negative, unknown. */
struct lf_owner {
	pid_t pid;
	int has_body;
	bool is_word; /* of the kernel, and no more */
	struct lf_activity before;
	bool shared;
	int descriptor;
};

struct lf_bodies {
	size_t count; /* locks of open file descriptions */
	bool shared;  /* all of them are shared ones */
	struct lf_owner *owners; /* of tags */
	size_t owner_count;
};

enum lf_verdict {
	LF_VERDICT_NONE, /* not yet */
	LF_VERDICT_HELD,
	LF_VERDICT_OURS, /* a mark of this library */
	LF_VERDICT_GONE, /* not listed any more */
	LF_VERDICT_UNKNOWN,
};

/* A lock of flock(2). */
struct lf_flock {
	struct lf_listed_lock lock;
	enum lf_verdict verdict;
	bool shared;
	bool is_mark; /* a descriptor of the process looks like ours */
	bool is_word; /* we may not examine the process: the kernel's word */
	bool is_judged, is_open; /* lf_judge() was asked, and it may be */
	bool is_nobodys; /* its process is unknown */
	bool has_heirs; /* that show it, and the process does not */
	bool beside_records; /* it was seen with record locks */
	int looks;
	int lacking; /* so many lists in a row have lacked it */
	bool is_successor; /* it came while others were watched */
	struct lf_activity before;
};

struct lf_view {
	const char *path;
	bool holders_only; /* neither waiters nor locks of flock(2) */
	int status; /* as lf_report_status(), or unknown before the end */
	int flock; /* as lf_report_flock() */
	const struct lf_lock_list *leases; /* listed before, or NULL */
	/* check.c: as the file itself shows */
	bool exists; /* also a directory or device, which is not opened */
	int held; /* 1, 0, or negative: unknown */
	enum lf_claim claim;
	pid_t pid;	/* of the holder; 0: unknown */
	pid_t claimed;	/* PID, as the kernel gave it */
	bool is_word;	/* PID is the kernel's word and no more */
	bool is_forged;	/* the owner of the first byte is not PID */
	bool by_process; /* what is held is a lock of a process, CLAIMED */
	bool elsewhere; /* the holder may be on another machine */
	bool nameless;	/* the owner of the first byte has no PID here */
	pid_t pidfile;	/* the PID in the file, or 0 */
	time_t written;
	char host[LF_HOST_MAX + 1];
	unsigned long long asked; /* clock ticks after boot */
	struct lf_file_id id;
	bool is_pinned; /* by PIN: no other file gets its inode number */
	int pin; /* or why there is none */
	/* the list */
	bool is_listed; /* it could be read, and the file found in it */
	bool is_confirmed; /* it has the locks that the file has shown */
	bool is_torn; /* the list may lack any */
	bool is_doubtful; /* it may lack one of flock(2); another would show it */
	int lists; /* that were read for it */
	bool is_named, has_device; /* INODE, and its device, are what the list has */
	struct lf_inode inode;
	unsigned long long mount; /* of the pin */
	unsigned long long when; /* a process that began later is another */
	struct lf_listed_lock *locks;
	size_t lock_count;
	/* the processes */
	struct lf_snapshot *snapshot;
	size_t file; /* which of the snapshot's */
	/* the conclusions */
	struct lf_bodies bodies;
	size_t doubtful; /* owners of tags */
	struct lf_flock *flocks;
	size_t flock_count;
	size_t holders; /* reported, of record locks */
	bool surplus;	/* more locks are listed than known holders have */
	struct lf_report *report;
};

/* Pins the file now at the path, if one can, and identifies VIEW with it. */
int lf_view_pin(struct lf_view *view, struct stat *st);
void lf_view_unpin(struct lf_view *view);

/*
 * -EBUSY: a lease was listed on the pinned file.  Such a file is not opened: its
 * holder would be asked to yield, by a signal that may end it.  0, or an error.
 */
int lf_view_check_lease(const struct lf_view *view);

/* Frees what a look found, but not the report. */
void lf_view_clear(struct lf_view *view);

/* Finds out how LISTING names the pinned file.  0 or an error. */
int lf_view_name(struct lf_view *view, const struct lf_listing *listing,
		 struct lf_mounts *mounts);

/* Nothing but the list shows locks of flock(2). */
bool lf_view_lists_flocks(const struct lf_view *view);

/* Takes the locks on this file from LISTING.  0 or -ENOMEM. */
int lf_view_pick(struct lf_view *view, const struct lf_listing *listing);

/* The next on this file after LOCK, which is NULL at first. */
const struct lf_listed_lock *lf_view_next(const struct lf_view *view,
					  const struct lf_listed_lock *lock);

/* Whether a process slept between the two, and is in STATE now. */
bool lf_has_slept(const struct lf_activity *before,
		  const struct lf_activity *now, int state);

/* Whether the path still names the file; if that is not pinned, true. */
bool lf_view_is_in_place(const struct lf_view *view);

/*
 * What the process has of this file.  0, or why that is unknown.  What USE does
 * not show it may have nevertheless, if USE->error is set.
 */
int lf_view_ask(const struct lf_view *view, pid_t pid, struct lf_use *use);

/* The number of bodies that are meant by USE, or why it is unknown. */
int lf_use_bodies(const struct lf_use *use);

/*
 * The same for the owner of a tag, which need not belong to the body: a child that
 * inherited the descriptor of its parent's lock may have opened the file again to
 * wait for it.
 */
int lf_use_bodies_of_tag(const struct lf_use *use);

/* Whether it has locks of its process: 1, 0, or why that is unknown. */
int lf_use_posix(const struct lf_use *use);

/* HAS: how many such locks the process shows, or why that is unknown. */
enum lf_word lf_judge(const struct lf_view *view, pid_t pid, int has);

/* Adds an entry, unless its process has ended or has such an entry already. */
int lf_view_add(struct lf_view *view, struct lf_entry entry);
int lf_view_add_listed(struct lf_view *view, const struct lf_listed_lock *lock,
		       pid_t pid);
bool lf_view_has_entry(const struct lf_view *view, pid_t pid, int type);

/* ---- check.c */

/* Asks the file; VIEW->held is preliminary while there is a claim. */
void lf_ask_file(struct lf_view *view);

/* Settles all claims, by what the snapshot shows or by watching the files. */
void lf_settle_claims(struct lf_view *const *views, size_t count);

/* VIEW->held, with claims settled as far as needed; or -ENOMEM. */
int lf_check_view(struct lf_view *view, const struct lf_lock_list *leases,
		  bool wants_pid);

/* 1 held, 0 free; *PID is a holder's, or 0.  PID may be NULL: cheaper. */
int lf_check_holder(const char *path, pid_t *pid);

/* ---- holders.c */

int lf_find_owners(struct lf_view *view);

/* How many owners are doubtful still as VIEW has the list now. */
size_t lf_keep_doubtful(const struct lf_view *view, struct lf_bodies *bodies);

int lf_add_holders(struct lf_view *view);

/* ---- flock.c */

int lf_find_flocks(struct lf_view *view);

/* How many there are without a verdict, which more than so many looks may give. */
size_t lf_undecided_flocks(const struct lf_view *view, int looks);

/* Judges those again, as LATER has the list.  0 or -ENOMEM. */
int lf_watch_flocks(struct lf_view *view, const struct lf_view *later,
		    const struct lf_lock_list *list);

/* Settles the rest, adds the holders, and sets VIEW->flock if there are any. */
int lf_add_flocks(struct lf_view *view);

/* ---- waiters.c */

int lf_add_waiters(struct lf_view *view);
int lf_add_flock_waiters(struct lf_view *view);

/* ---- inspect.c */

/* Stores a report for each path.  0, or -ENOMEM and all are NULL. */
int lf_inspect_files(struct lf_report **reports, const char *const *paths,
		     size_t count);

/* The same; the first look believes LISTING if that has been read, not NULL. */
int lf_inspect_listed(struct lf_report **reports, const char *const *paths,
		      size_t count, struct lf_listing *listing);

/* The same for one path, without its waiters, which may be many. */
int lf_inspect_holders(struct lf_report **report, const char *path);

/* ---- any.c */

/* 1 held by any lock, 0 free. */
int lf_check_any_lock(const char *path);

/* ---- machine.c */

/* 1: there may be more.  The caller frees the reports and their array. */
int lf_inspect_all_locked(struct lf_report ***reports, size_t *count);

#endif
