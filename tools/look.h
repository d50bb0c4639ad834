/* SPDX-License-Identifier: 0BSD */
/* The files that lf-check is asked about, and what is known of each. */
#ifndef LOOK_H
#define LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct lf_report;

struct file {
	char *path;
	const char *directory; /* the path that was given for it, or NULL */
	bool known;	       /* STATUS is known without a report */
	int status;	       /* 1 held, 0 free, or a negative errno value */
	struct lf_report *report; /* NULL: no more than STATUS is known */
	size_t more; /* files of the same directory that failed as well */
};

struct files {
	struct file *list;
	size_t count, room;
};

/* The files PATHS, of a directory its regular files, in the order of output. */
void files_collect(struct files *files, char *const *paths);

/*
 * Finds out about each.  BRIEFLY: no more than the status.  Drops the files of a
 * directory that are free, unless ALL is set, and its errors after the first.
 */
void files_inspect(struct files *files, bool all, bool briefly);
void files_free(struct files *files);

/* The first that is held, or NULL. */
const struct file *files_held(const struct files *files);

/* A process that holds it, or 0: unknown. */
pid_t any_holder(const struct file *file);

#endif
