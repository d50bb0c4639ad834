/*
 * The kernel does not tell when a lock was taken.  A PID that the holder wrote
 * into the file does; else there is the age of the process, and it is no less.
 */
#include "config.h"

#include "since.h"

#include "lockfile-fcntl.h"

/* The times of a file system are coarse, and so are those of processes. */
#define SLACK 2

static bool is_by_holder(const struct lf_report *report,
			 const struct lf_entry *entry, long long *written)
{
	pid_t pid;

	return !lf_entry_waits(entry) &&
	       lf_entry_type(entry) != LF_TYPE_FLOCK &&
	       lf_report_pidfile(report, &pid, written) &&
	       pid == lf_entry_pid(entry);
}

struct since since_when(const struct lf_report *report,
			const struct lf_entry *entry, const struct process *p)
{
	time_t now = time(NULL), started;
	bool known = process_started(p, &started);
	long long written;

	if (entry && is_by_holder(report, entry, &written)) {
		long long age = (long long)now - written;

		/* Left by another before, or the clock was set. */
		if (age >= -SLACK && (!known || written >= started - SLACK))
			return (struct since){ LOCKED, age < 0 ? 0 : age,
					       (time_t)written };
	}
	if (!known)
		return (struct since){ .event = UNKNOWN };
	return (struct since){ STARTED, now < started ? 0 : now - started,
			       started };
}
