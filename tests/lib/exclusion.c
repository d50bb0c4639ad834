/* SPDX-License-Identifier: 0BSD */
/*
 * Many processes and threads at once, of ours and of the original: there is
 * never a writer beside anybody, and removers leave no file behind.
 */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"
#include "original.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES 6
#define THREADS 3

enum kind {
	ORIGINAL = 1,
	KEEP = 2,
	WAIT = 4,
	GIVE_UP = 8, /* signals interrupt its waits */
	BOUND = 16, /* every second wait, and each to convert, has a bound */
	SHARED = 32,
	CONVERTING = 64,
};

struct arena {
	atomic_int readers, writers, broken;
	atomic_int shared, alone, up, given_up;
	int rounds;
};

struct contender {
	struct arena *arena;
	int kind;
};

static void read_in(struct arena *a)
{
	atomic_fetch_add(&a->readers, 1);
	if (atomic_load(&a->writers) != 0)
		atomic_fetch_add(&a->broken, 1);
	atomic_fetch_add(&a->shared, 1);
	atomic_fetch_sub(&a->readers, 1);
}

static void write_in(struct arena *a)
{
	if (atomic_fetch_add(&a->writers, 1) != 0 ||
	    atomic_load(&a->readers) != 0)
		atomic_fetch_add(&a->broken, 1);
	atomic_fetch_add(&a->alone, 1);
	atomic_fetch_sub(&a->writers, 1);
}

/* Up if possible, and down again; 0, or an unexpected error. */
static int convert(struct arena *a, struct lf_lock *lock, int kind)
{
	int rc = lf_convert(lock, kind & BOUND ? 1 : 0, 0);

	if (rc == 0) {
		write_in(a);
		atomic_fetch_add(&a->up, 1);
		rc = lf_convert(lock, 0, LF_SHARED);
	} else if (rc == -EAGAIN || rc == -ETIMEDOUT || rc == -EINTR ||
		   (rc == -EDEADLK && !has_description_locks())) {
		rc = 0;
	}
	read_in(a);
	return rc;
}

static int as_the_original(struct arena *a, int kind)
{
	int fd = original_acquire(lock_path, kind & WAIT);

	if (fd < 0)
		return -errno;
	write_in(a);
	original_release(fd, lock_path, kind & KEEP);
	return 0;
}

static int one_round(struct arena *a, int kind, int timeout_ms)
{
	struct lf_lock *lock;
	int rc;

	if (kind & ORIGINAL)
		return as_the_original(a, kind);
	rc = lf_acquire(&lock, lock_path, timeout_ms,
			(kind & SHARED ? LF_SHARED : 0u) |
				(kind & KEEP ? LF_KEEP : 0u));
	if (rc < 0)
		return rc;
	if (kind & SHARED)
		read_in(a);
	else
		write_in(a);
	if (kind & CONVERTING && !(kind & SHARED))
		rc = lf_convert(lock, 0, LF_SHARED);
	if (rc == 0 && kind & CONVERTING)
		rc = convert(a, lock, kind);
	if (rc == 0)
		rc = lf_release(&lock);
	return rc;
}

static int bound_of(int kind, int round)
{
	if (!(kind & WAIT))
		return 0;
	return kind & BOUND && round % 2 ? 1 : LF_FOREVER;
}

static int contend(void *argument)
{
	struct contender *c = argument;
	int kind = c->kind;

	for (int round = 0; round < c->arena->rounds; round++) {
		int rc = one_round(c->arena, kind, bound_of(kind, round));

		if (rc == -EINTR)
			demand(kind & GIVE_UP);
		else if (rc == -ETIMEDOUT)
			demand(kind & BOUND);
		else if (rc == -EAGAIN || rc == -EACCES)
			demand(!(kind & WAIT));
		else
			demand(rc == 0);
		if (rc == -EINTR || rc == -ETIMEDOUT)
			atomic_fetch_add(&c->arena->given_up, 1);
	}
	return 0;
}

static int contend_in_process(void *argument)
{
	struct contender *c = argument;

	if (c->kind & GIVE_UP)
		interrupt_often();
	return contend(c);
}

/* Each kind in its turn, until there are PROCESSES. */
static void run(struct arena *a, const int *kinds, size_t count, int rounds)
{
	struct contender c[PROCESSES];
	pid_t pid[PROCESSES];

	memset(a, 0, sizeof(*a));
	a->rounds = rounds;
	for (size_t i = 0; i < PROCESSES; i++) {
		c[i] = (struct contender){ a, kinds[i % count] };
		pid[i] = child_start(contend_in_process, &c[i]);
	}
	assert_all_finish(pid, PROCESSES);
	assert_int_equal(atomic_load(&a->broken), 0);
	assert_int_not_equal(atomic_load(&a->alone) + atomic_load(&a->shared),
			     0);
}

static struct arena *arena_new(void)
{
	return shared_new(sizeof(struct arena));
}

static void arena_free(struct arena *a)
{
	shared_free(a, sizeof(*a));
}

/* --- Exclusive locks */

TEST(every_mix_with_the_original_excludes)
{
	struct arena *a = arena_new();

	for (int ours = 0; ours < 8; ours += 2)
		for (int theirs = 1; theirs < 8; theirs += 2) {
			const int kinds[] = { ours, theirs };

			run(a, kinds, 2, 500);
			unlink(lock_path);
		}
	arena_free(a);
}

TEST(removers_of_all_kinds_leave_no_file)
{
	static const int kinds[] = {
		WAIT, 0, WAIT | GIVE_UP, WAIT, WAIT | GIVE_UP, 0,
	};
	struct arena *a = arena_new();
	int given_up = 0;

	for (int i = 0; i < 10; i++) {
		run(a, kinds, 6, 1000);
		assert_false(exists(lock_path));
		given_up += atomic_load(&a->given_up);
	}
	print_message("# %d gave up\n", given_up);
	assert_int_not_equal(given_up, 0);
	arena_free(a);
}

TEST(keepers_among_removers_exclude)
{
	static const int kinds[] = {
		WAIT,	     KEEP | WAIT, WAIT | GIVE_UP,
		KEEP,	     0,		  KEEP | WAIT | GIVE_UP,
	};
	static const int originals[] = {
		WAIT,		 ORIGINAL | WAIT, KEEP | WAIT | GIVE_UP,
		ORIGINAL | KEEP, ORIGINAL,	  WAIT | GIVE_UP,
	};
	struct arena *a = arena_new();

	run(a, kinds, 6, 10000);
	run(a, originals, 6, 5000);
	arena_free(a);
}

TEST(forty_waiters_are_served_in_order)
{
	struct queue *queue;
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	queue = queue_new();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, in_order()), 0);
	for (int i = 0; i < 40; i++)
		queue_join(queue, LF_FOREVER, in_order());
	assert_int_equal(lf_release(&lock), 0);
	queue_end(queue);
	assert_int_equal(exists(lock_path), in_order() == LF_KEEP);
	queue_free(queue);
}

/* --- Shared locks among them */

TEST(every_pair_of_kinds_excludes)
{
	static const int kinds[] = { 0,
				     WAIT,
				     KEEP | WAIT,
				     SHARED,
				     SHARED | WAIT,
				     SHARED | KEEP,
				     SHARED | WAIT | CONVERTING,
				     WAIT | CONVERTING,
				     SHARED | WAIT | GIVE_UP | BOUND,
				     ORIGINAL | WAIT,
				     ORIGINAL | KEEP };
	struct arena *a = arena_new();
	size_t count = sizeof(kinds) / sizeof(kinds[0]);

	needs_shared_locks();
	for (size_t i = 0; i < count; i++)
		for (size_t j = i; j < count; j++) {
			const int pair[] = { kinds[i], kinds[j] };

			run(a, pair, 2, 100);
			unlink(lock_path);
		}
	arena_free(a);
}

TEST(removers_of_all_kinds_that_share_leave_no_file)
{
	static const int mixes[][PROCESSES] = {
		{ WAIT, SHARED | WAIT, SHARED | WAIT, SHARED, 0,
		  SHARED | WAIT | GIVE_UP | BOUND },
		{ SHARED, SHARED | WAIT, SHARED | WAIT | GIVE_UP | BOUND,
		  SHARED, SHARED | WAIT, SHARED },
		{ SHARED | WAIT | CONVERTING,
		  SHARED | WAIT | CONVERTING | GIVE_UP | BOUND,
		  WAIT | CONVERTING, SHARED, WAIT | GIVE_UP | BOUND,
		  SHARED | WAIT },
	};
	struct arena *a = arena_new();
	int up = 0, given_up = 0;

	needs_shared_locks();
	for (int i = 0; i < 30; i++) {
		run(a, mixes[i % 3], PROCESSES, 400);
		assert_false(exists(lock_path));
		assert_int_not_equal(atomic_load(&a->shared), 0);
		up += atomic_load(&a->up);
		given_up += atomic_load(&a->given_up);
	}
	print_message("# %d went up, %d gave up\n", up, given_up);
	assert_int_not_equal(up, 0);
	assert_int_not_equal(given_up, 0);
	arena_free(a);
}

TEST(keepers_and_originals_among_sharers_exclude)
{
	static const int mixes[][PROCESSES] = {
		{ SHARED | KEEP | WAIT, SHARED | WAIT, KEEP | WAIT, WAIT,
		  SHARED | WAIT | CONVERTING | KEEP,
		  SHARED | WAIT | GIVE_UP | BOUND },
		{ ORIGINAL | WAIT, SHARED | WAIT, SHARED | KEEP, WAIT,
		  SHARED | WAIT | CONVERTING, ORIGINAL | KEEP },
	};
	struct arena *a = arena_new();

	needs_shared_locks();
	for (int i = 0; i < 10; i++)
		run(a, mixes[i % 2], PROCESSES, 1000);
	arena_free(a);
}

/* --- Threads */

static void *contend_in_thread(void *argument)
{
	return contend(argument) == 0 ? NULL : argument;
}

/* Starts THREADS of BODY; ARGUMENTS are SIZE bytes apart. */
static int start_threads(pthread_t *thread, void *(*body)(void *),
			 void *arguments, size_t size)
{
	for (size_t i = 0; i < THREADS; i++)
		demand(pthread_create(&thread[i], NULL, body,
				      (char *)arguments + i * size) == 0);
	return 0;
}

static int join_threads(const pthread_t *thread)
{
	void *failed;

	for (int i = 0; i < THREADS; i++) {
		demand(pthread_join(thread[i], &failed) == 0);
		demand(!failed);
	}
	return 0;
}

static int contend_in_threads(void *contenders)
{
	pthread_t thread[THREADS];

	demand(start_threads(thread, contend_in_thread, contenders,
			     sizeof(struct contender)) == 0);
	return join_threads(thread);
}

TEST(threads_of_several_processes_exclude)
{
	static const int kinds[] = { SHARED | WAIT,
				     WAIT,
				     SHARED,
				     SHARED | WAIT | BOUND,
				     SHARED | CONVERTING | WAIT,
				     0,
				     WAIT | CONVERTING };
	struct arena *a = arena_new();
	struct contender c[3 * THREADS];
	pid_t pid[3];

	needs_shared_locks();
	a->rounds = 20;
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 3 * THREADS; i++)
			c[i] = (struct contender){ a, kinds[(round + i) % 7] };
		for (int i = 0; i < 3; i++)
			pid[i] = child_start(contend_in_threads,
					     &c[i * THREADS]);
		assert_all_finish(pid, 3);
		assert_int_equal(atomic_load(&a->broken), 0);
		assert_false(exists(lock_path));
	}
	arena_free(a);
}

/* Each process shares the lock all the time, and its threads wait in vain. */
struct crowd {
	struct gate up;
	atomic_bool over;
};

static void *wait_in_vain(void *argument)
{
	struct crowd *crowd = argument;
	struct lf_lock *lock;

	while (!atomic_load(&crowd->over))
		if (lf_acquire(&lock, lock_path, 1, 0) != -ETIMEDOUT)
			return crowd;
	return NULL;
}

static int share_beside_waiters(void *argument)
{
	struct crowd *crowd = argument;
	pthread_t thread[THREADS];
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED | LF_KEEP) == 0);
	demand(start_threads(thread, wait_in_vain, crowd, 0) == 0);
	gate_open(crowd->up);
	demand(join_threads(thread) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_waiter_never_keeps_a_sharer_out)
{
	struct crowd *crowd;
	struct lf_lock *lock;
	pid_t pid[2];

	needs_shared_locks();
	needs_locks_of_descriptions();
	crowd = shared_new(sizeof(*crowd));
	crowd->up = gate_new();
	for (int i = 0; i < 2; i++)
		pid[i] = child_start(share_beside_waiters, crowd);
	for (int i = 0; i < 2; i++)
		gate_pass(crowd->up);
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
		assert_int_equal(lf_release(&lock), 0);
	}
	atomic_store(&crowd->over, true);
	assert_all_finish(pid, 2);
	gate_free(crowd->up);
	shared_free(crowd, sizeof(*crowd));
}
