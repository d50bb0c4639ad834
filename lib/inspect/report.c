/* SPDX-License-Identifier: 0BSD */
/* A list that grows, and the accessors of the public interface. */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct lf_report *lf_report_new(const char *path)
{
	size_t size = strlen(path) + 1;
	struct lf_report *report = calloc(1, sizeof(*report) + size);

	if (report)
		memcpy(report->path, path, size);
	return report;
}

int lf_report_add(struct lf_report *report, const struct lf_entry *entry)
{
	if (report->count == report->room) {
		size_t room = report->room ? 2 * report->room : 4;
		struct lf_entry *entries = realloc(
			report->entries, room * sizeof(*report->entries));

		if (!entries)
			return -ENOMEM;
		report->entries = entries;
		report->room = room;
	}
	report->entries[report->count++] = *entry;
	return 0;
}

void lf_report_sort_in(struct lf_report *report, size_t first)
{
	size_t i = report->count - 1;
	struct lf_entry last = report->entries[i];

	for (; i > first && report->entries[i - 1].depth > last.depth; i--)
		report->entries[i] = report->entries[i - 1];
	report->entries[i] = last;
}

void lf_report_free(struct lf_report *report)
{
	int saved_errno = errno;

	if (report) {
		free(report->entries);
		free(report);
	}
	errno = saved_errno;
}

const struct lf_entry *lf_report_next(const struct lf_report *report,
				      const struct lf_entry *entry)
{
	if (!report || report->count == 0)
		return NULL;
	entry = entry ? entry + 1 : report->entries;
	return entry < report->entries + report->count ? entry : NULL;
}

int lf_report_status(const struct lf_report *report)
{
	return report ? report->status : -EINVAL;
}

int lf_report_flock(const struct lf_report *report)
{
	return report ? report->flock : -EINVAL;
}

const char *lf_report_path(const struct lf_report *report)
{
	return report ? report->path : NULL;
}

int lf_report_partial(const struct lf_report *report)
{
	return report && report->partial;
}

int lf_report_pidfile(const struct lf_report *report, pid_t *pid,
		    long long *written)
{
	bool there = report && report->pidfile > 0;

	if (pid)
		*pid = there ? report->pidfile : 0;
	if (written)
		*written = there ? report->written : 0;
	return there;
}

const char *lf_report_pidfile_host(const struct lf_report *report)
{
	return report && report->pidfile > 0 && report->host[0] ?
		       report->host :
		       NULL;
}

int lf_entry_waits(const struct lf_entry *entry)
{
	return entry && entry->waits;
}

int lf_entry_shared(const struct lf_entry *entry)
{
	return entry && entry->shared;
}

int lf_entry_type(const struct lf_entry *entry)
{
	return entry ? entry->type : LF_TYPE_UNKNOWN;
}

pid_t lf_entry_pid(const struct lf_entry *entry)
{
	return entry ? entry->pid : 0;
}

int lf_entry_source(const struct lf_entry *entry)
{
	return entry ? entry->source : LF_SOURCE_NONE;
}

unsigned long long lf_entry_start_time(const struct lf_entry *entry)
{
	return entry ? entry->start_time : 0;
}
