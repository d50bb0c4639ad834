/* SPDX-License-Identifier: 0BSD */
/*
 * pthread_cancel(3) of the GNU C library loads libgcc_s to unwind the stack,
 * and aborts the program if it cannot, for instance because no descriptor is
 * left.  backtrace(3) loads the same library, and fails instead.
 */
#include "config.h"

#include "port/os.h"

#include <execinfo.h>
#include <stdatomic.h>

bool lf_can_cancel_threads(void)
{
	static atomic_bool loaded;
	void *frame;

	if (!atomic_load(&loaded) && backtrace(&frame, 1) > 0)
		atomic_store(&loaded, true);
	return atomic_load(&loaded);
}
