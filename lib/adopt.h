/*
 * A lock that a forked child makes its own.  The body belongs to the open file
 * description and so to both; the tag does not pass on.
 */
#ifndef ADOPT_H
#define ADOPT_H

#include "handle.h"

/*
 * The calling process becomes the holder.  -EAGAIN, -ESTALE: the parent released
 * before, and there is nothing left to adopt.
 */
int adopt(struct lf_lock *);

/* Whether the lock is another process's now: adopted, or inherited from it. */
bool adopted_by_another(struct lf_lock *);

/* Before the release, or another mode: no longer waits for the tag. */
void adopt_end(struct lf_lock *);

/* After that, in the other mode. */
void adopt_go_on(struct lf_lock *);

#endif
