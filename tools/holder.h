/* The holder of a lock, for a person. */
#ifndef HOLDER_H
#define HOLDER_H

#include <stdio.h>
#include <sys/types.h>

struct holder {
	pid_t pid; /* 0: not known */
	char command[80];
	char user[64];
};

/* As lf_check(3): 1 held, 0 free, or an error. */
int holder_find(const char *path, struct holder *);

/* "held by PID 4242 (rsync -a / /mnt), user root" */
void holder_print(FILE *, const struct holder *);

#endif
