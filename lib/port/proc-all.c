/* SPDX-License-Identifier: 0BSD */
/* All processes that Linux's proc(5) lists, and the files that they have open. */
#include "config.h"

#include "port/os.h"

#include "port/proc-list.h"
#include "port/statx.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int lf_list_processes(pid_t **pids, size_t *count)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t room = 0;
	int rc = 0, error = 0;

	*pids = NULL;
	*count = 0;
	if (!proc)
		return -errno;
	while (rc == 0 && (entry = lf_proc_next(proc, &error)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);
		pid_t *more = *pids;

		if (pid <= 0)
			continue;
		if (*count == room) {
			room = room ? 2 * room : 256;
			more = realloc(*pids, room * sizeof(**pids));
		}
		if (more)
			(*pids = more)[(*count)++] = (pid_t)pid;
		else
			rc = -ENOMEM;
	}
	closedir(proc);
	if (rc == 0)
		rc = error;
	if (rc == 0 && !lf_proc_is_ours())
		rc = -ENOTSUP;
	if (rc < 0)
		free(*pids);
	return rc;
}

/* With the mount option hidepid; each PID namespace has a process 1. */
bool lf_some_are_hidden(const pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == 1)
			return false;
	return true;
}

/* 1, 0, or an error: unknown. */
static int is_among(int fds, const char *name,
		    const unsigned long long *numbers, size_t count)
{
	unsigned long long number;
	struct statx st;

	if (statx(fds, name, AT_STATX_DONT_SYNC, STATX_INO, &st) < 0)
		return lf_proc_is_gone(-errno) ? 0 : -errno;
	number = st.stx_ino;
	return bsearch(&number, numbers, count, sizeof(*numbers),
		       lf_number_compare) != NULL;
}

static int find_path_of(int fds, const char *name,
			const unsigned long long *numbers, size_t count,
			lf_path_found *found, void *argument)
{
	int rc = is_among(fds, name, numbers, count);
	char path[PATH_MAX];
	ssize_t length;

	if (rc <= 0)
		return rc < 0 ? -EACCES : 0;
	length = readlinkat(fds, name, path, sizeof(path) - 1);
	if (length < 0)
		return lf_proc_is_gone(-errno) ? 0 : -EACCES;
	path[length] = '\0';
	return path[0] == '/' ? found(path, argument) : 0;
}

/* -EACCES: the process does not show all of its descriptors. */
static int find_paths_of(pid_t pid, const unsigned long long *numbers,
			 size_t count, lf_path_found *found, void *argument)
{
	struct dirent *entry;
	bool denied = false;
	char name[32];
	int rc = 0, error;
	DIR *list;

	snprintf(name, sizeof(name), "/proc/%ld/fd", (long)pid);
	list = opendir(name);
	if (!list)
		return lf_proc_is_gone(-errno) ? 0 :
		       errno == EPERM	       ? -EACCES :
						 -errno;
	while ((rc == 0 || rc == -EACCES) &&
	       (entry = lf_proc_next(list, &error)) != NULL) {
		rc = find_path_of(dirfd(list), entry->d_name, numbers, count,
				  found, argument);
		denied |= rc == -EACCES;
	}
	closedir(list);
	if (rc < 0 && rc != -EACCES)
		return rc;
	return denied || error < 0 ? -EACCES : 0;
}

int lf_find_paths(const unsigned long long *numbers, size_t count,
		  lf_path_found *found, void *argument)
{
	size_t processes;
	pid_t *pids;
	int rc = lf_list_processes(&pids, &processes);
	bool denied;

	if (rc < 0)
		return rc;
	denied = lf_some_are_hidden(pids, processes);
	for (size_t i = 0; i < processes && rc == 0; i++) {
		rc = find_paths_of(pids[i], numbers, count, found, argument);
		if (rc == -EACCES) {
			denied = true;
			rc = 0;
		}
	}
	free(pids);
	return rc < 0 ? rc : denied;
}
