/* SPDX-License-Identifier: 0BSD */
/*
 * --one-waiter: "run once more after this run, and no more".
 *
 * The place of the waiter is the lock LOCKFILE.next.  A caller that finds LOCKFILE
 * held takes the place without waiting, or is refused.  The waiter gives the place
 * back when it holds LOCKFILE, and before its COMMAND starts.
 *
 * Not earlier: until LOCKFILE is held, the next caller would become a second
 * waiter.  Not later: a caller that comes after COMMAND has started may bring what
 * COMMAND has not seen, and must find the place free.  In between, while the waiter
 * has both locks, a caller is refused; that is right, since COMMAND starts after
 * that.  So whenever a caller is refused, a run starts later, unless the waiter
 * gives up or is killed; and then the kernel frees the place at once.
 *
 * But a refused caller has the tag of the place until it has closed the file, and the
 * waiter may have given the place back meanwhile.  The next caller is refused by that
 * tag though COMMAND has started and nobody waits.  So a refusal counts only if the
 * place is held, or byte 0 for longer than lf_check() takes for a moment.
 */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Whether only a caller in passing has refused the place. */
static bool is_in_passing(const char *next)
{
	return lf_check(next, NULL) == 0;
}

int one_waiter_begin(struct lf_lock **place, const struct options *o,
		     int timeout_ms, const char **path)
{
	double end = now() + timeout_ms / 1e3;
	static char *next;
	size_t size = strlen(o->lockfile) + sizeof(".next");
	int rc;

	next = checked(malloc(size));
	snprintf(next, size, "%s.next", o->lockfile);
	do {
		rc = lf_acquire_at(place, AT_FDCWD, next, o->mode, 0,
				   o->flags & (LF_KEEP | LF_GLOBAL));
		if (rc != -EAGAIN || !is_in_passing(next))
			break;
		rc = -ETIMEDOUT;
	} while (timeout_ms < 0 || now() < end);
	if (rc < 0 && rc != -ETIMEDOUT)
		*path = next;
	return rc;
}
