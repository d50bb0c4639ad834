/* SPDX-License-Identifier: 0BSD */
/*
 * A call under a lock that its caller runs under would wait for its own caller.  So
 * it is refused without waiting, or with --nested runs COMMAND under that lock.
 *
 * This is asked once the lock was refused: a call that gets it pays nothing.  One
 * that waits asks while it waits, see asks_later().
 */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <stdlib.h>

enum lock_of { OTHERS, CALLER, CALLER_SHARED };

/* A mode that is unknown may be shared; a lock that has ended is nobody's. */
static enum lock_of find_mode(const char *path)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	int rc = lf_inspect(path, &report);
	enum lock_of of = rc == 0 ? OTHERS : CALLER_SHARED;

	while ((entry = lf_report_next(report, entry)) != NULL) {
		if (!is_holder(entry) || of == CALLER)
			continue;
		of = lf_entry_shared(entry) ||
				     lf_entry_type(entry) == LF_TYPE_UNKNOWN ?
			     CALLER_SHARED :
			     CALLER;
	}
	lf_report_free(report);
	return of;
}

static enum lock_of whose(const struct options *o, const char *path)
{
	char *target = o->flags & LF_FOLLOW ? realpath(path, NULL) : NULL;
	const char *name = target ? target : path;
	enum lock_of of = OTHERS;

	if (lf_is_mine(name) > 0)
		of = find_mode(name);
	free(target);
	return of;
}

/* Whether COMMAND can run under the lock of the caller. */
static bool suffices(const struct options *o, enum lock_of of)
{
	return of == CALLER || o->flags & LF_SHARED;
}

/*
 * A descriptor that shares the lock may wait for the other sharers.  One that an
 * exclusive lock keeps out does not have it.  A name without a slash at its start
 * is not a path, see descriptor_name().
 */
static int check_descriptor(const struct options *o, const char *path)
{
	return path[0] == '/' && whose(o, path) == CALLER ? NESTED : 0;
}

/*
 * A slot of the caller's: the others may never become free, for example if two
 * callers with a slot each wait for another one.  With --nested COMMAND shares it.
 */
static int check_slots(struct options *o, const char **path)
{
	bool exists[MOST_SLOTS + 1];
	static char *own; /* for *PATH */

	/* The queue: the caller keeps everybody from the slots. */
	if (whose(o, o->paths[0]) != OTHERS) {
		*path = o->paths[0];
		o->count = o->nested ? 0 : o->count;
		return o->nested ? 1 : NESTED;
	}
	slots_find(o->paths[0], exists, false);
	for (int slot = 1; slot <= MOST_SLOTS; slot++) {
		char *name = exists[slot] ? slot_path(o->paths[0], slot) : NULL;

		if (name && whose(o, name) != OTHERS) {
			own = name;
			*path = own;
			o->count = o->nested ? 0 : o->count;
			return o->nested ? 1 : NESTED;
		}
		free(name);
	}
	return 0;
}

bool nested_seems(const struct options *o, const char *path)
{
	return whose(o, path) != OTHERS;
}

int nested_skip(struct options *o, const char **path)
{
	size_t others = 0, all = o->count;

	if (o->fd >= 0)
		return check_descriptor(o, *path);
	if (o->slots > 0)
		return check_slots(o, path);
	for (size_t i = 0; i < all; i++) {
		enum lock_of of = whose(o, o->paths[i]);

		if (of != OTHERS && !(o->nested && suffices(o, of))) {
			*path = o->paths[i];
			o->caller_shares = !suffices(o, of);
			return NESTED;
		}
		if (of == OTHERS)
			o->paths[others++] = o->paths[i];
	}
	o->count = others;
	return others < all;
}

int nested_refuse(const struct options *o, const char *path)
{
	const char *more = "; this command runs under that lock already";

	if (o->quiet)
		return o->conflict_status;
	if (o->fd < 0)
		more = o->caller_shares ?
			       "; this command shares that lock already, and "
			       "cannot make it exclusive" :
			       "; this command runs under that lock already: "
			       "use --nested to run COMMAND under it";
	print_holder(path, o->flags & LF_FOLLOW, more);
	return o->conflict_status;
}
