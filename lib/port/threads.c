/* Threads: POSIX. */
#include "config.h"

#include "port/os.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void before_fork(void)
{
	pthread_mutex_lock(&mutex);
}

static void after_fork_in_parent(void)
{
	pthread_mutex_unlock(&mutex);
}

/* The threads that waited for the condition are not here: start anew. */
static void after_fork_in_child(void)
{
	static const pthread_cond_t fresh = PTHREAD_COND_INITIALIZER;

	condition = fresh;
	pthread_mutex_unlock(&mutex);
}

void os_mutex_lock(void)
{
	static bool hooked;

	pthread_mutex_lock(&mutex);
	if (!hooked)
		pthread_atfork(before_fork, after_fork_in_parent,
			       after_fork_in_child);
	hooked = true;
}

void os_mutex_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

void os_condition_wait(void)
{
	pthread_cond_wait(&condition, &mutex);
}

void os_condition_wake(void)
{
	pthread_cond_broadcast(&condition);
}

/* Not pthread_self(), which a later thread may have again. */
os_thread os_thread_self(void)
{
	static atomic_ulong last;
	static _Thread_local os_thread self;

	if (self == 0)
		self = atomic_fetch_add(&last, 1) + 1;
	return self;
}

int os_cancel_disable(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

void os_cancel_restore(int state)
{
	pthread_setcancelstate(state, &state);
}
