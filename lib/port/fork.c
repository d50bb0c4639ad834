/* SPDX-License-Identifier: 0BSD */
/* The system has no memory that a fork clears. */
#include "config.h"

#include "port/os.h"

#include <stddef.h>

atomic_uint *lf_new_fork_marker(void)
{
	return NULL;
}
