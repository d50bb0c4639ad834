/* SPDX-License-Identifier: 0BSD */
/*
 * Eight processes, no work under the lock, which is removed each time: ours against
 * the way of the original.
 *
 * Acquisitions in a second are what one expects to see, and vary by a factor of
 * three from run to run.  The kernel does not hand a lock over: it wakes the next
 * waiter, and until that has a processor the process that released the lock takes
 * it again, often many times.  How long such runs last is the scheduler's affair,
 * and decides the figure; so the part of acquisitions that came to another process
 * is shown too.  What holds is the cost of a hand-over itself: the eight queue
 * once, each gets the lock once, and the time from the first release to the last
 * is measured.
 */
#include "config.h"

#include "bench.h"
#include "lib/original.h"
#include "lockfile-fcntl.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 0.3
#define QUEUES 20

struct shared {
	atomic_long count, handed_over;
	atomic_int last; /* which process had the lock */
};

/* Of each acquisition, and the part of them by another process than the one before. */
struct pace {
	double wall, cpu, handed_over;
};

static void cycle(bool original)
{
	struct lf_lock *lock;

	if (original)
		original_release(original_acquire(path, true), path, false);
	else if (lf_acquire(&lock, path, LF_FOREVER, 0) == 0)
		lf_release(&lock);
}

static void compete(struct shared *shared, int me, bool original, double end)
{
	while (now() < end) {
		cycle(original);
		atomic_fetch_add(&shared->count, 1);
		if (atomic_exchange(&shared->last, me) != me)
			atomic_fetch_add(&shared->handed_over, 1);
	}
	_exit(0);
}

static struct pace pace_of(bool original)
{
	struct shared *shared = share(sizeof(*shared));
	double start = now(), cpu = cpu_of_children(), count;
	struct pace pace;

	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0)
			compete(shared, i, original, start + SECONDS);
	while (wait(NULL) > 0)
		;
	count = (double)atomic_load(&shared->count);
	pace.wall = (now() - start) / count;
	pace.cpu = (cpu_of_children() - cpu) / count;
	pace.handed_over = (double)atomic_load(&shared->handed_over) / count;
	forget(shared, sizeof(*shared));
	return pace;
}

static void hand_overs(void)
{
	struct series wall = { .count = 0 }, cpu = wall;

	for (int i = 0; i < TURNS; i++) {
		struct cost our = hand_over_often(OURS, PROCESSES, QUEUES);
		struct cost their = hand_over_often(ORIGINAL, PROCESSES,
						    QUEUES);

		add(&wall, their.wall / our.wall);
		add(&cpu, their.cpu / our.cpu);
	}
	report("hand-overs per second: ours / original", &wall, "");
	report("hand-overs per CPU second: ours / original", &cpu,
	       "bar: at least 2");
}

static void acquisitions(void)
{
	struct series wall = { .count = 0 }, cpu = wall, ours = wall,
		      theirs = wall;

	for (int i = 0; i < TURNS; i++) {
		struct pace our = pace_of(false), their = pace_of(true);

		add(&wall, their.wall / our.wall);
		add(&cpu, their.cpu / our.cpu);
		add(&ours, our.handed_over);
		add(&theirs, their.handed_over);
	}
	report("acquisitions per second: ours / original", &wall,
	       "bar: at least 2");
	report("acquisitions per CPU second: ours / original", &cpu, "");
	report("part that came to another process: ours", &ours, "");
	report("                                   original", &theirs, "");
}

void bench_contended(void)
{
	begin_directory("/tmp");
	heading("8 processes, no work, the file removed each time");
	hand_overs();
	acquisitions();
	remark("the file is left at the end",
	       access(path, F_OK) == 0 ? "yes" : "no");
	end_directory();
}
