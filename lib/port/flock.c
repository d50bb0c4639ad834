/* SPDX-License-Identifier: 0BSD */
/* flock(2) where it is missing: always refused. */
#include "config.h"

#include "port/os.h"

#include <errno.h>

int (flock)(int fd, int operation)
{
	(void)fd, (void)operation;
	errno = ENOSYS;
	return -1;
}
