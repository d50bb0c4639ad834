/* SPDX-License-Identifier: 0BSD */
/* A process as a person knows it: its command, its user, its start. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

struct process {
	pid_t pid; /* 0: unknown */
	unsigned long long start_time; /* in clock ticks after boot; 0: unknown */
	char *command; /* with its arguments; NULL: unknown */
	char user[64]; /* "": unknown */
};

/*
 * Reads what the system shows of the process PID that began at START_TIME, as
 * lf_entry_start_time() and lf_process_start_time() return it.  Another process
 * that has the PID by now, or a start time of 0, leaves all but the PID unknown.
 */
void process_read(struct process *process, pid_t pid,
		  unsigned long long start_time);
void process_free(struct process *process);

/* When it started, to the second, the same in every call; false: unknown. */
bool process_started(const struct process *process, time_t *started);

/* "PID 4242 (rsync -a / /mnt), user root", the command in WIDTH columns. */
void process_print(FILE *to, const struct process *process, size_t width);

/* The columns that it takes without the command itself. */
size_t process_width(const struct process *process);

/* The width of a command where no terminal sets one. */
#define COMMAND_WIDTH 79

/* " (try as root)", where root may see more. */
const char *try_as_root(void);

#endif
