/* SPDX-License-Identifier: 0BSD */
/* Waits with a bound, and waits that go on beside the program. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool is_readable(int fd)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };

	return poll(&event, 1, 0) == 1;
}

static bool becomes_readable(int fd)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };

	return poll(&event, 1, LONG_MS) == 1;
}

TEST(a_free_lock_is_acquired_without_waiting)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, LONG_MS, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

/* A call that may wait keeps the working directory open, as another may change it. */
TEST(a_relative_path_leaves_no_descriptor)
{
	int before = open_descriptors();
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, "lock", LF_FOREVER, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(open_descriptors(), before);
}

TEST(a_timeout_is_never_early)
{
	static const int bounds[] = { 1, 2, 3, 10, 49, 1001 };
	struct actor *holder = actor_holder(0);

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		struct lf_lock *lock;
		double start = now_ms();

		assert_int_equal(lf_acquire(&lock, lock_path, bounds[i], 0),
				 -ETIMEDOUT);
		assert_true(now_ms() - start >= bounds[i]);
		assert_null(lock);
		assert_int_equal(waiters(lock_path), 0);
	}
	assert_true(exists(lock_path));
	actor_release(holder);
	assert_false(exists(lock_path));
}

TEST(a_waiter_with_a_bound_gets_the_lock)
{
	struct actor *holder, *waiter;
	pid_t named;

	needs_holders_with_names();
	holder = actor_holder(0);
	waiter = actor_waiter(LONG_MS, 0, 1);
	actor_release(holder);
	assert_int_equal(actor_result(waiter), 0);
	assert_int_equal(lf_check(lock_path, &named), 1);
	assert_int_equal(named, actor_pid(waiter));
	actor_release(waiter);
	assert_false(exists(lock_path));
}

TEST(waiters_with_a_bound_keep_their_place_in_the_queue)
{
	struct queue *queue;
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	queue = queue_new();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, in_order()), 0);
	for (int i = 0; i < 20; i++)
		queue_join(queue, i % 2 ? LONG_MS : LF_FOREVER, in_order());
	assert_int_equal(lf_release(&lock), 0);
	queue_end(queue);
	assert_int_equal(exists(lock_path), in_order() == LF_KEEP);
	queue_free(queue);
}

static int be_interrupted(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	interrupt_on(SIGUSR1, SA_RESTART);
	demand(lf_acquire(&lock, lock_path, LONG_MS, 0) == -EINTR);
	demand(lock == NULL);
	return 0;
}

TEST(any_handler_interrupts_a_wait_with_a_bound)
{
	struct actor *holder = actor_holder(0);
	pid_t pid = child_start(be_interrupted, NULL);

	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(child_interrupt(pid), 0);
	actor_release(holder);
	assert_false(exists(lock_path));
}

TEST(a_thread_that_waits_for_itself_gets_EDEADLK)
{
	struct lf_lock *lock, *second;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_acquire(&second, lock_path, LF_FOREVER, 0),
			 -EDEADLK);
	assert_null(second);
	/* A wait that something can end does not last for ever. */
	assert_int_equal(lf_acquire(&second, lock_path, 10, 0), -ETIMEDOUT);
	assert_int_equal(lf_start(&second, lock_path, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(lf_finish(&second), 0);
	assert_int_equal(lf_release(&second), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_start(&second, lock_path, 0), 0);
	assert_int_equal(lf_release(&second), 0);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_pending_descriptor_is_readable_once_the_lock_is_acquired)
{
	int before = open_descriptors();
	struct lf_lock *lock;
	struct actor *holder = actor_holder(0);

	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_string_equal(lf_path(lock), lock_path);
	assert_int_equal(lf_fileno(lock), -EBADF);
	assert_int_equal(lf_verify(lock), -EBADF);
	assert_true(waiters_reach(lock_path, 1));
	assert_false(is_readable(lf_pending_fd(lock)));
	assert_true(fcntl(lf_pending_fd(lock), F_GETFD) & FD_CLOEXEC);
	actor_begin(holder, RELEASE, 0, 0);
	assert_true(becomes_readable(lf_pending_fd(lock)));
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_pending_fd(lock), -EBADF);
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(actor_result(holder), 0);
	actor_end(holder);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before);
}

TEST(a_free_lock_is_readable_immediately)
{
	int before = open_descriptors();
	struct lf_lock *lock;

	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_true(is_readable(lf_pending_fd(lock)));
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	/* A caller that gives up without a look releases it too. */
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_null(lock);
	assert_false(exists(lock_path));
	assert_int_equal(lf_start(&lock, "missing/lock", 0), -ENOENT);
	assert_null(lock);
	assert_int_equal(lf_start(&lock, lock_path, 0x80), -EINVAL);
	assert_int_equal(lf_start(NULL, lock_path, 0), -EINVAL);
	assert_int_equal(lf_finish(&lock), -EBADF);
	assert_int_equal(lf_finish(NULL), -EBADF);
	assert_int_equal(lf_pending_fd(NULL), -EBADF);
	assert_int_equal(open_descriptors(), before);
}

TEST(release_gives_a_pending_lock_up)
{
	int before = open_descriptors();
	struct lf_lock *lock;
	struct actor *holder = actor_holder(0);

	for (int i = 0; i < 100; i++) {
		assert_int_equal(lf_start(&lock, lock_path, 0), 0);
		if (i % 2)
			assert_true(waiters_reach(lock_path, 1));
		assert_int_equal(lf_release(&lock), 0);
		assert_null(lock);
		assert_int_equal(waiters(lock_path), 0);
	}
	actor_release(holder);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before);
}

/* A look may miss a line of the kernel's list. */
static bool is_shown_as_waiter(pid_t pid)
{
	for (int look = 0; look_again(&look);)
		if (is_waiter(lock_path, pid))
			return true;
	return false;
}

TEST(a_wait_in_a_thread_shows_the_PID_of_the_process)
{
	struct actor *holder = actor_holder(0), *waiter;
	struct lf_lock *lock;

	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_true(is_shown_as_waiter(getpid()));
	assert_int_equal(lf_release(&lock), 0);
	waiter = actor_waiter(LONG_MS, 0, 1);
	assert_true(is_shown_as_waiter(actor_pid(waiter)));
	actor_release(holder);
	assert_int_equal(actor_result(waiter), 0);
	actor_release(waiter);
}

TEST(a_pending_lock_does_not_follow_chdir)
{
	struct lf_lock *lock;
	struct actor *holder = actor_holder(0);

	assert_int_equal(lf_start(&lock, "lock", 0), 0);
	assert_int_equal(chdir("/"), 0);
	assert_true(waiters_reach(lock_path, 1));
	actor_begin(holder, RELEASE, 0, 0);
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_verify(lock), 0);
	assert_true(exists(lock_path));
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(actor_result(holder), 0);
	actor_end(holder);
	assert_false(exists(lock_path));
}

static int release_inherited(void *lock)
{
	struct lf_lock *inherited = lock, *copy = lock;

	demand(lf_finish(&copy) == -EBADF);
	demand(lf_release(&inherited) == 0);
	return 0;
}

TEST(a_child_leaves_a_pending_lock_alone)
{
	struct lf_lock *lock;
	struct actor *holder = actor_holder(0);

	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_child(release_inherited, lock);
	assert_true(waiters_reach(lock_path, 1));
	assert_false(is_readable(lf_pending_fd(lock)));
	actor_begin(holder, RELEASE, 0, 0);
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(actor_result(holder), 0);
	actor_end(holder);
	assert_false(exists(lock_path));
}

#define MANY 100

struct competitor {
	struct gate holds, release;
};

static int hold_many(void *argument)
{
	struct competitor *competitor = argument;
	struct lf_lock *lock[MANY];

	for (int i = 0; i < MANY; i++)
		demand(lf_acquire(&lock[i], numbered(i), 0, 0) == 0);
	gate_open(competitor->holds);
	gate_pass(competitor->release);
	for (int i = MANY - 1; i >= 0; i--)
		demand(lf_release(&lock[i]) == 0);
	return 0;
}

/* No wait blocks the loop, and each lock is acquired once it is released. */
TEST(one_event_loop_serves_a_hundred_pending_locks)
{
	struct competitor competitor = { gate_new(), gate_new() };
	struct lf_lock *pending[MANY];
	int loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	pid_t pid;

	pid = child_start(hold_many, &competitor);
	gate_pass(competitor.holds);
	for (int i = 0; i < MANY; i++) {
		event = (struct epoll_event){ .events = EPOLLIN };
		event.data.fd = i;
		assert_int_equal(lf_start(&pending[i], numbered(i), 0), 0);
		assert_int_equal(epoll_ctl(loop, EPOLL_CTL_ADD,
					   lf_pending_fd(pending[i]), &event),
				 0);
		assert_true(waiters_reach(numbered(i), 1));
	}
	assert_int_equal(epoll_wait(loop, &event, 1, 0), 0);
	gate_open(competitor.release);
	for (int ready = 0; ready < MANY; ready++) {
		struct lf_lock **lock;

		assert_int_equal(epoll_wait(loop, &event, 1, LONG_MS), 1);
		lock = &pending[event.data.fd];
		assert_int_equal(epoll_ctl(loop, EPOLL_CTL_DEL,
					   lf_pending_fd(*lock), NULL),
				 0);
		assert_int_equal(lf_finish(lock), 0);
		assert_int_equal(lf_release(lock), 0);
	}
	assert_finish(pid);
	gate_free(competitor.holds);
	gate_free(competitor.release);
	for (int i = 0; i < MANY; i++)
		assert_false(exists(numbered(i)));
	close(loop);
}

/* With no thread more than there is now. */
static int wait_without_thread(void *unused)
{
	struct rlimit none = { 0, 0 };
	struct lf_lock *lock;
	int before;

	(void)unused;
	demand(become_ordinary());
	demand(setrlimit(RLIMIT_NPROC, &none) == 0);
	before = open_descriptors();
	demand(lf_acquire(&lock, lock_path, LONG_MS, 0) == -ENOMEM);
	demand(lf_start(&lock, lock_path, 0) == -ENOMEM);
	demand(lock == NULL);
	demand(open_descriptors() == before);
	demand(lf_acquire(&lock, lock_path, 0, 0) == -EAGAIN);
	return 0;
}

TEST(without_a_thread_a_wait_gets_ENOMEM)
{
	struct actor *holder;

	umask(0);
	chmod(".", 0777);
	holder = actor_holder(0);
	umask(022);
	assert_child(wait_without_thread, NULL);
	actor_release(holder);
	assert_false(exists(lock_path));
}

static int wait_without_descriptors(void *unused)
{
	int used = open_descriptors();

	(void)unused;
	/* Each number in turn is the first that is not available. */
	for (int more = 0; more < 8; more++) {
		struct rlimit few = { (rlim_t)(used + more),
				      (rlim_t)(used + 100) };
		struct lf_lock *lock;
		int rc;

		demand(setrlimit(RLIMIT_NOFILE, &few) == 0);
		rc = lf_acquire(&lock, lock_path, 1, 0);
		demand(rc == -EMFILE || rc == -ETIMEDOUT);
		demand(lock == NULL);
		rc = lf_start(&lock, lock_path, 0);
		demand(rc == -EMFILE || rc == 0);
		demand(rc == 0 || lock == NULL);
		if (rc == 0)
			demand(lf_release(&lock) == 0);
		demand(open_descriptors() == used);
	}
	return 0;
}

TEST(without_descriptors_a_wait_gets_EMFILE)
{
	struct actor *holder = actor_holder(0);

	assert_child(wait_without_descriptors, NULL);
	actor_release(holder);
	assert_false(exists(lock_path));
}

static atomic_int delivered;
static pthread_t main_thread;

static void on_delivery(int sig)
{
	(void)sig;
	if (pthread_equal(pthread_self(), main_thread))
		atomic_fetch_add(&delivered, 1);
}

/* A signal to the process reaches the thread of the program, not ours. */
TEST(signals_reach_the_thread_of_the_program)
{
	struct sigaction action = { .sa_handler = on_delivery }, old;
	struct lf_lock *lock;
	sigset_t before, after;
	struct actor *holder = actor_holder(0);

	main_thread = pthread_self();
	sigaction(SIGUSR1, &action, &old);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_true(waiters_reach(lock_path, 1));
	for (int i = 1; i <= 100; i++) {
		kill(getpid(), SIGUSR1);
		assert_int_equal(atomic_load(&delivered), i);
	}
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_release(&lock), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int sig = 1; sig < NSIG; sig++)
		assert_int_equal(sigismember(&before, sig),
				 sigismember(&after, sig));
	sigaction(SIGUSR1, &old, NULL);
	actor_release(holder);
}

/* It would end the process if our thread did not block it too. */
static int get_blocked_signal(void *unused)
{
	struct lf_lock *lock;
	sigset_t set;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	demand(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	demand(lf_start(&lock, lock_path, 0) == 0);
	demand(waiters_reach(lock_path, 1));
	demand(kill(getpid(), SIGUSR1) == 0);
	demand(sigpending(&set) == 0 && sigismember(&set, SIGUSR1) == 1);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_signal_that_the_program_blocks_stays_pending)
{
	struct actor *holder = actor_holder(0);

	assert_child(get_blocked_signal, NULL);
	actor_release(holder);
}

#define RACES 10000

static int hold_again_and_again(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	for (int i = 0; i < RACES; i++) {
		demand(lf_acquire(&lock, lock_path, LF_FOREVER, 0) == 0);
		sched_yield();
		demand(lf_release(&lock) == 0);
	}
	return 0;
}

/* Whichever comes first, nothing leaks. */
TEST(giving_up_at_the_moment_of_acquiring_leaks_nothing)
{
	int before = open_descriptors(), won = 0;
	pid_t one, two;

	one = child_start(hold_again_and_again, NULL);
	two = child_start(hold_again_and_again, NULL);
	for (int i = 0; i < RACES; i++) {
		struct lf_lock *lock;

		assert_int_equal(lf_start(&lock, lock_path, 0), 0);
		won += is_readable(lf_pending_fd(lock));
		assert_int_equal(lf_release(&lock), 0);
	}
	assert_finish(one);
	assert_finish(two);
	print_message("# %d of %d were acquired first\n", won, RACES);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before);
}
