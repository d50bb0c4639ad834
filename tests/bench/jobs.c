/* SPDX-License-Identifier: 0BSD */
/*
 * Eight loops as in scripts, each of 50 jobs of no length under the lock: how long
 * all take, the longest wait of one, and Jain's index of what the loops had done
 * when the first of them ended: 1 is equal, 1/8 is one for all.
 *
 * A tool that becomes the job saves a process for each, and cannot remove the file or
 * pass on signals.  So there are two lists, each with its own measure.
 */
#include "config.h"

#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS 50
#define JOB_TURNS 5
/* A program that polls is stopped after so many seconds. */
#define PATIENCE 5

extern char **environ;

static const char *const kinds[] = {
	"flock L true", /* the measure */
	"lf-acquire -w L true",
	"lf-acquire -wk L true",
	/* Those that become the job: no process more, and nothing after it. */
	"flock -F L true",
	"lf-acquire -wF L true",
	"lf-acquire -wFk L true",
	"s6-setlock L true",
	"setlock L true",
	"chpst -l L true",
	"lckdo -w L true",
	"dotlockfile -l -r 1000 L true",
};
enum { FLOCK_TOOL, OURS_TOOL, FIRST_F = 3, OURS_F = 4, POLLS = 10, KINDS = 11 };

struct shared {
	double ended[PROCESSES][JOBS], longest[PROCESSES];
	int done[PROCESSES];
};

/* Of a job, and of the jobs of one turn. */
struct result {
	double time, cpu, longest, index;
};

static volatile sig_atomic_t job;

static void stop(int sig)
{
	(void)sig;
	kill(job, SIGKILL);
	_exit(0);
}

static void loop(struct command *command, struct shared *shared, int me)
{
	signal(SIGALRM, stop);
	alarm(PATIENCE);
	for (int i = 0; i < JOBS; i++) {
		double start = now();
		int status;

		job = start_command(command, environ);
		waitpid(job, &status, 0);
		must(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		     command->name);
		shared->ended[me][i] = now();
		shared->done[me]++;
		if (now() - start > shared->longest[me])
			shared->longest[me] = now() - start;
	}
	_exit(0);
}

static double jain(const struct shared *shared)
{
	double first = 1e300, sum = 0, squares = 0;

	for (int i = 0; i < PROCESSES; i++)
		if (shared->done[i] == JOBS &&
		    shared->ended[i][JOBS - 1] < first)
			first = shared->ended[i][JOBS - 1];
	for (int i = 0; i < PROCESSES; i++) {
		double done = 0;

		for (int j = 0; j < shared->done[i]; j++)
			done += shared->ended[i][j] <= first;
		sum += done;
		squares += done * done;
	}
	return squares > 0 ? sum * sum / PROCESSES / squares : 0;
}

static struct result run(struct command *command)
{
	struct shared *shared = share(sizeof(*shared));
	double start = now(), cpu = cpu_of_children(), done = 0;
	struct result result = { .longest = 0 };

	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0)
			loop(command, shared, i);
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < PROCESSES; i++) {
		done += shared->done[i];
		if (shared->longest[i] > result.longest)
			result.longest = shared->longest[i];
	}
	result.time = (now() - start) / done;
	result.cpu = (cpu_of_children() - cpu) / done;
	result.index = jain(shared);
	forget(shared, sizeof(*shared));
	return result;
}

static struct series wall[KINDS], cpu[KINDS], longest[KINDS], fairness[KINDS];

/* 1.1 of the best of its list but itself. */
static double bar_of(int kind)
{
	int first = kind < FIRST_F ? FLOCK_TOOL : FIRST_F;
	int end = kind < FIRST_F ? FIRST_F : POLLS;
	double best = 1e300;

	for (int i = first; i < end; i++)
		if (wall[i].count > 0 && !strstr(kinds[i], "lf-acquire") &&
		    median(&wall[i]) < best)
			best = median(&wall[i]);
	return 1.1 * best;
}

static void print_kind(int i)
{
	printf("  %-36s %6.2f %6.2f to %6.2f  %8.2f  %8.2f   %10.0f", kinds[i],
	       median(&wall[i]), quantile(&wall[i], 0.25),
	       quantile(&wall[i], 0.75), median(&cpu[i]), median(&fairness[i]),
	       median(&longest[i]));
	if (i == OURS_TOOL || i == OURS_F)
		printf("     bar: elapsed at most %.2f", bar_of(i));
	putchar('\n');
}

void bench_jobs(void)
{
	static struct command commands[KINDS];
	bool is_here[KINDS];

	begin_directory("/tmp");
	heading("8 loops of 50 jobs / flock L true; then those that become the job");
	for (int i = 0; i < KINDS; i++)
		is_here[i] = make_command(&commands[i], kinds[i], path);
	if (!is_here[FLOCK_TOOL])
		return;
	for (int turn = 0; turn < JOB_TURNS; turn++) {
		struct result measure = run(&commands[FLOCK_TOOL]);

		for (int i = 0; i < KINDS; i++) {
			struct result result = measure;

			if (!is_here[i] || (i == POLLS && turn > 0))
				continue;
			if (i != FLOCK_TOOL)
				result = run(&commands[i]);
			add(&wall[i], result.time / measure.time);
			add(&cpu[i], result.cpu / measure.cpu);
			add(&longest[i], result.longest * 1e3);
			add(&fairness[i], result.index);
		}
	}
	printf("  %-36s %-24s%-12s%-12s%s\n", "", "    elapsed", "   CPU time",
	       "Jain's index", "  longest wait, ms");
	for (int i = 0; i < KINDS; i++)
		if (wall[i].count > 0)
			print_kind(i);
	fflush(stdout);
	end_directory();
}
