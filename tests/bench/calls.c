/* SPDX-License-Identifier: 0BSD */
/*
 * One process, nobody else: the library over the bare system calls; what a time
 * limit costs; and many locks at once.
 */
#include "config.h"

#include "bench.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directories that mostly are on file systems of these kinds. */
#define MEMORY "/dev/shm"
#define DISK "/var/tmp"

#define CYCLES 2000

static char directory[200];

static void lock_call(int fd, int command, short type, off_t start, off_t len)
{
	struct flock request = {
		.l_type = type, .l_start = start, .l_len = len
	};

	must(fcntl(fd, command, &request) == 0, "fcntl");
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

static void cycle(int timeout_ms, unsigned flags)
{
	for (int i = 0; i < CYCLES; i++) {
		struct lf_lock *lock;

		must(lf_acquire(&lock, path, timeout_ms, flags) == 0,
		     "lf_acquire");
		lf_release(&lock);
	}
}

static void ours_keep(void)
{
	cycle(0, LF_KEEP);
}

static void ours_remove(void)
{
	cycle(0, 0);
}

static void with_limit(void)
{
	cycle(1000, LF_KEEP);
}

static void uncontended(const char *parent)
{
	struct lf_fs *fs;
	char text[300];

	begin_directory(parent);
	snprintf(directory, sizeof(directory), "%.*s",
		 (int)(strrchr(path, '/') - path), path);
	must(lf_inspect_fs(directory, &fs) == 0, "lf_inspect_fs");
	snprintf(text, sizeof(text),
		 "Acquire and release, uncontended / bare system calls; %s on %s",
		 parent, lf_fs_type(fs) ? lf_fs_type(fs) : "?");
	lf_fs_free(fs);
	heading(text);
	compare_work("keep", ours_keep, bare_keep, "bar: at most 1.3");
	unlink(path);
	compare_work("remove", ours_remove, bare_remove, "bar: at most 1.3");
	end_directory();
}

/* --- Time limits */

#define LIMITED 50

/* Each waits a millisecond for a lock that another description holds. */
static void time_out_ours(void)
{
	struct lf_lock *lock;

	for (int i = 0; i < LIMITED; i++)
		must(lf_acquire(&lock, path, 1, LF_KEEP) == -ETIMEDOUT,
		     "time limit");
}

/* As programs without a helper thread do it: a look every tenth of it. */
static void time_out_polling(void)
{
	struct flock request = { .l_type = F_WRLCK };

	for (int i = 0; i < LIMITED; i++) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

		for (int j = 0; j < 10; j++) {
			must(fcntl(fd, F_OFD_SETLK, &request) < 0, "held");
			usleep(100);
		}
		close(fd);
	}
}

static void time_limits(void)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	heading("Time limits, in CPU time");
	compare_work("granted immediately: with / without", with_limit,
		     ours_keep, "");
	lock_call(fd, F_OFD_SETLK, F_WRLCK, 0, 0);
	compare_work("1 ms passes: ours / polling it ten times",
		     time_out_ours, time_out_polling, "");
	close(fd);
	unlink(path);
}

/* --- Many locks */

#define MANY 10000
#define FEW 100
#define FEW_TIMES 10
#define MANY_TURNS 5

/* Two descriptors each: of the file, and of its directory. */
static int possible(void)
{
	struct rlimit limit;
	int most;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	most = limit.rlim_max > 4 * MANY ? MANY :
					   (int)(limit.rlim_max / 2) - 20;
	return most < MANY ? most : MANY;
}

/* Seconds of CPU for each of COUNT locks that are held at once. */
static double hold(int count)
{
	struct lf_lock **locks = calloc((size_t)count, sizeof(*locks));
	double start = cpu_of_process();

	for (int i = 0; i < count; i++) {
		char name[250];

		snprintf(name, sizeof(name), "%s.%d", path, i);
		must(lf_acquire(&locks[i], name, 0, 0) == 0, name);
	}
	for (int i = 0; i < count; i++)
		lf_release(&locks[i]);
	free(locks);
	return (cpu_of_process() - start) / count;
}

static void many_locks(void)
{
	struct series ratio = { .count = 0 };
	int count = possible();
	char text[100];

	heading("Many locks, in one process");
	for (int i = 0; i < MANY_TURNS; i++) {
		double few = 0;

		for (int j = 0; j < FEW_TIMES; j++)
			few += hold(FEW) / FEW_TIMES;
		add(&ratio, hold(count) / few);
	}
	snprintf(text, sizeof(text), "each lock: %d held at once / %d", count,
		 FEW);
	report(text, &ratio, "");
}

void bench_calls(void)
{
	uncontended(MEMORY);
	uncontended(DISK);
	begin_directory(MEMORY);
	time_limits();
	many_locks();
	end_directory();
}
