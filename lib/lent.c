/* SPDX-License-Identifier: 0BSD */
/*
 * A descriptor of the caller whose lock is that of another process: a child
 * inherits it from lf-acquire, for instance.  Body and tag belong together, but
 * the child can change the body alone, and the tag of its parent would go on to
 * keep others out.  So neither is changed.
 */
#include "config.h"

#include "lock.h"

/*
 * How often that process is found with the tag, a millisecond apart, if its
 * descriptors may not be examined: a waiter, which has the tag without the body,
 * soon gives it back.
 */
#define LOOKS 10

/* Whether a process has the tag though no other description has the body. */
static bool has_tag_alone(const struct lf_lock *lock, pid_t *pid)
{
	pid_t unused;

	return lf_tag_test(lock, pid) == 1 &&
	       lf_body_test(lock, F_WRLCK, &unused) == LF_GOT;
}

bool lf_is_lent(int fd)
{
	struct lf_lock lock = { .fd = fd };
	struct stat file;
	pid_t first, pid;

	if (!has_tag_alone(&lock, &first) || fstat(fd, &file) < 0)
		return false;
	/* A waiter shows no body, however long the system keeps it from going on. */
	if (first > 0 && lf_process_has_lock(first, &file, lf_is_body) == 0)
		return false;
	for (int i = 1; i < LOOKS; i++) {
		lf_poll_until(-1, lf_deadline(1));
		if (!has_tag_alone(&lock, &pid) || pid != first)
			return false;
	}
	/* Where proc(5) does not answer, it counts. */
	return lf_process_has_lock(0, &file, lf_is_body) != 0;
}
