/* SPDX-License-Identifier: 0BSD */
/*
 * A wait in the kernel has no time limit and no descriptor to poll, and only a
 * signal can interrupt it.  So a helper thread with all signals blocked waits
 * there, in its place in the queue; a pipe reports when it has returned, and it
 * is cancelled if the caller gives up.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { RUNNING, RETURNED, STOPPED, ABANDONED };
enum { NO_REPORT, REPORTED, LATE };

/* It only waits, and gives back what it gets; sanitizers need the room. */
#define STACK_SIZE (256 * 1024)

/* How long a cancelled thread may take to end before it is abandoned. */
#define GRACE_MS 1000

/* How often that, if no file server keeps it: on a local file, and on its way. */
#define LOCAL_GRACES 3
#define MOST_GRACES 60

struct lf_wait {
	struct lf_wait_job job;
	pthread_t thread;
	atomic_int state;
	atomic_int report;
	atomic_bool waits; /* from the report on */
	atomic_bool is_local; /* the file in hand */
	atomic_int pid; /* of the thread; 0: it has not begun, -1: unknown */
	int result;
	int pipe[2]; /* -1: not pollable */
	dev_t dev;   /* of the pipe */
	ino_t ino;
};

/* A program may have closed all descriptors and opened others. */
static bool is_pipe(const struct lf_wait *wait, int fd)
{
	struct stat st;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) < 0)
		return errno != EBADF;
	return st.st_dev == wait->dev && st.st_ino == wait->ino;
}

static void notify(const struct lf_wait *wait)
{
	if (is_pipe(wait, wait->pipe[1]))
		(void)!write(wait->pipe[1], "", 1);
}

static void free_wait(struct lf_wait *wait)
{
	for (int i = 0; i < 2; i++)
		if (is_pipe(wait, wait->pipe[i]))
			close(wait->pipe[i]);
	free(wait);
}

static int open_pipe(struct lf_wait *wait)
{
	struct stat st;
	int rc = lf_pipe(wait->pipe);

	if (rc < 0)
		return rc;
	if (fstat(wait->pipe[0], &st) < 0) {
		rc = -errno;
		close(wait->pipe[0]);
		close(wait->pipe[1]);
		return rc;
	}
	wait->dev = st.st_dev;
	wait->ino = st.st_ino;
	return 0;
}

static struct lf_wait *new_wait(const struct lf_wait_job *job, int *rc)
{
	struct lf_wait *wait = malloc(sizeof(*wait));

	*rc = -ENOMEM;
	if (!wait)
		return NULL;
	*wait = (struct lf_wait){ .job = *job, .pipe = { -1, -1 } };
	*rc = job->pollable ? open_pipe(wait) : 0;
	if (*rc == 0)
		return wait;
	free(wait);
	return NULL;
}

static _Thread_local struct lf_wait *helper; /* of this thread, or NULL */

/* Whoever ends last frees: the thread, or the caller that joins it. */
static void end(struct lf_wait *wait, int state)
{
	if (atomic_exchange(&wait->state, state) == ABANDONED) {
		wait->job.abandoned(wait->job.argument, state == RETURNED);
		free_wait(wait);
	} else {
		notify(wait);
	}
}

static void end_stopped(void *wait)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &(int){ 0 });
	end(wait, STOPPED);
}

static void *run_job(void *argument)
{
	struct lf_wait *wait = argument;

	helper = wait;
	atomic_store(&wait->pid, lf_thread_pid());
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &(int){ 0 });
	pthread_cleanup_push(end_stopped, wait);
	wait->result = wait->job.run(wait->job.argument);
	pthread_cleanup_pop(0);
	end(wait, RETURNED);
	return NULL;
}

/* The stack must hold the thread-local data of the whole program too. */
static int create_with_small_stack(struct lf_wait *wait)
{
	pthread_attr_t attr;
	int error = pthread_attr_init(&attr);

	if (error != 0)
		return error;
	error = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (error == 0)
		error = pthread_create(&wait->thread, &attr, run_job, wait);
	pthread_attr_destroy(&attr);
	return error;
}

/* A thread inherits the mask: signals stay with the program's own threads. */
static int create_thread(struct lf_wait *wait)
{
	sigset_t all, mask;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	error = create_with_small_stack(wait);
	if (error == EINVAL)
		error = pthread_create(&wait->thread, NULL, run_job, wait);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return error;
}

int lf_wait_start(struct lf_wait **started, const struct lf_wait_job *job)
{
	struct lf_wait *wait;
	int rc;

	if (!job->abandoned && !lf_can_cancel_threads())
		return -ENOMEM;
	wait = new_wait(job, &rc);
	if (!wait)
		return rc;
	if (create_thread(wait) != 0) {
		free_wait(wait);
		return -ENOMEM;
	}
	*started = wait;
	return 0;
}

int lf_wait_descriptor(const struct lf_wait *wait)
{
	return wait->pipe[0];
}

/* Before a wait: later there may be no descriptor left for what a cancel needs. */
void lf_wait_report(void)
{
	if (!helper)
		return;
	lf_can_cancel_threads();
	atomic_store(&helper->waits, true);
	if (helper->job.reports &&
	    atomic_exchange(&helper->report, REPORTED) == NO_REPORT)
		notify(helper);
}

bool lf_wait_is_helper(void)
{
	return helper != NULL;
}

void lf_wait_on_local_file(bool is_local)
{
	if (helper)
		atomic_store(&helper->is_local, is_local);
}

/*
 * A report is taken out of the pipe, which is to be readable at the end only.  No
 * signal interrupts a read that has a byte to return.
 */
int lf_wait_for_report(struct lf_wait *wait, struct timespec deadline)
{
	int none = NO_REPORT, rc;
	char byte;

	do
		rc = lf_poll_until(wait->pipe[0], deadline);
	while (rc == -EINTR && !lf_deadline_is_over(deadline));
	if (rc > 0 ? atomic_load(&wait->report) == REPORTED :
		     !atomic_compare_exchange_strong(&wait->report, &none, LATE))
		(void)!read(wait->pipe[0], &byte, 1);
	return rc < 0 && rc != -EINTR ? rc : 0;
}

bool lf_wait_is_late(void)
{
	return helper && (atomic_load(&helper->report) == LATE ||
			  atomic_load(&helper->state) == ABANDONED);
}

bool lf_wait_has_failed(const struct lf_wait *wait)
{
	return atomic_load(&wait->state) == RETURNED && wait->result < 0;
}

int lf_wait_join(struct lf_wait *wait)
{
	int result;

	pthread_join(wait->thread, NULL);
	result = wait->result;
	free_wait(wait);
	return result;
}

/*
 * A thread that waits for a lock ends at once.  One that the file server keeps
 * in another call may never end.
 */
static bool has_ended(const struct lf_wait *wait, struct timespec deadline)
{
	int rc;

	if (!is_pipe(wait, wait->pipe[0]))
		return true;
	do
		rc = lf_poll_until(wait->pipe[0], deadline);
	while (rc == -EINTR && !lf_deadline_is_over(deadline));
	return rc != 0;
}

/* False: it has ended just now. */
static bool abandon(struct lf_wait *wait)
{
	pthread_t thread = wait->thread; /* it frees WAIT itself */
	int running = RUNNING;

	if (!atomic_compare_exchange_strong(&wait->state, &running, ABANDONED))
		return false;
	pthread_detach(thread);
	return true;
}

bool lf_wait_leave(struct lf_wait *wait, struct timespec deadline)
{
	if (!has_ended(wait, deadline) && abandon(wait))
		return false;
	lf_wait_join(wait);
	return true;
}

struct look {
	int state;
	unsigned long long sleeps;
};

static struct look look_at_thread(const struct lf_wait *wait)
{
	struct look look = { .state = 'R' };
	pid_t pid = atomic_load(&wait->pid);

	if (pid != 0)
		look.state = lf_thread_state(pid, &look.sleeps);
	return look;
}

/* A call that a server keeps sleeps in one piece. */
static bool has_slept(const struct look *before, const struct look *now)
{
	return now->state < 0 || (before->state != 'R' && now->state != 'R' &&
				  before->sleeps == now->sleeps);
}

static int graces(const struct lf_wait *wait, const struct look *before)
{
	struct look now = look_at_thread(wait);

	if (atomic_load(&wait->waits))
		return 1;
	if (!has_slept(before, &now))
		return MOST_GRACES;
	return atomic_load(&wait->is_local) ? LOCAL_GRACES : 1;
}

/*
 * On a busy machine a thread may wait for a processor for seconds.  That is no file
 * server that does not answer, and the lock may be free.
 */
static bool ends_soon(const struct lf_wait *wait)
{
	for (int i = 1;; i++) {
		struct look before = look_at_thread(wait);

		if (has_ended(wait, lf_deadline(GRACE_MS)))
			return true;
		if (i >= graces(wait, &before))
			return false;
	}
}

enum lf_wait_end lf_wait_cancel(struct lf_wait *wait, int *result)
{
	pthread_t thread = wait->thread;
	bool cancelled, may_end, returned;

	cancelled = lf_can_cancel_threads() && lf_cancel_thread(thread) == 0;
	may_end = cancelled || !atomic_load(&wait->waits);
	if (wait->job.abandoned &&
	    !(may_end && ends_soon(wait))) {
		*result = atomic_load(&wait->waits) ? LF_CANCELLED :
						      -EHOSTUNREACH;
		if (abandon(wait))
			return LF_WAIT_ABANDONED;
	}
	pthread_join(thread, NULL);
	returned = atomic_load(&wait->state) == RETURNED;
	*result = wait->result;
	free_wait(wait);
	return returned ? LF_WAIT_RETURNED : LF_WAIT_STOPPED;
}

bool lf_wait_forget(struct lf_wait *wait)
{
	bool returned = atomic_load(&wait->state) == RETURNED;

	free_wait(wait);
	return returned;
}

/*
 * Asynchronous, because F_OFD_SETLKW is no cancellation point everywhere (musl),
 * and harmless, because there is only the system call in between.  The type is
 * set last: of the two calls it is the one that acts, in musl too, on a
 * cancellation that came before.
 */
void lf_wait_cancellable(bool on)
{
	if (!helper)
		return;
	pthread_setcancelstate(on ? PTHREAD_CANCEL_ENABLE :
				    PTHREAD_CANCEL_DISABLE, &(int){ 0 });
	pthread_setcanceltype(on ? PTHREAD_CANCEL_ASYNCHRONOUS :
				   PTHREAD_CANCEL_DEFERRED, &(int){ 0 });
	if (!on)
		lf_await_cancel();
}

int lf_cancel_disable(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

void lf_cancel_restore(int state)
{
	pthread_setcancelstate(state, &state);
}

/* Not pthread_self(), which a later thread may get again. */
unsigned long lf_thread_self(void)
{
	static atomic_ulong last;
	static _Thread_local unsigned long self;

	if (self == 0)
		self = atomic_fetch_add(&last, 1) + 1;
	return self;
}

static struct timespec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t;
}

struct timespec lf_deadline(int timeout_ms)
{
	struct timespec t = { 0 };

	if (timeout_ms <= 0)
		return t;
	t = now();
	t.tv_sec += timeout_ms / 1000;
	/* It may be more than a second: milliseconds_until() adds both up. */
	t.tv_nsec += timeout_ms % 1000 * 1000000L;
	return t;
}

/* Rounded up, so that poll(2) does not return a moment too early. */
static int milliseconds_until(struct timespec deadline)
{
	struct timespec t = now();
	long long left = (deadline.tv_sec - t.tv_sec) * 1000000000LL +
			 (deadline.tv_nsec - t.tv_nsec);

	if (left <= 0)
		return 0;
	left = (left + 999999) / 1000000;
	return left > INT_MAX ? INT_MAX : (int)left;
}

bool lf_deadline_is_over(struct timespec deadline)
{
	return milliseconds_until(deadline) == 0;
}

int lf_poll_until(int fd, struct timespec deadline)
{
	for (;;) {
		struct pollfd event = { .fd = fd, .events = POLLIN };
		int left = milliseconds_until(deadline);
		int rc = poll(&event, 1, left);

		if (rc < 0)
			return -errno;
		if (rc > 0 || left == 0)
			return rc;
	}
}
