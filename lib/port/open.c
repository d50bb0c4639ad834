/* SPDX-License-Identifier: 0BSD */
/* Descriptors that a program cannot mistake for its standard streams. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <unistd.h>

/* A directory that need not be readable: O_PATH is Linux's, O_SEARCH POSIX's. */
#if defined O_PATH
# define NAME O_PATH
# define SEARCH (O_PATH | O_DIRECTORY)
#elif defined O_SEARCH
# define SEARCH (O_SEARCH | O_DIRECTORY)
#else
# define SEARCH (O_RDONLY | O_DIRECTORY)
#endif
#ifndef NAME
# define NAME (-1)
#endif

static int open_cloexec(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd = lf_cloexec(openat(dirfd, path, flags | O_CLOEXEC, mode));

	return fd < 0 ? -errno : fd;
}

/* Occupies the free ones of 0, 1 and 2 while it opens the file. */
static int open_above_stdio(int dirfd, const char *path, int flags, mode_t mode)
{
	int filler[3], count = 0, fd;

	do {
		fd = open_cloexec(AT_FDCWD, "/", SEARCH, 0);
		if (fd >= 0 && fd <= STDERR_FILENO)
			filler[count++] = fd;
	} while (fd >= 0 && fd <= STDERR_FILENO && count < 3);
	if (fd > STDERR_FILENO)
		close(fd);
	if (fd >= 0)
		fd = open_cloexec(dirfd, path, flags, mode);
	while (count > 0)
		close(filler[--count]);
	return fd;
}

int lf_open(int dirfd, const char *path, int flags, mode_t mode,
	    bool above_stdio)
{
	int fd = above_stdio ? open_above_stdio(dirfd, path, flags, mode) :
			       open_cloexec(dirfd, path, flags, mode);

	/* With O_NONBLOCK: a lease of another process, F_SETLEASE of Linux. */
	return fd == -EAGAIN ? -EBUSY : fd;
}

int lf_open_directory(int dirfd, const char *path)
{
	int fd = open_cloexec(dirfd, path, SEARCH, 0);

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	close(fd);
	return open_above_stdio(dirfd, path, SEARCH, 0);
}

/* Hardly any program has an O_PATH descriptor of its own. */
bool lf_is_directory(int fd)
{
#ifdef O_PATH
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? errno != EBADF : (flags & O_PATH) != 0;
#else
	struct stat st;

	return fstat(fd, &st) < 0 ? errno != EBADF : S_ISDIR(st.st_mode);
#endif
}

int lf_open_name(int dirfd, const char *path)
{
	return NAME < 0 ? -ENOENT : open_cloexec(dirfd, path, NAME, 0);
}

static int move_above_stdio(int *fd)
{
	int above;

	if (*fd > STDERR_FILENO)
		return 0;
	above = lf_cloexec(fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
	if (above < 0) /* EINVAL: the limit of the process is 3 or less */
		return errno == EINVAL ? -EMFILE : -errno;
	close(*fd);
	*fd = above;
	return 0;
}

int lf_pipe(int fd[2])
{
	int rc;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	rc = move_above_stdio(&fd[0]);
	if (rc == 0)
		rc = move_above_stdio(&fd[1]);
	if (rc < 0) {
		close(fd[0]);
		close(fd[1]);
	}
	return rc;
}
