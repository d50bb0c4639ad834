/* SPDX-License-Identifier: 0BSD */
/* pipe2(2) where it is missing: the flags are set after the pipe was made. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <unistd.h>

static int set_flags(int fd, int flags)
{
	int status;

	/* Also where O_CLOEXEC is missing, and 0. */
	if ((flags & O_CLOEXEC) == O_CLOEXEC &&
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -1;
	if (!(flags & O_NONBLOCK))
		return 0;
	status = fcntl(fd, F_GETFL);
	return status < 0 ? -1 : fcntl(fd, F_SETFL, status | O_NONBLOCK);
}

int (pipe2)(int fd[2], int flags)
{
	int error;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK)) {
		errno = EINVAL;
		return -1;
	}
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
