/* SPDX-License-Identifier: 0BSD */
/*
 * probe [-s] [-n NAME] [-u FIFO] STATUS LOCKFILE...
 *
 * The COMMAND of the tests in this directory.  From outside, by new descriptors,
 * it checks that each LOCKFILE is locked; that no other probe runs under the same
 * lock, unless -s says that it may; and that it has inherited no descriptors but
 * those of the lock files.  It appends one line to $TRUST_LOG as it begins,
 *
 *	NAME PID INODE
 *
 * with the inode of the first lock file, and one that begins with "wrong:" for
 * each fault.  With -u it then waits until it can read a line from FIFO.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *name = "probe";

/* In one write, so that lines of several probes do not mix. */
__attribute__((__format__(__printf__, 1, 2))) static void
note(const char *format, ...)
{
	int log = open(getenv("TRUST_LOG"),
		       O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	char line[256];
	va_list more;
	int length;

	va_start(more, format);
	length = vsnprintf(line, sizeof(line), format, more);
	va_end(more);
	if (log < 0 || write(log, line, (size_t)length) != length)
		abort();
	close(log);
}

/*
 * The descriptor stays open: to close it would drop a lock of this process, which
 * lf-acquire -F may have left to it.
 */
static void check_locked(const char *path, bool shared)
{
	struct flock lock = {
		.l_type = shared ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = 1,
	};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		note("wrong: %s: %s: %s\n", name, path, strerror(errno));
	else if (fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		note("wrong: %s: %s is not locked\n", name, path);
}

static bool is_one_of(const struct stat *st, char *const *paths)
{
	struct stat lock;

	for (; *paths; paths++)
		if (stat(*paths, &lock) == 0 && lock.st_dev == st->st_dev &&
		    lock.st_ino == st->st_ino)
			return true;
	return false;
}

static void check_descriptors(char *const *paths)
{
	struct stat st;

	for (int fd = 3; fd < 64; fd++)
		if (fstat(fd, &st) == 0 && !is_one_of(&st, paths))
			note("wrong: %s inherited descriptor %d\n", name, fd);
}

/* The first LOCKFILE with ".inside" exists while a probe runs under it. */
static void enter(const char *path, char *inside, size_t size)
{
	int fd;

	snprintf(inside, size, "%s.inside", path);
	fd = open(inside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		note("wrong: %s: %s: %s\n", name, inside, strerror(errno));
	else
		close(fd);
}

static void await_line(const char *fifo)
{
	int fd = open(fifo, O_RDONLY | O_CLOEXEC);
	char c;

	while (fd >= 0 && read(fd, &c, 1) == 1 && c != '\n')
		;
	close(fd);
}

int main(int argc, char **argv)
{
	const char *fifo = NULL;
	bool shared = false;
	char inside[256];
	struct stat st;
	int c, status;

	while ((c = getopt(argc, argv, "+sn:u:")) != -1) {
		if (c == 's')
			shared = true;
		else if (c == 'n')
			name = optarg;
		else if (c == 'u')
			fifo = optarg;
		else
			return 64;
	}
	argv += optind;
	if (argc - optind < 2)
		return 64;
	status = atoi(*argv++);
	for (char **path = argv; *path; path++)
		check_locked(*path, shared);
	check_descriptors(argv);
	if (!shared)
		enter(argv[0], inside, sizeof(inside));
	if (stat(argv[0], &st) < 0)
		st.st_ino = 0;
	note("%s %ld %lu\n", name, (long)getpid(), (unsigned long)st.st_ino);
	if (fifo)
		await_line(fifo);
	for (char **path = argv; *path; path++)
		check_locked(*path, shared);
	if (!shared)
		unlink(inside);
	return status;
}
