/* SPDX-License-Identifier: 0BSD */
/* What the system refuses has its own error; nothing is created or lost. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include "faulty.h"

#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_MOUNTS "mounts of its own"

/* Every way to acquire it gets the same error. */
static int refused(const char *path, int error)
{
	static const unsigned flags[] = { 0, LF_KEEP };
	int descriptors = open_descriptors();
	struct lf_lock *lock;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		demand(lf_acquire(&lock, path, 0, flags[i]) == -error);
		demand(!lock);
		demand(lf_acquire(&lock, path, LONG_MS, flags[i]) == -error);
		demand(!lock);
		demand(lf_acquire(&lock, path, LF_FOREVER, flags[i]) == -error);
		demand(!lock);
		demand(lf_start(&lock, path, flags[i]) == -error);
		demand(!lock);
	}
	demand(open_descriptors() == descriptors);
	return 0;
}

/* While CALL fails with ERROR, every way gets RESULT. */
static void assert_refused_by(enum faulty call, int error, int result)
{
	make_file(lock_path, 0666);
	faulty_set(call, 1, true, error);
	assert_int_equal(refused(lock_path, result), 0);
	assert_true(faulty_clear() > 0);
	assert_free(lock_path);
}

/* --- Bad arguments */

TEST(bad_numbers_are_EINVAL)
{
	static const int timeouts[] = { -2, INT_MIN, INT_MIN + 1 };
	static const mode_t modes[] = { 010000, 0100644, (mode_t)-1 };
	static const unsigned flags[] = { 0x80, 0x80000000, ~0u };
	struct lf_lock *lock;

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
		assert_int_equal(lf_acquire(&lock, lock_path, timeouts[i], 0),
				 -EINVAL);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		assert_int_equal(lf_acquire_at(&lock, AT_FDCWD, lock_path,
					       modes[i], 0, 0),
				 -EINVAL);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, flags[i]),
				 -EINVAL);
		assert_int_equal(lf_start(&lock, lock_path, flags[i]), -EINVAL);
	}
	assert_int_equal(lf_start(&lock, NULL, 0), -EINVAL);
	assert_null(lock);
	assert_false(exists(lock_path));
}

TEST(the_ends_of_the_ranges_are_valid)
{
	mode_t mask = umask(0);
	struct lf_lock *lock;
	struct stat st;

	assert_int_equal(lf_acquire(&lock, lock_path, INT_MAX, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	/* A process that may not write the file creates it all the same. */
	assert_int_equal(lf_acquire_at(&lock, AT_FDCWD, lock_path, 0, 0, 0), 0);
	assert_int_equal(stat(lock_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(lf_acquire_at(&lock, AT_FDCWD, lock_path, 0777, 0, 0),
			 0);
	umask(mask);
	assert_int_equal(stat(lock_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0777);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(a_bad_directory_has_its_error)
{
	struct lf_lock *lock;
	int file;

	make_file("file", 0666);
	file = (openat)(AT_FDCWD, "file", O_RDONLY);
	assert_int_equal(lf_acquire_at(&lock, file, "lock", 0666, 0, 0),
			 -ENOTDIR);
	assert_int_equal(lf_acquire_at(&lock, -1, "lock", 0666, 0, 0), -EBADF);
	/* The directory does not matter for an absolute path. */
	assert_int_equal(lf_acquire_at(&lock, -1, lock_path, 0666, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	close(file);
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(refused("loop/lock", ELOOP), 0);

	assert_int_equal(mkdir("gone", 0755), 0);
	assert_int_equal(chdir("gone"), 0);
	assert_int_equal(rmdir("../gone"), 0);
	assert_int_equal(refused("lock", ENOENT), 0);
}

/* --- File systems */

static int use_read_only(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	if (!own_mounts() || mount("none", "m", "tmpfs", 0, NULL) < 0)
		return IMPOSSIBLE;
	make_file("m/there", 0666);
	demand(mount("none", "m", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) == 0);
	demand(refused("m/new", EROFS) == 0);
	demand(refused("m/there", EROFS) == 0);
	demand(lf_acquire(&lock, "m/there", 0, LF_NOCREATE) == -EROFS);
	demand(lf_acquire(&lock, "m/new", 0, LF_NOCREATE) == -ENOENT);
	demand(lf_check("m/there", NULL) == 0);
	demand(lf_check("m/new", NULL) == 0);
	return 0;
}

TEST(a_read_only_file_system_is_EROFS_but_can_be_checked)
{
	assert_int_equal(mkdir("m", 0755), 0);
	assert_child_if_possible(use_read_only, NULL, OWN_MOUNTS);
}

static int use_full(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	/* The root and one file. */
	if (!own_mounts() || mount("none", "m", "tmpfs", 0, "nr_inodes=2") < 0)
		return IMPOSSIBLE;
	make_file("m/there", 0666);
	demand(refused("m/new", ENOSPC) == 0);
	demand(!exists("m/new"));
	/* Locking takes no room. */
	demand(lf_acquire(&lock, "m/there", 0, 0) == 0);
	demand(lf_release(&lock) == 0);
	demand(!exists("m/there"));
	return 0;
}

TEST(a_full_file_system_is_ENOSPC)
{
	assert_int_equal(mkdir("m", 0755), 0);
	assert_child_if_possible(use_full, NULL, OWN_MOUNTS);
}

static int wait_in_vain(void *pending)
{
	struct lf_lock *lock;
	int rc;

	if (!pending)
		return -lf_acquire(&lock, "m/lock", LF_FOREVER, 0);
	/* The answer may be there before lf_start() returns. */
	rc = lf_start(&lock, "m/lock", 0);
	if (rc == 0)
		rc = lf_finish(&lock);
	demand(!lock);
	return -rc;
}

/* When the waiters' turn comes, the file is gone, but not its room. */
static int fill_while_waiting(void *unused)
{
	struct lf_lock *lock;
	pid_t pid[2];
	int fd;

	(void)unused;
	if (!own_mounts() || mount("none", "m", "tmpfs", 0, "nr_inodes=2") < 0)
		return IMPOSSIBLE;
	demand(lf_acquire(&lock, "m/lock", 0, 0) == 0);
	fd = (openat)(AT_FDCWD, "m/lock", O_RDONLY);
	pid[0] = child_start(wait_in_vain, NULL);
	demand(waiters_reach("m/lock", 1));
	pid[1] = child_start(wait_in_vain, lock);
	demand(waiters_reach("m/lock", 2));
	demand(unlink("m/lock") == 0);
	demand(lf_release(&lock) == LF_REPLACED);
	demand(child_finish(pid[0]) == ENOSPC);
	demand(child_finish(pid[1]) == ENOSPC);
	demand(!exists("m/lock"));
	close(fd);
	return 0;
}

TEST(a_waiter_on_a_full_file_system_gets_ENOSPC)
{
	assert_int_equal(mkdir("m", 0755), 0);
	assert_child_if_possible(fill_while_waiting, NULL, OWN_MOUNTS);
}

/* --- Descriptors */

static int use_few_descriptors(void *unused)
{
	int used = open_descriptors();
	bool done = false;

	(void)unused;
	/* Each number in turn is the first that is not available. */
	for (int more = 0; !done; more++) {
		struct rlimit few = { (rlim_t)(used + more),
				      (rlim_t)(used + 100) };
		struct lf_lock *lock;
		int rc;

		demand(more < 10);
		demand(setrlimit(RLIMIT_NOFILE, &few) == 0);
		rc = lf_check(lock_path, NULL);
		demand(rc == 0 || rc == -EMFILE);
		rc = lf_acquire(&lock, lock_path, 0, 0);
		demand(rc == 0 || rc == -EMFILE);
		demand((rc == 0) == (lock != NULL));
		if (rc == 0) {
			/* Releasing takes none, nor does a check. */
			few.rlim_cur = 3;
			demand(setrlimit(RLIMIT_NOFILE, &few) == 0);
			demand(lf_verify(lock) == 0);
			demand(lf_check(lock_path, NULL) == 1);
			demand(lf_release(&lock) == 0);
		}
		demand(!exists(lock_path));
		demand(open_descriptors() == used);
		demand(setrlimit(RLIMIT_NOFILE,
				 &(struct rlimit){ (rlim_t)(used + more),
						   (rlim_t)(used + 100) }) ==
		       0);
		rc = lf_start(&lock, lock_path, 0);
		demand(rc == 0 || rc == -EMFILE);
		done = rc == 0;
		if (rc == 0) {
			demand(lf_finish(&lock) == 0);
			demand(lf_release(&lock) == 0);
		}
		demand(!exists(lock_path));
		demand(open_descriptors() == used);
	}
	return 0;
}

TEST(too_few_descriptors_are_EMFILE_and_leave_nothing_behind)
{
	assert_child(use_few_descriptors, NULL);
}

/* The numbers of stdio are free, but not for the library. */
static int use_few_and_no_stdio(void *unused)
{
	bool done = false;

	(void)unused;
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	for (int limit = 1; !done; limit++) {
		struct rlimit few = { (rlim_t)limit, 100 };
		struct lf_lock *lock;
		int used = open_descriptors(), rc;

		if (limit > 60 || setrlimit(RLIMIT_NOFILE, &few) < 0)
			return 1;
		rc = lf_acquire(&lock, lock_path, 0, 0);
		if (rc != 0 && rc != -EMFILE)
			return 2;
		if (rc == 0 && lf_fileno(lock) < 3)
			return 3;
		if (rc == 0 && lf_release(&lock) != 0)
			return 4;
		/* The file exists before its number turns out to be bad. */
		if (rc == -EMFILE)
			unlink(lock_path);
		if (open_descriptors() != used || exists(lock_path))
			return 5;
		rc = lf_start(&lock, lock_path, 0);
		if (rc != 0 && rc != -EMFILE)
			return 6;
		done = rc == 0;
		if (rc == -EMFILE)
			unlink(lock_path);
		if (rc == 0 &&
		    (lf_pending_fd(lock) < 3 || lf_finish(&lock) != 0 ||
		     lf_release(&lock) != 0))
			return 7;
		if (open_descriptors() != used || exists(lock_path))
			return 8;
	}
	return 0;
}

TEST(too_few_descriptors_leave_standard_streams_unused)
{
	assert_child(use_few_and_no_stdio, NULL);
}

/* --- Files that may not be written */

/* Whether the file system and our rights allow it. */
static bool set_immutable(const char *path, bool immutable)
{
	int fd = (openat)(AT_FDCWD, path, O_RDONLY), flags = 0;
	bool done = fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;

	flags = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	done = done && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	if (fd >= 0)
		close(fd);
	return done;
}

TEST(an_immutable_file_or_directory_is_EPERM)
{
	struct lf_lock *lock;

	assert_int_equal(mkdir("directory", 0755), 0);
	make_file("directory/lock", 0666);
	make_file("file", 0666);
	if (!set_immutable("file", true))
		skip_because("needs a file system with immutable files");
	assert_int_equal(refused("file", EPERM), 0);
	assert_true(set_immutable("file", false));
	assert_true(set_immutable("directory", true));
	assert_int_equal(refused("directory/new", EPERM), 0);
	/* Locking changes nothing; removing the file would. */
	assert_int_equal(lf_acquire(&lock, "directory/lock", 0, 0), 0);
	assert_int_equal(lf_release(&lock), LF_LEFT);
	assert_true(set_immutable("directory", false));
	assert_int_equal(entries("directory"), 3);
}

/* The copy of cat runs until its standard input ends. */
static int be_copy(void *argument)
{
	struct gate *end = argument;

	dup2(end->fd[0], 0);
	close(end->fd[1]);
	(execv)("./program", (char *[]){ (char[]){ "cat" }, NULL });
	return 127;
}

static bool is_running(pid_t pid)
{
	char link[64], target[PATH_MAX];
	ssize_t length;
	int status;

	snprintf(link, sizeof(link), "/proc/%ld/exe", (long)pid);
	for (int look = 0; look_again(&look);) {
		length = (readlink)(link, target, sizeof(target) - 1);
		if (length > 8 &&
		    strncmp(target + length - 8, "/program", 8) == 0)
			return true;
		if (waitpid(pid, &status, WNOHANG) != 0)
			return false;
	}
	return false;
}

TEST(a_running_program_is_ETXTBSY)
{
	struct gate end = gate_new();
	int fd;
	pid_t pid;

	if (system("cp /bin/cat program") != 0)
		skip_because("needs /bin/cat to copy");
	pid = child_start(be_copy, &end);
	if (!is_running(pid))
		skip_because("needs to run a copy of /bin/cat");
	fd = (openat)(AT_FDCWD, "program", O_WRONLY);
	if (fd >= 0) {
		gate_free(end);
		child_finish(pid);
		skip_because("needs a kernel that protects running programs");
	}
	assert_int_equal(refused("program", ETXTBSY), 0);
	assert_int_equal(lf_check("program", NULL), 0);
	gate_free(end);
	assert_finish(pid);
	assert_true(exists("program"));
}

/* --- A file of another in a sticky directory (fs.protected_regular) */

/* The kernel refuses to open it with O_CREAT, but not without. */
static int lock_file_of_another(const char *path)
{
	struct lf_lock *lock;

	demand(lf_acquire(&lock, path, 0, 0) == 0);
	demand(lock_error(path) == EAGAIN);
	demand(lf_release(&lock) == LF_LEFT);
	demand(exists(path));
	demand(lf_acquire(&lock, path, LONG_MS, LF_KEEP) == 0);
	demand(lf_release(&lock) == 0);
	demand(lf_start(&lock, path, 0) == 0);
	demand(lf_finish(&lock) == 0);
	demand(lf_release(&lock) == LF_LEFT);
	return 0;
}

TEST(a_lock_that_a_security_module_forbids_is_EACCES)
{
	static const enum faulty calls[] = { F_SETLK_, F_OFD_SETLK_ };
	int fd = (openat)(AT_FDCWD, lock_path, O_CREAT | O_RDWR, 0666);
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	for (int i = 0; i < 2; i++) {
		faulty_set(calls[i], 1, true, EACCES);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP),
				 -EACCES);
		assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), -EACCES);
		assert_int_equal(lf_acquire_fd(&lock, fd, LONG_MS, 0), -EACCES);
		assert_true(faulty_clear() > 0);
	}
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	close(fd);
}

/* POSIX lets a system say so of a held lock. */
TEST(a_held_lock_is_EAGAIN_where_the_system_says_EACCES)
{
	struct actor *holder;
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	holder = actor_holder(LF_KEEP);
	faulty_set(F_SETLK_, 1, true, EACCES);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), -EAGAIN);
	assert_true(faulty_clear() > 0);
	actor_release(holder);
}

/* A lock counts only if the path is seen to name the file. */
TEST(a_path_that_cannot_be_examined_is_no_lock)
{
	assert_refused_by(FSTATAT, EIO, EIO);
}

/* Only a held lock is EAGAIN or ETIMEDOUT. */
TEST(a_system_call_that_fails_like_a_held_lock_is_EIO)
{
	assert_refused_by(FSTATAT, EAGAIN, EIO);
	assert_refused_by(FSTATAT, ETIMEDOUT, EIO);
}

/* It was that of a process between two steps, which has gone. */
TEST(a_mark_that_is_refused_once_is_not_held)
{
	static const enum faulty marks[] = { F_SETLK_, F_OFD_SETLK_ };
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	for (int i = 0; i < 2; i++) {
		faulty_set(marks[i], 1, false, EAGAIN);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		assert_int_equal(faulty_clear(), 1);
		assert_int_equal(lf_release(&lock), 0);
	}
}

/* To try to remove the file would refuse the next caller, as lockf(3) shows no remover. */
TEST(a_refused_call_that_does_not_wait_only_closes_the_file)
{
	struct actor *holder;
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	holder = actor_holder(0);
	faulty_set(FLOCK, INT_MAX, false, EIO);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
	assert_int_equal(faulty_calls(), 0);
	faulty_clear();
	actor_release(holder);
}

/* No other process may need the file any more. */
TEST(a_wait_that_fails_removes_the_file)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	faulty_set(F_SETLKW_, 1, false, EIO);
	assert_int_equal(lf_acquire(&lock, lock_path, LF_FOREVER, 0), -EIO);
	assert_int_equal(faulty_clear(), 1);
	assert_false(exists(lock_path));
}

TEST(a_server_with_stale_answers_only_is_ESTALE)
{
	assert_refused_by(FSTAT, ESTALE, ESTALE);
}

TEST(a_kernel_without_locks_of_descriptions_leaves_none_open)
{
	static const int errors[] = { EINVAL, ENOSYS };
	int descriptors = open_descriptors();
	struct lf_lock *lock;

	for (int i = 0; i < 2; i++) {
		faulty_set(F_OFD_SETLK_, 1, true, errors[i]);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		assert_int_not_equal(lf_backend(lock), LF_BACKEND_OFD);
		assert_int_equal(lf_release(&lock), 0);
		faulty_clear();
		assert_int_equal(open_descriptors(), descriptors);
		assert_false(exists(lock_path));
	}
}

TEST(a_file_that_may_not_be_created_is_locked_and_stays)
{
	struct lf_lock *lock;

	make_file(lock_path, 0666);
	faulty_set(CREATE, 1, true, EACCES);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_release(&lock), LF_LEFT);
	assert_true(exists(lock_path));
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(refused(lock_path, EACCES), 0);
	assert_true(faulty_clear() > 0);
	assert_false(exists(lock_path));
}

/* Its owner has removed it after the first attempt, which needed no more. */
TEST(a_file_of_another_that_vanishes_is_created)
{
	struct lf_lock *lock;

	needs_shared_locks();
	faulty_set(CREATE, 1, false, EACCES);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(faulty_clear(), 1);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

#define PROTECTED "/proc/sys/fs/protected_regular"

static char set_protected(char value)
{
	int fd = (openat)(AT_FDCWD, PROTECTED, O_RDWR);
	char was = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &was, 1, 0) != 1 ||
	    (was < value && pwrite(fd, &value, 1, 0) != 1))
		was = 0;
	close(fd);
	return was;
}

static void put_back(char was)
{
	int fd = (openat)(AT_FDCWD, PROTECTED, O_WRONLY);

	assert_int_equal(pwrite(fd, &was, 1, 0), 1);
	close(fd);
}

static int use_sticky(void *unused)
{
	(void)unused;
	if ((openat)(AT_FDCWD, "sticky/lock", O_CREAT | O_RDWR, 0666) >= 0)
		return IMPOSSIBLE;
	demand(errno == EACCES);
	demand(lock_file_of_another("sticky/lock") == 0);
	return 0;
}

TEST(a_file_of_another_user_in_a_sticky_directory_stays)
{
	int status;
	char was;

	needs_root("to make a file of another user");
	assert_int_equal(mkdir("sticky", 0755), 0);
	assert_int_equal(chmod("sticky", 01777), 0);
	make_file("sticky/lock", 0666);
	assert_int_equal(chmod("sticky/lock", 0666), 0);
	assert_int_equal(chown("sticky/lock", 65534, 65534), 0);
	was = set_protected('1');
	if (!was)
		skip_because("needs to set fs.protected_regular");
	status = child_run(use_sticky, NULL);
	if (was == '0')
		put_back(was);
	if (status == IMPOSSIBLE)
		skip_because("needs a kernel that protects such a file");
	assert_int_equal(status, 0);
	assert_true(exists("sticky/lock"));
}

/* --- What is tried again, and how often: lockfile-fcntl(7) has the numbers */

static int lock_part(int command, off_t start, off_t length)
{
	struct flock part = {
		.l_type = F_WRLCK,
		.l_start = start,
		.l_len = length,
	};
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR | O_CLOEXEC);

	demand(fd >= 0 && (fcntl)(fd, command, &part) == 0);
	return 0;
}

/* As a process that was stopped while it removes the file. */
static int lock_as_remover(void *unused)
{
	(void)unused;
	return lock_part(F_OFD_SETLK, 1, 1999999999);
}

static pid_t remover_new(void)
{
	needs_locks_of_descriptions();
	make_file(lock_path, 0666);
	return holder_new(lock_as_remover, NULL);
}

static int lock_byte_0(void *unused)
{
	(void)unused;
	return lock_part(F_SETLK, 0, 1);
}

static int attempts, wrong_pauses;

/* The first 100 attempts are repeated immediately, each later one after a pause. */
static void begin_attempt(void)
{
	int later = attempts++ - 100;

	if (faulty_pauses() != (later < 0 ? 0 : later))
		wrong_pauses++;
}

/* Each attempt tries the body once.  The last one is not repeated. */
TEST(a_remover_that_lasts_is_met_350_times)
{
	pid_t remover = remover_new();
	struct lf_lock *lock;

	faulty_set(F_OFD_SETLK_, 10000, false, EIO);
	faulty_before(F_OFD_SETLK_, begin_attempt);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
	faulty_before(NOTHING, NULL);
	assert_int_equal(faulty_calls(), 350);
	assert_int_equal(faulty_pauses(), 249);
	assert_int_equal(wrong_pauses, 0);
	faulty_clear();
	assert_true(exists(lock_path));
	assert_kill(remover);
}

TEST(no_signal_ends_a_call_that_does_not_wait)
{
	pid_t remover = remover_new();
	struct lf_lock *lock;

	faulty_set(POLL, 1, true, EINTR);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
	assert_int_equal(faulty_clear(), 249);
	assert_kill(remover);
}

/* Each attempt locks three parts of the body, and is refused byte 0. */
TEST(a_file_whose_first_byte_is_locked_is_left_after_1101_attempts)
{
	struct lf_lock *lock;
	pid_t program;

	needs_locks_of_descriptions();
	make_file(lock_path, 0666);
	program = holder_new(lock_byte_0, NULL);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	faulty_set(F_OFD_SETLK_, 10000, false, EIO);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(faulty_calls(), 4 * 1101);
	assert_int_equal(faulty_pauses(), 1001);
	faulty_clear();
	assert_true(exists(lock_path));
	assert_kill(program);
}

/* --- A file that may be written and not read */

static struct gate has_locked, may_unlock;

static int first_byte(int fd, int command, short type)
{
	struct flock byte = { .l_type = type, .l_len = 1 };

	return (fcntl)(fd, command, &byte) < 0 ? -1 : byte.l_type;
}

static int lock_byte_0_for_a_while(void *unused)
{
	int fd = (open)(lock_path, O_WRONLY);

	(void)unused;
	demand(first_byte(fd, F_SETLK, F_WRLCK) >= 0);
	gate_open(has_locked);
	gate_pass(may_unlock);
	demand(first_byte(fd, F_SETLK, F_UNLCK) >= 0);
	return 0;
}

static int written;

static void unlock_byte_0(void)
{
	faulty_before(NOTHING, NULL);
	gate_open(may_unlock);
	while (first_byte(written, F_GETLK, F_WRLCK) == F_WRLCK)
		usleep(1000);
}

/* Another program has the first byte until this one gives up. */
static int wait_without_reading(void *path)
{
	struct lf_lock *lock;

	demand(become_ordinary());
	demand(lf_acquire(&lock, path, 0, LF_SHARED) == -EACCES);
	demand(lf_start(&lock, path, 0) == 0);
	demand(waiters_reach(path, 1));
	faulty_before(POLL, unlock_byte_0);
	demand(lf_release(&lock) == 0);
	demand(!exists(path));
	return 0;
}

TEST(a_waiter_without_read_permission_removes_the_file)
{
	pid_t program;

	needs_locks_of_descriptions();
	needs_shared_locks();
	needs_proc_with_locks();
	needs(has_flock(), "flock(2)");
	assert_int_equal(chmod(".", 0777), 0);
	make_file(lock_path, 0222);
	assert_int_equal(chmod(lock_path, 0222), 0);
	has_locked = gate_new();
	may_unlock = gate_new();
	written = (open)(lock_path, O_WRONLY);
	program = child_start(lock_byte_0_for_a_while, NULL);
	gate_pass(has_locked);
	assert_child(wait_without_reading, lock_path);
	assert_finish(program);
	(close)(written);
	gate_free(has_locked);
	gate_free(may_unlock);
}
