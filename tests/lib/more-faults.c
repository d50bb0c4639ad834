/* SPDX-License-Identifier: 0BSD */
/*
 * Calls that fail at places to which no operation of faults.c leads.  The caller gets
 * the error, and what it had before it still has.
 */
#include "config.h"

#include "actor.h"
#include "lock.h"
#include "seen.h"

#include "faulty.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

/* --- Acquire */

static int acquire_two(struct lf_lock *locks[2], int timeout_ms)
{
	const char *paths[2] = { "one", "two" };

	return lf_acquire_all(locks, paths, 2, 0666, timeout_ms, 0, NULL);
}

TEST(several_files_without_memory_are_ENOMEM)
{
	struct lf_lock *locks[2];

	for (int nth = 1, failed = 1; failed; nth++) {
		int rc;

		faulty_set(CALLOC, nth, false, ENOMEM);
		rc = acquire_two(locks, 0);
		failed = faulty_clear();
		assert_int_equal(rc, failed ? -ENOMEM : 0);
		for (int i = 0; i < 2; i++)
			assert_true(failed ? !locks[i] :
					     lf_release(&locks[i]) == 0);
		assert_false(exists("one"));
		assert_false(exists("two"));
	}
}

static atomic_int polls_of_caller, polls_to_pass;

/* The third of the caller is after the cancellation, which sets a flag first. */
static void interrupt_after_cancellation(void)
{
	if (!lf_wait_is_helper()) {
		atomic_fetch_add(&polls_of_caller, 1);
		return;
	}
	if (atomic_fetch_sub(&polls_to_pass, 1) > 0)
		return;
	while (atomic_load(&polls_of_caller) < 3)
		sched_yield();
	faulty_set(POLL, 1, true, EINTR);
}

/*
 * In a pause after the calls of poll(2) of an attempt without waiting.  On a busy
 * machine the thread may not come so far at first.
 */
static void expect_cancelled(unsigned flags, int polls, int result)
{
	struct lf_lock *lock;

	for (int ms = 20, failed = 0; !failed; ms *= 2) {
		atomic_store(&polls_to_pass, polls);
		atomic_store(&polls_of_caller, 0);
		faulty_before(POLL, interrupt_after_cancellation);
		assert_int_equal(lf_acquire(&lock, lock_path, ms, flags),
				 result);
		faulty_before(NOTHING, NULL);
		failed = faulty_clear();
	}
}

/* As with musl, where a cancellation interrupts poll(2). */
TEST(a_cancelled_wait_is_no_interrupted_one)
{
	int fd = (open)(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	needs(has_flock(), "flock(2)");
	assert_int_equal((flock)(fd, LOCK_EX), 0);
	expect_cancelled(LF_FLOCK, 10, -ETIMEDOUT);
	assert_int_equal((flock)(fd, LOCK_UN), 0);
	needs((fcntl)(fd, F_SETLEASE, F_WRLCK) == 0, "leases");
	signal(SIGIO, SIG_IGN);
	expect_cancelled(0, 0, -EBUSY);
	(close)(fd);
}

/* Once: until the other thread has the lock. */
static void await_lock(void)
{
	faulty_before(NOTHING, NULL);
	while (!exists(lock_path))
		sched_yield();
	(poll)(NULL, 0, 20);
}

TEST(a_start_that_fails_releases_what_it_has_got)
{
	struct lf_lock *lock;

	faulty_before(POLL, await_lock);
	faulty_set(POLL, 1, true, ENOMEM);
	assert_int_equal(lf_start(&lock, lock_path, 0), -ENOMEM);
	faulty_clear();
	assert_null(lock);
	assert_false(exists(lock_path));
}

/* fcntl(2) has no such answer to a call that waits. */
TEST(a_wait_that_a_server_ends_as_refused_is_EIO)
{
	struct lf_lock *lock;
	pid_t holder;

	needs_locks_of_descriptions();
	holder = holder_new(take_without_tag, NULL);
	faulty_set(F_OFD_SETLKW_, 1, true, EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, LF_FOREVER, 0), -EIO);
	assert_int_not_equal(faulty_clear(), 0);
	holder_release(holder);
}

/* As where threads of the program need more than that for their data. */
TEST(a_wait_goes_on_where_a_small_stack_is_refused)
{
	struct actor *actor = actor_holder(0);
	struct lf_lock *lock;

	faulty_set(THREAD, 1, false, EINVAL);
	assert_int_equal(lf_acquire(&lock, lock_path, 20, 0), -ETIMEDOUT);
	assert_int_equal(faulty_clear(), 1);
	actor_release(actor);
}

static void *acquire_in_directory(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	return lf_acquire(&lock, "a/lock", 0, 0) == 0 ? lock : NULL;
}

/* The name of a file is one in the directory from which it will be removed. */
TEST(a_directory_that_is_replaced_before_the_file_is_created_keeps_none)
{
	struct lf_lock *lock;
	pthread_t thread;
	void *got;

	assert_int_equal(mkdir("a", 0777), 0);
	faulty_block(CREATE, "a/lock");
	(pthread_create)(&thread, NULL, acquire_in_directory, NULL);
	faulty_await();
	assert_int_equal(rename("a", "b"), 0);
	assert_int_equal(mkdir("a", 0777), 0);
	faulty_unblock();
	pthread_join(thread, &got);
	lock = got;
	assert_non_null(lock);
	assert_true(exists("a/lock"));
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(rmdir("a"), 0);
	assert_int_equal(rmdir("b"), 0);
}

TEST(a_file_that_is_to_be_kept_stays_after_a_failure)
{
	struct lf_lock *lock;

	faulty_set(FSTATAT, 1, false, EIO);
	assert_int_equal(lf_acquire(&lock, "lock", 0, LF_KEEP), -EIO);
	assert_int_equal(faulty_clear(), 1);
	assert_true(exists(lock_path));
	assert_free(lock_path);
}

/* Another program may have locked the one byte that a remover only asks about. */
TEST(a_file_stays_if_it_is_unknown_whether_it_is_locked)
{
	struct lf_lock *lock;

	needs_shared_locks();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	faulty_set(F_OFD_GETLK_, 1, true, EIO);
	lf_release(&lock);
	assert_true(faulty_clear() > 0);
	assert_true(exists(lock_path));
	assert_free(lock_path);
}

/* The program has more thread-local data than the stack has room. */
TEST(a_stack_that_is_too_small_is_replaced)
{
	struct lf_lock *lock;

	faulty_set(THREAD, 1, false, EINVAL);
	assert_int_equal(lf_acquire(&lock, lock_path, LONG_MS, 0), 0);
	assert_int_equal(faulty_clear(), 1);
	assert_int_equal(lf_release(&lock), 0);
}

static void begin_one_wait_of_two(enum faulty call, int error, int result)
{
	struct actor *one = actor_process_on("one");
	struct actor *two = actor_process_on("two");
	struct lf_lock *first, *second;
	int descriptors;

	actor_must(one, ACQUIRE, 0, 0);
	actor_must(two, ACQUIRE, 0, 0);
	assert_int_equal(lf_start(&first, "one", 0), 0);
	descriptors = open_descriptors();
	faulty_set(call, 1, true, error);
	assert_int_equal(lf_start(&second, "two", 0), result);
	assert_int_not_equal(faulty_clear(), 0);
	assert_null(second);
	assert_int_equal(open_descriptors(), descriptors);
	actor_release(two);
	assert_false(exists("two"));
	actor_release(one);
	assert_int_equal(lf_finish(&first), 0);
	assert_int_equal(lf_release(&first), 0);
	assert_false(exists("one"));
}

TEST(a_wait_that_cannot_be_begun_leaves_those_before_it)
{
	begin_one_wait_of_two(THREAD, EAGAIN, -ENOMEM);
	begin_one_wait_of_two(PIPE, EMFILE, -EMFILE);
	begin_one_wait_of_two(MALLOC, ENOMEM, -ENOMEM);
	begin_one_wait_of_two(CALLOC, ENOMEM, -ENOMEM);
}

TEST(flags_that_cannot_be_set_are_an_error)
{
	struct lf_lock *lock;

	needs(has_flock(), "flock(2)");
	faulty_set(F_SETFL_, 1, true, ENOMEM);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_FLOCK), -ENOMEM);
	assert_int_not_equal(faulty_clear(), 0);
	assert_free(lock_path);
}

/* It may be the record lock itself, so that nothing is known to be locked twice. */
TEST(flock_of_a_server_that_keeps_the_locks_is_not_taken)
{
	struct lf_lock *lock;
	int rc;

	needs(has_flock(), "flock(2)");
	needs_known_file_systems();
	needs_locks_of_descriptions();
	faulty_file_system(FUSE);
	faulty_hide_locks(true);
	faulty_set(FLOCK, 1000000, false, EIO); /* counted only */
	rc = lf_acquire(&lock, lock_path, 0, LF_FLOCK);
	/* Not even tried before the kind of the lock is known. */
	assert_int_equal(faulty_calls(), rc == 0);
	faulty_clear();
	faulty_hide_locks(false);
	if (rc == 0) {
		assert_int_equal(lf_backend(lock), LF_BACKEND_FCNTL);
		assert_held(lock_path);
		assert_true(lf_release(&lock) >= 0);
	} else {
		assert_int_equal(rc, -ENOLCK);
	}
	faulty_file_system(0);
	assert_free(lock_path);
}

/* A client answers from its cache; the directory is read again. */
TEST(a_name_that_a_client_has_forgotten_is_asked_again)
{
	struct lf_lock *lock;

	needs_known_file_systems();
	make_file(lock_path, 0666);
	faulty_file_system(NFS);
	faulty_set(OPENAT, 1, false, ENOENT);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_NOCREATE | LF_KEEP),
			 0);
	assert_int_equal(faulty_clear(), 1);
	assert_int_equal(lf_release(&lock), 0);
	faulty_set(OPENAT, 1, true, ENOENT);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_NOCREATE | LF_KEEP),
			 -ENOENT);
	assert_int_not_equal(faulty_clear(), 0);
	faulty_file_system(0);
}

TEST(a_name_that_cannot_be_asked_again_is_missing)
{
	struct lf_lock *lock;

	needs_known_file_systems();
	faulty_file_system(NFS);
	faulty_set(STRDUP, 1, true, ENOMEM);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_NOCREATE), -ENOENT);
	assert_int_equal(faulty_clear(), 1);
	faulty_file_system(0);
}

/* The kernel's answer to a lease; of a server that gives it for ever it is an error. */
TEST(a_server_that_refuses_as_for_a_lease_is_EIO)
{
	struct lf_lock *lock;

	needs_known_file_systems();
	needs_proc_with_locks();
	make_file(lock_path, 0666);
	faulty_file_system(NFS);
	faulty_set(CREATE, 1, true, EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), -EIO);
	assert_true(faulty_clear() > 1);
	faulty_set(CREATE, 1, false, EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_int_equal(faulty_clear(), 1);
	assert_int_equal(lf_release(&lock), 0);
	faulty_file_system(0);
}

static int lease(void *argument)
{
	const struct gate *gates = argument;
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);

	demand(fd >= 0);
	if ((fcntl)(fd, F_SETLEASE, F_WRLCK) < 0)
		return IMPOSSIBLE;
	gate_open(gates[0]);
	gate_pass(gates[1]);
	return 0;
}

TEST(a_lease_that_the_kernel_lists_is_EBUSY_there_too)
{
	struct gate gates[2] = { gate_new(), gate_new() };
	struct lf_lock *lock;
	pid_t pid;

	needs_known_file_systems();
	needs_proc_with_locks();
	make_file(lock_path, 0666);
	pid = child_start(lease, gates);
	gate_pass(gates[0]);
	faulty_file_system(NFS);
	faulty_set(CREATE, 1, true, EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), -EBUSY);
	assert_int_equal(faulty_clear(), 1);
	faulty_file_system(0);
	gate_open(gates[1]);
	assert_finish(pid);
	gate_free(gates[0]);
	gate_free(gates[1]);
}

TEST(where_mounts_cannot_be_read_a_file_system_is_an_error)
{
	struct lf_lock *lock;
	struct lf_fs *fs;

	needs_known_file_systems();
	faulty_set(FOPEN, 1, true, EMFILE);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_GLOBAL), -EMFILE);
	assert_int_not_equal(faulty_clear(), 0);
	assert_false(exists(lock_path));
	faulty_set(STRDUP, 1, true, ENOMEM);
	assert_int_equal(lf_inspect_fs("./missing", &fs), -ENOMEM);
	assert_int_equal(faulty_clear(), 1);
	assert_null(fs);
}

TEST(a_file_in_the_root_directory_can_be_locked)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, "/no/such/lock", 0, 0), -ENOENT);
	assert_int_equal(lf_acquire(&lock, "/no-such-lock-file", 0, LF_NOCREATE),
			 -ENOENT);
}

/* --- Convert */

static void share_in_vain(unsigned flags, enum faulty call)
{
	struct lf_lock *lock;

	needs_shared_locks();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
	faulty_set(call, 1, false, EIO);
	assert_int_equal(lf_convert(lock, 0, LF_SHARED), -EIO);
	assert_int_equal(faulty_clear(), 1);
	assert_int_equal(child_run(try_to_share, lock_path), EAGAIN);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(an_exclusive_lock_that_cannot_be_shared_stays_exclusive)
{
	share_in_vain(0, F_OFD_SETLK_);
}

TEST(nor_is_one_of_which_flock_cannot)
{
	needs(has_flock(), "flock(2)");
	share_in_vain(LF_FLOCK, FLOCK);
}

static int share_between(void *argument)
{
	const struct gate *gates = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED) == 0);
	gate_open(gates[0]);
	gate_pass(gates[1]);
	demand(lf_release(&lock) >= 0);
	return 0;
}

TEST(an_upgrade_that_cannot_wait_leaves_a_shared_lock)
{
	struct gate gates[2] = { gate_new(), gate_new() };
	struct lf_lock *lock;
	pid_t sharer;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	sharer = child_start(share_between, gates);
	gate_pass(gates[0]);
	faulty_set(THREAD, 1, true, EAGAIN);
	assert_int_equal(lf_convert(lock, LONG_MS, 0), -ENOMEM);
	assert_int_not_equal(faulty_clear(), 0);
	assert_int_equal(child_run(try_to_share, lock_path), 0);
	assert_int_equal(lf_verify(lock), 0);
	gate_open(gates[1]);
	assert_finish(sharer);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	gate_free(gates[0]);
	gate_free(gates[1]);
}

TEST(a_lock_that_lost_its_descriptor_does_not_convert)
{
	struct lf_lock *lock;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	(close)(lf_fileno(lock));
	assert_int_equal(lf_convert(lock, 0, LF_SHARED), -EBADF);
	assert_int_equal(lf_release(&lock), -EBADF);
}

/* --- Verify */

static int verify(void *lock)
{
	return -lf_verify(lock);
}

/* Whoever it belongs to. */
TEST(a_child_finds_the_lock_of_its_parent_in_place)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_child(verify, lock);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_file_that_cannot_be_examined_is_not_verified)
{
	int fd = (openat)(AT_FDCWD, lock_path, O_CREAT | O_RDWR, 0666);
	struct lf_lock *lock;

	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), 0);
	for (int nth = 1; nth <= 2; nth++) {
		faulty_set(FSTAT, nth, false, EIO);
		assert_int_equal(lf_verify(lock), nth == 1 ? 0 : -EIO);
		faulty_clear();
	}
	assert_int_equal(lf_release(&lock), 0);
	(close)(fd);
}

TEST(nor_is_it_adopted)
{
	int fd = (openat)(AT_FDCWD, lock_path, O_CREAT | O_RDWR, 0666);
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), 0);
	for (int nth = 1; nth <= 2; nth++) {
		faulty_set(FSTAT, nth, false, EIO);
		assert_int_equal(lf_adopt(lock), nth == 1 ? 0 : -EIO);
		assert_int_equal(faulty_clear(), 1);
	}
	assert_int_equal(lf_release(&lock), 0);
	(close)(fd);
}

/* --- What lists locks and processes */

TEST(without_a_list_nobody_is_known_to_wait_or_to_end)
{
	struct lf_dying dying;
	struct lf_lock *lock;

	needs_proc_with_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	faulty_set(OPENAT, 1, true, EMFILE);
	assert_false(lf_body_has_waiter(lock));
	assert_int_not_equal(faulty_clear(), 0);
	assert_int_equal(lf_release(&lock), 0);
	faulty_set(OPENDIR, 1, true, EMFILE);
	lf_dying_find(&dying);
	assert_int_equal(faulty_clear(), 1);
	assert_int_equal(dying.count, 0);
	assert_false(lf_dying_remain(&dying));
	lf_dying_free(&dying);
}

TEST(a_process_that_cannot_be_read_is_not_waited_for)
{
	struct lf_dying dying = { .count = 1 };

	needs_proc_with_locks();
	dying.pids = (calloc)(1, sizeof(*dying.pids));
	dying.pids[0] = getpid();
	faulty_set(READ, 1, true, EIO);
	assert_false(lf_dying_remain(&dying));
	assert_int_not_equal(faulty_clear(), 0);
	lf_dying_free(&dying);
}

TEST(without_a_list_the_report_on_a_free_file_is_partial)
{
	struct lf_report *report;

	needs_proc_with_locks();
	make_file(lock_path, 0666);
	faulty_set(OPENAT, 1, false, EACCES);
	assert_int_equal(lf_inspect(lock_path, &report), 0);
	assert_int_equal(faulty_clear(), 1);
	assert_true(lf_report_partial(report));
	assert_true(lf_report_flock(report) < 0);
	lf_report_free(report);
}

/* So many locks that their list has several parts. */
#define LOCKS 1500

static int lock_bytes(void)
{
	int fd = (openat)(AT_FDCWD, "bytes", O_CREAT | O_RDWR, 0666);

	assert_true(fd >= 0);
	for (int i = 0; i < LOCKS; i++) {
		struct flock byte = { .l_type = F_WRLCK, .l_start = 2 * i,
				      .l_len = 1 };

		assert_int_equal((fcntl)(fd, F_SETLK, &byte), 0);
	}
	return fd;
}

TEST(a_long_list_is_complete_or_an_error)
{
	int fd;

	needs_proc_with_locks();
	fd = lock_bytes();
	for (int nth = 1, failed = 1; failed; nth++) {
		struct lf_lock_list list;
		int rc;

		faulty_set(REALLOC, nth, false, ENOMEM);
		rc = lf_list_locks(&list);
		failed = faulty_clear();
		assert_int_equal(rc, failed ? -ENOMEM : 0);
		if (rc == 0) {
			assert_true(list.count >= LOCKS);
			lf_lock_list_free(&list);
		}
	}
	(close)(fd);
}

TEST(a_long_list_of_a_descriptor_is_complete_or_an_error)
{
	struct stat file;
	int fd;

	needs_proc_with_locks();
	fd = lock_bytes();
	assert_int_equal((fstat)(fd, &file), 0);
	for (int nth = 1, failed = 1; failed; nth++) {
		int rc;

		faulty_set(REALLOC, nth, false, ENOMEM);
		rc = lf_process_has_lock(0, &file, lf_is_body);
		failed = faulty_clear();
		assert_true(failed ? rc < 0 : rc == 0);
	}
	(close)(fd);
}

TEST(a_lease_is_listed_or_an_error)
{
	int fd = (openat)(AT_FDCWD, "leased", O_CREAT | O_RDWR, 0666);

	needs_proc_with_locks();
	needs((fcntl)(fd, F_SETLEASE, F_WRLCK) == 0, "leases");
	for (int nth = 1, failed = 1; failed; nth++) {
		struct lf_lock_list list;
		int rc;

		faulty_set(REALLOC, nth, false, ENOMEM);
		rc = lf_list_leases(&list);
		failed = faulty_clear();
		assert_int_equal(rc, failed ? -ENOMEM : 0);
		if (rc == 0) {
			assert_true(list.lease_count > 0);
			lf_lock_list_free(&list);
		}
	}
	(close)(fd);
}

TEST(the_parent_of_a_process_that_cannot_be_read_is_unknown)
{
	unsigned long long start_time;
	pid_t parent;
	int process;

	needs_proc_with_locks();
	process = lf_process_open(getpid());
	assert_true(process >= 0);
	faulty_set(READ, 1, true, EIO);
	assert_int_equal(lf_process_parent(process, &parent, &start_time), -EIO);
	assert_int_equal(faulty_clear(), 1);
	(close)(process);
}

/* Few files are kept open during an inspection if the limit is low. */
static int inspect_with_few_descriptors(void *unused)
{
	struct rlimit limit = { 32, 32 };
	const char *paths[40];
	struct lf_report *reports[40];

	(void)unused;
	for (int i = 0; i < 40; i++)
		paths[i] = lock_path;
	demand(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	demand(lf_inspect_all(reports, paths, 40) == 1);
	for (int i = 0; i < 40; i++) {
		demand(lf_report_status(reports[i]) == 1);
		lf_report_free(reports[i]);
	}
	return 0;
}

TEST(many_files_are_inspected_with_few_descriptors)
{
	struct lf_lock *lock;

	needs_proc_with_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_child(inspect_with_few_descriptors, NULL);
	assert_int_equal(lf_release(&lock), 0);
}
