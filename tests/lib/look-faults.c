/* SPDX-License-Identifier: 0BSD */
/*
 * Each system call and allocation of an inspection fails once, or from then on: the
 * answer is true, or an error, or says that it lacks something.  No PID is made up.
 */
#include "config.h"

#include "actor.h"
#include "inspect/inspect.h"
#include "seen.h"

#include "faulty.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

/* The calls, each with an error that does not mean "none" or "free". */
static const struct {
	enum faulty call;
	int error;
} faults[] = {
	{ OPENAT, EMFILE },    { OPENAT, EACCES },   { READ, EIO },
	{ READDIR, EIO },      { OPENDIR, EMFILE },  { FDOPENDIR, ENOMEM },
	{ MALLOC, ENOMEM },    { CALLOC, ENOMEM },   { REALLOC, ENOMEM },
	{ STRDUP, ENOMEM },    { FOPEN, EMFILE },    { FSTAT, EIO },
	{ FSTATAT, EIO },      { LSTAT, EACCES },    { FSTATFS, EIO },
	{ F_GETLK_, EIO },     { F_OFD_GETLK_, EIO }, { STATX, EACCES },
	{ KCMP, EPERM },       { READLINK, EACCES }, { READLINKAT, EACCES },
	{ PREAD, EIO },
};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static const char *wrong; /* NULL: nothing */

#define expect(condition) \
	do { \
		if (!(condition)) \
			wrong = #condition; \
	} while (0)

/* What a look may take for the holder, or a waiter. */
static pid_t holder, waiter;

/* Whether there was such a call. */
static bool fail_one(void (*look)(void), size_t i, int nth, bool all)
{
	int descriptors = open_descriptors();
	bool failed;

	wrong = NULL;
	faulty_set(faults[i].call, nth, all, faults[i].error);
	look();
	failed = faulty_clear() > 0;
	expect(open_descriptors() == descriptors);
	return failed;
}

/* How many of them: each, or some of many, or of thousands. */
enum extent { EACH, SOME, FEW };

/* Before the processes are examined there are few allocations. */
static bool is_allocation(enum faulty call)
{
	return call == MALLOC || call == CALLOC || call == REALLOC;
}

static int next(size_t i, int nth, enum extent extent)
{
	if (extent == EACH || (is_allocation(faults[i].call) && nth < 16))
		return nth + 1;
	return extent == FEW ? 4 * nth : 2 * nth;
}

/* One call, and all that follow it too, unless the look makes thousands of them. */
static int count_complaints(const char *name, void (*look)(void),
			    enum extent extent)
{
	int complaints = 0;

	for (size_t i = 0; i < FAULTS; i++)
		for (int all = 0; all < (extent == FEW ? 1 : 2); all++)
			for (int nth = 1, failed = 1; failed;
			     nth = next(i, nth, extent)) {
				failed = fail_one(look, i, nth, all);
				if (!wrong)
					continue;
				complaints++;
				print_message("# %s: %s %d%s fails, %s: %s\n",
					      name, faulty_name(faults[i].call),
					      nth, all ? " and all after it" : "",
					      faulty_error_name(faults[i].error),
					      wrong);
			}
	return complaints;
}

#define fail_everywhere(name, look, extent) \
	assert_int_equal(count_complaints(name, look, extent), 0)

/* --- What is looked at, and the truth about it */

static void check_entries(const struct lf_report *report)
{
	const struct lf_entry *entry = NULL;

	while ((entry = lf_report_next(report, entry)) != NULL) {
		pid_t pid = lf_entry_pid(entry);

		expect(pid == 0 ||
		       pid == (lf_entry_waits(entry) ? waiter : holder));
	}
}

static void check(void)
{
	pid_t pid = -1;
	int rc = lf_check(lock_path, &pid);

	expect(rc == 1 || rc < 0);
	expect(pid == 0 || (rc == 1 && pid == holder));
}

static void check_any(void)
{
	expect(lf_check_any(lock_path) != 0);
}

static void inspect(void)
{
	struct lf_report *report;
	int rc = lf_inspect(lock_path, &report);

	expect(rc != 0);
	expect((rc < 0) == !report);
	check_entries(report);
	lf_report_free(report);
}

/* Any lock is one, or what keeps it from being seen is an error. */
static void inspect_flock(void)
{
	struct lf_report *report;
	int rc = lf_inspect(lock_path, &report);

	expect(rc < 0 || lf_report_flock(report) != 0);
	check_entries(report);
	lf_report_free(report);
}

static void inspect_machine(void)
{
	struct lf_report **reports;
	size_t count;
	int rc = lf_inspect_machine(&reports, &count);
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(lf_report_path(reports[i]), lock_path) != 0)
			continue;
		found = true;
		check_entries(reports[i]);
	}
	expect(found || rc != 0);
	expect((rc < 0) == !reports);
	lf_reports_free(reports, count);
}

static void ask_whether_it_is_mine(void)
{
	expect(lf_is_mine(lock_path) != 1);
}

static void ask_whether_it_is_not_mine(void)
{
	expect(lf_is_mine(lock_path) != 0);
}

static void examine_file_system(void)
{
	struct lf_fs *fs;
	int rc = lf_inspect_fs(".", &fs);

	expect((rc < 0) == !fs);
	lf_fs_free(fs);
}

static void ask_for_start_time(void)
{
	unsigned long long ticks = lf_process_start_time(holder);

	expect(ticks == 0 || ticks == start_time(holder));
}

/* --- */

static int lock_by_flock(void *unused)
{
	int fd = (openat)(AT_FDCWD, lock_path, O_CREAT | O_RDWR, 0666);

	(void)unused;
	demand(fd >= 0 && (flock)(fd, LOCK_EX) == 0);
	return 0;
}

static int lock_as_a_process(void *unused)
{
	struct flock whole = { .l_type = F_WRLCK };
	int fd = (openat)(AT_FDCWD, lock_path, O_CREAT | O_RDWR, 0666);

	(void)unused;
	demand(fd >= 0 && (fcntl)(fd, F_SETLK, &whole) == 0);
	return 0;
}

static void begin(int (*body)(void *), bool waits)
{
	waiter = 0;
	holder = holder_new(body, NULL);
	if (!waits)
		return;
	waiter = waiter_new(LF_KEEP);
	assert_true(waiters_reach(lock_path, 1));
}

static void end(void)
{
	if (waiter > 0)
		assert_kill(waiter);
	assert_kill(holder);
}

TEST(a_lock_of_ours_is_never_free)
{
	needs_proc_with_locks();
	needs_holders_with_names();
	begin(take, true);
	fail_everywhere("check", check, SOME);
	fail_everywhere("check any", check_any, SOME);
	fail_everywhere("inspect", inspect, SOME);
	end();
}

TEST(nor_is_one_without_a_tag)
{
	needs_proc_with_locks();
	needs_locks_of_descriptions();
	begin(take_without_tag, false);
	fail_everywhere("inspect", inspect, SOME);
	end();
}

TEST(nor_is_one_of_a_process)
{
	needs_proc_with_locks();
	begin(lock_as_a_process, false);
	fail_everywhere("check", check, SOME);
	fail_everywhere("inspect", inspect, SOME);
	end();
}

TEST(nor_is_one_of_flock)
{
	needs(has_flock(), "flock(2)");
	needs_proc_with_locks();
	begin(lock_by_flock, false);
	fail_everywhere("check any", check_any, SOME);
	fail_everywhere("inspect", inspect_flock, SOME);
	end();
}

TEST(a_locked_file_of_the_machine_is_not_missed_in_silence)
{
	needs_proc_with_locks();
	begin(lock_as_a_process, false);
	fail_everywhere("inspect machine", inspect_machine, FEW);
	end();
}

TEST(a_link_without_memory_for_its_report_is_ENOMEM)
{
	struct lf_report *report;

	assert_int_equal(symlink("lock", "link"), 0);
	for (int nth = 1, failed = 1; failed; nth++) {
		int rc;

		faulty_set(CALLOC, nth, false, ENOMEM);
		rc = lf_inspect("link", &report);
		failed = faulty_clear();
		assert_int_equal(rc, failed ? -ENOMEM : -ELOOP);
		assert_null(report);
	}
}

/* Whatever its descriptors show. */
TEST(a_lock_of_this_process_is_mine)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	faulty_set(FDOPENDIR, 1, true, ENOMEM);
	assert_int_equal(lf_is_mine(lock_path), 1);
	faulty_clear();
	assert_int_equal(lf_release(&lock), 0);
}

TEST(the_lock_of_another_is_never_mine)
{
	needs_proc_with_locks();
	needs_holders_with_names();
	begin(take, true);
	fail_everywhere("is mine", ask_whether_it_is_mine, SOME);
	end();
}

static int ask_below_holder(void *unused)
{
	(void)unused;
	demand(lf_is_mine(lock_path) == 1);
	return count_complaints("is not mine", ask_whether_it_is_not_mine,
				SOME) > 0;
}

/* A parent needs no look at other processes. */
static int ask_as_grandchild(void *unused)
{
	return child_run(ask_below_holder, unused);
}

TEST(the_lock_of_a_grandparent_is_never_said_not_to_be_mine)
{
	needs_proc_with_locks();
	needs_holders_with_names();
	assert_int_equal(lock_as_a_process(NULL), 0);
	assert_child(ask_as_grandchild, NULL);
}

/* --- Two sharers, in a namespace of few processes that may all be examined */

static pid_t sharers[2];

static void inspect_sharers(void)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	int rc = lf_inspect(lock_path, &report), count = 0;
	bool incomplete = lf_report_partial(report);

	while ((entry = lf_report_next(report, entry)) != NULL) {
		pid_t pid = lf_entry_pid(entry);

		expect(pid == 0 || pid == sharers[0] || pid == sharers[1]);
		incomplete |= pid == 0;
		count++;
	}
	expect(rc < 0 || count == 2 || incomplete);
	lf_report_free(report);
}

static void find_on_the_machine(void)
{
	struct lf_report **reports;
	bool found = false;
	size_t count;
	int rc = lf_inspect_machine(&reports, &count);

	for (size_t i = 0; i < count; i++)
		found |= strcmp(lf_report_path(reports[i]), lock_path) == 0;
	expect(found || rc != 0);
	lf_reports_free(reports, count);
}

static int share_without_tag(void *ready)
{
	struct flock body = { .l_type = F_RDLCK, .l_start = 1 };
	int fd = (openat)(AT_FDCWD, lock_path, O_CREAT | O_RDWR, 0666);

	demand(fd >= 0 && (fcntl)(fd, F_OFD_SETLK, &body) == 0);
	gate_open(*(struct gate *)ready);
	for (;;)
		pause();
}

static int inspect_sharers_alone(void *unused)
{
	struct gate ready = gate_new();
	struct lf_report *report;
	int partial;

	(void)unused;
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		return IMPOSSIBLE;
	for (int i = 0; i < 2; i++) {
		sharers[i] = child_start(share_without_tag, &ready);
		gate_pass(ready);
	}
	demand(lf_inspect(lock_path, &report) == 1);
	partial = lf_report_partial(report);
	lf_report_free(report);
	if (partial)
		return IMPOSSIBLE;
	return count_complaints("sharers", inspect_sharers, EACH) +
		       count_complaints("machine", find_on_the_machine, EACH) >
	       0;
}

static int inspect_in_namespace(void *unused)
{
	if (!own_mounts() || unshare(CLONE_NEWPID) < 0)
		return IMPOSSIBLE;
	return child_run(inspect_sharers_alone, unused);
}

TEST(a_sharer_that_cannot_be_examined_is_not_missing)
{
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	assert_child_if_possible(inspect_in_namespace, NULL,
				 "mounts and a PID namespace of its own");
}

/* --- */

TEST(a_file_system_is_reported_or_an_error)
{
	fail_everywhere("inspect fs", examine_file_system, SOME);
}

TEST(a_process_was_started_when_it_was_or_at_an_unknown_time)
{
	begin(lock_as_a_process, false);
	fail_everywhere("start time", ask_for_start_time, SOME);
	end();
}

/* --- A file that is replaced while it is looked at */

static void *inspect_in_thread(void *unused)
{
	struct lf_report *report;
	int rc = lf_inspect(lock_path, &report);

	(void)unused;
	lf_report_free(report);
	return (void *)(intptr_t)rc;
}

static void *check_in_thread(void *unused)
{
	pid_t pid;

	(void)unused;
	return (void *)(intptr_t)lf_check(lock_path, &pid);
}

/* Between the look at the path and the question whether the file is locked. */
static void look_at_replaced(void *(*look)(void *))
{
	struct actor *actor = actor_holder(LF_KEEP);
	pthread_t thread;
	void *result;

	faulty_block(F_OFD_GETLK_, lock_path);
	(pthread_create)(&thread, NULL, look, NULL);
	faulty_await();
	assert_int_equal(rename(lock_path, "old"), 0);
	make_file(lock_path, 0666);
	faulty_unblock();
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, 0);
	actor_release(actor);
}

TEST(the_holder_of_a_replaced_file_does_not_hold_the_new_one)
{
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	look_at_replaced(inspect_in_thread);
	look_at_replaced(check_in_thread);
}

static int take_flock(void *ready)
{
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);

	demand((flock)(fd, LOCK_EX) == 0);
	gate_open(*(struct gate *)ready);
	for (;;)
		pause();
}

static void *inspect_flock_in_thread(void *unused)
{
	struct lf_report *report;
	int rc = lf_inspect(lock_path, &report);

	(void)unused;
	if (rc == 0)
		rc = lf_report_flock(report);
	lf_report_free(report);
	return (void *)(intptr_t)rc;
}

/* A remover has it for an instant, in which the list may be read. */
TEST(flock_that_has_gone_since_the_list_was_read_holds_nothing)
{
	struct gate ready = gate_new();
	pthread_t thread;
	void *result;
	pid_t pid;

	needs(has_flock(), "flock(2)");
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	make_file(lock_path, 0666);
	pid = child_start(take_flock, &ready);
	gate_pass(ready);
	faulty_block(F_OFD_GETLK_, lock_path); /* after the list */
	(pthread_create)(&thread, NULL, inspect_flock_in_thread, NULL);
	faulty_await();
	assert_kill(pid);
	faulty_unblock();
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, 0);
	gate_free(ready);
}

static struct gate taken;
static pid_t taker;
static enum faulty failing;
static int failing_nth;
static bool was_replaced;

static void start_taker(void)
{
	taker = child_start(take_flock, &taken);
	gate_pass(taken);
}

/* Before the list is read again. */
static void replace_taker(void)
{
	faulty_before(NOTHING, NULL);
	assert_kill(taker);
	start_taker();
	faulty_set(failing, failing_nth, false, ENOMEM);
	was_replaced = true;
}

static void inspect_replaced_flock(enum faulty call, int nth)
{
	failing = call;
	failing_nth = nth;
	wrong = NULL;
	was_replaced = false;
	start_taker();
	faulty_before(POLL, replace_taker);
	inspect_flock();
	assert_true(faulty_clear() == 1 || nth > 1);
	assert_true(was_replaced);
	assert_null(wrong);
	assert_kill(taker);
}

TEST(flock_that_follows_another_without_memory_is_not_missed)
{
	needs(has_flock(), "flock(2)");
	needs_proc_with_locks();
	make_file(lock_path, 0666);
	taken = gate_new();
	faulty_hide_locks(true); /* else its process is enough */
	for (int nth = 1; nth < 16; nth++) {
		inspect_replaced_flock(REALLOC, nth);
		inspect_replaced_flock(CALLOC, nth);
	}
	faulty_hide_locks(false);
	gate_free(taken);
}

static struct stat locked;

static void *look_for_locks(void *unused)
{
	(void)unused;
	return (void *)(intptr_t)lf_process_has_lock(getpid(), &locked,
						     lf_is_body);
}

/* Between the look at a descriptor and the list of its locks. */
TEST(a_file_that_is_removed_before_its_locks_are_listed_is_not_held)
{
	struct lf_lock *lock;
	pthread_t thread;
	char name[32];
	void *result;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_int_equal((lstat)(lock_path, &locked), 0);
	assert_int_equal((intptr_t)look_for_locks(NULL), 1);
	snprintf(name, sizeof(name), "fdinfo/%d", lf_fileno(lock));
	faulty_block(OPENAT, name);
	(pthread_create)(&thread, NULL, look_for_locks, NULL);
	faulty_await();
	assert_int_equal(unlink(lock_path), 0);
	faulty_unblock();
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, 0);
	assert_in_range(lf_release(&lock), 0, 1);
}

#define HIGH_DESCRIPTOR 200

struct move {
	struct gate begin, end, moved;
};

static int set_body(int fd, int command, short type)
{
	struct flock body = { .l_type = type, .l_start = 1 };

	return (fcntl)(fd, command, &body);
}

static int give_body(void *argument)
{
	const struct move *move = argument;
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);

	demand(set_body(fd, F_OFD_SETLK, F_WRLCK) == 0);
	gate_open(move->begin);
	gate_pass(move->end);
	demand(set_body(fd, F_OFD_SETLK, F_UNLCK) == 0);
	for (;;)
		pause();
}

static int get_body(void *argument)
{
	const struct move *move = argument;
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);

	demand(dup2(fd, HIGH_DESCRIPTOR) >= 0);
	demand(set_body(HIGH_DESCRIPTOR, F_OFD_SETLKW, F_WRLCK) == 0);
	gate_open(move->moved);
	for (;;)
		pause();
}

static void *count_holders(void *unused)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report;
	int rc = lf_inspect(lock_path, &report);

	(void)unused;
	if (rc < 0)
		return (void *)(intptr_t)rc;
	for (rc = 0; (entry = lf_report_next(report, entry)) != NULL;)
		rc += !lf_entry_waits(entry);
	lf_report_free(report);
	return (void *)(intptr_t)rc;
}

/* They are examined in the order of their PIDs; the first held it when it was. */
TEST(a_lock_that_goes_from_one_to_another_between_the_looks_has_one_holder)
{
	struct move move = { gate_new(), gate_new(), gate_new() };
	pid_t first, second;
	pthread_t thread;
	char name[32];
	void *result;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	make_file(lock_path, 0666);
	first = child_start(give_body, &move);
	gate_pass(move.begin);
	second = child_start(get_body, &move);
	assert_true(waiters_reach(lock_path, 1));
	snprintf(name, sizeof(name), "fdinfo/%d", HIGH_DESCRIPTOR);
	faulty_block(OPENAT, name);
	(pthread_create)(&thread, NULL, count_holders, NULL);
	faulty_await();
	gate_open(move.end);
	gate_pass(move.moved);
	faulty_unblock();
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, 1);
	assert_kill(first);
	assert_kill(second);
	gate_free(move.begin);
	gate_free(move.end);
	gate_free(move.moved);
}

/* It is replaced again and again. */
TEST(the_holder_of_a_file_that_is_never_in_place_has_no_name)
{
	struct actor *actor = actor_holder(LF_KEEP);
	const struct lf_entry *entry;
	struct lf_report *report;
	pid_t pid;

	needs_proc_with_locks();
	faulty_set(LSTAT, 1, true, ENOENT);
	assert_int_equal(lf_inspect(lock_path, &report), 1);
	entry = lf_report_next(report, NULL);
	assert_non_null(entry);
	assert_int_equal(lf_entry_pid(entry), 0);
	lf_report_free(report);
	faulty_set(LSTAT, 1, true, ENOENT);
	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_int_equal(pid, 0);
	faulty_clear();
	actor_release(actor);
}

/* --- Containers in which kcmp(2) is forbidden */

/* They live on, unlike those of child_start(). */
static int take_and_fork_twice(void *argument)
{
	pid_t *children = argument;

	demand(take(NULL) == 0);
	for (int i = 0; i < 2; i++) {
		pid_t pid = (fork)();

		if (pid == 0) {
			alarm(60);
			pause();
			_exit(0);
		}
		children[i] = pid;
	}
	return 0;
}

TEST(each_child_of_a_killed_holder_is_one_where_none_can_be_compared)
{
	pid_t *children = shared_new(2 * sizeof(*children)), parent;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	parent = holder_new(take_and_fork_twice, children);
	assert_kill(parent);
	faulty_set(KCMP, 1, true, EPERM);
	assert_true(sees_in_any_order("1; %d descriptor ofd; %d descriptor ofd",
				      children[0], children[1]));
	assert_true(faulty_clear() > 0);
	kill(children[0], SIGKILL);
	kill(children[1], SIGKILL);
	shared_free(children, 2 * sizeof(*children));
}

/* As of a process that has released the lock, or has ended. */
TEST(a_descriptor_that_was_closed_is_another)
{
	pid_t self = getpid();
	int fd = (open)(".", O_RDONLY), closed = (dup)(fd);

	needs(lf_same_description(self, fd, self, closed) == 1, "kcmp(2)");
	(close)(closed);
	assert_int_equal(lf_same_description(self, fd, self, closed), 0);
	(close)(fd);
}
