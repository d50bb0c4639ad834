/* SPDX-License-Identifier: 0BSD */
/*
 * Record locks by fcntl(2): POSIX.1; those of an open file description: Linux
 * 3.15, POSIX.1-2024.
 */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <unistd.h>

#ifdef LF_NO_OFD_LOCKS
static const bool has_ofd_locks = false;
#else
static const bool has_ofd_locks = true;
#endif

bool lf_has_ofd_locks(void)
{
	return has_ofd_locks;
}

bool lf_locks_by_lockf(void)
{
	return false;
}

static bool is_ofd(int command)
{
	return command == F_OFD_SETLK || command == F_OFD_SETLKW ||
	       command == F_OFD_GETLK;
}

static bool is_missing(int command)
{
	return !has_ofd_locks && is_ofd(command);
}

/* As by a kernel without such locks: a bad descriptor comes first. */
static int refused(int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -errno : -EINVAL;
}

/*
 * POSIX allows EACCES when another process holds a lock; Linux uses EAGAIN for
 * that, and EACCES when a security module refuses.
 */
static int meaning_of_eacces(int fd, struct flock lock)
{
	return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ?
		       -EAGAIN :
		       -EACCES;
}

int lf_setlk(int fd, int command, short type, off_t start, off_t length)
{
	/* l_pid stays 0, as F_OFD_SETLK demands. */
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = length,
	};

	if (is_missing(command))
		return refused(fd);
	if (fcntl(fd, command, &lock) == 0)
		return 0;
	if (errno == EACCES && command == F_SETLK)
		return meaning_of_eacces(fd, lock);
	/* A kernel or emulator that does not know the command says one of these. */
	return errno == ENOSYS && is_ofd(command) ? -EINVAL : -errno;
}

int lf_getlk(int fd, int command, struct flock *lock)
{
	lock->l_whence = SEEK_SET;
	lock->l_pid = 0;
	if (is_missing(command))
		return refused(fd);
	return fcntl(fd, command, lock) < 0 ? -errno : 0;
}
