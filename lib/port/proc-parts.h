/* SPDX-License-Identifier: 0BSD */
/* The text of Linux's /proc/locks, which the kernel shows in parts. */
#ifndef PORT_PROC_PARTS_H
#define PORT_PROC_PARTS_H

enum lf_locks_text {
	LF_LOCKS_IN_PARTS = 1, /* a lock that moved just then may be missing */
	LF_LOCKS_HAVE_MOVED, /* some did, as the numbers show */
	LF_LOCKS_MAY_LACK, /* the list changed too much each time */
};

/*
 * Stores the text, and in *PAST the locks that one part has shown and the text has not,
 * or NULL; the caller frees both.  0: every lock that was held all the time is in the
 * text.  Or an error, and both are NULL.
 */
int lf_proc_read_locks(char **locks, char **past);

#endif
