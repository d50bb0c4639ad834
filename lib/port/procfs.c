/*
 * Locks of a process from its descriptors, by Linux's proc(5): the "lock:"
 * lines of /proc/PID/fdinfo/N (Linux 3.8; open-file-description locks 3.15).
 */
#include "config.h"

#include "port/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int lists_description_lock(int process, const char *descriptor)
{
	char name[32], line[256];
	int fd, found = 0;
	FILE *info;

	snprintf(name, sizeof(name), "fdinfo/%.16s", descriptor);
	fd = openat(process, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	info = fdopen(fd, "r");
	if (!info) {
		close(fd);
		return -ENOMEM;
	}
	while (!found && fgets(line, sizeof(line), info))
		found = strncmp(line, "lock:", 5) == 0 &&
			strstr(line, " OFDLCK ") != NULL;
	fclose(info);
	return found;
}

/* "fd" is read through PROCESS so that a PID used anew cannot mix two. */
static int search_descriptors(int process, const struct stat *file)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	struct stat st;
	int found = 0;
	DIR *list;

	if (fd < 0)
		return -errno;
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return -ENOMEM;
	}
	while (found <= 0 && (entry = readdir(list)) != NULL) {
		if (entry->d_name[0] == '.' ||
		    fstatat(fd, entry->d_name, &st, 0) < 0 ||
		    st.st_dev != file->st_dev || st.st_ino != file->st_ino)
			continue;
		found = lists_description_lock(process, entry->d_name);
		/* Closed since: it holds nothing. */
		if (found == -ENOENT)
			found = 0;
	}
	closedir(list);
	return found;
}

/* A /proc of another PID namespace has another process under this PID. */
bool os_proc_is_ours(void)
{
	char self[32];
	ssize_t length = readlink("/proc/self", self, sizeof(self) - 1);

	if (length <= 0)
		return false;
	self[length] = '\0';
	return strtol(self, NULL, 10) == getpid();
}

int os_process_has_lock(pid_t pid, const struct stat *file)
{
	char name[32] = "/proc/self";
	int process, found;

	if (pid != 0 && !os_proc_is_ours())
		return -ENOTSUP;
	if (pid != 0)
		snprintf(name, sizeof(name), "/proc/%ld", (long)pid);
	process = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process < 0)
		return -errno;
	found = search_descriptors(process, file);
	close(process);
	return found;
}
