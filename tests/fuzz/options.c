/* SPDX-License-Identifier: 0BSD */
/*
 * Any command line, for the parsers of both tools.  Its words are the lines of the
 * input, in which a null byte is a newline.  A parser refuses it by a message and
 * the documented status, or accepts it; what it then found, written as a command
 * line, must mean the same.
 */
#include "config.h"

#include "target.h"
#include "tools/acquire.h"
#include "tools/check.h"

#include <getopt.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#define MOST_WORDS 64

const char target_name[] = "options";

/* --- A command line */

struct line {
	int count;
	char *words[MOST_WORDS + 1]; /* the last is NULL */
	char *owned[MOST_WORDS];     /* the same; getopt_long(3) moves words */
};

static void add_word(struct line *line, const char *text, size_t length)
{
	char *word;

	if (line->count == MOST_WORDS)
		return;
	word = exact_copy(text, length);
	for (size_t i = 0; i < length; i++)
		if (word[i] == '\0')
			word[i] = '\n';
	line->words[line->count] = line->owned[line->count] = word;
	line->words[++line->count] = NULL;
}

__attribute__((__format__(__printf__, 2, 3))) static void
add(struct line *line, const char *format, ...)
{
	static char text[65536];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	add_word(line, text, strlen(text));
}

static void split(struct line *line, const char *tool, const uint8_t *data,
		  size_t size)
{
	const char *text = (const char *)data;

	add(line, "%s", tool);
	while (size > 0) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;

		add_word(line, text, length);
		length += end != NULL;
		text += length;
		size -= length;
	}
}

static void line_free(struct line *line)
{
	for (int i = 0; i < line->count; i++)
		free(line->owned[i]);
}

/* --- A tool, until it would do something */

FILE *captured_stdout, *captured_stderr;
static jmp_buf before;

#define ACCEPTED (-1)

static struct {
	int status;
	char *out, *err;
	size_t out_size, err_size;
} result;

void captured_exit(int status)
{
	result.status = status;
	longjmp(before, 1);
}

static int lowest_free_descriptor(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

/* Each line begins with the name of the tool, and none drives a terminal. */
static void check_message(const char *tool)
{
	for (const char *line = result.err; *line;) {
		size_t length = strcspn(line, "\n");

		demand(line[length] == '\n');
		demand(strncmp(line, tool, strlen(tool)) == 0);
		demand(strncmp(line + strlen(tool), ": ", 2) == 0);
		for (size_t i = 0; i < length; i++)
			demand((unsigned char)line[i] >= ' ' && line[i] != 127);
		line += length + 1;
	}
}

static void check_result(const char *tool)
{
	demand(strlen(result.out) == result.out_size);
	demand(strlen(result.err) == result.err_size);
	demand((result.out_size > 0) == (result.status == 0));
	demand((result.err_size > 0) == (result.status == STATUS_USAGE));
	demand(result.status == ACCEPTED || result.status == 0 ||
	       result.status == STATUS_USAGE);
	check_message(tool);
}

/* False: the tool ended instead. */
static bool parses(struct line *line, void (*parse)(int, char **))
{
	int descriptor = lowest_free_descriptor();

	captured_stdout = open_memstream(&result.out, &result.out_size);
	captured_stderr = open_memstream(&result.err, &result.err_size);
	demand(captured_stdout && captured_stderr);
	optind = 0;
	message_begin(line->words[0]);
	result.status = ACCEPTED;
	if (setjmp(before) == 0)
		parse(line->count, line->words);
	fclose(captured_stdout);
	fclose(captured_stderr);
	check_result(line->owned[0]);
	free(result.out);
	free(result.err);
	demand(lowest_free_descriptor() == descriptor);
	return result.status == ACCEPTED;
}

struct flag {
	bool is_set;
	const char *word;
};

/* The last has no word. */
static void add_flags(struct line *line, const struct flag *flags)
{
	for (; flags->word; flags++)
		if (flags->is_set)
			add(line, "%s", flags->word);
}

/* What both tools have as "-n", "-w" and "-t". */
static void add_timeout(struct line *line, int timeout_ms)
{
	demand(timeout_ms >= -1);
	if (timeout_ms < 0)
		add(line, "-w");
	else
		add(line, "-t%d.%03d", timeout_ms / 1000, timeout_ms % 1000);
}

/* --- lf-acquire */

static struct options acquire;

static void parse_acquire(int argc, char **argv)
{
	parse_acquire_options(argc, argv, &acquire);
}

static void add_acquire_flags(struct line *line, const struct options *o)
{
	const struct flag flags[] = {
		{ o->flags & LF_SHARED, "-s" },
		{ o->flags & LF_KEEP, "-k" },
		{ o->flags & LF_PID, "-p" },
		{ o->flags & LF_NOCREATE, "--no-create" },
		{ o->flags & LF_FOLLOW, "--follow" },
		{ o->flags & LF_FLOCK, "--flock" },
		{ o->flags & LF_GLOBAL, "--global" },
		{ o->quiet, "-q" },
		{ o->verbose, "-v" },
		{ o->exec, "-F" },
		{ o->close, "-o" },
		{ o->unlock, "-u" },
		{ o->nested, "-r" },
		{ o->one_waiter, "-1" },
		{ false, NULL },
	};

	add_flags(line, flags);
}

static void write_acquire(struct line *line, const struct options *o)
{
	add(line, "lf-acquire");
	add_timeout(line, o->timeout_ms);
	add_acquire_flags(line, o);
	add(line, "-E%d", o->conflict_status);
	if (o->has_mode)
		add(line, "-m%o", (unsigned)o->mode);
	if (o->slots > 0)
		add(line, "-N%d", o->slots);
	for (size_t i = 1; i < o->count; i++)
		add(line, "--also=%s", o->paths[i]);
	if (o->fd >= 0) {
		add(line, "-f%d", o->fd);
		return;
	}
	add(line, "--");
	add(line, "%s", o->lockfile);
	add(line, "--");
	for (char **word = o->command; *word; word++)
		add(line, "%s", *word);
}

static void check_acquire(const struct options *o)
{
	demand(o->count > 0);
	demand(o->slots >= 0 && o->slots <= MOST_SLOTS);
	demand(o->mode <= 07777);
	demand(o->conflict_status >= 0 && o->conflict_status <= 255);
	demand(o->fd >= -1);
	demand(!o->exec || !o->close);
	demand(!o->unlock || o->fd >= 0);
	demand(!o->one_waiter || o->timeout_ms != 0);
	demand(!o->slots || (o->count == 1 && !(o->flags & LF_SHARED)));
	if (o->fd >= 0) {
		demand(!o->lockfile && !o->command && o->count == 1);
		return;
	}
	demand(o->lockfile == o->paths[0]);
	for (size_t i = 0; i < o->count; i++)
		demand(o->paths[i][0] != '\0');
	demand(o->command[0]);
}

static bool are_same(char *const *a, char *const *b)
{
	if (!a || !b)
		return !a && !b;
	for (; *a && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return !*a && !*b;
}

static void check_same_acquire(const struct options *a, const struct options *b)
{
	demand(a->timeout_ms == b->timeout_ms && a->flags == b->flags);
	demand(a->quiet == b->quiet && a->verbose == b->verbose);
	demand(a->exec == b->exec && a->close == b->close);
	demand(a->unlock == b->unlock && a->nested == b->nested);
	demand(a->one_waiter == b->one_waiter && a->slots == b->slots);
	demand(a->has_mode == b->has_mode && a->mode == b->mode);
	demand(a->conflict_status == b->conflict_status && a->fd == b->fd);
	demand(a->count == b->count);
	for (size_t i = a->fd >= 0; i < a->count; i++)
		demand(strcmp(a->paths[i], b->paths[i]) == 0);
	demand(are_same(a->command, b->command));
}

/* As lf-check finds COMMAND in the command line of a process. */
static void check_found(struct line *line, const struct options *o)
{
	int slots = 0, command = find_command(line->count, line->words, &slots);

	if (!o) {
		demand(command >= 0 && command < line->count);
		return;
	}
	demand(o->fd >= 0 ? command == 0 : line->words + command == o->command);
	demand(command == 0 || slots == o->slots);
}

static void try_acquire(const uint8_t *data, size_t size)
{
	struct line line = { 0 }, again = { 0 };
	struct options first;

	acquire = (struct options){ 0 };
	split(&line, "lf-acquire", data, size);
	if (!parses(&line, parse_acquire)) {
		check_found(&line, NULL);
	} else {
		first = acquire;
		check_acquire(&first);
		check_found(&line, &first);
		write_acquire(&again, &first);
		if (again.count < MOST_WORDS) {
			demand(parses(&again, parse_acquire));
			check_same_acquire(&first, &acquire);
			free(acquire.paths);
		}
		acquire = first;
	}
	free(acquire.paths);
	line_free(&line);
	line_free(&again);
}

/* --- lf-check */

static struct check_options check;

const char table_help[] = "";

static void write_columns(char *list, const enum column *columns, size_t count)
{
	*list = '\0';
	for (size_t i = 0; i < count; i++) {
		strcat(list, i > 0 ? "," : "");
		strcat(list, column_name(columns[i]));
	}
}

/* The columns, written as a list, are the same. */
void table_begin(const struct table_style *style)
{
	enum column columns[COLUMNS], same[COLUMNS];
	bool for_people = !style->json && !style->raw;
	size_t count = columns_parse(style->columns, for_people, columns);
	char list[512];

	demand(count > 0 && count <= COLUMNS);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			demand(columns[i] != columns[j]);
	write_columns(list, columns, count);
	demand(columns_parse(list, for_people, same) == count);
	demand(memcmp(columns, same, count * sizeof(*same)) == 0);
}

static void parse_check(int argc, char **argv)
{
	parse_options(argc, argv, &check);
}

static void write_check(struct line *line, const struct check_options *o)
{
	const struct flag flags[] = {
		{ o->all, "-a" },
		{ o->quiet, "-q" },
		{ o->pid, "-p" },
		{ o->table && !o->fs, "-l" },
		{ o->fs, "--fs" },
		{ o->mine, "--mine" },
		{ o->record && !o->flock, "--record" },
		{ o->flock && !o->record, "--flock" },
		{ o->style.json, "-J" },
		{ o->style.noheadings, "-n" },
		{ o->style.raw, "-r" },
		{ false, NULL },
	};

	add(line, "lf-check");
	add_flags(line, flags);
	if (o->style.columns)
		add(line, "--output=%s", o->style.columns);
	if (o->wait)
		add_timeout(line, o->timeout_ms);
	add(line, "--");
	for (char **path = o->paths; *path; path++)
		add(line, "%s", *path);
}

static void check_check(const struct check_options *o)
{
	demand(o->record || o->flock);
	demand(!o->table || (!o->pid && !o->quiet));
	demand(o->wait || o->timeout_ms == -1);
	demand(!o->mine || !o->fs);
	demand(!o->style.json || !o->style.raw);
	/* Only a table or sentences may be about the whole machine. */
	demand(*o->paths || (!o->all && !o->pid && !o->quiet && !o->wait &&
			     !o->fs && !o->mine));
}

static void check_same_check(const struct check_options *a,
			     const struct check_options *b)
{
	demand(a->all == b->all && a->quiet == b->quiet && a->pid == b->pid);
	demand(a->table == b->table && a->wait == b->wait && a->fs == b->fs);
	demand(a->mine == b->mine && a->record == b->record);
	demand(a->flock == b->flock && a->timeout_ms == b->timeout_ms);
	demand(a->style.json == b->style.json && a->style.raw == b->style.raw);
	demand(a->style.noheadings == b->style.noheadings);
	demand(!a->style.columns == !b->style.columns);
	if (a->style.columns)
		demand(strcmp(a->style.columns, b->style.columns) == 0);
	demand(are_same(a->paths, b->paths));
}

static void try_check(const uint8_t *data, size_t size)
{
	struct line line = { 0 }, again = { 0 };
	struct check_options first;

	split(&line, "lf-check", data, size);
	if (parses(&line, parse_check)) {
		first = check;
		check_check(&first);
		write_check(&again, &first);
		if (again.count < MOST_WORDS) {
			demand(parses(&again, parse_check));
			check_same_check(&first, &check);
		}
	}
	line_free(&line);
	line_free(&again);
}

/* --- Numbers */

static void check_number(const char *word)
{
	unsigned long number;
	char text[32];

	if (!parse_number(word, 10, 1000000, &number))
		return;
	demand(number <= 1000000);
	snprintf(text, sizeof(text), "%lu", number);
	while (word[0] == '0' && word[1] != '\0')
		word++;
	demand(strcmp(word, text) == 0);
}

/* To the next millisecond, and as exact as a double is. */
static void check_seconds(const char *word)
{
	int milliseconds;
	double exact = 1000 * strtod(word, NULL);

	if (!parse_seconds(word, &milliseconds))
		return;
	demand(word[strspn(word, "0123456789.")] == '\0');
	demand(milliseconds > exact - 0.001 && milliseconds < exact + 1.001);
}

static void try_numbers(const uint8_t *data, size_t size)
{
	struct line line = { 0 };

	split(&line, "numbers", data, size);
	for (int i = 1; i < line.count; i++) {
		check_number(line.words[i]);
		check_seconds(line.words[i]);
	}
	line_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_numbers(data, size);
	try_acquire(data, size);
	try_check(data, size);
	return 0;
}
