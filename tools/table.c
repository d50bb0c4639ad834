/* SPDX-License-Identifier: 0BSD */
/* Tables and JSON, by libsmartcols. */
#include "config.h"

#include "check.h"

#include <libsmartcols.h>
#include <lockfile-fcntl.h>

#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

const char table_help[] =
	"  -l, --list          print a table\n"
	"  -J, --json          print JSON\n"
	"  -o, --output COLUMNS\n"
	"                      print these columns: LOCKFILE, ROLE, MODE, PID, USER,\n"
	"                      COMMAND, LOCKED, STARTED, TYPE (default), AGE,\n"
	"                      STARTTIME, SOURCE; +COLUMNS adds to the default\n"
	"  -n, --noheadings    print a table without headings\n"
	"  -r, --raw           print a table for scripts: one blank between columns,\n"
	"                      no blank in a column, - where a value is unknown\n";

static struct libscols_table *table;
static struct table_style style;
static enum column chosen[COLUMNS];
static size_t width;

static void add_column(enum column column)
{
	int flags = column == COLUMN_COMMAND ? SCOLS_FL_TRUNC : 0;
	/* A column that is made narrower is folded. */
	double least = column == COLUMN_COMMAND ? 0.1 : 0;
	struct libscols_column *new;

	if (column_is_number(column))
		flags |= SCOLS_FL_RIGHT;
	new = checked(scols_table_new_column(table, column_name(column), least,
					     flags));
	if (column_is_number(column))
		scols_column_set_json_type(new, SCOLS_JSON_NUMBER);
}

void table_begin(const struct table_style *wanted)
{
	style = *wanted;
	width = columns_parse(style.columns, chosen);
	/*
	 * The text is UTF-8 in every locale.  The caller's would change other
	 * rules as well, such as capitals in Turkish.
	 */
	setlocale(LC_CTYPE, "C.UTF-8");
	table = checked(scols_new_table());
	scols_table_enable_json(table, style.json);
	scols_table_enable_raw(table, style.raw);
	scols_table_enable_noheadings(table, style.noheadings);
	/* as_styled() escapes the text. */
	scols_table_enable_noencoding(table, 1);
	if (scols_table_set_name(table, "locks") < 0)
		out_of_memory();
	for (size_t i = 0; i < width; i++)
		add_column(chosen[i]);
}

/*
 * libsmartcols escapes raw output.  In JSON it escapes control characters, but
 * not all that a terminal interprets as such.
 */
static char *as_styled(char *text)
{
	char *styled;

	if (!text || style.raw)
		return text;
	if (style.json && !isatty(STDOUT_FILENO))
		styled = checked(text_valid(text));
	else
		styled = checked(text_escaped(text));
	free(text);
	return styled;
}

static void add_row(const struct row *row)
{
	struct libscols_line *line;

	line = checked(scols_table_new_line(table, NULL));
	for (size_t i = 0; i < width; i++) {
		char *text = as_styled(column_text(chosen[i], row));
		const char *nothing = style.raw ? "-" : NULL;

		if (scols_line_set_data(line, i, text ? text : nothing) < 0)
			out_of_memory();
		free(text);
	}
}

static void add_entry(const struct file *file, const struct lf_entry *entry)
{
	struct row row = { .path = file->path, .entry = entry };
	struct process process;

	process_read(&process, lf_entry_pid(entry), lf_entry_start_time(entry));
	row.process = &process;
	row.times = times_of(file->report, entry, &process);
	add_row(&row);
	process_free(&process);
}

static void add_free(const struct file *file)
{
	static const struct process nobody;

	add_row(&(struct row){
		.path = file->path,
		.free = true,
		.process = &nobody,
		.times = { UNKNOWN_TIME, UNKNOWN_TIME },
	});
}

/* Each path has a line that says free, or one of a holder. */
static void add_file(const struct file *file)
{
	const struct lf_entry *entry = NULL;
	bool held = false;

	while ((entry = lf_report_next(file->report, entry)) != NULL)
		held |= is_holder(entry);
	if (file->status == 0)
		add_free(file);
	else if (!held)
		add_entry(file, NULL);
	while ((entry = lf_report_next(file->report, entry)) != NULL)
		add_entry(file, entry);
}

void table_print(const struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->list[i].status >= 0)
			add_file(&files->list[i]);
	if (scols_print_table(table) < 0)
		out_of_memory();
	scols_unref_table(table);
}
