#include "config.h"

#include "holder.h"

#include "lockfile-fcntl.h"

/* How often a lock may change hands under our eyes before we give up. */
#define LOOKS 3

/*
 * The process may end, and its PID be another's, while we read of it: what was
 * read is the holder's only if it holds the lock afterwards too.
 */
int holder_find(const char *path, struct process *holder)
{
	pid_t pid;
	int rc;

	*holder = (struct process){ .pid = 0 };
	rc = lf_check(path, &pid);
	for (int look = 0; rc > 0 && pid > 0 && look < LOOKS; look++) {
		pid_t before = pid;

		process_free(holder);
		process_read(holder, pid, lf_process_start_time(pid));
		rc = lf_check(path, &pid);
		if (rc > 0 && pid == before)
			return rc;
	}
	process_free(holder);
	*holder = (struct process){ .pid = 0 };
	return rc;
}

void holder_print(FILE *to, const struct process *holder)
{
	if (holder->pid == 0) {
		fprintf(to, "held; holder unknown%s", try_as_root());
		return;
	}
	fputs("held by ", to);
	process_print(to, holder, COMMAND_WIDTH);
}
