/* SPDX-License-Identifier: 0BSD */
/* The system cannot wake lf-check: it waits for its time. */
#include "config.h"

#include "check.h"

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
	     milliseconds < WATCH_LONGEST_MS ? milliseconds : WATCH_LONGEST_MS);
}
