/*
 * Whose an open file description is: F_SETOWN and F_GETOWN of fcntl(2), which
 * all who have a copy of the descriptor share (Linux; elsewhere they may be for
 * sockets only, and then nothing is told).  Nothing sends signals by it unless
 * the file is O_ASYNC.
 */
#include "config.h"

#include "port/os.h"

#include <fcntl.h>
#include <unistd.h>

void os_own_description(int fd)
{
	fcntl(fd, F_SETOWN, getpid());
}

pid_t os_description_owner(int fd)
{
	int owner = fcntl(fd, F_GETOWN);

	return owner > 0 ? owner : 0;
}
