/* SPDX-License-Identifier: 0BSD */
/* pipe2(2) where it is missing. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <unistd.h>

static int set_flags(int fd, int flags)
{
	int status = fcntl(fd, F_GETFL);

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || status < 0)
		return -1;
	return fcntl(fd, F_SETFL, status | (flags & O_NONBLOCK));
}

/* FLAGS: O_CLOEXEC, which is always set, and O_NONBLOCK. */
int pipe2(int fd[2], int flags)
{
	int error;

	if (pipe(fd) < 0)
		return -1;
	if (set_flags(fd[0], flags) == 0 && set_flags(fd[1], flags) == 0)
		return 0;
	error = errno;
	close(fd[0]);
	close(fd[1]);
	errno = error;
	return -1;
}
