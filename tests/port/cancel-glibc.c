/* SPDX-License-Identifier: 0BSD */
/* Threads that can be cancelled, if the C library was loaded whole in time. */
#define lf_can_cancel_threads test_can_cancel_threads
#define lf_await_cancel test_await_cancel

#include "config.h"

#include "lib/child.h"
#include "port/cancel-glibc.c"
#include "cancelled.h"

#include <sys/resource.h>

static int use_up_descriptors(void)
{
	struct rlimit limit = { 0, 0 };

	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int ask_early(void *unused)
{
	demand(lf_can_cancel_threads());
	demand(use_up_descriptors() == 0);
	demand(lf_can_cancel_threads());
	return cancel_a_thread(unused);
}

/* A wrong "yes" aborts the program; "no" is remembered only while it is true. */
static int ask_too_late(void *unused)
{
	demand(use_up_descriptors() == 0);
	return lf_can_cancel_threads() ? cancel_a_thread(unused) : 0;
}

PLAIN_TEST(an_early_answer_stays_true)
{
	assert_child(ask_early, NULL);
}

PLAIN_TEST(a_late_answer_is_never_a_wrong_yes)
{
	assert_child(ask_too_late, NULL);
}
