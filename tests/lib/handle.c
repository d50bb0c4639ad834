/* SPDX-License-Identifier: 0BSD */
/* The table of handles: threads, closes and forks of one process. */
#include "config.h"

#include "actor.h"
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The owner of the tag, as any program would ask, or 0. */
static int find_tag_owner(void *pid)
{
	struct flock request = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open(lock_path, O_RDONLY);

	demand(fd >= 0 && fcntl(fd, F_GETLK, &request) == 0);
	*(pid_t *)pid = request.l_type == F_UNLCK ? 0 : request.l_pid;
	return 0;
}

static pid_t tag_owner_seen_by_another(void)
{
	pid_t owner = -1;

	assert_int_equal(child_answer(find_tag_owner, &owner, sizeof(owner)),
			 0);
	return owner;
}

struct counting {
	atomic_int inside, broken;
};

#define ROUNDS 5000

static void *count_under_lock(void *argument)
{
	struct counting *c = argument;

	for (int i = 0; i < ROUNDS; i++) {
		struct lf_lock *lock;

		if (lf_acquire(&lock, lock_path, LF_FOREVER, 0) != 0) {
			atomic_fetch_add(&c->broken, 1);
			continue;
		}
		if (atomic_fetch_add(&c->inside, 1) != 0)
			atomic_fetch_add(&c->broken, 1);
		atomic_fetch_sub(&c->inside, 1);
		lf_release(&lock);
	}
	return NULL;
}

static int count_in_process(void *argument)
{
	count_under_lock(argument);
	return 0;
}

/* Two here, and two other processes: the lock passes in all ways. */
TEST(threads_exclude_each_other)
{
	struct counting *c = shared_new(sizeof(*c));
	int before = open_descriptors();
	pthread_t thread;
	pid_t pid[2];

	pid[0] = child_start(count_in_process, c);
	pid[1] = child_start(count_in_process, c);
	pthread_create(&thread, NULL, count_under_lock, c);
	count_under_lock(c);
	pthread_join(thread, NULL);
	assert_finish(pid[0]);
	assert_finish(pid[1]);
	assert_int_equal(atomic_load(&c->broken), 0);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before);
	shared_free(c, sizeof(*c));
}

TEST(a_thread_that_holds_the_lock_gets_EAGAIN_or_EDEADLK)
{
	struct lf_lock *lock, *second;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_acquire(&second, lock_path, 0, 0), -EAGAIN);
	assert_null(second);
	assert_int_equal(lf_acquire(&second, lock_path, LF_FOREVER, 0),
			 -EDEADLK);
	assert_null(second);
	assert_held(lock_path);
	assert_int_equal(tag_owner_seen_by_another(), getpid());
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

static void *try_often(void *path)
{
	for (int i = 0; i < 2000; i++) {
		struct lf_lock *lock;

		if (lf_acquire(&lock, path, 0, 0) != -EAGAIN)
			return path;
	}
	return NULL;
}

TEST(refused_threads_cost_no_tag_and_no_descriptors)
{
	struct lf_lock *lock;
	pthread_t thread;
	void *failed;
	int before;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	before = open_descriptors();
	pthread_create(&thread, NULL, try_often, lock_path);
	pthread_join(thread, &failed);
	assert_null(failed);
	/* One may be parked, and no more. */
	assert_in_range(open_descriptors(), before, before + 1);
	assert_int_equal(tag_owner_seen_by_another(), getpid());
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(open_descriptors(), before - 2);
}

static int find_tag_of_parent(void *unused)
{
	pid_t owner;

	(void)unused;
	demand(find_tag_owner(&owner) == 0);
	demand(owner == getppid());
	return 0;
}

static void *try_and_fork_often(void *path)
{
	for (int i = 0; i < 300; i++) {
		struct lf_lock *lock;

		if (lf_acquire(&lock, path, 0, 0) != -EAGAIN ||
		    child_run(find_tag_of_parent, NULL) != 0)
			return path;
	}
	return NULL;
}

/* A child may share the descriptor of each attempt. */
TEST(refused_threads_that_fork_cost_no_tag_and_few_descriptors)
{
	struct lf_lock *lock;
	pthread_t thread;
	void *failed;
	int before;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	before = open_descriptors();
	pthread_create(&thread, NULL, try_and_fork_often, lock_path);
	pthread_join(thread, &failed);
	assert_null(failed);
	assert_in_range(open_descriptors(), before, before + 64);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(open_descriptors(), before - 2);
}

static void *lock_with_pid(void *result)
{
	struct lf_lock *lock;

	*(int *)result = lf_acquire(&lock, lock_path, 0, LF_PID);
	return NULL;
}

TEST(a_thread_that_opens_the_file_in_vain_costs_no_lock)
{
	struct lf_lock *lock;
	pthread_t thread;
	int before, result;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	before = open_descriptors();
	assert_int_equal(link(lock_path, numbered(1)), 0);
	pthread_create(&thread, NULL, lock_with_pid, &result);
	pthread_join(thread, NULL);
	assert_int_equal(result, -EMLINK);
	assert_int_equal(tag_owner_seen_by_another(), getpid());
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before - 2);
}

static int check_lock(void *pid)
{
	demand(lf_check(lock_path, pid) == 1);
	return 0;
}

/* The PID that lf_check() reports in another process. */
static pid_t holder_seen_by_another(void)
{
	pid_t pid = -1;

	assert_int_equal(child_answer(check_lock, &pid, sizeof(pid)), 0);
	return pid;
}

TEST(a_stray_close_drops_nothing_and_names_no_waiter)
{
	struct actor *waiter;
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	waiter = actor_waiter(LF_FOREVER, 0, 1);
	for (int i = 0; i < 200; i++) {
		pid_t holder;

		close(open(lock_path, O_RDONLY));
		holder = holder_seen_by_another();
		assert_int_not_equal(holder, actor_pid(waiter));
		assert_true(holder == 0 || holder == getpid());
	}
	assert_held(lock_path);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(actor_result(waiter), 0);
	/* The waiter is the holder now, and is named. */
	assert_int_equal(holder_seen_by_another(), actor_pid(waiter));
	actor_release(waiter);
	assert_false(exists(lock_path));
}

struct meeting {
	struct gate holds, waiter_comes;
};

static int hold_without_tag(void *argument)
{
	struct meeting *meeting = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, LF_KEEP) == 0);
	close(open(lock_path, O_RDONLY));
	gate_open(meeting->holds);
	gate_pass(meeting->waiter_comes);
	demand(lf_release(&lock) == 0);
	return 0;
}

static atomic_bool stop;

/*
 * The first attempt is refused, as a rule while the other thread waits, which may look
 * again only after a millisecond.  Once this one got the lock itself, the meeting is over.
 */
static void *try_until_stopped(void *argument)
{
	const struct timespec rest = { .tv_nsec = 2000000 };
	struct meeting *meeting = argument;
	struct lf_lock *lock;

	nanosleep(&rest, NULL);
	if (lf_acquire(&lock, lock_path, 0, LF_KEEP) == 0)
		abort();
	gate_open(meeting->waiter_comes);
	while (nanosleep(&rest, NULL), !atomic_load(&stop))
		if (lf_acquire(&lock, lock_path, 0, LF_KEEP) == 0) {
			lf_release(&lock);
			return lock_path;
		}
	return NULL;
}

/*
 * Each refused attempt of the other thread drops the tag that this one has got.
 * Whether they met.
 */
static bool meet(struct meeting *meeting)
{
	pid_t holder = child_start(hold_without_tag, meeting);
	struct lf_lock *lock;
	pthread_t thread;
	void *got_it;

	gate_pass(meeting->holds);
	atomic_store(&stop, false);
	pthread_create(&thread, NULL, try_until_stopped, meeting);
	assert_int_equal(lf_acquire(&lock, lock_path, LF_FOREVER, LF_KEEP), 0);
	atomic_store(&stop, true);
	pthread_join(thread, &got_it);
	if (!got_it)
		assert_int_equal(tag_owner_seen_by_another(), getpid());
	assert_int_equal(lf_release(&lock), 0);
	assert_finish(holder);
	return !got_it;
}

TEST(a_tag_that_a_refused_thread_drops_is_taken_again)
{
	struct meeting meeting = { gate_new(), gate_new() };
	int met = 0;

	needs_locks_of_descriptions();
	for (int i = 0; i < 400 && met < 100; i++)
		met += meet(&meeting);
	print_message("# met %d times\n", met);
	assert_true(met > 0);
	gate_free(meeting.holds);
	gate_free(meeting.waiter_comes);
}

/* We hold our file; a process holds the other, and waits for ours. */
struct chain {
	struct lf_lock *lock;
	const char *other;
	struct gate ready;
	pid_t pid;
};

static int hold_other_and_wait(void *argument)
{
	struct chain *chain = argument;
	struct lf_lock *other, *lock;
	int rc;

	demand(lf_acquire(&other, chain->other, 0, 0) == 0);
	gate_open(chain->ready);
	rc = lf_acquire(&lock, lock_path, LF_FOREVER, 0);
	if (rc == 0)
		lf_release(&lock);
	lf_release(&other);
	return -rc;
}

static struct chain chain_new(void)
{
	struct chain chain = { .other = numbered(2), .ready = gate_new() };

	assert_int_equal(lf_acquire(&chain.lock, lock_path, 0, 0), 0);
	chain.pid = child_start(hold_other_and_wait, &chain);
	gate_pass(chain.ready);
	assert_true(waiters_reach(lock_path, 1));
	return chain;
}

static void chain_release(struct chain *chain)
{
	assert_int_equal(lf_release(&chain->lock), 0);
	assert_finish(chain->pid);
	gate_free(chain->ready);
}

TEST(a_cycle_of_processes_is_EDEADLK)
{
	struct chain chain = chain_new();
	struct lf_lock *other;

	assert_int_equal(lf_acquire(&other, chain.other, LF_FOREVER, 0),
			 -EDEADLK);
	assert_null(other);
	chain_release(&chain);
	assert_false(exists(lock_path));
	assert_false(exists(chain.other));
}

static void *wait_for_other(void *path)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, LF_FOREVER, 0);

	if (rc == 0)
		lf_release(&lock);
	return (void *)(intptr_t)rc;
}

/* The kernel sees a cycle of processes, where no threads form one. */
TEST(a_thread_that_holds_nothing_is_in_no_cycle)
{
	struct chain chain = chain_new();
	pthread_t thread;
	void *result;

	pthread_create(&thread, NULL, wait_for_other,
		       (void *)(uintptr_t)chain.other);
	/* The kernel refuses to wait otherwise, and the library polls. */
	if (has_description_locks())
		assert_true(waiters_reach(chain.other, 1));
	chain_release(&chain);
	pthread_join(thread, &result);
	assert_null(result);
	assert_false(exists(chain.other));
}

static void *acquire_while_cancelled(void *failed)
{
	struct lf_lock *lock;

	pthread_cancel(pthread_self());
	*(bool *)failed = lf_acquire(&lock, lock_path, 0, 0) != 0 ||
			  lf_verify(lock) != 0 ||
			  lf_check(lock_path, NULL) != 1 ||
			  lf_release(&lock) != 0;
	pthread_testcancel();
	return NULL;
}

TEST(no_function_is_a_cancellation_point)
{
	int before = open_descriptors();
	bool failed = true;
	pthread_t thread;
	void *result;

	pthread_create(&thread, NULL, acquire_while_cancelled, &failed);
	pthread_join(thread, &result);
	assert_false(failed);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before);
}

static pthread_once_t hooked = PTHREAD_ONCE_INIT;
static struct lf_lock *to_release;

static void release_in_child(void)
{
	lf_release(&to_release);
}

static void hook(void)
{
	pthread_atfork(NULL, NULL, release_in_child);
}

/* The hooks of the library must have run before the hook of the program. */
TEST(a_fork_hook_of_the_program_may_release)
{
	pthread_once(&hooked, hook);
	assert_int_equal(lf_acquire(&to_release, lock_path, 0, 0), 0);
	assert_held(lock_path);
	assert_int_equal(lf_verify(to_release), 0);
	assert_int_equal(lf_release(&to_release), 0);
	assert_false(exists(lock_path));
}

static void *check_often(void *failed)
{
	while (!atomic_load(&stop))
		if (lf_check(lock_path, NULL) < 0)
			atomic_store((atomic_bool *)failed, true);
	return NULL;
}

/* A descriptor that was opened for a check must not serve a lock. */
TEST(threads_that_check_do_not_disturb_others)
{
	atomic_bool failed = false;
	pthread_t checks, counts;
	struct counting c = { 0 };

	atomic_store(&stop, false);
	pthread_create(&checks, NULL, check_often, &failed);
	pthread_create(&counts, NULL, count_under_lock, &c);
	count_under_lock(&c);
	pthread_join(counts, NULL);
	atomic_store(&stop, true);
	pthread_join(checks, NULL);
	assert_int_equal(atomic_load(&c.broken), 0);
	assert_false(atomic_load(&failed));
	assert_false(exists(lock_path));
}

static void *churn(void *path)
{
	while (!atomic_load(&stop)) {
		struct lf_lock *lock;

		if (lf_acquire(&lock, path, LF_FOREVER, 0) == 0)
			lf_release(&lock);
	}
	return NULL;
}

static int wait_once(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(lf_acquire(&lock, lock_path, LF_FOREVER, 0) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

/* A thread may be in malloc() at the fork: glibc repairs it, the sanitizer does not. */
#if defined __SANITIZE_ADDRESS__ || has_feature(address_sanitizer)
# define needs_malloc_after_a_fork_beside_threads() \
	skip_because("the address sanitizer may hang in malloc() of a child")
#else
# define needs_malloc_after_a_fork_beside_threads() (void)0
#endif

TEST(a_child_forked_beside_busy_threads_can_lock)
{
	pthread_t thread[3];

	needs_malloc_after_a_fork_beside_threads();
	atomic_store(&stop, false);
	for (int i = 0; i < 3; i++)
		pthread_create(&thread[i], NULL, churn, lock_path);
	for (int i = 0; i < 200; i++)
		assert_child(wait_once, NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	assert_false(exists(lock_path));
}

/* --- The tag of threads that lock in different modes */

/* Byte 0 is locked in this way, as another process sees it. */
static int find_tag_type(void *type)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open(lock_path, O_RDWR);

	demand(fd >= 0 && fcntl(fd, F_GETLK, &tag) == 0);
	demand(tag.l_pid == getppid() && tag.l_type == *(short *)type);
	return 0;
}

/* The tag is one of the process: to try for it would convert that of the holder. */
TEST(a_thread_that_cannot_share_leaves_the_tag_exclusive)
{
	struct actor *thread = actor_thread();
	short exclusive = F_WRLCK;
	struct lf_lock *lock;

	needs_shared_locks();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(actor_do(thread, ACQUIRE, 0, LF_SHARED), -EAGAIN);
	assert_child(find_tag_type, &exclusive);
	assert_int_equal(lf_release(&lock), 0);
	actor_end(thread);
}

TEST(a_thread_that_got_an_exclusive_tag_makes_it_shared_again)
{
	struct actor *other = actor_process(), *waiter = actor_thread();
	short shared = F_RDLCK;
	struct lf_lock *lock;

	needs_shared_locks();
	needs_locks_of_descriptions();
	actor_must(other, ACQUIRE, 0, LF_SHARED);
	actor_begin(waiter, ACQUIRE, LF_FOREVER, 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	actor_must(other, RELEASE, 0, 0);
	assert_true(waiters_reach(lock_path, 1)); /* at the body */
	assert_child(find_tag_type, &shared);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(actor_result(waiter), 0);
	actor_must(waiter, RELEASE, 0, 0);
	actor_end(waiter);
	actor_end(other);
}

/* --- What the table keeps */

static int lock_byte_0(void *ready)
{
	struct flock byte = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open(lock_path, O_RDWR | O_CREAT, 0666);

	demand(fd >= 0 && fcntl(fd, F_SETLK, &byte) == 0);
	gate_open(*(struct gate *)ready);
	for (;;)
		pause();
}

/* A handle that is only parked waits for nothing, and keeps no other one open. */
TEST(a_wait_that_was_given_up_keeps_no_descriptor_open)
{
	struct gate ready = gate_new();
	struct lf_lock *lock, *pending;
	int before;
	pid_t pid;

	needs_shared_locks();
	needs_locks_of_descriptions();
	pid = child_start(lock_byte_0, &ready);
	gate_pass(ready);
	before = open_descriptors();
	assert_int_equal(lf_start(&pending, lock_path, LF_KEEP), 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED | LF_KEEP),
			 0);
	assert_int_equal(lf_release(&pending), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(open_descriptors(), before);
	assert_kill(pid);
	gate_free(ready);
}

TEST(the_table_has_no_file_that_is_not_in_use)
{
	struct lf_lock *lock, *refused;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_acquire(&refused, lock_path, 0, 0), -EAGAIN);
	assert_false(lf_table_is_empty());
	assert_int_equal(lf_release(&lock), 0);
	assert_true(lf_table_is_empty());
}
