/* SPDX-License-Identifier: 0BSD */
/*
 * The close-on-exec flag where O_CLOEXEC and F_DUPFD_CLOEXEC are missing: set
 * after the descriptor was made.
 */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <unistd.h>

int lf_cloexec(int fd)
{
	int error;

	if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}
