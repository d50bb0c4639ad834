/* SPDX-License-Identifier: 0BSD */
/* Reading a directory of Linux's proc(5), where processes come and go. */
#ifndef PORT_PROC_LIST_H
#define PORT_PROC_LIST_H

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>

/* A process that has ended, or has closed the descriptor, holds nothing. */
static inline bool lf_proc_is_gone(int error)
{
	return error == -ENOENT || error == -ESRCH;
}

/*
 * The next entry, or NULL after the last or after an error.  readdir(3) shows
 * the difference in errno alone.
 */
static inline struct dirent *lf_proc_next(DIR *list, int *error)
{
	struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(list);
		*error = entry || lf_proc_is_gone(-errno) ? 0 : -errno;
	} while (entry && entry->d_name[0] == '.');
	return entry;
}

#endif
