/* Waits for locks of others without a lock of one's own. */
#ifndef UNTIL_FREE_H
#define UNTIL_FREE_H

struct findings;

/*
 * As look(), again and again until none is held or, unless it is negative,
 * TIMEOUT_MS is over.
 */
void look_until_free(struct findings *, char *const *paths, unsigned how,
		     int timeout_ms);

#endif
