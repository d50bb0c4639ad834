/* SPDX-License-Identifier: 0BSD */
/* Which marks a lock has on which file system, as other processes see them. */
#include "config.h"

#include "actor.h"
#include "lock.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include "faulty.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What another process sees: no lock, 0, or its owner, -1 if it has no PID. */
struct marks {
	pid_t tag, body;
	bool presence;
};

static pid_t owner(int fd, off_t start, off_t length)
{
	struct flock lock = {
		.l_type = F_WRLCK,
		.l_start = start,
		.l_len = length,
	};

	if ((fcntl)(fd, F_GETLK, &lock) < 0)
		return -2;
	return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

static int look(void *marks)
{
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);
	struct marks *m = marks;

	demand(fd >= 0);
	m->tag = owner(fd, 0, 1);
	m->body = owner(fd, 1, 0);
	m->presence = (flock)(fd, LOCK_EX | LOCK_NB) < 0 &&
		      errno == EWOULDBLOCK;
	return 0;
}

static struct marks seen_by_another(void)
{
	struct marks marks = { -2, -2, false };

	assert_int_equal(child_answer(look, &marks, sizeof(marks)), 0);
	return marks;
}

/* In any other process: held, by this PID, or 0 if the holder is unknown. */
static int check(void *pid)
{
	pid_t holder;

	demand(lf_check(lock_path, &holder) == 1);
	demand(holder == *(pid_t *)pid);
	return 0;
}

/* 1 where another machine may share the file, which is not removed then. */
static int left;

static int acquire_and_release(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(lf_acquire(&lock, lock_path, LF_FOREVER, 0) == 0);
	demand(lf_verify(lock) == 0);
	demand(lf_release(&lock) == left);
	return 0;
}

static void *try_in_thread(void *result)
{
	struct lf_lock *lock;

	*(int *)result = lf_acquire(&lock, lock_path, 0, 0);
	return NULL;
}

/* What holds with any marks.  Returns whether a waiter shows its presence. */
static bool expect_a_lock(void (*expect)(struct marks))
{
	int before = open_descriptors(), result = 0;
	struct lf_lock *lock;
	pthread_t thread;
	pid_t waiter;
	bool presence;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	expect(seen_by_another());
	assert_held(lock_path);
	(pthread_create)(&thread, NULL, try_in_thread, &result);
	pthread_join(thread, NULL);
	assert_int_equal(result, -EAGAIN);

	waiter = child_start(acquire_and_release, NULL);
	assert_true(waiters_reach(lock_path, 1));
	expect(seen_by_another());
	presence = seen_by_another().presence;
	assert_int_equal(lf_release(&lock), left);
	assert_finish(waiter);
	assert_int_equal(exists(lock_path), left);
	assert_int_equal(open_descriptors(), before);
	return presence;
}

static void expect_tag_and_body(struct marks marks)
{
	assert_int_equal(marks.tag, getpid());
	assert_int_equal(marks.body, -1);
}

static void expect_body_alone(struct marks marks)
{
	assert_int_equal(marks.tag, 0);
	assert_int_equal(marks.body, -1);
}

static void expect_lock_of_the_process(struct marks marks)
{
	assert_int_equal(marks.tag, getpid());
	assert_int_equal(marks.body, getpid());
}

/* The PID that lf_check() reports while we hold the lock. */
static void expect_holder(pid_t pid)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_child(check, &pid);
	assert_int_equal(lf_release(&lock), left);
}

static int end_faults(void **state)
{
	left = 0;
	faulty_clear();
	faulty_file_system(0);
	faulty_hide_locks(false);
	faulty_list_opened(NULL, 0);
	return leave_directory(state);
}

#define TEST_WITH_FAULTS(name) TEST_BETWEEN(name, enter_directory, end_faults)

TEST_WITH_FAULTS(a_local_file_has_all_marks)
{
	needs_locks_of_descriptions();
	assert_int_equal(expect_a_lock(expect_tag_and_body), has_flock());
	expect_holder(getpid());
}

#define GAP 2000000000

/* The lock that another process meets, if it asks for one byte. */
static int meet(void *lock)
{
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);

	demand(fd >= 0 && (fcntl)(fd, F_GETLK, lock) == 0);
	return 0;
}

static void assert_meets(short type, off_t byte, const struct flock *wanted)
{
	struct flock met = { .l_type = type, .l_start = byte, .l_len = 1 };

	assert_int_equal(child_answer(meet, &met, sizeof(met)), 0);
	assert_int_equal(met.l_type, wanted->l_type);
	if (met.l_type == F_UNLCK)
		return;
	assert_int_equal(met.l_start, wanted->l_start);
	assert_int_equal(met.l_len, wanted->l_len);
	assert_int_equal(met.l_pid, -1);
}

TEST_WITH_FAULTS(a_holder_has_no_gap)
{
	const struct flock body = { .l_type = F_WRLCK, .l_start = 1 };
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_meets(F_RDLCK, 1, &body);
	assert_meets(F_RDLCK, GAP, &body);
	assert_int_equal(lf_release(&lock), 0);
}

static void *release_shared(void *argument)
{
	struct lf_lock *lock = argument;

	return lf_release(&lock) == 0 ? NULL : argument;
}

/* The kernel joins the locks of byte 0 and of those up to the gap. */
TEST_WITH_FAULTS(a_remover_has_a_gap_and_excludes_all_other_bytes)
{
	const struct flock before = { .l_type = F_WRLCK, .l_len = GAP };
	const struct flock gap = {
		.l_type = F_RDLCK, .l_start = GAP, .l_len = 1
	};
	const struct flock behind = { .l_type = F_WRLCK, .l_start = GAP + 1 };
	const struct flock none = { .l_type = F_UNLCK };
	struct lf_lock *lock;
	pthread_t thread;
	void *failed;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	faulty_block(UNLINKAT, "lock");
	(pthread_create)(&thread, NULL, release_shared, lock);
	faulty_await();
	assert_meets(F_RDLCK, 0, &before);
	assert_meets(F_RDLCK, GAP - 1, &before);
	assert_meets(F_RDLCK, GAP, &none);
	assert_meets(F_WRLCK, GAP, &gap);
	assert_meets(F_RDLCK, GAP + 1, &behind);
	faulty_unblock();
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_false(exists(lock_path));
}

TEST_WITH_FAULTS(a_network_file_has_the_body_alone_and_stays)
{
	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_file_system(NFS);
	left = 1;
	assert_false(expect_a_lock(expect_body_alone));
	expect_holder(0);
}

/* The tag would be lost at once: what verifies the file closes it, too. */
TEST_WITH_FAULTS(for_a_network_file_no_other_lock_is_asked)
{
	static const enum faulty calls[] = { F_SETLK_, F_SETLKW_, FLOCK };

	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_file_system(NFS);
	left = 1;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		faulty_set(calls[i], 1, true, EIO);
		assert_false(expect_a_lock(expect_body_alone));
		assert_int_equal(faulty_clear(), 0);
	}
}

/* Of those on other machines nothing is listed here; one may be our caller. */
TEST_WITH_FAULTS(the_holders_of_a_network_file_are_not_all_listed)
{
	struct lf_report *report;
	pid_t pid;

	needs_known_file_systems();
	needs_shared_locks();
	faulty_file_system(NFS);
	pid = holder_new(share, NULL);
	assert_int_equal(lf_inspect(lock_path, &report), 1);
	assert_true(lf_report_partial(report));
	lf_report_free(report);
	assert_int_equal(lf_is_mine(lock_path), -ESRCH);
	assert_kill(pid);
}

TEST_WITH_FAULTS(the_holders_of_a_network_file_beside_us_are_not_all_listed)
{
	struct lf_report *report;
	struct lf_lock *lock;

	needs_known_file_systems();
	needs_shared_locks();
	faulty_file_system(NFS);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_inspect(lock_path, &report), 1);
	assert_true(lf_report_partial(report));
	assert_int_equal(lf_entry_pid(lf_report_next(report, NULL)), getpid());
	lf_report_free(report);
	faulty_file_system(0);
	assert_int_equal(lf_release(&lock), LF_LEFT);
}

/* What the server of a network file system does: takes the lock, and gives it away. */
static int give_lock_away(struct lf_lock *lock, short type)
{
	struct flock body = { .l_type = F_UNLCK, .l_start = 0, .l_len = 0 };
	int other = (openat)(AT_FDCWD, lock_path, O_RDWR | O_CLOEXEC);

	assert_true(other >= 0);
	assert_int_equal((fcntl)(lf_fileno(lock), F_OFD_SETLK, &body), 0);
	body.l_type = type;
	assert_int_equal((fcntl)(other, F_OFD_SETLK, &body), 0);
	return other;
}

TEST_WITH_FAULTS(a_lock_that_a_server_gave_to_another_is_lost)
{
	struct lf_lock *lock;
	int other;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_file_system(NFS);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_verify(lock), 0);
	other = give_lock_away(lock, F_RDLCK);
	assert_int_equal(lf_verify(lock), -EAGAIN);
	assert_int_equal(lf_release(&lock), LF_LOST);
	close(other);
}

TEST_WITH_FAULTS(a_lock_that_another_had_meanwhile_leaves_no_trace)
{
	struct lf_lock *lock;
	int other;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_file_system(NFS);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	other = give_lock_away(lock, F_WRLCK);
	assert_int_equal(lf_verify(lock), -EAGAIN);
	close(other);
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(lf_release(&lock), LF_LEFT);
}

TEST_WITH_FAULTS(a_shared_lock_is_lost_to_a_writer_alone)
{
	struct lf_lock *lock;
	int other;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_file_system(NFS);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	other = give_lock_away(lock, F_RDLCK);
	assert_int_equal(lf_verify(lock), 0);
	close(other);
	other = give_lock_away(lock, F_WRLCK);
	assert_int_equal(lf_verify(lock), -EAGAIN);
	assert_int_equal(lf_release(&lock), LF_LOST);
	close(other);
}

TEST_WITH_FAULTS(an_unknown_file_system_counts_as_a_network)
{
	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_set(FSTATFS, 1, true, ENOSYS);
	left = 1;
	assert_false(expect_a_lock(expect_body_alone));
}

/* Other machines may share all FUSE but fuseblk, which alone has a device. */
static bool is_on_a_device(void)
{
	struct stat st;

	return stat(".", &st) == 0 && major(st.st_dev) != 0;
}

TEST_WITH_FAULTS(fuse_with_locks_of_the_kernel_stays_unless_it_is_on_a_disk)
{
	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_file_system(FUSE);
	left = !is_on_a_device();
	assert_int_equal(expect_a_lock(expect_tag_and_body),
			 !left && has_flock());
	/* Unknown: the PID may have been the answer of a server. */
	expect_holder(0);
}

/* As root of the mounts, on a file system without a device, as that of FUSE. */
static int ask_for_global(void *unused)
{
	const char *path = "fuse/lock";
	struct lf_lock *lock;

	(void)unused;
	if (!own_mounts() || mount("none", "fuse", "tmpfs", 0, NULL) < 0)
		return IMPOSSIBLE;
	faulty_file_system(FUSE);
	demand(lf_acquire(&lock, path, 0, LF_GLOBAL) == -ENOLCK);
	demand(lf_acquire(&lock, path, LF_FOREVER, LF_GLOBAL) == -ENOLCK);
	faulty_hide_locks(true);
	demand(lf_acquire(&lock, path, 0, LF_GLOBAL) == 0);
	demand(lf_release(&lock) == 1);
	return 0;
}

/* Another machine that the server lets in is not excluded. */
TEST_WITH_FAULTS(fuse_with_locks_of_the_kernel_is_not_global)
{
	needs_locks_of_descriptions();
	needs_known_file_systems();
	assert_int_equal(mkdir("fuse", 0777), 0);
	assert_child_if_possible(ask_for_global, NULL, "mounts");
}

TEST_WITH_FAULTS(fuse_with_locks_of_a_server_has_a_lock_of_the_process_and_stays)
{
	needs_known_file_systems();
	faulty_file_system(FUSE);
	faulty_hide_locks(true);
	left = 1;
	expect_a_lock(expect_lock_of_the_process);
	expect_holder(0);
}

TEST_WITH_FAULTS(unknown_fuse_has_a_lock_of_the_process)
{
	needs_known_file_systems();
	faulty_file_system(FUSE);
	faulty_set(FDOPENDIR, 1, true, ENOMEM);
	left = 1;
	expect_a_lock(expect_lock_of_the_process);
}

TEST_WITH_FAULTS(an_old_kernel_has_a_lock_of_the_process)
{
	faulty_set(F_OFD_SETLK_, 1, true, EINVAL);
	expect_a_lock(expect_lock_of_the_process);
}

/* Its users may use flock(2) themselves. */
TEST_WITH_FAULTS(a_file_with_content_has_no_presence)
{
	struct lf_lock *lock;
	pid_t waiter;

	needs_locks_of_descriptions();
	write_to(lock_path, "data");
	left = 1;
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	waiter = child_start(acquire_and_release, NULL);
	assert_true(waiters_reach(lock_path, 1));
	assert_false(seen_by_another().presence);
	assert_int_equal(lf_release(&lock), LF_LEFT);
	assert_finish(waiter);
}

TEST_WITH_FAULTS(the_server_of_a_network_file_is_asked_again_for_a_missing_one)
{
	const unsigned flags = LF_KEEP | LF_NOCREATE;
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	make_file(lock_path, 0666);
	faulty_set(OPENAT, 1, false, ENOENT);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), -ENOENT);
	faulty_file_system(NFS);
	faulty_set(OPENAT, 1, false, ENOENT);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
	assert_int_equal(lf_release(&lock), 0);
}

static int ask_without_permission(void *unused)
{
	const unsigned flags = LF_KEEP | LF_NOCREATE;
	struct lf_lock *lock;

	(void)unused;
	demand(become_ordinary());
	faulty_file_system(NFS);
	demand(lf_acquire(&lock, "closed/lock", 0, flags) == 0);
	demand(lf_release(&lock) == 0);
	faulty_set(OPENAT, 1, false, ENOENT);
	demand(lf_acquire(&lock, "closed/lock", 0, flags) == -ENOENT);
	demand(faulty_clear() == 1);
	return 0;
}

/* To ask the server again is to open the directory. */
TEST_WITH_FAULTS(a_missing_file_in_a_directory_that_may_not_be_read_stays_missing)
{
	needs_known_file_systems();
	assert_int_equal(mkdir("closed", 0755), 0);
	make_file("closed/lock", 0666);
	assert_int_equal(chmod("closed/lock", 0666), 0);
	assert_int_equal(chmod("closed", 0311), 0);
	assert_child(ask_without_permission, NULL);
	assert_int_equal(chmod("closed", 0755), 0);
}

/* EAGAIN of an open is that of a lease, which the kernel would list. */
TEST_WITH_FAULTS(a_server_that_fails_like_a_lease_is_EIO)
{
	struct lf_lock *lock;

	needs_known_file_systems();
	needs_proc_with_locks();
	make_file(lock_path, 0666);
	faulty_set(CREATE, 1, true, EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EBUSY);
	faulty_file_system(NFS);
	faulty_set(CREATE, 1, true, EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EIO);
	assert_int_equal(lf_acquire(&lock, lock_path, LONG_MS, 0), -EIO);
}

/* The names that a client has in its cache may be of an hour ago. */
TEST_WITH_FAULTS(the_server_of_a_network_file_is_asked_where_it_is)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_file_system(NFS);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	faulty_set(OPENAT, 1, true, ESTALE);
	assert_int_equal(lf_verify(lock), -ESTALE);
	faulty_clear();
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(lf_release(&lock), LF_LEFT);
}

static const char *paths_opened(void)
{
	static char opened[100];
	struct lf_lock *lock;

	opened[0] = '\0';
	faulty_list_opened(opened, sizeof(opened));
	assert_int_equal(lf_acquire(&lock, "d/lock", 0, LF_KEEP), 0);
	faulty_list_opened(NULL, 0);
	assert_int_equal(lf_release(&lock), 0);
	return opened;
}

/* At first it opens the directory, and creates the file there. */
TEST_WITH_FAULTS(a_client_opens_the_directory_and_then_the_path_to_verify_it)
{
	needs_locks_of_descriptions();
	needs_known_file_systems();
	assert_int_equal(mkdir("d", 0777), 0);
	assert_string_equal(paths_opened(), "d lock ");
	faulty_file_system(NFS);
	assert_string_equal(paths_opened(), "d lock d/ d/lock ");
}

/* To close the path again would drop the lock. */
TEST_WITH_FAULTS(an_old_kernel_leaves_a_network_file_and_does_not_open_its_path_again)
{
	struct lf_lock *lock;

	needs_known_file_systems();
	faulty_set(F_OFD_SETLK_, 1, true, EINVAL);
	faulty_file_system(NFS);
	assert_int_equal(mkdir("d", 0777), 0);
	assert_null(strstr(paths_opened(), "d/lock"));
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_release(&lock), LF_LEFT);
}

/* A lock of the process, which any close of the file drops. */
static struct lf_lock *acquire_and_lose(unsigned flags)
{
	struct lf_lock *lock;

	faulty_set(F_OFD_SETLK_, 1, true, EINVAL);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
	(close)((open)(lock_path, O_RDWR));
	assert_int_equal(lf_verify(lock), 0);
	return lock;
}

static void leave_to_the_next(unsigned flags)
{
	struct lf_lock *lock = acquire_and_lose(flags);
	struct actor *next = actor_holder(0);

	assert_int_equal(lf_verify(lock), -EAGAIN);
	assert_int_equal(lf_release(&lock), LF_LOST);
	assert_held(lock_path);
	actor_release(next);
	assert_false(exists(lock_path));
}

TEST_WITH_FAULTS(an_old_kernel_leaves_the_file_to_the_next_if_the_lock_was_lost)
{
	leave_to_the_next(0);
	leave_to_the_next(LF_KEEP);
}

TEST_WITH_FAULTS(an_old_kernel_leaves_the_file_to_the_next_if_a_share_was_lost)
{
	needs_shared_locks();
	leave_to_the_next(LF_SHARED);
}

static int adopt_and_release(void *argument)
{
	struct lf_lock *lock = argument;

	demand(lf_adopt(lock) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

/* Then nothing was lost. */
TEST_WITH_FAULTS(an_old_kernel_leaves_the_file_to_the_next_after_a_child)
{
	struct lf_lock *lock = acquire_and_lose(LF_KEEP);
	struct actor *next;

	assert_child(adopt_and_release, lock);
	next = actor_holder(0);
	assert_int_equal(lf_release(&lock), 0);
	assert_held(lock_path);
	actor_release(next);
}

TEST_WITH_FAULTS(an_old_kernel_removes_the_file_if_a_lost_lock_has_no_next_holder)
{
	struct lf_lock *lock = acquire_and_lose(0);

	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

static void *wait_in_thread(void *unused)
{
	return acquire_and_release(unused) == 0 ? NULL : lock_path;
}

TEST_WITH_FAULTS(an_old_kernel_passes_the_lock_between_threads)
{
	struct lf_lock *lock;
	pthread_t thread;
	void *failed;

	faulty_set(F_OFD_SETLK_, 1, true, EINVAL);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(lf_acquire(&lock, lock_path, LF_FOREVER, 0),
				 0);
		(pthread_create)(&thread, NULL, wait_in_thread, NULL);
		assert_int_equal(lf_release(&lock), 0);
		pthread_join(thread, &failed);
		assert_null(failed);
		assert_false(exists(lock_path));
	}
}

TEST_WITH_FAULTS(an_old_kernel_keeps_the_file_of_another_sharer)
{
	struct lf_lock *first, *second;

	needs_shared_locks();
	faulty_set(F_OFD_SETLK_, 1, true, EINVAL);
	assert_int_equal(lf_acquire(&first, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_acquire(&second, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_release(&first), 0);
	assert_true(exists(lock_path));
	assert_int_equal(lf_verify(second), 0);
	assert_child(try_to_share, lock_path);
	assert_held(lock_path);
	assert_int_equal(lf_release(&second), 0);
	assert_false(exists(lock_path));
}

/* Whatever fails, the lock of the process stays that of the other handle. */
TEST_WITH_FAULTS(a_second_handle_that_fails_costs_no_lock_of_the_process)
{
	const unsigned flags = LF_SHARED | LF_KEEP;
	struct lf_lock *first, *second;
	int rc, failures = 0;

	needs_shared_locks();
	needs_known_file_systems();
	faulty_file_system(FUSE);
	faulty_hide_locks(true);
	assert_int_equal(lf_acquire(&first, lock_path, 0, flags), 0);
	for (int nth = 1;; nth++) {
		faulty_set(FSTATAT, nth, true, EIO);
		rc = lf_acquire(&second, lock_path, 0, flags);
		faulty_clear();
		assert_held(lock_path);
		if (rc == 0)
			break;
		failures++;
	}
	assert_true(failures > 0);
	assert_int_equal(lf_release(&second), 0);
	assert_held(lock_path);
	assert_int_equal(lf_release(&first), 0);
	assert_free(lock_path);
}

static void *share_with_flock(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	return lf_acquire(&lock, lock_path, 0, LF_SHARED | LF_FLOCK) == 0 ?
		       lock :
		       NULL;
}

struct releasing {
	struct lf_lock *lock;
	atomic_int pid;
	atomic_bool done;
};

static void *release_it(void *argument)
{
	struct releasing *releasing = argument;

	atomic_store(&releasing->pid, lf_thread_pid());
	lf_release(&releasing->lock);
	atomic_store(&releasing->done, true);
	return NULL;
}

/* That it waits is seen where threads show their state. */
static void await_release(const struct releasing *releasing)
{
	unsigned long long sleeps;
	int state = 'R';

	for (int look = 0; state != 'S' && state >= 0 &&
			   !atomic_load(&releasing->done) && look_again(&look);)
		if (atomic_load(&releasing->pid) != 0)
			state = lf_thread_state(atomic_load(&releasing->pid),
						&sleeps);
}

/*
 * The lock of the process would go with the first handle, if its release did not
 * wait until the other one, which has it already, counts as a holder.
 */
TEST_WITH_FAULTS(a_release_waits_for_a_thread_that_is_about_to_hold)
{
	struct releasing releasing = { .pid = 0 };
	pthread_t acquirer, releaser;
	struct lf_lock *lock;
	void *got;

	needs_shared_locks();
	needs(has_flock(), "flock(2)");
	faulty_set(F_OFD_SETLK_, 1, true, EINVAL);
	assert_int_equal(lf_acquire(&releasing.lock, lock_path, 0,
				    LF_SHARED | LF_KEEP),
			 0);
	faulty_block(FLOCK, lock_path); /* after the record locks */
	(pthread_create)(&acquirer, NULL, share_with_flock, NULL);
	faulty_await();
	(pthread_create)(&releaser, NULL, release_it, &releasing);
	await_release(&releasing);
	faulty_unblock();
	pthread_join(acquirer, &got);
	pthread_join(releaser, NULL);
	lock = got;
	assert_non_null(lock);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_free(lock_path);
}
