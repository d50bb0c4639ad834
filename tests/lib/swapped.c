/* SPDX-License-Identifier: 0BSD */
/*
 * The directory of a lock file is replaced again and again, and in the other one
 * there is a FIFO under the same name: no inspection opens that.
 */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* RENAME_EXCHANGE of Linux 3.15, which not every C library has a name for. */
static int exchange(const char *one, const char *other)
{
	return (int)syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2);
}

static int swap_on_and_on(void *unused)
{
	(void)unused;
	for (;;)
		demand(exchange("directory", "other") == 0);
}

static int check(void)
{
	return lf_check("directory/lock", NULL);
}

static int inspect(void)
{
	struct lf_report *report;
	int rc = lf_inspect("directory/lock", &report);

	lf_report_free(report);
	return rc;
}

/* Both files are met, and each is judged for what it is. */
static void look_often(int (*look)(void), int often)
{
	int free_files = 0, fifos = 0;

	for (int i = 0; i < often || free_files == 0 || fifos == 0; i++) {
		int rc = look();

		assert_true(rc == 0 || rc == -ENOTSUP);
		free_files += rc == 0;
		fifos += rc == -ENOTSUP;
	}
}

TEST(a_fifo_that_comes_in_between_is_not_opened)
{
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct inotify_event event;
	pid_t pid;

	needs_proc_with_locks();
	assert_int_equal(mkdir("directory", 0777), 0);
	assert_int_equal(mkdir("bad", 0777), 0);
	make_file("directory/lock", 0666);
	assert_int_equal(mkfifo("bad/lock", 0666), 0);
	assert_int_equal(symlink("bad", "other"), 0);
	assert_true(inotify_add_watch(watch, "bad/lock", IN_OPEN) >= 0);
	needs(exchange("directory", "other") == 0, "to exchange two names");
	pid = child_start(swap_on_and_on, NULL);
	look_often(check, rounds(5000));
	look_often(inspect, rounds(5000));
	assert_kill(pid);
	assert_int_equal(read(watch, &event, sizeof(event)), -1);
	assert_int_equal(errno, EAGAIN);
	close(watch);
	unlink("directory/lock");
	unlink("bad/lock");
	unlink("other/lock");
	unlink("directory");
	unlink("other");
	rmdir("directory");
	rmdir("other");
	rmdir("bad");
}
