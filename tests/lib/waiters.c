#include "config.h"

#include "waiters.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int waiters(const char *path)
{
	char line[256], inode[32];
	struct stat st;
	FILE *locks;
	int count = 0;

	if (stat(path, &st) < 0)
		return 0;
	snprintf(inode, sizeof(inode), ":%lu ", (unsigned long)st.st_ino);
	locks = fopen("/proc/locks", "re");
	if (!locks)
		return -1;
	while (fgets(line, sizeof(line), locks))
		count += strstr(line, "->") && strstr(line, inode);
	fclose(locks);
	return count;
}

/* Looks again and again, half a minute at the most. */
bool waiters_reach(const char *path, int n)
{
	static const struct timespec breath = { 0, 1000000 };

	for (int look = 0; look < 30000; look++) {
		if (waiters(path) == n)
			return true;
		nanosleep(&breath, NULL);
	}
	return false;
}
