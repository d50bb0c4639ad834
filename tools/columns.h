/* The columns of a table, and what is in a cell. */
#ifndef COLUMNS_H
#define COLUMNS_H

#include "since.h"

#include <stdbool.h>
#include <stddef.h>

enum column {
	LOCKFILE,
	ROLE,
	MODE,
	PID,
	USER,
	COMMAND,
	LOCKED,
	STARTED,
	TYPE,
	AGE,
	STARTTIME,
	SOURCE,
	COLUMN_COUNT,
};

/* Of a table that nobody has asked for otherwise: the first so many. */
#define COLUMNS_BY_DEFAULT (TYPE + 1)

const char *column_name(enum column);
bool column_is_number(enum column);

/*
 * Those of a list such as "PID,command", after those by default if it begins
 * with "+", each once.  Ends with a message if it names another.  How many
 * there are.
 */
size_t columns_parse(const char *list, enum column *chosen);

struct row {
	const char *path;
	bool free;
	const struct lf_entry *entry; /* NULL: nobody, or not known at all */
	const struct process *process;
	struct times times;
};

/* New text, or NULL: nothing, or it is not known. */
char *column_text(enum column, const struct row *);

#endif
