/* Opening close-on-exec in one step, by O_CLOEXEC: POSIX.1-2008. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <fcntl.h>

int os_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd = openat(dirfd, path, flags | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd;
}
