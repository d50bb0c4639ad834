/* SPDX-License-Identifier: 0BSD */
/*
 * original [-k] [-n] LOCKFILE COMMAND [ARGUMENT]...
 *
 * Runs COMMAND under a lock that it takes as the original does; -k keeps the
 * file, -n does not wait.  Exits as COMMAND, or with 75 if the lock is held.
 */
#include "config.h"

#include "lib/original.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	bool keep = false, wait = true;
	int c, fd, status;
	pid_t pid;

	while ((c = getopt(argc, argv, "+kn")) != -1) {
		keep |= c == 'k';
		wait &= c != 'n';
	}
	argv += optind;
	if (argc - optind < 2)
		return 64;
	fd = original_acquire(argv[0], wait);
	if (fd < 0)
		return 75;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(fd);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 71;
	original_release(fd, argv[0], keep);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
