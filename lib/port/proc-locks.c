/* SPDX-License-Identifier: 0BSD */
/* Linux's list of locks, /proc/locks. */
#include "config.h"

#include "port/os.h"

#include "port/proc-parts.h"
#include "port/proc-text.h"

#include <errno.h>
#include <stdlib.h>

static int add_lock(struct lf_lock_list *list,
		    const struct lf_listed_lock *lock)
{
	/* The room is a power of two. */
	if ((list->count & (list->count - 1)) == 0) {
		size_t room = list->count ? 2 * list->count : 1;
		struct lf_listed_lock *locks =
			realloc(list->locks, room * sizeof(*locks));

		if (!locks)
			return -ENOMEM;
		list->locks = locks;
	}
	list->locks[list->count++] = *lock;
	return 0;
}

static int add_lease(struct lf_lock_list *list, const struct lf_lease *lease)
{
	struct lf_lease *leases =
		realloc(list->leases,
			(list->lease_count + 1) * sizeof(*leases));

	if (!leases)
		return -ENOMEM;
	list->leases = leases;
	list->leases[list->lease_count++] = *lease;
	return 0;
}

/* PIDs are those of another namespace unless OURS. */
static int add_line(struct lf_lock_list *list, const char *line,
		    bool wants_locks, bool ours)
{
	struct lf_listed_lock lock;
	struct lf_lease lease;

	if (wants_locks && lf_proc_parse_lock(line, &lock)) {
		if (!ours)
			lock.pid = 0;
		return add_lock(list, &lock);
	}
	if (lf_proc_parse_lease(line, &lease)) {
		if (!ours)
			lease.pid = 0;
		return add_lease(list, &lease);
	}
	return 0;
}

static int list_all(struct lf_lock_list *list, bool wants_locks)
{
	char *text = NULL, *rest, *line;
	bool ours;
	int rc;

	*list = (struct lf_lock_list){ .when = lf_ticks() };
	rc = lf_proc_read_locks(&text);
	if (rc < 0)
		return rc;
	list->is_torn = rc == LF_LOCKS_MAY_LACK;
	list->enough = rc == LF_LOCKS_HAVE_MOVED ? 4 :
		       rc == LF_LOCKS_IN_PARTS	 ? 2 :
						   1;
	rc = 0;
	ours = wants_locks && lf_proc_is_ours();
	rest = text;
	while (rc == 0 && (line = lf_proc_cut_line(&rest)) != NULL)
		rc = add_line(list, line, wants_locks, ours);
	free(text);
	if (rc < 0)
		lf_lock_list_free(list);
	return rc;
}

int lf_list_locks(struct lf_lock_list *list)
{
	return list_all(list, true);
}

int lf_list_leases(struct lf_lock_list *list)
{
	return list_all(list, false);
}

void lf_lock_list_free(struct lf_lock_list *list)
{
	free(list->locks);
	free(list->leases);
	*list = (struct lf_lock_list){ .count = 0 };
}
