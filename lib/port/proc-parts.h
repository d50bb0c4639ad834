/* SPDX-License-Identifier: 0BSD */
/* The text of Linux's /proc/locks, which the kernel shows in parts. */
#ifndef PORT_PROC_PARTS_H
#define PORT_PROC_PARTS_H

enum lf_locks_whole {
	LF_LOCKS_IN_PARTS = 1, /* a lock may be missing that moved just then */
	LF_LOCKS_HAVE_MOVED, /* some did, as the numbers show */
	LF_LOCKS_MAY_LACK, /* the list changed too much each time */
};

/*
 * Stores the text, which the caller frees, or NULL with an error.  0: every lock that
 * was held all the time is in it.
 */
int lf_proc_read_locks(char **locks);

#endif
