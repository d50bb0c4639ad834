/* SPDX-License-Identifier: 0BSD */
/*
 * An identity is not a number: neither a PID, which a child may have too, nor
 * the number of a descriptor, which another file may get, is a lock.
 */
#include "config.h"

#include "identity.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child, which must not outlive a test that failed. */
static pid_t start_raw(int (*body)(void *), void *argument)
{
	pid_t pid = raw_fork();

	if (pid == 0) {
		alarm(60);
		_exit(body(argument));
	}
	return pid;
}

/* --- A child without hooks */

static int release_inherited(void *argument)
{
	struct lf_lock *lock = argument;

	demand(lf_release(&lock) == 0);
	demand(!lock);
	return 0;
}

TEST(a_child_of_a_raw_clone_does_not_release_the_lock_of_its_parent)
{
	struct lf_lock *lock;

	for (unsigned flags = 0; flags <= LF_KEEP; flags++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
		assert_finish(start_raw(release_inherited, lock));
		assert_true(exists(lock_path));
		assert_int_equal(lf_verify(lock), 0);
		assert_held(lock_path);
		assert_int_equal(lf_release(&lock), 0);
		assert_free(lock_path);
		unlink(lock_path);
	}
}

struct heir {
	struct lf_lock *lock;
	struct gate adopted, may_go;
};

static struct heir heir_new(void)
{
	return (struct heir){ NULL, gate_new(), gate_new() };
}

static void heir_free(struct heir *heir)
{
	gate_free(heir->adopted);
	gate_free(heir->may_go);
}

static int adopt_and_keep(void *argument)
{
	struct heir *heir = argument;
	int rc = lf_adopt(heir->lock);

	gate_open(heir->adopted);
	demand(rc == 0);
	gate_pass(heir->may_go);
	demand(lf_release(&heir->lock) == 0);
	return 0;
}

TEST(a_child_of_a_raw_clone_keeps_the_lock_that_it_adopted)
{
	struct heir heir;
	pid_t child;

	needs_locks_of_descriptions();
	needs_threads_after_a_fork_beside_threads();
	heir = heir_new();
	for (unsigned flags = 0; flags <= LF_KEEP; flags++) {
		assert_int_equal(lf_acquire(&heir.lock, lock_path, 0, flags),
				 0);
		child = start_raw(adopt_and_keep, &heir);
		gate_pass(heir.adopted);
		assert_int_equal(lf_release(&heir.lock), 0);
		assert_true(exists(lock_path));
		assert_held(lock_path);
		gate_open(heir.may_go);
		assert_finish(child);
		assert_free(lock_path);
	}
	heir_free(&heir);
}

/* --- Processes with the same PID */

/* Runs BODY as process 1 of a new namespace. */
static int run_as_first(int (*body)(void *), void *argument)
{
	if (unshare(CLONE_NEWPID) < 0)
		return IMPOSSIBLE;
	return child_run(body, argument);
}

static int check_own_release(void *argument)
{
	demand(getpid() == 1);
	return release_inherited(argument);
}

static int try_later(void *released)
{
	gate_pass(*(struct gate *)released);
	return try_lock(lock_path);
}

static int hold_beside_a_namesake(void *unused)
{
	struct gate released = gate_new();
	struct lf_lock *lock;
	pid_t rival;

	(void)unused;
	demand(getpid() == 1);
	demand(lf_acquire(&lock, lock_path, 0, 0) == 0);
	/* Once the new namespace has ended, no child can be forked. */
	rival = child_start(try_later, &released);
	demand(run_as_first(check_own_release, lock) == 0);
	demand(exists(lock_path));
	demand(lf_verify(lock) == 0);
	gate_open(released);
	demand(child_finish(rival) == EAGAIN);
	demand(lf_release(&lock) == 0);
	demand(!exists(lock_path));
	return 0;
}

static int in_a_namespace(void *body)
{
	int (**function)(void *) = body;

	return run_as_first(*function, NULL);
}

TEST(a_child_with_the_PID_of_its_parent_does_not_release_its_lock)
{
	int (*body)(void *) = hold_beside_a_namesake;

	needs_root("for a PID namespace");
	assert_child_if_possible(in_a_namespace, &body, "PID namespaces");
}

static int keep_as_first(void *argument)
{
	demand(getpid() == 1);
	return adopt_and_keep(argument);
}

static int pass_to_a_namesake(void *unused)
{
	struct heir heir = heir_new();
	pid_t child;

	(void)unused;
	demand(getpid() == 1);
	demand(lf_acquire(&heir.lock, lock_path, 0, 0) == 0);
	demand(unshare(CLONE_NEWPID) == 0);
	child = child_start(keep_as_first, &heir);
	gate_pass(heir.adopted);
	demand(lf_release(&heir.lock) == 0);
	demand(exists(lock_path));
	demand(lf_acquire(&heir.lock, lock_path, 0, 0) == -EAGAIN);
	gate_open(heir.may_go);
	demand(child_finish(child) == 0);
	demand(!exists(lock_path));
	return 0;
}

TEST(a_child_with_the_PID_of_its_parent_keeps_the_lock_that_it_adopted)
{
	int (*body)(void *) = pass_to_a_namesake;

	needs_root("for a PID namespace");
	needs_locks_of_descriptions();
	needs_threads_after_a_fork_beside_threads();
	assert_child_if_possible(in_a_namespace, &body, "PID namespaces");
}

/* --- Descriptors with the same number */

static int treat_log_as_lock(void *argument)
{
	struct lf_lock *lock = argument;

	demand(lf_fileno(lock) <= HIGHEST);
	demand(replace_all_descriptors() == 0);
	demand(lf_adopt(lock) == -EBADF);
	demand(lf_verify(lock) == -EBADF);
	demand(lf_release(&lock) == -EBADF);
	demand(!lock);
	demand(count_logs() == HIGHEST - LOWEST + 1);
	return 0;
}

TEST(a_number_that_another_file_has_got_is_no_lock_in_a_child)
{
	struct lf_lock *lock;

	for (unsigned flags = 0; flags <= LF_KEEP; flags++) {
		write_to(log_path(), LOG);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
		assert_child(treat_log_as_lock, lock);
		assert_content(log_path(), LOG);
		assert_int_equal(lf_verify(lock), 0);
		assert_true(exists(lock_path));
		assert_int_equal(lf_release(&lock), 0);
	}
}

/* A refused attempt leaves its descriptor open, since a close would drop locks. */
static int acquire_and_park(struct lf_lock **lock, unsigned flags)
{
	struct lf_lock *refused;

	demand(lf_acquire(lock, lock_path, 0, flags) == 0);
	demand(lf_acquire(&refused, lock_path, 0, LF_KEEP) == -EAGAIN);
	return 0;
}

static int acquire_and_lose(void *flags)
{
	struct lf_lock *lock;

	demand(acquire_and_park(&lock, *(unsigned *)flags) == 0);
	return treat_log_as_lock(lock);
}

TEST(a_number_that_another_file_has_got_is_no_lock)
{
	unsigned flags[] = { 0, LF_KEEP, LF_PID };

	for (int i = 0; i < 3; i++) {
		write_to(log_path(), LOG);
		assert_child(acquire_and_lose, &flags[i]);
		assert_content(log_path(), LOG);
		assert_free(lock_path);
		unlink(lock_path);
	}
}

static int lose_all_but_the_lock(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(acquire_and_park(&lock, LF_KEEP) == 0);
	demand(replace_all_descriptors_but(lf_fileno(lock)) == 0);
	demand(lf_verify(lock) == 0);
	demand(lf_release(&lock) == 0);
	demand(count_logs() == HIGHEST - LOWEST);
	return 0;
}

TEST(a_number_that_another_file_has_got_is_not_closed_with_the_lock)
{
	write_to(log_path(), LOG);
	assert_child(lose_all_but_the_lock, NULL);
	assert_free(lock_path);
}

/* The directory of the file has a descriptor too, which the program does not know. */
static int lose_the_directory(void *path)
{
	bool is_absolute = *(const char *)path == '/';
	struct lf_lock *lock;

	demand(lf_acquire(&lock, path, 0, 0) == 0);
	demand(replace_all_descriptors_but(lf_fileno(lock)) == 0);
	demand(lf_verify(lock) == 0);
	/* LF_LEFT: from which directory it could be removed is unknown. */
	demand(lf_release(&lock) == (is_absolute ? 0 : LF_LEFT));
	demand(exists(lock_path) == !is_absolute);
	demand(count_logs() == HIGHEST - LOWEST);
	return 0;
}

TEST(a_number_that_another_file_has_got_is_no_directory)
{
	write_to(log_path(), LOG);
	assert_child(lose_the_directory, lock_path);
	assert_child(lose_the_directory, strrchr(lock_path, '/') + 1);
	assert_free(lock_path);
}

/* The lock that the path names now is another one. */
static int lose_the_directory_and_the_file(void *path)
{
	struct lf_lock *lock;

	demand(lf_acquire(&lock, path, 0, 0) == 0);
	demand(replace_all_descriptors_but(lf_fileno(lock)) == 0);
	demand(unlink(lock_path) == 0);
	demand(lf_verify(lock) == -ESTALE);
	make_file(lock_path, 0666);
	demand(lf_verify(lock) == -ESTALE);
	demand(lf_release(&lock) == LF_REPLACED);
	demand(exists(lock_path));
	return 0;
}

TEST(a_file_that_was_replaced_stays_where_the_directory_is_lost)
{
	/* Elsewhere a child may have adopted the lock, and removed the file. */
	needs_known_file_systems();
	write_to(log_path(), LOG);
	assert_child(lose_the_directory_and_the_file, lock_path);
	unlink(lock_path);
	assert_child(lose_the_directory_and_the_file,
		     strrchr(lock_path, '/') + 1);
}

/* By each path, kept or not. */
static void adopt_by(int (*body)(void *), const char *name)
{
	const char *paths[] = { name, absolute_path(name) };
	struct lf_lock *lock;

	for (int i = 0; i < 4; i++) {
		assert_int_equal(lf_acquire(&lock, paths[i % 2], 0,
					    i / 2 ? LF_KEEP : 0),
				 0);
		assert_child(body, lock);
		assert_int_equal(lf_release(&lock), 0);
		assert_free(name);
		unlink(name);
	}
}

static void close_all_but(int kept)
{
	for (int fd = LOWEST; fd <= HIGHEST; fd++)
		if (fd != kept)
			close(fd);
}

static int adopt_with_one_descriptor(void *argument)
{
	struct lf_lock *lock = argument;
	bool is_absolute = *lf_path(lock) == '/';
	int rc;

	close_all_but(lf_fileno(lock));
	demand(lf_adopt(lock) == 0);
	demand(lf_verify(lock) == 0);
	rc = lf_release(&lock);
	demand(rc == 0 || (rc == LF_LEFT && !is_absolute));
	return 0;
}

TEST(a_child_that_closed_all_but_the_lock_can_adopt)
{
	needs_locks_of_descriptions();
	adopt_by(adopt_with_one_descriptor, "lock");
}

/* The directory of the second gets the number of the first one's. */
static int lock_another(void *path)
{
	struct lf_lock *first, *second;

	close_all_but(-1);
	demand(lf_acquire(&first, lock_path, 0, 0) == 0);
	close_all_but(lf_fileno(first));
	demand(lf_acquire(&second, path, 0, 0) == 0);
	demand(lf_verify(first) == 0);
	demand(lf_verify(second) == 0);
	demand(lf_release(&first) == 0);
	demand(!exists(lock_path));
	demand(lf_verify(second) == 0);
	demand(lf_release(&second) == 0);
	demand(!exists(path));
	return 0;
}

TEST(a_number_that_another_lock_has_got_is_no_directory)
{
	char elsewhere[] = "other/lock", beside[] = "lock2";

	assert_int_equal(mkdir("other", 0755), 0);
	assert_child(lock_another, elsewhere);
	assert_child(lock_another, beside);
}

/* The directory of the one gets the number that was the other's. */
static int adopt_both(void *argument)
{
	struct lf_lock **locks = argument;

	for (int fd = LOWEST; fd <= HIGHEST; fd++)
		if (fd != lf_fileno(locks[0]) && fd != lf_fileno(locks[1]))
			close(fd);
	demand(lf_adopt(locks[1]) == 0);
	demand(lf_adopt(locks[0]) == 0);
	demand(lf_verify(locks[0]) == 0);
	demand(lf_release(&locks[0]) == 0);
	demand(lf_verify(locks[1]) == 0);
	demand(lf_release(&locks[1]) == 0);
	return 0;
}

TEST(a_child_that_closed_all_but_two_locks_can_adopt_both)
{
	struct lf_lock *locks[2];

	needs_locks_of_descriptions();
	assert_int_equal(mkdir("other", 0755), 0);
	assert_int_equal(lf_acquire(&locks[0], lock_path, 0, 0), 0);
	assert_int_equal(lf_acquire(&locks[1], absolute_path("other/lock"), 0,
				    0),
			 0);
	assert_child(adopt_both, locks);
	assert_false(exists(lock_path));
	assert_false(exists("other/lock"));
	assert_int_equal(lf_release(&locks[0]), 0);
	assert_int_equal(lf_release(&locks[1]), 0);
}

#define OPENED (HIGHEST - LOWEST)

/* The numbers are those of the directory, as the program has opened it. */
static int open_the_directory(void *argument)
{
	struct lf_lock *lock = argument;
	int fd[OPENED];

	demand(lf_adopt(lock) == 0);
	close_all_but(lf_fileno(lock));
	for (int i = 0; i < OPENED; i++)
		fd[i] = open(".", O_RDONLY | O_DIRECTORY);
	demand(lf_release(&lock) == 0);
	for (int i = 0; i < OPENED; i++)
		demand(fcntl(fd[i], F_GETFD) >= 0);
	return 0;
}

TEST(a_directory_that_the_program_has_opened_is_not_closed)
{
	needs_locks_of_descriptions();
	adopt_by(open_the_directory, "lock");
}

TEST(a_lock_that_lost_its_descriptor_leaves_none)
{
	int before = open_descriptors();
	struct lf_lock *lock;

	for (unsigned flags = 0; flags <= LF_KEEP; flags++) {
		assert_int_equal(acquire_and_park(&lock, flags), 0);
		assert_true(open_descriptors() > before + 1);
		close(lf_fileno(lock));
		assert_int_equal(lf_release(&lock), -EBADF);
		assert_int_equal(open_descriptors(), before);
	}
}

/* --- The same while an acquisition is pending */

TEST(a_number_that_another_file_has_got_is_no_pipe)
{
	needs_known_file_systems();
	lose_while_waiting(lock_path, false);
	lose_while_waiting(lock_path, true);
}

/* --- A child that cannot follow the path */

static int adopt_in_another_directory(void *lock)
{
	demand(chdir("/") == 0);
	demand(lf_adopt(lock) == 0);
	return 0;
}

static int adopt_in_another_root(void *lock)
{
	demand(chroot("empty") == 0 && chdir("/") == 0);
	demand(lf_adopt(lock) == 0);
	return 0;
}

TEST(a_child_in_another_directory_can_adopt)
{
	needs_locks_of_descriptions();
	adopt_by(adopt_in_another_directory, "lock");
}

TEST(a_child_in_another_root_can_adopt)
{
	needs_root("for chroot(2)");
	needs_locks_of_descriptions();
	assert_int_equal(mkdir("empty", 0755), 0);
	adopt_by(adopt_in_another_root, "lock");
}

/* It needs no name to release a file that is kept at an absolute path. */
TEST(a_child_that_may_not_enter_the_directory_can_adopt)
{
	struct lf_lock *lock;

	needs_root("to become an ordinary user");
	needs_locks_of_descriptions();
	assert_int_equal(mkdir("private", 0700), 0);
	assert_int_equal(lf_acquire(&lock, absolute_path("private/lock"), 0,
				    LF_KEEP),
			 0);
	assert_child(adopt_as_ordinary, lock);
	assert_int_equal(lf_release(&lock), 0);
}

/* --- A library that is unloaded */

/* Its fork hooks and threads would run code that is gone. */
PLAIN_TEST(the_shared_library_stays_once_it_is_loaded)
{
	static const char name[] = "lib/.libs/liblockfile-fcntl.so";
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);

	needs(library, "the shared library below the working directory");
	assert_non_null(dlsym(library, "lf_acquire"));
	assert_int_equal(dlclose(library), 0);
	assert_non_null(dlopen(name, RTLD_NOW | RTLD_NOLOAD));
}

/* --- The PID in a file that is not only a lock file */

static int write_beyond_the_limit(void *unused)
{
	static const struct rlimit none = { 0, 0 };
	struct lf_lock *lock;
	sigset_t pending;

	(void)unused;
	demand(setrlimit(RLIMIT_FSIZE, &none) == 0);
	demand(lf_acquire(&lock, lock_path, 0, LF_PID) == -ENOSPC);
	demand(!lock);
	demand(sigpending(&pending) == 0);
	demand(!sigismember(&pending, SIGXFSZ));
	return 0;
}

TEST(a_limit_of_file_size_is_an_error_and_no_signal)
{
	assert_child(write_beyond_the_limit, NULL);
	assert_false(exists(lock_path));
}

/* In a child: fork(2) in a handler needs a process that has had no threads. */
static int start_with_pid(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(lf_start(&lock, lock_path, LF_PID) == -EMLINK);
	return 0;
}

TEST(a_file_with_another_name_gets_no_PID)
{
	static const char *const contents[] = { "", "4242\n" };
	struct lf_lock *lock;

	for (int i = 0; i < 2; i++) {
		write_to(log_path(), contents[i]);
		assert_int_equal(link(log_path(), lock_path), 0);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID),
				 -EMLINK);
		assert_null(lock);
		assert_child(start_with_pid, NULL);
		assert_content(log_path(), contents[i]);
		assert_free(lock_path);
		unlink(lock_path);
		unlink(log_path());
	}
}

/* --- A fork at any moment of a call */

static volatile sig_atomic_t forks, failures;

static void fork_in_handler(int signal)
{
	int saved = errno, status = 1;
	pid_t pid = fork();

	(void)signal;
	if (pid == 0)
		_exit(0);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	failures += pid < 0 || status != 0;
	forks++;
	errno = saved;
}

#define FORKS 300

static int lock_under_forks(void *unused)
{
	struct sigaction action = { .sa_handler = fork_in_handler,
				    .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { 0 };
	struct lf_lock *lock;

	(void)unused;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (forks < FORKS) {
		demand(lf_acquire(&lock, lock_path, 0, 0) == 0);
		demand(lf_verify(lock) == 0);
		demand(lf_release(&lock) == 0);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	demand(failures == 0);
	return 0;
}

/* The address sanitizer locks its allocator at a fork, libgcov its records at an end. */
#if defined __SANITIZE_ADDRESS__ || has_feature(address_sanitizer) || \
	defined TESTS_COVERAGE_H
# define needs_fork_in_handlers() \
	skip_because("the instruments hang at a fork in a handler")
#else
# define needs_fork_in_handlers() (void)0
#endif

TEST(a_fork_in_a_signal_handler_does_not_hang)
{
	needs_fork_in_handlers();
	assert_child(lock_under_forks, NULL);
	assert_false(exists(lock_path));
}

/* --- A descriptor that a child has too */

TEST(a_lock_does_not_stay_with_a_child_forked_before)
{
	check_parked(LF_KEEP, false);
	needs_shared_locks();
	check_parked(LF_KEEP | LF_SHARED, false);
}

TEST(a_lock_does_not_stay_with_a_child_of_a_raw_clone_before)
{
	needs_known_file_systems(); /* to know memory that a child has too */
	check_parked(LF_KEEP, true);
	needs_shared_locks();
	check_parked(LF_KEEP | LF_SHARED, true);
}

/* The tag alone would keep others out too. */
static int find_body(void *unused)
{
	struct flock body = { .l_type = F_WRLCK, .l_start = 1 };

	(void)unused;
	demand(fcntl(open(lock_path, O_RDWR), F_GETLK, &body) == 0);
	demand(body.l_type == F_RDLCK);
	return 0;
}

/* It would lose the new lock when the child releases its own. */
TEST(a_descriptor_of_an_adopter_is_not_used_again)
{
	const unsigned flags = LF_SHARED | LF_KEEP;
	struct lf_lock *second, *third;
	struct heir heir = heir_new();
	pid_t child;

	needs_locks_of_descriptions();
	needs_threads_after_a_fork_beside_threads();
	assert_int_equal(lf_acquire(&heir.lock, lock_path, 0, flags), 0);
	assert_int_equal(lf_acquire(&second, lock_path, 0, flags), 0);
	child = start_raw(adopt_and_keep, &heir);
	gate_pass(heir.adopted);
	assert_int_equal(lf_release(&heir.lock), 0); /* parked */
	assert_int_equal(lf_acquire(&third, lock_path, 0, flags), 0);
	gate_open(heir.may_go);
	assert_finish(child);
	assert_int_equal(lf_release(&second), 0);
	assert_child(find_body, NULL);
	assert_int_equal(lf_release(&third), 0);
	assert_free(lock_path);
	heir_free(&heir);
}

TEST(a_wait_that_lost_its_descriptors_closes_no_others)
{
	const char *paths[] = { lock_path, strrchr(lock_path, '/') + 1 };

	needs_known_file_systems();
	for (int i = 0; i < 4; i++)
		assert_int_equal(lose_while_waiting(paths[i % 2], i / 2),
				 HIGHEST - LOWEST + 1);
}

static void adopt_as_other_user(const char *path, unsigned flags)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, path, 0, flags), 0);
	assert_child(adopt_as_ordinary, lock);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_child_that_may_not_enter_the_directory_can_adopt_by_any_path)
{
	needs_root("to become an ordinary user");
	needs_locks_of_descriptions();
	assert_int_equal(mkdir("private", 0700), 0);
	adopt_as_other_user(absolute_path("private/lock"), 0);
	adopt_as_other_user("private/lock", 0);
	adopt_as_other_user("private/lock", LF_KEEP);
}
