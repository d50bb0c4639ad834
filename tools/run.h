/* Running COMMAND under the lock. */
#ifndef RUN_H
#define RUN_H

#include <signal.h>

/* Mask and disposition as they were. */
struct signals {
	sigset_t mask;
	struct sigaction child;
};

/*
 * From here on signals do not end this process, so that no lock file is left
 * behind; run() passes on what has come.
 */
void take_signals(struct signals *was);
void give_signals_back(const struct signals *was);

/*
 * Around a wait for the lock: signals have their effect again, but one that
 * ends this process only interrupts the wait, with -EINTR or when it is over.
 * The second returns which one, or 0.
 */
void let_signals_interrupt(const struct signals *was);
int take_signals_again(struct signals *was);

/*
 * After take_signals(): runs COMMAND, passes signals on, and stores how it ended,
 * as waitpid(2) tells.  Returns 0 or why it could not be started, a positive
 * errno value.
 */
int run(char *const command[], const struct signals *was, int *wait_status);

/* Becomes COMMAND; returns only on failure, why. */
int become(char *const command[]);

/* Ends this process as COMMAND ended: by the same signal, or this status. */
int end_alike(int wait_status);

/* Ends this process by this signal; returns a status if that is not to be. */
int end_by(int sig);

#endif
