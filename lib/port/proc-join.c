/* SPDX-License-Identifier: 0BSD */
/*
 * The kernel keeps the locks in order: a lock stays at its place among the others until
 * it is released or converted.  So if two parts have a lock in common, every lock behind
 * it that was held all the time is in one of the two, or behind both.
 *
 * As a rule both have the same locks with the same numbers.  Else the list has changed,
 * and the first lock of the part that the text has too is looked for.  What looks like
 * one lock may be two, though: one that was released, and acquired again further back.
 * Then the part lacks what the text has behind it.
 *
 * One that was acquired again behind a lock that has come forward meanwhile hides that
 * one; so does a lock that is converted, which moves to the front of those of its
 * processor.  In both cases the locks behind get other numbers, unless one in front of
 * them goes at the same time.
 */
#include "config.h"

#include "port/proc-join.h"
#include "port/proc-records.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* More than a part has, unless a queue is very long. */
#define FIRST_SIZE 16384

/* So many locks behind a common one are compared, to know whether it is the same. */
#define MOST_COMPARED 100

static char *end_of(const struct lf_locks_part *part)
{
	return part->at + part->length;
}

int lf_locks_make_room(struct lf_locks_part *part, size_t count)
{
	size_t size = part->size ? part->size : FIRST_SIZE;
	char *more;

	while (size - part->length <= count) {
		if (size > SIZE_MAX / 2)
			return -ENOMEM;
		size *= 2;
	}
	if (size == part->size)
		return 0;
	more = realloc(part->at, size);
	if (!more)
		return -ENOMEM;
	part->at = more;
	part->size = size;
	return 0;
}

/* COUNT bytes from FROM on, and a null byte. */
static int append_bytes(struct lf_locks_part *part, const char *from, size_t count)
{
	if (lf_locks_make_room(part, count) < 0)
		return -ENOMEM;
	memcpy(end_of(part), from, count);
	part->length += count;
	*end_of(part) = '\0';
	return 0;
}

/* Where a lock is looked for. */
static char *searched(const struct lf_locks_text *text)
{
	return text->all.at + text->joined;
}

static char *last_record(const struct lf_locks_text *text)
{
	return lf_last_record(searched(text), end_of(&text->all));
}

static char *last_of(const struct lf_locks_part *part)
{
	return lf_last_record(part->at, end_of(part));
}

/* ---- Where the text and a part have a lock in common */

struct joint {
	char *from; /* in the text, or NULL: they have none */
	char *record; /* in the part */
	bool has_moved;
};

static struct joint find_number(const struct lf_locks_text *text,
				const struct lf_locks_part *part)
{
	char *end = end_of(&text->all), *part_end = end_of(part);
	char *from = lf_find_number(searched(text), end,
				    lf_record_number(part->at));
	char *record = from == end ? part_end :
				     lf_find_number(part->at, part_end,
						    lf_record_number(from));

	return (struct joint){ .from = record < part_end ? from : NULL,
			       .record = record };
}

/* Whether they have the same locks from there on, with the same numbers. */
static bool goes_on(const struct lf_locks_text *text,
		    const struct lf_locks_part *part, struct joint joint)
{
	char *end = end_of(&text->all), *part_end = end_of(part);
	char *at = joint.from, *record = joint.record;

	while (at < end && record < part_end && lf_is_same_record(at, record) &&
	       lf_record_number(at) == lf_record_number(record)) {
		at = lf_next_record(at);
		record = lf_next_record(record);
	}
	return at == end || record == part_end;
}

/* The first lock of the part that the text has too. */
static struct joint find_lock(const struct lf_locks_text *text,
			      const struct lf_locks_part *part)
{
	char *end = end_of(&text->all), *part_end = end_of(part);
	struct joint joint = { .record = part->at };

	while (joint.record < part_end) {
		joint.from = lf_find_record(searched(text), end, joint.record);
		if (joint.from)
			break;
		joint.record = lf_next_record(joint.record);
	}
	return joint;
}

static struct joint find_joint(const struct lf_locks_text *text,
			       const struct lf_locks_part *part)
{
	struct joint joint = find_number(text, part);
	bool has_number = joint.from;

	if (has_number && goes_on(text, part, joint))
		return joint;
	joint = find_lock(text, part);
	/* A part behind the text may have any number of locks that look the same. */
	if (!has_number && joint.record != part->at)
		joint.from = NULL;
	joint.has_moved = has_number || joint.from;
	return joint;
}

/*
 * Whether the lock may be another one that only looks the same: it is not the first of
 * the part, which lacks most of what the text has behind it.
 */
static bool is_doubtful(const struct lf_locks_text *text,
			const struct lf_locks_part *part, struct joint joint)
{
	char *end = end_of(&text->all), *part_end = end_of(part);
	char *at = lf_next_record(joint.from);
	int lacking = 0, left = MOST_COMPARED;

	if (!joint.has_moved || joint.record == part->at)
		return false;
	for (; at < end && left > 0; at = lf_next_record(at), left--)
		if (lf_is_distinct(at))
			lacking += lf_find_record(joint.record, part_end, at) ?
					   -1 :
					   1;
	return lacking > 0;
}

static char *last_distinct(char *from, const char *end)
{
	char *last = NULL;

	for (; from < end; from = lf_next_record(from))
		if (lf_is_distinct(from))
			last = from;
	return last;
}

/* Whether the part shows more than the text behind the joint. */
static bool reaches_further(const struct lf_locks_text *text,
			    const struct lf_locks_part *part,
			    struct joint joint)
{
	char *end = end_of(&text->all), *part_end = end_of(part);
	char *last = last_of(part), *distinct;

	if (!joint.has_moved)
		return lf_record_number(last) >
		       lf_record_number(last_record(text));
	distinct = last_distinct(joint.record, part_end);
	if (distinct && !lf_find_record(joint.from, end, distinct))
		return true;
	/* Locks behind it look like others, so the text must not lose its last one. */
	return distinct != last &&
	       lf_find_record(part->at, part_end, last_record(text));
}

/* ---- The text */

/* The part behind the joint instead of the text behind it. */
static int join_at(struct lf_locks_text *text, const struct lf_locks_part *part,
		   struct joint joint)
{
	size_t begin = (size_t)(joint.from - text->all.at);

	text->joined = text->all.length = begin;
	return append_bytes(&text->all, joint.record,
			    (size_t)(end_of(part) - joint.record));
}

int lf_locks_join(struct lf_locks_text *text, const struct lf_locks_part *part)
{
	struct joint joint;

	if (part->length == 0)
		return LF_JOIN_STRANGE;
	joint = find_joint(text, part);
	text->has_moved |= joint.has_moved;
	if (!joint.from || is_doubtful(text, part, joint))
		return LF_JOIN_STRANGE;
	if (!reaches_further(text, part, joint))
		return LF_JOIN_KNOWN;
	return join_at(text, part, joint) < 0 ? -ENOMEM : LF_JOIN_ADDED;
}

int lf_locks_append(struct lf_locks_text *text,
		    const struct lf_locks_part *part)
{
	text->joined = text->all.length;
	return append_bytes(&text->all, part->at, part->length);
}

unsigned long lf_locks_last_number(const struct lf_locks_text *text)
{
	return lf_record_number(last_record(text));
}

bool lf_locks_end_alike(const struct lf_locks_text *text,
			const struct lf_locks_part *part)
{
	return lf_is_same_record(last_of(part), last_record(text));
}

size_t lf_locks_tail(const struct lf_locks_text *text, size_t least,
		     size_t most)
{
	char *end = end_of(&text->all), *from = searched(text);
	char *next = lf_next_record(from);

	while (next < end && ((size_t)(end - next) >= least ||
			      (size_t)(end - from) >= most)) {
		from = next;
		next = lf_next_record(from);
	}
	return (size_t)(end - from);
}
