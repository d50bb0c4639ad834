/* Opening files so that nothing unwanted happens: no wait, no leak, no tty. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A directory that need not be read: O_PATH is Linux, O_SEARCH is POSIX. */
#if defined O_PATH
# define SEARCH O_PATH
#elif defined O_SEARCH
# define SEARCH O_SEARCH
#else
# define SEARCH O_RDONLY
#endif

/* Occupies what is free of 0, 1 and 2 while the file is opened. */
static int open_above_stdio(int dirfd, const char *path, int flags, mode_t mode)
{
	int filler[3], count = 0, fd;

	do {
		fd = os_openat(AT_FDCWD, "/", SEARCH | O_DIRECTORY, 0);
		if (fd >= 0 && fd <= STDERR_FILENO)
			filler[count++] = fd;
	} while (fd >= 0 && fd <= STDERR_FILENO && count < 3);
	if (fd > STDERR_FILENO)
		close(fd);
	if (fd >= 0)
		fd = os_openat(dirfd, path, flags, mode);
	while (count > 0)
		close(filler[--count]);
	return fd;
}

int os_open(int dirfd, const char *path, enum os_access access, unsigned how,
	    mode_t mode)
{
	static const int mode_of[] = {
		[OS_READ_ONLY] = O_RDONLY,
		[OS_READ_WRITE] = O_RDWR,
		[OS_WRITE_ONLY] = O_WRONLY,
	};
	int flags = mode_of[access] | O_NONBLOCK | O_NOCTTY |
		    (how & OS_FOLLOW ? 0 : O_NOFOLLOW) |
		    (how & OS_CREATE ? O_CREAT : 0);
	int fd = how & OS_ABOVE_STDIO ?
			 open_above_stdio(dirfd, path, flags, mode) :
			 os_openat(dirfd, path, flags, mode);

	/* With O_NONBLOCK, a lease of another process (F_SETLEASE, Linux). */
	return fd == -EAGAIN ? -EBUSY : fd;
}

int os_open_directory(int dirfd, const char *path)
{
	int fd = os_openat(dirfd, path, SEARCH | O_DIRECTORY, 0);

	if (fd < 0 || fd > STDERR_FILENO)
		return fd;
	close(fd);
	return open_above_stdio(dirfd, path, SEARCH | O_DIRECTORY, 0);
}
