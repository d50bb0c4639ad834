/* SPDX-License-Identifier: 0BSD */
/* A descriptor of the calling shell, which keeps the lock after lf-acquire. */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* By Linux's proc(5), unless the file has been renamed or removed since. */
static bool find_path(int fd, char *path, size_t size)
{
	struct stat file, named;
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, size - 1);
	if (length <= 0)
		return false;
	path[length] = '\0';
	return fstat(fd, &file) == 0 && lstat(path, &named) == 0 &&
	       file.st_dev == named.st_dev && file.st_ino == named.st_ino;
}

const char *descriptor_name(int fd)
{
	static char *name;

	if (!name)
		name = checked(malloc(PATH_MAX));
	if (!find_path(fd, name, PATH_MAX))
		snprintf(name, PATH_MAX, "descriptor %d", fd);
	return name;
}

/* An exclusive lock needs a descriptor for writing, a shared one for reading. */
static const char *why_not_lockable(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return "not open; open it first, for example with "
		       "exec 9>>LOCKFILE";
	if ((flags & O_ACCMODE) == O_WRONLY)
		return "not open for reading, which --shared needs; open it "
		       "for example with exec 9<>LOCKFILE";
	return "not open for writing; open it for example with "
	       "exec 9>>LOCKFILE, or use --shared";
}

const char *descriptor_advice(int fd, int error)
{
	switch (-error) {
	case EBADF:
		return why_not_lockable(fd);
	case EPERM:
		return "its lock belongs to another process, such as the "
		       "lf-acquire that runs this command, and ends with it; "
		       "nothing was changed";
	case ESTALE:
		return "removed since it was opened; every lf-acquire that "
		       "locks this file needs --keep";
	default:
		return NULL;
	}
}

static int locks_end_with_process(const char *name)
{
	message_about(name, "a lock belongs to the process on this system and "
			    "would end with lf-acquire; use lf-acquire "
			    "LOCKFILE COMMAND");
	return STATUS_SYSTEM;
}

int descriptor_leave(struct lf_lock *lock, const char *name)
{
	if (lf_backend(lock) == LF_BACKEND_OFD)
		return 0;
	lf_release(&lock);
	return locks_end_with_process(name);
}

/* The kernel unlocks what was never locked, a device as well. */
static int check_type(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
}

int descriptor_unlock(int fd, const char *name)
{
	const char *advice;
	int rc = check_type(fd);

	if (rc == 0)
		rc = lf_release_fd(fd);
	if (rc == 0)
		return 0;
	if (rc == -ENOLCK)
		return locks_end_with_process(name);
	advice = descriptor_advice(fd, rc);
	message_about(name, "%s", advice ? advice : lf_strerror(rc));
	return rc == -EIO ? STATUS_SYSTEM : STATUS_CANNOT_OPEN;
}
