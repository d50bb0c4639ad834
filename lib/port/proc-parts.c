/* SPDX-License-Identifier: 0BSD */
/*
 * The text of Linux's list of locks, /proc/locks.
 *
 * One read(2) shows a part of the list as it is at one moment, as much as the
 * kernel's buffer takes, and the next begins with the n-th lock of the list as it is
 * by then.  If locks before that one have gone, the part skips as many others; if
 * fewer than n are left, it is empty, as at the end of the list.
 *
 * So one descriptor reads part after part, and after each of them another one reads a
 * bridge: it begins within the text and ends within the new part.  As a rule all of
 * them show the same locks with the same numbers.
 *
 * Else the list has changed.  But the kernel keeps the locks in order: a lock stays at
 * its place among the others until it is released or converted.  So if two parts have
 * a lock in common, every lock behind it that was held all the time is in one of the
 * two, or behind both.  What was read behind it is replaced by the other part, if that
 * reaches further.
 *
 * Parts without a common lock leave a gap.  Then the first descriptor goes to where the
 * last part was, or near to that, until what it reads there has a lock in common with
 * the text, and reads on from there.
 *
 * A queue may be too long for the buffer behind any lock before it.  Then the bridge
 * ends before it, and will do if it shows what the text has: it was read later than the
 * part, so nothing had gone that the part could skip, unless as much has come again.
 * The list may seem to end before such a queue, if locks before it go just then.  So
 * the bridge at the end must be short, and what is read behind it must not show more.
 *
 * What looks like one lock may be two: one that was released, and acquired again
 * further back, behind a lock that has come forward meanwhile.  And a lock that is
 * converted moves to the front of those of its processor.  If either is missed, the
 * locks behind it get other numbers, so the part does not go on as the one before it
 * did; unless a lock in front of them goes at the same time.  So another list has to
 * lack the same lock, and more of them if locks have moved.
 *
 * The buffer is a page at first.  It doubles while a lock does not fit into it with
 * all its waiters, and stays as large wherever the descriptor goes.
 */
#include "config.h"

#include "port/proc-parts.h"
#include "port/proc-records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the kernel. */
#define PAGE 4096

/* More than a part has, unless a queue is very long: then it grows by the factor. */
#define FIRST_ROOM 16383
#define FACTOR 4

/* How often a part is looked for that has a lock in common with the one before. */
#define TRIES 100

/* At how many places near to it, before all is read again. */
#define PLACES 9

/* No error: the next part has no lock in common with the text. */
#define GAP 1

struct buffer {
	char *at;
	size_t size, length;
};

struct reader {
	int fd;
	size_t buffer; /* the kernel's, at least */
	struct buffer part; /* the last one */
	unsigned long next; /* the record that the next one begins with */
	ptrdiff_t within; /* so many bytes of it have been read; -1: the newline before
			   * it has not; if not 0, a rest comes first, to be dropped */
};

struct text {
	struct buffer all;
	size_t last; /* where the last part begins that is not small */
	size_t room; /* for a part */
	int tries;
	bool needs_room; /* a part took all of it: there is more */
	bool has_gaps;
	bool in_parts;
	bool has_moved; /* a lock has another number in the next part */
};

/* ---- Parts */

static char *end_of(const struct buffer *buffer)
{
	return buffer->at + buffer->length;
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

/* COUNT bytes from FROM on, and a null byte. */
static int append(struct buffer *buffer, const char *from, size_t count)
{
	if (make_room(buffer, count) < 0)
		return -ENOMEM;
	memcpy(end_of(buffer), from, count);
	buffer->length += count;
	*end_of(buffer) = '\0';
	return 0;
}

/* Where a lock is looked for. */
static char *last_part(const struct text *text)
{
	return text->all.at + text->last;
}

static unsigned long last_number(char *from, const char *end)
{
	return lf_record_number(lf_last_record(from, end));
}

/* Where the text has the number that the part begins with, or a greater one. */
static char *find_same_number(const struct text *text,
			      const struct buffer *part)
{
	return lf_find_number(last_part(text), end_of(&text->all),
			      lf_record_number(part->at));
}

/* Whether the part has the same locks as the text, where it has the same numbers. */
static bool goes_on(const struct text *text, const struct buffer *part)
{
	char *end = end_of(&text->all), *part_end = end_of(part);
	char *at = find_same_number(text, part), *record = part->at;

	if (at < end)
		record = lf_find_number(record, part_end, lf_record_number(at));
	while (at < end && record < part_end && lf_is_same_record(at, record) &&
	       lf_record_number(at) == lf_record_number(record)) {
		at = lf_next_record(at);
		record = lf_next_record(record);
	}
	return at >= end || record >= part_end;
}

/*
 * The part from RECORD on, instead of the text from FROM on.  All locks before that are
 * in the text, if they were held all the time.
 */
static int join(struct text *text, const char *from, const struct buffer *part,
		const char *record)
{
	size_t begin = (size_t)(from - text->all.at);
	size_t length = (size_t)(end_of(part) - record);

	if (begin < text->last || length >= PAGE / 2)
		text->last = begin;
	text->all.length = begin;
	return append(&text->all, record, length);
}

/* NULL: they have no number in common. */
static char *find_common_number(const struct text *text,
				const struct buffer *part, char **record)
{
	char *from = find_same_number(text, part);

	if (from == end_of(&text->all))
		return NULL;
	*record = lf_find_number(part->at, end_of(part), lf_record_number(from));
	return *record < end_of(part) ? from : NULL;
}

/* Where the text has a lock of the part, which is RECORD.  NULL: nowhere. */
static char *find_common(const struct text *text, const struct buffer *part,
			 char **record)
{
	char *from = last_part(text), *end = end_of(&text->all);
	char *part_end = end_of(part), *common = NULL;

	for (*record = part->at; *record < part_end;
	     *record = lf_next_record(*record)) {
		common = lf_find_record(from, end, *record);
		if (common)
			break;
	}
	return common;
}

/* Whether the part shows more than the text from FROM. */
static bool reaches_further(const struct text *text, char *from,
			    const struct buffer *part, bool moved)
{
	char *end = end_of(&text->all), *part_end = end_of(part);
	char *last = lf_last_record(part->at, part_end);

	if (!moved)
		return lf_record_number(last) > last_number(from, end);
	if (lf_find_record(part->at, part_end, last))
		return !lf_find_record(from, end, last);
	/* It looks like others, so the text must not lose its last one. */
	return lf_find_record(part->at, part_end, lf_last_record(from, end));
}

/* Where the text and the part have a lock in common.  NULL: they have none. */
struct joint {
	char *from, *record;
};

/* By number, if no lock has moved. */
static struct joint find_joint(struct text *text, const struct buffer *part,
			       bool *moved)
{
	struct joint joint;

	*moved = !goes_on(text, part);
	text->has_moved |= *moved;
	joint.from = *moved ? find_common(text, part, &joint.record) :
			      find_common_number(text, part, &joint.record);
	return joint;
}

/* ---- Reads */

/* Whole records, without what is left of the one that the part begins within. */
static void keep_whole_records(struct reader *reader)
{
	struct buffer *part = &reader->part;
	char *first = part->at, *end = end_of(part);

	if (reader->within != 0 || lf_is_line_of_waiter(first))
		first = lf_next_record(first);
	while (end > first && end[-1] != '\n')
		end--;
	if (first == end_of(part) && part->length > 0 && first[-1] != '\n') {
		reader->within += (ptrdiff_t)part->length;
	} else {
		reader->next += reader->within > 0 && part->length > 0;
		reader->within = end_of(part) - end;
	}
	part->length = (size_t)(end - first);
	memmove(part->at, first, part->length);
	*end_of(part) = '\0';
	if (part->length > 0)
		reader->next = last_number(part->at, end_of(part)) + 1;
}

/* Of MOST bytes, with the rest of a record.  How many there were, or an error. */
static ssize_t read_part(struct text *text, struct reader *reader, size_t most)
{
	struct buffer *part = &reader->part;
	ssize_t count;

	part->length = 0;
	if (make_room(part, text->room) < 0)
		return -ENOMEM;
	count = read(reader->fd, part->at, most < text->room ? most : text->room);
	if (count < 0)
		return -errno;
	text->needs_room |= (size_t)count == text->room;
	part->length = (size_t)count;
	*end_of(part) = '\0';
	keep_whole_records(reader);
	while (reader->buffer <= part->length)
		reader->buffer *= 2;
	return count;
}

/* Whether another lock would have fit into the buffer, if its queue is not long. */
static bool is_short(const struct reader *reader)
{
	return reader->part.length < reader->buffer / 2;
}

static int open_list(struct reader *reader)
{
	reader->fd = open("/proc/locks", O_RDONLY | O_CLOEXEC);
	reader->buffer = PAGE;
	reader->next = 1;
	return reader->fd < 0 ? -errno : 0;
}

/*
 * To one byte before RECORD, which begins at this OFFSET, of the list as it is now.  So
 * the next part begins with the end of the record before, which may be out of date by
 * then, and is dropped.
 */
static int seek(struct reader *reader, unsigned long record, size_t offset)
{
	off_t to = offset > 0 ? (off_t)offset - 1 : 0;

	reader->next = record;
	reader->within = offset > 0 ? -1 : 0;
	return lseek(reader->fd, to, SEEK_SET) < 0 ? -errno : 0;
}

/* How far that record is from what the reader reads next. */
static ptrdiff_t distance_to(const struct text *text, const struct reader *reader,
			     const char *record)
{
	return record - lf_find_number(last_part(text), end_of(&text->all),
				       reader->next) -
	       reader->within;
}

/* To one byte before that record, or near to it, if the list has changed. */
static int go_to(struct text *text, struct reader *reader, const char *record)
{
	bool is_first = record == text->all.at;
	ptrdiff_t left = distance_to(text, reader, record) - !is_first;

	if (left < 0)
		return seek(reader, lf_record_number(record),
			    (size_t)(record - text->all.at));
	/* At the end of a record, the kernel may have read the next one already. */
	while (left > 0 || (reader->within == 0 && !is_first)) {
		ssize_t count = read_part(text, reader,
					  left > 0 ? (size_t)left : 1);

		if (count <= 0)
			return (int)count;
		left -= count;
		text->has_moved |= !goes_on(text, &reader->part);
	}
	return 0;
}

/* ---- From part to part */

/* Whether the next part begins behind the beginning of this record. */
static bool is_behind(const struct reader *reader, const char *record)
{
	return reader->next + (reader->within > 0) > lf_record_number(record);
}

/*
 * Half a part before the end of the text, or where the reader is, if that is at least a
 * quarter before it; but one lock at least.
 */
static char *find_bridge(const struct text *text, const struct reader *reader)
{
	char *end = end_of(&text->all), *from = last_part(text);
	const char *last = lf_last_record(from, end);
	size_t half = reader->buffer / 2;

	while (from < last && (size_t)(end - from) >= half)
		from = lf_next_record(from);
	while (from < last && (size_t)(end - from) > half / 2 &&
	       is_behind(reader, from))
		from = lf_next_record(from);
	return from;
}

/* Less than all, so that the next bridge begins further on. */
static size_t length_of_half(const struct buffer *part)
{
	char *end = end_of(part), *to = part->at;

	while (to < end && (size_t)(to - part->at) < part->length / 2)
		to = lf_next_record(to);
	if (to == end)
		to = lf_last_record(part->at, end);
	return (size_t)(to - part->at);
}

/*
 * If there is no next part, or if that is one lock, as much as there is.  Else it ends
 * one byte within a record: at its end, the kernel might read the next one already, and
 * show it out of date by the next read.
 */
static ssize_t read_bridge(struct text *text, struct reader *reader,
			   const struct buffer *next)
{
	int rc = reader->fd < 0 ? open_list(reader) : 0;
	size_t half = length_of_half(next);
	const char *from;

	if (rc < 0)
		return rc;
	from = find_bridge(text, reader);
	rc = go_to(text, reader, from);
	if (rc < 0)
		return rc;
	if (half == 0)
		return read_part(text, reader, SIZE_MAX);
	return read_part(text, reader,
			 (size_t)(end_of(&text->all) - from) + half + 2);
}

/* GAP, while there are tries left. */
static int gap(struct text *text)
{
	if (text->tries < TRIES)
		return GAP;
	text->has_gaps = true;
	return 0;
}

static size_t length_of_first(const struct buffer *part)
{
	return (size_t)(lf_next_record(part->at) - part->at);
}

/* Whether what follows could be too long for the bridge. */
static bool is_too_long(const struct reader *reader, const struct buffer *next)
{
	const struct buffer *bridge = &reader->part;

	if (next->length > 0)
		return bridge->length + length_of_first(next) >= reader->buffer;
	return bridge->length == length_of_first(bridge);
}

/*
 * *CONFIRMED: the text ended as the bridge shows it when the next part was read, or the
 * end, and the bridge could not show more.
 */
static int add_bridge(struct text *text, const struct reader *reader,
		      const struct buffer *next, bool *confirmed)
{
	const struct buffer *bridge = &reader->part;
	bool moved;
	struct joint joint = find_joint(text, bridge, &moved);
	char *from = joint.from;

	*confirmed = from && !moved && is_too_long(reader, next) &&
		     last_number(bridge->at, end_of(bridge)) >=
			     last_number(from, end_of(&text->all));
	if (from && reaches_further(text, from, bridge, moved) &&
	    join(text, from, bridge, joint.record) < 0)
		return -ENOMEM;
	if (next->length == 0 && (!from || (!is_short(reader) && !*confirmed)))
		return gap(text);
	return 0;
}

/* Instead of what the bridge has further on, which may end within a queue. */
static int add_next(struct text *text, const struct buffer *next, bool confirmed)
{
	bool moved;
	struct joint joint = find_joint(text, next, &moved);

	if (!joint.from && !moved && !confirmed) {
		joint.from = find_common(text, next, &joint.record);
		text->has_moved |= joint.from != NULL;
	}
	if (joint.from)
		return join(text, joint.from, next, joint.record);
	if ((moved || !confirmed) && gap(text) == GAP)
		return GAP;
	return join(text, end_of(&text->all), next, next->at);
}

static bool shows_more(struct text *text, const struct buffer *part)
{
	bool moved;
	char *from = find_joint(text, part, &moved).from;

	return !from || reaches_further(text, from, part, moved);
}

/* Whether the text is the end of the list: what comes behind the bridge is in it. */
static int check_end(struct text *text, struct reader *reader)
{
	ssize_t count;

	do {
		count = read_part(text, reader, SIZE_MAX);
		if (count < 0)
			return (int)count;
		if (reader->part.length > 0 && shows_more(text, &reader->part))
			return gap(text);
	} while (count > 0);
	return 0;
}

/* What one reader has read last, by means of the other.  Or GAP. */
static int add_part(struct text *text, struct reader *readers)
{
	const struct buffer *part = &readers[0].part;
	ssize_t count = read_bridge(text, &readers[1], part);
	bool confirmed;
	int rc;

	if (count < 0)
		return (int)count;
	rc = add_bridge(text, &readers[1], part, &confirmed);
	if (rc != 0)
		return rc;
	return part->length > 0 ? add_next(text, part, confirmed) :
				  check_end(text, &readers[1]);
}

static int begin(struct text *text, struct reader *readers)
{
	int rc = 0;

	if (text->needs_room)
		text->room *= FACTOR;
	text->all.length = text->last = 0;
	text->needs_room = text->in_parts = text->has_moved = false;
	text->tries++;
	for (int i = 0; i < 2 && rc == 0; i++)
		if (readers[i].fd >= 0)
			rc = seek(&readers[i], 1, 0);
	return rc;
}

/* Where the last part was, a part further on, one before, two further on ... */
static size_t find_place(const struct text *text, const struct reader *reader,
			 int i)
{
	size_t far = (size_t)(i + 1) / 2 * reader->buffer;

	if (i % 2 > 0)
		return text->last + far;
	return text->last > far ? text->last - far : 0;
}

/* The list has changed by more than half a part: all locks behind are read again. */
static int close_gap(struct text *text, struct reader *readers)
{
	for (int i = 0; i < PLACES; i++) {
		struct reader *reader = &readers[0];
		int rc = seek(reader, 1, find_place(text, reader, i));
		ssize_t count = rc < 0 ? rc : read_part(text, reader, SIZE_MAX);
		struct joint joint;
		bool moved;

		if (count < 0)
			return (int)count;
		text->tries++;
		joint = find_joint(text, &reader->part, &moved);
		if (joint.from)
			return join(text, joint.from, &reader->part, joint.record);
	}
	return begin(text, readers);
}

/*
 * Whether the first part was all: no byte comes behind it.  lseek(2) shows each lock by
 * itself, and all at one moment, so it finds a queue that was too long for the part: that
 * is longer than the part, if the part is short.  1: it was.
 */
static int is_all(struct text *text, struct reader *reader)
{
	size_t length = text->all.length;
	unsigned long next = reader->next;
	ssize_t count;
	int rc;

	if (!is_short(reader))
		return 0;
	rc = seek(reader, next, length + 2);
	count = rc < 0 ? rc : read_part(text, reader, 1);
	if (count < 0)
		return (int)count;
	return count == 0 ? 1 : seek(reader, next, length);
}

static int add_first(struct text *text, struct reader *reader, bool *ended)
{
	int rc = append(&text->all, reader->part.at, reader->part.length);

	if (rc == 0 && !text->needs_room)
		rc = is_all(text, reader);
	*ended = rc == 1;
	text->in_parts = rc == 0;
	return rc < 0 ? rc : 0;
}

static int read_list(struct text *text, struct reader *readers)
{
	bool ended = false;
	int rc = 0;

	while (rc == 0 && !ended) {
		ssize_t count = read_part(text, &readers[0], SIZE_MAX);

		if (count < 0)
			return (int)count;
		if (text->all.length == 0) {
			rc = add_first(text, &readers[0], &ended);
		} else {
			rc = add_part(text, readers);
			ended = rc == 0 && count == 0;
		}
		if (rc == GAP)
			rc = close_gap(text, readers);
		if (rc == 0 && text->needs_room) {
			rc = begin(text, readers);
			ended = false;
		}
	}
	return rc;
}

int lf_proc_read_locks(char **locks)
{
	struct reader readers[2] = { { .fd = -1 }, { .fd = -1 } };
	struct text text = { .room = FIRST_ROOM };
	int rc = open_list(&readers[0]);

	if (rc == 0)
		rc = read_list(&text, readers);
	if (rc == 0 && text.in_parts)
		rc = text.has_gaps  ? LF_LOCKS_MAY_LACK :
		     text.has_moved ? LF_LOCKS_HAVE_MOVED :
				      LF_LOCKS_IN_PARTS;
	for (int i = 0; i < 2; i++) {
		if (readers[i].fd >= 0)
			close(readers[i].fd);
		free(readers[i].part.at);
	}
	if (rc < 0)
		free(text.all.at);
	*locks = rc < 0 ? NULL : text.all.at;
	return rc;
}
