/*
 * lf_inspect() where the system shows less, or something else: namespaces, a
 * /proc that is hidden or not there, a PID that is used anew.
 */
#include "config.h"

#include "harness.h"
#include "inspect/inspect.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_HERE 77

static void expect_here(int status)
{
	if (status == NOT_HERE)
		skip_because("no namespaces or mounts of its own to be had");
	assert_int_equal(status, 0);
}

/* --- PID namespaces */

/* The first process of a new one; it may have a /proc of its own. */
static int in_namespace(int (*body)(void *), void *argument)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0)
		return NOT_HERE;
	pid = start(body, argument);
	return finish(pid);
}

static bool own_proc(void)
{
	return own_mounts() && mount("proc", "/proc", "proc", 0, NULL) == 0;
}

struct inner {
	struct gate got;
};

static int hold_inside(void *argument)
{
	struct inner *inner = argument;

	demand(getpid() == 1);
	demand(take(NULL) == 0);
	gate_open(inner->got);
	for (;;)
		pause();
}

static int hold_in_namespace(void *inner)
{
	int status = in_namespace(hold_inside, inner);

	if (status == NOT_HERE)
		gate_open(((struct inner *)inner)->got);
	return status;
}

/* The child of PID, as we know it. */
static pid_t child_of(pid_t pid)
{
	char name[64];
	int child = 0;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", pid, pid);
	file = fopen(name, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%d", &child) != 1)
		child = 0;
	fclose(file);
	return child;
}

static void a_holder_in_a_namespace_has_our_PID_for_it(void **state)
{
	struct inner inner = { gate_new() };
	pid_t outer, pid, last;

	(void)state;
	needs_holders_with_names();
	outer = start(hold_in_namespace, &inner);
	gate_pass(inner.got);
	pid = child_of(outer);
	if (pid == 0) {
		expect_here(finish(outer));
		fail();
	}
	assert_true(sees("1; %d %s", pid, by_us()));
	last = waiter(0);
	assert_true(sees("1; %d %s; %d waits posix", pid, by_us(), last));
	end(last);
	kill(pid, SIGKILL);
	finish(outer);
	assert_true(sees("0"));
	gate_free(inner.got);
}

static int see_nobody(void *unused)
{
	(void)unused;
	if (!own_proc())
		return NOT_HERE;
	demand(sees("1 partial; 0 unknown %s",
		    lf_has_ofd_locks() ? "ofd" : "unknown"));
	return 0;
}

static int see_nobody_in_namespace(void *unused)
{
	return in_namespace(see_nobody, unused);
}

static int see_nobody_by_outer_proc(void *unused)
{
	(void)unused;
	demand(sees("1 partial; 0 unknown %s",
		    lf_has_ofd_locks() ? "ofd" : "posix"));
	return 0;
}

static int see_nobody_in_namespace_by_outer_proc(void *unused)
{
	return in_namespace(see_nobody_by_outer_proc, unused);
}

static void a_holder_outside_has_no_PID_for_us(void **state)
{
	pid_t pid;

	(void)state;
	needs_holders_with_names();
	pid = holder(take, NULL);
	expect_here(finish(start(see_nobody_in_namespace, NULL)));
	expect_here(finish(
		start(see_nobody_in_namespace_by_outer_proc, NULL)));
	end(pid);
}

/* Two of one namespace, by the /proc of another: F_GETLK tells. */
static int see_a_fellow(void *unused)
{
	pid_t pid = holder(take, unused);

	demand(sees("1 partial; %d lock %s", pid,
		    lf_has_ofd_locks() ? "ofd" : "posix"));
	kill(pid, SIGKILL);
	demand(finish(pid) == -SIGKILL);
	return 0;
}

static int see_a_fellow_in_namespace(void *unused)
{
	return in_namespace(see_a_fellow, unused);
}

static void a_fellow_is_told_by_the_file(void **state)
{
	(void)state;
	needs_holders_with_names();
	expect_here(finish(start(see_a_fellow_in_namespace, NULL)));
}

/* --- No /proc, or one that hides */

static int without_proc(void *pid)
{
	if (!own_mounts() || umount2("/proc", MNT_DETACH) < 0)
		return NOT_HERE;
	demand(sees("1 partial; %d lock unknown", *(pid_t *)pid));
	demand(become_ordinary());
	demand(sees("1 partial; %d lock unknown", *(pid_t *)pid));
	return 0;
}

static void without_proc_the_file_tells(void **state)
{
	pid_t pid;

	(void)state;
	needs_holders_with_names();
	if (geteuid() != 0)
		skip_because("needs to be root, to take /proc away");
	umask(022);
	pid = holder(take, NULL);
	expect_here(finish(start(without_proc, &pid)));
	end(pid);
}

static int with_hidepid(void *pid)
{
	if (!own_mounts() ||
	    mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		return NOT_HERE;
	demand(sees("1; %d %s", *(pid_t *)pid, by_us()));
	demand(become_ordinary());
	demand(sees("1; %d %s", *(pid_t *)pid, by_us()));
	return 0;
}

static void with_hidepid_the_tag_tells(void **state)
{
	pid_t pid;

	(void)state;
	needs_holders_with_names();
	if (geteuid() != 0)
		skip_because("needs to be root, to mount /proc");
	umask(022);
	pid = holder(take, NULL);
	expect_here(finish(start(with_hidepid, &pid)));
	end(pid);
}

static int with_hidepid_and_no_tag(void *unused)
{
	(void)unused;
	if (!own_mounts() ||
	    mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		return NOT_HERE;
	demand(become_ordinary());
	demand(sees("1; 0 unknown ofd; 0 waits ofd"));
	return 0;
}

static void with_hidepid_nobody_is_guessed(void **state)
{
	pid_t pid, last;

	(void)state;
	needs_locks_of_descriptions();
	if (geteuid() != 0)
		skip_because("needs to be root, to mount /proc");
	umask(022);
	pid = holder(take_without_tag, NULL);
	last = waiter(0);
	expect_here(finish(start(with_hidepid_and_no_tag, NULL)));
	end(last);
	end(pid);
}

/* --- Processes that come and go */

static int hold_and_exit(void *unused)
{
	return take(unused);
}

/* It holds for a moment, at no moment that we know. */
static void who_ends_meanwhile_was_the_holder(void **state)
{
	(void)state;
	for (int i = 0; i < rounds(300); i++) {
		pid_t pid = start(hold_and_exit, NULL);
		const struct lf_entry *entry = NULL;
		struct lf_report *report;

		for (int look = 0; look < 3; look++) {
			assert_true(lf_inspect(lock_path, &report) >= 0);
			while ((entry = lf_report_next(report, entry)))
				assert_true(lf_entry_pid(entry) == pid ||
					    lf_entry_pid(entry) == 0);
			lf_report_free(report);
		}
		assert_int_equal(finish(pid), 0);
		assert_true(sees("0"));
	}
}

static bool next_pid_is(pid_t pid)
{
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	char text[32];
	int length = snprintf(text, sizeof(text), "%d", pid - 1);
	bool done = fd >= 0 && write(fd, text, (size_t)length) == length;

	if (fd >= 0)
		close(fd);
	return done;
}

/* With no copy of a descriptor that would tell more. */
static int stay(void *unused)
{
	(void)unused;
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	return raise(SIGSTOP);
}

/* The list is older than the process that has the PID of one that waited. */
static int use_a_pid_anew(void *unused)
{
	const char *path = lock_path;
	struct lf_listing listing = { .sorted = NULL };
	struct lf_report *report;
	const struct lf_entry *entry;
	pid_t first, second;
	long hz = sysconf(_SC_CLK_TCK);
	struct timespec now;

	if (!own_proc())
		return NOT_HERE;
	demand(take(unused) == 0);
	first = waiter(0);
	demand(lf_listing_read(&listing) == 0);
	kill(first, SIGKILL);
	demand(finish(first) == -SIGKILL);
	do
		clock_gettime(CLOCK_BOOTTIME, &now);
	while ((unsigned long long)(now.tv_sec * hz + now.tv_nsec * hz /
				    1000000000) <= listing.list.when);
	if (!next_pid_is(first))
		return NOT_HERE;
	second = start(stay, NULL);
	if (second != first)
		return NOT_HERE;
	demand(waitpid(second, NULL, WUNTRACED) == second);
	demand(lf_inspect_listed(&report, &path, 1, &listing) == 0 &&
	       lf_report_status(report) == 1);
	entry = lf_report_next(report, NULL);
	demand(lf_entry_pid(entry) == getpid());
	demand(!lf_report_next(report, entry));
	lf_report_free(report);
	lf_listing_free(&listing);
	kill(second, SIGKILL);
	demand(finish(second) == -SIGKILL);
	return 0;
}

static int use_a_pid_anew_in_namespace(void *unused)
{
	return in_namespace(use_a_pid_anew, unused);
}

static void a_PID_that_is_used_anew_is_not_told(void **state)
{
	(void)state;
	expect_here(finish(start(use_a_pid_anew_in_namespace, NULL)));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		in_directory(a_holder_in_a_namespace_has_our_PID_for_it),
		in_directory(a_holder_outside_has_no_PID_for_us),
		in_directory(a_fellow_is_told_by_the_file),
		in_directory(without_proc_the_file_tells),
		in_directory(with_hidepid_the_tag_tells),
		in_directory(with_hidepid_nobody_is_guessed),
		in_directory(who_ends_meanwhile_was_the_holder),
		in_directory(a_PID_that_is_used_anew_is_not_told),
	};

	if (!shows_locks_of_processes())
		return skip_all("needs to see the locks in proc(5)");
	return cmocka_run_group_tests_name("inspect-hard", tests, NULL, NULL);
}
