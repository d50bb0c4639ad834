/* SPDX-License-Identifier: 0BSD */
/*
 * cycles COUNT FILE [keep] - acquires and releases a lock so often, for tests that
 * count what one costs: two runs differ by COUNT alone
 */
#include "config.h"

#include "lockfile-fcntl.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
	if (argc < 3)
		return 64;
	for (int i = 0; i < atoi(argv[1]); i++) {
		struct lf_lock *lock;

		if (lf_acquire(&lock, argv[2], 0, argc > 3 ? LF_KEEP : 0) < 0 ||
		    lf_release(&lock) < 0)
			return 1;
	}
	return 0;
}
