/* Waits for locks of others without a lock of one's own. */
#ifndef UNTIL_FREE_H
#define UNTIL_FREE_H

#include <stdbool.h>

struct files;

/*
 * Collects and inspects, again and again until none is held or, unless it is negative,
 * TIMEOUT_MS is over.
 */
void look_until_free(struct files *, char *const *paths, bool all,
		     int timeout_ms);

#endif
