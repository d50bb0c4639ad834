/* SPDX-License-Identifier: 0BSD */
/*
 * An actor uses the library in a process or a thread of its own, one call after
 * the other as the test orders them: so a test fixes the order of events.
 */
#ifndef TESTS_ACTOR_H
#define TESTS_ACTOR_H

#include "child.h"

#include <stdatomic.h>
#include <sys/types.h>

enum act { ACQUIRE, START, FINISH, CONVERT, RELEASE, END };

struct actor;

/* On lock_path, or on PATH. */
struct actor *actor_process(void);
struct actor *actor_process_on(const char *path);
struct actor *actor_thread(void);
pid_t actor_pid(const struct actor *actor);

/* Begins a call of the library, and returns the result of one that ends. */
void actor_begin(struct actor *actor, enum act act, int timeout_ms,
		 unsigned flags);
int actor_result(struct actor *actor);

/* Both; the test fails unless the result is 0. */
int actor_do(struct actor *actor, enum act act, int timeout_ms, unsigned flags);
#define actor_must(actor, act, timeout_ms, flags) \
	assert_int_equal(actor_do(actor, act, timeout_ms, flags), 0)

/* Ends without releasing a lock, frees; the test fails if it had failed. */
void actor_end(struct actor *actor);
void actor_kill(struct actor *actor);

/* A process that holds lock_path, and one that waits, as the Nth waiter. */
struct actor *actor_holder(unsigned flags);
struct actor *actor_waiter(int timeout_ms, unsigned flags, int n);

/* Releases the lock, and ends. */
void actor_release(struct actor *actor);

/* The same actions of several processes or threads. */
void actors_new(struct actor **actors, int count, struct actor *(*make)(void));
void actors_must(struct actor **actors, int count, enum act act,
		 unsigned flags);
void actors_end(struct actor **actors, int count);

/*
 * Processes that queue for lock_path.  Each releases the lock once it has noted
 * when it came.
 */
#define QUEUE_MAX 40

struct queue {
	atomic_int served;
	int order[QUEUE_MAX];
	pid_t pid[QUEUE_MAX];
	int count, other_waiters;
};

struct queue *queue_new(void);

/* One more process; returns when the kernel shows that it waits. */
void queue_join(struct queue *queue, int timeout_ms, unsigned flags);

/* Waits until all were served, in order. */
void queue_end(struct queue *queue);
void queue_free(struct queue *queue);

#endif
