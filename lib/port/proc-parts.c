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
 * them show the same locks with the same numbers.  Else the list has changed.  But the
 * kernel keeps the locks in order: a lock stays at its place among the others until it
 * is released or converted.  So if two parts have a lock in common, every lock behind
 * it that was held all the time is in one of the two, or behind both.  What was read
 * behind it is replaced by the other part, if that reaches further.
 *
 * A long queue may not fit into the buffer behind any lock before it.  Then the bridge
 * ends before it, and will do if it shows what the text has: it was read later than the
 * part, so nothing had gone that the part could skip.
 *
 * Parts without a common lock leave a gap, and so does an end of the list that
 * another lock may have been too long for.  Then all is read again.
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
#include "port/proc-records.h"

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

/* How often the list is read from the beginning if it had gaps each time. */
#define PASSES 16

struct buffer {
	char *at;
	size_t size, length;
};

struct reader {
	int fd;
	size_t buffer; /* the kernel's, at least */
	struct buffer part; /* the last one */
	bool is_cut; /* the next one begins with the rest of its last record */
	unsigned long next; /* the number that the next one begins with */
};

struct text {
	struct buffer all;
	size_t last; /* where the part begins that reaches furthest */
	size_t room; /* for a part */
	bool is_cut; /* a part took all of it: there is more */
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

/* Where the part begins that reaches furthest. */
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

/* Whether the records from AT to COMMON are those from PART to RECORD. */
static bool are_same(char *at, const char *common, char *part,
		     const char *record)
{
	while (at < common && part < record && lf_is_same_record(at, part)) {
		at = lf_next_record(at);
		part = lf_next_record(part);
	}
	return at == common && part == record;
}

/* Before COMMON, which is RECORD, there may be locks that look like others. */
static char *find_beginning(char *from, char *common, char *part,
			    const char *record)
{
	while (from < common && !are_same(from, common, part, record))
		from = lf_next_record(from);
	return from;
}

/* The part, instead of the text from FROM on. */
static int join(struct text *text, const char *from, const struct buffer *part)
{
	text->last = text->all.length = (size_t)(from - text->all.at);
	return append(&text->all, part->at, part->length);
}

/* NULL: they have no number in common. */
static char *find_common_number(const struct text *text,
				const struct buffer *part)
{
	char *from = find_same_number(text, part);

	return from < end_of(&text->all) &&
			       lf_record_number(from) <=
				       last_number(part->at, end_of(part)) ?
		       from :
		       NULL;
}

/* Where the part goes on behind a common lock.  NULL: they have none. */
static char *find_common(const struct text *text, const struct buffer *part)
{
	char *from = last_part(text), *end = end_of(&text->all);
	char *record = part->at, *part_end = end_of(part), *common = NULL;

	while (record < part_end &&
	       (common = lf_find_record(from, end, record)) == NULL)
		record = lf_next_record(record);
	return common ? find_beginning(from, common, part->at, record) : NULL;
}

/* Whether the part shows more than the text from FROM. */
static bool reaches_further(const struct text *text, char *from,
			    const struct buffer *part, bool moved)
{
	char *end = end_of(&text->all);
	char *last = lf_last_record(part->at, end_of(part));

	return moved ? !lf_find_record(from, end, last) :
		       lf_record_number(last) > last_number(from, end);
}

/* Where the part goes on.  NULL: they have no lock in common. */
static char *find_joint(struct text *text, const struct buffer *part,
			bool *moved)
{
	*moved = !goes_on(text, part);
	text->has_moved |= *moved;
	return *moved ? find_common(text, part) :
			find_common_number(text, part);
}

/* ---- Reads */

/* What is left of the record that the part before ended within. */
static void drop_rest(struct buffer *part)
{
	char *next = lf_next_record(part->at);

	part->length -= (size_t)(next - part->at);
	memmove(part->at, next, part->length + 1);
}

/* Without a record that the part begins or ends within. */
static void keep_whole_records(struct reader *reader)
{
	struct buffer *part = &reader->part;
	bool begins_within = reader->is_cut || lf_is_line_of_waiter(part->at);

	reader->is_cut = part->length > 0 && end_of(part)[-1] != '\n';
	if (begins_within)
		drop_rest(part);
	while (part->length > 0 && end_of(part)[-1] != '\n')
		part->length--;
	*end_of(part) = '\0';
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
	text->is_cut |= (size_t)count == text->room;
	part->length = (size_t)count;
	*end_of(part) = '\0';
	keep_whole_records(reader);
	if (part->length > 0)
		reader->next = last_number(part->at, end_of(part)) + 1;
	while (reader->buffer < part->length)
		reader->buffer *= 2;
	return count;
}

/* Whether another lock would have fit into the buffer, if its queue is not long. */
static bool is_short(const struct reader *reader)
{
	return reader->buffer - reader->part.length >= LONG_QUEUE;
}

static int open_list(struct reader *reader)
{
	reader->fd = open("/proc/locks", O_RDONLY | O_CLOEXEC);
	reader->buffer = PAGE;
	reader->next = 1;
	return reader->fd < 0 ? -errno : 0;
}

static char *position(const struct text *text, const struct reader *reader)
{
	return lf_find_number(last_part(text), end_of(&text->all), reader->next);
}

/* Near to it, if the list has changed. */
static int go_to(struct text *text, struct reader *reader, const char *to)
{
	size_t left = (size_t)(to - position(text, reader));

	while (left > 0) {
		ssize_t count = read_part(text, reader, left);

		if (count <= 0)
			return (int)count;
		left -= (size_t)count;
		text->has_moved |= !goes_on(text, &reader->part);
	}
	return 0;
}

/*
 * Half a part before the end of the text; less, but one lock at least, if the next part
 * begins with a long queue.
 */
static char *find_bridge(const struct text *text, const struct reader *reader,
			 const struct buffer *next)
{
	char *end = end_of(&text->all), *from = position(text, reader);
	const char *last = lf_last_record(last_part(text), end);
	size_t first = (size_t)(lf_next_record(next->at) - next->at);
	size_t room = reader->buffer / 2;

	if (first > room)
		room = first < reader->buffer ? reader->buffer - first : 0;
	while (from < last && (size_t)(end - from) > room)
		from = lf_next_record(from);
	return from;
}

/* Less than all: the next bridge has to begin within it. */
static size_t length_of_half(const struct buffer *part)
{
	char *end = end_of(part), *to = part->at;

	while (to < end && (size_t)(to - part->at) < part->length / 2)
		to = lf_next_record(to);
	if (to == end)
		to = lf_last_record(part->at, end);
	return (size_t)(to - part->at);
}

/* To the end of the list, if there is no next part. */
static ssize_t read_bridge(struct text *text, struct reader *reader,
			   const struct buffer *next)
{
	int rc = reader->fd < 0 ? open_list(reader) : 0;
	size_t most = SIZE_MAX;
	const char *from;

	if (rc < 0)
		return rc;
	from = find_bridge(text, reader, next);
	if (next->length > 0)
		most = (size_t)(end_of(&text->all) - from) +
		       length_of_half(next);
	rc = go_to(text, reader, from);
	return rc < 0 ? rc : read_part(text, reader, most);
}

/* 1: the text ended as the bridge shows it when the next part was read.  Or an error. */
static int add_bridge(struct text *text, const struct reader *reader,
		      const struct buffer *next)
{
	const struct buffer *bridge = &reader->part;
	bool moved, confirmed, further;
	char *from = find_joint(text, bridge, &moved);
	int rc = 0;

	confirmed = from && !moved &&
		    last_number(bridge->at, end_of(bridge)) >=
			    last_number(from, end_of(&text->all));
	further = from && reaches_further(text, from, bridge, moved);
	if (next->length == 0)
		text->has_gaps |= !from || (!is_short(reader) &&
					    (further || !confirmed));
	if (further)
		rc = join(text, from, bridge);
	return rc < 0 ? rc : confirmed;
}

/* Instead of what the bridge has further on, which may end within a queue. */
static int add_next(struct text *text, const struct buffer *next, bool confirmed)
{
	bool moved;
	char *from = find_joint(text, next, &moved);

	if (!from && !moved && !confirmed) {
		from = find_common(text, next);
		text->has_moved |= moved = from != NULL;
	}
	text->has_gaps |= !from && (moved || !confirmed);
	if (!from)
		from = find_same_number(text, next);
	return join(text, from, next);
}

/* What one reader has read last, by means of the other. */
static int add_part(struct text *text, const struct buffer *part,
		    struct reader *other)
{
	ssize_t count = read_bridge(text, other, part);
	int rc = count < 0 ? (int)count : add_bridge(text, other, part);

	if (rc >= 0 && part->length > 0)
		rc = add_next(text, part, rc);
	return rc < 0 ? rc : 0;
}

static int read_pass(struct text *text, struct reader *readers)
{
	struct reader *reader = &readers[0], *other = &readers[1];
	ssize_t count;
	int rc;

	text->all.length = text->last = 0;
	text->is_cut = text->has_gaps = text->has_moved = false;
	count = read_part(text, reader, SIZE_MAX);
	if (count < 0)
		return (int)count;
	text->in_parts = !is_short(reader);
	rc = append(&text->all, reader->part.at, reader->part.length);
	while (rc == 0 && count > 0 && !text->is_cut) {
		count = read_part(text, reader, SIZE_MAX);
		if (count < 0)
			return (int)count;
		text->in_parts |= count > 0;
		if (text->in_parts)
			rc = add_part(text, &reader->part, other);
	}
	return rc;
}

static int go_to_beginning(struct text *text, struct reader *readers)
{
	if (text->is_cut)
		text->room *= FACTOR;
	for (int i = 0; i < 2; i++) {
		if (readers[i].fd >= 0 && lseek(readers[i].fd, 0, SEEK_SET) != 0)
			return -EIO;
		readers[i].next = 1;
		readers[i].is_cut = false;
	}
	return 0;
}

/* LF_LOCKS_MAY_LACK: there are gaps.  0, or an error. */
static int read_passes(struct text *text, struct reader *readers)
{
	int rc = read_pass(text, readers);

	for (int i = 1; rc == 0 && (text->is_cut || text->has_gaps); i++) {
		if (i >= PASSES && !text->is_cut)
			return LF_LOCKS_MAY_LACK;
		rc = go_to_beginning(text, readers);
		if (rc == 0)
			rc = read_pass(text, readers);
	}
	return rc;
}

int lf_proc_read_locks(char **locks)
{
	struct reader readers[2] = { { .fd = -1 }, { .fd = -1 } };
	struct text text = { .room = FIRST_ROOM };
	int rc = open_list(&readers[0]);

	if (rc == 0)
		rc = read_passes(&text, readers);
	if (rc == 0 && text.in_parts)
		rc = text.has_moved ? LF_LOCKS_HAVE_MOVED : LF_LOCKS_IN_PARTS;
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
