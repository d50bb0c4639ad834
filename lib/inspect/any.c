/* SPDX-License-Identifier: 0BSD */
/*
 * Whether there is any lock on a file, of whatever kind: the list is read once, and
 * the holders are looked for only if the answer depends on them.
 */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <stdlib.h>

static int inspect(const char *path, struct lf_listing *listing)
{
	struct lf_report *report;
	int rc = lf_inspect_listed(&report, &path, 1, listing), flock;

	if (rc < 0)
		return rc;
	rc = report->status;
	flock = report->flock;
	lf_report_free(report);
	if (rc > 0 || flock > 0)
		return 1;
	return rc < 0 ? rc : flock;
}

/* 1: there are locks on the file. */
static int find_locks(struct lf_view *view, const struct lf_listing *listing,
		      struct lf_mounts *mounts)
{
	int rc = lf_view_name(view, listing, mounts);

	if (rc == 0)
		rc = lf_view_pick(view, listing);
	return rc < 0 ? rc : view->lock_count > 0;
}

/* The answer without locks of flock(2) is RECORD. */
static int answer_by_list(struct lf_view *view, struct lf_listing *listing,
			  int record)
{
	struct lf_mounts mounts = { .is_read = false };
	int error = view->is_pinned ? listing->error : view->pin, rc;

	if (!view->is_pinned || !listing->sorted)
		return record < 0 || error == -ENOTSUP ? record : error;
	rc = find_locks(view, listing, &mounts);
	lf_mounts_free(&mounts);
	if (rc > 0)
		return inspect(view->path, listing);
	if (rc == 0 && listing->list.is_torn)
		rc = -EIO;
	return rc < 0 ? rc : record;
}

/* After LISTS others that showed no lock.  *AGAIN: it takes one more. */
static int check(const char *path, int lists, bool *again)
{
	struct lf_view view = { .path = path };
	struct lf_listing listing;
	int rc = lf_listing_read(&listing);

	*again = false;
	if (rc == -ENOMEM)
		return rc;
	rc = lf_check_view(&view, &listing.list, false);
	if (rc <= 0 && rc != -ENOMEM && view.exists)
		rc = answer_by_list(&view, &listing, rc);
	*again = (rc == 0 || (rc == -EIO && listing.list.is_torn)) &&
		 view.exists && lists + 1 < listing.list.enough;
	lf_view_unpin(&view);
	lf_view_clear(&view);
	lf_listing_free(&listing);
	return rc;
}

int lf_check_any_lock(const char *path)
{
	bool again = true;
	int rc = 0;

	for (int lists = 0; again; lists++)
		rc = check(path, lists, &again);
	return rc;
}
