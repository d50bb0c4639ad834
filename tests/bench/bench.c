/* SPDX-License-Identifier: 0BSD */
/*
 * bench - what locking costs, as ratios of two things measured in one run
 *
 * Both sides are measured in turns, so that a machine that slows down slows both
 * down; a figure is the median of the ratios of the turns, and the two after it
 * are the quartiles.  Arguments choose jobs; without them all are done.
 */
#include "config.h"

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	void (*run)(void);
} jobs[] = {
	{ "start", bench_start },
	{ "calls", bench_calls },
	{ "contended", bench_contended },
	{ "queue", bench_queue },
	{ "jobs", bench_jobs },
	{ "looks", bench_looks },
};

static bool is_chosen(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++)
		if (is_chosen(jobs[i].name, argc, argv))
			jobs[i].run();
	report_missing();
	return 0;
}
