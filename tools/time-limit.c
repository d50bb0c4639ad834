/* SPDX-License-Identifier: 0BSD */
/*
 * A limit for questions to a file server.  While it does not answer, no handler runs:
 * only a signal that has its default effect ends the process.
 */
#include "config.h"

#include "check.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

#define SECONDS_TO_ANSWER 30

static bool is_limited; /* by an alarm that was set before exec(2) */

void keep_limit_of_caller(void)
{
	struct itimerval left = { 0 };
	struct sigaction found;
	sigset_t mask;

	getitimer(ITIMER_REAL, &left);
	sigaction(SIGALRM, NULL, &found);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	is_limited = (left.it_value.tv_sec > 0 || left.it_value.tv_usec > 0) &&
		     found.sa_handler == SIG_DFL &&
		     !sigismember(&mask, SIGALRM);
}

void limit_time(void)
{
	sigset_t set;

	if (is_limited)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	alarm(SECONDS_TO_ANSWER);
}

void end_limit(void)
{
	if (!is_limited)
		alarm(0);
}
