/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "waiters.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>

/*
 * The kernel writes /proc/locks a page at a time, and the list may change in
 * between: a line that moves to the next page is read twice.  So each process
 * counts once.
 */
#define PROCESSES 2048

static int add(unsigned long *pids, int count, unsigned long pid)
{
	for (int i = 0; i < count; i++)
		if (pids[i] == pid)
			return count;
	if (count < PROCESSES)
		pids[count++] = pid;
	return count;
}

/* Returns the number of waiters, or -1. */
static int list(const char *path, unsigned long *pids)
{
	/* Linux indents a line by one for each waiter before it. */
	static char line[2 * PROCESSES];
	char inode[32];
	struct stat st;
	FILE *locks;
	int count = 0;

	if (stat(path, &st) < 0)
		return 0;
	snprintf(inode, sizeof(inode), ":%lu ", (unsigned long)st.st_ino);
	locks = fopen("/proc/locks", "re");
	if (!locks)
		return -1;
	while (fgets(line, sizeof(line), locks)) {
		unsigned long pid;

		if (strstr(line, inode) &&
		    sscanf(line, "%*u: -> %*s %*s %*s %lu", &pid) == 1)
			count = add(pids, count, pid);
	}
	fclose(locks);
	return count;
}

int waiters(const char *path)
{
	static unsigned long pids[PROCESSES];

	return list(path, pids);
}

bool is_waiter(const char *path, long pid)
{
	static unsigned long pids[PROCESSES];
	int count = list(path, pids);

	for (int i = 0; i < count; i++)
		if (pids[i] == (unsigned long)pid)
			return true;
	return false;
}

bool shows_whole_queues(void)
{
	struct utsname system;
	int major, minor;

	return uname(&system) < 0 || strcmp(system.sysname, "Linux") != 0 ||
	       sscanf(system.release, "%d.%d", &major, &minor) != 2 ||
	       major != 5 || minor > 12;
}

bool waiters_reach(const char *path, int n)
{
	for (int look = 0; look_again(&look);)
		if (waiters(path) == n)
			return true;
	return false;
}

bool look_again(int *look)
{
	static const struct timespec pause = { 0, 1000000 };

	if (*look > 0)
		nanosleep(&pause, NULL);
	return (*look)++ < 30000;
}
