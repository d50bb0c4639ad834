/* SPDX-License-Identifier: 0BSD */
/*
 * One instance of a daemon.  If one runs already, or the start fails, the
 * command prints so and fails.
 *
 *     cc -o daemon daemon.c $(pkg-config --cflags --libs liblockfile-fcntl)
 *     ./daemon /run/user/$(id -u)/daemon.lock daemon.log
 *     kill $(cat /run/user/$(id -u)/daemon.lock)
 */
#include <errno.h>
#include <fcntl.h>
#include <lockfile-fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* EX_TEMPFAIL of <sysexits.h>: try again later. */
#define STATUS_HELD 75

static int already_running(const char *path)
{
	pid_t pid;

	/* The holder may have ended since, or be unknown. */
	if (lf_check(path, &pid) == 1 && pid > 0)
		fprintf(stderr, "daemon: already running: PID %ld\n",
			(long)pid);
	else
		fprintf(stderr, "daemon: already running\n");
	return STATUS_HELD;
}

/* --- The daemon */

/*
 * Reports the failure to the starter.  The lock is released first, so that the
 * next start after the message finds it free.
 */
static int give_up(struct lf_lock *lock, int starter, const char *what,
		   const char *why)
{
	lf_release(&lock);
	dprintf(starter, "%s: %s\n", what, why);
	return EXIT_FAILURE;
}

static int leave_terminal(const char *log)
{
	return freopen("/dev/null", "r", stdin) && freopen(log, "a", stdout) &&
	       dup2(STDOUT_FILENO, STDERR_FILENO) >= 0 ? 0 : -errno;
}

/* Runs in the child.  The parent reads the other end of the pipe STARTER. */
static int serve(struct lf_lock *lock, const char *log, int starter)
{
	sigset_t end;
	int rc, sig;

	/*
	 * sigwait() below needs the signal blocked in all threads, and
	 * lf_adopt() may start one.
	 */
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);

	rc = lf_adopt(lock);
	if (rc < 0)
		return give_up(lock, starter, "lock", lf_strerror(rc));
	rc = leave_terminal(log);
	if (rc < 0)
		return give_up(lock, starter, log, strerror(-rc));
	if (setsid() < 0 || chdir("/") < 0)
		return give_up(lock, starter, "session", strerror(errno));

	dprintf(starter, "\n");
	close(starter);

	printf("daemon: PID %ld is at work\n", (long)getpid());
	fflush(stdout);
	sigwait(&end, &sig);
	printf("daemon: PID %ld ends\n", (long)getpid());
	lf_release(&lock);
	return fclose(stdout) == EOF ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* --- The starter */

/* The daemon sends an empty line when it is at work, else a message. */
static int wait_for_daemon(int fd)
{
	FILE *from = fdopen(fd, "r");
	char line[256];

	if (!from || !fgets(line, sizeof(line), from))
		strcpy(line, "ended without a message\n");
	if (line[0] == '\n')
		return EXIT_SUCCESS;
	fprintf(stderr, "daemon: %s", line);
	return EXIT_FAILURE;
}

static int start(struct lf_lock *lock, const char *log)
{
	int channel[2], status = EXIT_FAILURE;

	if (pipe(channel) < 0) {
		perror("daemon: pipe");
		lf_release(&lock);
		return status;
	}
	switch (fork()) {
	case -1:
		perror("daemon: fork");
		break;
	case 0:
		close(channel[0]);
		return serve(lock, log, channel[1]);
	default:
		close(channel[1]);
		status = wait_for_daemon(channel[0]);
	}
	/* If the daemon has adopted the lock, this only frees the handle. */
	lf_release(&lock);
	return status;
}

int main(int argc, char **argv)
{
	struct lf_lock *lock;
	int fd, rc;

	if (argc != 3) {
		fprintf(stderr, "Usage: daemon LOCKFILE LOGFILE\n");
		return EXIT_FAILURE;
	}
	/*
	 * A standard stream may be closed.  Fill its place, so that no file
	 * opened later is taken for it.
	 */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);

	/* With the PID in the file, as is usual for daemons. */
	rc = lf_acquire(&lock, argv[1], 0, LF_PID);
	if (rc == -EAGAIN)
		return already_running(argv[1]);
	if (rc < 0) {
		fprintf(stderr, "daemon: %s: %s\n", argv[1], lf_strerror(rc));
		return EXIT_FAILURE;
	}
	return start(lock, argv[2]);
}
