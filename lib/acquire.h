/* Taking a lock by the protocol: open, presence, tag, body, verify. */
#ifndef ACQUIRE_H
#define ACQUIRE_H

#include "handle.h"

int acquire(struct lf_lock **, struct request *, enum os_wait);

#endif
