/* What lf-check finds out: of each path, and of what is in a directory. */
#ifndef LOOK_H
#define LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct lf_report;

struct finding {
	char *path;
	int rc; /* 1 held, 0 free, or an error */
	struct lf_report *report; /* or NULL: only that is known */
	size_t more; /* files of the directory that cannot be told of, too */
};

struct findings {
	struct finding *list;
	size_t count, room;
};

enum {
	LOOK_ALL = 1,	  /* in a directory, at what is free too */
	LOOK_BRIEFLY = 2, /* only at whether it is held */
};

/* To be forgotten by the caller. */
void look(struct findings *, char *const *paths, unsigned how);
void forget(struct findings *);

/* The first that is held, or NULL. */
const struct finding *first_held(const struct findings *);

/* A process that holds it, or 0: none is known. */
pid_t any_holder(const struct finding *);

#endif
