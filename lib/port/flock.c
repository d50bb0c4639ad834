/* flock(2): BSD, Linux.  Not in POSIX. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <sys/file.h>

int os_flock(int fd, enum os_flock lock)
{
	static const int operation[] = {
		[OS_FLOCK_UNLOCK] = LOCK_UN,
		[OS_FLOCK_SHARED] = LOCK_SH | LOCK_NB,
		[OS_FLOCK_EXCLUSIVE] = LOCK_EX | LOCK_NB,
	};

	return flock(fd, operation[lock]) < 0 ? -errno : 0;
}
