/* SPDX-License-Identifier: 0BSD */
/*
 * steps convert|adopt|start LOCKFILE COMMAND [ARGUMENT]...
 *
 * Uses the library where lf-acquire does not, and runs COMMAND under the lock:
 * converts to shared and back first, lets a child adopt the lock and run COMMAND,
 * or waits by descriptor.  Exits with the status of COMMAND, or 71.
 */
#include "config.h"

#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what, int rc)
{
	fprintf(stderr, "steps: %s: %s\n", what, lf_strerror(rc));
	return 71;
}

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return fail("child", -EAGAIN);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 71;
}

static int run(char **command)
{
	pid_t pid = fork();

	if (pid != 0)
		return status_of(pid);
	execvp(command[0], command);
	_exit(127);
}

static int run_and_release(struct lf_lock *lock, char **command)
{
	int status, rc;

	/* As lf-acquire does: COMMAND keeps the lock if this process is killed. */
	(void)!fcntl(lf_fileno(lock), F_DUPFD, 10);
	status = run(command);
	rc = lf_release(&lock);
	return rc < 0 ? fail("release", rc) : status;
}

static int convert(const char *path, char **command)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, LF_FOREVER, LF_SHARED);

	if (rc == 0)
		rc = lf_convert(lock, 60000, 0);
	if (rc == 0)
		rc = lf_convert(lock, LF_FOREVER, LF_SHARED);
	if (rc == 0)
		rc = lf_convert(lock, 0, 0);
	return rc < 0 ? fail("convert", rc) : run_and_release(lock, command);
}

/* The end of the child closes the pipe as well. */
static int adopt(const char *path, char **command)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, LF_FOREVER, 0);
	int adopted[2];
	pid_t pid;
	char c;

	if (rc < 0 || pipe(adopted) < 0)
		return fail("acquire", rc);
	pid = fork();
	if (pid == 0) {
		close(adopted[0]);
		rc = lf_adopt(lock);
		close(adopted[1]);
		_exit(rc < 0 ? fail("adopt", rc) :
			       run_and_release(lock, command));
	}
	close(adopted[1]);
	(void)!read(adopted[0], &c, 1);
	rc = lf_release(&lock);
	if (rc < 0)
		return fail("release", rc);
	return status_of(pid);
}

static int start(const char *path, char **command)
{
	struct lf_lock *lock;
	int rc = lf_start(&lock, path, 0);
	struct pollfd over = { .events = POLLIN };

	if (rc < 0)
		return fail("start", rc);
	over.fd = lf_pending_fd(lock);
	poll(&over, 1, -1);
	rc = lf_finish(&lock);
	return rc < 0 ? fail("finish", rc) : run_and_release(lock, command);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 64;
	if (strcmp(argv[1], "convert") == 0)
		return convert(argv[2], argv + 3);
	if (strcmp(argv[1], "adopt") == 0)
		return adopt(argv[2], argv + 3);
	if (strcmp(argv[1], "start") == 0)
		return start(argv[2], argv + 3);
	return 64;
}
