/* Who waits for a record lock, as /proc/locks of Linux shows. */
#ifndef TESTS_WAITERS_H
#define TESTS_WAITERS_H

#include <stdbool.h>

/* How many processes wait for a lock on the file, or -1 if nobody tells; now
   and then one is overlooked. */
int waiters(const char *path);

/* Whether one look shows that it waits; -1: some lock of a description does. */
bool is_waiter(const char *path, long pid);

/* Returns when N do; false if they never did, in half a minute. */
bool waiters_reach(const char *path, int n);

#endif
