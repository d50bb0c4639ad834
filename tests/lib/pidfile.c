/* SPDX-License-Identifier: 0BSD */
/* LF_PID: the PID is in the file while it is locked, and no longer. */
#include "config.h"

#include "actor.h"
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *own_pid(void)
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

/* Another process looks: a close of the file here may drop our lock. */
static bool shows_own_pid(void)
{
	char text[32];

	strcpy(text, own_pid());
	return child_run(has_content, text) == 0;
}

TEST(the_file_has_the_PID_while_it_is_locked)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	assert_true(shows_own_pid());
	assert_held(lock_path);
	assert_true(shows_own_pid());
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(a_file_that_stays_is_emptied_on_release)
{
	struct lf_lock *lock;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(
			lf_acquire(&lock, lock_path, 0, LF_PID | LF_KEEP), 0);
		assert_content(lock_path, own_pid());
		assert_int_equal(lf_release(&lock), 0);
		assert_content(lock_path, "");
	}
}

static const char *const pids[] = {
	"1\n",	       "0000000001\n", "4294967295\n", "12 host.example\n",
	"12 \xff\t\n",
};

TEST(the_PID_of_a_dead_holder_is_replaced)
{
	struct lf_lock *lock;

	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
		write_to(lock_path, pids[i]);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
		assert_content(lock_path, own_pid());
		assert_int_equal(lf_release(&lock), 0);
		assert_false(exists(lock_path));
	}
}

TEST(without_LF_PID_a_PID_is_content_like_any_other)
{
	struct lf_lock *lock;

	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
		write_to(lock_path, pids[i]);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		assert_int_equal(lf_release(&lock), LF_LEFT);
		assert_content(lock_path, pids[i]);
	}
}

TEST(other_content_is_ENOTEMPTY_and_left_as_it_is)
{
	static const char *const contents[] = {
		"\n",	  "12",	      " 12\n",	       "+12\n",	     "-12\n",
		"0x12\n", "12 \n",    "12  host\n",    "12 host \n", "12 host",
		"12\n\n", "12\n13\n", "12345678901\n", "12 a b\n",   "pid 12\n",
	};
	struct lf_lock *lock;

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++)
		for (unsigned keep = 0; keep <= LF_KEEP; keep++) {
			write_to(lock_path, contents[i]);
			assert_int_equal(lf_acquire(&lock, lock_path, 0,
						    LF_PID | keep),
					 -ENOTEMPTY);
			assert_null(lock);
			assert_content(lock_path, contents[i]);
			assert_int_equal(lf_acquire(&lock, lock_path, 1000,
						    LF_PID | keep),
					 -ENOTEMPTY);
			assert_free(lock_path);
			assert_content(lock_path, contents[i]);
		}
}

/* Longer than any; without its end it would be a PID, and a host of no length. */
TEST(a_host_name_that_is_too_long_makes_it_content)
{
	static const char *const ends[] = { "\n", "\nmore\n" };
	static const char *const numbers[] = { "1", "12", "1234567890" };
	struct lf_lock *lock;
	struct stat st;
	char text[512];

	for (size_t i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "%s %0256d%s", numbers[i / 2],
			 0, ends[i % 2]);
		write_to(lock_path, text);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID),
				 -ENOTEMPTY);
		assert_int_equal(stat(lock_path, &st), 0);
		assert_int_equal(st.st_size, strlen(text));
	}
}

TEST(a_null_byte_does_not_end_the_PID)
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

TEST(content_written_under_the_lock_is_not_lost)
{
	struct lf_lock *lock;

	for (unsigned keep = 0; keep <= LF_KEEP; keep++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID | keep),
				 0);
		write_to(lock_path, "data of others\n");
		assert_int_equal(lf_release(&lock), keep ? 0 : LF_LEFT);
		assert_content(lock_path, "data of others\n");
		assert_int_equal(unlink(lock_path), 0);
	}
}

/* The PID of another process is its claim, however long it is. */
TEST(another_PID_written_under_the_lock_is_not_lost)
{
	char text[32];
	struct lf_lock *lock;

	strcpy(text, own_pid());
	text[0] = text[0] == '1' ? '2' : '1';
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID | LF_KEEP), 0);
	write_to(lock_path, text);
	assert_int_equal(lf_release(&lock), 0);
	assert_content(lock_path, text);
}

static int write_up_to_the_limit(void *unused)
{
	static const struct rlimit two = { 2, 2 };
	struct lf_lock *lock;

	(void)unused;
	demand(setrlimit(RLIMIT_FSIZE, &two) == 0);
	demand(lf_acquire(&lock, lock_path, 0, LF_PID | LF_KEEP) == -ENOSPC);
	demand(!lock);
	return 0;
}

TEST(half_a_PID_is_not_left)
{
	needs(getpid() > 99, "a PID that does not fit");
	assert_child(write_up_to_the_limit, NULL);
	assert_content(lock_path, "");
	assert_free(lock_path);
}

/*
 * The holder leaves the file to the second waiter, which gives up and leaves it
 * to the first, for which the PID was content like any other.
 */
TEST(a_holder_that_met_the_PID_of_another_removes_the_file)
{
	struct actor *holder, *waiter, *quitter;

	needs_locks_of_descriptions();
	needs(has_flock(), "flock(2): else the file is removed under waiters");
	needs_whole_queues();
	holder = actor_holder(LF_PID);
	waiter = actor_waiter(LF_FOREVER, 0, 1);
	quitter = actor_process();
	actor_must(quitter, START, 0, LF_PID);
	assert_true(waiters_reach(lock_path, 2));
	actor_release(holder);
	assert_int_equal(actor_result(waiter), 0);
	actor_must(quitter, RELEASE, 0, 0);
	actor_end(quitter);
	actor_must(waiter, RELEASE, 0, 0);
	actor_end(waiter);
	assert_false(exists(lock_path));
}

static int hold_and_die(void *with_pid)
{
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, *(unsigned *)with_pid) == 0);
	return 0;
}

TEST(the_file_of_an_ended_holder_is_taken_over)
{
	unsigned flags = LF_PID;
	struct lf_lock *lock;

	assert_child(hold_and_die, &flags);
	assert_true(exists(lock_path));
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	assert_content(lock_path, own_pid());
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(a_file_without_read_permission_is_EACCES)
{
	struct lf_lock *lock;

	needs(geteuid() != 0, "an ordinary user: root may read all");
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
		return IMPOSSIBLE;
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

TEST(a_full_disk_is_ENOSPC_and_leaves_nothing)
{
	assert_child_if_possible(acquire_on_full_disk, NULL,
				 "mounts of its own");
}

static int wait_for_it(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(lf_acquire(&lock, lock_path, LF_FOREVER, LF_PID) == 0);
	demand(shows_own_pid());
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_waiter_writes_its_PID_once_it_holds_the_lock)
{
	struct lf_lock *lock;
	pid_t first, second;

	needs_whole_queues();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	first = child_start(wait_for_it, NULL);
	assert_true(waiters_reach(lock_path, 1));
	second = child_start(wait_for_it, NULL);
	assert_true(waiters_reach(lock_path, 2));
	assert_true(shows_own_pid());
	assert_int_equal(lf_release(&lock), 0);
	assert_finish(first);
	assert_finish(second);
	assert_false(exists(lock_path));
}
