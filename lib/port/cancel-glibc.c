/* SPDX-License-Identifier: 0BSD */
/*
 * pthread_cancel(3) of the GNU C library loads libgcc_s to unwind the stack,
 * and aborts the program if it cannot, for instance because no descriptor is
 * left.  backtrace(3) loads the same library, and fails instead.
 *
 * Its signal may arrive after the call that it was meant for has returned, when
 * cancellation is disabled.  At the end of each cancellation point the C library
 * waits for a signal that is on its way; but one that arrives in the middle ends the
 * thread there all the same: glibc bug 12683, seen with 2.36.  So one such point that
 * does nothing comes before all others.
 */
#include "config.h"

#include "port/os.h"

#include <execinfo.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

bool lf_can_cancel_threads(void)
{
	static atomic_bool loaded;
	void *frame;

	if (!atomic_load(&loaded) && backtrace(&frame, 1) > 0)
		atomic_store(&loaded, true);
	return atomic_load(&loaded);
}

void lf_await_cancel(void)
{
	msync(NULL, 0, MS_ASYNC);
}
