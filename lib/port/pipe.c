/* A pipe above stdio. */
#include "config.h"

#include "port/os.h"

#include <unistd.h>

static int raise_end(int *fd)
{
	int high;

	if (*fd > STDERR_FILENO)
		return 0;
	high = os_dup_above(*fd, STDERR_FILENO);
	if (high < 0)
		return high;
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
