/* SPDX-License-Identifier: 0BSD */
/* lf_check(), and what any other program can see. */
#include "config.h"

#include "harness.h"
#include "lockfile-fcntl.h"
#include "original.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

struct holding {
	struct gate got, go;
	bool original;
};

static int hold(void *argument)
{
	struct holding *h = argument;
	struct lf_lock *lock;
	int fd = -1;

	if (h->original) {
		fd = original_acquire(lock_path, true);
		demand(fd >= 0);
	} else {
		demand(lf_acquire(&lock, lock_path, LF_FOREVER, 0) == 0);
	}
	gate_open(h->got);
	gate_pass(h->go);
	if (h->original)
		original_release(fd, lock_path, false);
	else
		demand(lf_release(&lock) == 0);
	return 0;
}

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

TEST(our_own_lock_is_seen_and_not_hurt)
{
	struct holding h = { gate_new(), gate_new(), false };
	struct lf_lock *lock;
	pid_t pid, waiter;

	needs_holders_with_names();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	waiter = child_start(hold, &h);
	assert_true(waiters_reach(lock_path, 1));
	for (int i = 0; i < 10; i++) {
		assert_int_equal(lf_check(lock_path, &pid), 1);
		assert_int_equal(pid, getpid());
	}
	/* Had the tag been dropped, the waiter would have moved on. */
	assert_int_equal(lf_release(&lock), 0);
	gate_pass(h.got);
	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_int_equal(pid, waiter);
	gate_open(h.go);
	assert_finish(waiter);
	gate_free(h.got);
	gate_free(h.go);
}

/* As apt, dpkg and lslocks ask, without privilege. */
static int ask_as_anybody(void *pid)
{
	struct flock request = { .l_type = F_WRLCK };
	pid_t told;
	int fd;

	demand(become_ordinary());
	fd = open(lock_path, O_RDONLY);
	demand(fd >= 0 && fcntl(fd, F_GETLK, &request) == 0);
	demand(request.l_type == F_WRLCK);
	demand(request.l_pid == *(pid_t *)pid);
	demand(lf_check(lock_path, &told) == 1);
	demand(told == *(pid_t *)pid);
	return 0;
}

TEST(anybody_finds_the_holder)
{
	struct holding h = { gate_new(), gate_new(), false };
	pid_t first, second;

	needs_holders_with_names();
	umask(022);
	first = child_start(hold, &h);
	gate_pass(h.got);
	assert_child(ask_as_anybody, &first);
	second = child_start(hold, &h);
	assert_true(waiters_reach(lock_path, 1));
	assert_child(ask_as_anybody, &first);
	gate_open(h.go);
	gate_pass(h.got);
	assert_finish(first);
	assert_child(ask_as_anybody, &second);
	gate_open(h.go);
	assert_finish(second);
	gate_free(h.got);
	gate_free(h.go);
}

TEST(a_holder_like_the_original_is_named)
{
	struct holding h = { gate_new(), gate_new(), true };
	pid_t pid, holder;

	needs_holders_with_names();
	holder = child_start(hold, &h);
	gate_pass(h.got);
	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_int_equal(pid, holder);
	gate_open(h.go);
	assert_finish(holder);
	assert_int_equal(lf_check(lock_path, &pid), 0);
	gate_free(h.got);
	gate_free(h.go);
}

static int hold_part(struct holding *h, int command, struct flock part)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	part.l_type = F_WRLCK;
	demand(fd >= 0 && fcntl(fd, command, &part) == 0);
	gate_open(h->got);
	gate_pass(h->go);
	return 0;
}

static int hold_first_byte(void *argument)
{
	return hold_part(argument, F_SETLK, (struct flock){ .l_len = 1 });
}

TEST(a_program_that_locks_one_byte_is_named)
{
	struct holding h = { gate_new(), gate_new(), false };
	pid_t pid = 42, holder;

	needs_holders_with_names();
	holder = child_start(hold_first_byte, &h);
	gate_pass(h.got);
	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_int_equal(pid, holder);
	gate_open(h.go);
	assert_finish(holder);
	gate_free(h.got);
	gate_free(h.go);
}

static int hold_body(void *argument)
{
	return hold_part(argument, F_OFD_SETLK, (struct flock){ .l_start = 1 });
}

TEST(a_holder_without_a_tag_is_not_guessed)
{
	struct holding h = { gate_new(), gate_new(), false };
	pid_t pid = 42, holder;

	holder = child_start(hold_body, &h);
	gate_pass(h.got);
	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_int_equal(pid, 0);
	gate_open(h.go);
	assert_finish(holder);
	gate_free(h.got);
	gate_free(h.go);
}

/* As one that is stopped before he has removed it. */
static int stay_remover(void *argument)
{
	return hold_part(argument, F_OFD_SETLK,
			 (struct flock){ .l_start = 1,
					 .l_len = 2000000000 - 1 });
}

TEST(who_removes_the_file_is_no_holder)
{
	struct holding h = { gate_new(), gate_new(), false };
	struct lf_lock *lock;
	pid_t remover;

	needs_holders_with_names();
	remover = child_start(stay_remover, &h);
	gate_pass(h.got);
	assert_int_equal(lf_check(lock_path, NULL), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, 10, 0), -ETIMEDOUT);
	assert_true(exists(lock_path));
	gate_open(h.go);
	assert_finish(remover);
	gate_free(h.got);
	gate_free(h.go);
}

/* As when the holder has lost its tag and a waiter has it for an instant. */
TEST(who_has_the_tag_but_not_the_body_is_not_named)
{
	struct holding h = { gate_new(), gate_new(), false };
	pid_t pid = 42, body, tag;

	needs_proc_with_locks();
	body = child_start(hold_body, &h);
	gate_pass(h.got);
	tag = child_start(hold_first_byte, &h);
	gate_pass(h.got);
	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_int_equal(pid, 0);
	gate_open(h.go);
	gate_open(h.go);
	assert_finish(body);
	assert_finish(tag);
	gate_free(h.got);
	gate_free(h.go);
}

TEST(a_lease_is_not_a_lock)
{
	struct lf_lock *lock;
	int fd = open(lock_path, O_CREAT | O_RDONLY, 0666);

	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		skip_because("no leases to be had on this file system");
	signal(SIGIO, SIG_IGN);
	assert_int_equal(lf_check(lock_path, NULL), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EBUSY);
	assert_int_equal(lf_acquire(&lock, lock_path, LF_FOREVER, 0), -EBUSY);
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

TEST(what_cannot_be_told_is_an_error)
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
