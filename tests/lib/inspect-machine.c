/* SPDX-License-Identifier: 0BSD */
/* lf_inspect_machine(): every locked file whose name can be found. */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define FILES 3

/* The report of a path among all, or NULL. */
static const struct lf_report *find(struct lf_report *const *reports,
				    size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(lf_report_path(reports[i]), path) == 0)
			return reports[i];
	return NULL;
}

static int take_two(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(lf_acquire(&lock, numbered(0), 0, 0) == 0);
	demand(lf_acquire(&lock, numbered(1), 0, LF_KEEP) == 0);
	return 0;
}

/* As a program without the library. */
static int take_third(void *unused)
{
	struct flock whole = { .l_type = F_WRLCK };
	int fd = open(numbered(2), O_CREAT | O_RDWR, 0666);

	(void)unused;
	demand(fd >= 0 && fcntl(fd, F_SETLK, &whole) == 0);
	return 0;
}

static bool names_all(const pid_t wanted[FILES])
{
	struct lf_report **reports;
	bool all = true;
	size_t count;

	assert_in_range(lf_inspect_machine(&reports, &count), 0, 1);
	for (int i = 0; i < FILES; i++) {
		const struct lf_report *report =
			find(reports, count, numbered(i));

		all &= report && lf_report_status(report) == 1 &&
		       lf_entry_pid(lf_report_next(report, NULL)) == wanted[i];
	}
	assert_null(find(reports, count, lock_path));
	for (size_t i = 1; i < count; i++)
		assert_true(strcmp(lf_report_path(reports[i - 1]),
				   lf_report_path(reports[i])) < 0);
	lf_reports_free(reports, count);
	return all;
}

TEST(each_locked_file_is_reported_and_no_other)
{
	pid_t ours, other, wanted[FILES];
	int before = open_descriptors();
	bool named = false;

	needs_proc_with_locks();
	needs_holders_with_names();
	write_to(lock_path, "");
	ours = holder_new(take_two, NULL);
	other = holder_new(take_third, NULL);
	wanted[0] = wanted[1] = ours;
	wanted[2] = other;
	for (int look = 0; !named && look_again(&look);)
		named = names_all(wanted);
	assert_true(named);
	assert_kill(ours);
	assert_kill(other);
	wanted[0] = 0;
	assert_false(names_all(wanted));
	assert_int_equal(open_descriptors(), before);
}

TEST(a_file_that_was_removed_is_not_reported)
{
	struct lf_report **reports;
	size_t count;
	pid_t pid;

	needs_proc_with_locks();
	pid = holder_new(take_two, NULL);
	assert_int_equal(unlink(numbered(0)), 0);
	assert_in_range(lf_inspect_machine(&reports, &count), 0, 1);
	assert_null(find(reports, count, numbered(0)));
	lf_reports_free(reports, count);
	assert_kill(pid);
}

/* Two new file systems give their files the same numbers. */
static bool mount_two(void)
{
	return own_mounts() && mkdir("one", 0755) == 0 &&
	       mkdir("two", 0755) == 0 &&
	       mount("none", "one", "tmpfs", 0, NULL) == 0 &&
	       mount("none", "two", "tmpfs", 0, NULL) == 0;
}

static int lock_one_of_two(void *unused)
{
	struct stat locked, unlocked;
	struct lf_report **reports;
	struct lf_lock *lock;
	char *one, *two;
	size_t count;

	(void)unused;
	if (!mount_two())
		return IMPOSSIBLE;
	demand(open("two/lock", O_CREAT | O_RDWR, 0666) >= 0);
	demand(lf_acquire(&lock, "one/lock", 0, 0) == 0);
	demand(stat("one/lock", &locked) == 0);
	demand(stat("two/lock", &unlocked) == 0);
	if (locked.st_ino != unlocked.st_ino)
		return IMPOSSIBLE;
	one = realpath("one/lock", NULL);
	two = realpath("two/lock", NULL);
	demand(lf_inspect_machine(&reports, &count) >= 0);
	demand(find(reports, count, one) && !find(reports, count, two));
	lf_reports_free(reports, count);
	free(one);
	free(two);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_file_with_the_number_of_a_locked_one_is_not_reported)
{
	needs_proc_with_locks();
	assert_child_if_possible(lock_one_of_two, NULL,
				 "mounts of its own, which number files alike");
}

/*
 * A process may have a symbolic link open (O_PATH), and its number be any.  Here it is
 * the first in the list, of which there is one lock.
 */
static int lock_beside_a_link(void *unused)
{
	struct flock whole = { .l_type = F_WRLCK };
	struct stat locked, link;
	struct lf_report **reports;
	size_t count;
	char *one;
	int fd;

	(void)unused;
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		return IMPOSSIBLE;
	fd = open("one/lock", O_CREAT | O_RDWR, 0666);
	demand(fd >= 0 && fcntl(fd, F_SETLK, &whole) == 0);
	demand(symlink("nowhere", "two/link") == 0);
	demand(open("two/link", O_PATH | O_NOFOLLOW) >= 0);
	demand(fstat(fd, &locked) == 0 && lstat("two/link", &link) == 0);
	if (locked.st_ino != link.st_ino)
		return IMPOSSIBLE;
	one = realpath("one/lock", NULL);
	demand(lf_inspect_machine(&reports, &count) == 0);
	demand(find(reports, count, one));
	lf_reports_free(reports, count);
	free(one);
	return 0;
}

/* Which shows all descriptors of all its processes. */
static int lock_beside_a_link_alone(void *unused)
{
	if (!mount_two() || unshare(CLONE_NEWPID) < 0)
		return IMPOSSIBLE;
	return child_run(lock_beside_a_link, unused);
}

TEST(a_link_with_the_number_of_a_locked_file_is_no_unknown_file)
{
	/* Else a process does not see its own. */
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	assert_child_if_possible(lock_beside_a_link_alone, NULL,
				 "mounts of its own, which number files alike, and "
				 "a PID namespace");
}

/* What is at the path of a locked file now is another file. */
static int lock_below_a_mount(void *unused)
{
	struct lf_report **reports;
	struct lf_lock *lock;
	char *path;
	size_t count;

	(void)unused;
	if (!own_mounts() || mkdir("one", 0755) < 0 ||
	    mount("none", "one", "tmpfs", 0, NULL) < 0)
		return IMPOSSIBLE;
	demand(lf_acquire(&lock, "one/lock", 0, LF_KEEP) == 0);
	path = realpath("one/lock", NULL);
	demand(mount("none", "one", "tmpfs", 0, NULL) == 0);
	demand(open("one/other", O_CREAT | O_RDWR, 0666) >= 0);
	demand(open("one/lock", O_CREAT | O_RDWR, 0666) >= 0);
	demand(lf_inspect_machine(&reports, &count) >= 0);
	demand(!find(reports, count, path));
	lf_reports_free(reports, count);
	free(path);
	demand(lf_release(&lock) >= 0);
	return 0;
}

TEST(a_file_over_which_another_is_mounted_is_not_reported)
{
	needs_proc_with_locks();
	assert_child_if_possible(lock_below_a_mount, NULL,
				 "mounts of its own");
}

TEST(bad_arguments_are_EINVAL)
{
	struct lf_report **reports;
	size_t count;

	assert_int_equal(lf_inspect_machine(NULL, &count), -EINVAL);
	assert_int_equal(lf_inspect_machine(&reports, NULL), -EINVAL);
	assert_null(reports);
	lf_reports_free(NULL, 0);
}
