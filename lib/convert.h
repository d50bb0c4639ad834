/* Changing the mode of a lock that is held. */
#ifndef CONVERT_H
#define CONVERT_H

#include "handle.h"

/* Always granted, and at once. */
int convert_to_shared(struct lf_lock *);

/*
 * -EAGAIN: others share it; -EDEADLK: this thread is one of them.  The lock is
 * shared still then.  The path need not be looked at again: who has the body in
 * any mode keeps others from removing the file.
 */
int convert_to_exclusive(struct lf_lock *);

/* Waits for the others to go, but no longer: -ETIMEDOUT.  -ENOMEM: no thread. */
int convert_to_exclusive_until(struct lf_lock *, struct timespec deadline);

#endif
