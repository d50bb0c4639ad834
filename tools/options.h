/* What lf-acquire is asked to do. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct options {
	int timeout_ms; /* as for lf_acquire() */
	unsigned flags; /* likewise */
	bool quiet, verbose, exec, close, unlock;
	bool has_mode;
	mode_t mode;
	int conflict_status;
	const char **paths; /* LOCKFILE, and the files of --also */
	size_t count;
	int fd; /* instead of LOCKFILE and COMMAND, or -1 */
	char **command;
};

/* Does not return if the arguments ask for something else than a lock. */
void parse_options(int argc, char **argv, struct options *);

#endif
