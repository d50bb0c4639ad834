/* SPDX-License-Identifier: 0BSD */
/* lf_is_mine(): by the descriptor that has the lock, and by ancestors. */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- Questions in processes of many kinds */

/* Without proc(5) only the parent is found, and a stranger may be a grandparent. */
static int not_mine(void)
{
	return shows_locks_of_processes() ? 0 : -ESRCH;
}

static int expect(int wanted)
{
	int before = open_descriptors(), is = lf_is_mine(lock_path);

	demand(open_descriptors() == before);
	if (is != wanted)
		print_message("# is %d, wanted %d\n", is, wanted);
	return is != wanted;
}

static int ask(void *wanted)
{
	return expect(*(const int *)wanted);
}

static void close_descriptors(void)
{
	for (int fd = 3; fd < 256; fd++)
		close(fd);
}

/* As sudo(8), and a daemon. */
static int ask_without_descriptors(void *wanted)
{
	close_descriptors();
	return expect(*(const int *)wanted);
}

static int ask_grandchild(void *wanted)
{
	close_descriptors();
	return child_run(ask, wanted);
}

#define assert_is_mine(body, wanted) \
	do { \
		int wanted_ = (wanted); \
		assert_child(body, &wanted_); \
	} while (0)

/* --- No lock, and our own */

TEST(a_free_file_is_not_mine)
{
	assert_int_equal(lf_is_mine(lock_path), 0);
	assert_false(exists(lock_path));
	assert_int_equal(lf_is_mine("missing/lock"), 0);
	make_file(lock_path, 0666);
	assert_int_equal(lf_is_mine(lock_path), 0);
}

TEST(a_lock_of_this_process_is_mine)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_int_equal(lf_is_mine(lock_path), 1);
	assert_int_equal(lf_is_mine("lock"), 1);
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(lf_is_mine(lock_path), 0);
}

TEST(a_lock_of_another_process_is_not_mine)
{
	int open_before = open_descriptors(), fd;
	pid_t holder;

	needs_holders_with_names();
	holder = holder_new(take, NULL);
	assert_int_equal(lf_is_mine(lock_path), not_mine());
	/* A descriptor of the file is not enough. */
	fd = open(lock_path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(lf_is_mine(lock_path), not_mine());
	assert_is_mine(ask, not_mine());
	close(fd);
	assert_int_equal(open_descriptors(), open_before);
	holder_release(holder);
	assert_int_equal(lf_is_mine(lock_path), 0);
}

TEST(a_file_that_cannot_be_checked_has_its_error)
{
	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_int_equal(symlink("nowhere", "link"), 0);
	make_file("file", 0666);
	assert_int_equal(lf_is_mine(NULL), -EINVAL);
	assert_int_equal(lf_is_mine(""), -ENOENT);
	assert_int_equal(lf_is_mine("."), -EISDIR);
	assert_int_equal(lf_is_mine("fifo"), -ENOTSUP);
	assert_int_equal(lf_is_mine("link"), -ELOOP);
	assert_int_equal(lf_is_mine("file/lock"), -ENOTDIR);
}

static int ask_about_secret(void *unused)
{
	(void)unused;
	demand(become_ordinary());
	demand(lf_is_mine("secret") == -EACCES);
	return 0;
}

TEST(a_file_that_may_not_be_read_is_unknown)
{
	make_file("secret", 0);
	assert_child(ask_about_secret, NULL);
}

/* --- A child of the holder */

static struct lf_lock *lock;

static void acquire(unsigned flags)
{
	assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
}

TEST(a_child_that_inherited_the_lock_runs_under_it)
{
	needs_holders_with_names();
	acquire(0);
	assert_is_mine(ask, 1);
	assert_int_equal(lf_release(&lock), 0);
	assert_is_mine(ask, 0);
}

TEST(a_child_that_closed_its_descriptors_runs_under_it)
{
	needs_holders_with_names();
	acquire(0);
	assert_is_mine(ask_without_descriptors, 1);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(so_does_a_grandchild)
{
	needs_holders_with_names();
	needs_proc_with_locks();
	acquire(0);
	assert_is_mine(ask_grandchild, 1);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_shared_lock_is_mine)
{
	pid_t other;

	needs_shared_locks();
	other = holder_new(share, NULL);
	assert_int_equal(lf_is_mine(lock_path), not_mine());
	acquire(LF_SHARED);
	assert_int_equal(lf_is_mine(lock_path), 1);
	/* F_GETLK names one of them. */
	if (shows_locks_of_processes()) {
		assert_is_mine(ask, 1);
		assert_is_mine(ask_without_descriptors, 1);
	}
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(lf_is_mine(lock_path), not_mine());
	holder_release(other);
	acquire(LF_SHARED);
	assert_is_mine(ask, 1);
	assert_is_mine(ask_without_descriptors, 1);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_file_that_was_replaced_is_not_mine)
{
	needs_holders_with_names();
	acquire(0);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(lf_is_mine(lock_path), 0);
	assert_is_mine(ask, 0);
	make_file(lock_path, 0666);
	assert_int_equal(lf_is_mine(lock_path), 0);
	assert_is_mine(ask, 0);
	assert_int_equal(lf_release(&lock), LF_REPLACED);
}

static int take_whole_file(void *unused)
{
	struct flock whole = { .l_type = F_WRLCK };
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	(void)unused;
	demand(fd >= 0 && fcntl(fd, F_SETLK, &whole) == 0);
	return 0;
}

static int share_first_byte(void *unused)
{
	struct flock first = { .l_type = F_RDLCK, .l_len = 1 };
	int fd = open(lock_path, O_RDWR);

	(void)unused;
	demand(fd >= 0 && fcntl(fd, F_SETLK, &first) == 0);
	return 0;
}

static int take_first_byte(void *unused)
{
	struct flock byte = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	(void)unused;
	demand(fd >= 0 && fcntl(fd, F_SETLK, &byte) == 0);
	return 0;
}

static int take_and_ask_child(void *wanted)
{
	demand(take_whole_file(NULL) == 0);
	return child_run(ask, wanted);
}

TEST(a_lock_of_a_parent_by_another_program_is_mine)
{
	needs_holders_with_names();
	assert_is_mine(take_and_ask_child, 1);
}

/* --- A process whose parent has ended */

struct orphan {
	bool closes;
	int wanted;
	struct gate go;
	int *status; /* shared; -1: still to come */
};

static int run_orphan(struct orphan *orphan)
{
	prctl(PR_SET_PDEATHSIG, 0);
	gate_pass(orphan->go);
	if (orphan->closes)
		close_descriptors();
	*orphan->status = expect(orphan->wanted);
	return 0;
}

/* Leaves a child behind, which asks when the gate opens. */
static int leave_orphan(void *argument)
{
	struct orphan *orphan = argument;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_orphan(orphan));
	return pid < 0;
}

static int take_and_leave_orphan(void *argument)
{
	demand(take(NULL) == 0);
	return leave_orphan(argument);
}

static struct orphan orphan_new(bool closes, int wanted)
{
	struct orphan orphan = {
		.closes = closes,
		.wanted = wanted,
		.go = gate_new(),
		.status = shared_new(sizeof(int)),
	};

	*orphan.status = -1;
	return orphan;
}

static void orphan_asks(struct orphan *orphan)
{
	gate_open(orphan->go);
	while (*(volatile int *)orphan->status < 0)
		sched_yield();
	gate_free(orphan->go);
	assert_int_equal(*orphan->status, 0);
	shared_free(orphan->status, sizeof(int));
}

TEST(a_daemon_runs_under_the_lock_if_it_has_the_descriptor)
{
	struct orphan orphan;

	needs_locks_of_descriptions();
	orphan = orphan_new(false, 1);
	acquire(0);
	assert_child(leave_orphan, &orphan);
	orphan_asks(&orphan);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_daemon_without_descriptor_and_parent_does_not)
{
	struct orphan orphan;

	needs_holders_with_names();
	orphan = orphan_new(true, not_mine());
	acquire(0);
	assert_child(leave_orphan, &orphan);
	orphan_asks(&orphan);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_lock_outlives_the_process_that_acquired_it)
{
	struct orphan orphan;
	pid_t holder;

	needs_locks_of_descriptions();
	orphan = orphan_new(false, 1);
	holder = holder_new(take_and_leave_orphan, &orphan);
	assert_kill(holder);
	assert_int_equal(lf_is_mine(lock_path),
			 is_in_initial_pid_namespace() ? not_mine() : -ESRCH);
	orphan_asks(&orphan);
}

static int pass_and_ask_child(void *gate)
{
	int wanted = 1;

	gate_pass(*(struct gate *)gate);
	return child_run(ask_without_descriptors, &wanted);
}

TEST(the_child_of_a_process_with_the_descriptor_runs_under_it)
{
	struct gate closed;
	pid_t pid;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	closed = gate_new();
	acquire(0);
	pid = child_start(pass_and_ask_child, &closed);
	/* As if this process were killed: the child alone has the lock. */
	close(lf_fileno(lock));
	gate_open(closed);
	assert_finish(pid);
	gate_free(closed);
	assert_int_equal(lf_release(&lock), -EBADF);
}

/* --- Another user */

static int ask_with_descriptor_as_another_user(void *wanted)
{
	demand(become_ordinary());
	/* As after execve(2). */
	demand(prctl(PR_SET_DUMPABLE, 1) == 0);
	return expect(*(const int *)wanted);
}

static int ask_as_another_user(void *wanted)
{
	close_descriptors();
	return ask_with_descriptor_as_another_user(wanted);
}

TEST(a_child_of_another_user_runs_under_it)
{
	needs_root("to become another user");
	needs_holders_with_names();
	acquire(0);
	assert_is_mine(ask_with_descriptor_as_another_user, 1);
	assert_is_mine(ask_as_another_user, 1);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_process_of_another_user_does_not)
{
	pid_t holder;

	needs_root("to become another user");
	needs_holders_with_names();
	holder = holder_new(take, NULL);
	assert_is_mine(ask_as_another_user, not_mine());
	holder_release(holder);
}

TEST(nothing_is_said_about_a_holder_that_is_unknown)
{
	pid_t holder;

	needs_root("to become another user");
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	needs_initial_pid_namespace();
	holder = holder_new(take_without_tag, NULL);
	assert_int_equal(lf_is_mine(lock_path), 0);
	assert_is_mine(ask_as_another_user, -ESRCH);
	holder_release(holder);
}

/* --- A PID namespace, and no proc(5) */

static int in_namespace(int (*body)(void *), void *argument)
{
	if (unshare(CLONE_NEWPID) < 0)
		return IMPOSSIBLE;
	return child_run(body, argument);
}

static int ask_in_namespace(void *wanted)
{
	return in_namespace(ask, wanted);
}

static int ask_in_namespace_without_descriptors(void *wanted)
{
	close_descriptors();
	return in_namespace(ask, wanted);
}

static int mount_and_ask(void *wanted)
{
	demand(mount("proc", "/proc", "proc", 0, NULL) == 0);
	return expect(*(const int *)wanted);
}

static int ask_with_proc_in_namespace(void *wanted)
{
	close_descriptors();
	return own_mounts() ? in_namespace(mount_and_ask, wanted) : IMPOSSIBLE;
}

static void expect_in_namespace(int (*body)(void *), int wanted)
{
	assert_child_if_possible(body, &wanted, "PID namespaces");
}

TEST(in_a_PID_namespace_the_descriptor_counts)
{
	needs_locks_of_descriptions();
	acquire(0);
	expect_in_namespace(ask_in_namespace, 1);
	expect_in_namespace(ask_in_namespace_without_descriptors, -ESRCH);
	expect_in_namespace(ask_with_proc_in_namespace, -ESRCH);
	assert_int_equal(lf_release(&lock), 0);
}

static int stay(void *unused)
{
	(void)unused;
	for (;;)
		pause();
	return 0;
}

struct inside {
	bool has_heir; /* a child that has what this process acquired outside */
	bool is_ordinary;
	int (*other)(void *); /* of a holder, or NULL */
	int wanted;
};

static int mount_and_ask_beside(void *argument)
{
	const struct inside *inside = argument;

	demand(mount("proc", "/proc", "proc", 0, NULL) == 0);
	if (inside->is_ordinary)
		demand(become_ordinary() && prctl(PR_SET_DUMPABLE, 1) == 0);
	if (inside->has_heir)
		child_start(stay, NULL);
	close_descriptors();
	if (inside->other)
		holder_new(inside->other, NULL);
	return expect(inside->wanted);
}

static int ask_beside(void *inside)
{
	return own_mounts() ? in_namespace(mount_and_ask_beside, inside) :
			      IMPOSSIBLE;
}

#define expect_inside(...) \
	do { \
		struct inside inside_ = { __VA_ARGS__ }; \
		assert_child_if_possible(ask_beside, &inside_, \
					 "PID namespaces"); \
	} while (0)

TEST(a_holder_in_the_same_PID_namespace_is_no_ancestor)
{
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	expect_inside(.other = take, .wanted = 0);
	expect_inside(.other = share, .wanted = 0);
}

/* Whoever acquired it may be outside, and its tag may be lost. */
TEST(in_a_PID_namespace_a_holder_without_a_tag_may_be_an_ancestor)
{
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	expect_inside(.other = take_without_tag, .wanted = -ESRCH);
}

TEST(a_holder_outside_the_PID_namespace_may_be_an_ancestor)
{
	needs_root("to become another user");
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	acquire(0);
	expect_inside(.has_heir = true, .is_ordinary = true, .wanted = -ESRCH);
	assert_int_equal(chmod(lock_path, 0600), 0);
	expect_inside(.has_heir = true, .is_ordinary = true, .wanted = -ESRCH);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_tag_inside_does_not_stand_for_a_body_outside)
{
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	acquire(LF_SHARED);
	expect_inside(.has_heir = true, .other = share, .wanted = -ESRCH);
	expect_inside(.has_heir = true, .other = share_first_byte,
		      .wanted = -ESRCH);
	assert_int_equal(lf_release(&lock), 0);
}

/* Two new file systems give their files the same numbers. */
static int ask_on_two_file_systems(void *unused)
{
	struct stat locked, unlocked;
	struct lf_lock *one;

	(void)unused;
	if (!own_mounts() || mkdir("one", 0755) < 0 || mkdir("two", 0755) < 0 ||
	    mount("none", "one", "tmpfs", 0, NULL) < 0 ||
	    mount("none", "two", "tmpfs", 0, NULL) < 0)
		return IMPOSSIBLE;
	demand(lf_acquire(&one, "one/lock", 0, 0) == 0);
	demand(open("two/lock", O_CREAT | O_RDWR, 0666) >= 0);
	demand(stat("one/lock", &locked) == 0);
	demand(stat("two/lock", &unlocked) == 0);
	if (locked.st_ino != unlocked.st_ino)
		return IMPOSSIBLE;
	demand(lf_is_mine("one/lock") == 1);
	demand(lf_is_mine("two/lock") != 1);
	demand(lf_release(&one) == 0);
	return 0;
}

TEST(a_file_with_the_number_of_a_lock_of_mine_is_not_mine)
{
	assert_child_if_possible(ask_on_two_file_systems, NULL,
				 "mounts of its own, which number files alike");
}

static bool hide_proc(void)
{
	return own_mounts() && mount("none", "/proc", "tmpfs", 0, NULL) == 0;
}

static int ask_without_proc(void *wanted)
{
	return hide_proc() ? expect(*(const int *)wanted) : IMPOSSIBLE;
}

static int ask_grandchild_without_proc(void *wanted)
{
	if (!hide_proc())
		return IMPOSSIBLE;
	demand(child_run(ask, wanted) == 0);
	*(int *)wanted = -ESRCH;
	return child_run(ask_without_descriptors, wanted);
}

TEST(without_proc_the_descriptor_is_asked)
{
	int wanted = 1;
	pid_t holder;
	int fd;

	needs_locks_of_descriptions();
	acquire(LF_KEEP);
	assert_child_if_possible(ask_grandchild_without_proc, &wanted, "mounts");
	assert_int_equal(lf_release(&lock), 0);
	fd = open(lock_path, O_RDWR);
	assert_true(fd >= 0);
	wanted = 0;
	assert_child_if_possible(ask_without_proc, &wanted, "mounts");
	holder = holder_new(take, NULL);
	wanted = -ESRCH;
	assert_child_if_possible(ask_without_proc, &wanted, "mounts");
	holder_release(holder);
	close(fd);
}

/* By another, which excludes us; but the body is nobody's. */
TEST(without_proc_a_descriptor_beside_a_lock_on_the_first_byte_is_not_enough)
{
	int wanted = -ESRCH, fd;
	pid_t holder;

	needs_locks_of_descriptions();
	holder = holder_new(take_first_byte, NULL);
	fd = open(lock_path, O_RDWR);
	assert_true(fd >= 0);
	assert_child_if_possible(ask_without_proc, &wanted, "mounts");
	close(fd);
	assert_kill(holder);
}

TEST(without_proc_several_sharers_are_unknown)
{
	int wanted = 1;
	pid_t holder;

	needs_locks_of_descriptions();
	acquire(LF_SHARED);
	assert_child_if_possible(ask_grandchild_without_proc, &wanted, "mounts");
	holder = holder_new(share, NULL);
	wanted = -ESRCH;
	assert_child_if_possible(ask_grandchild_without_proc, &wanted, "mounts");
	holder_release(holder);
	assert_int_equal(lf_release(&lock), 0);
}
