/* SPDX-License-Identifier: 0BSD */
/* lf_check(), and what any other program can see. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"
#include "original.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(a_missing_file_is_free_and_stays_missing)
{
	pid_t pid = 42;

	assert_int_equal(lf_check(lock_path, &pid), 0);
	assert_int_equal(pid, 0);
	assert_false(exists(lock_path));
	assert_int_equal(lf_check("missing/lock", NULL), 0);
	make_file(lock_path, 0666);
	assert_int_equal(lf_check(lock_path, &pid), 0);
	assert_true(exists(lock_path));
}

TEST(our_own_lock_is_seen_and_unharmed)
{
	struct actor *waiter;
	struct lf_lock *lock;
	pid_t pid;

	needs_holders_with_names();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	waiter = actor_waiter(LF_FOREVER, 0, 1);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(lf_check(lock_path, &pid), 1);
		assert_int_equal(pid, getpid());
	}
	/* Had the check dropped the tag, the waiter would have moved on. */
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(actor_result(waiter), 0);
	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_int_equal(pid, actor_pid(waiter));
	actor_release(waiter);
}

/* As apt, dpkg and lslocks ask, without privilege. */
static int find_holder(void *pid)
{
	struct flock request = { .l_type = F_WRLCK };
	pid_t named;
	int fd;

	demand(become_ordinary());
	fd = open(lock_path, O_RDONLY);
	demand(fd >= 0 && fcntl(fd, F_GETLK, &request) == 0);
	demand(request.l_type == F_WRLCK);
	demand(request.l_pid == *(pid_t *)pid);
	demand(lf_check(lock_path, &named) == 1);
	demand(named == *(pid_t *)pid);
	return 0;
}

TEST(any_user_finds_the_holder)
{
	struct actor *first, *second;
	pid_t pid;

	needs_holders_with_names();
	umask(022);
	first = actor_holder(0);
	pid = actor_pid(first);
	assert_child(find_holder, &pid);
	second = actor_waiter(LF_FOREVER, 0, 1);
	assert_child(find_holder, &pid);
	actor_release(first);
	assert_int_equal(actor_result(second), 0);
	pid = actor_pid(second);
	assert_child(find_holder, &pid);
	actor_release(second);
}

static int take_as_original(void *unused)
{
	(void)unused;
	return original_acquire(lock_path, true) < 0;
}

static int lock_part(int command, struct flock part)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	part.l_type = F_WRLCK;
	demand(fd >= 0 && fcntl(fd, command, &part) == 0);
	return 0;
}

static int take_first_byte(void *unused)
{
	(void)unused;
	return lock_part(F_SETLK, (struct flock){ .l_len = 1 });
}

static int take_body(void *unused)
{
	(void)unused;
	return lock_part(F_OFD_SETLK, (struct flock){ .l_start = 1 });
}

/* As a remover that is stopped before it has removed the file. */
static int take_as_remover(void *unused)
{
	(void)unused;
	return lock_part(F_OFD_SETLK,
			 (struct flock){ .l_start = 1,
					 .l_len = 2000000000 - 1 });
}

/* Whether a process that has done this is named as the holder. */
static void expect_holder(int (*body)(void *), bool named)
{
	pid_t holder = holder_new(body, NULL), pid = 42;

	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_int_equal(pid, named ? holder : 0);
	holder_release(holder);
	assert_int_equal(lf_check(lock_path, &pid), 0);
}

TEST(a_holder_like_the_original_is_named)
{
	needs_holders_with_names();
	expect_holder(take_as_original, true);
}

TEST(a_program_that_locks_one_byte_is_named)
{
	needs_holders_with_names();
	expect_holder(take_first_byte, true);
}

TEST(a_holder_without_a_tag_has_no_PID)
{
	expect_holder(take_body, false);
}

TEST(a_remover_is_not_a_holder)
{
	struct lf_lock *lock;
	pid_t remover;

	needs_holders_with_names();
	remover = holder_new(take_as_remover, NULL);
	assert_int_equal(lf_check(lock_path, NULL), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, 10, 0), -ETIMEDOUT);
	assert_true(exists(lock_path));
	holder_release(remover);
}

/* As when the holder has lost its tag and a waiter has it for an instant. */
TEST(a_process_with_the_tag_but_not_the_body_is_not_named)
{
	pid_t pid = 42, body, tag;

	needs_proc_with_locks();
	body = holder_new(take_body, NULL);
	tag = holder_new(take_first_byte, NULL);
	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_int_equal(pid, 0);
	holder_release(body);
	holder_release(tag);
}

TEST(a_lease_is_not_a_lock)
{
	struct lf_lock *lock;
	int fd = open(lock_path, O_CREAT | O_RDONLY, 0666);

	needs(fcntl(fd, F_SETLEASE, F_RDLCK) == 0, "a file system with leases");
	signal(SIGIO, SIG_IGN);
	assert_int_equal(lf_check(lock_path, NULL), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EBUSY);
	assert_int_equal(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
	close(fd);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
}

static int check_without_permission(void *unused)
{
	(void)unused;
	demand(become_ordinary());
	demand(lf_check("secret", NULL) == -EACCES);
	return 0;
}

TEST(a_file_that_cannot_be_checked_has_its_error)
{
	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_int_equal(symlink("nowhere", "link"), 0);
	make_file("secret", 0);
	assert_int_equal(lf_check(NULL, NULL), -EINVAL);
	assert_int_equal(lf_check("", NULL), -ENOENT);
	assert_int_equal(lf_check(".", NULL), -EISDIR);
	assert_int_equal(lf_check("fifo", NULL), -ENOTSUP);
	assert_int_equal(lf_check("/dev/null", NULL), -ENOTSUP);
	assert_int_equal(lf_check("link", NULL), -ELOOP);
	assert_int_equal(lf_check("secret/lock", NULL), -ENOTDIR);
	assert_child(check_without_permission, NULL);
}
