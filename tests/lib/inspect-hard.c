/* SPDX-License-Identifier: 0BSD */
/*
 * lf_inspect() where the system shows less, or something else: namespaces, a
 * /proc that is hidden or missing, a PID that is used again.
 */
#include "config.h"

#include "child.h"
#include "inspect/inspect.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define assert_child_if_allowed(body, argument) \
	assert_child_if_possible(body, argument, "namespaces and mounts")

/* --- PID namespaces */

/* Runs BODY as the first process of a new one. */
static int in_namespace(int (*body)(void *), void *argument)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0)
		return IMPOSSIBLE;
	pid = child_start(body, argument);
	return child_finish(pid);
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

	if (status == IMPOSSIBLE)
		gate_open(((struct inner *)inner)->got);
	return status;
}

/* The child of PID, by its PID in our namespace. */
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

TEST(a_holder_in_a_namespace_has_its_PID_in_ours)
{
	struct inner inner = { gate_new() };
	pid_t outer, pid, last;

	needs_holders_with_names();
	outer = child_start(hold_in_namespace, &inner);
	gate_pass(inner.got);
	pid = child_of(outer);
	if (pid == 0) {
		needs(child_finish(outer) != IMPOSSIBLE, "namespaces");
		fail();
	}
	assert_true(sees("1; %d %s", pid, by_us()));
	last = waiter_new(0);
	assert_true(sees("1; %d %s; %d waits posix", pid, by_us(), last));
	assert_kill(last);
	kill(pid, SIGKILL);
	child_finish(outer);
	assert_true(sees("0"));
	gate_free(inner.got);
}

static int see_nobody(void *unused)
{
	(void)unused;
	if (!own_proc())
		return IMPOSSIBLE;
	demand(sees("1 partial; 0 unknown %s",
		    has_description_locks() ? "ofd" : "unknown"));
	return 0;
}

static int see_nobody_in_namespace(void *unused)
{
	return in_namespace(see_nobody, unused);
}

/* Its processes have other PIDs here. */
static int see_nobody_by_outer_proc(void *unused)
{
	struct lf_report **reports;
	size_t count;

	(void)unused;
	demand(lf_inspect_machine(&reports, &count) == -ENOSYS);
	demand(sees("1 partial; 0 unknown %s",
		    has_description_locks() ? "ofd" : "posix"));
	return 0;
}

static int see_nobody_in_namespace_by_outer_proc(void *unused)
{
	return in_namespace(see_nobody_by_outer_proc, unused);
}

TEST(a_holder_outside_our_namespace_has_no_PID)
{
	pid_t pid;

	needs_holders_with_names();
	pid = holder_new(take, NULL);
	assert_child_if_allowed(see_nobody_in_namespace, NULL);
	assert_child_if_allowed(see_nobody_in_namespace_by_outer_proc, NULL);
	assert_kill(pid);
}

static int see_as_ordinary(void *text)
{
	demand(become_ordinary());
	demand(sees("%s", (const char *)text));
	return 0;
}

/*
 * Two processes of one namespace, with the /proc of another: nothing confirms the
 * kernel's word, which is not for root, that may kill any process.
 */
static int see_a_neighbour(void *unused)
{
	const char *type = has_description_locks() ? "ofd" : "posix";
	char text[64];
	pid_t pid;

	umask(022);
	pid = holder_new(take, unused);
	demand(sees("1 partial; 0 unknown %s", type));
	snprintf(text, sizeof(text), "1 partial; %d lock %s", pid, type);
	demand(geteuid() != 0 || child_run(see_as_ordinary, text) == 0);
	demand(child_kill(pid) == -SIGKILL);
	return 0;
}

static int see_a_neighbour_in_namespace(void *unused)
{
	return in_namespace(see_a_neighbour, unused);
}

TEST(a_holder_in_our_namespace_is_known_by_the_lock)
{
	needs_holders_with_names();
	assert_child_if_allowed(see_a_neighbour_in_namespace, NULL);
}

/* --- No /proc, or one that hides */

static int without_proc(void *pid)
{
	if (!own_mounts() || umount2("/proc", MNT_DETACH) < 0)
		return IMPOSSIBLE;
	demand(sees("1 partial; 0 unknown unknown"));
	demand(become_ordinary());
	demand(sees("1 partial; %d lock unknown", *(pid_t *)pid));
	return 0;
}

TEST(without_proc_a_holder_is_known_to_those_that_cannot_kill_it)
{
	pid_t pid;

	needs_holders_with_names();
	needs_root("to unmount /proc");
	umask(022);
	pid = holder_new(take, NULL);
	assert_child_if_allowed(without_proc, &pid);
	assert_kill(pid);
}

static int with_hidepid(void *pid)
{
	if (!own_mounts() ||
	    mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		return IMPOSSIBLE;
	demand(sees("1; %d %s", *(pid_t *)pid, by_us()));
	demand(become_ordinary());
	demand(sees("1; %d %s", *(pid_t *)pid, by_its_word()));
	return 0;
}

TEST(with_hidepid_a_holder_is_known_by_its_tag)
{
	pid_t pid;

	needs_holders_with_names();
	needs_root("to mount /proc");
	umask(022);
	pid = holder_new(take, NULL);
	assert_child_if_allowed(with_hidepid, &pid);
	assert_kill(pid);
}

static int with_hidepid_and_no_tag(void *unused)
{
	(void)unused;
	if (!own_mounts() ||
	    mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
		return IMPOSSIBLE;
	demand(become_ordinary());
	demand(sees("1; 0 unknown ofd; 0 waits ofd"));
	return 0;
}

TEST(with_hidepid_a_holder_without_a_tag_has_no_PID)
{
	pid_t pid, last;

	needs_locks_of_descriptions();
	needs_root("to mount /proc");
	umask(022);
	pid = holder_new(take_without_tag, NULL);
	last = waiter_new(0);
	assert_child_if_allowed(with_hidepid_and_no_tag, NULL);
	assert_kill(last);
	assert_kill(pid);
}

/* --- Processes that come and go */

static int hold_and_exit(void *unused)
{
	return take(unused);
}

/* It holds the lock for a moment, which we do not know. */
TEST(a_process_that_ends_meanwhile_is_reported_or_nobody)
{
	for (int i = 0; i < rounds(300); i++) {
		pid_t pid = child_start(hold_and_exit, NULL);
		const struct lf_entry *entry = NULL;
		struct lf_report *report;

		for (int look = 0; look < 3; look++) {
			assert_true(lf_inspect(lock_path, &report) >= 0);
			while ((entry = lf_report_next(report, entry)))
				assert_true(lf_entry_pid(entry) == pid ||
					    lf_entry_pid(entry) == 0);
			lf_report_free(report);
		}
		assert_finish(pid);
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

/* Without a copy of a descriptor that would show more. */
static int stay(void *unused)
{
	(void)unused;
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	return raise(SIGSTOP);
}

/* The list is older than the process that has the PID of a former waiter. */
static int use_a_pid_again(void *unused)
{
	const char *path = lock_path;
	struct lf_listing listing = { .sorted = NULL };
	struct lf_report *report;
	const struct lf_entry *entry;
	pid_t first, second;
	long hz = sysconf(_SC_CLK_TCK);
	struct timespec now;

	if (!own_proc())
		return IMPOSSIBLE;
	demand(take(unused) == 0);
	first = waiter_new(0);
	demand(lf_listing_read(&listing) == 0);
	demand(child_kill(first) == -SIGKILL);
	do
		clock_gettime(CLOCK_BOOTTIME, &now);
	while ((unsigned long long)(now.tv_sec * hz + now.tv_nsec * hz /
				    1000000000) <= listing.list.when);
	if (!next_pid_is(first))
		return IMPOSSIBLE;
	second = child_start(stay, NULL);
	if (second != first)
		return IMPOSSIBLE;
	demand(waitpid(second, NULL, WUNTRACED) == second);
	demand(lf_inspect_listed(&report, &path, 1, &listing) == 0 &&
	       lf_report_status(report) == 1);
	entry = lf_report_next(report, NULL);
	demand(lf_entry_pid(entry) == getpid());
	demand(!lf_report_next(report, entry));
	lf_report_free(report);
	lf_listing_free(&listing);
	demand(child_kill(second) == -SIGKILL);
	return 0;
}

static int use_a_pid_again_in_namespace(void *unused)
{
	return in_namespace(use_a_pid_again, unused);
}

TEST(a_PID_that_is_used_again_is_not_reported)
{
	assert_child_if_allowed(use_a_pid_again_in_namespace, NULL);
}

/* --- A lock of flock(2) that no process shows */

struct in_message {
	bool runs;
	atomic_bool is_sent;
};

static int send_flock(void *argument)
{
	struct in_message *message = argument;
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	struct cmsghdr *part = CMSG_FIRSTHDR(&header);
	int fd = open(lock_path, O_RDWR | O_CLOEXEC), ends[2];

	demand(fd >= 0 && flock(fd, LOCK_EX) == 0);
	demand(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &fd, sizeof(int));
	demand(sendmsg(ends[0], &header, 0) == 1);
	close(fd);
	atomic_store(&message->is_sent, true);
	while (message->runs)
		sched_yield();
	for (;;)
		pause();
}

static int flock_in_message(bool runs)
{
	struct in_message *message = shared_new(sizeof(*message));
	struct lf_report *report;
	int found = -ENOSYS;
	pid_t pid;

	message->runs = runs;
	pid = child_start(send_flock, message);
	while (!atomic_load(&message->is_sent))
		sched_yield();
	for (int look = 0; found != (runs ? -EACCES : 1) && look_again(&look);) {
		assert_int_equal(lf_inspect(lock_path, &report), 0);
		found = lf_report_flock(report);
		lf_report_free(report);
		if (runs)
			assert_int_not_equal(found, 1);
	}
	assert_kill(pid);
	shared_free(message, sizeof(*message));
	return found;
}

/*
 * A process that runs may be one of this library: its marks come and go, and are
 * listed at each look.
 */
TEST(a_mark_that_no_process_shows_is_a_lock_only_if_its_process_sleeps)
{
	needs(has_flock(), "flock(2)");
	needs_locks_of_descriptions();
	make_file(lock_path, 0666);
	assert_int_equal(flock_in_message(true), -EACCES);
	assert_int_equal(flock_in_message(false), 1);
	unlink(lock_path);
}

int main(void)
{
	if (!shows_locks_of_processes())
		return skip_all_tests("needs to see the locks in proc(5)");
	return run_all_tests("inspect-hard");
}
