/* SPDX-License-Identifier: 0BSD */
/* What file systems do with locks, as JSON, by libsmartcols. */
#include "config.h"

#include "check.h"

#include <libsmartcols.h>
#include <lockfile-fcntl.h>

#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH, TYPE, SOURCE, PROPERTIES };

static const struct {
	const char *name;
	enum lf_fs_property property;
} columns[] = {
	[PATH] = { "PATH", 0 },
	[TYPE] = { "TYPE", 0 },
	[SOURCE] = { "SOURCE", 0 },
	[PROPERTIES] = { "SHARED", LF_FS_SHARED },
	{ "GLOBAL", LF_FS_GLOBAL },
	{ "REMOVES", LF_FS_REMOVES },
	{ "ORDERED", LF_FS_ORDERED },
	{ "PIDS", LF_FS_PIDS },
};

#define COUNT (sizeof(columns) / sizeof(columns[0]))

static struct libscols_table *table;

void fs_table_begin(void)
{
	table = checked(scols_new_table());
	scols_table_enable_json(table, 1);
	scols_table_enable_noencoding(table, 1);
	if (scols_table_set_name(table, "filesystems") < 0)
		out_of_memory();
	for (size_t i = 0; i < COUNT; i++)
		checked(scols_table_new_column(table, columns[i].name, 0, 0));
}

static void set(struct libscols_line *line, size_t column, const char *text)
{
	char *shown = NULL;

	if (text)
		shown = checked(isatty(STDOUT_FILENO) ?
					text_shortened(text, SIZE_MAX) :
					text_valid(text));
	if (scols_line_set_data(line, column, shown) < 0)
		out_of_memory();
	free(shown);
}

void fs_table_add(const char *path, const struct lf_fs *fs)
{
	struct libscols_line *line = checked(scols_table_new_line(table, NULL));

	set(line, PATH, path);
	set(line, TYPE, lf_fs_type(fs));
	set(line, SOURCE, lf_fs_source(fs));
	for (size_t i = PROPERTIES; i < COUNT; i++)
		set(line, i, fs_answer(fs, columns[i].property));
}

void fs_table_print(void)
{
	/* As table.c does: the text is UTF-8 in every locale. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "C");
	if (scols_print_table(table) < 0)
		out_of_memory();
	scols_unref_table(table);
}
