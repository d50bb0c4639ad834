#include "config.h"

#include "holder.h"

#include "lockfile-fcntl.h"

/* How often a lock may change hands under our eyes before we give up. */
#define LOOKS 3

/*
 * The process may end, and its PID be another's, while we read of it: what was
 * read is the holder's only if it holds the lock afterwards too.
 */
int holder_find(const char *path, struct holder *holder)
{
	int rc;

	*holder = (struct holder){ .pid = 0 };
	rc = lf_check(path, &holder->pid);
	for (int look = 0; rc > 0 && holder->pid > 0; look++) {
		pid_t again;

		if (look == LOOKS) {
			holder->pid = 0;
			break;
		}
		process_free(&holder->process);
		process_read(&holder->process, holder->pid, 0);
		rc = lf_check(path, &again);
		if (rc > 0 && again == holder->pid)
			break;
		holder->pid = again;
	}
	return rc;
}

void holder_free(struct holder *holder)
{
	process_free(&holder->process);
}

void holder_print(FILE *to, const struct holder *holder)
{
	if (holder->pid == 0) {
		fprintf(to, "held; holder not known%s", try_as_root());
		return;
	}
	fputs("held by ", to);
	process_print(to, holder->pid, &holder->process, COMMAND_WIDTH);
}
