/* SPDX-License-Identifier: 0BSD */
/* flock(2) of a system that has none. */
#include "config.h"

#include "lib/child.h"

#define flock test_flock
int flock(int fd, int operation);
#include "port/flock.c"

#include <unistd.h>

TEST(it_is_always_refused)
{
	static const int operations[] = {
		LOCK_SH, LOCK_EX, LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB, LOCK_UN,
	};
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]);
	     i++) {
		errno = 0;
		assert_int_equal(flock(fd, operations[i]), -1);
		assert_int_equal(errno, ENOSYS);
	}
	close(fd);
}
