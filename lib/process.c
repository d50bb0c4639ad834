/* SPDX-License-Identifier: 0BSD */
/*
 * Which process holds a lock.  A PID is not an identity: a child in a new PID
 * namespace may have the number of its parent, and a number is used again.  So
 * each process has a generation, one more than that of its parent, and each
 * handle that of the process that acquired or adopted it.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum { FORKED, BEGINNING, FIRST_GENERATION };

static atomic_uint ordinary; /* where the kernel does not clear the marker */
static _Atomic(atomic_uint *) marker; /* the generation; FORKED in a child */
static atomic_uint last_generation = FIRST_GENERATION;
static pid_t ordinary_pid;

static atomic_uint forks = 1; /* 0: not counted */
static _Atomic(atomic_uint *) witness;

static void count_fork(void)
{
	atomic_fetch_add(&forks, 1);
}

/* Of the process that was the last to call fork(2): what its child remembers. */
static atomic_uint parent_generation;
static atomic_int parent_pid;

/* A signal handler that forks may have come in the midst of lf_generation(). */
static void before_fork(void)
{
	atomic_uint *number = atomic_load(&marker);
	unsigned generation = number ? atomic_load(number) : FORKED;

	lf_cancel_before_fork();
	if (generation < FIRST_GENERATION ||
	    generation == atomic_load(&parent_generation) ||
	    (number == &ordinary && ordinary_pid != getpid()))
		return;
	atomic_store(&parent_pid, getpid());
	atomic_store(&parent_generation, generation);
}

static void after_fork_in_parent(void)
{
	lf_cancel_after_fork();
	count_fork();
}

static void after_fork_in_child(void)
{
	lf_cancel_after_fork();
	atomic_store(&ordinary, FORKED);
}

/* Whether the first thread to come here has set it. */
static bool set_once(_Atomic(atomic_uint *) *pointer, atomic_uint *value)
{
	atomic_uint *none = NULL;

	return value && atomic_compare_exchange_strong(pointer, &none, value);
}

/*
 * Several threads may do this at the same time, and a signal handler in between,
 * which may fork: so nobody waits.  The marker is last, which all ask for.
 */
static void set_up(void)
{
	atomic_uint *page = lf_new_fork_marker();

	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
	if (page) /* a read first would be one more page fault */
		atomic_store(page, FORKED);
	if (!set_once(&marker, page ? page : &ordinary) && page)
		lf_free_fork_marker(page);
}

static atomic_uint *get_marker(void)
{
	if (!atomic_load(&marker))
		set_up();
	return atomic_load(&marker);
}

static void begin_process(atomic_uint *number)
{
	if (number == &ordinary)
		ordinary_pid = getpid();
	count_fork(); /* the parent has the descriptors too */
	atomic_store(number, atomic_fetch_add(&last_generation, 1) + 1);
}

unsigned lf_generation(void)
{
	atomic_uint *number = get_marker();
	unsigned generation, forked = FORKED;

	/* Forked without hooks; a child has one thread at first. */
	if (number == &ordinary && atomic_load(number) >= FIRST_GENERATION &&
	    ordinary_pid != getpid())
		atomic_store(number, FORKED);
	while ((generation = atomic_load(number)) < FIRST_GENERATION) {
		if (atomic_compare_exchange_strong(number, &forked, BEGINNING))
			begin_process(number);
		forked = FORKED;
	}
	return generation;
}

pid_t lf_pid_of_acquirer(const struct lf_lock *lock)
{
	return lock->generation == atomic_load(&parent_generation) ?
		       atomic_load(&parent_pid) :
		       -1;
}

bool lf_is_inherited(const struct lf_lock *lock)
{
	return lock->generation != lf_generation();
}

unsigned lf_fork_count(void)
{
	atomic_uint *page;

	if (!atomic_load(&witness)) {
		page = lf_new_fork_witness();
		if (!set_once(&witness, page) && page)
			lf_free_fork_witness(page);
	}
	return atomic_load(&forks);
}

/* The page is this process's alone again once it has been written to. */
bool lf_has_forked_since(unsigned count)
{
	atomic_uint *page = atomic_load(&witness);

	if (count == atomic_load(&forks) && page &&
	    lf_fork_witness_is_shared(page)) {
		count_fork();
		atomic_fetch_add(page, 1);
	}
	return atomic_load(&forks) != count;
}

/* The kernel sends signals to this process only if the file is O_ASYNC. */
int lf_own_description(int fd)
{
	return fcntl(fd, F_SETOWN, getpid()) < 0 ? -errno : 0;
}

pid_t lf_description_owner(int fd)
{
	int owner = fcntl(fd, F_GETOWN);

	return owner >= -1 ? owner : 0; /* not a process group */
}
