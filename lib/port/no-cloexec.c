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

/* FD as it is to be, or an error. */
static int new_descriptor(int fd)
{
	int rc;

	if (fd < 0)
		return -errno;
	rc = close_on_exec(fd);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int os_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	return new_descriptor(openat(dirfd, path, flags, mode));
}

/* F_DUPFD_CLOEXEC is as new as O_CLOEXEC. */
int os_dup_above(int fd, int number)
{
	return new_descriptor(fcntl(fd, F_DUPFD, number + 1));
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
