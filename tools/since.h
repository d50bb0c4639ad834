/* SPDX-License-Identifier: 0BSD */
/* When a lock was taken and when its process started, as far as is known. */
#ifndef SINCE_H
#define SINCE_H

#include "process.h"

struct lf_entry;
struct lf_report;

#define UNKNOWN_TIME (-1)

/* In seconds since the Epoch, or UNKNOWN_TIME. */
struct times {
	long long locked;
	long long started;
};

struct times times_of(const struct lf_report *report,
		      const struct lf_entry *entry,
		      const struct process *process);

/* The seconds since WHEN, which is known; not negative. */
long long seconds_since(long long when);

#endif
