/* SPDX-License-Identifier: 0BSD */
/* LF_FLOCK: users of flock(2) are excluded as users of record locks are. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#define needs_flock() \
	needs(has_flock() && has_separate_flock(), \
	      "a flock(2) that is not a record lock")

/* As on Linux; not where both kinds are in one list. */
static bool has_separate_flock(void)
{
	int fd = open(numbered(99), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	bool has;

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	has = lock_error(numbered(99)) == 0;
	close(fd);
	return has;
}

/* --- Another program, which locks the file by flock(2) alone */

struct other {
	int operation;
	struct gate locked, end;
	pid_t pid;
};

static int hold_flock(void *argument)
{
	struct other *other = argument;
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	demand(fd >= 0 && flock(fd, other->operation) == 0);
	gate_open(other->locked);
	gate_pass(other->end);
	return 0;
}

static struct other other_start(int operation)
{
	struct other other = { operation, gate_new(), gate_new(), 0 };

	other.pid = child_start(hold_flock, &other);
	return other;
}

static struct other other_new(int operation)
{
	struct other other = other_start(operation);

	gate_pass(other.locked);
	return other;
}

static void other_end(struct other other)
{
	gate_open(other.end);
	assert_finish(other.pid);
	gate_free(other.locked);
	gate_free(other.end);
}

static int try_flock(void *operation)
{
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	int rc = flock(fd, *(int *)operation | LOCK_NB);

	return rc == 0 ? 0 : errno;
}

/* 'f': free, 's': shared, 'x': exclusive. */
static char flock_state(void)
{
	int exclusive = LOCK_EX, shared = LOCK_SH;

	if (child_run(try_flock, &exclusive) == 0)
		return 'f';
	return child_run(try_flock, &shared) == 0 ? 's' : 'x';
}

static int try_both(unsigned flags)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, lock_path, 0, flags | LF_FLOCK);

	if (rc == 0)
		assert_int_equal(lf_release(&lock), 0);
	else
		assert_null(lock);
	return rc;
}

/* Nothing is left behind by a call that was refused. */
static void assert_nothing_is_held(void)
{
	assert_int_equal(flock_state(), 'f');
	assert_int_equal(child_run(try_lock, lock_path), 0);
}

/* --- Tests */

TEST(a_lock_excludes_flock_and_the_file_stays)
{
	struct lf_lock *lock;

	needs_flock();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_FLOCK), 0);
	assert_int_equal(flock_state(), 'x');
	assert_held(lock_path);
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_true(exists(lock_path));
	assert_nothing_is_held();
}

TEST(a_shared_lock_excludes_exclusive_flock_only)
{
	struct lf_lock *lock;

	needs_flock();
	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_FLOCK | LF_SHARED),
			 0);
	assert_int_equal(flock_state(), 's');
	assert_int_equal(lf_release(&lock), 0);
	assert_nothing_is_held();
}

TEST(flock_excludes_a_lock_and_no_lock_without_the_flag)
{
	static const struct {
		int operation;
		int exclusive, shared;
	} cases[] = {
		{ LOCK_EX, -EAGAIN, -EAGAIN },
		{ LOCK_SH, -EAGAIN, 0 },
	};

	needs_flock();
	for (size_t i = 0; i < 2; i++) {
		struct other other = other_new(cases[i].operation);

		assert_int_equal(try_both(0), cases[i].exclusive);
		if (has_shared_locks())
			assert_int_equal(try_both(LF_SHARED), cases[i].shared);
		assert_int_equal(child_run(try_lock, lock_path), 0);
		other_end(other);
	}
}

/* It cannot be distinguished from the presence of a waiter. */
TEST(a_file_that_another_has_by_flock_is_not_removed)
{
	static const int operations[] = { LOCK_SH, LOCK_EX };
	struct lf_lock *lock;

	needs_flock();
	needs_locks_of_descriptions();
	for (size_t i = 0; i < 2; i++) {
		struct other other = other_new(operations[i]);

		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		assert_int_equal(lf_release(&lock), 0);
		assert_true(exists(lock_path));
		other_end(other);
		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		assert_int_equal(lf_release(&lock), 0);
		assert_false(exists(lock_path));
	}
}

static int try_under_signals(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	interrupt_often();
	for (int i = 0; i < 20; i++)
		demand(lf_acquire(&lock, lock_path, 0, LF_FLOCK) == -EAGAIN);
	return 0;
}

TEST(no_signal_interrupts_a_call_that_does_not_wait)
{
	struct other other;

	needs_flock();
	other = other_new(LOCK_EX);
	assert_child(try_under_signals, NULL);
	other_end(other);
}

TEST(a_call_waits_for_flock_no_longer_than_its_bound)
{
	struct other other;
	struct lf_lock *lock;

	needs_flock();
	other = other_new(LOCK_EX);
	assert_int_equal(lf_acquire(&lock, lock_path, 50, LF_FLOCK),
			 -ETIMEDOUT);
	assert_null(lock);
	/* It holds nothing, and waits for nothing any more. */
	assert_int_equal(child_run(try_lock, lock_path), 0);
	assert_true(waiters_reach(lock_path, 0));
	other_end(other);
	assert_nothing_is_held();
}

TEST(a_waiter_gets_the_lock_when_flock_is_released)
{
	static const int timeouts[] = { LF_FOREVER, LONG_MS };

	needs_flock();
	for (size_t i = 0; i < 2; i++) {
		struct other other = other_new(LOCK_EX);
		struct actor *waiter = actor_waiter(timeouts[i], LF_FLOCK, 1);

		/* It waits while it holds nothing. */
		assert_int_equal(child_run(try_lock, lock_path), 0);
		other_end(other);
		assert_int_equal(actor_result(waiter), 0);
		assert_int_equal(flock_state(), 'x');
		assert_held(lock_path);
		actor_release(waiter);
		assert_nothing_is_held();
	}
}

TEST(flock_waits_for_a_lock)
{
	struct actor *holder;
	struct other other;

	needs_flock();
	holder = actor_holder(LF_FLOCK);
	other = other_start(LOCK_EX);
	assert_true(waiters_reach(lock_path, 1));
	actor_release(holder);
	gate_pass(other.locked);
	assert_int_equal(try_both(0), -EAGAIN);
	other_end(other);
}

TEST(a_waiter_holds_neither_while_it_waits_for_the_other)
{
	struct actor *records, *waiter;
	struct other other;

	needs_flock();
	records = actor_holder(LF_KEEP);
	waiter = actor_waiter(LF_FOREVER, LF_FLOCK, 1);
	assert_int_equal(flock_state(), 'f');
	/* Refused the flock, it lets the next have the record locks. */
	other = other_new(LOCK_EX);
	actor_release(records);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(child_run(try_lock, lock_path), 0);
	other_end(other);
	assert_int_equal(actor_result(waiter), 0);
	actor_release(waiter);
	assert_nothing_is_held();
}

static bool waits_for_records(pid_t waiter)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[512];
	bool waits = false;
	int pid;

	while (locks && !waits && fgets(line, sizeof(line), locks))
		waits = sscanf(line, "%*u: -> POSIX %*s %*s %d", &pid) == 1 &&
			pid == waiter;
	if (locks)
		fclose(locks);
	return waits;
}

static bool comes_to_wait_for_records(pid_t waiter)
{
	for (int look = 0; look_again(&look);)
		if (waits_for_records(waiter))
			return true;
	return false;
}

TEST(a_waiter_that_gets_flock_first_leaves_it_to_others)
{
	struct actor *records, *waiter;
	struct other other;

	needs_flock();
	needs_locks_of_descriptions();
	other = other_new(LOCK_EX);
	waiter = actor_waiter(LF_FOREVER, LF_FLOCK, 1);
	records = actor_holder(LF_KEEP);
	other_end(other);
	assert_true(comes_to_wait_for_records(actor_pid(waiter)));
	assert_int_equal(flock_state(), 'f');
	actor_release(records);
	assert_int_equal(actor_result(waiter), 0);
	actor_release(waiter);
	assert_nothing_is_held();
}

static int be_interrupted(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	interrupt_on(SIGUSR1, 0);
	demand(lf_acquire(&lock, lock_path, LF_FOREVER, LF_FLOCK) == -EINTR);
	return 0;
}

TEST(a_waiter_that_got_flock_first_is_interrupted_all_the_same)
{
	struct actor *records;
	struct other other;
	pid_t waiter;

	needs_flock();
	needs_locks_of_descriptions();
	other = other_new(LOCK_EX);
	waiter = child_start(be_interrupted, NULL);
	assert_true(waiters_reach(lock_path, 1));
	records = actor_holder(LF_KEEP);
	other_end(other);
	assert_true(comes_to_wait_for_records(waiter));
	assert_int_equal(child_interrupt(waiter), 0);
	actor_release(records);
	assert_nothing_is_held();
}

static int share_both(void *fd)
{
	struct lf_lock *lock;

	demand(lf_acquire_fd(&lock, *(int *)fd, 0, LF_SHARED | LF_FLOCK) == 0);
	return 0;
}

static void *wait_for_both(void *fd)
{
	struct lf_lock *lock;

	lf_acquire_fd(&lock, *(int *)fd, LONG_MS, LF_FLOCK);
	return lock;
}

TEST(a_descriptor_that_shares_gives_up_both_while_it_waits)
{
	struct actor *sharer;
	pthread_t thread;
	void *result;
	int fd;

	needs_flock();
	needs_locks_of_descriptions();
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	assert_child(share_both, &fd);
	assert_int_equal(flock_state(), 's');
	sharer = actor_holder(LF_SHARED | LF_KEEP);
	pthread_create(&thread, NULL, wait_for_both, &fd);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(flock_state(), 'f');
	actor_release(sharer);
	pthread_join(thread, &result);
	assert_non_null(result);
	assert_int_equal(flock_state(), 'x');
	assert_int_equal(lf_release(&(struct lf_lock *){ result }), 0);
	close(fd);
	assert_nothing_is_held();
}

static void ten_wait(struct queue *queue)
{
	for (int i = 0; i < 10; i++)
		queue_join(queue, i % 2 ? LONG_MS : LF_FOREVER, LF_FLOCK);
}

TEST(waiters_keep_their_order)
{
	struct queue *queue;
	struct actor *holder;

	needs_flock();
	needs_locks_of_descriptions();
	queue = queue_new();
	for (int i = 0; i < rounds(3); i++) {
		holder = actor_holder(LF_FLOCK);
		ten_wait(queue);
		actor_release(holder);
		queue_end(queue);
	}
	queue_free(queue);
}

TEST(waiters_for_flock_keep_their_order)
{
	struct queue *queue;
	struct other other;

	needs_flock();
	needs_locks_of_descriptions();
	queue = queue_new();
	for (int i = 0; i < rounds(3); i++) {
		other = other_new(LOCK_EX);
		ten_wait(queue);
		other_end(other);
		queue_end(queue);
	}
	queue_free(queue);
}

/* They have a presence while they wait for what the first has in hand. */
TEST(waiters_that_remove_the_file_cause_no_deadlock)
{
	struct actor *holder, *waiter, *remover;

	needs_flock();
	needs_locks_of_descriptions();
	holder = actor_holder(0);
	waiter = actor_waiter(LF_FOREVER, LF_FLOCK, 1);
	remover = actor_waiter(LF_FOREVER, 0, 2);
	actor_release(holder);
	assert_int_equal(actor_result(remover), 0);
	actor_release(remover);
	assert_int_equal(actor_result(waiter), 0);
	assert_int_equal(flock_state(), 'x');
	actor_release(waiter);
	assert_true(exists(lock_path));
}

TEST(a_killed_holder_leaves_nothing)
{
	struct actor *holder, *waiter;

	needs_flock();
	holder = actor_holder(LF_FLOCK);
	waiter = actor_waiter(LF_FOREVER, LF_FLOCK, 1);
	actor_kill(holder);
	assert_int_equal(actor_result(waiter), 0);
	actor_kill(waiter);
	assert_nothing_is_held();
}

/* --- Other calls */

TEST(a_pending_wait_ends_or_is_given_up)
{
	needs_flock();
	for (int i = 0; i < 2; i++) {
		struct other other = other_new(LOCK_EX);
		struct lf_lock *lock;

		assert_int_equal(lf_start(&lock, lock_path, LF_FLOCK), 0);
		assert_true(waiters_reach(lock_path, 1));
		if (i == 0)
			assert_int_equal(lf_release(&lock), 0);
		other_end(other);
		if (i == 0)
			continue;
		assert_int_equal(lf_finish(&lock), 0);
		assert_int_equal(flock_state(), 'x');
		assert_int_equal(lf_release(&lock), 0);
		assert_nothing_is_held();
	}
}

TEST(of_several_files_all_or_none_are_locked)
{
	const char *paths[] = { "a", lock_path };
	struct lf_lock *locks[2];
	struct other other;
	size_t failed;

	needs_flock();
	other = other_new(LOCK_SH);
	assert_int_equal(lf_acquire_all(locks, paths, 2, 0666, 0, LF_FLOCK,
					&failed),
			 -EAGAIN);
	assert_int_equal(failed, 1);
	assert_free("a");
	assert_int_equal(lf_acquire_all(locks, paths, 2, 0666, 50, LF_FLOCK,
					&failed),
			 -ETIMEDOUT);
	assert_free("a");
	other_end(other);
	assert_int_equal(lf_acquire_all(locks, paths, 2, 0666, 0, LF_FLOCK,
					&failed),
			 0);
	assert_int_equal(flock_state(), 'x');
	for (int i = 0; i < 2; i++)
		assert_int_equal(lf_release(&locks[i]), 0);
	assert_nothing_is_held();
}

TEST(both_kinds_are_converted)
{
	struct lf_lock *lock;

	needs_flock();
	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_FLOCK), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(lf_convert(lock, 0, LF_SHARED), 0);
		assert_int_equal(flock_state(), 's');
		assert_int_equal(lf_convert(lock, i ? LONG_MS : 0, 0), 0);
		assert_int_equal(flock_state(), 'x');
	}
	assert_int_equal(lf_release(&lock), 0);
	assert_nothing_is_held();
}

TEST(a_refused_conversion_leaves_both_shared)
{
	struct lf_lock *lock;
	struct other other;

	needs_flock();
	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_FLOCK | LF_SHARED),
			 0);
	other = other_new(LOCK_SH);
	assert_int_equal(lf_convert(lock, 0, 0), -EAGAIN);
	assert_int_equal(lf_convert(lock, 50, 0), -ETIMEDOUT);
	assert_int_equal(lf_verify(lock), 0);
	other_end(other);
	assert_int_equal(flock_state(), 's');
	assert_held(lock_path);
	assert_int_equal(child_run(try_to_share, lock_path), 0);
	assert_int_equal(lf_convert(lock, 0, 0), 0);
	assert_int_equal(flock_state(), 'x');
	assert_int_equal(lf_release(&lock), 0);
}

static int adopt(void *lock)
{
	struct lf_lock *mine = lock;

	demand(lf_adopt(mine) == 0);
	demand(lf_release(&mine) == 0);
	return 0;
}

static int drop_inherited(void *lock)
{
	struct lf_lock *mine = lock;

	demand(lf_release(&mine) == 0);
	return 0;
}

TEST(a_child_inherits_both_and_may_adopt_them)
{
	struct lf_lock *lock;

	needs_flock();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_FLOCK), 0);
	assert_child(drop_inherited, lock);
	assert_int_equal(flock_state(), 'x');
	assert_child(adopt, lock);
	assert_int_equal(flock_state(), 'f');
	assert_int_equal(lf_release(&lock), 0);
	assert_nothing_is_held();
}

TEST(each_handle_of_a_process_has_its_own)
{
	struct lf_lock *with, *without;

	needs_flock();
	needs_shared_locks();
	assert_int_equal(lf_acquire(&with, lock_path, 0, LF_FLOCK | LF_SHARED),
			 0);
	assert_int_equal(lf_acquire(&without, lock_path, 0,
				    LF_KEEP | LF_SHARED),
			 0);
	assert_int_equal(flock_state(), 's');
	/* Its descriptor is parked. */
	assert_int_equal(lf_release(&with), 0);
	assert_int_equal(flock_state(), 'f');
	assert_held(lock_path);
	assert_int_equal(lf_release(&without), 0);
	assert_nothing_is_held();
}

TEST(a_borrowed_descriptor_gets_both)
{
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	struct lf_lock *lock;
	struct other other;

	needs_flock();
	needs_locks_of_descriptions();
	/* What the description has already is not in its way. */
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, LF_FLOCK), 0);
	assert_int_equal(flock_state(), 'x');
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_nothing_is_held();

	assert_int_equal(lf_acquire_fd(&lock, fd, 0, LF_FLOCK | LF_SHARED), 0);
	assert_int_equal(lf_release(&lock), 0);
	other = other_new(LOCK_SH);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, LF_FLOCK), -EAGAIN);
	assert_int_equal(lf_acquire_fd(&lock, fd, 50, LF_FLOCK), -ETIMEDOUT);
	other_end(other);
	assert_nothing_is_held();
	close(fd);
}

static int find_no_flock(void *unused)
{
	struct lf_report *report;

	(void)unused;
	demand(lf_inspect(lock_path, &report) == 1);
	demand(lf_report_flock(report) == 0);
	lf_report_free(report);
	return 0;
}

/* The handle is closed while another one holds the file, so its descriptor is kept. */
TEST(the_descriptor_of_a_released_handle_has_no_presence_for_another)
{
	struct lf_lock *holder, *other, *waiter;

	needs_flock();
	needs_shared_locks();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&holder, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_acquire(&other, lock_path, 0,
				    LF_SHARED | LF_FLOCK), 0);
	assert_int_equal(lf_release(&other), 0);
	assert_int_equal(lf_start(&waiter, lock_path, 0), 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_child(find_no_flock, NULL);
	assert_int_equal(lf_release(&waiter), 0);
	assert_int_equal(lf_release(&holder), 0);
	assert_false(exists(lock_path));
}

static int leave_on_descriptor(void *fd)
{
	struct lf_lock *lock;

	demand(lf_acquire_fd(&lock, *(int *)fd, 0, LF_FLOCK) == 0);
	return 0;
}

TEST(a_descriptor_is_unlocked_of_both)
{
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	needs_flock();
	needs_locks_of_descriptions();
	assert_child(leave_on_descriptor, &fd);
	assert_int_equal(flock_state(), 'x');
	assert_int_equal(lf_release_fd(fd), 0);
	assert_nothing_is_held();
	close(fd);
}

TEST(without_flock_it_is_refused)
{
	struct lf_lock *lock;

	needs(!has_flock(), "a system without flock(2)");
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_FLOCK), -ENOLCK);
	assert_null(lock);
}

/* --- All at once */

enum kind { BOTH, BOTH_BOUNDED, RECORDS, FLOCK, KINDS };

struct arena {
	atomic_int records, flocks, broken, turns;
	int rounds;
};

struct contender {
	struct arena *arena;
	enum kind kind;
};

static void enter(struct arena *a, bool records, bool flocks)
{
	if (records && atomic_fetch_add(&a->records, 1) != 0)
		atomic_fetch_add(&a->broken, 1);
	if (flocks && atomic_fetch_add(&a->flocks, 1) != 0)
		atomic_fetch_add(&a->broken, 1);
	atomic_fetch_add(&a->turns, 1);
	if (flocks)
		atomic_fetch_sub(&a->flocks, 1);
	if (records)
		atomic_fetch_sub(&a->records, 1);
}

static int contend_by_flock(struct arena *a)
{
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	demand(fd >= 0 && flock(fd, LOCK_EX) == 0);
	enter(a, false, true);
	demand(flock(fd, LOCK_UN) == 0);
	close(fd);
	return 0;
}

static int contend(void *argument)
{
	const struct contender *c = argument;
	struct lf_lock *lock;

	for (int i = 0; i < c->arena->rounds; i++) {
		bool both = c->kind != RECORDS;

		if (c->kind == FLOCK) {
			demand(contend_by_flock(c->arena) == 0);
			continue;
		}
		demand(lf_acquire(&lock, lock_path,
				  c->kind == BOTH_BOUNDED ? LONG_MS : LF_FOREVER,
				  both ? LF_FLOCK : LF_KEEP) == 0);
		enter(c->arena, true, both);
		demand(lf_release(&lock) == 0);
	}
	return 0;
}

TEST(many_of_each_kind_never_overlap_and_all_are_served)
{
	struct arena *arena;
	pid_t pids[4 * KINDS];

	needs_flock();
	arena = shared_new(sizeof(*arena));
	arena->rounds = rounds(200);
	for (int i = 0; i < 4 * KINDS; i++) {
		struct contender c = { arena, (enum kind)(i % KINDS) };

		pids[i] = child_start(contend, &c);
	}
	assert_all_finish(pids, 4 * KINDS);
	assert_int_equal(arena->broken, 0);
	assert_int_equal(arena->turns, 4 * KINDS * arena->rounds);
	shared_free(arena, sizeof(*arena));
	assert_nothing_is_held();
}

static void *contend_in_thread(void *contender)
{
	return (void *)(intptr_t)contend(contender);
}

static int contend_in_threads(void *arena)
{
	struct contender c[3];
	pthread_t threads[3];
	void *result;

	for (int i = 0; i < 3; i++) {
		c[i] = (struct contender){ arena, (enum kind)i };
		demand(pthread_create(&threads[i], NULL, contend_in_thread,
				      &c[i]) == 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		demand(!result);
	}
	return 0;
}

TEST(threads_of_several_processes_never_overlap_and_all_are_served)
{
	struct arena *arena;
	struct contender other;
	pid_t pids[4];

	needs_flock();
	arena = shared_new(sizeof(*arena));
	arena->rounds = rounds(50);
	other = (struct contender){ arena, FLOCK };
	for (int i = 0; i < 3; i++)
		pids[i] = child_start(contend_in_threads, arena);
	pids[3] = child_start(contend, &other);
	assert_all_finish(pids, 4);
	assert_int_equal(arena->broken, 0);
	assert_int_equal(arena->turns, 10 * arena->rounds);
	shared_free(arena, sizeof(*arena));
	assert_nothing_is_held();
}
