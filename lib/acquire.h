/* Taking a lock by the protocol: open, presence, tag, body, verify. */
#ifndef ACQUIRE_H
#define ACQUIRE_H

#include "handle.h"

int acquire(struct lf_lock **, struct request *, enum os_wait);

/* Gives up what a thread that was cancelled in acquire() left in its request. */
void acquire_cancelled(struct lf_lock *);

#endif
