/* SPDX-License-Identifier: 0BSD */
/*
 * foreign flopen|lockf|record try|wait FILE COMMAND [ARGUMENT]...
 *
 * Runs COMMAND under a lock of FILE as programs without our library take it; with
 * "try" exits with status 1 if FILE is locked.  flopen is the algorithm of FreeBSD's
 * flopen(3) and pidfile_open(3): open, flock(2), and once more from the start
 * unless the path still names the file.  lockf uses lockf(3), record a lock of
 * fcntl(2).  It is in plain C, for any library and without large files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int lock_record(int fd, int waits)
{
	struct flock whole;

	memset(&whole, 0, sizeof(whole));
	whole.l_type = F_WRLCK;
	whole.l_whence = SEEK_SET;
	return fcntl(fd, waits ? F_SETLKW : F_SETLK, &whole);
}

static int lock_by(const char *kind, int fd, int waits)
{
	if (strcmp(kind, "flopen") == 0)
		return flock(fd, waits ? LOCK_EX : LOCK_EX | LOCK_NB);
	if (strcmp(kind, "lockf") == 0)
		return lockf(fd, waits ? F_LOCK : F_TLOCK, 0);
	return lock_record(fd, waits);
}

static int is_still_at(const char *path, int fd)
{
	struct stat there, ours;

	return stat(path, &there) == 0 && fstat(fd, &ours) == 0 &&
	       there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

/* The descriptor, or -1. */
static int open_locked(const char *kind, const char *path, int waits)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

		if (fd < 0)
			return -1;
		if (lock_by(kind, fd, waits) < 0) {
			close(fd);
			return -1;
		}
		if (is_still_at(path, fd))
			return fd;
		close(fd);
	}
}

int main(int argc, char **argv)
{
	pid_t pid;
	int fd, status;

	if (argc < 5)
		return 64;
	fd = open_locked(argv[1], argv[3], strcmp(argv[2], "wait") == 0);
	if (fd < 0) {
		fprintf(stderr, "foreign: %s: %s\n", argv[3], strerror(errno));
		return errno == EAGAIN || errno == EACCES ? 1 : 71;
	}
	pid = fork();
	if (pid == 0) {
		execvp(argv[4], argv + 4);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 71;
	close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 71;
}
