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

static const struct error {
	int number;
	unsigned functions;
	const char *text;
} errors[] = {
	{ EAGAIN, ACQUIRE | ACQUIRE_FD | ADOPT | CONVERT,
	  "the lock is held by another" },
	{ ETIMEDOUT, ACQUIRE | ACQUIRE_FD | CONVERT,
	  "the lock was not to be had in this time" },
	{ EINTR, ACQUIRE | ACQUIRE_FD | CONVERT,
	  "interrupted by a signal while waiting" },
	{ EDEADLK, ACQUIRE | FINISH | ACQUIRE_FD | CONVERT,
	  "waiting would never end" },
	{ EINVAL, ACQUIRE | START | CHECK | INSPECT | ACQUIRE_FD | CONVERT,
	  "invalid argument" },
	{ EBADF, ACQUIRE | FINISH | RELEASE | VERIFY | ACQUIRE_FD | ADOPT |
	  CONVERT,
	  "no lock, or no open directory" },
	{ ESTALE, ACQUIRE | START | FINISH | VERIFY | ACQUIRE_FD | ADOPT,
	  "the path no longer names the locked file" },
	{ EACCES, ACQUIRE | START | FINISH | VERIFY | CHECK | INSPECT | ADOPT |
	  CONVERT,
	  "permission denied" },
	{ EBUSY, ACQUIRE | START | FINISH | CHECK | INSPECT,
	  "another process has a lease on the file" },
	{ EDQUOT, ACQUIRE | START | FINISH | ADOPT,
	  "disk quota exceeded" },
	{ EISDIR, ACQUIRE | START | FINISH | CHECK | INSPECT | ACQUIRE_FD,
	  "is a directory" },
	{ ELOOP, ACQUIRE | START | FINISH | CHECK | INSPECT,
	  "is a symbolic link" },
	{ EMFILE, ACQUIRE | START | FINISH | CHECK | INSPECT | ACQUIRE_FD |
	  CONVERT,
	  "too many open files in this process" },
	{ ENAMETOOLONG, ACQUIRE | START | FINISH | CHECK | INSPECT,
	  "the name is too long" },
	{ ENFILE, ACQUIRE | START | FINISH | CHECK | INSPECT | ACQUIRE_FD |
	  CONVERT,
	  "too many open files in the system" },
	{ ENOENT, ACQUIRE | START | FINISH | CHECK | INSPECT,
	  "no such file or directory" },
	{ ENOLCK, ACQUIRE | START | FINISH | CHECK | INSPECT | ACQUIRE_FD |
	  ADOPT | CONVERT,
	  "no record locks to be had on this file system" },
	{ ENOMEM, ACQUIRE | START | FINISH | VERIFY | CHECK | INSPECT |
	  ACQUIRE_FD | ADOPT | CONVERT,
	  "out of memory or threads" },
	{ ENOSPC, ACQUIRE | START | FINISH | ADOPT,
	  "no space left on the device" },
	{ ENOTDIR, ACQUIRE | START | FINISH | CHECK | INSPECT,
	  "a part of the path is not a directory" },
	{ ENOTSUP, ACQUIRE | START | FINISH | CHECK | INSPECT | ACQUIRE_FD,
	  "is not a regular file" },
	{ ENOTEMPTY, ACQUIRE | START | FINISH | ADOPT,
	  "has content that is not a PID" },
	{ EOVERFLOW, ACQUIRE | START | FINISH,
	  "the file is too large for this program" },
	{ EPERM, ACQUIRE | START | FINISH,
	  "operation not permitted" },
	{ EROFS, ACQUIRE | START | FINISH,
	  "the file system is read-only" },
	{ ETXTBSY, ACQUIRE | START | FINISH,
	  "is a program that is running" },
	{ EIO, ACQUIRE | START | FINISH | VERIFY | CHECK | INSPECT |
	  ACQUIRE_FD | ADOPT | CONVERT,
	  "input/output error or another failure of the system" },
};

static const struct error *find(int number)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].number == number)
			return &errors[i];
	return NULL;
}

int call_leave(const struct call *call, int result, enum function function)
{
	const struct error *error;

	os_cancel_restore(call->cancel_state);
	errno = call->saved_errno;
	if (result >= 0)
		return result;
	error = find(-result);
	return error && error->functions & function ? result : -EIO;
}

const char *lf_strerror(int error)
{
	const struct error *known = find(error < 0 ? -error : error);

	if (known)
		return known->text;
	return error == 0 ? "no error" : "unknown error";
}
