/* SPDX-License-Identifier: 0BSD */
/* O_CLOEXEC and F_DUPFD_CLOEXEC where they are missing. */
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
