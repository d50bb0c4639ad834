/* The way in and out of a public function, and the errors it may return. */
#include "config.h"

#include "call.h"

#include "lockfile-fcntl.h"
#include "port/os.h"

#include <errno.h>

void call_enter(struct call *call)
{
	call->saved_errno = errno;
	call->cancel_state = os_cancel_disable();
}

int call_leave(const struct call *call, int result, const int *errors)
{
	os_cancel_restore(call->cancel_state);
	errno = call->saved_errno;
	if (result >= 0)
		return result;
	while (*errors != 0 && *errors != -result)
		errors++;
	return *errors != 0 ? result : -EIO;
}

const int of_acquire[] = {
	EAGAIN,
	EINTR,
	EDEADLK,
	EINVAL,
	EACCES,
	EBADF,
	EBUSY,
	EDQUOT,
	EISDIR,
	ELOOP,
	EMFILE,
	ENAMETOOLONG,
	ENFILE,
	ENOENT,
	ENOLCK,
	ENOMEM,
	ENOSPC,
	ENOTDIR,
	ENOTSUP,
	EOVERFLOW,
	EPERM,
	EROFS,
	ESTALE,
	ETXTBSY,
	EIO,
	0,
};

const int of_check[] = {
	EINVAL,
	EACCES,
	EBUSY,
	EISDIR,
	ELOOP,
	EMFILE,
	ENAMETOOLONG,
	ENFILE,
	ENOENT,
	ENOLCK,
	ENOMEM,
	ENOTDIR,
	ENOTSUP,
	EIO,
	0,
};

const int of_release[] = {
	EBADF,
	0,
};

const int of_verify[] = {
	ESTALE,
	EACCES,
	EBADF,
	ENOMEM,
	EIO,
	0,
};

const char *lf_strerror(int error)
{
	switch (error < 0 ? -error : error) {
	case 0:
		return "no error";
	case EAGAIN:
		return "the lock is held by another";
	case EINTR:
		return "interrupted by a signal while waiting";
	case EDEADLK:
		return "waiting would never end";
	case EINVAL:
		return "invalid argument";
	case EBADF:
		return "not a lock or a directory that is open";
	case ESTALE:
		return "the path no longer names the locked file";
	case EACCES:
		return "permission denied";
	case EBUSY:
		return "another process has a lease on the file";
	case EDQUOT:
		return "disk quota exceeded";
	case EISDIR:
		return "is a directory";
	case ELOOP:
		return "is a symbolic link";
	case EMFILE:
		return "too many open files in this process";
	case ENAMETOOLONG:
		return "the name is too long";
	case ENFILE:
		return "too many open files in the system";
	case ENOENT:
		return "no such file or directory";
	case ENOLCK:
		return "no record locks to be had on this file system";
	case ENOMEM:
		return "out of memory";
	case ENOSPC:
		return "no space left on the device";
	case ENOTDIR:
		return "a part of the path is not a directory";
	case ENOTSUP:
		return "is not a regular file";
	case EOVERFLOW:
		return "the file is too large for this program";
	case EPERM:
		return "operation not permitted";
	case EROFS:
		return "the file system is read-only";
	case ETXTBSY:
		return "is a program that is running";
	case EIO:
		return "input/output error or another failure of the system";
	default:
		return "unknown error";
	}
}
