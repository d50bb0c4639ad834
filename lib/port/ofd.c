/*
 * Record locks of an open file description: Linux 3.15, POSIX.1-2024.  A kernel
 * that lacks them says EINVAL.
 */
#include "config.h"

#include "port/fcntl.h"

#include <fcntl.h>

bool os_has_description_locks(void)
{
	return true;
}

int os_description_lock(int fd, enum os_lock lock, struct os_range range,
			enum os_wait wait)
{
	return wait == OS_WAIT ?
		       fcntl_lock_wait(fd, F_OFD_SETLKW, lock, range) :
		       fcntl_lock(fd, F_OFD_SETLK, lock, range);
}

int os_description_test(int fd, enum os_lock lock, struct os_range *range,
			pid_t *pid)
{
	return fcntl_test(fd, F_OFD_GETLK, lock, range, pid);
}
