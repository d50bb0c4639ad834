/* SPDX-License-Identifier: 0BSD */
/*
 * The texts of Linux's proc(5) that list locks.  Pure functions that trust
 * nothing: each is given one line or one small file, ended by a null byte, and
 * returns false for what it does not recognise.
 */
#ifndef PORT_PROC_TEXT_H
#define PORT_PROC_TEXT_H

#include "port/os.h"

/*
 * Cuts the next line off TEXT and ends it with a null byte.  NULL: there is no
 * whole line left; a part of a line may look like another line.
 */
char *lf_proc_cut_line(char **text);

/*
 * A line of /proc/locks, or what follows "lock:" in /proc/PID/fdinfo/N.  False:
 * it is a lease or something else that is no lock, or has no file.
 */
bool lf_proc_parse_lock(const char *line, struct lf_listed_lock *lock);

/* A line of /proc/locks: a lease that an open for reading would break. */
bool lf_proc_parse_lease(const char *line, struct lf_lease *lease);

/* "NAME:" and a decimal number, one of the lines of TEXT. */
bool lf_proc_parse_number(const char *text, const char *name,
			  unsigned long long *number);

/* The same of an octal number. */
bool lf_proc_parse_octal(const char *text, const char *name,
			 unsigned long long *number);

/* The device of mount ID, from the lines of /proc/PID/mountinfo. */
bool lf_proc_parse_mount(const char *text, unsigned long long id,
			 struct lf_inode *device);

/*
 * The file system of mount ID, if LINE of /proc/PID/mountinfo is about that: its
 * type, its source and its options.  The texts are in LINE, which is changed.
 */
bool lf_proc_parse_filesystem(char *line, unsigned long long id,
			      const char **type, const char **source,
			      const char **options);

/* From /proc/PID/stat; the command in it may have blanks and parentheses. */
bool lf_proc_parse_start_time(const char *text, unsigned long long *start_time);

/* From there too: the PID of the parent; 0: none is visible. */
bool lf_proc_parse_parent(const char *text, pid_t *parent);

/* From there too: the kernel's flags of the thread. */
bool lf_proc_parse_flags(const char *text, unsigned long long *flags);

/* From there too: the state, and the clock ticks of CPU time used. */
bool lf_proc_parse_run(const char *text, char *state,
		       unsigned long long *ticks);

#endif
