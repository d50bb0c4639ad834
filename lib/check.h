/* One holder of a lock file, seen from outside. */
#ifndef CHECK_H
#define CHECK_H

#include "names.h"

#include <sys/types.h>

/* 1 held, 0 free; *PID is the holder's if that is sure, or 0. */
int holder_of(const char *path, pid_t *pid);

#endif
