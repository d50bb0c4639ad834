/* SPDX-License-Identifier: 0BSD */
/* Messages and numbers. */
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
}

/* One write(2) per message: those of two processes do not mix. */
static void buffer_messages(void)
{
	static bool done;

	if (!done)
		setvbuf(stderr, NULL, _IOFBF, BUFSIZ);
	done = true;
}

#define LONGEST_LINE 16384

/* Escapes all of it: names chosen by others may stand anywhere. */
__attribute__((__format__(__printf__, 4, 0))) static void
print_line(char *line, size_t size, const char *name, const char *format,
	   va_list arguments)
{
	size_t length;

	snprintf(line, size, "%s: %s%s", tool_name, name ? name : "",
		 name ? ": " : "");
	length = strlen(line);
	vsnprintf(line + length, size - length, format, arguments);
	print_folded(stderr, line, columns_of_terminal(fileno(stderr)));
	fputc('\n', stderr);
	fflush(stderr);
}

/*
 * Text beyond the buffer is cut.  The buffer is not on the stack, which may be small:
 * an overflow would end a holder of the lock.  Without memory the message is cut to
 * 1 kB.
 */
__attribute__((__format__(__printf__, 2, 0))) static void
print_message(const char *name, const char *format, va_list arguments)
{
	char few[1024], *line = malloc(LONGEST_LINE);

	if (name && !*name)
		name = "''";
	buffer_messages();
	print_line(line ? line : few, line ? LONGEST_LINE : sizeof(few), name,
		   format, arguments);
	free(line);
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
