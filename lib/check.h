/* The holder of a lock file, as one descriptor of it can tell. */
#ifndef CHECK_H
#define CHECK_H

#include "names.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/* How long a waiter that runs may have the tag before it has tried the body. */
#define MOMENT_MS 20

struct holder {
	pid_t pid;	/* 0: not sure */
	bool elsewhere; /* it may be on another machine */
	bool nameless;	/* who has the first byte has no PID here */
	pid_t stamp;	/* the content of the file, or 0 */
	time_t stamped;
};

/* 1 held, 0 free. */
int holder_of(const char *path, struct holder *);

#endif
