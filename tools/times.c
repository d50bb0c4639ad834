/* SPDX-License-Identifier: 0BSD */
/*
 * An entry of a report: when the lock was taken, and when its process started.
 *
 * The kernel does not record when a lock was taken.  A holder that writes its
 * PID into the file leaves the time of writing there, and lf-acquire starts
 * COMMAND when it has the lock.
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
	else if (entry && is_holder(entry) && job_started(p, &started))
		times.locked = started;
	return times;
}

long long seconds_since(long long when)
{
	long long now = time(NULL);

	return now > when ? now - when : 0;
}

void format_duration(char *text, size_t size, long long s)
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

/* ", for 3 min" or ", running for 3 min"; "": neither is known. */
static void format_times(char *text, size_t size, const struct times *times)
{
	bool is_locked = times->locked != UNKNOWN_TIME;
	long long since = is_locked ? times->locked : times->started;
	char duration[48];

	text[0] = '\0';
	if (since == UNKNOWN_TIME)
		return;
	format_duration(duration, sizeof(duration), seconds_since(since));
	snprintf(text, size, ", %s %s", is_locked ? "for" : "running for",
		 duration);
}

void format_details(char *text, size_t size, const struct lf_report *report,
		    const struct lf_entry *entry, const struct process *p)
{
	struct times times = times_of(report, entry, p);
	bool shared = lf_entry_shared(entry), waits = lf_entry_waits(entry);
	char state[64], since[80] = "";

	format_state(state, sizeof(state), p);
	if (!waits)
		format_times(since, sizeof(since), &times);
	snprintf(text, size, "%s%s%s",
		 !shared ? "" :
		 waits	 ? ", to share it" :
			   ", shared",
		 state, since);
}
