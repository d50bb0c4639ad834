/* The holder of a lock, for one who cannot have it. */
#ifndef HOLDER_H
#define HOLDER_H

#include "process.h"

/* As lf_check(3): 1 held, 0 free, or an error.  To be freed in any case. */
int holder_find(const char *path, struct process *holder);

/* "held by PID 4242 (rsync -a / /mnt), user root" */
void holder_print(FILE *to, const struct process *holder);

#endif
