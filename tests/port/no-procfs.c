/* SPDX-License-Identifier: 0BSD */
/* Locks and processes of a system that lists neither: unknown, never "none". */
#define lf_inode_of test_inode_of
#define lf_list_locks test_list_locks
#define lf_list_processes test_list_processes
#define lf_lock_list_free test_lock_list_free
#define lf_proc_is_ours test_proc_is_ours
#define lf_process_descriptors test_process_descriptors
#define lf_process_has_lock test_process_has_lock
#define lf_process_is_runnable test_process_is_runnable
#define lf_process_lock_descriptor test_process_lock_descriptor
#define lf_process_open test_process_open
#define lf_same_description test_same_description
#define lf_start_time test_start_time

#include "config.h"

#include "lib/harness.h"
#include "port/no-procfs.c"

#include <unistd.h>

static bool is_any(const struct lf_listed_lock *lock)
{
	(void)lock;
	return true;
}

static void no_list_is_given(void **state)
{
	struct lf_lock_list list = { .count = 1 };
	struct lf_inode inode;
	size_t count = 1;
	pid_t self = getpid(), *pids = &self;

	(void)state;
	assert_int_equal(lf_list_locks(&list), -ENOTSUP);
	assert_int_equal(list.count, 0);
	assert_null(list.locks);
	lf_lock_list_free(&list);
	assert_int_equal(lf_list_processes(&pids, &count), -ENOTSUP);
	assert_int_equal(count, 0);
	assert_null(pids);
	assert_int_equal(lf_inode_of("/", &inode), -ENOTSUP);
}

static void nothing_is_known_of_a_process(void **state)
{
	unsigned long long ticks;
	struct stat st = { 0 };
	int fd;

	(void)state;
	assert_false(lf_proc_is_ours());
	assert_int_equal(lf_process_open(0), -ENOTSUP);
	assert_int_equal(lf_start_time(-1), 0);
	assert_int_equal(lf_process_is_runnable(-1, &ticks), -ENOTSUP);
	assert_int_equal(lf_process_lock_descriptor(-1, &st, is_any, &fd),
			 -ENOTSUP);
	assert_int_equal(lf_process_descriptors(-1, &st), -ENOTSUP);
	assert_int_equal(lf_process_has_lock(0, &st, is_any), -ENOTSUP);
	assert_false(lf_same_description(getpid(), 0, getpid(), 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_list_is_given),
		cmocka_unit_test(nothing_is_known_of_a_process),
	};

	return cmocka_run_group_tests_name("port/no-procfs", tests, NULL,
					   NULL);
}
