/* SPDX-License-Identifier: 0BSD */
/* Descriptors that no program takes for its standard streams. */
#define lf_open test_open
#define lf_open_directory test_open_directory
#define lf_open_name test_open_name
#define lf_is_directory test_is_directory
#define lf_pipe test_pipe

#include "config.h"

#include "lib/child.h"
#include "port/open.c"
#include "descriptors.h"

#include <signal.h>

#ifdef F_SETLEASE
static int open_under_the_lease(void *unused)
{
	(void)unused;
	demand(lf_open(AT_FDCWD, lock_path, O_RDWR | O_NONBLOCK, 0, false) ==
	       -EBUSY);
	demand(lf_open(AT_FDCWD, lock_path, O_RDWR | O_NONBLOCK, 0, true) ==
	       -EBUSY);
	return 0;
}

TEST(a_lease_is_busy)
{
	int fd = lf_open(AT_FDCWD, lock_path, O_RDWR | O_CREAT, 0600, true);

	/* The kernel asks for the lease back by this signal. */
	signal(SIGIO, SIG_IGN);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		skip_because("needs a file system with leases");
	assert_child(open_under_the_lease, NULL);
	close(fd);
}
#else
TEST(a_lease_is_busy)
{
	skip_because("needs a system with leases");
}
#endif
