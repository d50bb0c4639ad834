/* No O_CLOEXEC: a child that another thread forks in between may inherit. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int close_on_exec(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

int os_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd = openat(dirfd, path, flags, mode), rc;

	if (fd < 0)
		return -errno;
	rc = close_on_exec(fd);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int os_pipe_anywhere(int fd[2])
{
	int rc;

	if (pipe(fd) < 0)
		return -errno;
	rc = close_on_exec(fd[0]);
	if (rc == 0)
		rc = close_on_exec(fd[1]);
	if (rc < 0) {
		close(fd[0]);
		close(fd[1]);
	}
	return rc;
}
