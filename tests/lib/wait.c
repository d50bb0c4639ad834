/* Waits with a bound, and waits that go on while the program does. */
#include "config.h"

#include "harness.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Long enough that only a failure waits it out. */
#define LONG_MS 60000

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

struct waiting {
	struct gate got, go;
	int timeout_ms;
};

static int wait_for_lock(void *argument)
{
	struct waiting *w = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, w->timeout_ms, 0) == 0);
	gate_open(w->got);
	gate_pass(w->go);
	demand(lf_release(&lock) == 0);
	return 0;
}

/* A process that holds the lock until told to let go. */
static pid_t hold(struct waiting *w)
{
	pid_t pid;

	*w = (struct waiting){ gate_new(), gate_new(), LF_FOREVER };
	pid = start(wait_for_lock, w);
	gate_pass(w->got);
	return pid;
}

static void let_go(struct waiting *w)
{
	gate_open(w->go);
}

static void end_hold(struct waiting *w, pid_t pid)
{
	assert_int_equal(finish(pid), 0);
	gate_free(w->got);
	gate_free(w->go);
}

TEST(a_free_lock_is_taken_at_once)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, LONG_MS, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(a_timeout_is_never_early)
{
	static const int bounds[] = { 1, 2, 3, 10, 49, 1001 };
	struct waiting w;
	pid_t pid;

	pid = hold(&w);
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
	let_go(&w);
	end_hold(&w, pid);
	assert_false(exists(lock_path));
}

TEST(a_timed_waiter_gets_the_lock)
{
	struct waiting w, timed = { gate_new(), gate_new(), LONG_MS };
	pid_t holder, pid, seen;

	needs_holders_with_names();
	holder = hold(&w);
	pid = start(wait_for_lock, &timed);
	assert_true(waiters_reach(lock_path, 1));
	let_go(&w);
	gate_pass(timed.got);
	assert_int_equal(lf_check(lock_path, &seen), 1);
	assert_int_equal(seen, pid);
	gate_open(timed.go);
	end_hold(&timed, pid);
	end_hold(&w, holder);
	assert_false(exists(lock_path));
}

#define QUEUE 20

struct queue {
	atomic_int served;
	int order[QUEUE];
};

struct place {
	struct queue *queue;
	int number;
};

static int take_place(void *argument)
{
	struct place *p = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path,
			  p->number % 2 ? LONG_MS : LF_FOREVER,
			  in_order()) == 0);
	p->queue->order[atomic_fetch_add(&p->queue->served, 1)] = p->number;
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(timed_waiters_keep_their_place_in_the_queue)
{
	struct queue *q = shared_new(sizeof(*q));
	struct place p[QUEUE];
	pid_t pid[QUEUE];
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, in_order()), 0);
	for (int i = 0; i < QUEUE; i++) {
		p[i] = (struct place){ q, i };
		pid[i] = start(take_place, &p[i]);
		assert_true(waiters_reach(lock_path, i + 1));
	}
	assert_int_equal(lf_release(&lock), 0);
	for (int i = 0; i < QUEUE; i++)
		assert_int_equal(finish(pid[i]), 0);
	for (int i = 0; i < QUEUE; i++)
		assert_int_equal(q->order[i], i);
	assert_int_equal(exists(lock_path), in_order() == LF_KEEP);
	shared_free(q, sizeof(*q));
}

static void on_signal(int sig)
{
	(void)sig;
}

static int be_interrupted(void *unused)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESTART };
	struct lf_lock *lock;

	(void)unused;
	sigaction(SIGUSR1, &action, NULL);
	demand(lf_acquire(&lock, lock_path, LONG_MS, 0) == -EINTR);
	demand(lock == NULL);
	return 0;
}

TEST(any_handler_interrupts_a_timed_wait)
{
	struct waiting w;
	pid_t holder, pid;
	int status;

	holder = hold(&w);
	pid = start(be_interrupted, NULL);
	assert_true(waiters_reach(lock_path, 1));
	/* One that comes before it is in poll(2) goes unnoticed. */
	while (waitpid(pid, &status, WNOHANG) == 0) {
		kill(pid, SIGUSR1);
		sched_yield();
	}
	assert_int_equal(status, 0);
	let_go(&w);
	end_hold(&w, holder);
	assert_false(exists(lock_path));
}

TEST(waiting_for_oneself_is_a_deadlock)
{
	struct lf_lock *lock, *second;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_acquire(&second, lock_path, LONG_MS, 0), -EDEADLK);
	assert_int_equal(lf_start(&second, lock_path, 0), 0);
	assert_int_equal(lf_finish(&second), -EDEADLK);
	assert_null(second);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_pending_lock_tells_when_it_is_had)
{
	int before = open_descriptors();
	struct lf_lock *lock;
	struct waiting w;
	pid_t pid;

	pid = hold(&w);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_string_equal(lf_path(lock), lock_path);
	assert_int_equal(lf_fileno(lock), -EBADF);
	assert_int_equal(lf_verify(lock), -EBADF);
	assert_true(waiters_reach(lock_path, 1));
	assert_false(is_readable(lf_pending_fd(lock)));
	let_go(&w);
	assert_true(becomes_readable(lf_pending_fd(lock)));
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_pending_fd(lock), -EBADF);
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	end_hold(&w, pid);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before);
}

TEST(a_pending_lock_that_is_free_is_ready)
{
	int before = open_descriptors();
	struct lf_lock *lock;

	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_true(is_readable(lf_pending_fd(lock)));
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	/* Given up without a look, it is released all the same. */
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
	struct waiting w;
	pid_t pid;

	pid = hold(&w);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(lf_start(&lock, lock_path, 0), 0);
		if (i % 2)
			assert_true(waiters_reach(lock_path, 1));
		assert_int_equal(lf_release(&lock), 0);
		assert_null(lock);
		assert_int_equal(waiters(lock_path), 0);
	}
	let_go(&w);
	end_hold(&w, pid);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before);
}

TEST(a_pending_lock_does_not_follow_chdir)
{
	struct lf_lock *lock;
	struct waiting w;
	pid_t pid;

	pid = hold(&w);
	assert_int_equal(lf_start(&lock, "lock", 0), 0);
	assert_int_equal(chdir("/"), 0);
	assert_true(waiters_reach(lock_path, 1));
	let_go(&w);
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_verify(lock), 0);
	assert_true(exists(lock_path));
	assert_int_equal(lf_release(&lock), 0);
	end_hold(&w, pid);
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
	struct waiting w;
	pid_t pid;

	pid = hold(&w);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(finish(start(release_inherited, lock)), 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_false(is_readable(lf_pending_fd(lock)));
	let_go(&w);
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	end_hold(&w, pid);
	assert_false(exists(lock_path));
}

#define MANY 100

static int hold_many(void *argument)
{
	struct waiting *w = argument;
	struct lf_lock *lock[MANY];

	for (int i = 0; i < MANY; i++)
		demand(lf_acquire(&lock[i], numbered(i), 0, 0) == 0);
	gate_open(w->got);
	gate_pass(w->go);
	for (int i = MANY - 1; i >= 0; i--)
		demand(lf_release(&lock[i]) == 0);
	return 0;
}

/* None of them blocks the loop; each is had when it is let go. */
TEST(a_hundred_pending_locks_fit_in_one_loop)
{
	struct waiting w = { gate_new(), gate_new(), 0 };
	struct lf_lock *pending[MANY];
	int loop = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event;
	pid_t pid;

	pid = start(hold_many, &w);
	gate_pass(w.got);
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
	let_go(&w);
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
	end_hold(&w, pid);
	for (int i = 0; i < MANY; i++)
		assert_false(exists(numbered(i)));
	close(loop);
}

/* As many threads as there are now, and no more. */
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

TEST(no_thread_to_be_had_is_ENOMEM)
{
	struct waiting w;
	pid_t pid;

	umask(0);
	chmod(".", 0777);
	pid = hold(&w);
	umask(022);
	assert_int_equal(finish(start(wait_without_thread, NULL)), 0);
	let_go(&w);
	end_hold(&w, pid);
	assert_false(exists(lock_path));
}

static int wait_without_descriptors(void *unused)
{
	int used = open_descriptors();

	(void)unused;
	/* Each number in turn is the first that is not to be had. */
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

TEST(no_descriptors_to_be_had_is_EMFILE)
{
	struct waiting w;
	pid_t pid = hold(&w);

	assert_int_equal(finish(start(wait_without_descriptors, NULL)), 0);
	let_go(&w);
	end_hold(&w, pid);
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

/* What is sent to the process reaches the program's own thread. */
TEST(signals_stay_with_the_program)
{
	struct sigaction action = { .sa_handler = on_delivery }, old;
	struct lf_lock *lock;
	sigset_t before, after;
	struct waiting w;
	pid_t pid;

	pid = hold(&w);
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
	let_go(&w);
	end_hold(&w, pid);
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

/* Given up at the very moment when it is won: no matter which, nothing leaks. */
TEST(giving_up_races_with_winning)
{
	int before = open_descriptors(), won = 0;
	pid_t one, two;

	one = start(hold_again_and_again, NULL);
	two = start(hold_again_and_again, NULL);
	for (int i = 0; i < RACES; i++) {
		struct lf_lock *lock;

		assert_int_equal(lf_start(&lock, lock_path, 0), 0);
		won += is_readable(lf_pending_fd(lock));
		assert_int_equal(lf_release(&lock), 0);
	}
	assert_int_equal(finish(one), 0);
	assert_int_equal(finish(two), 0);
	print_message("# %d of %d were won at once\n", won, RACES);
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), before);
}
