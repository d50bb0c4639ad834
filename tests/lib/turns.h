/* SPDX-License-Identifier: 0BSD */
/*
 * Threads of this process and other processes take turns: each notes when it was
 * served, and keeps the lock until the test lets it go.
 */
#ifndef TESTS_TURNS_H
#define TESTS_TURNS_H

#include "child.h"
#include "lockfile-fcntl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TURNS_MAX 16

struct turns {
	struct gate served, may_go;
	atomic_int count, failed;
	int order[TURNS_MAX];
	unsigned flags;
};

struct turn {
	struct turns *turns;
	int number;
	pthread_t thread;
	pid_t pid; /* or 0: a thread */
};

static inline struct turns *turns_new(unsigned flags)
{
	struct turns *turns = shared_new(sizeof(*turns));

	turns->served = gate_new();
	turns->may_go = gate_new();
	turns->flags = flags;
	return turns;
}

static inline void turns_free(struct turns *turns)
{
	gate_free(turns->served);
	gate_free(turns->may_go);
	shared_free(turns, sizeof(*turns));
}

static inline int take_turn(void *argument)
{
	struct turn *turn = argument;
	struct turns *turns = turn->turns;
	struct lf_lock *lock;

	if (lf_acquire(&lock, lock_path, LF_FOREVER, turns->flags) == 0) {
		turns->order[atomic_fetch_add(&turns->count, 1)] = turn->number;
		gate_open(turns->served);
		gate_pass(turns->may_go);
		if (lf_release(&lock) == 0)
			return 0;
	}
	atomic_fetch_add(&turns->failed, 1);
	gate_open(turns->served);
	return 0;
}

static inline void *take_turn_in_thread(void *turn)
{
	take_turn(turn);
	return NULL;
}

/*
 * waiters() counts a process once, and threads have no PID there.  A lock with
 * its waiters may be read twice, where the kernel begins a new page: so the
 * larger count of each lock counts, that of the first byte and that of the rest.
 */
static inline int count_requests(void)
{
	char line[512], inode[32];
	int most[2] = { 0, 0 }, count = 0;
	bool first_byte = false;
	struct stat st;
	FILE *locks;

	if (stat(lock_path, &st) < 0)
		return 0;
	snprintf(inode, sizeof(inode), ":%lu ", (unsigned long)st.st_ino);
	locks = fopen("/proc/locks", "re");
	while (locks && fgets(line, sizeof(line), locks)) {
		if (!strstr(line, " -> ")) {
			first_byte = strstr(line, " 0 0\n");
			count = 0;
		} else if (strstr(line, inode) && ++count > most[first_byte]) {
			most[first_byte] = count;
		}
	}
	if (locks)
		fclose(locks);
	return most[0] + most[1];
}

static inline bool requests_reach(int n)
{
	for (int look = 0; look_again(&look);)
		if (count_requests() == n)
			return true;
	return false;
}

/* The first holds the lock then, and each of the others waits. */
static inline void turn_begin(struct turns *turns, struct turn *turn,
			      int number, bool process)
{
	*turn = (struct turn){ .turns = turns, .number = number };
	if (process)
		turn->pid = child_start(take_turn, turn);
	else
		assert_int_equal(pthread_create(&turn->thread, NULL,
						take_turn_in_thread, turn),
				 0);
	if (number == 0)
		gate_pass(turns->served);
	else
		assert_true(requests_reach(number));
}

/* The holder releases, and the next one holds; its number. */
static inline int turn_next(struct turns *turns)
{
	gate_open(turns->may_go);
	gate_pass(turns->served);
	assert_int_equal(atomic_load(&turns->failed), 0);
	return turns->order[atomic_load(&turns->count) - 1];
}

/* The last one releases, and all end. */
static inline void turns_end(struct turns *turns, struct turn *turn, int count)
{
	gate_open(turns->may_go);
	for (int i = 0; i < count; i++)
		if (turn[i].pid)
			assert_finish(turn[i].pid);
		else
			pthread_join(turn[i].thread, NULL);
	assert_int_equal(atomic_load(&turns->count), count);
	assert_int_equal(atomic_load(&turns->failed), 0);
	turns_free(turns);
}

#endif
