/* SPDX-License-Identifier: 0BSD */
/*
 * What the tests of the library share: how a test is defined, what it needs,
 * and its files in a directory of its own.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include "waiters.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/types.h>
#include <unistd.h>

/* --- Tests */

/*
 * A test, named once: TEST(name) { ... }.  It runs in a new empty directory,
 * PLAIN_TEST(name) where the program was started.  A constructor adds the test
 * to the list of the program.  Constructors run in an order that no standard
 * fixes, so each one passes its line, and the tests run in the order of lines.
 */
#define TEST(name) TEST_BETWEEN(name, enter_directory, leave_directory)
#define PLAIN_TEST(name) TEST_BETWEEN(name, NULL, NULL)
#define TEST_BETWEEN(name, set_up, tear_down) \
	static void name(void); \
	__attribute__((__constructor__)) static void add_##name(void) \
	{ \
		static struct test test = { \
			.unit = { #name, test_run, set_up, tear_down, &test }, \
			.body = name, \
			.line = __LINE__, \
		}; \
		test_add(&test); \
	} \
	static void name(void)

struct test {
	struct CMUnitTest unit;
	void (*body)(void);
	int line;
	struct test *next;
};

void test_add(struct test *test);
void test_run(void **test);

/* In seconds: only a test that hangs takes so long. */
#define LONGEST 300

/* In milliseconds: long enough that only a failure waits it out. */
#define LONG_MS 60000

/*
 * Return what main() returns.  The harness has a main() that runs all tests, or the
 * one that LF_TEST names.
 */
int run_all_tests(const char *name);
int skip_all_tests(const char *reason);

/* As many as LF_ROUNDS says, where make check-long sets it, or USUAL. */
int rounds(int usual);

/* --- What a test needs */

/* Prints the reason, in TAP, and skips the test. */
#define skip_because(reason) \
	do { \
		print_message("# SKIP %s: %s\n", __func__, reason); \
		skip(); \
	} while (0)

#define needs(condition, what) \
	do { \
		if (!(condition)) \
			skip_because("needs " what); \
	} while (0)

/* Elsewhere a process that has ended has no PID, and /proc/locks skips its locks. */
#define needs_initial_pid_namespace() \
	needs(is_in_initial_pid_namespace(), "the initial PID namespace")
#define needs_root(purpose) needs(geteuid() == 0, "root, " purpose)

/* Locks of the process are weaker by their nature. */
#define needs_locks_of_descriptions() \
	needs(has_description_locks(), "open-file-description locks")

/* lockf(3) cannot report the holder. */
#define needs_holders_with_names() \
	needs(shows_holders(), "locks that show their holder")

/* lockf(3) has exclusive locks only. */
#define needs_shared_locks() needs(has_shared_locks(), "shared locks")

/* The marks depend on what serves the file system. */
#define needs_known_file_systems() \
	needs(knows_file_systems(), "to know what serves a file")

/* Without it a process that keeps the tag for long is taken for the holder. */
#define needs_proc_with_locks() \
	needs(shows_locks_of_processes(), "the locks of processes in proc(5)")

/* The thread sanitizer ends a child that starts a thread after such a fork. */
#if defined __has_feature
# define has_feature(feature) __has_feature(feature)
#else
# define has_feature(feature) 0
#endif
#if defined __SANITIZE_THREAD__ || has_feature(thread_sanitizer)
# define needs_threads_after_a_fork_beside_threads() \
	skip_because("the thread sanitizer does not let a child have threads")
# define needs_handlers_of_signals() \
	skip_because("the thread sanitizer calls handlers of signals later")
#else
# define needs_threads_after_a_fork_beside_threads() (void)0
# define needs_handlers_of_signals() (void)0
#endif

bool has_description_locks(void);
bool has_shared_locks(void);
bool shows_holders(void);
bool has_flock(void);
bool knows_file_systems(void);
bool is_in_initial_pid_namespace(void);
bool shows_locks_of_processes(void);

/*
 * The flags of processes that expect to be served in order: without flock(2)
 * there is no presence, and removing the file breaks the queue up.
 */
unsigned in_order(void);

/* --- Files */

/* "lock" in a new empty directory, which is the working directory too. */
extern char *lock_path;

/* Another path beside it; the next call overwrites it. */
const char *numbered(int i);

int enter_directory(void **state);
int leave_directory(void **state);

bool exists(const char *path);
void make_file(const char *path, mode_t mode);
void write_to(const char *path, const char *text);
void assert_content(const char *path, const char *text);
size_t entries(const char *directory);
int open_descriptors(void);

#endif
