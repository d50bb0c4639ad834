/* SPDX-License-Identifier: 0BSD */
/*
 * A file server does not answer: one system call on a file blocks.  That stops
 * its users alone, and no call with a bound.
 */
#include "config.h"

#include "actor.h"
#include "faulty.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Those of a first attempt; LOCK_DIRECTORY is opened by its path. */
static const enum faulty first_calls[] = { OPENAT,   CREATE,	   FSTAT,
					   FSTATFS,  F_SETLK_,	   FSTATAT,
					   F_OFD_SETLK_ };

#define CALLS (sizeof(first_calls) / sizeof(first_calls[0]))

static char directory[4200];

static const char *path_of(enum faulty call)
{
	snprintf(directory, sizeof(directory), "%.*s",
		 (int)strlen(lock_path) - 5, lock_path);
	return call == OPENAT ? directory : lock_path;
}

static bool is_made(enum faulty call)
{
	switch (call) {
	case F_OFD_SETLK_:
		return has_description_locks();
	case F_SETLK_:
	case UNLOCK:
		return has_shared_locks(); /* lockf(3) has none */
	case FLOCK:
		return has_flock() && has_description_locks(); /* presence */
	case FSTATFS:
		return knows_file_systems();
	default:
		return true;
	}
}

/* Whether the library makes the call, which blocks then. */
static bool blocks(enum faulty call)
{
	if (!is_made(call))
		return false;
	faulty_block(call, path_of(call));
	return true;
}

/* The thread that was left behind gives back what it gets. */
static bool nothing_stays(int descriptors)
{
	for (int look = 0; look_again(&look);)
		if (open_descriptors() == descriptors && !exists(lock_path))
			return true;
	return false;
}

static bool is_readable(int fd)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };

	return (poll)(&event, 1, 0) == 1;
}

TEST(a_call_with_a_bound_keeps_it)
{
	int before = open_descriptors();
	struct lf_lock *lock;

	for (size_t i = 0; i < CALLS; i++) {
		if (!blocks(first_calls[i]))
			continue;
		assert_int_equal(lf_acquire(&lock, lock_path, 10, 0),
				 -EHOSTUNREACH);
		assert_null(lock);
		faulty_await();
		faulty_unblock();
		assert_true(nothing_stays(before));
	}
}

static bool disappears(const char *path)
{
	for (int look = 0; look_again(&look);)
		if (!exists(path))
			return true;
	return false;
}

TEST(a_call_for_several_files_keeps_its_bound)
{
	const char *paths[] = { "0", "1", lock_path };
	int before = open_descriptors();
	struct lf_lock *locks[3];
	size_t failed;

	faulty_block(CREATE, lock_path);
	assert_int_equal(lf_acquire_all(locks, paths, 3, 0666, 1000, 0, &failed),
			 -EHOSTUNREACH);
	for (int i = 0; i < 3; i++)
		assert_null(locks[i]);
	assert_int_equal(failed, 2);
	assert_true(disappears("0"));
	assert_true(disappears("1"));
	faulty_unblock();
	assert_true(nothing_stays(before));
	assert_false(exists("0"));
	assert_false(exists("1"));
}

/*
 * What hangs is each fstatat() of "0": of the path in the working directory, and of
 * the name in the directory "a" once its lock is released.
 */
TEST(what_cannot_be_released_keeps_nothing_else)
{
	const char *paths[] = { "a/0", "./1", "0" };
	int before = open_descriptors();
	struct lf_lock *locks[3];

	assert_int_equal(mkdir("a", 0777), 0);
	faulty_block(FSTATAT, "0");
	assert_int_equal(lf_acquire_all(locks, paths, 3, 0666, 1000, 0, NULL),
			 -EHOSTUNREACH);
	assert_true(disappears("1"));
	assert_held("a/0");
	faulty_unblock();
	assert_true(nothing_stays(before));
	assert_false(exists("a/0"));
	assert_false(exists("0"));
}

/* The thread that was left behind does not go on to the next file. */
TEST(nothing_is_acquired_for_a_caller_that_has_gone)
{
	const char *paths[] = { "0", lock_path, "next" };
	int before = open_descriptors();
	struct lf_lock *locks[3];

	faulty_block(CREATE, lock_path);
	assert_int_equal(lf_acquire_all(locks, paths, 3, 0666, 1, 0, NULL),
			 -EHOSTUNREACH);
	faulty_set(CREATE, 100, false, EIO);
	faulty_unblock();
	assert_true(nothing_stays(before));
	assert_int_equal(faulty_calls(), 1);
	faulty_clear();
}

TEST(a_pending_lock_does_not_wait_for_the_first_attempt)
{
	int before = open_descriptors();
	struct lf_lock *lock;

	for (size_t i = 0; i < CALLS; i++) {
		if (!blocks(first_calls[i]))
			continue;
		assert_int_equal(lf_start(&lock, lock_path, 0), 0);
		faulty_await();
		assert_false(is_readable(lf_pending_fd(lock)));
		if (i % 2)
			assert_int_equal(lf_release(&lock), 0);
		faulty_unblock();
		if (i % 2 == 0) {
			assert_int_equal(lf_finish(&lock), 0);
			assert_held(lock_path);
			assert_int_equal(lf_release(&lock), 0);
		}
		assert_true(nothing_stays(before));
	}
}

/* It is readable at the end, and only then. */
TEST(a_pending_lock_that_begins_late_waits)
{
	struct actor *holder = actor_holder(0);
	struct lf_lock *lock;

	faulty_block(FSTAT, lock_path);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	faulty_unblock();
	assert_true(waiters_reach(lock_path, 1));
	assert_false(is_readable(lf_pending_fd(lock)));
	actor_begin(holder, RELEASE, 0, 0);
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(actor_result(holder), 0);
	assert_int_equal(lf_release(&lock), 0);
	actor_end(holder);
}

/* The program may be elsewhere by the time at which it is opened. */
TEST(an_unknown_working_directory_is_an_error)
{
	int before = open_descriptors();
	struct lf_lock *lock;

	assert_int_equal(mkdir("elsewhere", 0777), 0);
	faulty_block(OPENAT, ".");
	assert_int_equal(lf_start(&lock, "lock", 0), 0);
	assert_int_equal(chdir("elsewhere"), 0);
	faulty_unblock();
	assert_int_equal(lf_finish(&lock), -EIO);
	assert_false(exists("lock"));
	assert_true(nothing_stays(before));
}

/* The bound may be over by the time at which it was first tried. */
static void *open_the_gate(void *unused)
{
	faulty_await();
	(poll)(NULL, 0, 20);
	faulty_unblock();
	return unused;
}

TEST(a_free_lock_is_acquired_however_short_the_bound)
{
	struct lf_lock *lock;
	pthread_t thread;

	faulty_block(FSTAT, lock_path);
	assert_int_equal(pthread_create(&thread, NULL, open_the_gate, NULL), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 1, 0), 0);
	pthread_join(thread, NULL);
	assert_int_equal(lf_release(&lock), 0);
	faulty_block(FSTAT, lock_path);
	assert_int_equal(pthread_create(&thread, NULL, open_the_gate, NULL), 0);
	assert_int_equal(lf_acquire(&lock, "lock", 1, LF_NOCREATE), -ENOENT);
	make_file(lock_path, 0666);
	assert_int_equal(lf_acquire(&lock, "lock", 1, LF_NOCREATE), 0);
	pthread_join(thread, NULL);
	assert_int_equal(lf_release(&lock), 0);
}

/*
 * Once the caller has waited for the second that a server has: each wait that is in
 * vain takes two calls of poll(2).
 */
static void *open_the_gate_late(void *unused)
{
	faulty_await();
	while (faulty_calls() < 5)
		(poll)(NULL, 0, 1);
	faulty_unblock();
	return unused;
}

static int acquire_late(enum faulty call, bool busy, struct lf_lock **lock)
{
	pthread_t thread;
	int rc;

	if (busy)
		faulty_keep_busy(call, lock_path);
	else
		faulty_block(call, lock_path);
	faulty_set(POLL, 1000000, false, EIO); /* counted only */
	assert_int_equal(pthread_create(&thread, NULL, open_the_gate_late, NULL),
			 0);
	rc = lf_acquire(lock, lock_path, 10, 0);
	if (rc == -EHOSTUNREACH)
		fail_msg("it had no processor, or its file is on this machine");
	pthread_join(thread, NULL);
	faulty_clear();
	return rc;
}

/* Of a free lock, and of one that is held. */
static void assert_late_answers(enum faulty call, bool busy)
{
	struct actor *holder;
	struct lf_lock *lock;

	assert_int_equal(acquire_late(call, busy, &lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	holder = actor_holder(0);
	assert_int_equal(acquire_late(call, busy, &lock), -ETIMEDOUT);
	actor_release(holder);
}

TEST(a_thread_without_a_processor_is_no_file_server)
{
	needs(shows_locks_of_processes(), "the states of threads in proc(5)");
	assert_late_answers(FSTAT, true);
}

TEST(a_local_file_system_is_no_file_server)
{
	needs(knows_file_systems(), "to know what serves a file");
	needs_locks_of_descriptions();
	assert_late_answers(F_SETLK_, false);
}

TEST(several_files_of_which_one_is_held_are_ETIMEDOUT_however_short_the_bound)
{
	struct actor *holder = actor_holder(0);
	const char *paths[] = { "0", lock_path };
	struct lf_lock *locks[2];
	pthread_t thread;

	faulty_block(FSTAT, lock_path);
	assert_int_equal(pthread_create(&thread, NULL, open_the_gate, NULL), 0);
	assert_int_equal(lf_acquire_all(locks, paths, 2, 0666, 1, 0, NULL),
			 -ETIMEDOUT);
	pthread_join(thread, NULL);
	actor_release(holder);
	assert_false(exists("0"));
}

/* The thread that was left behind has ended, and closed its pipe. */
static void assert_thread_ends(int descriptors)
{
	for (int look = 0; open_descriptors() != descriptors && look_again(&look);)
		;
	assert_int_equal(open_descriptors(), descriptors);
}

/* A number of the caller's may be another file's by then, locked or not. */
static void assert_left_alone(enum faulty call, bool locked)
{
	int fd = (open)(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
	int before = open_descriptors(), other;
	struct lf_lock *lock;

	faulty_block(call, lock_path);
	assert_int_equal(lf_acquire_fd(&lock, fd, 10, 0), -EHOSTUNREACH);
	other = (open)("other", O_CREAT | O_RDWR | O_CLOEXEC, 0666);
	if (locked)
		assert_int_equal(lf_acquire_fd(&lock, other, 0, 0), 0);
	assert_int_equal(dup2(other, fd), fd);
	faulty_unblock();
	assert_thread_ends(before + 1);
	assert_free("lock");
	if (locked) {
		assert_held("other");
		assert_int_equal(lf_release(&lock), 0);
	} else {
		assert_free("other");
	}
	(close)(other);
	(close)(fd);
}

TEST(a_borrowed_descriptor_that_was_closed_is_left_alone)
{
	static const enum faulty calls[] = { FSTATFS, F_SETLK_, F_OFD_SETLK_ };

	needs_locks_of_descriptions();
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (is_made(calls[i]))
			assert_left_alone(calls[i], true);
}

/* Before the record locks: one that is asked for already is the kernel's to grant. */
TEST(the_file_that_has_got_its_number_is_not_locked)
{
	needs_locks_of_descriptions();
	needs(knows_file_systems(), "to know what serves a file");
	assert_left_alone(FSTATFS, false);
}

static int hold_other_by_flock(void *unused)
{
	int fd = (open)("other", O_CREAT | O_RDWR | O_CLOEXEC, 0666);

	(void)unused;
	demand(fd >= 0 && (flock)(fd, LOCK_EX) == 0);
	return 0;
}

/* The lock of flock(2) is refused, and what is given back then is not ours. */
TEST(nor_is_one_that_was_closed_before_flock_is_refused)
{
	int fd, other, before;
	struct lf_lock *lock;
	pid_t holder;

	needs_locks_of_descriptions();
	needs(has_flock(), "flock(2)");
	holder = holder_new(hold_other_by_flock, NULL);
	fd = (open)(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
	before = open_descriptors();
	faulty_block(FLOCK, lock_path);
	assert_int_equal(lf_acquire_fd(&lock, fd, 10, LF_FLOCK), -EHOSTUNREACH);
	other = (open)("other", O_RDWR | O_CLOEXEC);
	assert_int_equal(lf_acquire_fd(&lock, other, 0, 0), 0);
	assert_int_equal(dup2(other, fd), fd);
	faulty_unblock();
	assert_thread_ends(before + 1);
	assert_held("other");
	assert_int_equal(lf_release(&lock), 0);
	assert_kill(holder);
	(close)(other);
	(close)(fd);
}

/* --- Others go on */

static void *release(void *argument)
{
	struct lf_lock *lock = argument;

	return lf_release(&lock) < 0 ? argument : NULL;
}

static int use_other_file(void *path)
{
	struct lf_lock *lock;

	demand(lf_acquire(&lock, path, 0, 0) == 0);
	demand(lf_verify(lock) == 0);
	demand(lf_release(&lock) == 0);
	demand(lf_acquire(&lock, path, LF_FOREVER, 0) == 0);
	demand(lf_release(&lock) == 0);
	demand(lf_acquire(&lock, path, LONG_MS, 0) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_release_that_hangs_stops_no_other_file)
{
	static const enum faulty calls[] = { CLOSE, FSTAT, FLOCK, F_OFD_SETLK_,
					     UNLOCK };
	struct actor *holder = actor_process_on("held");

	needs_threads_after_a_fork_beside_threads();
	actor_must(holder, ACQUIRE, 0, 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct lf_lock *lock, *other;
		pthread_t thread;
		void *failed;

		if (!is_made(calls[i]))
			continue;
		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		faulty_block(calls[i], lock_path);
		assert_int_equal(pthread_create(&thread, NULL, release, lock),
				 0);
		faulty_await();
		assert_int_equal(use_other_file((void *)(uintptr_t)"other"), 0);
		assert_int_equal(lf_acquire(&other, "held", 200, 0),
				 -ETIMEDOUT);
		assert_int_equal(lf_start(&other, "held", 0), 0);
		assert_int_equal(lf_release(&other), 0);
		assert_child(use_other_file, (void *)(uintptr_t)"other");
		faulty_unblock();
		pthread_join(thread, &failed);
		assert_null(failed);
		assert_false(exists(lock_path));
	}
	actor_release(holder);
}

static void *acquire(void *unused)
{
	struct lf_lock *lock;

	if (lf_acquire(&lock, lock_path, 0, 0) < 0 || lf_release(&lock) < 0)
		return &directory;
	return unused;
}

TEST(an_acquisition_that_hangs_stops_no_other_file)
{
	needs_threads_after_a_fork_beside_threads();
	for (size_t i = 0; i < CALLS; i++) {
		pthread_t thread;
		void *failed;

		/* The directory is that of the others too. */
		if (!is_made(first_calls[i]) || first_calls[i] == OPENAT)
			continue;
		faulty_block(first_calls[i], lock_path);
		assert_int_equal(pthread_create(&thread, NULL, acquire, NULL),
				 0);
		faulty_await();
		assert_int_equal(use_other_file((void *)(uintptr_t)"other"), 0);
		assert_child(use_other_file, (void *)(uintptr_t)"other");
		faulty_unblock();
		pthread_join(thread, &failed);
		assert_null(failed);
	}
}
