/* SPDX-License-Identifier: 0BSD */
/*
 * What it costs to hand over a lock when many wait: the time from one holder's
 * release until the next has it, and the CPU time of all of them together.
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
	else if (flock(held->fd, LOCK_UN) == 0) /* children have copies */
		close(held->fd);
}

struct shared {
	atomic_int served;
	atomic_long cpu; /* nanoseconds */
	/* Of the holders, one after another. */
	double released, waited;
};

/* No process ends before the last has had the lock: that would be measured too. */
static void wait_in_queue(struct shared *shared, const struct queue *queue,
			  const int *done, int gate)
{
	double cpu = cpu_of_process();
	struct held held;
	char byte;

	acquire(&held, queue->way);
	shared->waited += now() - shared->released;
	if (queue->work_us > 0)
		usleep(queue->work_us);
	shared->released = now();
	release(&held, queue->way);
	cpu = cpu_of_process() - cpu;
	atomic_fetch_add(&shared->cpu, (long)(cpu * 1e9));
	if (atomic_fetch_add(&shared->served, 1) == queue->count - 1)
		must(write(done[1], "", 1) == 1, "write");
	while (read(gate, &byte, 1) > 0)
		;
	_exit(0);
}

struct cost hand_over(const struct queue *queue)
{
	struct shared *shared = share(sizeof(*shared));
	struct held held;
	int done[2], gate[2];
	struct cost cost = { .wall = 0 };
	char byte;

	must(pipe(done) == 0 && pipe(gate) == 0, "pipe");
	acquire(&held, queue->way);
	for (int i = 0; i < queue->count; i++) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		if (pid == 0) {
			close(gate[1]);
			wait_in_queue(shared, queue, done, gate[0]);
		}
	}
	must(waiters_reach(path, queue->count), "waiters");
	shared->released = now();
	release(&held, queue->way);
	must(read(done[0], &byte, 1) == 1, "read");
	cost.wall = shared->waited / queue->count;
	cost.cpu = (double)atomic_load(&shared->cpu) / 1e9 / queue->count;
	for (int i = 0; i < 2; i++) {
		close(done[i]);
		close(gate[i]);
	}
	while (wait(NULL) > 0)
		;
	forget(shared, sizeof(*shared));
	return cost;
}

struct cost hand_over_often(const struct queue *queue, int times)
{
	struct cost sum = { .wall = 0 };

	for (int i = 0; i < times; i++) {
		struct cost one = hand_over(queue);

		sum.wall += one.wall / times;
		sum.cpu += one.cpu / times;
	}
	return sum;
}

void bench_queue(void)
{
	static const struct queue few = { OURS, 10, 0 }, many = { OURS, 1000, 0 };
	struct series wall = { .count = 0 }, cpu = wall;

	begin_directory("/tmp");
	heading("A long queue, the file removed at its end");
	for (int i = 0; i < TURNS; i++) {
		struct cost of_few = hand_over_often(&few, 20);
		struct cost of_many = hand_over(&many);

		add(&wall, of_many.wall / of_few.wall);
		add(&cpu, of_many.cpu / of_few.cpu);
	}
	report("each hand-over: 1,000 waiters / 10", &wall,
	       "bar: at most 1.5");
	report("  in CPU time", &cpu, "");
	end_directory();
}
