/* SPDX-License-Identifier: 0BSD */
/* Threads that can always be cancelled; here while descriptors are available. */
#define lf_can_cancel_threads test_can_cancel_threads

#include "config.h"

#include "lib/harness.h"
#include "port/cancel.c"
#include "cancelled.h"

static void threads_can_be_cancelled(void **state)
{
	(void)state;
	assert_true(lf_can_cancel_threads());
	assert_int_equal(finish(start(cancel_a_thread, NULL)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_can_be_cancelled),
	};

	return cmocka_run_group_tests_name("port/cancel", tests, NULL, NULL);
}
