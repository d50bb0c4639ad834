/* No threads: nobody to exclude, nobody to wait for. */
#include "config.h"

#include "port/os.h"

#include <errno.h>

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

bool os_may_have_forked(void)
{
	return true;
}

os_thread os_thread_self(void)
{
	return 0;
}

bool os_helper_can_be_cancelled(void)
{
	return false;
}

int os_helper_start(struct os_helper **helper, void *(*body)(void *),
		    void *argument)
{
	(void)helper, (void)body, (void)argument;
	return -ENOMEM;
}

int os_helper_cancel(struct os_helper *helper)
{
	(void)helper;
	return -ENOTSUP;
}

void os_helper_join(struct os_helper *helper)
{
	(void)helper;
}

void os_helper_detach(struct os_helper *helper)
{
	(void)helper;
}

void os_cancel_begin(void)
{
}

void os_cancel_end(void)
{
}

int os_cancel_disable(void)
{
	return 0;
}

void os_cancel_restore(int state)
{
	(void)state;
}
