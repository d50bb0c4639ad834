/* SPDX-License-Identifier: 0BSD */
/* The waiters of a record lock, as /proc/locks of Linux shows them. */
#ifndef TESTS_WAITERS_H
#define TESTS_WAITERS_H

#include <stdbool.h>

/* How many processes wait for a lock on the file, or -1 if the system does not
   show them; one look may miss a waiter. */
int waiters(const char *path);

/* Whether one look shows this waiter; -1: one for the lock of a description. */
bool is_waiter(const char *path, long pid);

/* Linux 5.0 to 5.12 list only the first waiter of a queue. */
bool shows_whole_queues(void);
#define needs_whole_queues() \
	needs(shows_whole_queues(), "a kernel that lists each waiter")

/* Returns when N wait; false if they never did, in half a minute. */
bool waiters_reach(const char *path, int n);

/*
 * for (int look = 0; look_again(&look);) looks every millisecond, half a minute
 * at the most.
 */
bool look_again(int *look);

#endif
