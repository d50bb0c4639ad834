/* SPDX-License-Identifier: 0BSD */
/*
 * The text of Linux's list of locks, /proc/locks.
 *
 * One read(2) shows a part of the list as it is at one moment, as much as the
 * kernel's buffer takes, and the next begins with the n-th lock of the list as it is
 * by then.  If locks before that one have gone, the part skips as many others; if
 * fewer than n are left, it is empty, as at the end of the list.
 *
 * So two descriptors take turns, one about half a part ahead of the other, and each
 * part overlaps the one before.  As a rule both show the same locks with the same
 * numbers.  Else the list has changed.  But the kernel keeps the locks in order: a lock
 * stays at its place among the others until it is released or converted.  So if both
 * parts have a lock in common, every lock behind it that was held all the time is in
 * one of the two, or behind both.  What was read behind it is replaced by the later part.
 * What only one of two parts shows has come or gone meanwhile; it is kept apart, if it
 * is not in the text: it was held during the call.
 *
 * Parts without a common lock leave a gap, and so does an end of the list that
 * another lock may have been too long for.  Then all is read again.  Only a list
 * that has the same gaps each time, at the same numbers, has not changed there.
 *
 * What looks like one lock may be two: one that was released, and acquired again
 * further back, behind a lock that has come forward meanwhile.  And a lock that is
 * converted moves to the front of those of its processor.  If either is missed, the
 * locks behind it get other numbers, so the part does not go on as the one before it
 * did; unless a lock in front of them goes at the same time.  So another list has to
 * lack the same lock, and more of them if locks have moved.
 *
 * The buffer is a page at first.  It doubles while a lock does not fit into it with
 * all its waiters, and stays as large when the descriptor is read from the beginning.
 */
#include "config.h"

#include "port/proc-parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the kernel. */
#define PAGE 4096

/* A lock with about 30 waiters. */
#define LONG_QUEUE (PAGE / 2)

/* More than a part has, unless a queue is very long: then it grows by the factor. */
#define FIRST_ROOM 16383
#define FACTOR 4

/* How often the list is read from the beginning if it had other gaps each time. */
#define PASSES 16

/* So many times in a row they are no change of the list. */
#define SAME 3

struct reader {
	int fd;
	size_t buffer; /* the kernel's, at least */
};

struct buffer {
	char *at;
	size_t size, length;
};

/* A part is read behind all. */
struct text {
	struct buffer all;
	size_t last; /* where the part begins that reaches furthest */
	struct buffer past; /* locks that one part has shown, and all has not */
	size_t room; /* for a part */
	bool is_cut; /* a part took all of it: there is more */
	uint64_t gaps; /* a hash of what is beside them; 0: there are none */
	bool in_parts;
	bool has_moved; /* a lock has another number in the next part */
};

/* ---- Records: a lock, with its waiters */

/* Without strspn(3), which takes longer for each of thousands of lines. */
static const char *skip_number(const char *line)
{
	while (*line >= '0' && *line <= '9')
		line++;
	return line;
}

static bool is_waiter(const char *line)
{
	line = skip_number(line);
	if (*line == ':')
		line++;
	while (*line == ' ')
		line++;
	return line[0] == '-' && line[1] == '>';
}

static char *next_record(char *record)
{
	do {
		char *end = strchr(record, '\n');

		record = end ? end + 1 : record + strlen(record);
	} while (*record && is_waiter(record));
	return record;
}

static char *last_record(char *from, const char *end)
{
	char *last = from;

	for (; from < end; from = next_record(from))
		last = from;
	return last;
}

static size_t whole_lines(const char *text, size_t length)
{
	while (length > 0 && text[length - 1] != '\n')
		length--;
	return length;
}

/* Shared locks of open file descriptions all look alike. */
static bool is_distinct(const char *record)
{
	const char *pid = strpbrk(record, "-\n");

	if (!pid || *pid != '-')
		return true;
	while (pid > record && pid[-1] == ' ')
		pid--;
	return pid - record < 4 || strncmp(pid - 4, "READ", 4) != 0;
}

/* With another number and other waiters, perhaps. */
static bool is_same(const char *record, const char *other)
{
	record = skip_number(record);
	other = skip_number(other);
	while (*record == *other && *record != '\n' && *record != '\0')
		record++, other++;
	return *record == *other;
}

/* What looks like RECORD, or END. */
static char *find_alike(char *from, char *end, const char *record)
{
	while (from < end && !is_same(record, from))
		from = next_record(from);
	return from < end ? from : end;
}

/* The lock of RECORD, or NULL. */
static char *find(char *from, char *end, const char *record)
{
	char *found = is_distinct(record) ? find_alike(from, end, record) : end;

	return found < end ? found : NULL;
}

static unsigned long number_of(const char *record)
{
	return strtoul(record, NULL, 10);
}

/* The first record of this number or a greater one, or END. */
static char *find_number(char *from, char *end, unsigned long number)
{
	while (from < end && number_of(from) < number)
		from = next_record(from);
	return from < end ? from : end;
}

/* ---- Parts */

static char *part_of(const struct text *text)
{
	return text->all.at + text->all.length;
}

/* Room for COUNT bytes and a null byte. */
static int make_room(struct buffer *buffer, size_t count)
{
	size_t size = buffer->size ? buffer->size : FIRST_ROOM + 1;
	char *more;

	while (size - buffer->length <= count)
		size *= 2;
	if (size == buffer->size)
		return 0;
	more = realloc(buffer->at, size);
	if (!more)
		return -ENOMEM;
	buffer->at = more;
	buffer->size = size;
	return 0;
}

static void add_line(uint64_t *hash, const char *line)
{
	size_t length = strcspn(line, "\n");

	/* FNV-1a. */
	for (size_t i = 0; i < length; i++)
		*hash = (*hash ^ (unsigned char)line[i]) * 0x100000001b3;
}

/* Between the text, up to END, and the part behind it, or the end of the list. */
static void note_gap(struct text *text, const char *end)
{
	if (text->gaps == 0)
		text->gaps = 0xcbf29ce484222325;
	add_line(&text->gaps, last_record(text->all.at + text->last, end));
	add_line(&text->gaps, part_of(text));
}

/* Whether the part has the same locks as the text, where it has the same numbers. */
static bool goes_on(const struct text *text)
{
	char *part = part_of(text), *end = part;
	char *at = find_number(text->all.at + text->last, end,
			       number_of(part));

	while (at < end && *part && is_same(at, part) &&
	       number_of(at) == number_of(part)) {
		at = next_record(at);
		part = next_record(part);
	}
	return at >= end || *part == '\0';
}

/* Whether the records from AT to COMMON are those from PART to RECORD. */
static bool are_same(char *at, const char *common, char *part,
		     const char *record)
{
	while (at < common && part < record && is_same(at, part)) {
		at = next_record(at);
		part = next_record(part);
	}
	return at == common && part == record;
}

/* Before COMMON, which is RECORD, there may be locks that look like others. */
static char *find_beginning(char *from, char *common, char *part,
			    const char *record)
{
	while (from < common && !are_same(from, common, part, record))
		from = next_record(from);
	return from;
}

static int add_past(struct buffer *past, const char *record, size_t length)
{
	if (make_room(past, length) < 0)
		return -ENOMEM;
	memcpy(past->at + past->length, record, length);
	past->length += length;
	past->at[past->length] = '\0';
	return 0;
}

/* Those of the records from FROM to END that are not among the others, and not cut. */
static int keep_past(struct text *text, char *from, const char *end,
		     char *others, char *others_end)
{
	int rc = 0;

	while (rc == 0 && from < end) {
		char *next = next_record(from);

		if (next[-1] == '\n' &&
		    find_alike(others, others_end, from) == others_end)
			rc = add_past(&text->past, from, (size_t)(next - from));
		from = next;
	}
	return rc;
}

static void replace(struct text *text, const char *from, size_t count)
{
	text->last = (size_t)(from - text->all.at);
	memmove(text->all.at + text->last, part_of(text), count + 1);
	text->all.length = text->last + count;
}

/* Where the part goes on behind the same locks, which have the same numbers. */
static char *find_same_numbers(const struct text *text)
{
	char *part = part_of(text);

	return find_number(text->all.at + text->last, part, number_of(part));
}

/* Where it goes on behind a common lock.  NULL: they have none. */
static char *find_common(const struct text *text)
{
	char *from = text->all.at + text->last, *part = part_of(text);
	char *record = part, *common = NULL;

	while (*record && (common = find(from, part, record)) == NULL)
		record = next_record(record);
	return common ? find_beginning(from, common, part, record) : NULL;
}

/* Whether the part, which ends at END, shows more than the text from FROM. */
static bool reaches_further(const struct text *text, char *from,
			    const char *end, bool moved)
{
	char *part = part_of(text), *last = last_record(part, end);

	return moved ? !find(from, part, last) :
		       number_of(last) > number_of(last_record(from, part));
}

/*
 * COUNT bytes have been read behind the text: another part.  1: the list goes on
 * further now; 0: not; or an error.
 */
static int join(struct text *text, size_t count)
{
	char *part = part_of(text), *end = part + count, *from;
	bool moved = !goes_on(text), further = true;
	int rc = 0;

	from = moved ? find_common(text) : find_same_numbers(text);
	if (from && from < part)
		further = reaches_further(text, from, end, moved);
	else
		note_gap(text, from = find_same_numbers(text));
	text->has_moved |= moved;
	if (moved)
		rc = further ? keep_past(text, from, part, part, end) :
			       keep_past(text, part, end, from, part);
	if (further)
		replace(text, from, count);
	return rc < 0 ? rc : further;
}

/* Behind the text, with a null byte.  The number of bytes, or an error. */
static ssize_t read_part(struct text *text, struct reader *reader, size_t most)
{
	ssize_t count;

	if (make_room(&text->all, text->room) < 0)
		return -ENOMEM;
	count = read(reader->fd, part_of(text),
		     most < text->room ? most : text->room);
	if (count < 0)
		return -errno;
	part_of(text)[count] = '\0';
	text->is_cut |= (size_t)count == text->room;
	return count;
}

/* Whether another lock would have fit into the buffer, if its queue is not long. */
static bool is_short(struct reader *reader, ssize_t count)
{
	while (reader->buffer < (size_t)count)
		reader->buffer *= 2;
	return reader->buffer - (size_t)count >= LONG_QUEUE;
}

static int open_list(struct reader *reader)
{
	reader->fd = open("/proc/locks", O_RDONLY | O_CLOEXEC);
	reader->buffer = PAGE;
	return reader->fd < 0 ? -errno : 0;
}

/* To the middle of what has been read, where a record may be cut in two. */
static int step_aside(struct text *text, struct reader *reader)
{
	ssize_t count = reader->fd < 0 ? open_list(reader) : 0;
	char *part;

	if (count == 0)
		count = read_part(text, reader, text->all.length / 2 + 1);
	if (count <= 0)
		return (int)count;
	part = part_of(text);
	part[whole_lines(part, (size_t)count)] = '\0';
	if (goes_on(text))
		return 0;
	text->has_moved = true;
	return keep_past(text, part, part + strlen(part), text->all.at, part);
}

/* The rest of the one that was cut in two.  The number of bytes that are left. */
static ssize_t drop_first_record(struct text *text, ssize_t count)
{
	char *part = part_of(text), *next = next_record(part);

	count -= next - part;
	memmove(part, next, (size_t)count + 1);
	return count;
}

/* Until both have come to the end: the list may be longer for the other by now. */
static int read_in_turns(struct text *text, struct reader *readers)
{
	int turn = 1, ends = 0, rc = step_aside(text, &readers[turn]);
	bool is_first = true, is_whole = false;

	while (rc >= 0 && !text->is_cut && ends < 2) {
		ssize_t count = read_part(text, &readers[turn], SIZE_MAX);

		if (count > 0 && is_first)
			count = drop_first_record(text, count);
		is_first = false;
		ends = count == 0 ? ends + 1 : 0;
		if (count > 0)
			is_whole = is_short(&readers[turn], count);
		rc = count > 0 ? join(text, (size_t)count) : (int)count;
		if (rc > 0 || ends > 0)
			turn = !turn;
	}
	if (rc >= 0 && !is_whole)
		note_gap(text, part_of(text));
	return rc < 0 ? rc : 0;
}

static int read_pass(struct text *text, struct reader *readers)
{
	ssize_t count;

	text->all.length = text->last = 0;
	text->is_cut = false;
	text->gaps = 0;
	text->in_parts = text->has_moved = false;
	count = read_part(text, &readers[0], SIZE_MAX);
	if (count <= 0)
		return (int)count;
	text->all.length = (size_t)count;
	text->in_parts = !is_short(&readers[0], count);
	if (text->in_parts)
		return read_in_turns(text, readers);
	count = read_part(text, &readers[0], SIZE_MAX);
	if (count > 0)
		note_gap(text, part_of(text));
	return count < 0 ? (int)count : 0;
}

static int go_to_beginning(struct text *text, const struct reader *readers)
{
	const char *all = text->all.at;
	int rc = 0;

	if (text->has_moved)
		rc = add_past(&text->past, all,
			      whole_lines(all, text->all.length));
	if (text->is_cut)
		text->room *= FACTOR;
	for (int i = 0; i < 2; i++)
		if (readers[i].fd >= 0 && lseek(readers[i].fd, 0, SEEK_SET) != 0)
			return -EIO;
	return rc;
}

static bool has_gaps(const struct text *text)
{
	return text->is_cut || text->gaps != 0;
}

/* LF_LOCKS_MAY_LACK: there are gaps.  0, or an error. */
static int read_passes(struct text *text, struct reader *readers)
{
	int rc = read_pass(text, readers), same = 1;

	for (int i = 1; rc == 0 && has_gaps(text) && same < SAME; i++) {
		uint64_t before = text->gaps;

		if (i >= PASSES && !text->is_cut)
			return LF_LOCKS_MAY_LACK;
		rc = go_to_beginning(text, readers);
		if (rc == 0)
			rc = read_pass(text, readers);
		same = !text->is_cut && text->gaps == before ? same + 1 : 1;
	}
	return rc;
}

int lf_proc_read_locks(char **locks, char **past)
{
	struct reader readers[2] = { { .fd = -1 }, { .fd = -1 } };
	struct text text = { .room = FIRST_ROOM };
	int rc = open_list(&readers[0]);

	if (rc == 0)
		rc = read_passes(&text, readers);
	if (rc == 0 && text.in_parts)
		rc = text.has_moved ? LF_LOCKS_HAVE_MOVED : LF_LOCKS_IN_PARTS;
	for (int i = 0; i < 2; i++)
		if (readers[i].fd >= 0)
			close(readers[i].fd);
	if (rc < 0) {
		free(text.all.at);
		free(text.past.at);
	}
	*locks = rc < 0 ? NULL : text.all.at;
	*past = rc < 0 ? NULL : text.past.at;
	return rc;
}
