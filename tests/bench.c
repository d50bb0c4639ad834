/* SPDX-License-Identifier: 0BSD */
/*
 * bench - what locking costs, as ratios of two things measured in one run
 *
 * Each pair is measured in turns, so that a machine that slows down slows both
 * down; the figure is the median of the ratios of the turns.
 */
#include "config.h"

#include "lib/original.h"
#include "lib/waiters.h"
#include "lockfile-fcntl.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TURNS 15
#define PROCESSES 8

extern char **environ;

static char directory[] = "/tmp/lf-bench-XXXXXX";
static char path[64];

static double read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Of work that does not wait: in CPU time, where others are at work too. */
static double time_of(void (*work)(void))
{
	double start = read_clock(CLOCK_PROCESS_CPUTIME_ID);

	work();
	return read_clock(CLOCK_PROCESS_CPUTIME_ID) - start;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, TURNS, sizeof(*values), compare);
	return values[TURNS / 2];
}

static void report(const char *what, double ratio, const char *bar)
{
	printf("%-56s %6.2f   %s\n", what, ratio, bar);
	fflush(stdout);
}

static void compare_times(const char *what, void (*ours)(void),
			  void (*theirs)(void), const char *bar)
{
	double ratio[TURNS];

	for (int i = 0; i < TURNS; i++)
		ratio[i] = time_of(ours) / time_of(theirs);
	report(what, median(ratio), bar);
}

/* --- One process, nobody else */

#define CYCLES 5000

static void lock_call(int fd, int command, short type, off_t start, off_t len)
{
	struct flock request = {
		.l_type = type, .l_start = start, .l_len = len
	};

	if (fcntl(fd, command, &request) < 0)
		abort();
}

static void bare_keep(void)
{
	for (int i = 0; i < CYCLES; i++) {
		struct stat a, b;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

		lock_call(fd, F_SETLK, F_WRLCK, 0, 1);
		lock_call(fd, F_OFD_SETLK, F_WRLCK, 1, 0);
		fstat(fd, &a);
		stat(path, &b);
		lock_call(fd, F_OFD_SETLK, F_UNLCK, 1, 0);
		close(fd);
	}
}

static void bare_remove(void)
{
	for (int i = 0; i < CYCLES; i++) {
		struct stat a, b;
		int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

		lock_call(fd, F_SETLK, F_WRLCK, 0, 1);
		lock_call(fd, F_OFD_SETLK, F_WRLCK, 1, 0);
		fstat(fd, &a);
		stat(path, &b);
		flock(fd, LOCK_EX | LOCK_NB);
		fstatat(dir, "lock", &b, 0);
		fstat(fd, &a);
		unlinkat(dir, "lock", 0);
		lock_call(fd, F_OFD_SETLK, F_UNLCK, 1, 0);
		flock(fd, LOCK_UN);
		close(fd);
		close(dir);
	}
}

static void cycle(unsigned flags)
{
	for (int i = 0; i < CYCLES; i++) {
		struct lf_lock *lock;

		if (lf_acquire(&lock, path, 0, flags) < 0)
			abort();
		lf_release(&lock);
	}
}

static void ours_keep(void)
{
	cycle(LF_KEEP);
}

static void ours_remove(void)
{
	cycle(0);
}

/* --- Many processes, empty critical section */

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double cpu_of_children(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/* Acquisitions in a second, and in a second of CPU time. */
struct pace {
	double wall, cpu;
};

static struct pace pace_of(bool original)
{
	atomic_long *count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double start = now(), cpu = cpu_of_children();
	pid_t pid[PROCESSES];
	struct pace pace;

	for (int i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		while (pid[i] == 0) {
			struct lf_lock *lock;

			if (original)
				original_release(original_acquire(path, true),
						 path, false);
			else if (lf_acquire(&lock, path, LF_FOREVER, 0) == 0)
				lf_release(&lock);
			atomic_fetch_add(count, 1);
			if (now() - start > 0.4)
				_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++)
		waitpid(pid[i], NULL, 0);
	pace.wall = (double)atomic_load(count) / (now() - start);
	pace.cpu = (double)atomic_load(count) / (cpu_of_children() - cpu);
	munmap(count, sizeof(*count));
	return pace;
}

/*
 * Each of our processes lets the next one run, while one of the original goes on as
 * long as it has a processor.  So on a busy machine only the CPU time compares them.
 */
static void contended(void)
{
	double wall[TURNS], cpu[TURNS];

	for (int i = 0; i < TURNS; i++) {
		struct pace our = pace_of(false), their = pace_of(true);

		wall[i] = our.wall / their.wall;
		cpu[i] = our.cpu / their.cpu;
	}
	report("acquisitions/s, 8 processes, remove: ours / original",
	       median(wall), "bar: at least 2");
	report("  the same in CPU time", median(cpu), "");
	printf("%-56s %6s\n", "  file left at the end",
	       access(path, F_OK) == 0 ? "yes" : "no");
}

/* --- A long queue */

static void wait_in_queue(atomic_int *served, int end)
{
	struct lf_lock *lock;
	char byte;

	if (lf_acquire(&lock, path, LF_FOREVER, 0) < 0)
		_exit(1);
	lf_release(&lock);
	atomic_fetch_add(served, 1);
	/* Not to end yet: that would be measured too. */
	while (read(end, &byte, 1) > 0)
		;
	_exit(0);
}

static double hand_over(int count)
{
	atomic_int *served = mmap(NULL, sizeof(*served), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct lf_lock *lock;
	double start, took;
	int end[2];

	if (pipe(end) < 0 || lf_acquire(&lock, path, 0, 0) < 0)
		abort();
	for (int i = 0; i < count; i++)
		if (fork() == 0) {
			close(end[1]);
			wait_in_queue(served, end[0]);
		}
	if (!waiters_reach(path, count))
		abort();
	start = now();
	lf_release(&lock);
	while (atomic_load(served) < count)
		sched_yield();
	took = now() - start;
	close(end[0]);
	close(end[1]);
	while (wait(NULL) > 0)
		;
	munmap(served, sizeof(*served));
	return took / count;
}

static void long_queue(void)
{
	double ratio[TURNS];

	for (int i = 0; i < TURNS; i++) {
		double few = 0;

		for (int j = 0; j < 10; j++)
			few += hand_over(10) / 10;
		ratio[i] = hand_over(1000) / few;
	}
	report("hand-over, of 1,000 waiters / of 10", median(ratio),
	       "bar: at most 1.5");
}

/* --- The tools: wall and CPU time, of the command and its children */

#define RUNS 30

struct cost {
	double wall, cpu;
};

/* COMMAND is split at blanks. */
static struct cost cost_of(const char *command, int runs)
{
	char text[200], *words[8] = { NULL };
	struct cost start = { now(), cpu_of_children() };
	posix_spawn_file_actions_t silent;
	int status, count = 0;
	pid_t pid;

	snprintf(text, sizeof(text), "%s", command);
	for (char *word = strtok(text, " "); word && count < 7;
	     word = strtok(NULL, " "))
		words[count++] = word;
	posix_spawn_file_actions_init(&silent);
	posix_spawn_file_actions_addopen(&silent, 1, "/dev/null", O_WRONLY, 0);
	for (int i = 0; i < runs; i++)
		if (posix_spawnp(&pid, words[0], &silent, NULL, words,
				 environ) != 0 ||
		    waitpid(pid, &status, 0) != pid)
			abort();
	posix_spawn_file_actions_destroy(&silent);
	return (struct cost){ now() - start.wall,
			      cpu_of_children() - start.cpu };
}

static void compare_tools(const char *what, const char *ours,
			  const char *theirs, const char *base,
			  const char *bar)
{
	double wall[TURNS], cpu[TURNS];

	for (int i = 0; i < TURNS; i++) {
		struct cost plain = { 0, 0 }, our, their;

		if (base)
			plain = cost_of(base, RUNS);
		our = cost_of(ours, RUNS);
		their = cost_of(theirs, RUNS);
		wall[i] = (our.wall - plain.wall) / (their.wall - plain.wall);
		cpu[i] = (our.cpu - plain.cpu) / (their.cpu - plain.cpu);
	}
	report(what, median(wall), bar);
	report("  the same in CPU time", median(cpu), "");
}

/* --- lf-check, where there are many locks and many processes */

#define CROWD 2000
#define CROWD_LOCKS 10000
#define CROWD_HOLDERS 10
#define CROWD_FILES 10

/* Over files, as lslocks looks for the file of each lock. */
static void hold_many(int number)
{
	for (int i = 0; i < CROWD_FILES; i++) {
		char file[100];
		int fd;

		snprintf(file, sizeof(file), "%s.%d", path, number);
		fd = open(file, O_RDWR | O_CREAT, 0666);
		unlink(file);
		/* Neighbours would become one. */
		for (int j = 0; j < CROWD_LOCKS / CROWD_HOLDERS / CROWD_FILES;
		     j++)
			lock_call(fd, F_SETLK, F_WRLCK, 2 * j, 1);
	}
}

/* Returns the pipe whose end they wait for. */
static int gather_crowd(void)
{
	atomic_int *there = mmap(NULL, sizeof(*there), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int end[2];

	if (pipe2(end, O_CLOEXEC) < 0)
		abort();
	for (int i = 0; i < CROWD; i++) {
		char byte;

		if (fork() != 0)
			continue;
		close(end[1]);
		if (i < CROWD_HOLDERS)
			hold_many(i);
		atomic_fetch_add(there, 1);
		while (read(end[0], &byte, 1) > 0)
			;
		_exit(0);
	}
	close(end[0]);
	while (atomic_load(there) < CROWD)
		sched_yield();
	munmap(there, sizeof(*there));
	return end[1];
}

enum { FREE, HELD, WITHOUT_TAG, KINDS };

static const struct {
	const char *what, *bar;
} kinds[KINDS] = {
	[FREE] = { "lf-check of a free file / lslocks, in a crowd",
		   "bar: at most 0.2" },
	[HELD] = { "lf-check of a held file / lslocks, in a crowd",
		   "bar: at most 0.2" },
	[WITHOUT_TAG] = { "  the same of a holder without a tag", "" },
};

static const char *file_of(int kind)
{
	static char file[80];

	snprintf(file, sizeof(file), "%s.%d", path, kind);
	return file;
}

static int open_kind(int kind)
{
	int fd = open(file_of(kind), O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (kind == HELD)
		lock_call(fd, F_SETLK, F_WRLCK, 0, 1);
	if (kind != FREE)
		lock_call(fd, F_OFD_SETLK, F_WRLCK, 1, 0);
	return fd;
}

static void compare_in_crowd(void)
{
	double ratio[KINDS][TURNS];
	char check[100];

	for (int i = 0; i < TURNS; i++) {
		double lslocks = cost_of("lslocks", 1).wall;

		for (int kind = 0; kind < KINDS; kind++) {
			snprintf(check, sizeof(check), "lf-check %s",
				 file_of(kind));
			ratio[kind][i] = cost_of(check, 1).wall / lslocks;
		}
	}
	for (int kind = 0; kind < KINDS; kind++)
		report(kinds[kind].what, median(ratio[kind]),
		       kinds[kind].bar);
}

static void crowded(void)
{
	int crowd = gather_crowd(), fd[KINDS];

	for (int kind = 0; kind < KINDS; kind++)
		fd[kind] = open_kind(kind);
	compare_in_crowd();
	for (int kind = 0; kind < KINDS; kind++) {
		unlink(file_of(kind));
		close(fd[kind]);
	}
	close(crowd);
	while (wait(NULL) > 0)
		;
}

int main(void)
{
	char acquire[100], flock_true[100], check[100];

	if (!mkdtemp(directory))
		return 71;
	snprintf(path, sizeof(path), "%s/lock", directory);
	snprintf(acquire, sizeof(acquire), "lf-acquire %s true", path);
	snprintf(flock_true, sizeof(flock_true), "flock %s true", path);
	snprintf(check, sizeof(check), "lf-check -q %s", path);

	compare_times("acquire + release, keep: ours / bare calls", ours_keep,
		      bare_keep, "bar: at most 1.3");
	unlink(path);
	compare_times("acquire + release, remove: ours / bare calls",
		      ours_remove, bare_remove, "bar: at most 1.3");
	contended();
	long_queue();
	compare_tools("lf-acquire L true / flock L true, over plain true",
		      acquire, flock_true, "true", "bar: at most 0.6");
	compare_tools("lf-check -q of a free file / lslocks -p 1", check,
		      "lslocks -p 1", NULL, "bar: at most 0.5");
	crowded();
	unlink(path);
	rmdir(directory);
	return 0;
}
