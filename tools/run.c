/* SPDX-License-Identifier: 0BSD */
/* COMMAND: how it is started, which signals reach it, how it ends. */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int become(char *const command[])
{
	execvp(command[0], command);
	return errno;
}

static const struct sigaction by_default = { .sa_handler = SIG_DFL };

/*
 * Signals are blocked and taken one by one by sigwaitinfo(2), which names their
 * sender; no handler is needed.  An ignored SIGCHLD would never arrive.  COMMAND
 * gets mask and disposition as they were.
 */
void take_signals(struct signals *was)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &was->mask);
	sigaction(SIGCHLD, &by_default, &was->child);
}

static void give_signals_back(const struct signals *was)
{
	if (was->child.sa_handler == SIG_IGN)
		sigaction(SIGCHLD, &was->child, NULL);
	sigprocmask(SIG_SETMASK, &was->mask, NULL);
}

static sigset_t only(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

void sigpipe_block(sigset_t *mask)
{
	const sigset_t set = only(SIGPIPE);

	sigprocmask(SIG_BLOCK, &set, mask);
}

/* Where SIGPIPE was blocked, one that was sent stays for COMMAND. */
void sigpipe_unblock(const sigset_t *mask)
{
	const struct timespec at_once = { 0 };
	const sigset_t set = only(SIGPIPE);
	siginfo_t info;

	if (sigtimedwait(&set, &info, &at_once) == SIGPIPE &&
	    info.si_pid != getpid())
		raise(SIGPIPE);
	sigprocmask(SIG_SETMASK, mask, NULL);
}

void let_signals_end_messages(const struct signals *was)
{
	sigset_t mask = was->mask;

	sigaddset(&mask, SIGPIPE);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/*
 * A signal that another process sent to lf-acquire was meant for COMMAND.  The
 * kernel sends a signal, such as that of a terminal's key, to the whole process
 * group: COMMAND has received it already, unless COMMAND has left the group.  An
 * alarm that was set before exec, and the SIGHUP and SIGCONT of a hang-up to a
 * session leader, reach lf-acquire alone.
 */
static bool is_for_us_alone(const siginfo_t *info, bool same_group)
{
	switch (info->si_signo) {
	case SIGALRM:
		return true;
	case SIGHUP:
	case SIGCONT:
		if (getsid(0) == getpid())
			return true;
	}
	return info->si_code <= 0 || !same_group;
}

/* A signal from COMMAND, or from its own process group, is not for COMMAND. */
static bool is_from_command(const siginfo_t *info, pid_t command,
			    bool same_group)
{
	return info->si_code <= 0 && info->si_pid > 0 &&
	       (info->si_pid == command ||
		(!same_group && getpgid(info->si_pid) == getpgid(command)));
}

static void pass_on(const siginfo_t *info, pid_t command)
{
	bool same_group = getpgid(command) == getpgrp();

	if (is_for_us_alone(info, same_group) &&
	    !is_from_command(info, command, same_group))
		kill(command, info->si_signo);
}

/* Does to this process what the signal does by default. */
static void take_default_action(int sig)
{
	const sigset_t set = only(sig);

	sigaction(sig, &by_default, NULL);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/*
 * A job that is stopped from its terminal stops as a whole; the kernel prevents
 * that where no shell is left to continue it.  SIGSTOP stops COMMAND alone,
 * since its sender may continue COMMAND alone.  A shell that has the terminal
 * and suspends itself is the exception: nothing typed would reach a process any
 * more.  COMMAND gets the terminal back when it continues.
 */
static void stop_with(pid_t command, int sig)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY);
	pid_t us = getpgrp(), group = getpgid(command);
	bool has_terminal = terminal >= 0 && group != us &&
			    tcgetpgrp(terminal) == group;

	if (sig != SIGSTOP)
		take_default_action(sig);
	else if (has_terminal)
		take_default_action(SIGTSTP);
	if (has_terminal && tcgetpgrp(terminal) == us)
		tcsetpgrp(terminal, group);
	if (terminal >= 0)
		close(terminal);
}

static pid_t next_change(pid_t command, int *status)
{
	const int changes = WNOHANG | WUNTRACED | WCONTINUED;
	pid_t changed;

	do
		changed = waitpid(command, status, changes);
	while (changed < 0 && errno == EINTR);
	return changed;
}

/* One of those that a terminal sends. */
static bool is_stop(int sig)
{
	return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

/*
 * The state of COMMAND is read before a signal is passed on.  The SIGCONT of a
 * shell has mostly reached COMMAND as well; a second one would undo a stop key
 * that was pressed in between.  Likewise, a second SIGTSTP would stop a COMMAND again
 * that has been continued since it stopped: then waitpid(2) reports the latter only.
 *
 * Returns 0, or a negative errno value: something else has reaped COMMAND.
 */
static int wait_for(pid_t command, int *status)
{
	bool continued = false;
	sigset_t all;

	sigfillset(&all);
	for (;;) {
		bool has_changed = false;
		siginfo_t info;
		pid_t changed;

		if (sigwaitinfo(&all, &info) < 0)
			continue;
		while ((changed = next_change(command, status)) > 0) {
			if (WIFEXITED(*status) || WIFSIGNALED(*status))
				return 0;
			continued = WIFCONTINUED(*status);
			has_changed = true;
			if (WIFSTOPPED(*status))
				stop_with(command, WSTOPSIG(*status));
		}
		if (changed < 0)
			return -errno;
		if (info.si_signo == SIGCHLD ||
		    (info.si_signo == SIGCONT && continued) ||
		    (is_stop(info.si_signo) && has_changed))
			continue;
		pass_on(&info, command);
	}
}

/*
 * fork(2) copies the page tables, which costs more than all the locking;
 * posix_spawn(3) cannot make COMMAND ignore a signal.  The child of vfork(2)
 * shares this process's memory: it changes nothing but ERROR.
 */
int run(char *const command[], const struct signals *was, int *wait_status)
{
	volatile int error = 0;
	pid_t pid = vfork();
	int lost = 0;

	if (pid == 0) {
		give_signals_back(was);
		error = become(command);
		_exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN);
	}
	if (pid < 0)
		error = errno;
	else
		lost = wait_for(pid, wait_status);
	/* Signals stay blocked until the lock has been released. */
	return error ? error : lost;
}

int end_alike(int wait_status)
{
	struct rlimit core;
	int sig;

	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	sig = WTERMSIG(wait_status);
	/* One core is enough.  A limit of 0 would not stop a core to a pipe. */
	if (getrlimit(RLIMIT_CORE, &core) == 0) {
		core.rlim_cur = core.rlim_max < 1 ? 0 : 1;
		setrlimit(RLIMIT_CORE, &core);
	}
	return end_by(sig);
}

const char *signal_name(int sig)
{
	static const struct {
		int number;
		const char *name;
	} signals[] = {
		{ SIGHUP, "SIGHUP" },	{ SIGINT, "SIGINT" },
		{ SIGQUIT, "SIGQUIT" }, { SIGILL, "SIGILL" },
		{ SIGTRAP, "SIGTRAP" }, { SIGABRT, "SIGABRT" },
		{ SIGBUS, "SIGBUS" },	{ SIGFPE, "SIGFPE" },
		{ SIGKILL, "SIGKILL" }, { SIGUSR1, "SIGUSR1" },
		{ SIGSEGV, "SIGSEGV" }, { SIGUSR2, "SIGUSR2" },
		{ SIGPIPE, "SIGPIPE" }, { SIGALRM, "SIGALRM" },
		{ SIGTERM, "SIGTERM" }, { SIGXCPU, "SIGXCPU" },
		{ SIGXFSZ, "SIGXFSZ" }, { SIGSYS, "SIGSYS" },
	};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signals[i].number == sig)
			return signals[i].name;
	return "a signal";
}

int end_by(int sig)
{
	take_default_action(sig);
	/* The kernel spares PID 1 of a container. */
	return 128 + sig;
}
