/*
 * Record locks of the process, by lockf(3), where fcntl(2) has none.  lockf
 * counts from the file offset, which the library never moves from 0: only
 * ranges that begin there can be had.
 */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <unistd.h>

bool os_locks_by_lockf(void)
{
	return true;
}

int os_process_lock(int fd, enum os_lock lock, struct os_range range,
		    enum os_wait wait)
{
	int function = lock == OS_UNLOCK ? F_ULOCK :
		       wait == OS_WAIT	 ? F_LOCK :
					   F_TLOCK;
	int rc;

	if (range.start != 0)
		return -EINVAL;
	if (lock == OS_READ)
		return -ENOLCK; /* it has no shared locks */
	if (wait == OS_WAIT)
		os_cancel_begin();
	rc = lockf(fd, function, range.length) < 0 ? -errno : 0;
	if (wait == OS_WAIT)
		os_cancel_end();
	return rc == -EACCES && function == F_TLOCK ? -EAGAIN : rc;
}

/* F_TEST cannot say whose lock it is, nor where. */
int os_process_test(int fd, enum os_lock lock, struct os_range *range,
		    pid_t *pid)
{
	(void)lock; /* they are all exclusive */
	if (range->start != 0)
		return -EINVAL;
	if (lockf(fd, F_TEST, range->length) == 0)
		return 0;
	if (errno != EACCES && errno != EAGAIN)
		return -errno;
	*pid = 0;
	return 1;
}
