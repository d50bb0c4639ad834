/* The holder of a lock, for one who cannot have it. */
#ifndef HOLDER_H
#define HOLDER_H

#include "process.h"

struct holder {
	pid_t pid; /* 0: not known */
	struct process process;
};

/* As lf_check(3): 1 held, 0 free, or an error.  To be freed in any case. */
int holder_find(const char *path, struct holder *);
void holder_free(struct holder *);

/* "held by PID 4242 (rsync -a / /mnt), user root" */
void holder_print(FILE *, const struct holder *);

#endif
