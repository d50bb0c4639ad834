/* No flock(2): nobody can mark his presence, everybody is alone. */
#include "config.h"

#include "port/os.h"

#include <errno.h>

int os_flock(int fd, enum os_flock lock)
{
	(void)fd;
	return lock == OS_FLOCK_SHARED ? -ENOTSUP : 0;
}
