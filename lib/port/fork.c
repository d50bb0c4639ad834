/* SPDX-License-Identifier: 0BSD */
/*
 * The system has no memory that a fork clears, nor shows which it shares, nor marks
 * open file descriptions.  So a page that is shared with all children counts the
 * adoptions of all files: one may be of another file, but none is overlooked.
 */
#include "config.h"

#include "port/os.h"

#include <stddef.h>
#include <sys/mman.h>

static _Atomic(atomic_uint *) adoptions;

static void share_count(void)
{
	atomic_uint *none = NULL;
	void *page = mmap(NULL, sizeof(*none), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED &&
	    !atomic_compare_exchange_strong(&adoptions, &none, page))
		munmap(page, sizeof(*none));
}

/* The first call of a process, which may have children later. */
atomic_uint *lf_new_fork_marker(void)
{
	share_count();
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
	atomic_uint *count = atomic_load(&adoptions);

	(void)fd;
	if (count)
		atomic_fetch_add(count, 1);
	return 0;
}

bool lf_description_is_marked(int fd)
{
	const atomic_uint *count = atomic_load(&adoptions);

	(void)fd;
	return !count || atomic_load(count) > 0;
}
