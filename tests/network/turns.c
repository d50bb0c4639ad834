/* SPDX-License-Identifier: 0BSD */
/*
 * turns DIRECTORY COUNTER
 * turns DIRECTORY COUNTER ROUNDS WAY LOCKFILE [OTHER]
 *
 * A critical section: in the first form once, to be run under a lock; in the
 * second ROUNDS times, under the lock LOCKFILE.  WAY is keep, remove or pid, by
 * the library, or original or original-keep, as the original does.  With 0 for
 * ROUNDS it goes on until DIRECTORY/end exists, and prints how many it did.  A
 * second thread acquires OTHER meanwhile.
 *
 * DIRECTORY is on this machine alone, so that mkdir(2) sees each overlap.  COUNTER
 * is on the network, so that an overlap, or data from a cache, loses increments.
 */
#include "config.h"

#include "lib/original.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *directory, *counter;

static const char *in_directory(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

/* A line in a file that all processes append to. */
__attribute__((format(printf, 2, 3)))
static void note(const char *name, const char *format, ...)
{
	FILE *file = fopen(in_directory(name), "a");
	va_list values;

	if (!file)
		exit(70);
	va_start(values, format);
	vfprintf(file, format, values);
	va_end(values);
	fclose(file);
}

static void increment(void)
{
	char text[32] = "";
	int fd = open(counter, O_RDWR);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (length >= 0)
		length = pwrite(fd, text,
				(size_t)snprintf(text, sizeof(text), "%ld\n",
						 atol(text) + 1),
				0);
	if (length < 0 || close(fd) < 0)
		note("failures", "%s: %s\n", counter, strerror(errno));
}

static void section(void)
{
	bool alone = mkdir(in_directory("section"), 0777) == 0;

	if (!alone)
		note("overlaps", "%ld\n", (long)getpid());
	increment();
	if (alone)
		rmdir(in_directory("section"));
}

static void turn_as_original(const char *path, bool keep)
{
	int fd = original_acquire(path, true);

	if (fd < 0) {
		note("failures", "original: %s\n", strerror(errno));
		return;
	}
	section();
	original_release(fd, path, keep);
}

static void turn(const char *path, unsigned flags)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, LF_FOREVER, flags);

	if (rc == 0) {
		section();
		rc = lf_release(&lock);
	}
	if (rc < 0)
		note("failures", "%s\n", lf_strerror(rc));
}

static void turn_by(const char *way, const char *path)
{
	if (strcmp(way, "original") == 0)
		turn_as_original(path, false);
	else if (strcmp(way, "original-keep") == 0)
		turn_as_original(path, true);
	else
		turn(path, strcmp(way, "keep") == 0  ? LF_KEEP :
			   strcmp(way, "pid") == 0   ? LF_PID :
						       0);
}

static void *acquire_other(void *path)
{
	struct lf_lock *lock;

	lf_acquire(&lock, path, LF_FOREVER, LF_KEEP);
	return NULL;
}

int main(int argc, char **argv)
{
	long rounds, done;
	pthread_t thread;

	if (argc != 3 && argc != 6 && argc != 7)
		return 64;
	directory = argv[1];
	counter = argv[2];
	if (argc == 3) {
		section();
		return 0;
	}
	if (argc == 7 && pthread_create(&thread, NULL, acquire_other, argv[6]))
		return 70;
	rounds = atol(argv[3]);
	for (done = 0; rounds > 0 ? done < rounds :
				    access(in_directory("end"), F_OK) < 0;
	     done++)
		turn_by(argv[4], argv[5]);
	if (rounds == 0)
		printf("%ld\n", done);
	return 0;
}
