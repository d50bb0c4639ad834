/* No locks of an open file description: answer as a kernel without them. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <fcntl.h>

bool os_has_description_locks(void)
{
	return false;
}

int os_description_lock(int fd, enum os_lock lock, struct os_range range,
			enum os_wait wait)
{
	(void)lock, (void)range, (void)wait;
	return fcntl(fd, F_GETFD) < 0 ? -errno : -EINVAL;
}

int os_description_test(int fd, enum os_lock lock, struct os_range *range,
			pid_t *pid)
{
	(void)fd, (void)lock, (void)range, (void)pid;
	return -EINVAL;
}
