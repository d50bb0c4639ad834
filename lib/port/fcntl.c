/* Record locks of the process, by fcntl(2): POSIX.1. */
#include "config.h"

#include "port/fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static struct flock record(enum os_lock lock, struct os_range range)
{
	static const short type[] = {
		[OS_UNLOCK] = F_UNLCK,
		[OS_READ] = F_RDLCK,
		[OS_WRITE] = F_WRLCK,
	};

	/* l_pid stays 0, as F_OFD_* demands (Linux 3.15). */
	return (struct flock){
		.l_type = type[lock],
		.l_whence = SEEK_SET,
		.l_start = range.start,
		.l_len = range.length,
	};
}

int fcntl_lock(int fd, int command, enum os_lock lock, struct os_range range)
{
	struct flock request = record(lock, range);

	return fcntl(fd, command, &request) < 0 ? -errno : 0;
}

int fcntl_lock_wait(int fd, int command, enum os_lock lock,
		    struct os_range range)
{
	int rc;

	os_cancel_begin();
	rc = fcntl_lock(fd, command, lock, range);
	os_cancel_end();
	return rc;
}

int fcntl_test(int fd, int command, enum os_lock lock, struct os_range *range,
	       pid_t *pid)
{
	struct flock answer = record(lock, *range);

	if (fcntl(fd, command, &answer) < 0)
		return -errno;
	if (answer.l_type == F_UNLCK)
		return 0;
	*range = (struct os_range){ answer.l_start, answer.l_len };
	/* -1: a lock of an open file description; less: of another machine. */
	*pid = answer.l_pid > 0 ? answer.l_pid : 0;
	return 1;
}

bool os_locks_by_lockf(void)
{
	return false;
}

int os_process_lock(int fd, enum os_lock lock, struct os_range range,
		    enum os_wait wait)
{
	int rc;

	if (wait == OS_WAIT)
		return fcntl_lock_wait(fd, F_SETLKW, lock, range);
	rc = fcntl_lock(fd, F_SETLK, lock, range);
	/* POSIX lets F_SETLK say either when another process is in the way. */
	return rc == -EACCES ? -EAGAIN : rc;
}

int os_process_test(int fd, enum os_lock lock, struct os_range *range,
		    pid_t *pid)
{
	return fcntl_test(fd, F_GETLK, lock, range, pid);
}
