/*
 * What was seen of the locks on a file: a list of entries, holders first.  The
 * accessors of the public interface are here; who is in it is inspect.c's.
 */
#ifndef REPORT_H
#define REPORT_H

#include "names.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct lf_entry {
	pid_t pid;
	int source;
	int type;
	bool waits;
	bool shared;
	size_t depth; /* in the queue */
	unsigned long long start_time;
};

struct lf_report {
	bool partial;
	pid_t stamp; /* or 0 */
	time_t stamped;
	size_t count, room;
	struct lf_entry *entries;
};

/* NULL: no memory.  lf_report_free() frees. */
struct lf_report *report_new(void);

/* 0 or -ENOMEM. */
int report_add(struct lf_report *, const struct lf_entry *);

/* The last entry goes before all from FIRST on that are deeper. */
void report_sort_in(struct lf_report *, size_t first);

#endif
