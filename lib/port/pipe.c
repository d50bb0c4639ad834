/* A pipe above stdio. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int raise_end(int *fd)
{
	int high;

	if (*fd > STDERR_FILENO)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (high < 0)
		return -errno;
	close(*fd);
	*fd = high;
	return 0;
}

int os_pipe(int fd[2])
{
	int rc = os_pipe_anywhere(fd);

	if (rc < 0)
		return rc;
	rc = raise_end(&fd[0]);
	if (rc == 0)
		rc = raise_end(&fd[1]);
	if (rc < 0) {
		close(fd[0]);
		close(fd[1]);
	}
	return rc;
}
