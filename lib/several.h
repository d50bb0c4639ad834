/* Several lock files as one: all or none. */
#ifndef SEVERAL_H
#define SEVERAL_H

#include "handle.h"

/*
 * As RQ asks, but for each of PATHS.  A file that is named twice is locked once:
 * the other handles are NULL.  *FAILED is the path that could not be had.
 */
int acquire_all(struct lf_lock **locks, const struct request *rq,
		const char *const *paths, size_t count, int timeout_ms,
		size_t *failed);

#endif
