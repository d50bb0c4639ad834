/* Many processes at once, ours and such as lock like the original. */
#include "config.h"

#include "harness.h"
#include "lockfile-fcntl.h"
#include "original.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define PROCESSES 6

enum kind {
	ORIGINAL = 1,
	KEEP = 2,
	WAIT = 4,
	GIVE_UP = 8, /* a wait is interrupted now and then */
};

struct arena {
	atomic_int inside, broken, acquired, given_up;
	int rounds;
};

struct contender {
	struct arena *arena;
	int kind;
};

static void enter(struct arena *a)
{
	if (atomic_fetch_add(&a->inside, 1) != 0)
		atomic_fetch_add(&a->broken, 1);
	atomic_fetch_add(&a->acquired, 1);
	atomic_fetch_sub(&a->inside, 1);
}

static int one_round(struct arena *a, int kind)
{
	struct lf_lock *lock;
	int fd, rc;

	if (kind & ORIGINAL) {
		fd = original_acquire(lock_path, kind & WAIT);
		if (fd < 0)
			return -errno;
		enter(a);
		original_release(fd, lock_path, kind & KEEP);
		return 0;
	}
	rc = lf_acquire(&lock, lock_path, kind & WAIT ? LF_FOREVER : 0,
			kind & KEEP ? LF_KEEP : 0);
	if (rc < 0)
		return rc;
	enter(a);
	return lf_release(&lock);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static int contend(void *argument)
{
	struct contender *c = argument;
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval often = { { 0, 300 }, { 0, 300 } };

	if (c->kind & GIVE_UP) {
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &often, NULL);
	}
	for (int round = 0; round < c->arena->rounds; round++) {
		int rc = one_round(c->arena, c->kind);

		if (rc == -EINTR)
			atomic_fetch_add(&c->arena->given_up, 1);
		else if (rc == -EAGAIN || rc == -EACCES)
			demand(!(c->kind & WAIT));
		else
			demand(rc == 0);
	}
	return 0;
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
		pid[i] = start(contend, &c[i]);
	}
	for (size_t i = 0; i < PROCESSES; i++)
		assert_int_equal(finish(pid[i]), 0);
	assert_int_equal(atomic_load(&a->broken), 0);
	assert_int_not_equal(atomic_load(&a->acquired), 0);
}

TEST(every_mix_with_the_original_excludes)
{
	struct arena *a = shared_new(sizeof(*a));

	for (int ours = 0; ours < 8; ours += 2)
		for (int theirs = 1; theirs < 8; theirs += 2) {
			const int kinds[] = { ours, theirs };

			run(a, kinds, 2, 500);
			unlink(lock_path);
		}
	shared_free(a, sizeof(*a));
}

TEST(removers_of_all_kinds_leave_nothing)
{
	static const int kinds[] = {
		WAIT, 0, WAIT | GIVE_UP, WAIT, WAIT | GIVE_UP, 0,
	};
	struct arena *a = shared_new(sizeof(*a));
	int given_up = 0;

	for (int i = 0; i < 10; i++) {
		run(a, kinds, 6, 1000);
		assert_false(exists(lock_path));
		given_up += atomic_load(&a->given_up);
	}
	print_message("# %d gave up\n", given_up);
	assert_int_not_equal(given_up, 0);
	shared_free(a, sizeof(*a));
}

TEST(keepers_among_them_break_nothing)
{
	static const int kinds[] = {
		WAIT,	     KEEP | WAIT, WAIT | GIVE_UP,
		KEEP,	     0,		  KEEP | WAIT | GIVE_UP,
	};
	static const int originals[] = {
		WAIT,		 ORIGINAL | WAIT, KEEP | WAIT | GIVE_UP,
		ORIGINAL | KEEP, ORIGINAL,	  WAIT | GIVE_UP,
	};
	struct arena *a = shared_new(sizeof(*a));

	run(a, kinds, 6, 10000);
	run(a, originals, 6, 5000);
	shared_free(a, sizeof(*a));
}

#define STAGGERED 40

struct queue {
	atomic_int served;
	int order[STAGGERED];
};

struct place {
	struct queue *queue;
	int number;
};

static int take_place(void *argument)
{
	struct place *p = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, LF_FOREVER, in_order()) == 0);
	p->queue->order[atomic_fetch_add(&p->queue->served, 1)] = p->number;
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(forty_waiters_are_served_in_order)
{
	struct queue *q = shared_new(sizeof(*q));
	struct place p[STAGGERED];
	struct lf_lock *lock;
	pid_t pid[STAGGERED];
	int inversions = 0;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, in_order()), 0);
	for (int i = 0; i < STAGGERED; i++) {
		p[i] = (struct place){ q, i };
		pid[i] = start(take_place, &p[i]);
		assert_true(waiters_reach(lock_path, i + 1));
	}
	assert_int_equal(lf_release(&lock), 0);
	for (int i = 0; i < STAGGERED; i++)
		assert_int_equal(finish(pid[i]), 0);
	for (int i = 0; i < STAGGERED; i++)
		inversions += q->order[i] != i;
	print_message("# %d waiters, %d out of order\n", STAGGERED, inversions);
	assert_int_equal(inversions, 0);
	assert_int_equal(exists(lock_path), in_order() == LF_KEEP);
	shared_free(q, sizeof(*q));
}
