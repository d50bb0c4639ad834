/* SPDX-License-Identifier: 0BSD */
/*
 * What happens while lf-acquire waits for the lock: a signal ends the wait, a
 * terminal shows the holder, a wait for the own caller ends, and the time of -t is
 * kept.
 *
 * A process that waits for a file server which does not answer runs no signal
 * handler: only a signal that has its default effect ends it.  So the main
 * thread blocks the signals that end a process, and another thread takes them.
 * It interrupts the wait, and lf-acquire leaves the queue, as the holder may just
 * have left the file for it to remove.  If that takes too long, the signal has
 * its default effect.
 */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Signals that end a process and are meant to. */
static const int all_endings[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGALRM, SIGTERM,
				   SIGUSR1, SIGUSR2, SIGPIPE, SIGXCPU };

#define ENDINGS (sizeof(all_endings) / sizeof(all_endings[0]))

/* To the main thread: interrupts its call.  To the other thread: ends it. */
#define POKE SIGVTALRM

/* How often the wait is interrupted: a signal may arrive just before it begins. */
#define POKES 10
#define POKE_EVERY_MS 100

#define SHOW_AFTER_MS 1000

/* How often a call must be found to be blocked, in the second before its limit. */
#define MOST_BLOCKED 19
#define LOOK_EVERY_MS 50

/*
 * Most waits are over by then.  Whether the lock is the caller's takes hundreds of
 * system calls to find out, as many as all the rest.
 */
#define ASK_AFTER_MS 100

static struct {
	bool started;
	pthread_t main, thread;
	sigset_t mask;	 /* of the main thread, as it was */
	sigset_t ending; /* the signals that end the wait */
	struct sigaction poke;
	const struct options *options;
	const char *path;
	double show_at, ask_at, look_at; /* 0: never */
	int blocked; /* so many looks */
	unsigned long long sleeps;
	pid_t child;		/* that asks or shows, or 0 */
	bool asks;		/* its status is the answer */
	pid_t pid;		/* of its parent, which waits */
	bool other_child;	/* a SIGCHLD was of another one */
	struct sigaction chld;	/* the disposition of SIGCHLD, as it was */
} waiting;

/* The signal, or 0. */
static atomic_int interrupted_by;

/* The call seems to wait for its own caller, and is to return. */
static atomic_bool for_caller;

static void interrupt(int sig)
{
	int none = 0;

	atomic_compare_exchange_strong(&interrupted_by, &none, sig);
}

/* The handler of POKE, which may come from elsewhere too. */
static void poked(int sig)
{
	if (!atomic_load(&for_caller))
		interrupt(sig);
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static sigset_t only(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

/* One of SET that arrives in this time, or 0. */
static int next_signal(const sigset_t *set, double seconds)
{
	struct timespec t = { 0 };
	siginfo_t info;
	int sig;

	if (seconds > 0) {
		t.tv_sec = (time_t)seconds;
		t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	}
	sig = sigtimedwait(set, &info, &t);
	if (sig == SIGCHLD && info.si_pid != waiting.child)
		waiting.other_child = true;
	return sig > 0 ? sig : 0;
}

/* False: it does not return in time. */
static bool interrupt_main(void)
{
	const sigset_t poke = only(POKE);

	for (int n = 0; n < POKES; n++) {
		pthread_kill(waiting.main, POKE);
		if (next_signal(&poke, POKE_EVERY_MS / 1e3) == POKE)
			return true;
	}
	return false;
}

/* What a file server keeps from ending ends when that answers. */
static void end_child(void)
{
	const sigset_t child = only(SIGCHLD);

	if (waiting.child == 0)
		return;
	kill(waiting.child, SIGKILL);
	for (int n = 0; n < POKES; n++) {
		next_signal(&child, POKE_EVERY_MS / 1e3);
		if (waitpid(waiting.child, NULL, WNOHANG) != 0)
			break;
	}
	waiting.child = 0;
}

static void end_wait(int sig)
{
	interrupt(sig);
	if (interrupt_main())
		return;
	end_child();
	_exit(end_by(sig));
}

static bool interrupt_for_caller(void)
{
	atomic_store(&for_caller, true);
	return interrupt_main();
}

/* Until it is reaped, its PID is no other process's. */
static void keep_children(void)
{
	static const struct sigaction by_default = { .sa_handler = SIG_DFL };
	struct sigaction found;

	sigaction(SIGCHLD, NULL, &found);
	if (found.sa_handler == SIG_IGN) {
		waiting.chld = found;
		sigaction(SIGCHLD, &by_default, NULL);
	}
}

/*
 * A child, which nothing waits for: a file server may not answer it, and a terminal
 * may be stopped.  And the child has descriptors of its own: if this process closed
 * one of the lock file just as it gets the lock, the kernel would drop the mark that
 * names the holder, and -F would leave COMMAND without it.
 */
static void start_child(bool asks)
{
	keep_children();
	waiting.asks = asks;
	waiting.pid = getpid();
	waiting.child = fork();
	if (waiting.child < 0)
		waiting.child = 0;
	else if (waiting.child == 0) {
		pthread_sigmask(SIG_SETMASK, &waiting.mask, NULL);
		if (asks)
			_exit(nested_seems(waiting.options, waiting.path));
		print_wait(waiting.options, waiting.path);
		_exit(0);
	}
}

bool is_this_wait(pid_t pid)
{
	return pid != 0 && (pid == getpid() || pid == waiting.pid);
}

/*
 * After the answer to a question, if it is still to come.  Where no child is possible
 * now, one may be later; without one nothing is shown, see start_child().
 */
static void show_holder(void)
{
	bool asks = waiting.child != 0;

	if (!asks)
		start_child(false);
	waiting.show_at = asks || !waiting.child ?
				  now() + SHOW_AFTER_MS / 1e3 : 0;
}

/* Whether the wait is over: where no child is possible, the main thread asks. */
static bool ask_about_caller(void)
{
	waiting.ask_at = 0;
	start_child(true);
	return !waiting.child && interrupt_for_caller();
}

/*
 * After a SIGCHLD; likewise.  After a child that was killed, the main thread asks.
 */
static bool take_answer(void)
{
	int status;

	if (waiting.child == 0 ||
	    waitpid(waiting.child, &status, WNOHANG) != waiting.child)
		return false;
	waiting.child = 0;
	return waiting.asks && status != 0 && interrupt_for_caller();
}

/*
 * A message may block: a signal has its default effect meanwhile.  The POKE of a main
 * thread that returns after all is of no use.
 */
static void let_signals_end_us(void)
{
	sigset_t mask = waiting.mask;

	sigaddset(&mask, POKE);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void time_out(void)
{
	end_child();
	let_signals_end_us();
	if (waiting.options->count > 1)
		message("timed out: the file system of one of the lock files "
			"does not answer");
	else
		message_about(waiting.path,
			      "timed out: the file system does not answer");
	_exit(STATUS_SYSTEM);
}

/* Then it waits for its reader, and not for a file server. */
static bool message_is_printed(void)
{
	if (ftrylockfile(stderr) != 0)
		return true;
	funlockfile(stderr);
	return false;
}

/* On a busy machine the call may just not have had a processor. */
static void come_to_limit(void)
{
	if (other_threads_go_on(&waiting.sleeps) || message_is_printed())
		waiting.blocked = 0;
	else
		waiting.blocked++;
	if (waiting.blocked >= MOST_BLOCKED)
		time_out();
	waiting.look_at = now() + LOOK_EVERY_MS / 1e3;
}

static double earlier(double a, double b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The time until the next thing to do. */
static double time_left(void)
{
	double next = earlier(earlier(waiting.show_at, waiting.ask_at),
			      waiting.look_at);

	return next == 0 ? 3600 : next - now();
}

static bool is_time(double at)
{
	return at != 0 && now() >= at;
}

static void *keep_watch(void *unused)
{
	sigset_t set = waiting.ending;

	(void)unused;
	sigaddset(&set, POKE);
	sigaddset(&set, SIGCHLD);
	for (;;) {
		int sig = next_signal(&set, time_left());

		/* This process was stopped, and a signal came as well. */
		if (sig == 0)
			sig = next_signal(&set, 0);
		if (sig == POKE || (sig == SIGCHLD && take_answer()))
			return NULL;
		if (sig != 0 && sig != SIGCHLD) {
			end_wait(sig);
			return NULL;
		}
		if (is_time(waiting.look_at))
			come_to_limit();
		if (is_time(waiting.ask_at) && ask_about_caller())
			return NULL;
		if (is_time(waiting.show_at))
			show_holder();
	}
}

/* A signal that is ignored or blocked, as HUP by nohup(1), ends nothing. */
static void choose_endings(void)
{
	struct sigaction found;

	for (size_t i = 0; i < ENDINGS; i++)
		if (!sigismember(&waiting.mask, all_endings[i]) &&
		    sigaction(all_endings[i], NULL, &found) == 0 &&
		    found.sa_handler == SIG_DFL)
			sigaddset(&waiting.ending, all_endings[i]);
}

/* Without a thread, signals keep their default effect. */
static void start(bool in_queue)
{
	static const struct sigaction by_us = { .sa_handler = poked };
	const sigset_t poke = only(POKE);
	sigset_t all, others = waiting.ending;

	/* Else the kernel would put the call last in the queue after a SIGCHLD. */
	sigaddset(&others, SIGCHLD);
	sigfillset(&all);
	if (in_queue)
		sigaction(POKE, &by_us, NULL);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	waiting.main = pthread_self();
	waiting.started = pthread_create(&waiting.thread, NULL, keep_watch,
					 NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &waiting.mask, NULL);
	if (!waiting.started || !in_queue)
		return;
	pthread_sigmask(SIG_BLOCK, &others, NULL);
	pthread_sigmask(SIG_UNBLOCK, &poke, NULL);
}

static double first_look(int limit_ms)
{
	int ms = limit_ms - MOST_BLOCKED * LOOK_EVERY_MS;

	return ms > 0 ? ms / 1e3 : 0;
}

bool waiting_begin(const struct options *o, const char *path, int limit_ms,
		   enum wait_kind kind)
{
	bool in_queue = kind != IN_CALL;
	bool show = in_queue && !o->quiet && !o->verbose &&
		    isatty(STDERR_FILENO);

	atomic_store(&for_caller, false);
	waiting.options = o;
	waiting.path = path;
	waiting.ask_at = kind == IN_QUEUE_ASKING ? now() + ASK_AFTER_MS / 1e3 :
						    0;
	waiting.show_at = show ? now() + SHOW_AFTER_MS / 1e3 : 0;
	waiting.blocked = 0;
	waiting.look_at = limit_ms > 0 ? now() + first_look(limit_ms) : 0;
	sigemptyset(&waiting.ending);
	pthread_sigmask(SIG_BLOCK, NULL, &waiting.mask);
	sigaction(POKE, NULL, &waiting.poke);
	if (in_queue)
		choose_endings();
	start(in_queue);
	return waiting.started;
}

/* One that was sent may arrive only now. */
static void restore_poke(void)
{
	const sigset_t poke = only(POKE);

	pthread_sigmask(SIG_BLOCK, &poke, NULL);
	next_signal(&poke, 0);
	sigaction(POKE, &waiting.poke, NULL);
}

/* With SIGCHLD ignored, COMMAND does not expect children that have ended. */
static void restore_child(void)
{
	if (waiting.other_child)
		kill(getpid(), SIGCHLD);
	if (waiting.chld.sa_handler == SIG_IGN) {
		sigaction(SIGCHLD, &waiting.chld, NULL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	waiting.other_child = false;
	waiting.chld.sa_handler = SIG_DFL;
}

/*
 * The thread may just have taken a signal that it has not reported yet: an exec(2) of
 * COMMAND would end it and lose that signal.  Without this wait COMMAND would not
 * start sooner: exec itself waits until the other threads have ended.
 */
static void end_thread(void)
{
	pthread_kill(waiting.thread, POKE);
	pthread_join(waiting.thread, NULL);
}

int waiting_end(void)
{
	int sig;

	if (waiting.started) {
		end_thread();
		end_child();
		restore_child();
		while ((sig = next_signal(&waiting.ending, 0)) != 0)
			interrupt(sig);
	}
	waiting.started = false;
	restore_poke();
	pthread_sigmask(SIG_SETMASK, &waiting.mask, NULL);
	sig = atomic_load(&interrupted_by);
	return sig == 0 && atomic_load(&for_caller) ? FOR_CALLER : sig;
}
