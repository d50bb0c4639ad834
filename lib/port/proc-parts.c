/* SPDX-License-Identifier: 0BSD */
/*
 * The text of Linux's list of locks, /proc/locks.
 *
 * One read shows a part of the list as it is at one moment, as much as the kernel's
 * buffer takes.  Where the one before ended, it begins with the n-th lock of the list
 * as it is by then, elsewhere with that byte of it.  So if locks before that have gone,
 * as much is skipped.
 *
 * Therefore each part begins where the text has been read already.  Two descriptors take
 * turns, so that each reads on where it was; elsewhere the kernel goes through the list
 * from its beginning.  If the part has no lock in common with the text, or nothing new,
 * the list may have changed, and parts near to it are read.
 *
 * A queue may be too long for the buffer behind any lock before it.  Then what comes
 * next is read alone, and another part must show that the text still ends before it.
 * If there seems to be nothing, no byte may come behind the end: the kernel looks for it
 * lock by lock, so it would find such a queue.  Only if locks before it go just then it
 * does not; so if any have moved, it is asked twice.
 *
 * A list of one part has every lock that was held all the time.  As for the others,
 * another list has to lack the same lock, and more of them if locks have moved.
 *
 * The buffer is a page at first.  It doubles while a lock does not fit into it with
 * all its waiters, and stays as large wherever the descriptor reads.
 */
#include "config.h"

#include "port/proc-join.h"
#include "port/proc-parts.h"
#include "port/proc-records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The kernel's buffer at first, where pages have this size; else it is larger. */
#define PAGE 4096

/* More than a part has, unless a queue is very long: then it grows by the factor. */
#define FIRST_ROOM 16383
#define FACTOR 4

/* At how many places a part is looked for, before all is read again. */
#define PLACES 9

/* How many parts may show nothing new. */
#define TRIES 100

struct reader {
	int fd;
	size_t buffer; /* the kernel's, at least */
	size_t position; /* where the next part begins */
	bool is_within; /* that is within a record, whose rest is dropped */
	struct lf_locks_part part; /* the last one */
};

struct list {
	struct lf_locks_text text;
	size_t end; /* where the text ended in the list when that was read */
	struct reader readers[2];
	int turn;
	size_t room; /* for a part */
	int tries, ends; /* how often there was nothing new, and nothing behind it */
	bool is_complete, has_parts, is_given_up;
};

/* ---- Reads */

static int open_list(struct reader *reader)
{
	reader->fd = open("/proc/locks", O_RDONLY | O_CLOEXEC);
	reader->buffer = PAGE;
	return reader->fd < 0 ? -errno : 0;
}

/*
 * The next part begins one byte before PLACE, with the end of a record, since the record
 * may be out of date when the rest is read.
 */
static void go_to(struct reader *reader, size_t place)
{
	reader->position = place > 0 ? place - 1 : 0;
	reader->is_within = reader->position > 0;
}

static void keep_whole_records(struct reader *reader)
{
	struct lf_locks_part *part = &reader->part;
	char *first = part->at, *end = part->at + part->length;

	if (reader->is_within)
		first = lf_next_record(first);
	while (end > first && end[-1] != '\n')
		end--;
	reader->is_within = false;
	part->length = (size_t)(end - first);
	memmove(part->at, first, part->length);
	part->at[part->length] = '\0';
}

/*
 * How many bytes there were, with the rest of a record; or an error.  If there is no
 * room for all of them, none is kept: what would be read again there begins with that
 * byte of the list, and no longer with that lock.
 */
static ssize_t read_part(struct list *list, struct reader *reader)
{
	struct lf_locks_part *part = &reader->part;
	ssize_t count;

	part->length = 0;
	if (lf_locks_make_room(part, list->room) < 0)
		return -ENOMEM;
	count = pread(reader->fd, part->at, list->room, (off_t)reader->position);
	if (count < 0)
		return -errno;
	if ((size_t)count == list->room) {
		list->room *= FACTOR;
		go_to(reader, 0);
		return count;
	}
	reader->position += (size_t)count;
	part->length = (size_t)count;
	part->at[part->length] = '\0';
	keep_whole_records(reader);
	while (reader->buffer <= part->length)
		reader->buffer *= 2;
	return count;
}

/* Whether another lock would have fit into the buffer, if its queue is not long. */
static bool is_short(const struct reader *reader)
{
	return reader->part.length <= reader->buffer / 2;
}

static int append_part(struct list *list, const struct reader *reader)
{
	list->end = reader->position;
	return lf_locks_append(&list->text, &reader->part);
}

/* Whether fewer than COUNT bytes come behind the COUNT bytes behind the last part. */
static int ends(struct list *list, struct reader *reader, size_t count)
{
	ssize_t rest;

	go_to(reader, reader->position + count + 1);
	rest = read_part(list, reader);
	return rest < 0 ? (int)rest : (size_t)rest < count;
}

/* Whether the first part is the text still: no queue behind it has gone meanwhile. */
static int is_same_again(struct list *list, struct reader *reader)
{
	const struct lf_locks_part *part = &reader->part, *all = &list->text.all;
	ssize_t count;

	go_to(reader, 0);
	count = read_part(list, reader);
	if (count < 0)
		return (int)count;
	return part->length == all->length &&
	       memcmp(part->at, all->at, all->length) == 0;
}

static void count_try(struct list *list)
{
	list->is_given_up = ++list->tries >= TRIES;
}

/* The part begins the list, which is one more try. */
static int begin_with(struct list *list, const struct reader *reader)
{
	list->text.all.length = list->text.joined = 0;
	list->text.has_moved = false;
	list->is_complete = false;
	list->has_parts = true;
	count_try(list);
	return append_part(list, reader) < 0 ? -ENOMEM : LF_JOIN_ADDED;
}

/* Finds out whether the first part, which the text is, was the whole list. */
static int check_only_part(struct list *list, struct reader *reader)
{
	int rc = ends(list, reader, 2);

	if (rc > 0)
		rc = is_same_again(list, reader);
	if (rc < 0)
		return rc;
	list->is_complete = rc > 0;
	list->has_parts = rc == 0;
	return LF_JOIN_ADDED;
}

/* The last part read is the first of the list. */
static int add_first_part(struct list *list, struct reader *reader)
{
	int rc = begin_with(list, reader);

	return rc >= 0 && is_short(reader) ? check_only_part(list, reader) : rc;
}

static int join_next_part(struct list *list, struct reader *reader)
{
	bool is_first = reader->position == 0;
	size_t before = list->text.all.length;
	ssize_t count = read_part(list, reader);
	int rc;

	if (count < 0)
		return (int)count;
	rc = lf_locks_join(&list->text, &reader->part);
	if (rc == LF_JOIN_STRANGE && is_first && reader->part.length > 0)
		return add_first_part(list, reader);
	if (rc != LF_JOIN_ADDED)
		return rc;
	list->end = reader->position;
	/* If the end is another one each time, each part seems to add something. */
	if (list->text.has_moved &&
	    list->text.all.length < before + reader->buffer / 8)
		count_try(list);
	return rc;
}

/* ---- What comes behind the text */

/*
 * How long a part is that begins where the next one should and ends where the text does.
 * MORE is 0 for the last locks alone.  With 1, some locks may have gone or come, and the
 * part shows the last locks still; with 2, it is that long if some have come.
 */
static size_t overlap(const struct list *list, const struct reader *reader,
		      unsigned more)
{
	size_t length = lf_locks_tail(&list->text, reader->buffer / 8 * 3,
				      reader->buffer);
	size_t room = reader->buffer > length ? reader->buffer - length : 0;

	return length + room / 8 * more;
}

static unsigned long last_number(const struct lf_locks_part *part)
{
	return lf_record_number(
		lf_last_record(part->at, part->at + part->length));
}

/* A queue that was read alone. */
static int add_queue(struct list *list, struct reader *reader)
{
	struct reader *other = &list->readers[reader == list->readers];
	size_t back = overlap(list, other, 1);
	int rc;

	go_to(other, list->end > back ? list->end - back : 0);
	rc = join_next_part(list, other);
	if (rc != LF_JOIN_KNOWN ||
	    !lf_locks_end_alike(&list->text, &other->part) ||
	    last_number(&other->part) != lf_locks_last_number(&list->text))
		return rc < 0 || rc == LF_JOIN_ADDED ? rc : LF_JOIN_STRANGE;
	return append_part(list, reader) < 0 ? -ENOMEM : LF_JOIN_ADDED;
}

/* Whether the part shows that nothing but the last lock is behind the one before it. */
static bool shows_end(const struct list *list, const struct reader *reader)
{
	return reader->part.length < reader->buffer / 8 &&
	       lf_locks_end_alike(&list->text, &reader->part);
}

static int check_end(struct list *list, struct reader *reader, size_t behind)
{
	int rc = ends(list, reader, behind);

	if (rc < 0)
		return rc;
	list->ends += rc;
	list->is_complete = list->ends > list->text.has_moved;
	return LF_JOIN_KNOWN;
}

/* The last part showed nothing new: nothing may have been left, or a long queue. */
static int read_on(struct list *list, struct reader *reader)
{
	bool may_be_end = reader->part.length <= overlap(list, reader, 2);
	int rc = join_next_part(list, reader);

	if (rc < 0 || rc == LF_JOIN_ADDED)
		return rc;
	if (reader->part.length == 0)
		return may_be_end ? check_end(list, reader, 2) : LF_JOIN_STRANGE;
	if (rc == LF_JOIN_STRANGE && lf_record_number(reader->part.at) >
					     lf_locks_last_number(&list->text))
		return add_queue(list, reader);
	/* It has grown meanwhile, and may grow by some more locks at any time. */
	if (may_be_end && rc == LF_JOIN_KNOWN && shows_end(list, reader) &&
	    overlap(list, reader, 0) <= reader->buffer / 2)
		return check_end(list, reader, reader->buffer / 4);
	return LF_JOIN_STRANGE;
}

/* ---- From part to part */

static int read_first(struct list *list)
{
	struct reader *reader = &list->readers[0];
	ssize_t count;
	int rc;

	go_to(reader, 0);
	count = read_part(list, reader);
	rc = count < 0 ? (int)count : add_first_part(list, reader);
	return rc < 0 ? rc : 0;
}

/* Where the end of the text should be, half a part further on, half a part before ... */
static size_t find_place(const struct list *list, const struct reader *reader,
			 int i)
{
	size_t half = reader->buffer / 2;
	size_t back = overlap(list, reader, 1);
	size_t from = list->end > back ? list->end - back : 0;
	size_t far = (size_t)(i + 1) / 2 * half;

	if (i % 2 > 0)
		return from + far;
	return from > far ? from - far : 0;
}

static bool is_in_place(const struct list *list, const struct reader *reader)
{
	size_t quarter = reader->buffer / 4;

	return reader->position + 3 * quarter >= list->end &&
	       reader->position + quarter <= list->end;
}

static int read_next(struct list *list)
{
	struct reader *reader = &list->readers[list->turn ^= 1];
	int rc = reader->fd < 0 ? open_list(reader) : 0;
	int i = is_in_place(list, reader) ? -1 : 0;

	list->ends = 0;
	while (rc >= 0 && i < PLACES) {
		if (i >= 0)
			go_to(reader, find_place(list, reader, i));
		rc = join_next_part(list, reader);
		if (rc == LF_JOIN_KNOWN)
			rc = read_on(list, reader);
		if (rc < 0 || rc == LF_JOIN_ADDED || list->is_complete)
			return rc < 0 ? rc : 0;
		count_try(list);
		if (list->is_given_up)
			return 0;
		i += i < 0 || rc == LF_JOIN_STRANGE;
	}
	list->text.all.length = 0; /* from the beginning */
	return rc < 0 ? rc : 0;
}

static int read_list(struct list *list)
{
	int rc = 0;

	while (rc == 0 && !list->is_complete && !list->is_given_up)
		rc = list->text.all.length == 0 ? read_first(list) :
						  read_next(list);
	return rc;
}

int lf_proc_read_locks(char **locks)
{
	struct list list = { .readers = { { .fd = -1 }, { .fd = -1 } },
			     .room = FIRST_ROOM };
	int rc = open_list(&list.readers[0]);

	if (rc == 0)
		rc = read_list(&list);
	if (rc == 0 && list.has_parts)
		rc = list.is_given_up	  ? LF_LOCKS_MAY_LACK :
		     list.text.has_moved ? LF_LOCKS_HAVE_MOVED :
					   LF_LOCKS_IN_PARTS;
	for (int i = 0; i < 2; i++) {
		if (list.readers[i].fd >= 0)
			close(list.readers[i].fd);
		free(list.readers[i].part.at);
	}
	if (rc < 0)
		free(list.text.all.at);
	*locks = rc < 0 ? NULL : list.text.all.at;
	return rc;
}
