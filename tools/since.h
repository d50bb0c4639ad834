/* How long a lock has been held, as far as that can be told. */
#ifndef SINCE_H
#define SINCE_H

#include "process.h"

#include <time.h>

struct lf_entry;
struct lf_report;

/* What it was that is so long ago. */
enum event { UNKNOWN, STARTED /* the process */, LOCKED /* the file */ };

struct since {
	enum event event;
	long long age; /* seconds */
	time_t time;
};

/* For one who waits that is since its process started. */
struct since since_when(const struct lf_report *, const struct lf_entry *,
			const struct process *);

#endif
