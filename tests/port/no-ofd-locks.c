/* SPDX-License-Identifier: 0BSD */
/* Locks of an open file description where <fcntl.h> has no names for them. */
#include "other-names.h"

#include <fcntl.h>

#undef F_OFD_GETLK
#undef F_OFD_SETLK
#undef F_OFD_SETLKW
#undef LF_NO_OFD_LOCKS
#define LF_NO_OFD_LOCKS 1

#include "lib/child.h"
#include "port/fcntl.c"
#include "record-locks.h"

TEST(descriptions_have_no_locks)
{
	int fd = open_file();

	assert_no_ofd_locks(fd);
	assert_child(try, NULL);
	close(fd);
}
