/* SPDX-License-Identifier: 0BSD */
/*
 * floor - the least that a program which runs a command under a lock must do
 *
 * The same marks, a child, and the removal of the file; no option, no message, no
 * check, no race considered.  Nothing that locks can start faster, so it is the
 * measure of lf-acquire.  With -F it becomes the command.
 */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };
	struct flock body = { .l_type = F_WRLCK, .l_start = 1 };
	int fd, status, become;

	become = argc > 1 && strcmp(argv[1], "-F") == 0;
	argv += become;
	if (argc - become < 3)
		return 64;
	fd = open(argv[1], O_RDWR | O_CREAT, 0666);
	if (fd < 0 || fcntl(fd, F_SETLK, &tag) < 0 ||
	    fcntl(fd, F_OFD_SETLK, &body) < 0)
		return 75;
	if (become || vfork() == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	wait(&status);
	unlink(argv[1]);
	close(fd);
	return WEXITSTATUS(status);
}
