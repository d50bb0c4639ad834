/* SPDX-License-Identifier: 0BSD */
/* What the jobs of make bench share.  measure.c, commands.c; then one job a file. */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <sys/types.h>

#define TURNS 15
#define PROCESSES 8

/* --- measure.c */

/* Values of one thing, one for each turn. */
struct series {
	double values[TURNS];
	int count;
};

double now(void);
double cpu_of_process(void);
double cpu_of_children(void); /* those that have ended */
long faults_of_children(void);

void add(struct series *series, double value);
double quantile(struct series *series, double part);
double median(struct series *series);

void heading(const char *text);
/* The median, and between which values half of the turns are. */
void report(const char *what, struct series *series, const char *bar);
void remark(const char *what, const char *text);

/* Of one process that does not wait: CPU time, as other processes may be at work. */
void compare_work(const char *what, void (*ours)(void), void (*theirs)(void),
		  const char *bar);

/* Zeroed memory that is shared with children. */
void *share(size_t size);
void forget(void *memory, size_t size);
void must(bool ok, const char *what);

extern char path[200]; /* the lock file */

/* Makes a new directory below PARENT, and path in it. */
void begin_directory(const char *parent);
void end_directory(void);

/* --- commands.c */

#define MOST_WORDS 12

/* What a command and its children cost, each time. */
struct cost {
	double wall, cpu, faults;
};

/* A program in $PATH; NULL if it is not here. */
const char *find_program(const char *name);

struct command {
	const char *name;
	char text[100];
	char *words[MOST_WORDS];
};

/* The word L stands for FILE.  False if the program is not here. */
bool make_command(struct command *command, const char *words,
		  const char *file);
pid_t start_command(struct command *command, char *const *environment);
struct cost cost_of(struct command *command, char *const *environment, int runs);
/* Those that are not here, as one line. */
void report_missing(void);

/* --- The jobs */

void bench_start(void);
void bench_calls(void);
void bench_contended(void);
void bench_jobs(void);
void bench_queue(void);
void bench_looks(void);

/* --- queue.c */

enum way { OURS, ORIGINAL, FLOCK, WAYS };

struct queue {
	enum way way;
	int count;
	unsigned work_us; /* that each sleeps under the lock */
};

/* Seconds from one holder to the next, and of CPU for each acquisition. */
struct cost hand_over(const struct queue *queue);
/* The mean of several queues. */
struct cost hand_over_often(const struct queue *queue, int times);

#endif
