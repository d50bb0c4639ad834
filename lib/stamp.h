/*
 * A stamp: the PID of the holder as the content of the lock file, for people and
 * for programs that look for one there.  Nobody judges a lock by it.
 */
#ifndef STAMP_H
#define STAMP_H

#include "handle.h"

/* 0: empty or a stamp, of whomever; -ENOTEMPTY: content of another kind. */
int stamp_check(const struct lf_lock *);

/*
 * While we hold the lock: makes the PID of this process the content.  What is no
 * stamp is not touched: -ENOTEMPTY.  After a failure the file is empty.
 */
int stamp_write(const struct lf_lock *);

/* The PID in a stamp, and when it was written; 0: there is none. */
pid_t stamp_read(const struct lf_lock *, time_t *written);

/* While we hold the lock: takes our own stamp away. */
void stamp_clear(const struct lf_lock *);

#endif
