/* SPDX-License-Identifier: 0BSD */
/*
 * How long it takes from one holder to the next, when many wait: from the release
 * until all waiters have had the lock, divided by their number.
 */
#include "config.h"

#include "bench.h"
#include "lib/original.h"
#include "lib/waiters.h"
#include "lockfile-fcntl.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

/* A lock that is held, in one of the ways. */
struct held {
	struct lf_lock *lock;
	int fd;
};

static void acquire(struct held *held, enum way way)
{
	switch (way) {
	case OURS:
		must(lf_acquire(&held->lock, path, LF_FOREVER, 0) == 0,
		     "lf_acquire");
		break;
	case ORIGINAL:
		held->fd = original_acquire(path, true);
		must(held->fd >= 0, "lockf");
		break;
	default:
		held->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		must(flock(held->fd, LOCK_EX) == 0, "flock");
	}
}

static void release(struct held *held, enum way way)
{
	if (way == OURS)
		lf_release(&held->lock);
	else if (way == ORIGINAL)
		original_release(held->fd, path, false);
	else
		close(held->fd);
}

struct shared {
	atomic_int served;
	atomic_long cpu; /* nanoseconds */
	double end;
};

/* No process ends before the last has had the lock: that would be measured too. */
static void wait_in_queue(struct shared *shared, enum way way, int count,
			  const int *done, int gate)
{
	double cpu = cpu_of_process();
	struct held held;
	char byte;

	acquire(&held, way);
	release(&held, way);
	cpu = cpu_of_process() - cpu;
	atomic_fetch_add(&shared->cpu, (long)(cpu * 1e9));
	if (atomic_fetch_add(&shared->served, 1) == count - 1) {
		shared->end = now();
		must(write(done[1], "", 1) == 1, "write");
	}
	while (read(gate, &byte, 1) > 0)
		;
	_exit(0);
}

struct cost hand_over(enum way way, int count)
{
	struct shared *shared = share(sizeof(*shared));
	struct held held;
	int done[2], gate[2];
	struct cost cost = { .wall = 0 };
	double start;
	char byte;

	must(pipe(done) == 0 && pipe(gate) == 0, "pipe");
	acquire(&held, way);
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		if (pid == 0) {
			close(gate[1]);
			wait_in_queue(shared, way, count, done, gate[0]);
		}
	}
	must(waiters_reach(path, count), "waiters");
	start = now();
	release(&held, way);
	must(read(done[0], &byte, 1) == 1, "read");
	cost.wall = (shared->end - start) / count;
	cost.cpu = (double)atomic_load(&shared->cpu) / 1e9 / count;
	for (int i = 0; i < 2; i++) {
		close(done[i]);
		close(gate[i]);
	}
	while (wait(NULL) > 0)
		;
	forget(shared, sizeof(*shared));
	return cost;
}

struct cost hand_over_often(enum way way, int count, int times)
{
	struct cost sum = { .wall = 0 };

	for (int i = 0; i < times; i++) {
		struct cost one = hand_over(way, count);

		sum.wall += one.wall / times;
		sum.cpu += one.cpu / times;
	}
	return sum;
}

void bench_queue(void)
{
	struct series wall = { .count = 0 }, cpu = wall;

	begin_directory("/tmp");
	heading("A long queue, the file removed at its end");
	for (int i = 0; i < TURNS; i++) {
		struct cost few = hand_over_often(OURS, 10, 20);
		struct cost many = hand_over(OURS, 1000);

		add(&wall, many.wall / few.wall);
		add(&cpu, many.cpu / few.cpu);
	}
	report("each hand-over: 1,000 waiters / 10", &wall,
	       "bar: at most 1.5");
	report("  in CPU time", &cpu, "");
	end_directory();
}
