/* Leaving a lock file by the protocol. */
#ifndef RELEASE_H
#define RELEASE_H

#include "handle.h"

/*
 * Leaves a file that is to be removed, having the body in any mode or not, and
 * closes the handle.  Returns 1 if it was for us to remove and could not be,
 * else 0.
 */
int leave(struct lf_lock *);

/* Releases what is held, and removes the file if it is to be.  As leave(). */
int release(struct lf_lock *);

/* Drops the marks that there are and closes; the file stays as it is. */
void drop(struct lf_lock *);

#endif
