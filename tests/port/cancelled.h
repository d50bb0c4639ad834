/* SPDX-License-Identifier: 0BSD */
/*
 * A thread that is cancelled in a call which never returns.  A test includes
 * this after the source that it tests.
 */
#ifndef TESTS_PORT_CANCELLED_H
#define TESTS_PORT_CANCELLED_H

#include <pthread.h>
#include <unistd.h>

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int cancel_a_thread(void *unused)
{
	pthread_t thread;
	void *result;

	(void)unused;
	demand(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
	demand(pthread_cancel(thread) == 0);
	demand(pthread_join(thread, &result) == 0);
	demand(result == PTHREAD_CANCELED);
	return 0;
}

#endif
