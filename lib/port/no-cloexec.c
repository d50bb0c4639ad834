/* No O_CLOEXEC: a child that another thread forks in between may inherit. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int os_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd = openat(dirfd, path, flags, mode), error;

	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}
