/* SPDX-License-Identifier: 0BSD */
/*
 * lf_inspect() where a caller may not examine all processes, or is refused a
 * system call: what is not shown is unknown, and never nobody.
 */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ---- Root without CAP_SYS_PTRACE, as a service has it */

static bool drop_ptrace(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	data[0].effective &= ~(1U << CAP_SYS_PTRACE);
	data[0].permitted &= ~(1U << CAP_SYS_PTRACE);
	data[0].inheritable = data[1].inheritable = 0;
	return syscall(SYS_capset, &header, data) == 0;
}

static int see_without_ptrace(void *text)
{
	demand(drop_ptrace());
	demand(sees_in_any_order("%s", (const char *)text));
	return 0;
}

static void expect_without_ptrace(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));

static void expect_without_ptrace(const char *format, ...)
{
	va_list arguments;
	char text[128];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	assert_child(see_without_ptrace, text);
}

/* The child of a holder, as a command: it may be examined, the holder not. */
static int take_and_leave_a_copy(void *unused)
{
	struct gate ready = gate_new();
	pid_t pid;

	demand(take(unused) == 0);
	pid = fork();
	demand(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		demand(drop_ptrace());
		gate_open(ready);
		for (;;)
			pause();
	}
	gate_pass(ready);
	return 0;
}

TEST(a_command_is_not_the_holder_instead_of_its_wrapper)
{
	pid_t pid, checked = 0;

	needs_root("to have capabilities");
	needs_locks_of_descriptions();
	pid = holder_new(take_and_leave_a_copy, NULL);
	assert_true(sees("1; %d tag ofd", pid));
	expect_without_ptrace("1; %d lock ofd", pid);
	assert_int_equal(lf_check(lock_path, &checked), 1);
	assert_int_equal(checked, pid);
	assert_kill(pid);
}

static int check_without_ptrace(void *unused)
{
	pid_t checked;

	(void)unused;
	demand(drop_ptrace());
	demand(lf_check(lock_path, &checked) == 1);
	demand(checked == 0);
	return 0;
}

/* The tag may be that of a waiter, or carry the PID of another process. */
TEST(a_process_that_may_be_ended_but_not_examined_is_not_the_one_that_lf_check_names)
{
	pid_t pid;

	needs_root("to have capabilities");
	needs_locks_of_descriptions();
	pid = holder_new(take, NULL);
	assert_child(check_without_ptrace, NULL);
	assert_kill(pid);
}

static int share_visibly(void *unused)
{
	demand(share(unused) == 0);
	demand(drop_ptrace());
	return 0;
}

static int lose_tag(void)
{
	return close(open(lock_path, O_RDONLY | O_CLOEXEC));
}

static int share_visibly_without_tag(void *unused)
{
	return share_visibly(unused) || lose_tag();
}

static int share_without_tag(void *unused)
{
	return share(unused) || lose_tag();
}

TEST(a_sharer_that_is_not_shown_is_not_missing)
{
	pid_t shown, hidden;

	needs_root("to have capabilities");
	needs_locks_of_descriptions();
	shown = holder_new(share_visibly, NULL);
	hidden = holder_new(share, NULL);
	expect_without_ptrace("1; %d tag ofd shared; %d lock ofd shared", shown,
			      hidden);
	assert_kill(shown);
	assert_kill(hidden);
	shown = holder_new(share_visibly_without_tag, NULL);
	hidden = holder_new(share_without_tag, NULL);
	expect_without_ptrace("1; %d descriptor ofd shared; "
			      "0 unknown ofd shared",
			      shown);
	assert_kill(shown);
	assert_kill(hidden);
}

static bool may_be_more(void)
{
	struct lf_report **reports;
	size_t count;
	int more = lf_inspect_machine(&reports, &count);

	lf_reports_free(reports, count);
	return more == 1;
}

static int look_for_more(void *unused)
{
	(void)unused;
	demand(drop_ptrace());
	demand(may_be_more());
	return 0;
}

TEST(there_may_be_more_locked_files)
{
	pid_t pid;

	needs_root("to have capabilities");
	pid = holder_new(take, NULL);
	assert_child(look_for_more, NULL);
	assert_kill(pid);
}

/* ---- An ordinary user, for which the locks of root's processes are listed alone */

static int share_by_flock(void *unused)
{
	int fd = open(lock_path, O_RDWR | O_CLOEXEC);

	(void)unused;
	demand(fd >= 0 && flock(fd, LOCK_SH) == 0);
	return 0;
}

static int see_an_unknown_flock(void *unused)
{
	struct lf_report *report;

	(void)unused;
	demand(become_ordinary());
	demand(lf_inspect(lock_path, &report) == 1);
	demand(lf_report_flock(report) == -EACCES);
	lf_report_free(report);
	return 0;
}

/* The mark of a waiter looks the same. */
TEST(a_shared_lock_of_flock_beside_a_record_lock_is_unknown_and_not_none)
{
	pid_t holder, sharer;

	needs_root("to have another user");
	needs_locks_of_descriptions();
	needs(has_flock(), "flock(2)");
	umask(022);
	holder = holder_new(take, NULL);
	sharer = holder_new(share_by_flock, NULL);
	assert_child(see_an_unknown_flock, NULL);
	assert_kill(sharer);
	assert_kill(holder);
}

/* ---- A /proc that shows a user its own processes alone */

/* Of no other test: a process of the same user that ends is shown, but denied. */
static uid_t new_user(void)
{
	return 20000 + (uid_t)getpid() % 20000;
}

static bool see_own_processes_alone(void)
{
	/* As after execve(2). */
	return own_mounts() &&
	       mount("proc", "/proc", "proc", 0, "hidepid=2") == 0 &&
	       become_user(new_user()) && prctl(PR_SET_DUMPABLE, 1) == 0;
}

static int share_beside_a_hidden_one(void *unused)
{
	pid_t pid;

	(void)unused;
	if (!see_own_processes_alone())
		return IMPOSSIBLE;
	pid = holder_new(share_without_tag, NULL);
	demand(sees("1; %d descriptor ofd shared; 0 unknown ofd shared", pid));
	demand(child_kill(pid) == -SIGKILL);
	return 0;
}

TEST(a_sharer_that_is_hidden_is_not_missing)
{
	pid_t pid;

	needs_root("to mount /proc");
	needs_locks_of_descriptions();
	umask(0);
	pid = holder_new(share_without_tag, NULL);
	assert_child_if_possible(share_beside_a_hidden_one, NULL, "mounts");
	assert_kill(pid);
}

static int look_for_hidden_ones(void *unused)
{
	(void)unused;
	if (!see_own_processes_alone())
		return IMPOSSIBLE;
	demand(may_be_more());
	return 0;
}

TEST(there_may_be_locked_files_of_hidden_processes)
{
	pid_t pid;

	needs_root("to mount /proc");
	pid = holder_new(take, NULL);
	assert_child_if_possible(look_for_hidden_ones, NULL, "mounts");
	assert_kill(pid);
}

/* ---- A user namespace, where root is root of nothing else */

static int see_in_user_namespace(void *text)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return IMPOSSIBLE;
	demand(sees("%s", (const char *)text));
	return 0;
}

TEST(in_a_user_namespace_a_holder_is_known_by_the_word_of_the_kernel)
{
	char text[64];
	pid_t pid;

	needs_root("to have capabilities");
	needs_holders_with_names();
	pid = holder_new(take, NULL);
	snprintf(text, sizeof(text), "1; %d %s", pid, by_its_word());
	assert_child_if_possible(see_in_user_namespace, text, "namespaces");
	assert_kill(pid);
}

/* ---- statx(2) refused, as by a sandbox that is older */

static bool refuse_statx(int error)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statx, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(steps) / sizeof(steps[0]),
		.filter = steps,
	};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int see_without_statx(void *text)
{
	if (!refuse_statx(EPERM))
		return IMPOSSIBLE;
	demand(sees("%s", (const char *)text));
	return 0;
}

TEST(without_statx_a_holder_is_known_by_the_word_of_the_kernel)
{
	char text[64];
	pid_t pid;

	needs_holders_with_names();
	pid = holder_new(take, NULL);
	snprintf(text, sizeof(text), "1; %d %s", pid, by_its_word());
	assert_child_if_possible(see_without_statx, text, "seccomp(2)");
	assert_kill(pid);
	needs_locks_of_descriptions();
	pid = holder_new(take_without_tag, NULL);
	snprintf(text, sizeof(text), "1; 0 unknown ofd");
	assert_child_if_possible(see_without_statx, text, "seccomp(2)");
	assert_kill(pid);
}

int main(void)
{
	if (!shows_locks_of_processes())
		return skip_all_tests("needs to see the locks in proc(5)");
	return run_all_tests("inspect-denied");
}
