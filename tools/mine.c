/* SPDX-License-Identifier: 0BSD */
/* Whether lf-check runs under locks: an answer to scripts, by the status alone. */
#include "config.h"

#include "check.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <stdlib.h>

enum { MINE = 0, NOT_MINE = 1, CANNOT_TELL = 2 };

static void print_error(const char *path, int error)
{
	if (error == -ESRCH)
		message_about(path, "held; unknown whether by a caller of this "
				    "command%s",
			      try_as_root());
	else
		message_about(path, "%s%s", lf_strerror(error), remedy(error));
}

/* See lf_is_mine(3): what is no regular file is no slot. */
static bool is_no_slot(int error)
{
	return error == -EISDIR || error == -ENOTSUP || error == -ELOOP;
}

/*
 * A lock file stands for its slots, also if a waiter for them holds it.  *SLOT, which
 * is to be freed: the one that decides, or NULL.
 */
static int runs_under(const char *path, char **slot)
{
	bool exists[MOST_SLOTS + 1];
	int rc = lf_is_mine(path);

	*slot = NULL;
	if (rc != 0 && rc != -ESRCH)
		return rc;
	slots_find(path, exists, false);
	for (int i = 1; i <= MOST_SLOTS && rc <= 0; i++) {
		char *name = exists[i] ? slot_path(path, i) : NULL;
		int one = name ? lf_is_mine(name) : 0;

		if (one > 0 || (one < 0 && rc == 0 && !is_no_slot(one))) {
			rc = one;
			free(*slot);
			*slot = name;
		} else {
			free(name);
		}
	}
	return rc;
}

int mine_check(char *const *paths, bool quiet)
{
	int status = MINE;

	for (; *paths; paths++) {
		char *slot;
		int rc;

		limit_time();
		rc = runs_under(*paths, &slot);
		end_limit();
		if (rc < 0)
			status = CANNOT_TELL;
		else if (rc == 0 && status == MINE)
			status = NOT_MINE;
		if (rc < 0 && !quiet)
			print_error(slot ? slot : *paths, rc);
		free(slot);
	}
	return status;
}
