/* SPDX-License-Identifier: 0BSD */
/*
 * Any parts at all, for what joins those of a list of locks.  Each read gives the next
 * part of the input, which ends at a null byte, or as much of it as is wanted, whichever
 * descriptor it is.  Each line of the result must be one of the input.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static const char *input, *input_end;

/* This one is never read from. */
static int open_null(const char *path, int flags)
{
	(void)path;
	return open("/dev/null", flags);
}

static ssize_t read_input(int fd, void *to, size_t size, off_t offset)
{
	size_t length = strnlen(input, (size_t)(input_end - input));
	const char *from = input;

	(void)fd;
	(void)offset;
	if (length > size) {
		length = size;
		input += size;
	} else {
		input += length + (input + length < input_end);
	}
	memcpy(to, from, length);
	return (ssize_t)length;
}

#define open open_null
#define pread read_input
#define lf_proc_read_locks read_locks

#include "config.h"

#include "port/proc-parts.c"

#undef open
#undef pread

#include "target.h"

const char target_name[] = "proc-parts";

static bool has(const char *text, const char *end, const char *line, size_t length)
{
	for (; text + length <= end; text++)
		if (memcmp(text, line, length) == 0)
			return true;
	return false;
}

static void check_lines(const char *text, const char *data)
{
	while (*text) {
		const char *end = strchr(text, '\n');

		demand(end);
		demand(has(data, input_end, text, (size_t)(end + 1 - text)));
		text = end + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = exact_copy(data, size), *text;
	int rc;

	input = copy;
	input_end = copy + size;
	rc = read_locks(&text);
	demand(rc >= 0 && rc <= LF_LOCKS_MAY_LACK);
	check_lines(text, copy);
	free(text);
	free(copy);
	return 0;
}
