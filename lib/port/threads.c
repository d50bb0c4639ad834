/* Threads: POSIX. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#ifdef __GLIBC__
# include <execinfo.h>
#endif

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void before_fork(void)
{
	pthread_mutex_lock(&mutex);
}

static atomic_bool has_forked;

static void after_fork_in_parent(void)
{
	atomic_store(&has_forked, true);
	pthread_mutex_unlock(&mutex);
}

/* The threads that waited for the condition are not here: start anew. */
static void after_fork_in_child(void)
{
	static const pthread_cond_t fresh = PTHREAD_COND_INITIALIZER;

	condition = fresh;
	pthread_mutex_unlock(&mutex);
}

/*
 * Before the program can set hooks of its own or fork: in the child ours then
 * come first, and no fork falls between a first lock of the mutex and these.
 */
__attribute__((__constructor__)) static void set_hooks(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

bool os_may_have_forked(void)
{
	return atomic_load(&has_forked);
}

void os_mutex_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void os_mutex_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

void os_condition_wait(void)
{
	pthread_cond_wait(&condition, &mutex);
}

void os_condition_wake(void)
{
	pthread_cond_broadcast(&condition);
}

/* Not pthread_self(), which a later thread may have again. */
os_thread os_thread_self(void)
{
	static atomic_ulong last;
	static _Thread_local os_thread self;

	if (self == 0)
		self = atomic_fetch_add(&last, 1) + 1;
	return self;
}

/* The thread may begin only after it was detached: the last of both frees. */
struct os_helper {
	pthread_t thread;
	void *(*body)(void *);
	void *argument;
	atomic_int users;
};

static void let_go(struct os_helper *helper)
{
	if (atomic_fetch_sub(&helper->users, 1) == 1)
		free(helper);
}

static _Thread_local bool is_helper;

static void *run_helper(void *argument)
{
	struct os_helper *helper = argument;
	void *(*body)(void *) = helper->body;

	is_helper = true;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &(int){ 0 });
	argument = helper->argument;
	let_go(helper);
	return body(argument);
}

/* A thread inherits the mask: signals stay with the program's own threads. */
static int create(struct os_helper *helper)
{
	sigset_t all, mask;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	error = pthread_create(&helper->thread, NULL, run_helper, helper);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return error;
}

/*
 * glibc's pthread_cancel(3) loads libgcc_s to unwind the stack and aborts the
 * program if it cannot; backtrace(3) loads it too, and fails instead.  Early,
 * because later there may be no descriptor left to load it with.
 */
bool os_helper_can_be_cancelled(void)
{
#ifdef __GLIBC__
	static atomic_bool loaded;
	void *frame;

	if (!atomic_load(&loaded) && backtrace(&frame, 1) > 0)
		atomic_store(&loaded, true);
	return atomic_load(&loaded);
#else
	return true;
#endif
}

int os_helper_start(struct os_helper **started, void *(*body)(void *),
		    void *argument)
{
	struct os_helper *helper = malloc(sizeof(*helper));

	if (!helper)
		return -ENOMEM;
	os_helper_can_be_cancelled();
	*helper = (struct os_helper){
		.body = body,
		.argument = argument,
		.users = 2,
	};
	if (create(helper) != 0) {
		free(helper);
		return -ENOMEM;
	}
	*started = helper;
	return 0;
}

int os_helper_cancel(struct os_helper *helper)
{
	return os_helper_can_be_cancelled() ? -pthread_cancel(helper->thread) :
					      -ENOTSUP;
}

void os_helper_join(struct os_helper *helper)
{
	pthread_join(helper->thread, NULL);
	let_go(helper);
}

void os_helper_detach(struct os_helper *helper)
{
	pthread_detach(helper->thread);
	let_go(helper);
}

/*
 * Asynchronous, because F_OFD_SETLKW is no cancellation point everywhere (musl),
 * and harmless, because there is nothing but the system call in between.  The
 * type comes last: of the two calls it is the one that acts, in musl too, on a
 * cancellation that came before.
 */
void os_cancel_begin(void)
{
	if (!is_helper)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &(int){ 0 });
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &(int){ 0 });
}

void os_cancel_end(void)
{
	if (!is_helper)
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &(int){ 0 });
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &(int){ 0 });
}

int os_cancel_disable(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

void os_cancel_restore(int state)
{
	pthread_setcancelstate(state, &state);
}
