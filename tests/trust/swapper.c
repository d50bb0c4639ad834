/* SPDX-License-Identifier: 0BSD */
/*
 * swapper KIND
 *
 * Replaces "lock" in the working directory by something else and back, again and
 * again, until SIGTERM: by a link, a FIFO and so on, which is called "thing" while
 * it is not there.  With the KIND "parent" it is the directory of "d/lock" that is
 * replaced by a link to the directory "elsewhere".
 *
 * Prints "ready", and in the end how often it did so, and how often another process
 * opened a FIFO or device.  Status 77: this KIND is not possible here.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static volatile sig_atomic_t is_over;

static void end(int sig)
{
	(void)sig;
	is_over = 1;
}

/* RENAME_EXCHANGE of Linux 3.15, which not every C library has a name for. */
static int exchange(const char *one, const char *other)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2);
}

/* What is there already is not opened. */
static int make_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static int make_socket(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return rc;
}

static int make_link(const char *name)
{
	return symlink("foreign", name);
}

static int make_dangling_link(const char *name)
{
	return symlink("absent", name);
}

static int make_fifo(const char *name)
{
	return mkfifo(name, 0666);
}

/* The one of /dev/null, which does nothing. */
static int make_device(const char *name)
{
	return mknod(name, S_IFCHR | 0666, makedev(1, 3));
}

static int make_directory(const char *name)
{
	return mkdir(name, 0777);
}

static int make_hard_link(const char *name)
{
	return link("foreign", name);
}

static int make_link_to_directory(const char *name)
{
	return symlink("elsewhere", name);
}

/* --- What happens to the file, once */

static void swap_removed(void)
{
	unlink("lock");
	make_file("lock");
}

static void swap_replaced(void)
{
	make_file("thing");
	rename("thing", "lock");
}

static void swap_mode(void)
{
	make_file("lock");
	chmod("lock", 0);
	chmod("lock", 0666);
}

static void swap_size(void)
{
	make_file("lock");
	(void)!truncate("lock", 1);
	(void)!truncate("lock", 0);
}

/* The others are exchanged in one step. */
static const struct kind {
	const char *name;
	int (*make)(const char *);
	void (*swap)(void);
	const char *lock;
} kinds[] = {
	{ .name = "symlink", .make = make_link },
	{ .name = "dangling", .make = make_dangling_link },
	{ .name = "fifo", .make = make_fifo },
	{ .name = "device", .make = make_device },
	{ .name = "directory", .make = make_directory },
	{ .name = "hardlink", .make = make_hard_link },
	{ .name = "socket", .make = make_socket },
	{ .name = "exchange", .make = make_file },
	{ .name = "removed", .swap = swap_removed },
	{ .name = "replaced", .swap = swap_replaced },
	{ .name = "mode", .swap = swap_mode },
	{ .name = "size", .swap = swap_size },
	{ .name = "parent", .make = make_link_to_directory, .lock = "d" },
	{ .name = NULL },
};

static const struct kind *find_kind(const char *name)
{
	const struct kind *kind = kinds;

	while (kind->name && strcmp(kind->name, name) != 0)
		kind++;
	return kind->name ? kind : NULL;
}

static bool is_special(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0 &&
	       (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
}

/* A lock file that was removed meanwhile is made again, and so is the other. */
static void exchange_again(const struct kind *kind, int watch)
{
	const char *lock = kind->lock ? kind->lock : "lock";

	if (!kind->lock)
		make_file(lock);
	if (kind->make("thing") == 0 && is_special("thing"))
		inotify_add_watch(watch, "thing", IN_OPEN);
	exchange(lock, "thing");
}

static int count_events(int watch)
{
	char buffer[4096];
	int count = 0;

	for (;;) {
		ssize_t length = read(watch, buffer, sizeof(buffer));

		if (length <= 0)
			return count;
		for (char *at = buffer; at < buffer + length;) {
			struct inotify_event event;

			memcpy(&event, at, sizeof(event));
			count += (event.mask & IN_OPEN) != 0;
			at += sizeof(event) + event.len;
		}
	}
}

int main(int argc, char **argv)
{
	const struct kind *kind = argc == 2 ? find_kind(argv[1]) : NULL;
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	unsigned long swaps = 0;

	if (!kind)
		return 64;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, end);
	umask(0);
	if (kind->make) {
		if (kind->make("thing") < 0 ||
		    (!kind->lock && make_file("lock") < 0) ||
		    exchange(kind->lock ? kind->lock : "lock", "thing") < 0)
			return 77;
		if (is_special("lock"))
			inotify_add_watch(watch, "lock", IN_OPEN);
	}
	puts("ready");
	fflush(stdout);
	for (; !is_over; swaps++) {
		if (kind->swap)
			kind->swap();
		else
			exchange_again(kind, watch);
	}
	printf("%lu %d\n", swaps, count_events(watch));
	return 0;
}
