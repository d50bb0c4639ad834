/* SPDX-License-Identifier: 0BSD */
/*
 * steps STEPS LOCKFILE COMMAND [ARGUMENT]...
 *
 * Uses the library where lf-acquire does not, and runs COMMAND under the lock:
 *
 *	convert  converts to shared and back first
 *	convert-flock
 *	         the same with LF_FLOCK
 *	upgrade  shares the lock, and asks in vain for more: another shares it
 *	twice    shares the lock by two handles, and releases one of them
 *	adopt    a child adopts the lock and runs COMMAND
 *	start    waits by descriptor
 *	give-up  begins to wait by descriptor, gives up, and does not run COMMAND
 *	fd       a child locks the descriptor of the parent, as lf-acquire --fd
 *
 * Exits with the status of COMMAND, or 71.
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

static int convert(const char *path, unsigned flags, char **command)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, LF_FOREVER, LF_SHARED | flags);

	if (rc == 0)
		rc = lf_convert(lock, 60000, 0);
	if (rc == 0)
		rc = lf_convert(lock, LF_FOREVER, LF_SHARED);
	if (rc == 0)
		rc = lf_convert(lock, 0, 0);
	return rc < 0 ? fail("convert", rc) : run_and_release(lock, command);
}

static int upgrade(const char *path, char **command)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, LF_FOREVER, LF_SHARED);

	if (rc < 0)
		return fail("acquire", rc);
	rc = lf_convert(lock, 20, 0);
	if (rc == 0)
		fputs("steps: exclusive beside another sharer\n", stderr);
	return run_and_release(lock, command);
}

/* The first handle has the tag, which is the second's then. */
static int twice(const char *path, char **command)
{
	struct lf_lock *lock, *other;
	int rc = lf_acquire(&lock, path, LF_FOREVER, LF_SHARED);

	if (rc == 0)
		rc = lf_acquire(&other, path, 0, LF_SHARED);
	if (rc == 0)
		rc = lf_release(&lock);
	return rc < 0 ? fail("twice", rc) : run_and_release(other, command);
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

/* Returns as lf_start(); the wait is over, or has lasted TIMEOUT_MS. */
static int start_and_wait(struct lf_lock **lock, const char *path,
			  int timeout_ms)
{
	struct pollfd over = { .events = POLLIN };
	int rc = lf_start(lock, path, 0);

	if (rc < 0)
		return rc;
	over.fd = lf_pending_fd(*lock);
	poll(&over, 1, timeout_ms);
	return 0;
}

static int start(const char *path, char **command)
{
	struct lf_lock *lock;
	int rc = start_and_wait(&lock, path, -1);

	if (rc < 0)
		return fail("start", rc);
	rc = lf_finish(&lock);
	return rc < 0 ? fail("finish", rc) : run_and_release(lock, command);
}

static int give_up(const char *path)
{
	struct lf_lock *lock;
	int rc = start_and_wait(&lock, path, 20);

	if (rc < 0)
		return fail("start", rc);
	rc = lf_release(&lock);
	return rc < 0 ? fail("give up", rc) : 0;
}

/* COMMAND runs only if the child has said that the lock is there. */
static int lock_descriptor(const char *path, char **command)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666), status;
	struct lf_lock *lock;
	pid_t pid;

	if (fd < 0)
		return fail("open", -errno);
	pid = fork();
	if (pid == 0) {
		int rc = lf_acquire_fd(&lock, fd, LF_FOREVER, 0);

		_exit(rc < 0 ? fail("acquire", rc) : 0);
	}
	status = status_of(pid);
	if (status == 0)
		status = run(command);
	close(fd);
	return status;
}

static int do_steps(const char *steps, const char *path, char **command)
{
	if (strcmp(steps, "convert") == 0)
		return convert(path, 0, command);
	if (strcmp(steps, "convert-flock") == 0)
		return convert(path, LF_FLOCK, command);
	if (strcmp(steps, "upgrade") == 0)
		return upgrade(path, command);
	if (strcmp(steps, "twice") == 0)
		return twice(path, command);
	if (strcmp(steps, "adopt") == 0)
		return adopt(path, command);
	if (strcmp(steps, "start") == 0)
		return start(path, command);
	if (strcmp(steps, "give-up") == 0)
		return give_up(path);
	if (strcmp(steps, "fd") == 0)
		return lock_descriptor(path, command);
	return 64;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 64;
	return do_steps(argv[1], argv[2], argv + 3);
}
