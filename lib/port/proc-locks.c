/* SPDX-License-Identifier: 0BSD */
/*
 * Linux's list of locks, /proc/locks.
 *
 * One read(2) shows a part of the list as it is at one moment, as much as the
 * kernel's buffer takes, and the next goes on at an index.  A lock that came or
 * went in between shifts what follows: lines are missing or come twice.  The
 * buffer is a page at first.  It doubles while a lock does not fit into it with
 * all its waiters, and each time the kernel begins again at the index, so that
 * just the longest queue is easily missed.  But the buffer stays large: from the
 * beginning the same descriptor shows more in each part, and in the end
 * everything in one.
 */
#include "config.h"

#include "port/os.h"

#include "port/proc-text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_SIZE 65536

/* Of the kernel. */
#define PAGE 4096

/* How often the list is read from the beginning if it was torn each time. */
#define PASSES 64

/* In bytes.  What is missing after a part is a queue if it is so long. */
#define QUEUE 512

struct text {
	char *at;
	size_t size, length;
	size_t buffer; /* the kernel's, at least */
	bool is_torn;  /* a queue is missing */
	int parts;
};

static int make_room(struct text *text, size_t size)
{
	char *more = size > text->size ? realloc(text->at, size) : text->at;

	if (!more)
		return -ENOMEM;
	text->at = more;
	text->size = size > text->size ? size : text->size;
	return 0;
}

static bool is_waiter(const char *line)
{
	line += strspn(line, "0123456789:");
	return strncmp(line + strspn(line, " "), "->", 2) == 0;
}

/* The first lock at TEXT, with its waiters. */
static size_t record_length(const char *text)
{
	const char *end = text;

	do {
		end = strchr(end, '\n');
		if (!end)
			return strlen(text);
		end++;
	} while (is_waiter(end));
	return (size_t)(end - text);
}

/*
 * A part ends before the lock that does not fit into the buffer any more, so the
 * next begins with that lock, or the list has changed.
 */
static void check_next(struct text *text, size_t last, size_t length)
{
	const char *next = text->at + text->length - length;

	while (text->buffer < last)
		text->buffer *= 2;
	if (last > 0 && length > 0 &&
	    last + record_length(next) + QUEUE < text->buffer)
		text->is_torn = true;
}

/* To the end, with a null byte. */
static int read_pass(int fd, struct text *text)
{
	size_t last = 0;
	ssize_t count;

	text->length = 0;
	text->is_torn = false;
	text->parts = 0;
	do {
		if (text->size - text->length <= PAGE &&
		    make_room(text, 2 * text->size) < 0)
			return -ENOMEM;
		count = read(fd, text->at + text->length,
			     text->size - text->length - 1);
		if (count < 0)
			return -errno;
		text->length += (size_t)count;
		text->at[text->length] = '\0';
		check_next(text, last, (size_t)count);
		text->parts += count > 0;
		last = (size_t)count;
	} while (count > 0);
	return 0;
}

static int read_passes(int fd, struct text *text)
{
	int rc = make_room(text, FIRST_SIZE);

	if (rc == 0)
		rc = read_pass(fd, text);
	for (int i = 1; rc == 0 && text->is_torn && i < PASSES; i++) {
		rc = make_room(text, 2 * text->length);
		if (rc == 0 && lseek(fd, 0, SEEK_SET) != 0)
			rc = -EIO;
		if (rc == 0)
			rc = read_pass(fd, text);
	}
	return rc;
}

/* The caller frees *ALL. */
static int read_text(char **all, bool *in_parts)
{
	int fd = openat(AT_FDCWD, "/proc/locks", O_RDONLY | O_CLOEXEC), rc;
	struct text text = { .at = NULL, .buffer = PAGE };

	if (fd < 0)
		return -errno;
	rc = read_passes(fd, &text);
	close(fd);
	if (rc < 0)
		free(text.at);
	*all = rc < 0 ? NULL : text.at;
	*in_parts = text.parts > 1;
	return rc;
}

static int add_lock(struct lf_lock_list *list,
		    const struct lf_listed_lock *lock)
{
	/* The room is a power of two. */
	if ((list->count & (list->count - 1)) == 0) {
		size_t room = list->count ? 2 * list->count : 1;
		struct lf_listed_lock *locks =
			realloc(list->locks, room * sizeof(*locks));

		if (!locks)
			return -ENOMEM;
		list->locks = locks;
	}
	list->locks[list->count++] = *lock;
	return 0;
}

static int add_lease(struct lf_lock_list *list, const struct lf_lease *lease)
{
	struct lf_lease *leases =
		realloc(list->leases,
			(list->lease_count + 1) * sizeof(*leases));

	if (!leases)
		return -ENOMEM;
	list->leases = leases;
	list->leases[list->lease_count++] = *lease;
	return 0;
}

/* PIDs are those of another namespace unless OURS. */
static int add_line(struct lf_lock_list *list, const char *line,
		    bool wants_locks, bool ours)
{
	struct lf_listed_lock lock;
	struct lf_lease lease;

	if (wants_locks && lf_proc_parse_lock(line, &lock)) {
		if (!ours)
			lock.pid = 0;
		return add_lock(list, &lock);
	}
	if (lf_proc_parse_lease(line, &lease)) {
		if (!ours)
			lease.pid = 0;
		return add_lease(list, &lease);
	}
	return 0;
}

static int list_all(struct lf_lock_list *list, bool wants_locks)
{
	char *text = NULL, *rest, *line;
	bool ours;
	int rc;

	*list = (struct lf_lock_list){ .when = lf_ticks() };
	rc = read_text(&text, &list->in_parts);
	if (rc < 0)
		return rc;
	ours = wants_locks && lf_proc_is_ours();
	rest = text;
	while (rc == 0 && (line = lf_proc_cut_line(&rest)) != NULL)
		rc = add_line(list, line, wants_locks, ours);
	free(text);
	if (rc < 0)
		lf_lock_list_free(list);
	return rc;
}

int lf_list_locks(struct lf_lock_list *list)
{
	return list_all(list, true);
}

int lf_list_leases(struct lf_lock_list *list)
{
	return list_all(list, false);
}

void lf_lock_list_free(struct lf_lock_list *list)
{
	free(list->locks);
	free(list->leases);
	*list = (struct lf_lock_list){ .count = 0 };
}
