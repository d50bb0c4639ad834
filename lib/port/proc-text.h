/* SPDX-License-Identifier: 0BSD */
/*
 * The texts of Linux's proc(5) that tell of locks.  Pure functions that trust
 * nothing: each is given one line or one small file, ended by a null byte, and
 * says no to what it does not know.
 */
#ifndef PORT_PROC_TEXT_H
#define PORT_PROC_TEXT_H

#include "port/os.h"

/*
 * Cuts the next line off TEXT and ends it; NULL: the rest is none, or was cut
 * off itself and may look like another.
 */
char *lf_proc_cut_line(char **text);

/*
 * A line of /proc/locks, or what follows "lock:" in /proc/PID/fdinfo/N.  No: it
 * is a lease or something else that is no lock, or its file is not told.
 */
bool lf_proc_parse_lock(const char *line, struct lf_listed_lock *);

/* "NAME:" and a decimal number, one of the lines of TEXT. */
bool lf_proc_parse_number(const char *text, const char *name,
		       unsigned long long *number);

/* The device of mount ID, from the lines of /proc/PID/mountinfo. */
bool lf_proc_parse_mount(const char *text, unsigned long long id,
		      struct lf_inode *device);

/* From /proc/PID/stat; the command in it may have blanks and parentheses. */
bool lf_proc_parse_start_time(const char *text, unsigned long long *start_time);

/* From there too: its state, and the clock ticks of CPU time that it has used. */
bool lf_proc_parse_run(const char *text, char *state, unsigned long long *ticks);

#endif
