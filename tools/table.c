/* SPDX-License-Identifier: 0BSD */
/* Tables and JSON, by libsmartcols. */
#include "config.h"

#include "check.h"

#include <libsmartcols.h>
#include <lockfile-fcntl.h>

#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char table_help[] =
	"  -l, --list          print a table\n"
	"  -J, --json          print JSON\n"
	"  -o, --output COLUMNS\n"
	"                      print these columns: LOCKFILE, ROLE, MODE, TYPE, PID,\n"
	"                      USER, STATE, AGE, JOB (default), COMMAND, LOCKED,\n"
	"                      STARTED, STARTTIME, SOURCE; +COLUMNS adds to the\n"
	"                      default\n"
	"  -n, --noheadings    print a table without headings\n"
	"  -r, --raw           print a table for scripts: one blank between columns,\n"
	"                      no blank in a column, - where a value is unknown\n";

static struct libscols_table *table;
static struct table_style style;
static bool for_people;
static enum column chosen[COLUMNS];
static size_t width;
static bool left_out[COLUMNS];
static bool any_flock; /* what TYPE says matters */
static bool any_state;
static size_t widest[COLUMNS]; /* of the heading and cells of each, escaped */

static void add_column(size_t i)
{
	enum column column = chosen[i];
	int flags = column_is_number(column) ? SCOLS_FL_RIGHT : 0;
	struct libscols_column *new;

	new = checked(scols_table_new_column(table, column_name(column), 0,
					     flags));
	if (column_is_number(column))
		scols_column_set_json_type(new, SCOLS_JSON_NUMBER);
	/* Also where it is not printed, libsmartcols makes room for it. */
	widest[i] = strlen(column_name(column));
}

void table_begin(const struct table_style *wanted)
{
	style = *wanted;
	for_people = !style.json && !style.raw;
	width = columns_parse(style.columns, for_people, chosen);
	table = checked(scols_new_table());
	scols_table_enable_json(table, style.json);
	scols_table_enable_raw(table, style.raw);
	scols_table_enable_noheadings(table, style.noheadings);
	/* Escaped and shortened here: libsmartcols cuts text without a mark. */
	scols_table_enable_noencoding(table, 1);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	if (scols_table_set_name(table, "locks") < 0)
		out_of_memory();
	for (size_t i = 0; i < width; i++)
		add_column(i);
}

static void set_cell(struct libscols_line *line, size_t column,
		     const char *text)
{
	if (scols_line_set_data(line, column, text) < 0)
		out_of_memory();
}

static void add_row(const struct row *row)
{
	struct libscols_line *line;

	line = checked(scols_table_new_line(table, NULL));
	for (size_t i = 0; i < width; i++) {
		char *text = column_text(chosen[i], row);
		size_t columns = text ? escaped_width(text) : 0;

		widest[i] = columns > widest[i] ? columns : widest[i];
		set_cell(line, i, text ? text : style.raw ? "-" : NULL);
		free(text);
	}
}

static void add_entry(const struct file *file, const struct lf_entry *entry)
{
	struct row row = {
		.path = file->path,
		.both = also_by_flock(file->report, entry),
		.entry = entry,
	};
	struct process process;

	process_read(&process, lf_entry_pid(entry), lf_entry_start_time(entry));
	row.process = &process;
	row.for_people = for_people;
	any_flock |= row.both ||
		     (entry && lf_entry_type(entry) == LF_TYPE_FLOCK);
	any_state |= process.state != STATE_NONE;
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

	while ((entry = next_entry(file->report, entry)) != NULL)
		held |= !lf_entry_waits(entry);
	if (file->status == 0)
		add_free(file);
	else if (!held)
		add_entry(file, NULL);
	while ((entry = next_entry(file->report, entry)) != NULL)
		add_entry(file, entry);
}

/* The columns of the terminal that the others leave to each long one. */
static size_t room_for_long(void)
{
	size_t columns = terminal_width(), used = 0, count = 0;

	for (size_t i = 0; i < width; i++) {
		if (left_out[i])
			continue;
		used += i > 0 ? strlen(" ") : 0;
		if (column_is_long(chosen[i]))
			count++;
		else
			used += widest[i];
	}
	return count > 0 && columns > used ? (columns - used) / count : 0;
}

/* If that is less than a heading takes, lines are too long in any case. */
static size_t width_of_long(void)
{
	size_t room = room_for_long();

	if (style.json || terminal_width() == 0)
		return SIZE_MAX;
	return room >= strlen("COMMAND") ? room : SHORTEST_COMMAND;
}

/* A default column makes room for the job. */
static void leave_out_if_narrow(enum column column)
{
	if (!for_people || style.columns || terminal_width() == 0 ||
	    room_for_long() >= SHORTEST_COMMAND)
		return;
	for (size_t i = 0; i < width; i++) {
		if (chosen[i] != column)
			continue;
		left_out[i] = true;
		scols_column_set_flags(scols_table_get_column(table, i),
				       SCOLS_FL_HIDDEN);
	}
}

/*
 * In JSON libsmartcols escapes control characters, but not all that a terminal
 * interprets as such.
 */
static char *as_styled(const char *text, size_t most)
{
	if (style.json && !isatty(STDOUT_FILENO))
		return checked(text_valid(text));
	return checked(text_shortened(text, most));
}

static void style_line(struct libscols_line *line, size_t most_of_long)
{
	for (size_t i = 0; i < width; i++) {
		const char *text =
			scols_cell_get_data(scols_line_get_cell(line, i));
		size_t most = column_is_long(chosen[i]) ? most_of_long :
							  SIZE_MAX;
		char *styled = text ? as_styled(text, most) : NULL;

		set_cell(line, i, styled);
		free(styled);
	}
}

static void style_all(void)
{
	struct libscols_iter *i = checked(scols_new_iter(SCOLS_ITER_FORWARD));
	struct libscols_line *line;
	size_t most_of_long;

	leave_out_if_narrow(COLUMN_MODE);
	if (!any_flock)
		leave_out_if_narrow(COLUMN_TYPE);
	if (!any_state)
		leave_out_if_narrow(COLUMN_STATE);
	most_of_long = width_of_long();
	while (scols_table_next_line(table, i, &line) == 0)
		style_line(line, most_of_long);
	scols_free_iter(i);
}

void table_print(const struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->list[i].status >= 0)
			add_file(&files->list[i]);
	/* libsmartcols escapes raw output. */
	if (!style.raw)
		style_all();
	/*
	 * Output for programs is the same in every locale.  The caller's has
	 * other capitals in Turkish, for example.
	 */
	if ((style.raw || style.json) && !setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "C");
	if (scols_print_table(table) < 0)
		out_of_memory();
	scols_unref_table(table);
}
