/* SPDX-License-Identifier: 0BSD */
/* flock(2) of a system that has none. */
#include "config.h"

#include "lib/harness.h"

#define flock test_flock
int flock(int fd, int operation);
#include "port/flock.c"

#include <unistd.h>

static void it_is_always_refused(void **state)
{
	static const int operations[] = {
		LOCK_SH, LOCK_EX, LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB, LOCK_UN,
	};
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	(void)state;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]);
	     i++) {
		errno = 0;
		assert_int_equal(flock(fd, operations[i]), -1);
		assert_int_equal(errno, ENOSYS);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory(it_is_always_refused),
	};

	return cmocka_run_group_tests_name("port/flock", tests, NULL, NULL);
}
