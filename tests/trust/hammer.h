/* SPDX-License-Identifier: 0BSD */
/*
 * Many processes and threads at once: what they share.
 *
 * A slot shows what one thread, or one child that adopted its lock, does.  "holds"
 * is set when the call that acquires has returned, and cleared before the one that
 * releases begins; "uses" is set around both.  So a slot that holds does hold, and
 * one that does not use a lock cannot be its holder.
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

#define SHARED 64 /* in "holds", beside the number of the lock + 1 */

struct slot {
	atomic_int holds;
	atomic_uint uses; /* bits */
	atomic_uint changes;
	atomic_int pid, was; /* the PID, and that of the process before */
};

/* Where the memory of the arena is open in all processes. */
#define ARENA_FD 9

struct arena {
	struct slot slots[SLOTS];
	atomic_bool is_dying[PROCESSES]; /* the kernel may drop its locks */
	atomic_uint kills[PROCESSES];
	atomic_int groups[PROCESSES]; /* of each process and its children */
	atomic_bool over;
	atomic_uint acquired, refused, late, converted, adopted, wrong;
	atomic_uint checked, proved; /* PIDs of holders */
	int directories[LOCKS];
};

extern struct arena *arena;
extern const char *paths[LOCKS]; /* absolute, each DIRECTORY/lock */

/* What is wrong; the first few are printed. */
__attribute__((__format__(__printf__, 1, 2))) void wrong(const char *format,
							  ...);

/* --- hammer-users.c: returns when the arena is over. */
void use_locks(int process);
void use_as_the_original(int process);
void use_flock(int process); /* if the library has LF_FLOCK */

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

/* The process of a slot. */
static inline int process_of(size_t slot)
{
	return (int)(slot % THREAD_SLOTS / THREADS);
}

#endif
