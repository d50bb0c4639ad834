/* SPDX-License-Identifier: 0BSD */
/*
 * Wakes lf-check by Linux's inotify(7) and pidfd_open(2).
 *
 * An exclusive lock ends with the closing of a descriptor that is open for
 * writing, which inotify(7) reports.  The closing of a descriptor that is open
 * for reading only must not wake lf-check: every lf-check closes one, and they
 * would wake each other for ever.
 */
#include "config.h"

#include "check.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVENTS \
	(IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | \
	 IN_DONT_FOLLOW)

static struct pollfd watched[] = {
	{ .fd = -1, .events = POLLIN }, /* the file */
	{ .fd = -1, .events = POLLIN }, /* the process */
};

/* On failure watch_wait() returns after its time. */
void watch_file(const char *path)
{
	if (watched[0].fd >= 0)
		close(watched[0].fd);
	watched[0].fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watched[0].fd >= 0)
		inotify_add_watch(watched[0].fd, path, EVENTS);
}

void watch_process(pid_t pid)
{
	if (watched[1].fd >= 0)
		close(watched[1].fd);
	watched[1].fd = -1;
	if (pid > 0)
		watched[1].fd = (int)syscall(SYS_pidfd_open, pid, 0);
}

void watch_wait(int milliseconds)
{
	if (milliseconds > WATCH_LONGEST_MS)
		milliseconds = WATCH_LONGEST_MS;
	if (poll(watched, 2, milliseconds) > 0)
		poll(NULL, 0, WATCH_PAUSE_MS);
}
