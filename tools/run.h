/* Running COMMAND under the lock. */
#ifndef RUN_H
#define RUN_H

/*
 * Runs COMMAND with the descriptor LOCK_FD open in it, passes signals on, and
 * stores how it ended, as waitpid(2) tells.  Returns 0 or why it could not be
 * started, a positive errno value.
 */
int run(char *const command[], int lock_fd, int *wait_status);

/* Becomes COMMAND; returns only on failure, why. */
int become(char *const command[], int lock_fd);

/* Ends this process as COMMAND ended: by the same signal, or this status. */
int end_alike(int wait_status);

#endif
