/* What the system tells a person of a process: whose, doing what, how old. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct process {
	char *command; /* with its arguments, or NULL: not known */
	char user[64]; /* or "" */
	long long age; /* seconds, or -1 */
};

/*
 * Nothing is told unless the process began at START_TIME, as of
 * lf_entry_start_time(): a PID may have become another's.  0: the caller makes
 * sure of that itself.
 */
void process_read(struct process *, pid_t pid, unsigned long long start_time);
void process_free(struct process *);

/* "PID 4242 (rsync -a / /mnt), user root", the command in so many columns. */
void process_print(FILE *, pid_t pid, const struct process *, size_t width);

/* How many columns that is without the command itself. */
size_t process_width(pid_t pid, const struct process *);

/* Of a command, where nothing else tells how many columns there are. */
#define COMMAND_WIDTH 79

/* " (try as root)", where root would see more. */
const char *try_as_root(void);

#endif
