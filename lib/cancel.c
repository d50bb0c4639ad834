/* SPDX-License-Identifier: 0BSD */
/*
 * The first pthread_cancel(3) of a process installs the handler of a signal, and notes
 * that it has.  A fork copies the handlers before the memory (Linux).  So a child that
 * another thread forks meanwhile may have the note without the handler: the C library
 * takes it for installed, and the child's first cancellation kills the child.  With
 * glibc 2.36 that happened to 160 of 400 children whose parent cancelled a thread
 * at that moment.  So until the first cancellation is over, a fork waits, and it waits
 * for a fork.
 */
#include "config.h"

#include "lock.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool is_over;

/* Of this thread: a handler of a signal may fork in the midst of a fork. */
static _Thread_local unsigned forks;

/*
 * How long the first cancellation waits for a fork, in milliseconds.  The fork may be
 * in a handler of pthread_atfork(3) that waits for a lock of the program, and the
 * caller may have that lock.
 */
#define PATIENCE_MS 1000

/* Whether the mutex is locked, and the cancellation is the first still. */
static bool begin_first(void)
{
	for (int i = 0; i < PATIENCE_MS && !atomic_load(&is_over); i++) {
		if (pthread_mutex_trylock(&mutex) == 0)
			return true;
		poll(NULL, 0, 1);
	}
	return false;
}

int lf_cancel_thread(pthread_t thread)
{
	sigset_t all, mask;
	bool is_first;
	int error;

	/* A handler of pthread_atfork(3) that ends a wait: this thread has the mutex. */
	if (atomic_load(&is_over) || forks > 0)
		return pthread_cancel(thread);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	is_first = begin_first();
	error = pthread_cancel(thread);
	atomic_store(&is_over, true);
	if (is_first)
		pthread_mutex_unlock(&mutex);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return error;
}

void lf_cancel_before_fork(void)
{
	if (forks++ == 0)
		pthread_mutex_lock(&mutex);
}

void lf_cancel_after_fork(void)
{
	if (forks > 0 && --forks == 0)
		pthread_mutex_unlock(&mutex);
}
