/* SPDX-License-Identifier: 0BSD */
/* Locks and processes of a system that lists neither: unknown, never "none". */
#define lf_dying_find test_dying_find
#define lf_dying_free test_dying_free
#define lf_dying_remain test_dying_remain
#define lf_inode_find_device test_inode_find_device
#define lf_inode_of test_inode_of
#define lf_find_paths test_find_paths
#define lf_list_leases test_list_leases
#define lf_list_locks test_list_locks
#define lf_list_processes test_list_processes
#define lf_lock_list_free test_lock_list_free
#define lf_is_initial_pid_namespace test_is_initial_pid_namespace
#define lf_proc_is_ours test_proc_is_ours
#define lf_pin test_pin
#define lf_pin_path test_pin_path
#define lf_mounts_free test_mounts_free
#define lf_process_free test_process_free
#define lf_process_has_lock test_process_has_lock
#define lf_process_open test_process_open
#define lf_process_parent test_process_parent
#define lf_process_read test_process_read
#define lf_process_state test_process_state
#define lf_same_description test_same_description
#define lf_shows_descriptors test_shows_descriptors
#define lf_some_are_hidden test_some_are_hidden
#define lf_start_time test_start_time
#define lf_thread_pid test_thread_pid
#define lf_thread_state test_thread_state
#define lf_ticks test_ticks

#include "config.h"

#include "lib/child.h"
#include "port/no-procfs.c"

#include <unistd.h>

static bool is_any(const struct lf_listed_lock *lock)
{
	(void)lock;
	return true;
}

static int found(const char *path, void *unused)
{
	(void)path;
	(void)unused;
	return -EIO;
}

PLAIN_TEST(no_list_is_given)
{
	const struct lf_file_id file = { .ino = 7, .dev = 1 };
	unsigned long long mount = 1;
	struct lf_inode inode = { .number = 1 };
	struct lf_lock_list list = { .count = 1 };
	struct lf_mounts mounts = { .is_read = false };
	struct stat st;
	char path[LF_PIN_PATH] = "path";
	size_t count = 1;
	pid_t self = getpid(), *pids = &self;

	assert_int_equal(lf_list_locks(&list), -ENOTSUP);
	assert_int_equal(list.count, 0);
	assert_null(list.locks);
	lf_lock_list_free(&list);
	assert_int_equal(lf_list_leases(&list), -ENOTSUP);
	assert_int_equal(list.lease_count, 0);
	assert_null(list.leases);
	assert_int_equal(lf_list_processes(&pids, &count), -ENOTSUP);
	assert_int_equal(count, 0);
	assert_null(pids);
	assert_true(lf_some_are_hidden(pids, count));
	assert_int_equal(lf_pin("/", &st), -ENOTSUP);
	lf_pin_path(3, path);
	assert_string_equal(path, "");
	lf_inode_of(3, &file, &inode, &mount);
	lf_inode_find_device(&inode, mount, &mounts);
	assert_int_equal(lf_find_paths(NULL, 0, found, NULL), -ENOTSUP);
	lf_mounts_free(&mounts);
}

PLAIN_TEST(nothing_is_known_of_a_process)
{
	struct lf_activity activity;
	struct lf_dying dying;
	struct lf_process process;
	struct stat st = { 0 };
	unsigned long long start_time;
	pid_t parent;

	assert_false(lf_proc_is_ours());
	assert_true(lf_is_initial_pid_namespace());
	assert_int_equal(lf_process_parent(-1, &parent, &start_time), -ENOTSUP);
	assert_int_equal(lf_process_open(0), -ENOTSUP);
	assert_int_equal(lf_start_time(-1), 0);
	assert_int_equal(lf_ticks(), 0);
	assert_int_equal(lf_process_state(getpid(), &activity), -ENOTSUP);
	assert_int_equal(lf_process_read(&process, 0, NULL, 0, is_any, true), 0);
	assert_int_equal(process.error, -ENOTSUP);
	lf_process_free(&process);
	assert_int_equal(lf_process_has_lock(0, &st, is_any), -ENOTSUP);
	lf_dying_find(&dying);
	assert_int_equal(dying.count, 0);
	assert_false(lf_dying_remain(&dying));
	lf_dying_free(&dying);
	assert_false(lf_shows_descriptors());
	assert_true(lf_same_description(getpid(), 0, getpid(), 0) < 0);
}
