/* SPDX-License-Identifier: 0BSD */
/* The system has no memory that a fork clears, nor shows which it shares. */
#include "config.h"

#include "port/os.h"

#include <stddef.h>

atomic_uint *lf_new_fork_marker(void)
{
	return NULL;
}

void lf_free_fork_marker(atomic_uint *marker)
{
	(void)marker;
}

atomic_uint *lf_new_fork_witness(void)
{
	return NULL;
}

void lf_free_fork_witness(atomic_uint *witness)
{
	(void)witness;
}

bool lf_fork_witness_is_shared(const atomic_uint *witness)
{
	(void)witness;
	return true;
}

int lf_mark_description(int fd)
{
	(void)fd;
	return 0;
}

bool lf_description_is_marked(int fd)
{
	(void)fd;
	return true;
}
