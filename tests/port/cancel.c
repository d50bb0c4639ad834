/* SPDX-License-Identifier: 0BSD */
/* Threads that can always be cancelled; here while descriptors are available. */
#define lf_can_cancel_threads test_can_cancel_threads
#define lf_await_cancel test_await_cancel

#include "config.h"

#include "lib/child.h"
#include "port/cancel.c"
#include "cancelled.h"

PLAIN_TEST(threads_can_be_cancelled)
{
	assert_true(lf_can_cancel_threads());
	assert_child(cancel_a_thread, NULL);
}
