/* SPDX-License-Identifier: 0BSD */
/*
 * states leader LOCKFILE	the thread of main() ends, another goes on
 * states disk LOCKFILE		waits as for a disk, state D of ps(1)
 * states vfork LOCKFILE	waits in that state for its child
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Much longer than until the next wait begins, and much shorter than 200 ms. */
#define INSTANT_US 20000

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

static void *stay_traced(void *channel)
{
	pid_t thread = (pid_t)syscall(SYS_gettid);

	(void)!write(*(int *)channel, &thread, sizeof(thread));
	return stay(NULL);
}

/* The kernel ends all other threads first, of which one stays as a zombie. */
static int execute_with_traced_thread(int to_tracer, int from_tracer)
{
	pthread_t thread;
	bool traced;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (pthread_create(&thread, NULL, stay_traced, &to_tracer) != 0)
		return 1;
	traced = read(from_tracer, &byte, 1) == 1;
	say_ready();
	if (!traced)
		return 77;
	execlp("true", "true", (char *)NULL);
	return 1;
}

/* A child traces a thread of its parent, and never waits for it. */
static int wait_as_for_disk(void)
{
	int to_tracer[2], from_tracer[2];
	pid_t thread;

	if (pipe(to_tracer) < 0 || pipe(from_tracer) < 0)
		return 1;
	if (fork() > 0) {
		close(from_tracer[1]);
		return execute_with_traced_thread(to_tracer[1], from_tracer[0]);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(to_tracer[0], &thread, sizeof(thread)) != sizeof(thread) ||
	    ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0)
		_exit(1);
	(void)!write(from_tracer[1], "", 1);
	stay(NULL);
	return 0;
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
			usleep(INSTANT_US);
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
	if (strcmp(argv[1], "disk") == 0)
		return wait_as_for_disk();
	return wait_for_child(strcmp(argv[1], "busy") == 0);
}
