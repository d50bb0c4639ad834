/* SPDX-License-Identifier: 0BSD */
/*
 * Processes that are ending, by Linux's proc(5).  Such a process drops its own locks
 * first, then those of its open file descriptions, and becomes a zombie after that.
 * In between its flags show every user that it is on its way.
 */
#include "config.h"

#include "port/os.h"

#include "port/proc-list.h"
#include "port/proc-text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* PF_EXITING of Linux. */
#define EXITING 4

/* A short name and some 50 numbers. */
#define LINE_SIZE 1280

enum stage { GOES_ON, ENDS, HAS_ENDED };

static enum stage read_stage(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	unsigned long long flags, ticks;
	char line[LINE_SIZE], state;
	ssize_t length;

	if (fd < 0)
		return HAS_ENDED;
	length = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (length <= 0)
		return HAS_ENDED;
	line[length] = '\0';
	if (!lf_proc_parse_run(line, &state, &ticks) ||
	    !lf_proc_parse_flags(line, &flags))
		return GOES_ON;
	if (state == 'Z' || state == 'X')
		return HAS_ENDED;
	return flags & EXITING ? ENDS : GOES_ON;
}

/* The last of several threads closes the files; that of main() may have ended. */
static bool has_dying_thread(pid_t pid)
{
	char name[NAME_MAX + 64];
	struct dirent *entry;
	bool dying = false;
	int error;
	DIR *list;

	snprintf(name, sizeof(name), "/proc/%ld/task", (long)pid);
	list = opendir(name);
	while (!dying && list && (entry = lf_proc_next(list, &error)) != NULL) {
		snprintf(name, sizeof(name), "/proc/%ld/task/%s/stat",
			 (long)pid, entry->d_name);
		dying = read_stage(name) == ENDS;
	}
	if (list)
		closedir(list);
	return dying;
}

static bool is_dying(pid_t pid)
{
	enum stage stage;
	char name[32];

	snprintf(name, sizeof(name), "/proc/%ld/stat", (long)pid);
	stage = read_stage(name);
	return stage == ENDS || (stage == HAS_ENDED && has_dying_thread(pid));
}

void lf_dying_find(struct lf_dying *dying)
{
	if (lf_list_processes(&dying->pids, &dying->count) < 0)
		*dying = (struct lf_dying){ .count = 0 };
}

bool lf_dying_remain(struct lf_dying *dying)
{
	size_t count = 0;

	for (size_t i = 0; i < dying->count; i++)
		if (is_dying(dying->pids[i]))
			dying->pids[count++] = dying->pids[i];
	dying->count = count;
	return count > 0;
}

void lf_dying_free(struct lf_dying *dying)
{
	free(dying->pids);
	*dying = (struct lf_dying){ .count = 0 };
}
