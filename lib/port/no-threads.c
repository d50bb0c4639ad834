/* No threads: nobody to exclude, nobody to wait for. */
#include "config.h"

#include "port/os.h"

void os_mutex_lock(void)
{
}

void os_mutex_unlock(void)
{
}

void os_condition_wait(void)
{
}

void os_condition_wake(void)
{
}

os_thread os_thread_self(void)
{
	return 0;
}

int os_cancel_disable(void)
{
	return 0;
}

void os_cancel_restore(int state)
{
	(void)state;
}
