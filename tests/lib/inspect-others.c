/* SPDX-License-Identifier: 0BSD */
/* lf_inspect(): locks of other programs, and files of other users. */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct foreign {
	int command;
	short type;
	off_t start, length, more; /* MORE: a second piece begins there */
};

static int lock_as(void *argument)
{
	struct foreign *f = argument;
	struct flock lock = {
		.l_type = f->type,
		.l_start = f->start,
		.l_len = f->length,
	};
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	demand(fd >= 0 && fcntl(fd, f->command, &lock) == 0);
	lock.l_start = f->more;
	demand(f->more == 0 || fcntl(fd, f->command, &lock) == 0);
	return 0;
}

static void expect_foreign(struct foreign f, const char *words)
{
	pid_t pid = holder_new(lock_as, &f), last;

	for (int i = 0; i < 10; i++)
		assert_true(sees("1; %d %s", pid, words));
	/* A waiter of ours waits where its PID shows. */
	if (f.type == F_WRLCK && f.start == 0 && f.command == F_SETLK &&
	    has_description_locks()) {
		last = waiter_new(LF_KEEP);
		assert_true(sees("1; %d %s; %d waits posix", pid, words, last));
		assert_kill(last);
	}
	assert_kill(pid);
	assert_true(sees("0"));
}

TEST(locks_of_a_process_are_listed)
{
	struct foreign whole = { F_SETLK, F_WRLCK, 0, 0, 0 };
	struct foreign read = { F_SETLK, F_RDLCK, 0, 0, 0 };

	expect_foreign(whole, "descriptor posix");
	needs_shared_locks();
	expect_foreign(read, "descriptor posix shared");
}

TEST(several_pieces_are_one_entry)
{
	struct foreign first = { F_SETLK, F_WRLCK, 0, 10, 100 };
	struct foreign later = { F_SETLK, F_WRLCK, 5, 10, 100 };
	struct foreign body = { F_OFD_SETLK, F_WRLCK, 5, 10, 100 };

	expect_foreign(first, "descriptor posix");
	expect_foreign(later, "descriptor posix");
	needs_locks_of_descriptions();
	expect_foreign(body, "descriptor ofd");
}

TEST(a_lock_on_the_first_byte_is_listed)
{
	struct foreign byte = { F_SETLK, F_WRLCK, 0, 1, 0 };

	needs_holders_with_names();
	expect_foreign(byte, "descriptor posix");
}

static int lock_as_both(void *locks)
{
	struct foreign *two = locks;

	return lock_as(&two[0]) || lock_as(&two[1]);
}

/* A holder that excludes sharers is not shown as one of them. */
TEST(the_mode_of_a_holder_is_that_of_its_strongest_lock)
{
	struct foreign two[] = { { F_SETLK, F_RDLCK, 5, 10, 0 },
				 { F_SETLK, F_WRLCK, 100, 10, 0 } };
	pid_t pid, other;

	needs_shared_locks();
	pid = holder_new(lock_as_both, two);
	assert_true(sees("1; %d descriptor posix", pid));
	assert_kill(pid);
	needs_locks_of_descriptions();
	two[0].command = F_OFD_SETLK;
	pid = holder_new(lock_as_both, two);
	assert_true(sees("1; %d descriptor ofd; %d descriptor posix", pid,
			 pid));
	assert_kill(pid);
	two[1].command = F_OFD_SETLK;
	pid = holder_new(lock_as, &two[0]);
	other = holder_new(lock_as, &two[1]);
	assert_true(sees_in_any_order("1; %d descriptor ofd shared; "
				      "%d descriptor ofd",
				      pid, other));
	assert_kill(pid);
	assert_kill(other);
	pid = holder_new(lock_as_both, two);
	assert_true(sees("1; %d descriptor ofd", pid));
	assert_kill(pid);
}

TEST(locks_of_a_description_are_listed)
{
	struct foreign write = { F_OFD_SETLK, F_WRLCK, 0, 0, 0 };
	struct foreign read = { F_OFD_SETLK, F_RDLCK, 0, 0, 0 };

	needs_locks_of_descriptions();
	expect_foreign(write, "descriptor ofd");
	expect_foreign(read, "descriptor ofd shared");
}

/* --- flock(2) */

static int flock_as(void *operation)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	return flock(fd, *(int *)operation);
}

static int flock_status(const char *path)
{
	struct lf_report *report;
	int rc;

	assert_in_range(lf_inspect_all(&report, &path, 1), 0, 1);
	rc = lf_report_flock(report);
	lf_report_free(report);
	return rc;
}

static int flock_directory(void *unused)
{
	(void)unused;
	return flock(open(".", O_RDONLY), LOCK_EX);
}

TEST(flock_of_what_is_no_lock_file)
{
	pid_t pid = holder_new(flock_directory, NULL);
	const char *paths[] = { "." };
	struct lf_report *report;

	assert_int_equal(flock_status("."), 1);
	assert_int_equal(lf_check_any("."), 1);
	assert_int_equal(lf_check(".", NULL), -EISDIR);
	assert_int_equal(lf_inspect_all(&report, paths, 1), 0);
	assert_int_equal(lf_report_status(report), -EISDIR);
	assert_int_equal(lf_entry_pid(lf_report_next(report, NULL)), pid);
	lf_report_free(report);
	assert_int_equal(lf_inspect(".", &report), -EISDIR);
	assert_null(report);
	assert_kill(pid);
	assert_int_equal(flock_status("."), 0);
	assert_int_equal(lf_check_any("."), -EISDIR);
	assert_int_equal(lf_check_any("missing"), 0);
	assert_int_equal(lf_check_any(NULL), -EINVAL);
	assert_int_equal(flock_status("/dev/full"), 0);
	assert_int_equal(flock_status("missing"), 0);
	assert_int_equal(symlink("missing", "link"), 0);
	assert_int_equal(flock_status("link"), -ELOOP);
	assert_int_equal(lf_check_any("link"), -ELOOP);
	unlink("link");
	assert_int_equal(flock_status("missing/file"), 0);
	assert_int_equal(lf_report_flock(NULL), -EINVAL);
}

TEST(flock_is_listed_and_the_file_is_free)
{
	int operations[] = { LOCK_SH, LOCK_EX };
	/* Without presence a remover ignores flock(2). */
	unsigned flags = has_description_locks() ? in_order() : LF_KEEP;
	struct lf_lock *lock;

	for (int i = 0; i < 2; i++) {
		const char *shared = i ? "" : " shared";
		pid_t pid = holder_new(flock_as, &operations[i]), last;

		assert_true(sees("0; %d descriptor flock%s", pid, shared));
		assert_int_equal(flock_status(lock_path), 1);
		assert_int_equal(lf_check(lock_path, NULL), 0);
		assert_int_equal(lf_check_any(lock_path), 1);
		/* Our presence, shared with it, is not listed. */
		assert_int_equal(
			lf_acquire(&lock, lock_path, LF_FOREVER, flags), 0);
		last = waiter_new(flags);
		assert_true(sees("1; %d %s; %d descriptor flock%s; %d waits posix",
				 getpid(), by_us(), pid, shared, last));
		assert_int_equal(lf_release(&lock), 0);
		assert_true(sees("1; %d %s; %d descriptor flock%s", last, by_us(),
				 pid, shared));
		assert_kill(last);
		assert_true(sees("0; %d descriptor flock%s", pid, shared));
		assert_kill(pid);
	}
}

TEST(a_waiter_for_flock_is_listed)
{
	int exclusive = LOCK_EX;
	pid_t pid = holder_new(flock_as, &exclusive), last;

	last = waiter_new_by(flock_as, &exclusive);
	assert_true(sees("0; %d descriptor flock; %d waits flock", pid, last));
	assert_kill(last);
	assert_kill(pid);
	assert_true(sees("0"));
}

/* As "flock 9" in a shell: the kernel lists a program that has ended. */
static int flock_by_a_child(void *fd)
{
	return flock(*(int *)fd, LOCK_EX);
}

TEST(the_heir_of_an_ended_process_is_listed)
{
	int fd;

	needs_initial_pid_namespace();
	fd = open(lock_path, O_CREAT | O_RDWR, 0666);
	assert_child(flock_by_a_child, &fd);
	assert_true(sees("0; %d descriptor flock", getpid()));
	close(fd);
	assert_true(sees("0"));
}

static int share_flock_by_a_child(void *fd)
{
	return flock(*(int *)fd, LOCK_SH);
}

/* A shared one beside a record lock might be a presence, if no process showed it. */
TEST(the_heir_of_a_shared_flock_is_listed_beside_record_locks)
{
	pid_t pid;
	int fd;

	needs_initial_pid_namespace();
	needs_holders_with_names();
	pid = holder_new(take, NULL);
	fd = open(lock_path, O_RDWR);
	assert_child(share_flock_by_a_child, &fd);
	assert_true(sees_in_any_order("1; %d %s; %d descriptor flock shared",
				      pid, by_us(), getpid()));
	assert_kill(pid);
	close(fd);
}

/* --- Other users */

static int see_as_ordinary(void *text)
{
	demand(become_ordinary());
	demand(sees("%s", (const char *)text));
	return 0;
}

static void expect_ordinary_to_see(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));

static void expect_ordinary_to_see(const char *format, ...)
{
	va_list arguments;
	char text[128];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	assert_child(see_as_ordinary, text);
}

TEST(a_holder_of_another_user_is_known_by_its_tag)
{
	pid_t pid;

	needs_root("to hold the lock as another user");
	needs_holders_with_names();
	umask(022);
	pid = holder_new(take, NULL);
	expect_ordinary_to_see("1; %d %s", pid, by_its_word());
	assert_kill(pid);
	expect_ordinary_to_see("0");
}

TEST(a_file_that_may_not_be_opened_is_known_from_the_list)
{
	struct foreign byte = { F_SETLK, F_WRLCK, 0, 1, 0 };
	struct foreign body = { F_OFD_SETLK, F_WRLCK, 1, 0, 0 };
	pid_t pid, stopped;

	needs_root("to hold the lock as another user");
	make_file(lock_path, 0600);
	assert_int_equal(chmod(lock_path, 0600), 0);
	expect_ordinary_to_see("%d", -EACCES);
	pid = holder_new(take, NULL);
	expect_ordinary_to_see("1; %d %s", pid, by_its_word());
	assert_kill(pid);
	make_file(lock_path, 0600);
	assert_int_equal(chmod(lock_path, 0600), 0);
	pid = holder_new(lock_as, &byte);
	expect_ordinary_to_see("1; %d lock posix", pid);
	assert_kill(pid);
	needs_locks_of_descriptions();
	pid = holder_new(lock_as, &body);
	expect_ordinary_to_see("1; 0 unknown ofd");
	/* As a waiter that was stopped before it gave the tag back. */
	stopped = holder_new(lock_as, &byte);
	kill(stopped, SIGSTOP);
	assert_int_equal(waitpid(stopped, NULL, WUNTRACED), stopped);
	expect_ordinary_to_see("1; 0 unknown ofd");
	assert_kill(stopped);
	assert_kill(pid);
}

/* The tag is free: each call has it for a moment. */
static int try_on_and_on(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	for (;;)
		demand(lf_acquire(&lock, lock_path, 0, LF_KEEP) == -EAGAIN);
}

static int wait_a_little_on_and_on(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	for (;;)
		demand(lf_acquire(&lock, lock_path, 1, LF_KEEP) == -ETIMEDOUT);
}

static bool reports_only(pid_t pid)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report = NULL;
	pid_t checked;
	bool good;

	good = lf_check(lock_path, &checked) == 1 &&
	       (checked == 0 || checked == pid) &&
	       lf_inspect(lock_path, &report) == 1;
	while (good && (entry = lf_report_next(report, entry)) != NULL)
		good = lf_entry_waits(entry) || lf_entry_pid(entry) == pid ||
		       lf_entry_pid(entry) == 0;
	if (!good)
		print_message("# %d: %s\n", checked, seen(lock_path));
	lf_report_free(report);
	return good;
}

static int check_reports_often(void *pid)
{
	for (int i = 0; i < rounds(100); i++)
		demand(reports_only(*(pid_t *)pid));
	return 0;
}

static int check_reports_as_ordinary(void *pid)
{
	demand(become_ordinary());
	for (int i = 0; i < rounds(25); i++)
		demand(reports_only(*(pid_t *)pid));
	return 0;
}

static int check_report_as_ordinary(void *pid)
{
	demand(become_ordinary());
	return !reports_only(*(pid_t *)pid);
}

/* Of a file that every user may read, and that stays. */
static pid_t nameless_holder(void)
{
	umask(022);
	write_to(lock_path, "kept\n");
	chmod(lock_path, 0644);
	return holder_new(take_without_tag, NULL);
}

TEST(a_process_that_only_tries_is_not_reported)
{
	int (*const bodies[])(void *) = { try_on_and_on,
					  wait_a_little_on_and_on };
	pid_t pid, other[4];

	needs_locks_of_descriptions();
	pid = nameless_holder();
	for (size_t i = 0; i < 4; i++)
		other[i] = child_start(bodies[i % 2], NULL);
	assert_child(check_reports_often, &pid);
	assert_child(check_reports_as_ordinary, &pid);
	/* A single process has the tag half of the time. */
	for (size_t i = 1; i < 4; i++)
		assert_kill(other[i]);
	assert_child(check_reports_as_ordinary, &pid);
	assert_kill(other[0]);
	assert_kill(pid);
}

static int try_and_count(void *tries)
{
	struct lf_lock *lock;

	for (;;) {
		demand(lf_acquire(&lock, lock_path, 0, LF_KEEP) == -EAGAIN);
		atomic_fetch_add((atomic_int *)tries, 1);
	}
}

/* Stopped at any place, it has the tag half of the time. */
TEST(a_stopped_process_that_only_tries_is_not_reported)
{
	atomic_int *tries = shared_new(sizeof(*tries));
	pid_t pid, other;

	needs_root("to look as another user");
	needs_locks_of_descriptions();
	pid = nameless_holder();
	other = child_start(try_and_count, tries);
	for (int i = 0; i < rounds(30); i++) {
		int before = atomic_load(tries);

		for (int look = 0; atomic_load(tries) == before;)
			assert_true(look_again(&look));
		kill(other, SIGSTOP);
		assert_int_equal(waitpid(other, NULL, WUNTRACED), other);
		assert_child(check_report_as_ordinary, &pid);
		kill(other, SIGCONT);
	}
	assert_kill(other);
	assert_kill(pid);
	shared_free(tries, sizeof(*tries));
}

/* --- A process that has the tag and gets no processor */

struct spinner {
	struct gate ready;
	int policy;
	bool has_tag;
};

/* The function of that name does nothing with musl. */
static bool run_on_one_processor(int policy)
{
	struct sched_param none = { .sched_priority = 0 };
	cpu_set_t allowed, first;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return false;
	CPU_ZERO(&first);
	for (size_t i = 0; CPU_COUNT(&first) == 0; i++)
		if (CPU_ISSET(i, &allowed))
			CPU_SET(i, &first);
	return sched_setaffinity(0, sizeof(first), &first) == 0 &&
	       syscall(SYS_sched_setscheduler, 0, policy, &none) == 0;
}

static int spin(void *argument)
{
	struct spinner *spinner = argument;
	struct foreign tag = { F_SETLK, F_WRLCK, 0, 1, 0 };

	demand(!spinner->has_tag || lock_as(&tag) == 0);
	demand(run_on_one_processor(spinner->policy));
	gate_open(spinner->ready);
	for (volatile int forever = 1; forever;)
		;
	return 0;
}

static pid_t spinner_new(int policy, bool has_tag)
{
	struct spinner spinner = { gate_new(), policy, has_tag };
	pid_t pid = child_start(spin, &spinner);

	gate_pass(spinner.ready);
	gate_free(spinner.ready);
	return pid;
}

/* It cannot give the tag back, if it is a waiter. */
TEST(a_process_that_waits_for_a_processor_is_not_reported)
{
	pid_t pid, idle, busy;

	needs_root("to look as another user");
	needs_locks_of_descriptions();
	pid = nameless_holder();
	idle = spinner_new(SCHED_IDLE, true);
	busy = spinner_new(SCHED_OTHER, false);
	for (int i = 0; i < 5; i++)
		assert_child(check_report_as_ordinary, &pid);
	assert_kill(busy);
	assert_kill(idle);
	assert_kill(pid);
}

int main(void)
{
	if (!shows_locks_of_processes())
		return skip_all_tests("needs to see the locks in proc(5)");
	return run_all_tests("inspect-others");
}
