/* SPDX-License-Identifier: 0BSD */
/* The table of handles: what threads and closes of one process may do. */
#include "config.h"

#include "harness.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Who has the tag, as any program would ask, or 0. */
static int ask_for_tag(void *pid)
{
	struct flock request = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open(lock_path, O_RDONLY);

	*(pid_t *)pid = -1;
	demand(fd >= 0 && fcntl(fd, F_GETLK, &request) == 0);
	*(pid_t *)pid = request.l_type == F_UNLCK ? 0 : request.l_pid;
	return 0;
}

static pid_t tag_owner_seen_by_another(void)
{
	pid_t *pid = shared_new(sizeof(*pid)), owner;

	assert_child(ask_for_tag, pid);
	owner = *pid;
	shared_free(pid, sizeof(*pid));
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

/* Two here, and two other processes, so that all ways to hand over occur. */
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

TEST(a_thread_that_holds_it_is_told_so)
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
	/* One may be parked; they do not add up. */
	assert_in_range(open_descriptors(), before, before + 1);
	assert_int_equal(tag_owner_seen_by_another(), getpid());
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(open_descriptors(), before - 2);
}

struct waiting {
	struct gate got, go;
};

static int wait_for_lock(void *argument)
{
	struct waiting *w = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, LF_FOREVER, 0) == 0);
	gate_open(w->got);
	gate_pass(w->go);
	demand(lf_release(&lock) == 0);
	return 0;
}

/* Returns the PID that lf_check() in another process tells. */
static int check_from_another(void *pid)
{
	demand(lf_check(lock_path, pid) == 1);
	return 0;
}

TEST(a_stray_close_drops_nothing_and_names_no_waiter)
{
	struct waiting w = { gate_new(), gate_new() };
	pid_t *seen = shared_new(sizeof(*seen)), waiter;
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	waiter = child_start(wait_for_lock, &w);
	assert_true(waiters_reach(lock_path, 1));
	for (int i = 0; i < 200; i++) {
		close(open(lock_path, O_RDONLY));
		assert_child(check_from_another, seen);
		assert_int_not_equal(*seen, waiter);
		assert_true(*seen == 0 || *seen == getpid());
	}
	assert_held(lock_path);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_release(&lock), 0);
	gate_pass(w.got);
	/* The waiter is the holder now, and says so. */
	assert_child(check_from_another, seen);
	assert_int_equal(*seen, waiter);
	gate_open(w.go);
	assert_finish(waiter);
	assert_false(exists(lock_path));
	gate_free(w.got);
	gate_free(w.go);
	shared_free(seen, sizeof(*seen));
}

struct two {
	struct gate ready, go;
	char other[4096];
};

/* Holds the other file, and waits for ours. */
static int hold_other_and_wait(void *argument)
{
	struct two *t = argument;
	struct lf_lock *other, *lock;
	int rc;

	demand(lf_acquire(&other, t->other, 0, 0) == 0);
	gate_open(t->ready);
	rc = lf_acquire(&lock, lock_path, LF_FOREVER, 0);
	if (rc == 0)
		lf_release(&lock);
	lf_release(&other);
	return -rc;
}

TEST(a_cycle_of_processes_is_a_deadlock)
{
	struct two t = { .ready = gate_new() };
	struct lf_lock *lock, *other;
	pid_t pid;

	strcpy(t.other, lock_path);
	strcat(t.other, "2");
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	pid = child_start(hold_other_and_wait, &t);
	gate_pass(t.ready);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_acquire(&other, t.other, LF_FOREVER, 0), -EDEADLK);
	assert_null(other);
	assert_int_equal(lf_release(&lock), 0);
	assert_finish(pid);
	assert_false(exists(lock_path));
	assert_false(exists(t.other));
	gate_free(t.ready);
}

static void *wait_for_other(void *path)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, LF_FOREVER, 0);

	if (rc == 0)
		lf_release(&lock);
	return (void *)(intptr_t)rc;
}

/* The kernel sees a cycle of processes; of threads there is none. */
TEST(a_thread_that_holds_nothing_is_in_no_cycle)
{
	struct two t = { .ready = gate_new() };
	struct lf_lock *lock;
	pthread_t thread;
	void *result;
	pid_t pid;

	strcpy(t.other, lock_path);
	strcat(t.other, "2");
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	pid = child_start(hold_other_and_wait, &t);
	gate_pass(t.ready);
	assert_true(waiters_reach(lock_path, 1));
	pthread_create(&thread, NULL, wait_for_other, t.other);
	/* Refused to wait in the kernel, it looks again and again. */
	if (lf_has_ofd_locks())
		assert_true(waiters_reach(t.other, 1));
	assert_int_equal(lf_release(&lock), 0);
	assert_finish(pid);
	pthread_join(thread, &result);
	assert_null(result);
	assert_false(exists(t.other));
	gate_free(t.ready);
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

TEST(no_call_is_a_cancellation_point)
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

/* The library's own hooks must have run by then. */
TEST(a_fork_hook_of_the_program_may_release)
{
	pthread_once(&hooked, hook);
	assert_int_equal(lf_acquire(&to_release, lock_path, 0, 0), 0);
	assert_held(lock_path);
	assert_int_equal(lf_verify(to_release), 0);
	assert_int_equal(lf_release(&to_release), 0);
	assert_false(exists(lock_path));
}

static atomic_bool stop;

static void *look(void *failed)
{
	while (!atomic_load(&stop))
		if (lf_check(lock_path, NULL) < 0)
			atomic_store((atomic_bool *)failed, true);
	return NULL;
}

/* A descriptor that was opened for a look is no good for a lock. */
TEST(threads_that_look_do_not_disturb_others)
{
	atomic_bool failed = false;
	pthread_t looks, counts;
	struct counting c = { 0 };

	atomic_store(&stop, false);
	pthread_create(&looks, NULL, look, &failed);
	pthread_create(&counts, NULL, count_under_lock, &c);
	count_under_lock(&c);
	pthread_join(counts, NULL);
	atomic_store(&stop, true);
	pthread_join(looks, NULL);
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

TEST(a_child_forked_amid_other_threads_is_whole)
{
	pthread_t thread[3];

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
