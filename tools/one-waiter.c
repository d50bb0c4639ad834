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
 */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int one_waiter_begin(struct lf_lock **place, const struct options *o,
		     const char **path)
{
	static char *next;
	size_t size = strlen(o->lockfile) + sizeof(".next");
	int rc;

	next = checked(malloc(size));
	snprintf(next, size, "%s.next", o->lockfile);
	rc = lf_acquire_at(place, AT_FDCWD, next, o->mode, 0,
			   o->flags & (LF_KEEP | LF_GLOBAL));
	if (rc < 0)
		*path = next;
	return rc;
}
