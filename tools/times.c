/* SPDX-License-Identifier: 0BSD */
/*
 * When a lock was taken, and when its process started.
 *
 * The kernel does not record when a lock was taken.  A holder that writes its
 * PID into the file leaves the time of writing there.
 */
#include "config.h"

#include "check.h"

#include <lockfile-fcntl.h>

#include <time.h>

/* File systems keep coarse times, and a process starts at a clock tick. */
#define SLACK 2

static bool wrote_pid(const struct lf_report *report,
		      const struct lf_entry *entry, long long *written)
{
	pid_t pid;

	return entry && is_holder(entry) && !lf_report_pidfile_host(report) &&
	       lf_report_pidfile(report, &pid, written) &&
	       pid == lf_entry_pid(entry);
}

/*
 * A PID that was written before its process started is left over from another
 * process; a time in the future shows that the clock was set.
 */
struct times times_of(const struct lf_report *report,
		      const struct lf_entry *entry, const struct process *p)
{
	struct times times = { UNKNOWN_TIME, UNKNOWN_TIME };
	long long written;
	time_t started;

	if (process_started(p, &started))
		times.started = started;
	if (wrote_pid(report, entry, &written) &&
	    written <= (long long)time(NULL) + SLACK &&
	    written >= times.started - SLACK)
		times.locked = written;
	return times;
}

long long seconds_since(long long when)
{
	long long now = time(NULL);

	return now > when ? now - when : 0;
}
