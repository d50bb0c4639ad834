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

struct source {
	char *text;
	bool wants_locks;
	bool ours; /* else PIDs are those of another namespace */
};

static int add_line(struct lf_lock_list *list, const char *line,
		    const struct source *source)
{
	struct lf_listed_lock lock;
	struct lf_lease lease;

	if (source->wants_locks && lf_proc_parse_lock(line, &lock)) {
		if (!source->ours)
			lock.pid = 0;
		return add_lock(list, &lock);
	}
	if (lf_proc_parse_lease(line, &lease)) {
		if (!source->ours)
			lease.pid = 0;
		return add_lease(list, &lease);
	}
	return 0;
}

static int add_text(struct lf_lock_list *list, const struct source *source)
{
	char *rest = source->text, *line;
	int rc = 0;

	while (rc == 0 && (line = lf_proc_cut_line(&rest)) != NULL)
		rc = add_line(list, line, source);
	return rc;
}

static int list_all(struct lf_lock_list *list, bool wants_locks)
{
	struct source source = { .wants_locks = wants_locks };
	char *text;
	int rc;

	*list = (struct lf_lock_list){ .when = lf_ticks() };
	rc = lf_proc_read_locks(&text);
	if (rc < 0)
		return rc;
	list->is_torn = rc == LF_LOCKS_MAY_LACK;
	list->enough = rc == 0 ? 1 : rc == LF_LOCKS_IN_PARTS ? 2 : 4;
	source.ours = wants_locks && lf_proc_is_ours();
	source.text = text;
	rc = add_text(list, &source);
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
