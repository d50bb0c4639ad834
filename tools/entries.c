/* SPDX-License-Identifier: 0BSD */
/*
 * The entries of a report that are shown.  lf-check may have inherited the
 * descriptor of the lock, from a shell or as the command of lf-acquire.  It is then
 * one of those that have the lock, but nobody asks for that.
 */
#include "config.h"

#include "check.h"

#include <lockfile-fcntl.h>

#include <unistd.h>

static bool record = true, by_flock = true;

void choose_kinds(bool wants_record, bool wants_flock)
{
	record = wants_record;
	by_flock = wants_flock;
}

bool counts_record(void)
{
	return record;
}

bool counts_flock(void)
{
	return by_flock;
}

static bool is_flock(const struct lf_entry *entry)
{
	return lf_entry_type(entry) == LF_TYPE_FLOCK;
}

static const struct lf_entry *next_that_counts(const struct lf_report *report,
					       const struct lf_entry *entry)
{
	do
		entry = lf_report_next(report, entry);
	while (entry && !(is_flock(entry) ? by_flock : record));
	return entry;
}

/* The other lock of a holder by both kinds, or NULL. */
static const struct lf_entry *other_of(const struct lf_report *report,
				       const struct lf_entry *entry)
{
	const struct lf_entry *other = NULL;

	if (lf_entry_waits(entry) || lf_entry_pid(entry) == 0)
		return NULL;
	while ((other = next_that_counts(report, other)) != NULL)
		if (!lf_entry_waits(other) &&
		    is_flock(other) != is_flock(entry) &&
		    lf_entry_pid(other) == lf_entry_pid(entry))
			break;
	return other;
}

bool also_by_flock(const struct lf_report *report, const struct lf_entry *entry)
{
	return !is_flock(entry) && other_of(report, entry);
}

/* None waits: this process does not lock. */
static bool is_own(const struct lf_entry *entry)
{
	return lf_entry_pid(entry) == getpid();
}

bool only_we_hold(const struct lf_report *report)
{
	const struct lf_entry *entry = NULL;
	bool ours = false;

	while ((entry = next_that_counts(report, entry)) != NULL) {
		if (!lf_entry_waits(entry) && !is_own(entry))
			return false;
		ours |= is_own(entry);
	}
	return ours;
}

const struct lf_entry *next_entry(const struct lf_report *report,
				  const struct lf_entry *entry)
{
	do {
		entry = next_that_counts(report, entry);
	} while (entry && ((is_own(entry) && !only_we_hold(report)) ||
			   (is_flock(entry) && other_of(report, entry))));
	return entry;
}
