/* SPDX-License-Identifier: 0BSD */
/*
 * picture - draws what it costs to hand over a lock, by the number of waiters
 *
 * Each holder works for a moment: meanwhile the other waiters queue again if their
 * file was removed, and that work is what the original's way costs.  Elapsed time
 * shows what CPU time does not: that waiters which poll sleep while the lock is
 * free.
 */
#include "config.h"

#include "bench.h"
#include "lib/waiters.h"
#include "picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define PICTURE_TURNS 5
/* A curve ends with the point whose turn takes longer, in seconds. */
#define PATIENCE 12
/* The mean of several short queues. */
#define HAND_OVERS 40
#define WORK_US 5000

extern char **environ;

static const int counts[MOST_POINTS] = {
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1000
};

/* --- dotlockfile, whose waiters no kernel lists: they sleep */

static struct command dot_lock, dot_unlock, dot_waiter;
static struct cost dot_alone; /* of a waiter that need not wait */

static void run(struct command *command)
{
	int status;

	waitpid(start_command(command, environ), &status, 0);
	must(status == 0, command->name);
}

static bool sleeps(pid_t pid)
{
	char file[40], state = ' ';
	FILE *stat;

	snprintf(file, sizeof(file), "/proc/%d/stat", (int)pid);
	stat = fopen(file, "re");
	if (!stat)
		return true;
	must(fscanf(stat, "%*d (%*[^)]) %c", &state) == 1, file);
	fclose(stat);
	return state == 'S';
}

static struct cost hand_over_by_dotlockfile(int count)
{
	pid_t *pids = calloc((size_t)count, sizeof(*pids));
	double wall, cpu = cpu_of_children();
	struct cost cost = { .wall = 0 };

	run(&dot_lock);
	for (int i = 0; i < count; i++)
		pids[i] = start_command(&dot_waiter, environ);
	for (int i = 0; i < count; i++)
		for (int look = 0; !sleeps(pids[i]) && look_again(&look);)
			;
	wall = now();
	run(&dot_unlock);
	while (wait(NULL) > 0)
		;
	free(pids);
	cost.wall = (now() - wall) / count - dot_alone.wall;
	cost.cpu = (cpu_of_children() - cpu) / count - dot_alone.cpu;
	return cost;
}

static bool find_dotlockfile(void)
{
	if (!make_command(&dot_lock, "dotlockfile -l L", path) ||
	    !make_command(&dot_unlock, "dotlockfile -u L", path) ||
	    !make_command(&dot_waiter,
			  "dotlockfile -l -r -1 -i 1 L sleep 0.005", path))
		return false;
	dot_alone = cost_of(&dot_waiter, environ, HAND_OVERS);
	return true;
}

/* --- All of them */

enum { DOTLOCKFILE = WAYS, CURVES };

static struct curve curves[CURVES] = {
	[OURS] = { .name = "liblockfile-fcntl, file removed", .class = "ours" },
	[ORIGINAL] = { .name = "lockf(3) and unlink(2)", .class = "lockf" },
	[FLOCK] = { .name = "flock(2), file stays", .class = "flock" },
	[DOTLOCKFILE] = { .name = "dotlockfile(1)", .class = "dot" },
};

static struct cost measure(int way, int count)
{
	const struct queue queue = { (enum way)way, count, WORK_US };
	int times = count < HAND_OVERS ? HAND_OVERS / count : 1;

	return way == DOTLOCKFILE ? hand_over_by_dotlockfile(count) :
				    hand_over_often(&queue, times);
}

static void add_point(struct curve *curve, int waiters, struct series *wall,
		      struct series *cpu)
{
	curve->points[curve->count++] = (struct point){
		waiters, { median(wall), median(cpu) }
	};
	fprintf(stderr, "%5d waiters: %12.1f us %12.1f us of CPU   %s\n",
		waiters, median(wall) * 1e6, median(cpu) * 1e6, curve->name);
}

/* The ways in turns, as all that is compared. */
static void measure_points(int waiters, bool *is_over)
{
	struct series wall[CURVES] = { { .count = 0 } };
	struct series cpu[CURVES] = { { .count = 0 } };

	for (int turn = 0; turn < PICTURE_TURNS; turn++)
		for (int way = 0; way < CURVES; way++) {
			double start = now();
			struct cost cost;

			if (is_over[way])
				continue;
			cost = measure(way, waiters);
			add(&wall[way], cost.wall);
			add(&cpu[way], cost.cpu);
			is_over[way] = now() - start > PATIENCE &&
				       way == DOTLOCKFILE;
		}
	for (int way = 0; way < CURVES; way++)
		if (wall[way].count > 0)
			add_point(&curves[way], waiters, &wall[way], &cpu[way]);
}

int main(void)
{
	bool is_over[CURVES] = { false };
	struct utsname system;
	char caption[200];

	begin_directory("/tmp");
	is_over[DOTLOCKFILE] = !find_dotlockfile();
	for (int i = 0; i < MOST_POINTS; i++)
		measure_points(counts[i], is_over);
	end_directory();
	uname(&system);
	snprintf(caption, sizeof(caption),
		 "Each holder works for 5 ms. Median of %d runs, %ld processors, "
		 "%s %.*s. dotlockfile looks once a second (-i 1).",
		 PICTURE_TURNS,
		 sysconf(_SC_NPROCESSORS_ONLN), system.sysname,
		 (int)strcspn(system.release, "-+"), system.release);
	draw(curves, CURVES, caption);
	return 0;
}
