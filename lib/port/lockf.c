/* SPDX-License-Identifier: 0BSD */
/*
 * Record locks by lockf(3), where fcntl(2) has none: exclusive, of the process,
 * without a name.  lockf counts from the file offset, which the library never
 * moves from 0, so a range must begin there.
 */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <unistd.h>

bool lf_has_ofd_locks(void)
{
	return false;
}

bool lf_locks_by_lockf(void)
{
	return true;
}

/* A bad descriptor comes first, as in fcntl(2). */
static int refused(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -errno : -EINVAL;
}

int lf_setlk(int fd, int command, short type, off_t start, off_t length)
{
	int function = type == F_UNLCK	   ? F_ULOCK :
		       command == F_SETLKW ? F_LOCK :
					     F_TLOCK;

	if ((command != F_SETLK && command != F_SETLKW) || start != 0)
		return refused(fd);
	if (type == F_RDLCK)
		return -ENOLCK; /* lockf has no shared locks */
	if (lockf(fd, function, length) == 0)
		return 0;
	/* POSIX allows either when another process holds a lock. */
	return errno == EACCES && function == F_TLOCK ? -EAGAIN : -errno;
}

/* F_TEST reports neither the owner of the lock nor its range. */
int lf_getlk(int fd, int command, struct flock *lock)
{
	if (command != F_GETLK || lock->l_start != 0)
		return refused(fd);
	lock->l_pid = 0;
	if (lockf(fd, F_TEST, lock->l_len) == 0)
		lock->l_type = F_UNLCK;
	else if (errno != EACCES && errno != EAGAIN)
		return -errno;
	return 0;
}
