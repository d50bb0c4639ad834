#include "config.h"

#include "run.h"

#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int become(char *const command[])
{
	execvp(command[0], command);
	return errno;
}

static const struct sigaction by_default = { .sa_handler = SIG_DFL };

/*
 * Signals are taken one by one by sigwaitinfo(2), which says who sent them, so
 * that no handler is needed.  SIGCHLD must not be ignored then; COMMAND gets
 * mask and disposition as they were.
 */
void take_signals(struct signals *was)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &was->mask);
	sigaction(SIGCHLD, &by_default, &was->child);
}

void give_signals_back(const struct signals *was)
{
	if (was->child.sa_handler == SIG_IGN)
		sigaction(SIGCHLD, &was->child, NULL);
	sigprocmask(SIG_SETMASK, &was->mask, NULL);
}

/* Those that end a process and are meant to. */
static const int ending[] = { SIGHUP,  SIGINT,	SIGQUIT, SIGALRM, SIGTERM,
			      SIGUSR1, SIGUSR2, SIGPIPE, SIGXCPU, SIGVTALRM };

#define ENDINGS (sizeof(ending) / sizeof(ending[0]))

static volatile sig_atomic_t interrupted_by;

/* One that came just before the wait began comes again, as an alarm. */
static void interrupt(int sig)
{
	if (!interrupted_by)
		interrupted_by = sig;
	alarm(1);
}

void let_signals_interrupt(const struct signals *was)
{
	static const struct sigaction by_us = { .sa_handler = interrupt };
	struct sigaction found;

	for (size_t i = 0; i < ENDINGS; i++) {
		if (sigaction(ending[i], NULL, &found) == 0 &&
		    found.sa_handler == SIG_DFL)
			sigaction(ending[i], &by_us, NULL);
	}
	give_signals_back(was);
}

int take_signals_again(struct signals *was)
{
	struct sigaction found;

	take_signals(was);
	for (size_t i = 0; i < ENDINGS; i++) {
		if (sigaction(ending[i], NULL, &found) == 0 &&
		    found.sa_handler == interrupt)
			sigaction(ending[i], &by_default, NULL);
	}
	return interrupted_by;
}

/*
 * A signal that another process sent to us was meant for COMMAND.  What the
 * kernel sends, the terminal's keys above all, goes to the whole process group:
 * COMMAND has it already, unless it was not there yet, or has left the group;
 * or it was an alarm that was set before exec, or the hang-up and the SIGCONT
 * after it, which a session leader gets alone.
 */
static bool is_for_us_alone(const siginfo_t *info, bool same_group, bool early)
{
	switch (info->si_signo) {
	case SIGALRM:
		return true;
	case SIGHUP:
	case SIGCONT:
		if (getsid(0) == getpid())
			return true;
	}
	return info->si_code <= 0 || !same_group || early;
}

/* What COMMAND or a process group of its own sends is not for itself. */
static bool is_of_command(const siginfo_t *info, pid_t command, bool same_group)
{
	return info->si_code <= 0 && info->si_pid > 0 &&
	       (info->si_pid == command ||
		(!same_group && getpgid(info->si_pid) == getpgid(command)));
}

static void pass_on(const siginfo_t *info, pid_t command, const sigset_t *early)
{
	bool same_group = getpgid(command) == getpgrp();

	if (is_for_us_alone(info, same_group,
			    sigismember(early, info->si_signo)) &&
	    !is_of_command(info, command, same_group))
		kill(command, info->si_signo);
}

/* What the signal does to a process that knows nothing of it. */
static void suffer(int sig)
{
	sigset_t set;

	sigaction(sig, &by_default, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/*
 * A job that is stopped from its terminal stops whole; but not where no shell
 * is left to continue it, which the kernel knows.  SIGSTOP is for COMMAND alone,
 * as whoever sent it may continue COMMAND alone, unless COMMAND is a shell that
 * has the terminal and suspends itself: nobody could type any more.  It has the
 * terminal again when it goes on.
 */
static void stop_with(pid_t command, int sig)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	pid_t us = getpgrp(), group = getpgid(command);
	bool has_terminal = terminal >= 0 && group != us &&
			    tcgetpgrp(terminal) == group;

	if (sig != SIGSTOP)
		suffer(sig);
	else if (has_terminal)
		suffer(SIGTSTP);
	if (has_terminal && tcgetpgrp(terminal) == us)
		tcsetpgrp(terminal, group);
	if (terminal >= 0)
		close(terminal);
}

/*
 * COMMAND is looked at before a signal is passed on: the SIGCONT of a shell has
 * mostly reached it, and once more would undo a stop key pressed since.
 */
static int wait_for(pid_t command, const sigset_t *early)
{
	const int changes = WNOHANG | WUNTRACED | WCONTINUED;
	bool continued = false;
	sigset_t all;
	int status;

	sigfillset(&all);
	for (;;) {
		siginfo_t info;

		if (sigwaitinfo(&all, &info) < 0)
			continue;
		while (waitpid(command, &status, changes) > 0) {
			if (WIFEXITED(status) || WIFSIGNALED(status))
				return status;
			continued = WIFCONTINUED(status);
			if (WIFSTOPPED(status))
				stop_with(command, WSTOPSIG(status));
		}
		if (info.si_signo == SIGCHLD ||
		    (info.si_signo == SIGCONT && continued))
			continue;
		pass_on(&info, command, early);
	}
}

/*
 * vfork(2), as posix_spawn(3) does inside, because to copy the page tables costs
 * more than all the locking; and posix_spawn cannot ignore a signal in COMMAND.
 * The child shares our memory: it leaves word of a failure and nothing else.
 */
int run(char *const command[], const struct signals *was, int *wait_status)
{
	volatile int error = 0;
	sigset_t early;
	pid_t pid;

	sigpending(&early);
	pid = vfork();
	if (pid == 0) {
		give_signals_back(was);
		error = become(command);
		_exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN);
	}
	if (pid < 0)
		error = errno;
	else
		*wait_status = wait_for(pid, &early);
	/* Signals stay blocked: the lock is released first, whatever comes. */
	return error;
}

int end_alike(int wait_status)
{
	struct rlimit core;
	int sig;

	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	sig = WTERMSIG(wait_status);
	/* One core is enough.  1, not 0: that stops a core to a pipe too. */
	if (getrlimit(RLIMIT_CORE, &core) == 0) {
		core.rlim_cur = core.rlim_max < 1 ? 0 : 1;
		setrlimit(RLIMIT_CORE, &core);
	}
	return end_by(sig);
}

int end_by(int sig)
{
	suffer(sig);
	/* Not by this signal, then: PID 1 of a container is spared. */
	return 128 + sig;
}
