/* SPDX-License-Identifier: 0BSD */
/* lf_inspect(): holders and waiters of this library. */
#include "config.h"

#include "child.h"
#include "lock.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(a_free_or_missing_file_has_no_entries)
{
	assert_true(sees("0"));
	assert_false(exists(lock_path));
	assert_string_equal(seen("missing/lock"), "0");
	make_file(lock_path, 0666);
	assert_true(sees("0"));
	assert_true(exists(lock_path));
}

static int inspect_without_permission(void *unused)
{
	struct lf_report *report;

	(void)unused;
	demand(become_ordinary());
	demand(lf_inspect("secret", &report) == -EACCES);
	demand(!report);
	return 0;
}

TEST(a_file_that_cannot_be_inspected_has_its_error)
{
	struct lf_report *report = (struct lf_report *)1;
	int before = open_descriptors();

	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_int_equal(symlink("nowhere", "link"), 0);
	make_file("secret", 0);
	assert_int_equal(lf_inspect(NULL, &report), -EINVAL);
	assert_null(report);
	assert_int_equal(lf_inspect(lock_path, NULL), -EINVAL);
	assert_int_equal(lf_inspect("", &report), -ENOENT);
	assert_int_equal(lf_inspect(".", &report), -EISDIR);
	assert_int_equal(lf_inspect("fifo", &report), -ENOTSUP);
	assert_int_equal(lf_inspect("/dev/null", &report), -ENOTSUP);
	assert_int_equal(lf_inspect("link", &report), -ELOOP);
	assert_int_equal(lf_inspect("secret/lock", &report), -ENOTDIR);
	assert_child(inspect_without_permission, NULL);
	assert_int_equal(open_descriptors(), before);
}

TEST(accessors_accept_NULL)
{
	pid_t pid = 42;
	long long written = 42;

	assert_null(lf_report_next(NULL, NULL));
	assert_false(lf_report_partial(NULL));
	assert_false(lf_report_pidfile(NULL, &pid, &written));
	assert_int_equal(pid, 0);
	assert_int_equal(written, 0);
	assert_int_equal(lf_entry_pid(NULL), 0);
	assert_int_equal(lf_entry_source(NULL), LF_SOURCE_NONE);
	assert_int_equal(lf_entry_type(NULL), LF_TYPE_UNKNOWN);
	lf_report_free(NULL);
}

static int see_parent(void *unused)
{
	(void)unused;
	demand(sees("1; %d %s", getppid(), by_us()));
	return 0;
}

TEST(we_are_seen_by_us_and_by_others)
{
	struct lf_lock *lock;
	pid_t other;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_true(sees("1; %d %s", getpid(), by_us()));
	assert_child(see_parent, NULL);
	other = waiter_new(0);
	assert_true(sees("1; %d %s; %d waits posix", getpid(), by_us(), other));
	assert_int_equal(lf_release(&lock), 0);
	assert_true(sees("1; %d %s", other, by_us()));
	assert_kill(other);
	assert_true(sees("0"));
}

TEST(an_entry_has_the_start_time_of_its_process)
{
	pid_t pid[] = { holder_new(take, NULL), waiter_new(0) };
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	int i = 0;

	assert_true(sees("1; %d %s; %d waits posix", pid[0], by_us(), pid[1]));
	assert_int_equal(lf_inspect(lock_path, &report), 1);
	while ((entry = lf_report_next(report, entry)) != NULL) {
		assert_int_equal(lf_entry_pid(entry), pid[i]);
		assert_true(lf_entry_start_time(entry) > 0);
		assert_int_equal(lf_entry_start_time(entry),
				 start_time(pid[i++]));
	}
	lf_report_free(report);
	assert_kill(pid[1]);
	assert_kill(pid[0]);
}

TEST(the_PID_in_the_file_is_reported_with_its_time)
{
	struct lf_report *report;
	struct stat st;
	long long written;
	pid_t pid, written_pid;

	write_to(lock_path, "4242\n");
	pid = holder_new(take, NULL);
	assert_int_equal(lf_inspect(lock_path, &report), 1);
	assert_int_equal(lf_report_pidfile(report, &written_pid, &written), 1);
	assert_int_equal(stat(lock_path, &st), 0);
	assert_int_equal(written_pid, 4242);
	assert_int_equal(written, st.st_mtime);
	lf_report_free(report);
	assert_kill(pid);
	assert_int_equal(lf_inspect(lock_path, &report), 0);
	lf_report_free(report);
}

/* --- The queue */

#define QUEUE 6

TEST(waiters_are_listed_in_order)
{
	pid_t first = holder_new(take, NULL), pid[QUEUE];

	for (int i = 0; i < QUEUE; i++)
		pid[i] = waiter_new(i % 2 ? LF_KEEP : 0);
	assert_true(sees("1; %d %s; %d waits posix; %d waits posix; "
			 "%d waits posix; %d waits posix; %d waits posix; "
			 "%d waits posix",
			 first, by_us(), pid[0], pid[1], pid[2], pid[3], pid[4],
			 pid[5]));
	/* A killed waiter leaves the queue, wherever it was. */
	assert_kill(pid[2]);
	assert_true(waiters_reach(lock_path, QUEUE - 1));
	assert_true(sees("1; %d %s; %d waits posix; %d waits posix; "
			 "%d waits posix; %d waits posix; %d waits posix",
			 first, by_us(), pid[0], pid[1], pid[3], pid[4],
			 pid[5]));
	/* Without presence a remover breaks the queue up. */
	if (has_description_locks() && has_flock()) {
		holder_release(first);
		assert_true(sees("1; %d %s; %d waits posix; %d waits posix; "
				 "%d waits posix; %d waits posix",
				 pid[0], by_us(), pid[1], pid[3], pid[4],
				 pid[5]));
	} else {
		assert_kill(first);
	}
	assert_kill(pid[5]);
	assert_kill(pid[4]);
	assert_kill(pid[3]);
	assert_kill(pid[1]);
	assert_kill(pid[0]);
}

/* As flock --fcntl of util-linux does. */
static int lock_by_description(void *unused)
{
	(void)unused;
	return -lf_setlk(open(lock_path, O_RDWR), F_OFD_SETLKW, F_WRLCK, 0, 0);
}

TEST(a_waiter_of_another_program_is_listed_where_it_is_served)
{
	pid_t holder, first, other, last;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	holder = holder_new(take, NULL);
	first = waiter_new(LF_KEEP);
	other = waiter_new_by(lock_by_description, NULL);
	last = waiter_new(LF_KEEP);
	assert_true(sees("1; %d %s; %d waits posix; 0 waits ofd; %d waits posix",
			 holder, by_us(), first, last));
	assert_kill(last);
	assert_kill(other);
	assert_kill(first);
	assert_kill(holder);
}

/* The kernel serves a sharer together with the sharers that wait already. */
TEST(sharers_that_will_be_served_together_are_listed_together)
{
	pid_t first, s1, s2, x3, s4, x5;

	needs_shared_locks();
	first = holder_new(take, NULL);
	s1 = waiter_new(LF_SHARED);
	s2 = waiter_new(LF_SHARED);
	x3 = waiter_new(0);
	s4 = waiter_new(LF_SHARED);
	x5 = waiter_new(0);
	assert_true(sees("1; %d %s; %d waits posix shared; "
			 "%d waits posix shared; %d waits posix shared; "
			 "%d waits posix; %d waits posix",
			 first, by_us(), s1, s2, s4, x3, x5));
	assert_kill(x5);
	assert_kill(x3);
	assert_kill(s4);
	assert_kill(s2);
	assert_kill(s1);
	assert_kill(first);
}

TEST(a_deep_queue_is_listed_whole)
{
	enum { DEEP = 150 };
	static pid_t pid[DEEP];
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	int found = -1;

	pid[0] = holder_new(take, NULL);
	for (int i = 1; i < DEEP; i++)
		pid[i] = waiter_new(0);
	for (int look = 0; look < 100 && found < DEEP; look++) {
		assert_int_equal(lf_inspect(lock_path, &report), 1);
		for (found = 0; (entry = lf_report_next(report, entry)) != NULL;
		     found++)
			if (found >= DEEP || lf_entry_pid(entry) != pid[found])
				break;
		lf_report_free(report);
		entry = NULL;
	}
	assert_int_equal(found, DEEP);
	for (int i = DEEP; i-- > 0;)
		assert_kill(pid[i]);
}

/* --- Sharers */

TEST(each_sharer_is_listed)
{
	pid_t pid[3], last;

	needs_shared_locks();
	for (int i = 0; i < 3; i++)
		pid[i] = holder_new(share, NULL);
	last = waiter_new(0);
	for (int i = 0; i < 20; i++) {
		const char *text = seen(lock_path);
		char wanted[64];

		for (int j = 0; j < 3; j++) {
			snprintf(wanted, sizeof(wanted), "; %d %s shared",
				 pid[j], by_us());
			assert_non_null(strstr(text, wanted));
		}
	}
	assert_kill(last);
	for (int i = 0; i < 3; i++)
		assert_kill(pid[i]);
	assert_true(sees("0"));
}

#define MANY 300

static bool each_once(const pid_t *pid, int count)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	bool listed[MANY] = { false }, good;
	int found = 0;

	good = lf_inspect(lock_path, &report) == 1 &&
	       !lf_report_partial(report);
	while (good && (entry = lf_report_next(report, entry)) != NULL) {
		int i = 0;

		while (i < count && pid[i] != lf_entry_pid(entry))
			i++;
		assert_true(i < count && !listed[i]);
		good = lf_entry_shared(entry);
		listed[i] = true;
		found++;
	}
	lf_report_free(report);
	return good && found == count;
}

TEST(hundreds_of_sharers_are_listed_once_each)
{
	static pid_t pid[MANY];
	bool good = false;

	needs_shared_locks();
	for (int i = 0; i < MANY; i++)
		pid[i] = holder_new(share, NULL);
	for (int look = 0; look < 20 && !good; look++)
		good = each_once(pid, MANY);
	assert_true(good);
	for (int i = 0; i < MANY; i++)
		assert_kill(pid[i]);
}

static int share_twice(void *unused)
{
	struct lf_lock *second;

	return share(unused) ? 1 :
			       -lf_acquire(&second, lock_path, 0, LF_SHARED);
}

TEST(two_locks_of_one_process_are_one_entry)
{
	char wanted[64];
	pid_t pid;

	needs_shared_locks();
	pid = holder_new(share_twice, NULL);
	snprintf(wanted, sizeof(wanted), "1; %d %s shared", pid, by_us());
	for (int i = 0; i < 10; i++)
		assert_true(sees("%s", wanted));
	assert_kill(pid);
}

/* --- Heirs */

/* For a process that will be killed before its child, whose PID is *CHILD. */
static int leave_to_child(pid_t *child)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(60);
		for (;;)
			pause();
	}
	*child = pid;
	return pid < 0;
}

static int take_and_fork(void *child)
{
	demand(take(NULL) == 0);
	return leave_to_child(child);
}

static int share_and_fork(void *child)
{
	demand(share(NULL) == 0);
	return leave_to_child(child);
}

static int see_as_ordinary(void *wanted)
{
	demand(become_ordinary());
	demand(sees("%s", (const char *)wanted));
	return 0;
}

TEST(a_child_holds_the_lock_of_a_killed_parent)
{
	pid_t *child = shared_new(sizeof(*child)), pid, last;
	char unknown[64];

	needs_locks_of_descriptions();
	pid = holder_new(take_and_fork, child);
	assert_true(sees("1; %d tag ofd", pid));
	last = waiter_new(0);
	assert_true(sees("1; %d tag ofd; %d waits posix", pid, last));
	assert_kill(pid);
	/* The waiter got the tag, gave it back, and waits for the body. */
	assert_true(sees("1; %d descriptor ofd; 0 waits ofd", *child));
	snprintf(unknown, sizeof(unknown), "1; 0 unknown ofd; 0 waits ofd");
	if (geteuid() == 0)
		assert_child(see_as_ordinary, unknown);
	assert_kill(*child);
	assert_true(sees("1; %d tag ofd", last));
	assert_kill(last);
	shared_free(child, sizeof(*child));
}

/* A child whose parent lives is not a holder beside it. */
TEST(a_child_shares_for_a_killed_parent_alone)
{
	pid_t *child = shared_new(3 * sizeof(*child)), pid[3];

	needs_locks_of_descriptions();
	for (int i = 0; i < 3; i++)
		pid[i] = holder_new(share_and_fork, &child[i]);
	assert_kill(pid[1]);
	for (int i = 0; i < 20; i++)
		assert_true(sees_in_any_order("1; %d tag ofd shared; %d tag "
					      "ofd shared; "
					      "%d descriptor ofd shared",
					      pid[0], pid[2], child[1]));
	assert_kill(child[1]);
	for (int i = 0; i < 20; i++)
		assert_true(sees_in_any_order("1; %d tag ofd shared; %d tag "
					      "ofd shared",
					      pid[0], pid[2]));
	assert_kill(pid[0]);
	assert_kill(pid[2]);
	assert_kill(child[0]);
	assert_kill(child[2]);
	shared_free(child, 3 * sizeof(*child));
}

/* As "lf-acquire --fd 9" locks descriptor 9 of a shell. */
static int lock_descriptor(void *fd)
{
	struct lf_lock *lock;

	demand(lf_acquire_fd(&lock, *(int *)fd, 0, 0) == 0);
	return 0;
}

static int lock_by_a_child(void *unused)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	(void)unused;
	demand(child_run(lock_descriptor, &fd) == 0);
	return 0;
}

TEST(a_lock_of_an_ended_program_belongs_to_the_descriptor)
{
	pid_t pid;

	needs_locks_of_descriptions();
	pid = holder_new(lock_by_a_child, NULL);
	assert_true(sees("1; %d descriptor ofd", pid));
	assert_kill(pid);
	assert_true(sees("0"));
}

/* --- Adoption */

static int adopt_after_fork(void *child)
{
	struct gate adopted = gate_new();
	struct lf_lock *lock;
	pid_t pid;

	demand(lf_acquire(&lock, lock_path, 0, 0) == 0);
	pid = fork();
	if (pid != 0) {
		*(pid_t *)child = pid;
		gate_pass(adopted);
		return 0;
	}
	alarm(60);
	demand(lf_adopt(lock) == 0);
	gate_open(adopted);
	for (;;)
		pause();
}

TEST(a_child_that_adopted_is_the_holder_once_the_parent_has_ended)
{
	pid_t *child = shared_new(sizeof(*child)), pid;

	needs_locks_of_descriptions();
	pid = holder_new(adopt_after_fork, child);
	assert_true(waiters_reach(lock_path, 1));
	/* Both have the lock; the child waits for the tag only. */
	assert_true(sees("1; %d tag ofd", pid));
	assert_kill(pid);
	assert_true(waiters_reach(lock_path, 0));
	assert_true(sees("1; %d tag ofd", *child));
	assert_kill(*child);
	assert_true(sees("0"));
	shared_free(child, sizeof(*child));
}

/* It has a copy of the body, but must not count as a holder. */
TEST(a_child_that_waits_for_its_parent_is_a_waiter)
{
	struct lf_lock *lock;
	pid_t pid;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	pid = waiter_new(0);
	assert_true(sees("1; %d %s; %d waits posix", getpid(), by_us(), pid));
	assert_int_equal(lf_release(&lock), 0);
	assert_true(sees("1; %d %s", pid, by_us()));
	assert_kill(pid);
}

/* --- A holder without a tag */

TEST(a_holder_without_a_tag_is_known_by_its_descriptor)
{
	pid_t pid, last;

	needs_locks_of_descriptions();
	pid = holder_new(take_without_tag, NULL);
	assert_true(sees("1; %d descriptor ofd", pid));
	last = waiter_new(0);
	for (int i = 0; i < 20; i++)
		assert_true(sees("1; %d descriptor ofd; 0 waits ofd", pid));
	if (geteuid() == 0) {
		char unknown[] = "1; 0 unknown ofd; 0 waits ofd";

		assert_child(see_as_ordinary, unknown);
	}
	assert_kill(pid);
	assert_true(sees("1; %d tag ofd", last));
	assert_kill(last);
}

static int lock_by_process(void *unused)
{
	(void)unused;
	return -lf_setlk(open(lock_path, O_RDWR), F_SETLKW, F_WRLCK, 0, 0);
}

/* It has lost the tag under two waiters, and has it again. */
TEST(a_waiter_at_the_body_is_listed_before_those_at_the_tag)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };
	struct lf_lock *lock;
	pid_t other, first, last;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	close(open(lock_path, O_RDONLY | O_CLOEXEC));
	other = waiter_new_by(lock_by_process, NULL);
	first = waiter_new(0);
	assert_int_equal(fcntl(lf_fileno(lock), F_SETLK, &tag), 0);
	last = waiter_new(0);
	assert_true(sees("1; %d %s; 0 waits ofd; %d waits posix; %d waits posix",
			 getpid(), by_us(), last, other));
	assert_kill(other);
	assert_kill(last);
	assert_kill(first);
	assert_int_equal(lf_release(&lock), 0);
}

/* A former waiter has presence, by flock(2), on the descriptor of the body. */
TEST(presence_is_not_a_lock)
{
	pid_t first, second, third;

	needs_locks_of_descriptions();
	first = holder_new(take, NULL);
	second = waiter_new_by(take_without_tag, NULL);
	holder_release(first);
	assert_true(sees("1; %d descriptor ofd", second));
	third = waiter_new(0);
	assert_true(sees("1; %d descriptor ofd; 0 waits ofd", second));
	assert_kill(second);
	assert_true(sees("1; %d tag ofd", third));
	assert_kill(third);
}

TEST(an_inherited_presence_is_not_a_lock)
{
	pid_t *child = shared_new(sizeof(*child)), first, second, third;

	needs_locks_of_descriptions();
	needs(has_flock(), "flock(2), for presence");
	first = holder_new(take, NULL);
	second = waiter_new_by(take_and_fork, child);
	third = waiter_new(0);
	assert_true(sees("1; %d tag ofd; %d waits posix; %d waits posix", first,
			 second, third));
	holder_release(first);
	assert_true(sees("1; %d tag ofd; %d waits posix", second, third));
	/* It holds the lock before it forks. */
	while (*(volatile pid_t *)child == 0)
		sched_yield();
	assert_kill(second);
	assert_true(sees("1; %d descriptor ofd; 0 waits ofd", *child));
	assert_kill(third);
	assert_true(sees("1; %d descriptor ofd", *child));
	assert_kill(*child);
	shared_free(child, sizeof(*child));
}

int main(void)
{
	if (!shows_locks_of_processes())
		return skip_all_tests("needs to see the locks in proc(5)");
	/* A child whose parent was killed becomes ours to wait for. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return run_all_tests("inspect");
}
