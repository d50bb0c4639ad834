/* SPDX-License-Identifier: 0BSD */
/*
 * Which process holds a lock.  A PID is not an identity: a child in a new PID
 * namespace may have the number of its parent, and a number is used again.  So
 * each process has a generation, one more than that of its parent, and each
 * handle that of the process that acquired or adopted it.
 */
#include "config.h"

#include "lock.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FORKED, BEGINNING, FIRST_GENERATION };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_uint *marker;    /* the generation; FORKED in a child */
static atomic_uint *adoptions; /* shared with all children */
static atomic_uint forks, last_generation = FIRST_GENERATION;
static pid_t marked_pid; /* where the kernel does not clear the marker */

static void count_fork(void)
{
	atomic_fetch_add(&forks, 1);
}

static void after_fork_in_child(void)
{
	if (marked_pid)
		atomic_store(marker, FORKED);
}

static void set_up(void)
{
	static atomic_uint ordinary;
	void *page = mmap(NULL, sizeof(*adoptions), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	adoptions = page == MAP_FAILED ? NULL : page;
	marker = lf_new_fork_marker();
	if (!marker) {
		marker = &ordinary;
		marked_pid = getpid();
	}
	pthread_atfork(NULL, count_fork, after_fork_in_child);
}

static void begin_process(void)
{
	if (marked_pid)
		marked_pid = getpid();
	atomic_store(marker, atomic_fetch_add(&last_generation, 1) + 1);
}

unsigned lf_generation(void)
{
	unsigned generation, forked = FORKED;

	pthread_once(&once, set_up);
	/* Forked without hooks; a child has one thread at first. */
	if (marked_pid && marked_pid != getpid())
		atomic_store(marker, FORKED);
	while ((generation = atomic_load(marker)) < FIRST_GENERATION) {
		if (atomic_compare_exchange_strong(marker, &forked, BEGINNING))
			begin_process();
		forked = FORKED;
	}
	return generation;
}

bool lf_is_inherited(const struct lf_lock *lock)
{
	return lock->generation != lf_generation();
}

unsigned lf_fork_count(void)
{
	return atomic_load(&forks);
}

void lf_note_adoption(void)
{
	lf_generation();
	if (adoptions)
		atomic_fetch_add(adoptions, 1);
}

bool lf_children_may_have_adopted(void)
{
	lf_generation();
	return !adoptions || atomic_load(adoptions) > 0;
}

/* The kernel sends signals to this process only if the file is O_ASYNC. */
void lf_own_description(int fd)
{
	fcntl(fd, F_SETOWN, getpid());
}

pid_t lf_description_owner(int fd)
{
	int owner = fcntl(fd, F_GETOWN);

	return owner > 0 ? owner : 0;
}
