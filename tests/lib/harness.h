/*
 * What the tests of the library share: a directory of their own, processes that
 * report by their status, gates between them.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include "port/os.h"
#include "waiters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/types.h>

/* "lock" in a new empty directory, which is the working directory too. */
extern char *lock_path;

/* Another beside it; the name is overwritten by the next call. */
const char *numbered(int);

int enter_directory(void **state);
int leave_directory(void **state);

/*
 * A test, named once: TEST(name) { ... }.  The definition adds it to those that
 * run_all_tests() runs, in the order in which they stand in the file: constructors
 * run in any order, so each brings its line.
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

void test_add(struct test *);
void test_run(void **test);

/* What main() returns; the harness has one for files without their own. */
int run_all_tests(const char *name);

/* Prints why, in TAP, and skips the test. */
#define skip_because(reason) \
	do { \
		print_message("# SKIP %s: %s\n", __func__, reason); \
		skip(); \
	} while (0)

/* The test cannot pass with weaker locks, by their nature. */
#define needs_locks_of_descriptions() \
	do { \
		if (!lf_has_ofd_locks()) \
			skip_because("needs open-file-description locks"); \
	} while (0)

/* The test asks who holds the lock, which lockf(3) cannot tell. */
#define needs_holders_with_names() \
	do { \
		if (!tells_holders()) \
			skip_because("needs locks that tell who holds them"); \
	} while (0)

/* lockf(3) has exclusive locks only. */
#define needs_shared_locks() \
	do { \
		if (lf_locks_by_lockf()) \
			skip_because("needs locks that can be shared"); \
	} while (0)

/* The thread sanitizer ends who starts a thread after such a fork. */
#if defined __has_feature
# define has_feature(feature) __has_feature(feature)
#else
# define has_feature(feature) 0
#endif
#if defined __SANITIZE_THREAD__ || has_feature(thread_sanitizer)
# define needs_threads_after_a_fork_beside_threads() \
	skip_because("the thread sanitizer does not let a child have threads")
#else
# define needs_threads_after_a_fork_beside_threads() (void)0
#endif

/* The marks depend on what serves the file system, and on what proc(5) shows. */
#define needs_file_systems_told_apart() \
	do { \
		if (!tells_file_systems()) \
			skip_because("needs to be told what serves a file"); \
	} while (0)

/* Else who has the tag for long is taken for the holder. */
#define needs_proc_with_locks() \
	do { \
		if (!shows_locks_of_processes()) \
			skip_because("needs to see the locks in proc(5)"); \
	} while (0)

/* What main() returns if none of its tests can run. */
int skip_all(const char *reason);

bool tells_holders(void);
bool has_flock(void);
bool tells_file_systems(void);
bool shows_locks_of_processes(void);

/*
 * The flags of those who are to be served in order: without flock(2) nobody sees
 * the presence of the others, and to remove the file undoes the queue.
 */
unsigned in_order(void);

/* Fails in a child, where cmocka's assertions must not be used. */
#define demand(condition) \
	do { \
		if (!(condition)) { \
			print_message("# %s:%d: %s\n", __FILE__, __LINE__, \
				      #condition); \
			return 1; \
		} \
	} while (0)

/* Runs BODY in a child, which ends with its result. */
pid_t start(int (*body)(void *), void *argument);
int finish(pid_t); /* its status, or minus its signal */

/* One process opens, another passes; each opening lets one pass. */
struct gate {
	int fd[2];
};

struct gate gate_new(void);
void gate_open(struct gate);
void gate_pass(struct gate);
void gate_free(struct gate);

/* As many as LF_ROUNDS says, where make check-long sets it, or USUAL. */
int rounds(int usual);

/* Memory that children share. */
void *shared_new(size_t);
void shared_free(void *, size_t);

/* In a child of root: becomes an ordinary user.  Whether it is one now. */
bool become_ordinary(void);

/* In a child: 0 if the lock was free, else what lf_acquire() said, positive. */
int try_lock(void *path);

/* In a child: mounts of its own from here on, if the system lets us. */
bool own_mounts(void);

bool exists(const char *path);
void write_to(const char *path, const char *text);
void assert_content(const char *path, const char *text);
int open_descriptors(void);
size_t entries(const char *directory);

#endif
