/* SPDX-License-Identifier: 0BSD */
/*
 * report PATH: prints the report of lf_inspect(), a line for each entry, such
 * as "42 tag" and "43 waits", after "partial" if the report is.  The status is
 * the result.
 */
#include "config.h"

#include <lockfile-fcntl.h>

#include <stdio.h>

static const char *word(const struct lf_entry *entry)
{
	static const char *const sources[] = {
		[LF_SOURCE_NONE] = "unknown",
		[LF_SOURCE_LOCK] = "lock",
		[LF_SOURCE_TAG] = "tag",
		[LF_SOURCE_DESCRIPTOR] = "descriptor",
	};

	return lf_entry_waits(entry) ? "waits" : sources[lf_entry_source(entry)];
}

int main(int argc, char **argv)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	int rc;

	rc = lf_inspect(argc == 2 ? argv[1] : NULL, &report);
	if (rc < 0) {
		fprintf(stderr, "report: %s\n", lf_strerror(rc));
		return 2;
	}
	if (lf_report_partial(report))
		puts("partial");
	while ((entry = lf_report_next(report, entry)) != NULL)
		printf("%ld %s%s\n", (long)lf_entry_pid(entry),
		       lf_entry_type(entry) == LF_TYPE_FLOCK ? "flock " : "",
		       word(entry));
	lf_report_free(report);
	return rc;
}
