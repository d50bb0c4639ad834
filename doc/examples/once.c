/* SPDX-License-Identifier: 0BSD */
/*
 * One instance at a time: a second one prints the PID of the first, and fails.
 *
 *     cc -o once once.c $(pkg-config --cflags --libs liblockfile-fcntl)
 *     ./once /run/user/$(id -u)/once.lock
 */
#include <errno.h>
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
		perror("once: standard output");
		return EXIT_FAILURE;
	}
	do {
		c = getchar();
	} while (c != '\n' && c != EOF);
	return EXIT_SUCCESS;
}

static int already_running(const char *path)
{
	pid_t pid;

	/* The holder may have ended since, or be unknown. */
	if (lf_check(path, &pid) == 1 && pid > 0)
		fprintf(stderr, "once: already running: PID %ld\n", (long)pid);
	else
		fprintf(stderr, "once: already running\n");
	return STATUS_HELD;
}

int main(int argc, char **argv)
{
	struct lf_lock *lock;
	int rc, status;

	if (argc != 2) {
		fprintf(stderr, "Usage: once LOCKFILE\n");
		return EXIT_FAILURE;
	}
	rc = lf_acquire(&lock, argv[1], 0, 0);
	if (rc == -EAGAIN)
		return already_running(argv[1]);
	if (rc < 0) {
		fprintf(stderr, "once: %s: %s\n", argv[1], lf_strerror(rc));
		return EXIT_FAILURE;
	}
	status = work();
	/* An instance that is killed before this leaves only the file behind. */
	lf_release(&lock);
	return status;
}
