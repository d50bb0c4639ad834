/* SPDX-License-Identifier: 0BSD */
/*
 * Any bytes as a name and a command in the cells of a table: JSON that means the
 * same, raw output with as many words as columns, and lines that the locale can
 * print, no longer than the terminal where that is possible.
 */
#include "config.h"

#include "printed.h"

#include <libsmartcols.h>

static FILE *out;
static size_t terminal_columns;

static struct libscols_table *new_table(void)
{
	struct libscols_table *table = scols_new_table();

	scols_table_set_stream(table, out);
	return table;
}

/* Output is never that of a terminal, unless it is a table for people. */
#define scols_new_table() new_table()
#define isatty(fd) false
#include "tools/table.c"
#undef isatty

const char target_name[] = "table";

size_t terminal_width(void)
{
	return terminal_columns;
}

/* The last word of TEXT. */
static const char *name_in(const char *text)
{
	const char *blank = strrchr(text, ' ');

	return blank ? blank + 1 : text;
}

/* Of a process with the command TEXT, and a file of that name. */
static char *print(const char *text, struct table_style wanted)
{
	char *command = exact_copy(text, strlen(text)), *printed;
	struct process process = { .pid = 4242, .command = command };
	const struct row row = {
		.path = name_in(text),
		.process = &process,
		.for_people = !wanted.json && !wanted.raw,
		.times = { UNKNOWN_TIME, UNKNOWN_TIME },
	};
	const struct files none = { 0 };
	size_t size;

	out = open_memstream(&printed, &size);
	memset(left_out, 0, sizeof(left_out));
	memset(widest, 0, sizeof(widest));
	any_flock = false;
	table_begin(&wanted);
	add_row(&row);
	table_print(&none);
	demand(fclose(out) == 0);
	demand(strlen(printed) == size);
	free(command);
	/* table_print() chooses another one for programs. */
	setlocale(LC_CTYPE, "");
	return printed;
}

/* --- For people */

static void check_lines(const char *text, size_t columns)
{
	const struct table_style wanted = { .columns = "PID,LOCKFILE,JOB",
					   .noheadings = true };
	char *line, *end;
	size_t name = escaped_width(name_in(text)), used;

	terminal_columns = columns;
	line = print(text, wanted);
	terminal_columns = 0;
	end = strchr(line, '\n');
	demand(end && end[1] == '\0');
	*end = '\0';
	used = printed_width(line);
	/* Else lines are too long in any case. */
	if (columns >= name + strlen("LOCKFILE PID ") + SHORTEST_COMMAND)
		demand(used <= columns);
	free(line);
}

/* --- Raw */

/* Five words; bytes of characters that the locale cannot print are escaped. */
static void check_raw(const char *text)
{
	const struct table_style wanted = {
		.columns = "LOCKFILE,PID,COMMAND,USER,JOB",
		.noheadings = true,
		.raw = true,
	};
	char *line = print(text, wanted);
	size_t blanks = 0;

	for (const char *c = line; *c; c++) {
		demand((unsigned char)*c >= ' ' || (*c == '\n' && !c[1]));
		demand(*c != 127);
		demand(*c != ' ' || (c > line && (unsigned char)c[1] > ' '));
		blanks += *c == ' ';
	}
	demand(blanks == 4);
	free(line);
}

/* --- JSON */

/* The character that begins at *TEXT, a part of a JSON string, as UTF-8. */
static void decode_one(const char **text, char **to)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *letter;
	unsigned code;

	if (**text != '\\') {
		demand((unsigned char)**text >= ' ');
		*(*to)++ = *(*text)++;
		return;
	}
	++*text;
	letter = **text ? strchr(letters, **text) : NULL;
	if (letter) {
		*(*to)++ = meanings[letter - letters];
		++*text;
		return;
	}
	/* Only control characters need it. */
	demand(sscanf(*text, "u%4x", &code) == 1 && code < 128);
	*(*to)++ = (char)code;
	*text += 5;
}

/* The member NAME of the only object is TEXT, or null without any. */
static void check_member(const char *json, const char *name, const char *text)
{
	char *decoded = malloc(strlen(json) + 1), *to = decoded, key[32];
	char *valid = text_valid(text);
	const char *from;

	snprintf(key, sizeof(key), "\"%s\":", name);
	from = strstr(json, key);
	demand(from);
	from += strlen(key);
	from += strspn(from, " ");
	if (*text) {
		demand(*from == '"');
		for (from++; *from && *from != '"';)
			decode_one(&from, &to);
		demand(*from == '"');
		*to = '\0';
		demand(strcmp(decoded, valid) == 0);
	} else {
		demand(strncmp(from, "null", strlen("null")) == 0);
	}
	free(valid);
	free(decoded);
}

static void check_json(const char *text)
{
	const struct table_style wanted = { .columns = "PID,LOCKFILE,COMMAND",
					   .json = true };
	char *json = print(text, wanted), *valid;

	check_member(json, "lockfile", name_in(text));
	check_member(json, "command", text);
	for (const char *c = json; *c; c++)
		demand((unsigned char)*c >= ' ' || *c == '\n');
	valid = text_valid(json);
	demand(strcmp(json, valid) == 0);
	free(valid);
	free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);

	use_locale();
	check_lines(text, 0);
	check_lines(text, 80 + (size > 0 ? data[size - 1] : 0u));
	check_raw(text);
	check_json(text);
	free(text);
	return 0;
}
