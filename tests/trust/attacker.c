/* SPDX-License-Identifier: 0BSD */
/*
 * attacker WAY FILE [ARGUMENT]
 *
 * Locks FILE as an unfriendly process does, prints "ready" and a PID, and keeps the
 * lock until it is killed.  WAY is one of
 *
 *	share	a read lock of the whole file, by a process that may only read it
 *	tag	the same, of byte 0 alone
 *	forge	a child that shares the descriptors takes that lock, and executes
 *		the program ARGUMENT; the PID is that of the child
 *	remover	write locks of the shape of a process that is removing the file
 *	disguise
 *		the same shape, of read locks
 *	many	ARGUMENT read locks, of each second byte
 */
#include "config.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GAP 2000000000

static int lock_part(int fd, int command, short type, off_t start, off_t length)
{
	struct flock part = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = length,
	};

	return fcntl(fd, command, &part);
}

static int lock_as_remover(int fd, short type)
{
	return lock_part(fd, F_OFD_SETLK, type, 1, GAP - 1) < 0 ||
			       lock_part(fd, F_OFD_SETLK, F_RDLCK, GAP, 1) < 0 ||
			       lock_part(fd, F_OFD_SETLK, type, GAP + 1, 0) < 0 ?
		       -1 :
		       0;
}

static int lock_often(int fd, long count)
{
	for (long i = 0; i < count; i++)
		if (lock_part(fd, F_SETLK, F_RDLCK, 2 * i, 1) < 0)
			return -1;
	return 0;
}

/* The lock stays with the parent, and has the PID of the child. */
static pid_t forge(int fd, const char *program)
{
	int ends[2];
	char c;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
#ifdef __s390__
	pid = (pid_t)syscall(SYS_clone, 0L, (long)(CLONE_FILES | SIGCHLD), 0L,
			     0L, 0L);
#else
	pid = (pid_t)syscall(SYS_clone, (long)(CLONE_FILES | SIGCHLD), 0L, 0L,
			     0L, 0L);
#endif
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (lock_part(fd, F_SETLK, F_RDLCK, 0, 0) < 0 ||
		    write(ends[1], "", 1) != 1)
			_exit(1);
		execl(program, program, "600", (char *)NULL);
		_exit(2);
	}
	return pid > 0 && read(ends[0], &c, 1) == 1 ? pid : -1;
}

static pid_t attack(const char *way, int fd, const char *argument)
{
	int rc = -1;

	if (strcmp(way, "share") == 0)
		rc = lock_part(fd, F_SETLK, F_RDLCK, 0, 0);
	else if (strcmp(way, "tag") == 0)
		rc = lock_part(fd, F_SETLK, F_RDLCK, 0, 1);
	else if (strcmp(way, "remover") == 0)
		rc = lock_as_remover(fd, F_WRLCK);
	else if (strcmp(way, "disguise") == 0)
		rc = lock_as_remover(fd, F_RDLCK);
	else if (strcmp(way, "many") == 0 && argument)
		rc = lock_often(fd, atol(argument));
	else if (strcmp(way, "forge") == 0 && argument)
		return forge(fd, argument);
	return rc < 0 ? -1 : getpid();
}

int main(int argc, char **argv)
{
	bool writes = argc > 1 && strcmp(argv[1], "remover") == 0;
	pid_t pid;
	int fd;

	if (argc < 3)
		return 64;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = open(argv[2], (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	pid = attack(argv[1], fd, argv[3]);
	if (pid < 0) {
		perror(argv[1]);
		return 1;
	}
	printf("ready %ld\n", (long)pid);
	fflush(stdout);
	for (;;)
		pause();
}
