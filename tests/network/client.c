/* SPDX-License-Identifier: 0BSD */
/*
 * What the tests of file servers ask the library:
 *
 *   client backend PATH            prints the kind of a lock on the file
 *   client acquire PATH MS         prints the result of lf_acquire()
 *   client verify PATH             prints the result of lf_verify() of a lock
 *   client leak PATH               takes a lock of an open file description,
 *                                  closes the file, and exits with 0 if it is
 *                                  locked still
 *   client beside CALL PATH LOCAL  makes CALL (acquire, check, release, verify or
 *                                  wait) on a file of a server that does not
 *                                  answer, in a thread, and goes on beside it
 *
 * beside prints a line before and after that call, and after each of its other
 * calls, and reads a line before it goes on.  LOCAL is held by another process.
 */
#include "config.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int backend(const char *path)
{
	static const char *const names[] = {
		[LF_BACKEND_OFD] = "ofd",
		[LF_BACKEND_FCNTL] = "fcntl",
		[LF_BACKEND_LOCKF] = "lockf",
	};
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, 0, 0);

	puts(rc < 0 ? lf_strerror(rc) : names[lf_backend(lock)]);
	return rc < 0 || lf_release(&lock) < 0;
}

static int acquire(const char *path, const char *timeout_ms)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, atoi(timeout_ms), 0);

	puts(lf_strerror(rc));
	return rc < 0;
}

static int verify(const char *path)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, 0, 0);

	if (rc < 0)
		return 2;
	rc = lf_verify(lock);
	puts(lf_strerror(rc));
	lf_release(&lock);
	return rc < 0;
}

/* Whether a process that comes later is refused. */
static int is_locked(const char *path)
{
	struct flock whole = { .l_type = F_WRLCK };
	int fd = open(path, O_RDWR);

	return fd >= 0 && fcntl(fd, F_SETLK, &whole) < 0 && errno == EAGAIN;
}

static int leak(const char *path)
{
	struct flock whole = { .l_type = F_WRLCK };
	int fd = open(path, O_RDWR | O_CREAT, 0666);

	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &whole) < 0)
		return 2;
	close(fd);
	return !is_locked(path);
}

/* ---- Beside a call that the server keeps */

static struct call {
	const char *name, *path;
	struct lf_lock *lock; /* held, if CALL is about a lock */
} call;

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static void *make_call(void *unused)
{
	pid_t pid;

	(void)unused;
	if (strcmp(call.name, "release") == 0)
		lf_release(&call.lock);
	else if (strcmp(call.name, "verify") == 0)
		lf_verify(call.lock);
	else if (strcmp(call.name, "check") == 0)
		lf_check(call.path, &pid);
	else
		lf_acquire(&call.lock, call.path,
			   strcmp(call.name, "wait") == 0 ? 60000 : 0, 0);
	return NULL;
}

/*
 * The end of the child, as each end of a process, closes the file on the server, and
 * takes as long as that does not answer.
 */
static pid_t start_child(const char *path)
{
	struct lf_lock *lock;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (lf_acquire(&lock, path, 0, 0) == 0 && lf_release(&lock) == 0)
		say("child released");
	_exit(0);
}

/* The name of the first that goes wrong, or NULL. */
static const char *go_on(const char *local)
{
	struct lf_report *report;
	struct lf_lock *lock;
	char free_path[4096];

	snprintf(free_path, sizeof(free_path), "%s.free", local);
	if (lf_acquire(&lock, free_path, 0, 0) < 0)
		return "acquire";
	say("acquired");
	if (lf_acquire(&(struct lf_lock *){ NULL }, local, 200, 0) !=
	    -ETIMEDOUT)
		return "wait";
	say("timed out");
	if (lf_check(local, NULL) != 1)
		return "check";
	say("checked");
	if (lf_inspect(local, &report) < 0)
		return "inspect";
	lf_report_free(report);
	say("inspected");
	if (lf_verify(lock) < 0 || lf_release(&lock) < 0)
		return "release";
	say("released");
	return start_child(free_path) < 0 ? "fork" : NULL;
}

static int beside(const char *name, const char *path, const char *local)
{
	bool of_lock = strcmp(name, "release") == 0 ||
		       strcmp(name, "verify") == 0;
	const char *wrong;
	pthread_t thread;

	call.name = name;
	call.path = path;
	if (of_lock && lf_acquire(&call.lock, path, 0, 0) < 0)
		return 2;
	say("ready");
	getchar();
	if (pthread_create(&thread, NULL, make_call, NULL) != 0)
		return 2;
	say("called");
	getchar();
	wrong = go_on(local);
	if (wrong)
		say(wrong);
	getchar();
	pthread_join(thread, NULL);
	wait(NULL);
	say("returned");
	return wrong != NULL;
}

int main(int argc, char **argv)
{
	const char *command = argc > 2 ? argv[1] : "";

	if (argc == 3 && strcmp(command, "backend") == 0)
		return backend(argv[2]);
	if (argc == 3 && strcmp(command, "verify") == 0)
		return verify(argv[2]);
	if (argc == 3 && strcmp(command, "leak") == 0)
		return leak(argv[2]);
	if (argc == 4 && strcmp(command, "acquire") == 0)
		return acquire(argv[2], argv[3]);
	if (argc == 5 && strcmp(command, "beside") == 0)
		return beside(argv[2], argv[3], argv[4]);
	fputs("client: invalid arguments\n", stderr);
	return 64;
}
