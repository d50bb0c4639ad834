/* Opening close-on-exec in one step, by O_CLOEXEC: POSIX.1-2008. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int os_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd = openat(dirfd, path, flags | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd;
}

int os_dup_above(int fd, int number)
{
	int above = fcntl(fd, F_DUPFD_CLOEXEC, number + 1);

	return above < 0 ? -errno : above;
}

/* pipe2(2): Linux 2.6.27, BSD, POSIX.1-2024. */
int os_pipe_anywhere(int fd[2])
{
	return pipe2(fd, O_CLOEXEC) < 0 ? -errno : 0;
}
