/* No way to see the locks of a process from its descriptors. */
#include "config.h"

#include "port/os.h"

#include <errno.h>

int os_process_has_lock(pid_t pid, const struct stat *file)
{
	(void)pid, (void)file;
	return -ENOTSUP;
}

bool os_proc_is_ours(void)
{
	return false;
}
