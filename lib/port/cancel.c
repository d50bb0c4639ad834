/* SPDX-License-Identifier: 0BSD */
/* pthread_cancel(3) that needs nothing at the last moment. */
#include "config.h"

#include "port/os.h"

bool lf_can_cancel_threads(void)
{
	return true;
}

void lf_await_cancel(void)
{
}
