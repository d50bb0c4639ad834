/* Tables and JSON: by libsmartcols (table.c), or not at all (no-table.c). */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>

struct files;

/* Lines of --help. */
extern const char table_help[];

struct table_style {
	const char *columns; /* or NULL: those by default */
	bool json, noheadings, raw;
};

/* Ends with a message if there is no such table. */
void table_begin(const struct table_style *);
void table_print(const struct files *);

#endif
