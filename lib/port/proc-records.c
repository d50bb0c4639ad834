/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "port/proc-records.h"

#include <string.h>

/* Without strspn(3) and strtoul(3), which take longer for each of thousands of lines. */
static const char *skip_number(const char *line)
{
	while (*line >= '0' && *line <= '9')
		line++;
	return line;
}

unsigned long lf_record_number(const char *record)
{
	unsigned long number = 0;

	while (*record >= '0' && *record <= '9')
		number = number * 10 + (unsigned long)(*record++ - '0');
	return number;
}

static bool is_line_of_waiter(const char *line)
{
	line = skip_number(line);
	if (*line == ':')
		line++;
	while (*line == ' ')
		line++;
	return line[0] == '-' && line[1] == '>';
}

char *lf_next_record(char *record)
{
	do {
		char *end = strchr(record, '\n');

		record = end ? end + 1 : record + strlen(record);
	} while (*record && is_line_of_waiter(record));
	return record;
}

char *lf_last_record(char *from, const char *end)
{
	char *last = from;

	for (; from < end; from = lf_next_record(from))
		last = from;
	return last;
}

bool lf_is_same_record(const char *record, const char *other)
{
	record = skip_number(record);
	other = skip_number(other);
	while (*record == *other && *record != '\n' && *record != '\0')
		record++, other++;
	return *record == *other;
}

/* Where it comes in the line, or NULL. */
static const char *find_word(const char *line, const char *word)
{
	size_t length = strlen(word);

	for (; *line && *line != '\n'; line++)
		if (strncmp(line, word, length) == 0)
			return line + length;
	return NULL;
}

/*
 * A process may have any number of shared locks and leases on a file, unless they are
 * record locks of its own.  Those of the clients of a server, and on copies of a file
 * with the same number (as Btrfs has), may look alike all the same.
 */
bool lf_is_distinct(const char *record)
{
	const char *pid = find_word(record, " READ ");

	if (!pid)
		return find_word(record, " WRITE ");
	while (*pid == ' ')
		pid++;
	return find_word(record, ": POSIX ") && !strchr("-0", *pid);
}

static char *find_same(char *from, const char *end, const char *record)
{
	while (from < end && !lf_is_same_record(record, from))
		from = lf_next_record(from);
	return from < end ? from : NULL;
}

char *lf_find_record(char *from, const char *end, const char *record)
{
	char *found = lf_is_distinct(record) ? find_same(from, end, record) :
					       NULL;

	if (found && find_same(lf_next_record(found), end, record))
		return NULL;
	return found;
}

char *lf_find_number(char *from, char *end, unsigned long number)
{
	while (from < end && lf_record_number(from) < number)
		from = lf_next_record(from);
	return from;
}
