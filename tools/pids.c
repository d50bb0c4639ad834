#include "config.h"

#include "pids.h"

#include "lockfile-fcntl.h"
#include "look.h"
#include "message.h"

#include <stdio.h>
#include <stdlib.h>

/* Those of flock(2) keep no holder of a lock file out. */
static bool is_holder(const struct lf_entry *entry)
{
	return !lf_entry_waits(entry) && lf_entry_pid(entry) > 0 &&
	       lf_entry_type(entry) != LF_TYPE_FLOCK;
}

static size_t count_entries(const struct files *files)
{
	size_t count = 0;

	for (size_t i = 0; i < files->count; i++) {
		const struct lf_entry *entry = NULL;

		while ((entry = lf_report_next(files->list[i].report,
					       entry)) != NULL)
			count++;
	}
	return count;
}

static bool is_in(const pid_t *pids, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

void print_pids(const struct files *files)
{
	size_t most = count_entries(files), count = 0;
	pid_t *pids = most > 0 ? calloc(most, sizeof(*pids)) : NULL;

	if (most > 0 && !pids)
		out_of_memory();
	for (size_t i = 0; i < files->count; i++) {
		const struct lf_entry *entry = NULL;

		while ((entry = lf_report_next(files->list[i].report,
					       entry)) != NULL) {
			pid_t pid = lf_entry_pid(entry);

			if (!is_holder(entry) || is_in(pids, count, pid))
				continue;
			pids[count++] = pid;
			printf("%ld\n", (long)pid);
		}
	}
	free(pids);
}
