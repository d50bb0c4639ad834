/* SPDX-License-Identifier: 0BSD */
/* lf_acquire() and lf_acquire_at(): one process at a time, and bad input. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int try_at(const char *path)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, 0, 0);

	demand((rc == 0) == (lock != NULL));
	if (rc == 0)
		lf_release(&lock);
	return -rc;
}

static int try_once(void *path)
{
	return try_at(path);
}

TEST(a_holder_excludes_another_process_and_removes_the_file)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_non_null(lock);
	assert_true(exists(lock_path));
	assert_int_equal(child_run(try_once, lock_path), EAGAIN);
	assert_true(exists(lock_path));
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
	assert_child(try_once, lock_path);
}

TEST(a_new_file_has_mode_0666_less_the_umask)
{
	struct lf_lock *lock;
	mode_t mask = umask(027);
	struct stat st;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	umask(mask);
	assert_int_equal(stat(lock_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	lf_release(&lock);
}

TEST(acquire_at_uses_directory_and_mode)
{
	mode_t mask = umask(0);
	struct lf_lock *lock;
	struct stat st;
	int dirfd;

	assert_int_equal(mkdir("sub", 0755), 0);
	dirfd = open("sub", O_RDONLY | O_DIRECTORY);
	assert_int_equal(lf_acquire_at(&lock, dirfd, "lock", 0600, 0, 0), 0);
	umask(mask);
	close(dirfd);
	assert_int_equal(stat("sub/lock", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists("sub/lock"));
	assert_int_equal(lf_acquire_at(&lock, dirfd, "lock", 0600, 0, 0),
			 -EBADF);
}

TEST(a_waiter_gets_the_lock_on_release)
{
	struct actor *waiter;
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	waiter = actor_waiter(LF_FOREVER, 0, 1);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(actor_result(waiter), 0);
	assert_true(exists(lock_path));
	assert_int_equal(child_run(try_once, lock_path), EAGAIN);
	actor_release(waiter);
	assert_false(exists(lock_path));
}

TEST(LF_KEEP_leaves_the_file)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_true(exists(lock_path));
	/* A later holder that does not ask to keep removes it. */
	assert_int_equal(lf_acquire(&lock, lock_path, LF_FOREVER, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(LF_NOCREATE_needs_the_file)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_NOCREATE), -ENOENT);
	assert_null(lock);
	assert_false(exists(lock_path));
	make_file(lock_path, 0666);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_NOCREATE), 0);
	assert_int_equal(lf_release(&lock), 0);
}

/* Waits, and is interrupted or not, as the FLAGS of the handler say. */
static int wait_for_signal(void *flags)
{
	bool restarts = *(int *)flags == SA_RESTART;
	struct lf_lock *lock;

	interrupt_on(SIGUSR1, *(int *)flags);
	demand(lf_acquire(&lock, lock_path, LF_FOREVER, 0) ==
	       (restarts ? 0 : -EINTR));
	demand(restarts == (lock != NULL));
	if (restarts) {
		demand(lf_verify(lock) == 0);
		demand(lf_release(&lock) == 0);
	}
	return 0;
}

static pid_t signal_waiter(int flags)
{
	pid_t pid = child_start(wait_for_signal, &flags);

	assert_true(waiters_reach(lock_path, 1));
	kill(pid, SIGUSR1);
	return pid;
}

TEST(a_signal_handler_interrupts_a_wait)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_finish(signal_waiter(0));
	assert_true(exists(lock_path));
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(a_handler_with_SA_RESTART_does_not_interrupt_a_wait)
{
	struct lf_lock *lock;
	pid_t pid;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	pid = signal_waiter(SA_RESTART);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_release(&lock), 0);
	assert_finish(pid);
	assert_false(exists(lock_path));
}

TEST(bad_arguments_are_EINVAL)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(NULL, lock_path, 0, 0), -EINVAL);
	assert_int_equal(lf_acquire(&lock, NULL, 0, 0), -EINVAL);
	assert_null(lock);
	assert_int_equal(lf_acquire(&lock, lock_path, -2, 0), -EINVAL);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0x80000000u), -EINVAL);
	assert_int_equal(lf_acquire_at(&lock, AT_FDCWD, lock_path, 0100644, 0,
				       0),
			 -EINVAL);
	assert_false(exists(lock_path));
}

TEST(what_is_not_a_regular_file_has_its_error)
{
	static char long_name[300], long_path[5000];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	static const struct {
		const char *path;
		int error;
	} bad[] = {
		{ "", ENOENT },
		{ "missing/lock", ENOENT },
		{ "directory", EISDIR },
		{ "directory/", EISDIR },
		{ "missing/", EISDIR },
		{ ".", EISDIR },
		{ "/", EISDIR },
		{ "fifo", ENOTSUP },
		{ "socket", ENOTSUP },
		{ "/dev/null", ENOTSUP },
		{ "dangling", ELOOP },
		{ "link", ELOOP },
		{ "file/lock", ENOTDIR },
		{ long_name, ENAMETOOLONG },
		{ long_path, ENAMETOOLONG },
	};
	size_t before;

	memset(long_name, 'x', sizeof(long_name) - 1);
	memset(long_path, '/', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 2] = 'x';
	assert_int_equal(mkdir("directory", 0755), 0);
	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(symlink("file", "link"), 0);
	make_file("file", 0666);
	strcpy(address.sun_path, "socket");
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	close(fd);

	before = entries(".");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (int timeout = 0; timeout >= LF_FOREVER; timeout--) {
			struct lf_lock *lock;

			assert_int_equal(lf_acquire(&lock, bad[i].path, timeout,
						    0),
					 -bad[i].error);
			assert_null(lock);
		}
	}
	assert_int_equal(entries("."), before);
	assert_false(exists("nowhere"));
}

static int lock_without_permission(void *readable)
{
	demand(become_ordinary());
	demand(try_at("private/lock") == EACCES);
	demand(try_at("closed/lock") == EACCES);
	demand(try_at("unreadable") == 0);
	demand(try_at("readonly") == EACCES);
	/* To open one for writing alone, or for reading, may wait for another. */
	demand(try_at("fifo") == ENOTSUP);
	demand(try_to_share(readable) == ENOTSUP);
	return 0;
}

TEST(without_permission_is_EACCES_and_changes_nothing)
{
	char readable[] = "readable";
	struct stat st;

	assert_int_equal(mkdir("private", 0), 0);
	assert_int_equal(mkdir("closed", 0555), 0);
	make_file("readonly", 0444);
	make_file("unreadable", 0222);
	assert_int_equal(chmod("unreadable", 0222), 0);
	assert_int_equal(mkfifo("fifo", 0222), 0);
	assert_int_equal(chmod("fifo", 0222), 0);
	assert_int_equal(mkfifo(readable, 0444), 0);
	assert_child(lock_without_permission, readable);
	assert_false(exists("closed/lock"));
	assert_int_equal(stat("readonly", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	chmod("private", 0700);
}

static int lock_on_read_only(void *unused)
{
	(void)unused;
	if (!own_mounts() || mount("none", "ro", "tmpfs", 0, NULL) < 0)
		return IMPOSSIBLE;
	make_file("ro/there", 0666);
	demand(mount("none", "ro", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
	demand(try_at("ro/new") == EROFS);
	demand(try_at("ro/there") == EROFS);
	return 0;
}

TEST(a_read_only_file_system_is_EROFS)
{
	assert_int_equal(mkdir("ro", 0755), 0);
	assert_child_if_possible(lock_on_read_only, NULL, "mounts of its own");
}

static int close_stdio(void *argument)
{
	bool keep = *(bool *)argument;
	struct lf_lock *lock;

	close(0);
	close(1);
	close(2);
	if (lf_acquire(&lock, lock_path, 0, keep ? LF_KEEP : 0) != 0)
		return 1;
	if (lf_fileno(lock) < 3)
		return 2;
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 3;
	return lf_release(&lock);
}

TEST(a_descriptor_is_never_below_3)
{
	bool keep = false;

	assert_child(close_stdio, &keep);
	keep = true;
	assert_child(close_stdio, &keep);
}

TEST(no_descriptor_survives_exec)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, "lock", 0, 0), 0);
	for (int fd = 3; fd < 100; fd++) {
		char target[4096];
		char name[32];
		ssize_t length;

		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		length = readlink(name, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = '\0';
		/* The file, and the directory that holds it. */
		if (strstr(target, "/lf-test-"))
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	assert_true(fcntl(lf_fileno(lock), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(chdir_and_a_renamed_directory_do_not_mislead_release)
{
	struct lf_lock *lock;

	assert_int_equal(mkdir("a", 0755), 0);
	assert_int_equal(lf_acquire(&lock, "a/lock", 0, 0), 0);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(lf_verify(lock), 0);
	*strrchr(lock_path, '/') = '\0';
	assert_int_equal(chdir(lock_path), 0);
	assert_int_equal(rename("a", "b"), 0);
	assert_int_equal(mkdir("a", 0755), 0);
	make_file("a/lock", 0666);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists("b/lock"));
	assert_true(exists("a/lock"));
}

TEST(two_hundred_cycles_leak_no_descriptor)
{
	int before = open_descriptors();
	struct lf_lock *lock, *second;

	for (int i = 0; i < 200; i++) {
		unsigned flags = i % 2 ? LF_KEEP : 0;

		assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
		assert_int_equal(lf_acquire(&second, lock_path, 0, 0), -EAGAIN);
		assert_int_equal(lf_acquire(&second, "a/b", 0, 0), -ENOENT);
		assert_int_equal(lf_check(lock_path, NULL), 1);
		assert_int_equal(lf_release(&lock), 0);
		assert_int_equal(lf_check(lock_path, NULL), 0);
	}
	assert_int_equal(open_descriptors(), before);
}

TEST(no_function_changes_errno)
{
	struct lf_lock *lock;

	errno = 12345;
	assert_int_equal(lf_acquire(&lock, "missing/lock", 0, 0), -ENOENT);
	assert_int_equal(errno, 12345);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	unlink(lock_path);
	errno = 12345;
	assert_int_equal(lf_verify(lock), -ESTALE);
	assert_int_equal(lf_check("missing", NULL), 0);
	assert_int_equal(lf_release(&lock), LF_REPLACED);
	assert_int_equal(errno, 12345);
}

/* Two processes try at the same moment. */
struct race {
	atomic_int arrived, refused;
};

#define RACES 5000

static void meet(struct race *r, int *meetings)
{
	atomic_fetch_add(&r->arrived, 1);
	++*meetings;
	while (atomic_load(&r->arrived) < 2 * *meetings)
		sched_yield();
}

static int race(void *argument)
{
	struct race *r = argument;
	int meetings = 0;

	for (int round = 0; round < RACES; round++) {
		struct lf_lock *lock;
		int rc;

		atomic_store(&r->refused, 0);
		meet(r, &meetings);
		rc = lf_acquire(&lock, lock_path, 0, 0);
		demand(rc == 0 || rc == -EAGAIN);
		atomic_fetch_add(&r->refused, rc < 0);
		meet(r, &meetings);
		demand(atomic_load(&r->refused) < 2);
		if (rc == 0)
			demand(lf_release(&lock) == 0);
		meet(r, &meetings);
	}
	return 0;
}

TEST(of_two_calls_that_do_not_wait_one_succeeds)
{
	struct race *r = shared_new(sizeof(*r));
	pid_t pid[2];

	pid[0] = child_start(race, r);
	pid[1] = child_start(race, r);
	assert_finish(pid[0]);
	assert_finish(pid[1]);
	assert_false(exists(lock_path));
	shared_free(r, sizeof(*r));
}
