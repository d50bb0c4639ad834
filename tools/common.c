/* SPDX-License-Identifier: 0BSD */
/* Messages, text of others, numbers. */
#include "config.h"

#include "common.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- Messages */

static const char *tool_name;

void message_begin(const char *tool)
{
	tool_name = tool;
	/* One write(2) per line: the lines of two processes do not mix. */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
}

/*
 * Escapes all of the line: names chosen by others may stand anywhere in it.
 * Text beyond the buffer is cut: a message is printed also without memory.
 */
__attribute__((__format__(__printf__, 2, 0))) static void
print_message(const char *name, const char *format, va_list arguments)
{
	char text[8192] = "";

	vsnprintf(text, sizeof(text), format, arguments);
	fprintf(stderr, "%s: ", tool_name);
	if (name) {
		print_escaped(stderr, *name ? name : "''");
		fputs(": ", stderr);
	}
	print_escaped(stderr, text);
	fputc('\n', stderr);
}

void message(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message(NULL, format, arguments);
	va_end(arguments);
}

void message_about(const char *name, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message(name, format, arguments);
	va_end(arguments);
}

void usage_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_message(NULL, format, arguments);
	va_end(arguments);
	exit(STATUS_USAGE);
}

void show_hint(void)
{
	usage_error("try '%s --help' for more information", tool_name);
}

/* Whether NAME, LENGTH bytes long, begins the names of several options. */
static bool is_ambiguous(const char *name, size_t length,
			 const struct option *options)
{
	int matches = 0;

	for (; options->name; options++)
		if (strncmp(options->name, name, length) == 0)
			matches++;
	return matches > 1;
}

static void reject_long_option(int c, const char *argument,
			       const struct option *options)
{
	const char *name = argument + 2;

	if (c == ':')
		message("option '%s' requires an argument", argument);
	else if (optopt != 0)
		message("option '%s' takes no argument", argument);
	else if (is_ambiguous(name, strcspn(name, "="), options))
		message("option '%s' is ambiguous", argument);
	else
		message("unrecognized option '%s'", argument);
}

void reject_option(int c, const char *argument, const struct option *options)
{
	const char letter[] = { (char)optopt, '\0' };

	if (strncmp(argument, "--", 2) == 0)
		reject_long_option(c, argument, options);
	else if (c == ':')
		message("option requires an argument -- '%s'", letter);
	else
		message("invalid option -- '%s'", letter);
}

void show_version(void)
{
	printf("%s (liblockfile-fcntl) %s\n", tool_name, lf_version());
	exit(finish_output(0));
}

void out_of_memory(void)
{
	message("out of memory");
	exit(STATUS_SYSTEM);
}

void *checked(void *memory)
{
	if (!memory)
		out_of_memory();
	return memory;
}

int finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	message("standard output: %s", strerror(errno));
	return STATUS_SYSTEM;
}

/* --- Text of others */

/* The length and the number of the UTF-8 character at S, or 0: not UTF-8. */
static size_t decode(const unsigned char *s, unsigned long *character)
{
	size_t length, i;
	unsigned long c;

	*character = *s;
	if (*s < 0x80)
		return 1;
	length = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc2 ? 2 : 0;
	if (length == 0 || *s > 0xf4)
		return 0;
	c = *s & (0xffu >> (length + 1));
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	/* Overlong, surrogate, or beyond Unicode. */
	if ((length == 3 && c < 0x800) || (length == 4 && c < 0x10000) ||
	    (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	*character = c;
	return length;
}

/*
 * Control characters, of which those from U+0080 on drive terminals too, and
 * invisible characters, some of which turn the direction of the text.
 */
static bool is_hidden(unsigned long c)
{
	static const unsigned long ranges[][2] = {
		{ 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x00ad, 0x00ad },
		{ 0x061c, 0x061c }, { 0x180e, 0x180e }, { 0x200b, 0x200b },
		{ 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

/* The length of the character at S if it may be printed as it is, else 0. */
static size_t printable(const char *s)
{
	unsigned long character;
	size_t length = decode((const unsigned char *)s, &character);

	return is_hidden(character) ? 0 : length;
}

/* The length of the character at S if it is valid UTF-8, else 0. */
static size_t valid(const char *s)
{
	unsigned long character;

	return decode((const unsigned char *)s, &character);
}

/* Prints the character or byte at S; returns the next. */
static const char *print_one(FILE *to, const char *s)
{
	size_t length = printable(s);

	if (length > 0) {
		fwrite(s, 1, length, to);
		return s + length;
	}
	fprintf(to, "\\x%02x", (unsigned char)*s);
	return s + 1;
}

void print_escaped(FILE *to, const char *text)
{
	while (*text)
		text = print_one(to, text);
}

size_t escaped_width(const char *text)
{
	size_t width = 0;

	while (*text) {
		size_t length = printable(text);

		width += length > 0 ? 1 : 4;
		text += length > 0 ? length : 1;
	}
	return width;
}

void print_shortened(FILE *to, const char *text, size_t width)
{
	size_t used = 0;

	if (escaped_width(text) <= width) {
		print_escaped(to, text);
		return;
	}
	while (*text) {
		used += printable(text) > 0 ? 1 : 4;
		if (used + 3 > width)
			break;
		text = print_one(to, text);
	}
	fputs("...", to);
}

static char *escape(const char *text, size_t (*stays)(const char *))
{
	char *escaped = malloc(4 * strlen(text) + 1), *to = escaped;

	if (!escaped)
		return NULL;
	while (*text) {
		size_t length = stays(text);

		if (length > 0) {
			memcpy(to, text, length);
			to += length;
			text += length;
		} else {
			to += sprintf(to, "\\x%02x", (unsigned char)*text);
			text++;
		}
	}
	*to = '\0';
	return escaped;
}

char *text_escaped(const char *text)
{
	return escape(text, printable);
}

char *text_valid(const char *text)
{
	return escape(text, valid);
}

/* --- Numbers */

/* Digits only: strtoul(3) also accepts blanks, signs and "0x". */
bool parse_number(const char *text, int base, unsigned long max,
		  unsigned long *number)
{
	if (*text == '\0' || strspn(text, "0123456789") != strlen(text) ||
	    strlen(text) > 9)
		return false;
	*number = 0;
	for (; *text; text++) {
		if (*text - '0' >= base)
			return false;
		*number = *number * (unsigned)base + (unsigned)(*text - '0');
	}
	return *number <= max;
}

bool parse_seconds(const char *text, int *milliseconds)
{
	size_t whole = strspn(text, "0123456789"), fraction = 0;
	long long ms = 0;

	if (text[whole] == '.')
		fraction = strspn(text + whole + 1, "0123456789");
	if (whole + fraction == 0 || whole > 9 ||
	    text[whole + (text[whole] == '.') + fraction] != '\0')
		return false;
	for (size_t i = 0; i < whole; i++)
		ms = ms * 10 + (text[i] - '0');
	ms *= 1000;
	for (size_t i = 0, unit = 100; i < fraction; i++, unit /= 10) {
		int digit = text[whole + 1 + i] - '0';

		if (unit == 0 && digit > 0) {
			ms++;
			break;
		}
		ms += digit * (int)unit;
	}
	*milliseconds = (int)ms;
	return ms <= INT_MAX;
}

int parse_timeout(const char *text)
{
	int milliseconds;

	if (!parse_seconds(text, &milliseconds))
		usage_error("invalid time '%s': give seconds, such as 10 or 0.5, "
			    "at most 2147483",
			    text);
	return milliseconds;
}
