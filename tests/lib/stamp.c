/* SPDX-License-Identifier: 0BSD */
/* LF_PID: the PID in the file, while it is locked and no longer. */
#include "config.h"

#include "harness.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *own_stamp(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	return text;
}

static int has_content(void *text)
{
	assert_content(lock_path, text);
	return 0;
}

/* To another process: who closes his own lock file may drop the lock. */
static bool shows_own_stamp(void)
{
	char text[32];

	strcpy(text, own_stamp());
	return child_run(has_content, text) == 0;
}

TEST(the_pid_is_there_while_it_is_locked)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	assert_true(shows_own_stamp());
	assert_held(lock_path);
	assert_true(shows_own_stamp());
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(a_file_that_stays_is_emptied)
{
	struct lf_lock *lock;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0,
					    LF_PID | LF_KEEP),
				 0);
		assert_content(lock_path, own_stamp());
		assert_int_equal(lf_release(&lock), 0);
		assert_content(lock_path, "");
	}
}

static const char *const stamps[] = {
	"1\n",
	"0000000001\n",
	"4294967295\n",
	"12 host.example\n",
	"12 \xff\t\n",
};

TEST(a_stamp_of_a_dead_holder_is_replaced)
{
	struct lf_lock *lock;

	for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
		write_to(lock_path, stamps[i]);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
		assert_content(lock_path, own_stamp());
		assert_int_equal(lf_release(&lock), 0);
		assert_false(exists(lock_path));
	}
}

TEST(a_stamp_is_content_like_any_other_without_the_flag)
{
	struct lf_lock *lock;

	for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
		write_to(lock_path, stamps[i]);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		assert_int_equal(lf_release(&lock), 1);
		assert_content(lock_path, stamps[i]);
	}
}

TEST(other_content_is_refused_and_left_as_it_is)
{
	static const char *const contents[] = {
		"\n",
		"12",
		" 12\n",
		"+12\n",
		"-12\n",
		"0x12\n",
		"12 \n",
		"12  host\n",
		"12 host \n",
		"12 host",
		"12\n\n",
		"12\n13\n",
		"12345678901\n",
		"12 a b\n",
		"pid 12\n",
	};
	struct lf_lock *lock;

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		for (unsigned keep = 0; keep <= LF_KEEP; keep++) {
			write_to(lock_path, contents[i]);
			assert_int_equal(lf_acquire(&lock, lock_path, 0,
						    LF_PID | keep), -ENOTEMPTY);
			assert_null(lock);
			assert_content(lock_path, contents[i]);
			assert_int_equal(lf_acquire(&lock, lock_path, 1000,
						    LF_PID | keep), -ENOTEMPTY);
			assert_free(lock_path);
			assert_content(lock_path, contents[i]);
		}
}

TEST(a_null_byte_is_no_end_of_a_stamp)
{
	static const char text[] = "12\n\0more";
	struct lf_lock *lock;
	struct stat st;
	FILE *file = fopen(lock_path, "we");

	fwrite(text, 1, sizeof(text), file);
	fclose(file);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), -ENOTEMPTY);
	assert_int_equal(stat(lock_path, &st), 0);
	assert_int_equal(st.st_size, sizeof(text));
}

TEST(content_that_comes_under_the_lock_is_not_lost)
{
	struct lf_lock *lock;

	for (unsigned keep = 0; keep <= LF_KEEP; keep++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID | keep),
				 0);
		write_to(lock_path, "data of others\n");
		assert_int_equal(lf_release(&lock), keep ? 0 : 1);
		assert_content(lock_path, "data of others\n");
		assert_int_equal(unlink(lock_path), 0);
	}
}

static int hold_and_die(void *with_pid)
{
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, *(unsigned *)with_pid) == 0);
	return 0;
}

TEST(what_a_killed_holder_left_is_taken_over)
{
	unsigned flags = LF_PID;
	struct lf_lock *lock;

	assert_child(hold_and_die, &flags);
	assert_true(exists(lock_path));
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	assert_content(lock_path, own_stamp());
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(a_file_that_cannot_be_read_cannot_be_stamped)
{
	struct lf_lock *lock;

	if (geteuid() == 0)
		skip_because("needs an ordinary user: root may read all");
	write_to(lock_path, "12\n");
	assert_int_equal(chmod(lock_path, 0200), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), -EACCES);
	assert_int_equal(chmod(lock_path, 0600), 0);
	assert_content(lock_path, "12\n");
}

static int acquire_on_full_disk(void *unused)
{
	struct lf_lock *lock;
	char block[4096] = "x";
	int fd;

	(void)unused;
	if (!own_mounts() ||
	    mount("none", "/tmp", "tmpfs", 0, "size=32k,mode=777") < 0 ||
	    chdir("/tmp") < 0)
		return 77;
	fd = open("filler", O_CREAT | O_WRONLY, 0666);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	demand(lf_acquire(&lock, "lock", 0, LF_PID) == -ENOSPC);
	demand(!lock);
	demand(!exists("lock"));
	demand(lf_acquire(&lock, "lock", 1000, LF_PID) == -ENOSPC);
	demand(!exists("lock"));
	demand(lf_acquire(&lock, "lock", 0, LF_PID | LF_KEEP) == -ENOSPC);
	assert_content("lock", "");
	demand(lf_acquire(&lock, "lock", 0, 0) == 0);
	demand(lf_release(&lock) == 0);
	demand(!exists("lock"));
	return 0;
}

TEST(a_full_disk_fails_the_acquisition_and_leaves_nothing)
{
	int status = child_run(acquire_on_full_disk, NULL);

	if (status == 77)
		skip_because("needs a mount namespace");
	assert_int_equal(status, 0);
}

static int wait_for_it(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(lf_acquire(&lock, lock_path, LF_FOREVER, LF_PID) == 0);
	demand(shows_own_stamp());
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(who_waits_stamps_when_it_is_his_turn)
{
	struct lf_lock *lock;
	pid_t first, second;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	first = child_start(wait_for_it, NULL);
	assert_true(waiters_reach(lock_path, 1));
	second = child_start(wait_for_it, NULL);
	assert_true(waiters_reach(lock_path, 2));
	assert_true(shows_own_stamp());
	assert_int_equal(lf_release(&lock), 0);
	assert_finish(first);
	assert_finish(second);
	assert_false(exists(lock_path));
}
