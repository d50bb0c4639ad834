/* SPDX-License-Identifier: 0BSD */
/*
 * MADV_WIPEONFORK, Linux 4.14: the kernel itself clears the memory in the child,
 * also of a fork that runs no hooks, such as _Fork(3) or clone(2).
 */
#include "config.h"

#include "port/os.h"

#include <stddef.h>
#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
# define MADV_WIPEONFORK 18
#endif

atomic_uint *lf_new_fork_marker(void)
{
	void *page = mmap(NULL, sizeof(atomic_uint), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	if (madvise(page, sizeof(atomic_uint), MADV_WIPEONFORK) == 0)
		return page;
	munmap(page, sizeof(atomic_uint));
	return NULL;
}
