/* SPDX-License-Identifier: 0BSD */
/* A list of locks that changes while it is read, in parts that the test makes up. */
#include "config.h"

#include "lib/harness.h"

#include <string.h>

#define FIRST "1: POSIX  ADVISORY  WRITE 1001 fe:00:11 0 0\n"
#define SECOND "2: POSIX  ADVISORY  WRITE 1002 fe:00:12 0 0\n"
#define THIRD "3: POSIX  ADVISORY  WRITE 1003 fe:00:13 0 0\n"

/* What each read(2) returns, "" at the end; then it begins again. */
static const char *const torn_once[] = { FIRST, THIRD, "",
					 FIRST SECOND THIRD, "" };
static const char *const *next_part;
static int passes;

static ssize_t read_part(char *buffer)
{
	const char *part = *next_part++;

	memcpy(buffer, part, strlen(part));
	return (ssize_t)strlen(part);
}

#define is_waiter is_line_of_waiter /* the harness has one */
#define read(fd, buffer, size) ((void)(fd), read_part(buffer))
#define lseek(fd, offset, whence) (passes++, 0)
#include "port/proc-locks.c"
#undef read
#undef lseek

/* The second lock would have fit into the first part, with a long queue. */
PLAIN_TEST(a_list_that_lacks_a_queue_is_read_again)
{
	struct lf_lock_list list;

	next_part = torn_once;
	assert_int_equal(lf_list_locks(&list), 0);
	assert_int_equal(passes, 1);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.locks[1].inode.number, 12);
	assert_false(list.in_parts);
	lf_lock_list_free(&list);
}
