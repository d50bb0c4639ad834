/* SPDX-License-Identifier: 0BSD */
/* Whether lf-check runs under locks: an answer to scripts, by the status alone. */
#include "config.h"

#include "check.h"

#include <errno.h>

enum { MINE = 0, NOT_MINE = 1, CANNOT_TELL = 2 };

static void print_error(const char *path, int error)
{
	if (error == -ESRCH)
		message_about(path, "held; unknown whether by a caller of this "
				    "command%s",
			      try_as_root());
	else
		message_about(path, "%s", lf_strerror(error));
}

int mine_check(char *const *paths, bool quiet)
{
	int status = MINE;

	for (; *paths; paths++) {
		int rc = lf_is_mine(*paths);

		if (rc < 0)
			status = CANNOT_TELL;
		else if (rc == 0 && status == MINE)
			status = NOT_MINE;
		if (rc < 0 && !quiet)
			print_error(*paths, rc);
	}
	return status;
}
