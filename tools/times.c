/* SPDX-License-Identifier: 0BSD */
/*
 * An entry of a report: when the lock was taken, and when its process started.
 *
 * The kernel does not record when a lock was taken.  A holder that writes its
 * PID into the file leaves the time of writing there.
 */
#include "config.h"

#include "common.h"

#include <lockfile-fcntl.h>

#include <time.h>

/* File systems keep coarse times, and a process starts at a clock tick. */
#define SLACK 2

bool is_holder(const struct lf_entry *entry)
{
	return !lf_entry_waits(entry) && lf_entry_type(entry) != LF_TYPE_FLOCK;
}

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

/* In two units at most: "12 s", "3 min", "2 h 5 min", "3 d 4 h". */
static void format_duration(char *text, size_t size, long long s)
{
	long long min = s / 60, h = min / 60, d = h / 24;

	if (min == 0)
		snprintf(text, size, "%lld s", s);
	else if (h == 0)
		snprintf(text, size, "%lld min", min);
	else if (d == 0)
		snprintf(text, size, "%lld h %lld min", h, min % 60);
	else
		snprintf(text, size, "%lld d %lld h", d, h % 24);
}

void format_details(char *text, size_t size, const struct lf_report *report,
		    const struct lf_entry *entry, const struct process *p)
{
	struct times times = times_of(report, entry, p);
	const char *shared = lf_entry_shared(entry) ? ", shared" : "";
	char duration[48];

	if (lf_entry_waits(entry)) {
		snprintf(text, size, "%s",
			 lf_entry_shared(entry) ? ", to share it" : "");
		return;
	}
	if (times.locked != UNKNOWN_TIME) {
		format_duration(duration, sizeof(duration),
				seconds_since(times.locked));
		snprintf(text, size, "%s, locked %s ago", shared, duration);
	} else if (times.started != UNKNOWN_TIME) {
		format_duration(duration, sizeof(duration),
				seconds_since(times.started));
		snprintf(text, size, "%s, running for %s", shared, duration);
	} else {
		snprintf(text, size, "%s", shared);
	}
}
