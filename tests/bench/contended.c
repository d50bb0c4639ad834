/* SPDX-License-Identifier: 0BSD */
/*
 * Eight processes, the file removed each time: ours against the way of the original.
 *
 * Acquisitions in a second are what one expects to see, and vary by a factor of
 * three from run to run.  The kernel does not hand a lock over: it wakes the next
 * waiter, and until that has a processor the process that released the lock takes
 * it again, often many times.  How long such runs last is the scheduler's affair,
 * and decides the figure; so the part of acquisitions that came to another process
 * is shown too.  What holds is the CPU time of an acquisition from a queue that is
 * in order: each of the eight gets the lock once and works under it for a moment.
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
#define QUEUES 10
#define WORK_US 1000

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

static void queues(void)
{
	static const struct queue ours = { OURS, PROCESSES, WORK_US },
				  theirs = { ORIGINAL, PROCESSES, WORK_US };
	struct series wall = { .count = 0 }, cpu = wall;

	for (int i = 0; i < TURNS; i++) {
		struct cost our = hand_over_often(&ours, QUEUES);
		struct cost their = hand_over_often(&theirs, QUEUES);

		add(&wall, their.wall / our.wall);
		add(&cpu, their.cpu / our.cpu);
	}
	report("a queue of 8, CPU time: original / ours", &cpu,
	       "bar: at least 2");
	report("a queue of 8, time until the next: original / ours", &wall, "");
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
	report("no work, acquisitions per second: ours / original", &wall,
	       "bar: at least 2");
	report("no work, acquisitions per CPU second: ours / original", &cpu, "");
	report("  of them to another process: ours", &ours, "");
	report("                              original", &theirs, "");
}

void bench_contended(void)
{
	begin_directory("/tmp");
	heading("8 processes, the file removed each time");
	queues();
	acquisitions();
	remark("the file is left at the end",
	       access(path, F_OK) == 0 ? "yes" : "no");
	end_directory();
}
