/* SPDX-License-Identifier: 0BSD */
/* The text of Linux's /proc/locks, which the kernel shows in parts. */
#ifndef PORT_PROC_PARTS_H
#define PORT_PROC_PARTS_H

/*
 * Stores the text, which the caller frees.  0: every lock that was held all the time
 * is in it.  1: it may lack some, as the list changed too much each time.  Or an
 * error, and *ALL is NULL.
 */
int lf_proc_read_locks(char **all);

#endif
