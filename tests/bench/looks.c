/* SPDX-License-Identifier: 0BSD */
/*
 * The holder of a lock: lf-check against the programs that answer it today, on the
 * machine as it is, and in a crowd of 2,000 processes and 10,000 locks.
 */
#include "config.h"

#include "bench.h"
#include "lockfile-fcntl.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUIET_TURNS 9
#define QUIET_RUNS 3

extern char **environ;

static char free_file[250], held_file[250], tagless_file[250], many[250];

struct question {
	const char *ours, *theirs, *file, *state, *bar;
};

static const struct question quiet[] = {
	{ "lf-check -q L", "lslocks", free_file, "a free file",
	  "bar: at most 0.5" },
	{ "lf-check L", "lslocks", free_file, "a free file",
	  "bar: at most 0.5" },
	{ "lf-check L", "fuser L", free_file, "a free file", "" },
	{ "lf-check L", "lsof -n -P L", free_file, "a free file", "" },
	{ "lf-check L", "lslocks", held_file, "a held file", "" },
	{ "lf-check L", "fuser L", held_file, "a held file", "" },
	{ "lf-check L", "lsof -n -P L", held_file, "a held file", "" },
	{ 0 },
};

static const struct question full[] = {
	{ "lf-check L", "lsof -n -P +d L", many, "1,000 held files", "" },
	{ "lf-check L", "lslocks", many, "1,000 held files", "" },
	{ 0 },
};

static const struct question crowded[] = {
	{ "lf-check L", "lslocks", free_file, "a free file",
	  "bar: at most 0.2" },
	{ "lf-check L", "lslocks", held_file, "a held file",
	  "bar: at most 0.2" },
	{ "lf-check L", "lslocks", tagless_file, "one without its tag", "" },
	{ "lf-check L", "fuser L", held_file, "a held file", "" },
	{ "lf-check L", "lsof -n -P L", held_file, "a held file", "" },
	{ "lf-check", "lslocks", "", "all files", "" },
	{ 0 },
};

static void ask(const struct question *q, int turns, int runs)
{
	struct series cpu = { .count = 0 };
	struct command ours, theirs;
	char text[100];

	if (!make_command(&ours, q->ours, q->file) ||
	    !make_command(&theirs, q->theirs, q->file))
		return;
	for (int i = 0; i < turns; i++)
		add(&cpu, cost_of(&ours, environ, runs).cpu /
			  cost_of(&theirs, environ, runs).cpu);
	snprintf(text, sizeof(text), "%s / %s, %s", q->ours, q->theirs,
		 q->state);
	report(text, &cpu, q->bar);
}

/* --- 1,000 files that this process holds, and three more */

#define FILES 1000

static struct lf_lock *locks[FILES], *held;
static int tagless;

static void hold_files(void)
{
	struct flock body = { .l_type = F_WRLCK, .l_start = 1 };

	snprintf(free_file, sizeof(free_file), "%s.free", path);
	snprintf(held_file, sizeof(held_file), "%s.held", path);
	snprintf(tagless_file, sizeof(tagless_file), "%s.tagless", path);
	snprintf(many, sizeof(many), "%s.many", path);
	close(open(free_file, O_RDWR | O_CREAT, 0666));
	must(lf_acquire(&held, held_file, 0, 0) == 0, held_file);
	tagless = open(tagless_file, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	must(fcntl(tagless, F_OFD_SETLK, &body) == 0, tagless_file);
}

static void hold_many_files(void)
{
	must(mkdir(many, 0777) == 0, many);
	for (int i = 0; i < FILES; i++) {
		char name[300];

		snprintf(name, sizeof(name), "%s/%d", many, i);
		must(lf_acquire(&locks[i], name, 0, 0) == 0, name);
	}
}

static void release_many_files(void)
{
	for (int i = 0; i < FILES; i++)
		lf_release(&locks[i]);
}

/* --- The crowd */

#define CROWD 2000
#define CROWD_LOCKS 10000
#define CROWD_HOLDERS 10
#define CROWD_FILES 10

/* Over files, as lslocks looks for the file of each lock. */
static void hold_many(int number)
{
	for (int i = 0; i < CROWD_FILES; i++) {
		char file[250];
		int fd;

		snprintf(file, sizeof(file), "%s.%d.%d", path, number, i);
		fd = open(file, O_RDWR | O_CREAT, 0666);
		unlink(file);
		/* Neighbours would become one. */
		for (int j = 0; j < CROWD_LOCKS / CROWD_HOLDERS / CROWD_FILES;
		     j++) {
			struct flock lock = {
				.l_type = F_WRLCK, .l_start = 2 * j, .l_len = 1
			};

			must(fcntl(fd, F_SETLK, &lock) == 0, "fcntl");
		}
	}
}

static void join_crowd(int number, atomic_int *there, const int *end)
{
	char byte;

	close(end[1]);
	close(lf_fileno(held));
	close(tagless);
	if (number < CROWD_HOLDERS)
		hold_many(number);
	atomic_fetch_add(there, 1);
	while (read(end[0], &byte, 1) > 0)
		;
	_exit(0);
}

/* Returns the pipe whose end they wait for. */
static int gather_crowd(void)
{
	atomic_int *there = share(sizeof(*there));
	int end[2];

	must(pipe2(end, O_CLOEXEC) == 0, "pipe");
	for (int i = 0; i < CROWD; i++) {
		pid_t pid = fork();

		must(pid >= 0, "fork");
		if (pid == 0)
			join_crowd(i, there, end);
	}
	close(end[0]);
	while (atomic_load(there) < CROWD)
		usleep(1000);
	forget(there, sizeof(*there));
	return end[1];
}

static void ask_all(const struct question *questions, int turns, int runs)
{
	for (const struct question *q = questions; q->ours; q++)
		ask(q, turns, runs);
}

void bench_looks(void)
{
	int crowd;

	begin_directory("/tmp");
	hold_files();
	heading("The holder of a lock, in CPU time, on this machine as it is");
	ask_all(quiet, QUIET_TURNS, QUIET_RUNS);
	hold_many_files();
	/* lslocks needs seconds: it compares each lock with each descriptor. */
	ask_all(full, 3, 1);
	release_many_files();
	heading("The same among 2,000 processes and 10,000 locks");
	crowd = gather_crowd();
	ask_all(crowded, 5, 1);
	close(crowd);
	while (wait(NULL) > 0)
		;
	lf_release(&held);
	close(tagless);
	end_directory();
}
