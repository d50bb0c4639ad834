/* What a handle tells of itself. */
#include "config.h"

#include "call.h"
#include "handle.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

int lf_verify(const struct lf_lock *lock)
{
	struct call call;
	int rc = 0;

	if (!lock)
		return -EBADF;
	call_enter(&call);
	/* Where it will be removed, and where others look for it. */
	if (lock->dir >= 0)
		rc = path_is_ours(lock, lock->dir, lock->name);
	if (rc == 0 && lock->path[0] == '/')
		rc = path_is_ours(lock, AT_FDCWD, lock->path);
	return call_leave(&call, rc, of_verify);
}

int lf_fileno(const struct lf_lock *lock)
{
	return lock ? lock->fd : -EBADF;
}

const char *lf_path(const struct lf_lock *lock)
{
	return lock ? lock->path : NULL;
}

int lf_describe(const struct lf_lock *lock, char *buffer, size_t size)
{
	if (!lock)
		return -EBADF;
	return snprintf(buffer, size, "<acquired lock file '%s'>", lock->path);
}

const char *lf_version(void)
{
	return PACKAGE_VERSION;
}
