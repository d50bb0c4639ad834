/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "original.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int original_acquire(const char *path, bool wait)
{
	for (;;) {
		struct stat ours, theirs;
		int fd = open(path, O_CREAT | O_WRONLY, 0666);

		if (fd < 0)
			return -1;
		if (lockf(fd, wait ? F_LOCK : F_TLOCK, 0) < 0) {
			int error = errno;

			close(fd);
			errno = error;
			return -1;
		}
		if (stat(path, &theirs) == 0 && fstat(fd, &ours) == 0 &&
		    ours.st_dev == theirs.st_dev &&
		    ours.st_ino == theirs.st_ino)
			return fd;
		close(fd);
	}
}

void original_release(int fd, const char *path, bool keep)
{
	if (!keep)
		unlink(path);
	close(fd);
}
