/* SPDX-License-Identifier: 0BSD */
/* The errors: one table gives number, functions and text. */
#include "config.h"

#include "lock.h"

#include <errno.h>

static const struct error {
	int number;
	unsigned functions;
	const char *text;
} errors[] = {
	{ EAGAIN, LF_ACQUIRE | LF_ACQUIRE_FD | LF_ADOPT | LF_CONVERT | LF_VERIFY,
	  "another process holds the lock" },
	{ ETIMEDOUT, LF_ACQUIRE | LF_ACQUIRE_FD | LF_CONVERT,
	  "timed out waiting for the lock" },
	{ EINTR, LF_ACQUIRE | LF_ACQUIRE_FD | LF_CONVERT,
	  "interrupted by a signal while waiting" },
	{ EDEADLK, LF_ACQUIRE | LF_ACQUIRE_FD,
	  "waiting would never end" },
	{ EINVAL, LF_ACQUIRE | LF_START | LF_CHECK | LF_INSPECT | LF_ACQUIRE_FD | LF_CONVERT |
	  LF_INSPECT_MACHINE | LF_INSPECT_FS,
	  "invalid argument" },
	{ EBADF, LF_ACQUIRE | LF_FINISH | LF_RELEASE | LF_VERIFY | LF_ACQUIRE_FD | LF_ADOPT |
	  LF_CONVERT | LF_RELEASE_FD,
	  "not a lock, or not an open descriptor" },
	{ ESTALE, LF_ACQUIRE | LF_START | LF_FINISH | LF_VERIFY | LF_ACQUIRE_FD | LF_ADOPT,
	  "the path no longer names the locked file" },
	{ EACCES, LF_ACQUIRE | LF_START | LF_FINISH | LF_VERIFY | LF_CHECK | LF_INSPECT | LF_ADOPT |
	  LF_CONVERT | LF_ACQUIRE_FD | LF_INSPECT_FS,
	  "permission denied" },
	{ EBUSY, LF_ACQUIRE | LF_CHECK | LF_INSPECT,
	  "another process has a lease on the file" },
	{ EDQUOT, LF_ACQUIRE | LF_START | LF_FINISH | LF_ADOPT,
	  "disk quota exceeded" },
	{ EHOSTUNREACH, LF_ACQUIRE | LF_ACQUIRE_FD,
	  "the file system does not answer" },
	{ EISDIR, LF_ACQUIRE | LF_START | LF_FINISH | LF_CHECK | LF_INSPECT | LF_ACQUIRE_FD,
	  "is a directory" },
	{ ELOOP, LF_ACQUIRE | LF_START | LF_FINISH | LF_CHECK | LF_INSPECT | LF_INSPECT_FS,
	  "is a symbolic link" },
	{ EMFILE, LF_ACQUIRE | LF_START | LF_FINISH | LF_CHECK | LF_INSPECT | LF_ACQUIRE_FD |
	  LF_CONVERT | LF_INSPECT_MACHINE | LF_INSPECT_FS,
	  "too many open files in this process" },
	{ EMLINK, LF_ACQUIRE | LF_START | LF_FINISH,
	  "the file has another name, and its content may be in use there" },
	{ ENAMETOOLONG, LF_ACQUIRE | LF_START | LF_FINISH | LF_CHECK | LF_INSPECT | LF_INSPECT_FS,
	  "the name is too long" },
	{ ENFILE, LF_ACQUIRE | LF_START | LF_FINISH | LF_CHECK | LF_INSPECT | LF_ACQUIRE_FD |
	  LF_CONVERT | LF_INSPECT_MACHINE | LF_INSPECT_FS,
	  "too many open files in the system" },
	{ ENOENT, LF_ACQUIRE | LF_START | LF_FINISH | LF_CHECK | LF_INSPECT | LF_INSPECT_FS,
	  "no such file or directory" },
	{ ENOLCK, LF_ACQUIRE | LF_START | LF_FINISH | LF_CHECK | LF_INSPECT | LF_ACQUIRE_FD |
	  LF_ADOPT | LF_CONVERT | LF_RELEASE_FD,
	  "no record locks are available here" },
	{ ENOMEM, LF_ACQUIRE | LF_START | LF_FINISH | LF_VERIFY | LF_CHECK | LF_INSPECT |
	  LF_ACQUIRE_FD | LF_ADOPT | LF_CONVERT | LF_INSPECT_MACHINE | LF_INSPECT_FS,
	  "out of memory or threads" },
	{ ENOSYS, LF_CHECK | LF_INSPECT | LF_INSPECT_MACHINE,
	  "the system does not list locks" },
	{ ENOSPC, LF_ACQUIRE | LF_START | LF_FINISH | LF_ADOPT,
	  "no space left on the device" },
	{ ENOTDIR, LF_ACQUIRE | LF_START | LF_FINISH | LF_CHECK | LF_INSPECT | LF_INSPECT_FS,
	  "a part of the path is not a directory" },
	{ ENOTSUP, LF_ACQUIRE | LF_START | LF_FINISH | LF_CHECK | LF_INSPECT | LF_ACQUIRE_FD,
	  "is not a regular file" },
	{ ENOTEMPTY, LF_ACQUIRE | LF_START | LF_FINISH | LF_ADOPT,
	  "has content that is not a PID" },
	{ EOVERFLOW, LF_ACQUIRE | LF_START | LF_FINISH,
	  "the file is too large for this program" },
	{ EPERM, LF_ACQUIRE | LF_START | LF_FINISH | LF_ACQUIRE_FD | LF_RELEASE_FD,
	  "operation not permitted" },
	{ EROFS, LF_ACQUIRE | LF_START | LF_FINISH,
	  "the file system is read-only" },
	{ ESRCH, LF_IS_MINE,
	  "the holder of the lock is unknown" },
	{ ETXTBSY, LF_ACQUIRE | LF_START | LF_FINISH,
	  "is a program that is running" },
	{ EIO, LF_ACQUIRE | LF_START | LF_FINISH | LF_VERIFY | LF_CHECK | LF_INSPECT |
	  LF_ACQUIRE_FD | LF_ADOPT | LF_CONVERT | LF_RELEASE_FD |
	  LF_INSPECT_MACHINE | LF_INSPECT_FS,
	  "input/output error or another failure of the system" },
};

static const struct error *find_error(int number)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].number == number)
			return &errors[i];
	return NULL;
}

const char *lf_strerror(int error)
{
	const struct error *known = find_error(error < 0 ? -error : error);

	if (known)
		return known->text;
	return error == 0 ? "no error" : "unknown error";
}

int lf_documented(int result, enum lf_function function)
{
	const struct error *error;

	if (result >= 0)
		return result;
	error = find_error(-result);
	return error && error->functions & function ? result : -EIO;
}
