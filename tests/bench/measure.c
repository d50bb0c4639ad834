/* SPDX-License-Identifier: 0BSD */
/* Clocks, what is printed, and where files are. */
#include "config.h"

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

static double read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

double cpu_of_process(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

double cpu_of_children(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

long faults_of_children(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

void add(struct series *series, double value)
{
	if (series->count < TURNS)
		series->values[series->count++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double quantile(struct series *series, double part)
{
	qsort(series->values, (size_t)series->count, sizeof(double), compare);
	return series->values[(int)(part * (series->count - 1) + 0.5)];
}

double median(struct series *series)
{
	return quantile(series, 0.5);
}

void heading(const char *text)
{
	printf("\n%s\n", text);
	fflush(stdout);
}

void report(const char *what, struct series *series, const char *bar)
{
	printf("  %-52s %7.2f  %5.2f to %5.2f  %s\n", what, median(series),
	       quantile(series, 0.25), quantile(series, 0.75), bar);
	fflush(stdout);
}

void remark(const char *what, const char *text)
{
	printf("  %-52s %7s\n", what, text);
	fflush(stdout);
}

void compare_work(const char *what, void (*ours)(void), void (*theirs)(void),
		  const char *bar)
{
	struct series ratio = { .count = 0 };

	for (int i = 0; i < TURNS; i++) {
		double start = cpu_of_process(), between;

		ours();
		between = cpu_of_process();
		theirs();
		add(&ratio, (between - start) / (cpu_of_process() - between));
	}
	report(what, &ratio, bar);
}

void *share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	must(memory != MAP_FAILED, "mmap");
	return memory;
}

void forget(void *memory, size_t size)
{
	munmap(memory, size);
}

void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

char path[200];

void begin_directory(const char *parent)
{
	char *directory;

	snprintf(path, sizeof(path), "%s/lf-bench-XXXXXX", parent);
	directory = mkdtemp(path);
	must(directory != NULL, parent);
	strcat(path, "/lock");
}

void end_directory(void)
{
	char command[sizeof(path) + 10];

	*strrchr(path, '/') = '\0';
	snprintf(command, sizeof(command), "rm -rf %s", path);
	must(system(command) == 0, command);
}
