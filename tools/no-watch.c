/* The system does not wake anyone. */
#include "config.h"

#include "watch.h"

#include <poll.h>
#include <stddef.h>

void watch_file(const char *path)
{
	(void)path;
}

void watch_process(pid_t pid)
{
	(void)pid;
}

void watch_wait(int milliseconds)
{
	poll(NULL, 0,
	     milliseconds < WATCH_LONGEST_MS ? milliseconds :
					       WATCH_LONGEST_MS);
}
