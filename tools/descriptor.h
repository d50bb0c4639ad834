/* A descriptor of the calling shell, which keeps the lock when we have gone. */
#ifndef DESCRIPTOR_H
#define DESCRIPTOR_H

struct lf_lock;

/* The path of the file, or "descriptor 9"; valid for good. */
const char *descriptor_name(int fd);

/* Why it cannot be locked, and what to do about it; or NULL. */
const char *descriptor_advice(int fd, int error);

/* Leaves the lock with all who share the descriptor.  Returns a status. */
int descriptor_leave(struct lf_lock *, const char *name);

int descriptor_unlock(int fd, const char *name);

#endif
