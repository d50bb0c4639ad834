/* SPDX-License-Identifier: 0BSD */
/* Parts of the text of /proc/locks, joined where two of them show the same lock. */
#ifndef PORT_PROC_JOIN_H
#define PORT_PROC_JOIN_H

#include <stdbool.h>
#include <stddef.h>

/* Whole records, and a null byte behind them. */
struct lf_locks_part {
	char *at; /* the caller frees it */
	size_t size, length;
};

struct lf_locks_text {
	struct lf_locks_part all;
	size_t joined; /* where the last part was joined: locks are looked for from there on */
	bool has_moved; /* a lock had another number in a later part */
};

/* Room for COUNT bytes and a null byte, or -ENOMEM. */
int lf_locks_make_room(struct lf_locks_part *part, size_t count);

enum lf_join {
	LF_JOIN_STRANGE, /* no lock in common */
	LF_JOIN_KNOWN, /* the text has as much, or more */
	LF_JOIN_ADDED, /* instead of what the text had behind the common lock */
};

/* Which of them, or -ENOMEM. */
int lf_locks_join(struct lf_locks_text *text, const struct lf_locks_part *part);

/* The part is what comes behind the text.  0 or -ENOMEM. */
int lf_locks_append(struct lf_locks_text *text,
		    const struct lf_locks_part *part);

/* The number of its last lock. */
unsigned long lf_locks_last_number(const struct lf_locks_text *text);

/* Whether the last lock is the same; its number may be another one. */
bool lf_locks_end_alike(const struct lf_locks_text *text,
			const struct lf_locks_part *part);

/*
 * The length of its last records: LEAST bytes at least, if it has them; less than MOST,
 * unless one is as long.
 */
size_t lf_locks_tail(const struct lf_locks_text *text, size_t least,
		     size_t most);

#endif
