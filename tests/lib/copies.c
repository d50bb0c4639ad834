/* SPDX-License-Identifier: 0BSD */
/*
 * Two copies of the library in one process: a static one, as in a plugin, and the
 * shared one.  Neither knows the handles of the other.
 */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct {
	int (*acquire)(struct lf_lock **, const char *, int, unsigned);
	int (*check)(const char *, pid_t *);
	int (*inspect)(const char *, struct lf_report **);
	void (*report_free)(struct lf_report *);
	int (*release)(struct lf_lock **);
} other;

static void load(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);

	memcpy(function, &symbol, sizeof(symbol));
}

/* Before a test has changed the working directory. */
__attribute__((__constructor__)) static void load_all(void)
{
	void *library = dlopen("lib/.libs/liblockfile-fcntl.so",
			       RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return;
	load(library, "lf_acquire", &other.acquire);
	load(library, "lf_check", &other.check);
	load(library, "lf_inspect", &other.inspect);
	load(library, "lf_report_free", &other.report_free);
	load(library, "lf_release", &other.release);
}

#define needs_two_copies() \
	needs(other.acquire, "the shared library below the working directory")

/* As any program would ask. */
static int find_tag_owner(void *pid)
{
	struct flock request = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open(lock_path, O_RDONLY);

	demand(fd >= 0 && fcntl(fd, F_GETLK, &request) == 0);
	*(pid_t *)pid = request.l_type == F_UNLCK ? 0 : request.l_pid;
	return 0;
}

static pid_t tag_owner(void)
{
	pid_t owner = -1;

	assert_int_equal(child_answer(find_tag_owner, &owner, sizeof(owner)),
			 0);
	return owner;
}

TEST(copies_exclude_each_other)
{
	struct lf_lock *lock, *refused;

	needs_two_copies();
	needs_locks_of_descriptions();
	assert_ptr_not_equal(other.acquire, lf_acquire);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(other.acquire(&refused, lock_path, 0, 0), -EAGAIN);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(other.acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_acquire(&refused, lock_path, 0, 0), -EAGAIN);
	assert_held(lock_path);
	assert_int_equal(other.release(&lock), 0);
	assert_false(exists(lock_path));
}

static int find_nameless_holder(void *unused)
{
	pid_t pid = 42;

	(void)unused;
	demand(lf_check(lock_path, &pid) == 1);
	demand(pid == 0);
	return 0;
}

/* Any close of the file drops the tag, and a copy knows no lock but its own. */
TEST(an_attempt_of_the_other_copy_costs_the_tag)
{
	struct lf_lock *lock, *refused;

	needs_two_copies();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_int_equal(tag_owner(), getpid());
	assert_int_equal(other.acquire(&refused, lock_path, 0, LF_KEEP), -EAGAIN);
	assert_int_equal(tag_owner(), 0);
	assert_child(find_nameless_holder, NULL);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
}

/* Nor is the lock that of a handle, but of the process. */
TEST(copies_with_locks_of_the_process_do_not_exclude_each_other)
{
	struct lf_lock *lock, *second;

	needs_two_copies();
	needs(!has_description_locks(), "locks of the process");
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_held(lock_path);
	assert_int_equal(other.acquire(&second, lock_path, 0, LF_KEEP), 0);
	assert_int_equal(other.release(&second), 0);
	assert_free(lock_path);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_check_by_the_other_copy_costs_no_tag)
{
	int before = open_descriptors();
	struct lf_lock *lock;

	needs_two_copies();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(other.check(lock_path, NULL), 1);
		assert_int_equal(tag_owner(), getpid());
	}
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(other.check(lock_path, NULL), 0);
	assert_int_equal(open_descriptors(), before);
}

TEST(nor_does_an_inspection)
{
	struct lf_report *report;
	struct lf_lock *lock;

	needs_two_copies();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(other.inspect(lock_path, &report), 1);
		other.report_free(report);
		assert_int_equal(tag_owner(), getpid());
	}
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_check_costs_no_lock_of_the_program)
{
	int before, fd = open(lock_path, O_RDWR | O_CREAT, 0666);

	needs_locks_of_descriptions();
	before = open_descriptors();
	assert_int_equal(lockf(fd, F_TLOCK, 0), 0);
	lf_check(lock_path, NULL);
	assert_held(lock_path);
	assert_int_equal(lockf(fd, F_ULOCK, 0), 0);
	assert_int_equal(lf_check(lock_path, NULL), 0);
	assert_int_equal(open_descriptors(), before);
	close(fd);
}

/* It can only be read; by such a descriptor no file is removed. */
TEST(a_descriptor_that_a_check_left_open_is_not_locked)
{
	int before, fd = open(lock_path, O_RDWR | O_CREAT, 0666);
	struct lf_lock *lock;

	needs_shared_locks();
	needs_locks_of_descriptions();
	before = open_descriptors();
	assert_int_equal(lockf(fd, F_TLOCK, 1), 0);
	/* Only one that is opened beside another is ever used again. */
	for (int i = 0; i < 3; i++)
		assert_int_equal(lf_check(lock_path, NULL), 0);
	assert_true(open_descriptors() > before);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before);
	close(fd);
}

static int do_nothing(void *unused)
{
	(void)unused;
	return 0;
}

/* Such a descriptor is not locked, so a child that shares it does no harm. */
TEST(checks_and_forks_leave_few_descriptors)
{
	int before, fd = open(lock_path, O_RDWR | O_CREAT, 0666);

	needs_locks_of_descriptions();
	before = open_descriptors();
	assert_int_equal(lockf(fd, F_TLOCK, 1), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(lf_check(lock_path, NULL), 0);
		assert_child(do_nothing, NULL);
	}
	assert_in_range(open_descriptors(), before + 1, before + 2);
	close(fd);
}

/* To leave it open helps only a lock of this process. */
TEST(a_check_of_the_lock_of_another_process_leaves_no_descriptor)
{
	struct actor *holder = actor_holder(LF_KEEP);
	int before = open_descriptors();

	for (int i = 0; i < 3; i++)
		assert_int_equal(lf_check(lock_path, NULL), 1);
	assert_int_equal(open_descriptors(), before);
	actor_release(holder);
}
