/* SPDX-License-Identifier: 0BSD */
/*
 * How a child is recognised if there is no memory that a fork clears or shares, and
 * what a fork waits for.  Each test runs in a process that is the first of its family
 * to use the library.
 */
#include "config.h"

#include "identity.h"

#include "faulty.h"
#include "lock.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>

/* What fails while the library is first used: the N-th such call, or all. */
struct setting {
	enum faulty call;
	int nth;
	bool all;
};

static const struct setting settings[] = {
	{ MMAP, 1, false }, /* the mark of the process */
	{ MMAP, 1, true },
	{ MADVISE, 1, true }, /* an older kernel */
	{ PREAD, 1, true },   /* /proc without pagemap */
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* Two handles, for which the library must notice forks of any kind. */
static int begin(const struct setting *setting, struct lf_lock *locks[2])
{
	int failed;

	faulty_set(setting->call, setting->nth, setting->all, ENOMEM);
	for (int i = 0; i < 2; i++)
		demand(lf_acquire(&locks[i], lock_path, 0, LF_SHARED) == 0);
	failed = faulty_clear();
	demand(failed > 0);
	return 0;
}

/* Does nothing to the locks of its parent. */
static int release_in_child(void *locks)
{
	struct lf_lock **both = locks;

	for (int i = 0; i < 2; i++)
		demand(lf_release(&both[i]) >= 0);
	return 0;
}

/* Byte 0 alone, which shows the parent, would not do. */
static int find_body(void *unused)
{
	struct flock body = { .l_type = F_WRLCK, .l_start = 1 };
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);

	(void)unused;
	demand(fd >= 0);
	demand((fcntl)(fd, F_GETLK, &body) == 0);
	return body.l_type == F_UNLCK;
}

/* As another process sees it: a close here would drop byte 0. */
static bool is_held(void)
{
	return child_run(find_body, NULL) == 0;
}

static int release_both(struct lf_lock *locks[2])
{
	demand(is_held());
	demand(lf_release(&locks[0]) >= 0 && is_held());
	demand(lf_release(&locks[1]) == 0);
	demand(!exists(lock_path));
	return 0;
}

static int fork_by_hooks(void *setting)
{
	struct lf_lock *locks[2];

	demand(begin(setting, locks) == 0);
	demand(child_run(release_in_child, locks) == 0);
	return release_both(locks);
}

static int fork_without_hooks(void *setting)
{
	struct lf_lock *locks[2];
	int status;
	pid_t pid;

	demand(begin(setting, locks) == 0);
	pid = raw_fork();
	if (pid == 0)
		_exit(release_in_child(locks));
	demand(waitpid(pid, &status, 0) == pid && status == 0);
	return release_both(locks);
}

/* A child that adopts is not released by its parent. */
static int adopt_and_leave(void *locks)
{
	struct lf_lock **both = locks;

	demand(lf_adopt(both[0]) == 0);
	demand(lf_release(&both[1]) >= 0);
	demand(is_held());
	demand(lf_release(&both[0]) >= 0);
	return 0;
}

static int pass_to_child(void *setting)
{
	struct lf_lock *locks[2];

	demand(begin(setting, locks) == 0);
	demand(child_run(adopt_and_leave, locks) == 0);
	demand(lf_release(&locks[0]) >= 0);
	demand(lf_release(&locks[1]) >= 0);
	demand(lock_error(lock_path) == 0);
	return 0;
}

static void try_each(int (*body)(void *))
{
	needs_shared_locks();
	needs_locks_of_descriptions();
	needs(knows_file_systems(), "Linux");
	for (size_t i = 0; i < SETTINGS; i++)
		assert_child(body, (void *)(uintptr_t)&settings[i]);
}

TEST(a_child_does_not_release_the_lock_of_its_parent)
{
	try_each(fork_by_hooks);
}

TEST(nor_does_a_child_of_a_raw_clone)
{
	try_each(fork_without_hooks);
}

TEST(a_child_can_adopt_the_lock)
{
	try_each(pass_to_child);
}

/* --- Two threads are the first to use the library */

static struct {
	int nth; /* such call, before which the other thread comes */
	struct lf_lock *locks[2];
	int error;
} other;

static void *acquire_two(void *unused)
{
	for (int i = 0; i < 2 && other.error == 0; i++)
		other.error = lf_acquire(&other.locks[i], "other", 0, LF_SHARED);
	return unused;
}

static void let_other_be_first(void)
{
	pthread_t thread;
	int error;

	if (--other.nth > 0)
		return;
	faulty_before(NOTHING, NULL);
	error = (pthread_create)(&thread, NULL, acquire_two, NULL);
	if (error == 0)
		pthread_join(thread, NULL);
	else
		other.error = error;
}

static int fork_after_both(void *nth)
{
	struct lf_lock *locks[2];

	other.nth = *(int *)nth;
	faulty_before(MMAP, let_other_be_first);
	for (int i = 0; i < 2; i++)
		demand(lf_acquire(&locks[i], lock_path, 0, LF_SHARED) == 0);
	demand(other.nth == 0 && other.error == 0);
	demand(child_run(release_in_child, other.locks) == 0);
	demand(exists("other"));
	for (int i = 0; i < 2; i++)
		demand(lf_release(&other.locks[i]) >= 0);
	demand(!exists("other"));
	demand(child_run(release_in_child, locks) == 0);
	return release_both(locks);
}

/* The mark of the process, or what counts its forks. */
TEST(what_another_thread_has_set_meanwhile_stays)
{
	needs_shared_locks();
	needs_locks_of_descriptions();
	needs(knows_file_systems(), "Linux");
	for (int nth = 1; nth <= 2; nth++)
		assert_child(fork_after_both, &nth);
}

/* --- A fork beside the first cancellation of a thread */

static atomic_bool cancels, has_cancelled;
static atomic_int forks; /* the number of the thread that does, or 0 */

/* The other thread sleeps when it waits for this one, or else for its child. */
static void cancel_beside_a_fork(void)
{
	unsigned long long sleeps;

	atomic_store(&cancels, true);
	while (atomic_load(&forks) == 0)
		sched_yield();
	while (lf_thread_state(atomic_load(&forks), &sleeps) == 'R')
		sched_yield();
	atomic_store(&has_cancelled, true);
}

static void *wait_in_vain(void *rc)
{
	struct lf_lock *lock;

	*(int *)rc = lf_acquire(&lock, lock_path, 10, 0);
	return NULL;
}

/* The memory of a child is that of its parent at the fork. */
static int is_after_cancellation(void *unused)
{
	(void)unused;
	demand(atomic_load(&has_cancelled));
	return 0;
}

static int fork_while_a_thread_cancels(void *unused)
{
	struct lf_lock *lock;
	pthread_t thread;
	pid_t child;
	int rc = 0;

	(void)unused;
	demand(lf_acquire(&lock, lock_path, 0, 0) == 0);
	faulty_before(CANCEL, cancel_beside_a_fork);
	demand((pthread_create)(&thread, NULL, wait_in_vain, &rc) == 0);
	while (!atomic_load(&cancels))
		sched_yield();
	atomic_store(&forks, lf_thread_pid());
	child = child_start(is_after_cancellation, NULL);
	demand(child_finish(child) == 0);
	pthread_join(thread, NULL);
	demand(rc == -ETIMEDOUT);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_fork_waits_for_the_first_cancellation)
{
	assert_child(fork_while_a_thread_cancels, NULL);
}

static struct lf_lock *pending;

static int is_the_end(void *unused)
{
	(void)unused;
	return pending != NULL;
}

static void end_wait(void)
{
	if (pending)
		lf_release(&pending);
}

static pthread_mutex_t lock_of_program = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool waits_in_hook;

static void wait_in_hook(void)
{
	if (pthread_mutex_trylock(&lock_of_program) != 0) {
		atomic_store(&waits_in_hook, true);
		pthread_mutex_lock(&lock_of_program);
	}
}

static void leave_hook(void)
{
	pthread_mutex_unlock(&lock_of_program);
}

/* Before the library's: so it runs between that and the fork. */
__attribute__((__constructor__)) static void add_hook(void)
{
	pthread_atfork(end_wait, NULL, NULL);
	pthread_atfork(wait_in_hook, leave_hook, leave_hook);
}

static int fork_during_a_wait(void *ended)
{
	demand(lf_start(&pending, lock_path, 0) == 0);
	demand(child_run(is_the_end, NULL) == 0);
	demand(!pending);
	gate_open(*(struct gate *)ended);
	return 0;
}

static void expect_an_end(int (*fork_beside_a_wait)(void *))
{
	struct gate ended = gate_new();
	struct pollfd end = { .fd = ended.fd[0], .events = POLLIN };
	struct lf_lock *lock;
	pid_t child;
	bool has_ended;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	child = child_start(fork_beside_a_wait, &ended);
	/* A deadlock would last. */
	has_ended = (poll)(&end, 1, LONG_MS) == 1;
	if (!has_ended)
		child_kill(child);
	assert_true(has_ended);
	assert_finish(child);
	assert_int_equal(lf_release(&lock), 0);
	gate_free(ended);
}

TEST(a_fork_hook_of_the_program_may_end_a_wait)
{
	expect_an_end(fork_during_a_wait);
}

static void *fork_once(void *unused)
{
	return child_run(is_the_end, unused) == 0 ? NULL : lock_path;
}

static int end_wait_under_the_lock(void *ended)
{
	struct lf_lock *waiting;
	pthread_t thread;
	void *failed;

	demand(lf_start(&waiting, lock_path, 0) == 0);
	demand(pthread_mutex_lock(&lock_of_program) == 0);
	demand((pthread_create)(&thread, NULL, fork_once, NULL) == 0);
	while (!atomic_load(&waits_in_hook))
		sched_yield();
	demand(lf_release(&waiting) == 0);
	demand(pthread_mutex_unlock(&lock_of_program) == 0);
	pthread_join(thread, &failed);
	demand(!failed);
	gate_open(*(struct gate *)ended);
	return 0;
}

TEST(a_fork_hook_of_the_program_may_wait_for_one_that_ends_a_wait)
{
	expect_an_end(end_wait_under_the_lock);
}
