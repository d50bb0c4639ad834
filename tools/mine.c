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

/* A lock file stands for its slots, also if a waiter for them holds it. */
static int runs_under(const char *path)
{
	bool exists[MOST_SLOTS + 1];
	int rc = lf_is_mine(path);

	if (rc != 0 && rc != -ESRCH)
		return rc;
	slots_find(path, exists, false);
	for (int slot = 1; slot <= MOST_SLOTS && rc <= 0; slot++) {
		char *name = exists[slot] ? slot_path(path, slot) : NULL;
		int one = name ? lf_is_mine(name) : 0;

		/* What is no regular file is no slot. */
		if (one > 0 || one == -ESRCH)
			rc = one;
		free(name);
	}
	return rc;
}

int mine_check(char *const *paths, bool quiet)
{
	int status = MINE;

	for (; *paths; paths++) {
		int rc = runs_under(*paths);

		if (rc < 0)
			status = CANNOT_TELL;
		else if (rc == 0 && status == MINE)
			status = NOT_MINE;
		if (rc < 0 && !quiet)
			print_error(*paths, rc);
	}
	return status;
}
