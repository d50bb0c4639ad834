/* SPDX-License-Identifier: 0BSD */
/*
 * MADV_WIPEONFORK, Linux 4.14: the kernel itself clears the memory in the child,
 * also of a fork that runs no hooks, such as _Fork(3) or clone(2).
 *
 * A fork shares the pages of memory until one of the processes writes to them.
 * So a page that is never written shows whether a child lives that was forked
 * since, of which the parent need not have heard.  Linux 4.2 shows in pagemap
 * whether a page belongs to one process alone.
 *
 * F_SETSIG of fcntl(2) belongs to the open file description, as F_SETOWN does, but
 * says the same when that process has ended.  SIGIO is what 0 means too.
 */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
# define MADV_WIPEONFORK 18
#endif

static atomic_uint *new_page(void)
{
	void *page = mmap(NULL, sizeof(atomic_uint), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

static void free_page(atomic_uint *page)
{
	munmap(page, sizeof(*page));
}

atomic_uint *lf_new_fork_marker(void)
{
	atomic_uint *marker = new_page();

	if (marker &&
	    madvise(marker, sizeof(*marker), MADV_WIPEONFORK) == 0)
		return marker;
	if (marker)
		free_page(marker);
	return NULL;
}

void lf_free_fork_marker(atomic_uint *marker)
{
	free_page(marker);
}

/* Documentation/admin-guide/mm/pagemap.rst. */
#define IS_EXCLUSIVE (UINT64_C(1) << 56)

static bool is_exclusive(const atomic_uint *page)
{
	uint64_t entry = 0;
	size_t index = (uintptr_t)page / (size_t)sysconf(_SC_PAGESIZE);
	int fd = lf_open(AT_FDCWD, "/proc/self/pagemap", O_RDONLY, 0, true);

	if (fd < 0)
		return false;
	if (pread(fd, &entry, sizeof(entry),
		  (off_t)(index * sizeof(entry))) != sizeof(entry))
		entry = 0;
	close(fd);
	return (entry & IS_EXCLUSIVE) != 0;
}

/* An older kernel never says so. */
atomic_uint *lf_new_fork_witness(void)
{
	atomic_uint *witness = new_page();

	if (!witness)
		return NULL;
	atomic_store(witness, 1);
	if (is_exclusive(witness))
		return witness;
	free_page(witness);
	return NULL;
}

void lf_free_fork_witness(atomic_uint *witness)
{
	free_page(witness);
}

bool lf_fork_witness_is_shared(const atomic_uint *witness)
{
	return !is_exclusive(witness);
}

int lf_mark_description(int fd)
{
	return fcntl(fd, F_SETSIG, SIGIO) < 0 ? -errno : 0;
}

bool lf_description_is_marked(int fd)
{
	return fcntl(fd, F_GETSIG) != 0;
}
