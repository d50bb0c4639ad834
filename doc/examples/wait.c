/* SPDX-License-Identifier: 0BSD */
/*
 * One after the other: waits for the lock, with an optional limit in seconds.
 *
 *     cc -o wait wait.c $(pkg-config --cflags --libs liblockfile-fcntl)
 *     ./wait /run/user/$(id -u)/wait.lock 60
 */
#include <errno.h>
#include <limits.h>
#include <lockfile-fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/* EX_TEMPFAIL of <sysexits.h>: try again later. */
#define STATUS_HELD 75

/* The work: waits for Enter, or for the end of the input. */
static int work(void)
{
	int c;

	puts("at work; Enter ends it");
	if (fflush(stdout) == EOF) {
		perror("wait: standard output");
		return EXIT_FAILURE;
	}
	do {
		c = getchar();
	} while (c != '\n' && c != EOF);
	return EXIT_SUCCESS;
}

/* Returns milliseconds, or -1 if TEXT is not a number of seconds. */
static int read_timeout(const char *text)
{
	char *end;
	long seconds;

	errno = 0;
	seconds = strtol(text, &end, 10);
	if (end == text || *end || errno || seconds < 0 ||
	    seconds > INT_MAX / 1000)
		return -1;
	return (int)seconds * 1000;
}

int main(int argc, char **argv)
{
	int timeout_ms = LF_FOREVER, rc, status;
	struct lf_lock *lock;

	if (argc == 3)
		timeout_ms = read_timeout(argv[2]);
	if (argc < 2 || argc > 3 || (argc == 3 && timeout_ms < 0)) {
		fprintf(stderr, "Usage: wait LOCKFILE [SECONDS]\n");
		return EXIT_FAILURE;
	}
	/* First without waiting, to print a message only if it has to wait. */
	rc = lf_acquire(&lock, argv[1], 0, 0);
	if (rc == -EAGAIN && timeout_ms != 0) {
		fprintf(stderr, "wait: waiting for %s\n", argv[1]);
		rc = lf_acquire(&lock, argv[1], timeout_ms, 0);
	}
	if (rc == -EAGAIN || rc == -ETIMEDOUT) {
		fprintf(stderr, "wait: %s is still held\n", argv[1]);
		return STATUS_HELD;
	}
	if (rc < 0) {
		fprintf(stderr, "wait: %s: %s\n", argv[1], lf_strerror(rc));
		return EXIT_FAILURE;
	}
	status = work();
	lf_release(&lock);
	return status;
}
