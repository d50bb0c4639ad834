/* SPDX-License-Identifier: 0BSD */
/*
 * What keeps a process from going on: it is stopped, or waits for a disk.
 *
 * A process waits for the disk, or for a debugger, every now and then, and for an
 * instant.  So that counts only if it lasts, in one piece.
 */
#include "config.h"

#include "common.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* For how long it is watched, all in all 200 ms, and how many processes are. */
#define LOOKS 10
#define LOOK_EVERY_MS 20
#define MOST_WATCHED 5

/* A script that starts a script ... the work is not deeper than that. */
#define DEEPEST 16

/* Field 2 of "stat" is in brackets, and may contain any character. */
bool read_stat(int process, struct stat_fields *fields)
{
	char text[1024];
	size_t length = read_proc(process, "stat", text, sizeof(text) - 1);
	char *end;

	*fields = (struct stat_fields){ .parent = 0 };
	text[length] = '\0';
	end = strrchr(text, ')');
	if (!end || sscanf(end, ") %c %d", &fields->state, &fields->parent) != 2)
		return false;
	for (int field = 2; end && field < 22; field++)
		end = strchr(end + 1, ' ');
	fields->start_time = end ? strtoull(end, NULL, 10) : 0;
	return end;
}

bool is_ended(char state)
{
	return state == 'Z' || state == 'X';
}

/* The first thread that is alive, or -1: there is none. */
static int find_thread(int process, DIR *list)
{
	char name[sizeof("task/") + NAME_MAX];
	struct stat_fields fields;
	struct dirent *entry;

	while ((entry = readdir(list)) != NULL) {
		int thread;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "task/%s", entry->d_name);
		thread = openat(process, name, O_RDONLY | O_DIRECTORY);
		if (thread >= 0 && read_stat(thread, &fields) &&
		    !is_ended(fields.state))
			return thread;
		if (thread >= 0)
			close(thread);
	}
	return -1;
}

int open_live_thread(int process)
{
	int task = openat(process, "task", O_RDONLY | O_DIRECTORY), thread;
	DIR *list = task < 0 ? NULL : fdopendir(task);

	if (!list) {
		if (task >= 0)
			close(task);
		return -1;
	}
	thread = find_thread(process, list);
	closedir(list);
	return thread;
}

/* ---- Whether a state lasts */

/* STATE, and how often the process has slept in its life, as "status" has them. */
static bool read_sleeps(int process, char *state, unsigned long long *sleeps)
{
	char text[8192], *line;
	size_t length = read_proc(process, "status", text, sizeof(text) - 1);

	text[length] = '\0';
	line = strstr(text, "\nState:\t");
	if (!line || sscanf(line, " State: %c", state) != 1)
		return false;
	line = strstr(line, "\nvoluntary_ctxt_switches:\t");
	return line &&
	       sscanf(line, " voluntary_ctxt_switches: %llu", sleeps) == 1;
}

/* Which is "PID/task/TID"; "": unknown, before Linux 3.17. */
static void read_own_thread(char *name, size_t size)
{
	char path[64], *last;
	ssize_t length = readlink("/proc/thread-self", path, sizeof(path) - 1);

	path[length > 0 ? length : 0] = '\0';
	last = strrchr(path, '/');
	snprintf(name, size, "%s", last ? last + 1 : "");
}

bool other_threads_go_on(unsigned long long *sleeps)
{
	DIR *list = opendir("/proc/self/task");
	unsigned long long of_one, sum = 0;
	bool runs = false, has_slept;
	struct dirent *entry;
	char own[32], state;

	read_own_thread(own, sizeof(own));
	while (list && own[0] && (entry = readdir(list)) != NULL) {
		int thread = openat(dirfd(list), entry->d_name,
				    O_RDONLY | O_DIRECTORY);

		if (thread < 0)
			continue;
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, own) != 0 &&
		    read_sleeps(thread, &state, &of_one)) {
			runs |= state == 'R';
			sum += of_one;
		}
		close(thread);
	}
	if (list)
		closedir(list);
	has_slept = sum != *sleeps;
	*sleeps = sum;
	return runs || has_slept;
}

static bool lasts(int process, char state)
{
	static const struct timespec pause = { 0, LOOK_EVERY_MS * 1000000L };
	static int watched;
	unsigned long long sleeps, first;
	char now;

	if (watched >= MOST_WATCHED || !read_sleeps(process, &now, &first))
		return false;
	watched++;
	for (int i = 0; i < LOOKS && now == state; i++) {
		nanosleep(&pause, NULL);
		if (!read_sleeps(process, &now, &sleeps) || sleeps != first)
			return false;
	}
	return now == state;
}

/* ---- Why a process is in state D */

/* A parent waits in state D, too, until its child by vfork(2) has executed. */
static bool is_vfork(const char *kernel_function)
{
	static const char *const names[] = {
		"kernel_clone", "_do_fork", "do_fork", "wait_for_vfork_done",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(kernel_function, names[i]) == 0)
			return true;
	return false;
}

/* Where the kernel does not list children, it may have any. */
static bool may_have_child(int process, pid_t pid)
{
	char name[64], child;
	ssize_t length = -1;
	int fd;

	snprintf(name, sizeof(name), "task/%ld/children", (long)pid);
	fd = openat(process, name, O_RDONLY);
	if (fd >= 0) {
		length = read(fd, &child, 1);
		close(fd);
	}
	return length != 0;
}

/* The kernel shows "0" to those that may not examine the process. */
static enum process_state why_blocked(int process, pid_t pid)
{
	char function[64];
	size_t length = read_proc(process, "wchan", function,
				  sizeof(function) - 1);

	function[length] = '\0';
	if (is_vfork(function))
		return STATE_NONE;
	if (function[0] != '\0' && strcmp(function, "0") != 0)
		return STATE_DISK;
	return may_have_child(process, pid) ? STATE_BLOCKED : STATE_DISK;
}

static enum process_state judge(int process, pid_t pid, char state)
{
	switch (state) {
	case 'T':
		return STATE_STOPPED;
	case 't':
		return lasts(process, state) ? STATE_TRACED : STATE_NONE;
	case 'D':
		return lasts(process, state) ? why_blocked(process, pid) :
					       STATE_NONE;
	case 'Z':
	case 'X':
		return STATE_ZOMBIE;
	default:
		return STATE_NONE;
	}
}

/* ---- The job of an lf-acquire, which is its child */

/* 0: it has none or several, or the kernel does not list them. */
static pid_t only_child(int process, pid_t pid)
{
	char name[64], text[64], more;
	size_t length;
	int child;

	snprintf(name, sizeof(name), "task/%ld/children", (long)pid);
	length = read_proc(process, name, text, sizeof(text) - 1);
	text[length] = '\0';
	return sscanf(text, "%d %c", &child, &more) == 1 ? child : 0;
}

/* The child in place of *PROCESS, which is closed; false: none, and nothing is. */
static bool go_to_child(int *process, pid_t *pid, struct stat_fields *fields)
{
	pid_t child = only_child(*process, *pid);
	int fd = child > 0 ? open_process(child) : -1;

	if (fd < 0)
		return false;
	/* Another process may have got its PID since. */
	if (!read_stat(fd, fields) || fields->parent != *pid) {
		close(fd);
		return false;
	}
	close(*process);
	*process = fd;
	*pid = child;
	return true;
}

/*
 * A script sleeps until the program that it runs has ended, and waits until it has
 * begun: as long as a process has one child, the work is done by that.
 */
static void read_job_state(struct process *p)
{
	struct stat_fields fields;
	int process = open_process(p->pid);
	pid_t pid = p->pid;

	for (int i = 0; i < DEEPEST && process >= 0; i++) {
		if (!go_to_child(&process, &pid, &fields))
			break;
		if (i == 0)
			p->job_start = fields.start_time;
		if (p->state != STATE_NONE || is_ended(fields.state))
			break;
		p->state = judge(process, pid, fields.state);
		p->state_of = pid;
		if (fields.state != 'S' && fields.state != 'D')
			break;
	}
	if (process >= 0)
		close(process);
}

void state_read(struct process *p, int process, char state)
{
	p->state = judge(process, p->pid, state);
	p->state_of = p->pid;
	if (p->job && p->state != STATE_ZOMBIE)
		read_job_state(p);
}

void format_state(char *text, size_t size, const struct process *p)
{
	static const char *const texts[] = {
		[STATE_STOPPED] = "stopped",
		[STATE_TRACED] = "stopped by a debugger",
		[STATE_DISK] = "waiting for the disk",
		[STATE_BLOCKED] = "waiting for the disk or a new process",
		[STATE_ZOMBIE] = "a zombie",
	};

	text[0] = '\0';
	if (p->state == STATE_NONE)
		return;
	if (p->state_of == p->pid)
		snprintf(text, size, ", %s", texts[p->state]);
	else
		snprintf(text, size, ", PID %ld %s", (long)p->state_of,
			 texts[p->state]);
}
