/* SPDX-License-Identifier: 0BSD */
/*
 * states leader LOCKFILE	the thread of main() ends, another goes on
 * states disk LOCKFILE		waits as for a disk, state D of ps(1)
 * states busy LOCKFILE		does so again and again, each time for an instant
 * states hidden LOCKFILE	may be examined by root alone
 * states call LOCKFILE WORD...	WORD... is its command line
 * states debug PID		stops the process as a debugger does
 *
 * Locks LOCKFILE by fcntl(2), or stops PID; then prints a line, and stays so until
 * it is killed.
 */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int lock(const char *path)
{
	struct flock whole = { .l_type = F_WRLCK };
	int fd = open(path, O_RDWR | O_CREAT, 0666);

	return fd < 0 ? -1 : fcntl(fd, F_SETLK, &whole);
}

static void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void *stay(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int end_main_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, stay, NULL) != 0)
		return 1;
	say_ready();
	pthread_exit(NULL);
}

/* The parent waits in this state until the child ends or executes a program. */
static int wait_for_child(bool briefly)
{
	say_ready();
	do {
		pid_t pid = vfork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (!briefly)
				pause();
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	} while (briefly);
	return 0;
}

static int hide(void)
{
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return 77;
	say_ready();
	stay(NULL);
	return 0;
}

static int call_itself(int count, char **words)
{
	char *begin = words[3], *last = words[count - 1];
	size_t size = (size_t)(last + strlen(last) + 1 - begin);

	memmove(words[0], begin, size);
	memset(words[0] + size, 0, (size_t)(begin - words[0]));
	say_ready();
	stay(NULL);
	return 0;
}

static int debug(pid_t pid)
{
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
		return 77;
	waitpid(pid, NULL, __WALL);
	say_ready();
	stay(NULL);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 64;
	if (strcmp(argv[1], "debug") == 0)
		return debug((pid_t)atol(argv[2]));
	if (lock(argv[2]) < 0)
		return 75;
	if (strcmp(argv[1], "call") == 0)
		return argc > 3 ? call_itself(argc, argv) : 64;
	if (strcmp(argv[1], "leader") == 0)
		return end_main_thread();
	if (strcmp(argv[1], "hidden") == 0)
		return hide();
	return wait_for_child(strcmp(argv[1], "busy") == 0);
}
