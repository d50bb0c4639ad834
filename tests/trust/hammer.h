/* SPDX-License-Identifier: 0BSD */
/*
 * Many processes and threads at once: what they share.
 *
 * A slot shows what one thread, or one child that adopted its lock, does.  "holds"
 * is set when the call that acquires has returned, and cleared before the one that
 * releases begins; "uses" is set around both.  So a slot that holds does hold, and
 * one that does not use a lock cannot be its holder.
 *
 * The same is kept for each PID, and stays when the process has ended: a report may
 * name a process that ended before the report was looked at.
 */
#ifndef TESTS_HAMMER_H
#define TESTS_HAMMER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESSES 64
#define THREADS 4
#define THREAD_SLOTS (PROCESSES * THREADS)
#define SLOTS (2 * THREAD_SLOTS)

enum {
	PLAIN,	/* for everybody, the original's algorithm included */
	PIDS,	/* with the PID in the file */
	ONE,	/* its directory and that of TWO exchange their names */
	TWO,
	FIRST,	/* locked together */
	SECOND,
	FLOCKS, /* for users of flock(2) too */
	LOCKS
};

/* What has to happen in each run; hammer.c has the names. */
enum kind {
	EXCLUSIVE,
	SHARING,
	HERE,
	STARTED,
	TOGETHER,
	REFUSED,
	LATE,
	GIVEN_UP,
	TO_SHARED,
	TO_EXCLUSIVE,
	ADOPTED,
	INHERITED,
	OUTLIVED,
	BY_ORIGINAL,
	BY_FLOCK,
	BY_LF_ACQUIRE,
	BY_FLOCK_PROGRAM,
	KILLED,
	STOPPED,
	EXCHANGED,
	NAMED, /* by lf_inspect() */
	NAMED_PROVED,
	ASKED, /* lf-check */
	PRINTED, /* by lf-check */
	PRINTED_PROVED,
	KINDS,
	UNANSWERED = KINDS, /* which need not happen */
	COUNTS
};

#define SHARED 64 /* in "holds", beside the number of the lock + 1 */

struct slot {
	atomic_int holds;
	atomic_uint uses; /* bits */
	atomic_uint changes;
	atomic_int pid;
	atomic_int command; /* of the program that the slot runs, or 0 */
};

/* Linux has no greater ones.  What is not used takes no memory. */
#define PID_LIMIT 4194304

struct history {
	atomic_uint owner; /* KILLS of the process << 8 | its number + 1 */
	atomic_uint last[LOCKS]; /* the last question before the last use ended */
	atomic_uchar uses[LOCKS]; /* how many threads do */
};

/* Where the memory of the arena is open in all processes. */
#define ARENA_FD 9

struct arena {
	struct slot slots[SLOTS];
	atomic_bool is_dying[PROCESSES]; /* the kernel may drop its locks */
	atomic_uint kills[PROCESSES];
	atomic_int groups[PROCESSES]; /* of each process and its children */
	atomic_bool over, has_no_flock, cannot_exchange;
	atomic_uint acquired[LOCKS], happened[COUNTS], wrong;
	atomic_uint questions, unclear; /* PIDs that nothing is known of */
	atomic_int wanted; /* "holds" of one that stays for a question, or 0 */
	int directories[LOCKS];
	struct history pids[PID_LIMIT];
};

extern struct arena *arena;
extern const char *paths[LOCKS]; /* absolute, each DIRECTORY/lock */

/* What is wrong; the first few are printed. */
__attribute__((__format__(__printf__, 1, 2))) void wrong(const char *format,
							  ...);

static inline void happens(enum kind kind)
{
	atomic_fetch_add(&arena->happened[kind], 1);
}

/* --- hammer-users.c: returns when the arena is over. */
void use_locks(int process);
void use_as_the_original(int process);
void use_flock(int process);

struct user {
	int process;
	size_t slot;
	unsigned seed;
	pid_t child; /* that is not reaped yet, or 0 */
};

/* A number below COUNT. */
int one_of(struct user *user, int count);

/* Each thread of the process calls one of these with its user. */
void run_threads(int process, void *(*first)(void *), void *(*others)(void *));

/* What a slot shows: the locks that it uses, as bits; that it holds one now, which
   a slot PARENT may have left to it; that it does not hold it any more. */
void use(size_t slot, unsigned locks);
void hold(size_t slot, int lock, bool shared, size_t parent);
void stop_holding(size_t slot);

/* --- hammer-programs.c: the same; and the status of what they run. */
void use_programs(int process);
int hold_for_program(char *const *arguments);

/* --- hammer-checks.c: the same; LF_CHECK is the program, or NULL. */
void check_reports(const char *lf_check);

/* What a PID does: it belongs to a process; begins and ends to use locks; and has
   ended.  A child has inherited what PARENT used at the QUESTION before the fork. */
void note_process(pid_t pid, int process);
void note_use(pid_t pid, unsigned locks);
void note_end_of_use(pid_t pid, unsigned locks);
void note_end(pid_t pid);
void note_child(int process, pid_t parent, unsigned question);

/* Whether the file is locked while one of the slots holds it alone: ONE and TWO
   exchange their names. */
static inline bool can_be_judged(int lock)
{
	return lock >= 0 && lock < LOCKS && lock != ONE && lock != TWO;
}

/* Whether nobody else may be named then: users of flock(2) do not exclude those who
   have got a part of what LF_FLOCK wants. */
static inline bool can_be_proved(int lock)
{
	return can_be_judged(lock) && lock != FLOCKS;
}

/* The process of a slot. */
static inline int process_of(size_t slot)
{
	return (int)(slot % THREAD_SLOTS / THREADS);
}

#endif
