/* SPDX-License-Identifier: 0BSD */
/*
 * Somebody removes or replaces the file, or its directory, while one process
 * holds the lock and another waits for it.
 */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH "directory/lock"

enum how { UNTIMED, TIMED, PENDING, HOWS };

static int acquire(struct lf_lock **lock, enum how how)
{
	int rc;

	switch (how) {
	case UNTIMED:
		return lf_acquire(lock, PATH, LF_FOREVER, 0);
	case TIMED:
		return lf_acquire(lock, PATH, LONG_MS, 0);
	default:
		rc = lf_start(lock, PATH, 0);
		return rc < 0 ? rc : lf_finish(lock);
	}
}

/* The lock is on the file that the path names, and excludes others. */
static int wait_for_lock(void *how)
{
	int before = open_descriptors(), rc;
	struct lf_lock *lock;

	rc = acquire(&lock, *(enum how *)how);
	demand((rc == 0) == (lock != NULL));
	if (rc == 0) {
		demand(lf_verify(lock) == 0);
		demand(lock_error(PATH) == EAGAIN);
		demand(lf_release(&lock) == 0);
	}
	demand(open_descriptors() == before);
	return -rc;
}

static ino_t inode(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

/*
 * CHANGE happens while a process waits, which gets RESULT then; the holder finds
 * its file replaced, unless the directory was moved with it.
 */
static void change_while_waiting(void (*change)(void), int found, int result,
				 void (*look)(void))
{
	for (enum how how = UNTIMED; how < HOWS; how++) {
		struct lf_lock *lock;
		pid_t pid;

		assert_int_equal(mkdir("directory", 0755), 0);
		assert_int_equal(lf_acquire(&lock, PATH, 0, 0), 0);
		pid = child_start(wait_for_lock, &how);
		assert_true(waiters_reach(PATH, 1));
		change();
		assert_int_equal(lf_release(&lock), found);
		assert_int_equal(child_finish(pid), result);
		look();
	}
}

/* --- The file */

static void directory_is_empty(void)
{
	assert_int_equal(rmdir("directory"), 0);
}

static void remove_file(void)
{
	assert_int_equal(unlink(PATH), 0);
}

static void replace_by_file(void)
{
	make_file("directory/new", 0666);
	assert_int_equal(rename("directory/new", PATH), 0);
}

static void move_file(void)
{
	assert_int_equal(rename(PATH, "directory/moved"), 0);
}

static void moved_file_is_there(void)
{
	assert_int_equal(unlink("directory/moved"), 0);
	directory_is_empty();
}

static void replace_by_directory(void)
{
	remove_file();
	assert_int_equal(mkdir(PATH, 0755), 0);
}

static void directory_is_there(void)
{
	assert_int_equal(rmdir(PATH), 0);
	directory_is_empty();
}

static void replace_by_link(void)
{
	remove_file();
	make_file("directory/target", 0666);
	assert_int_equal(symlink("target", PATH), 0);
}

static void link_and_target_are_there(void)
{
	char text[10];

	assert_int_equal(readlink(PATH, text, sizeof(text)), 6);
	assert_int_equal(unlink(PATH), 0);
	assert_int_equal(unlink("directory/target"), 0);
	directory_is_empty();
}

static void replace_by_fifo(void)
{
	remove_file();
	assert_int_equal(mkfifo(PATH, 0666), 0);
}

static void fifo_is_there(void)
{
	struct stat st;

	assert_int_equal(lstat(PATH, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(unlink(PATH), 0);
	directory_is_empty();
}

TEST(a_removed_file_is_created_again)
{
	change_while_waiting(remove_file, LF_REPLACED, 0,
			     directory_is_empty);
}

TEST(a_waiter_locks_the_file_that_replaces_it)
{
	change_while_waiting(replace_by_file, LF_REPLACED, 0,
			     directory_is_empty);
}

TEST(a_renamed_file_is_neither_locked_nor_removed)
{
	change_while_waiting(move_file, LF_REPLACED, 0,
			     moved_file_is_there);
}

TEST(a_directory_in_place_of_the_file_is_EISDIR)
{
	change_while_waiting(replace_by_directory, LF_REPLACED, EISDIR,
			     directory_is_there);
}

TEST(a_link_in_place_of_the_file_is_ELOOP)
{
	change_while_waiting(replace_by_link, LF_REPLACED, ELOOP,
			     link_and_target_are_there);
}

TEST(a_fifo_in_place_of_the_file_is_ENOTSUP)
{
	change_while_waiting(replace_by_fifo, LF_REPLACED, ENOTSUP,
			     fifo_is_there);
}

/* --- The directory */

static void remove_directory(void)
{
	remove_file();
	assert_int_equal(rmdir("directory"), 0);
}

static void nothing_is_there(void)
{
	assert_false(exists("directory"));
}

static void move_directory(void)
{
	assert_int_equal(rename("directory", "moved"), 0);
}

static void moved_is_empty(void)
{
	nothing_is_there();
	assert_int_equal(rmdir("moved"), 0);
}

static void replace_directory(void)
{
	move_directory();
	assert_int_equal(mkdir("directory", 0755), 0);
	make_file(PATH, 0666);
}

static void both_are_empty(void)
{
	directory_is_empty();
	moved_is_empty();
}

static void replace_directory_by_file(void)
{
	move_directory();
	make_file("directory", 0666);
}

static void file_is_there(void)
{
	assert_int_equal(unlink("directory"), 0);
	moved_is_empty();
}

static void shut_directory(void)
{
	remove_file();
	assert_int_equal(chmod("directory", 0555), 0);
}

TEST(a_removed_directory_is_ENOENT)
{
	change_while_waiting(remove_directory, LF_REPLACED, ENOENT,
			     nothing_is_there);
}

TEST(a_renamed_directory_is_ENOENT_and_left_empty)
{
	change_while_waiting(move_directory, 0, ENOENT,
			     moved_is_empty);
}

TEST(a_waiter_locks_in_the_directory_that_replaces_it)
{
	change_while_waiting(replace_directory, 0, 0,
			     both_are_empty);
}

TEST(a_file_in_place_of_the_directory_is_ENOTDIR)
{
	change_while_waiting(replace_directory_by_file, 0, ENOTDIR,
			     file_is_there);
}

static int wait_as_anybody(void *unused)
{
	(void)unused;
	demand(become_ordinary());
	for (enum how how = UNTIMED; how < HOWS; how++) {
		struct lf_lock *lock;
		pid_t pid;

		demand(lf_acquire(&lock, PATH, 0, 0) == 0);
		pid = child_start(wait_for_lock, &how);
		demand(waiters_reach(PATH, 1));
		shut_directory();
		demand(lf_release(&lock) == LF_REPLACED);
		demand(child_finish(pid) == EACCES);
		demand(!exists(PATH));
		demand(chmod("directory", 0755) == 0);
	}
	demand(rmdir("directory") == 0);
	return 0;
}

TEST(a_directory_without_permission_is_EACCES)
{
	assert_int_equal(chmod(".", 0777), 0);
	umask(0);
	assert_int_equal(mkdir("directory", 0755), 0);
	umask(022);
	if (geteuid() == 0)
		assert_int_equal(chown("directory", 65534, 65534), 0);
	assert_child(wait_as_anybody, NULL);
}

/* --- While a process holds the lock, and no other waits */

static void change_while_holding(void (*change)(void), int found,
				 void (*look)(void))
{
	struct lf_lock *lock;
	char path[4200];

	assert_int_equal(mkdir("directory", 0755), 0);
	sprintf(path, "%.*s" PATH, (int)strlen(lock_path) - 4, lock_path);
	assert_int_equal(lf_acquire(&lock, path, 0, 0), 0);
	change();
	assert_int_equal(lf_verify(lock), -ESTALE);
	assert_int_equal(lf_release(&lock), found);
	look();
}

static void file_of_others_is_there(void)
{
	assert_int_equal(unlink(PATH), 0);
	both_are_empty();
}

static ino_t other;

static void point_elsewhere(void)
{
	move_directory();
	assert_int_equal(mkdir("elsewhere", 0755), 0);
	make_file("elsewhere/lock", 0666);
	other = inode("elsewhere/lock");
	assert_int_equal(symlink("elsewhere", "directory"), 0);
}

static void elsewhere_is_as_it_was(void)
{
	assert_int_equal(inode("elsewhere/lock"), other);
	assert_int_equal(unlink("elsewhere/lock"), 0);
	assert_int_equal(rmdir("elsewhere"), 0);
	assert_int_equal(unlink("directory"), 0);
	moved_is_empty();
}

TEST(a_holder_removes_nothing_but_its_file)
{
	change_while_holding(replace_by_directory, LF_REPLACED,
			     directory_is_there);
	change_while_holding(replace_by_link, LF_REPLACED,
			     link_and_target_are_there);
	change_while_holding(replace_by_fifo, LF_REPLACED,
			     fifo_is_there);
	change_while_holding(remove_directory, LF_REPLACED,
			     nothing_is_there);
	change_while_holding(replace_directory, 0,
			     file_of_others_is_there);
	change_while_holding(point_elsewhere, 0,
			     elsewhere_is_as_it_was);
}

/* --- The file system */

static int unmount_while_waiting(void *unused)
{
	(void)unused;
	if (!own_mounts())
		return IMPOSSIBLE;
	for (enum how how = UNTIMED; how < HOWS; how++) {
		struct lf_lock *lock;
		pid_t pid;

		if (mount("none", "directory", "tmpfs", 0, NULL) < 0)
			return IMPOSSIBLE;
		demand(lf_acquire(&lock, PATH, 0, 0) == 0);
		pid = child_start(wait_for_lock, &how);
		demand(waiters_reach(PATH, 1));
		demand(umount2("directory", MNT_DETACH) == 0);
		demand(!exists(PATH));
		demand(lf_release(&lock) == 0); /* it is there, below */
		demand(child_finish(pid) == 0);
		demand(!exists(PATH));
	}
	return 0;
}

TEST(a_waiter_locks_what_was_below_an_unmounted_file_system)
{
	assert_int_equal(mkdir("directory", 0755), 0);
	assert_child_if_possible(unmount_while_waiting, NULL,
				 "mounts of its own");
	directory_is_empty();
}
