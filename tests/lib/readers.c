/* SPDX-License-Identifier: 0BSD */
/* Many at once, of whom some share: never a writer beside anybody. */
#include "config.h"

#include "harness.h"
#include "lockfile-fcntl.h"
#include "original.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define PROCESSES 6
#define THREADS 3

enum kind {
	ORIGINAL = 1,
	KEEP = 2,
	WAIT = 4,
	GIVE_UP = 8, /* a wait is interrupted, or has a bound of a millisecond */
	SHARED = 16,
	CONVERT = 32,
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

/* Up if it can be had, and down; 0, or what is no way to refuse it. */
static int convert(struct arena *a, struct lf_lock *lock, int kind)
{
	int rc = lf_convert(lock, kind & GIVE_UP ? 1 : 0, 0);

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
	if (kind & CONVERT && !(kind & SHARED))
		rc = lf_convert(lock, 0, LF_SHARED);
	if (rc == 0 && kind & CONVERT)
		rc = convert(a, lock, kind);
	if (rc == 0)
		rc = lf_release(&lock);
	return rc;
}

static int contend(void *argument)
{
	struct contender *c = argument;
	int kind = c->kind;

	for (int round = 0; round < c->arena->rounds; round++) {
		int timeout = !(kind & WAIT)		  ? 0 :
			      kind & GIVE_UP && round % 2 ? 1 :
							    LF_FOREVER;
		int rc = one_round(c->arena, kind, timeout);

		if (rc == -EINTR || rc == -ETIMEDOUT) {
			demand(kind & GIVE_UP);
			atomic_fetch_add(&c->arena->given_up, 1);
		} else if (rc == -EAGAIN || rc == -EACCES) {
			demand(!(kind & WAIT));
		} else {
			demand(rc == 0);
		}
	}
	return 0;
}

static void on_alarm(int sig)
{
	(void)sig;
}

static int contend_in_process(void *argument)
{
	struct contender *c = argument;
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 300 }, { 0, 300 } };

	if (c->kind & GIVE_UP) {
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &often, NULL);
	}
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
}

TEST(every_pair_of_kinds_excludes)
{
	static const int kinds[] = { 0,
				     WAIT,
				     KEEP | WAIT,
				     SHARED,
				     SHARED | WAIT,
				     SHARED | KEEP,
				     SHARED | WAIT | CONVERT,
				     WAIT | CONVERT,
				     SHARED | WAIT | GIVE_UP,
				     ORIGINAL | WAIT,
				     ORIGINAL | KEEP };
	struct arena *a = shared_new(sizeof(*a));
	size_t count = sizeof(kinds) / sizeof(kinds[0]);

	needs_shared_locks();
	for (size_t i = 0; i < count; i++)
		for (size_t j = i; j < count; j++) {
			const int pair[] = { kinds[i], kinds[j] };

			run(a, pair, 2, 100);
			unlink(lock_path);
		}
	shared_free(a, sizeof(*a));
}

TEST(removers_of_all_kinds_leave_nothing)
{
	static const int mixes[][PROCESSES] = {
		{ WAIT, SHARED | WAIT, SHARED | WAIT, SHARED, 0,
		  SHARED | WAIT | GIVE_UP },
		{ SHARED, SHARED | WAIT, SHARED | WAIT | GIVE_UP, SHARED,
		  SHARED | WAIT, SHARED },
		{ SHARED | WAIT | CONVERT, SHARED | WAIT | CONVERT | GIVE_UP,
		  WAIT | CONVERT, SHARED, WAIT | GIVE_UP, SHARED | WAIT },
	};
	struct arena *a = shared_new(sizeof(*a));
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
	shared_free(a, sizeof(*a));
}

TEST(keepers_and_originals_among_them_break_nothing)
{
	static const int mixes[][PROCESSES] = {
		{ SHARED | KEEP | WAIT, SHARED | WAIT, KEEP | WAIT, WAIT,
		  SHARED | WAIT | CONVERT | KEEP, SHARED | WAIT | GIVE_UP },
		{ ORIGINAL | WAIT, SHARED | WAIT, SHARED | KEEP, WAIT,
		  SHARED | WAIT | CONVERT, ORIGINAL | KEEP },
	};
	struct arena *a = shared_new(sizeof(*a));

	needs_shared_locks();
	for (int i = 0; i < 10; i++)
		run(a, mixes[i % 2], PROCESSES, 1000);
	shared_free(a, sizeof(*a));
}

static void *contend_in_thread(void *argument)
{
	return contend(argument) == 0 ? NULL : argument;
}

static int contend_in_threads(void *argument)
{
	struct contender *c = argument;
	pthread_t thread[THREADS];
	void *failed;

	for (int i = 0; i < THREADS; i++)
		demand(pthread_create(&thread[i], NULL, contend_in_thread,
				      &c[i]) == 0);
	for (int i = 0; i < THREADS; i++) {
		demand(pthread_join(thread[i], &failed) == 0);
		demand(!failed);
	}
	return 0;
}

TEST(threads_of_processes_do_so_too)
{
	static const int kinds[] = { SHARED | WAIT,
				     WAIT,
				     SHARED,
				     SHARED | WAIT | GIVE_UP,
				     SHARED | CONVERT | WAIT,
				     0,
				     WAIT | CONVERT };
	struct arena *a = shared_new(sizeof(*a));
	struct contender c[3 * THREADS];
	pid_t pid[3];

	needs_shared_locks();
	a->rounds = 20;
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 3 * THREADS; i++)
			c[i] = (struct contender){ a, kinds[(round + i) % 7] };
		for (int i = 0; i < 3; i++)
			pid[i] = child_start(contend_in_threads, &c[i * THREADS]);
		assert_all_finish(pid, 3);
		assert_int_equal(atomic_load(&a->broken), 0);
		assert_false(exists(lock_path));
	}
	shared_free(a, sizeof(*a));
}

/* One shares all the time, others come and wait for it in vain. */
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
	void *failed;

	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED | LF_KEEP) == 0);
	for (int i = 0; i < THREADS; i++)
		demand(pthread_create(&thread[i], NULL, wait_in_vain, crowd) ==
		       0);
	gate_open(crowd->up);
	for (int i = 0; i < THREADS; i++) {
		demand(pthread_join(thread[i], &failed) == 0);
		demand(!failed);
	}
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(who_waits_never_keeps_a_sharer_out)
{
	struct crowd *crowd = shared_new(sizeof(*crowd));
	struct lf_lock *lock;
	pid_t pid[2];

	needs_shared_locks();
	needs_locks_of_descriptions();
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
