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

static bool is_own(const struct lf_entry *entry)
{
	return is_holder(entry) && lf_entry_pid(entry) == getpid();
}

bool only_we_hold(const struct lf_report *report)
{
	const struct lf_entry *entry = NULL;
	bool ours = false;

	while ((entry = lf_report_next(report, entry)) != NULL) {
		if (is_holder(entry) && !is_own(entry))
			return false;
		ours |= is_own(entry);
	}
	return ours;
}

const struct lf_entry *next_entry(const struct lf_report *report,
				  const struct lf_entry *entry)
{
	do {
		entry = lf_report_next(report, entry);
	} while (entry && is_own(entry) && !only_we_hold(report));
	return entry;
}
