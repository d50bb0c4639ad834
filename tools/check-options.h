/* What lf-check is asked to do. */
#ifndef CHECK_OPTIONS_H
#define CHECK_OPTIONS_H

#include "table.h"

#include <stdbool.h>

struct check_options {
	bool all, quiet, pid, table, wait;
	int timeout_ms; /* of a wait, negative: as long as it takes */
	struct table_style style;
	char **paths;
};

/* Does not return if the arguments ask for something else. */
void parse_check_options(int argc, char **argv, struct check_options *);

#endif
