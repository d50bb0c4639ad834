/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "child.h"

#include "lockfile-fcntl.h"
#include "lock.h"
#include "port/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- Tests */

static struct test *first_test;

void test_add(struct test *test)
{
	struct test **place = &first_test;

	while (*place && (*place)->line < test->line)
		place = &(*place)->next;
	test->next = *place;
	*place = test;
}

void test_run(void **state)
{
	const struct test *test = *state;

	test->body();
}

int run_all_tests(const char *name)
{
	const char *only = getenv("LF_TEST");
	struct CMUnitTest *tests;
	size_t count = 0;
	int failed;

	for (struct test *test = first_test; test; test = test->next)
		count++;
	tests = calloc(count, sizeof(*tests));
	if (!tests)
		return 1;
	count = 0;
	for (struct test *test = first_test; test; test = test->next)
		if (!only || strcmp(only, test->unit.name) == 0)
			tests[count++] = test->unit;
	/* cmocka_run_group_tests_name() takes an array of known size only. */
	failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
	free(tests);
	return failed;
}

/* Weak: a file that has more to do before its tests run has its own. */
__attribute__((__weak__)) int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	return run_all_tests(slash ? slash + 1 : "tests");
}

int skip_all_tests(const char *reason)
{
	printf("1..0 # SKIP %s\n", reason);
	return 0;
}

int rounds(int usual)
{
	const char *text = getenv("LF_ROUNDS");

	return text ? atoi(text) : usual;
}

/* --- What a test needs */

/* Of the file system of the tests. */
static int backend;

/* In a child: a test may have to be the first to use the library. */
static int find_backend(void *unused)
{
	struct lf_lock *lock;
	int rc;

	(void)unused;
	if (lf_acquire(&lock, lock_path, 0, 0) < 0)
		return 0;
	rc = lf_backend(lock);
	lf_release(&lock);
	return rc;
}

bool has_description_locks(void)
{
	return backend == LF_BACKEND_OFD;
}

bool has_shared_locks(void)
{
	return backend != LF_BACKEND_LOCKF;
}

static int find_parent(void *unused)
{
	struct flock other = { .l_type = F_WRLCK };
	int fd = open(lock_path, O_RDWR);

	(void)unused;
	return !(lf_getlk(fd, F_GETLK, &other) == 0 &&
		 other.l_type != F_UNLCK && other.l_pid == getppid());
}

bool shows_holders(void)
{
	struct flock whole = { .l_type = F_WRLCK };
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666), status;

	if (fcntl(fd, F_SETLK, &whole) < 0)
		return false;
	status = child_run(find_parent, NULL);
	unlink(lock_path);
	close(fd);
	return status == 0;
}

/* Where it exists, it fails: the descriptor is bad. */
bool has_flock(void)
{
	return flock(-1, LOCK_SH | LOCK_NB) == 0 || errno != ENOSYS;
}

/* An unknown file system counts as a network; so do all if none is known. */
bool knows_file_systems(void)
{
	return lf_filesystem(-1) == LF_FILESYSTEM_NETWORK;
}

/* The kernel gives the initial one a fixed number: PROC_PID_INIT_INO. */
bool is_in_initial_pid_namespace(void)
{
	static const char initial[] = "pid:[4026531836]";
	char name[32] = "";

	return readlink("/proc/self/ns/pid", name, sizeof(name) - 1) > 0 &&
	       strcmp(name, initial) == 0;
}

bool shows_locks_of_processes(void)
{
	struct stat none = { 0 };

	return lf_process_has_lock(0, &none, lf_is_body) == 0;
}

unsigned in_order(void)
{
	return has_flock() ? 0 : LF_KEEP;
}

/* --- Files */

char *lock_path;

static char directory[PATH_MAX];
static int came_from = -1;

int enter_directory(void **state)
{
	const char *parent = getenv("TMPDIR");

	(void)state;
	snprintf(directory, sizeof(directory), "%s/lf-test-XXXXXX",
		 parent && *parent ? parent : "/tmp");
	came_from = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (came_from < 0 || !mkdtemp(directory) || chdir(directory) < 0 ||
	    chmod(directory, 0755) < 0)
		return -1;
	lock_path = malloc(strlen(directory) + sizeof("/lock"));
	if (!lock_path)
		return -1;
	sprintf(lock_path, "%s/lock", directory);
	alarm(LONGEST);
	if (backend == 0)
		backend = child_run(find_backend, NULL);
	return backend > 0 ? 0 : -1;
}

const char *numbered(int i)
{
	static char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s%d", lock_path, i);
	return path;
}

static void remove_tree(const char *path)
{
	struct dirent *entry;
	DIR *list = opendir(path);

	while (list && (entry = readdir(list)) != NULL) {
		char name[PATH_MAX];

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (unlink(name) < 0)
			remove_tree(name);
	}
	if (list)
		closedir(list);
	rmdir(path);
}

int leave_directory(void **state)
{
	(void)state;
	free(lock_path);
	if (fchdir(came_from) < 0)
		return -1;
	close(came_from);
	remove_tree(directory);
	return 0;
}

bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

void make_file(const char *path, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, mode);

	if (fd < 0)
		abort();
	close(fd);
}

void write_to(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

void assert_content(const char *path, const char *text)
{
	char content[64] = "";
	FILE *file = fopen(path, "re");
	size_t length;

	assert_non_null(file);
	length = fread(content, 1, sizeof(content) - 1, file);
	fclose(file);
	assert_int_equal(length, strlen(text));
	assert_string_equal(content, text);
}

size_t entries(const char *path)
{
	DIR *list = opendir(path);
	size_t count = 0;

	while (list && readdir(list))
		count++;
	if (list)
		closedir(list);
	return count;
}

int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}
