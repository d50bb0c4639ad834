/* SPDX-License-Identifier: 0BSD */
/* What the files of lf-acquire share. */
#ifndef ACQUIRE_H
#define ACQUIRE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct lf_lock;

/* --- The command line (acquire-options.c) */

struct options {
	int timeout_ms; /* as for lf_acquire() */
	unsigned flags; /* likewise */
	bool quiet, verbose, exec, close, unlock, nested, one_waiter;
	bool caller_shares; /* what is to be locked exclusively, see nested.c */
	bool has_mode;
	mode_t mode;
	int conflict_status;
	const char *lockfile;
	const char **paths; /* LOCKFILE and the files of --also, if to be locked */
	size_t count;
	int slots; /* how many COMMANDs may run at a time, or 0 */
	int fd; /* instead of LOCKFILE and COMMAND, or -1 */
	char **command;
};

/* Does not return if the arguments ask for something other than a lock. */
void parse_acquire_options(int argc, char **argv, struct options *options);

/* --- A call under a lock that its caller runs under (nested.c) */

#define NESTED (-1)

/*
 * After a lock was refused: drops the paths whose locks COMMAND can use as they are.
 * Returns 1 if there were any, 0, or NESTED: waiting for *PATH would never end.
 */
int nested_skip(struct options *options, const char **path);

/*
 * Whether the lock on PATH seems to be the caller's; by now it may be that of this
 * process, or of its parent.
 */
bool nested_seems(const struct options *options, const char *path);

/* The message about NESTED; returns the status. */
int nested_refuse(const struct options *options, const char *path);

/* --- Messages and statuses for what went wrong (failure.c) */

/* The holder of the lock on PATH that FLAGS ask for, and MORE. */
void print_holder(const char *path, unsigned flags, const char *more);

/* The same, of one that waits for PATH. */
void print_wait(const struct options *options, const char *path);

/* ERROR is that of the library on PATH; each returns the status. */
int conflict(const struct options *options, const char *path, int error);
int failure(const struct options *options, const char *path, int error);

/* ERROR is a positive errno value. */
int cannot_run(const char *command, int error);
int unknown_end(const char *command, int error);

/* --- One of several locks (slots.c), and a lock for one waiter (one-waiter.c) */

/*
 * As lf_acquire_at() for one of the slots of LOCKFILE.  *PATH is the slot, or the file that is held or failed.
 */
int slots_acquire(struct lf_lock **lock, const struct options *options,
		  int timeout_ms, const char **path);

/* The number of the slot PATH, for COMMAND. */
void slots_announce(const char *path);

/*
 * The place of the only waiter, to be released once LOCKFILE is held.  -EAGAIN:
 * another waits.  After an error, but not -ETIMEDOUT, *PATH is the file that is held
 * or failed.
 */
int one_waiter_begin(struct lf_lock **place, const struct options *options,
		     int timeout_ms, const char **path);

/* --- A descriptor of the calling shell, which keeps the lock (descriptor.c) */

/* The path of the file, or "descriptor 9"; never freed. */
const char *descriptor_name(int fd);

/* Why the descriptor cannot be locked and the remedy, or NULL. */
const char *descriptor_advice(int fd, int error);

/* Leaves the lock to all processes that share the descriptor; the status. */
int descriptor_leave(struct lf_lock *lock, const char *name);

/* Unlocks the descriptor; the status. */
int descriptor_unlock(int fd, const char *name);

/* --- A call that may wait for the lock (waiting.c) */

/* In seconds, by the monotonic clock. */
double now(void);

/* Whether this process, or the one whose wait it serves, has the PID. */
bool is_this_wait(pid_t pid);

/*
 * Until waiting_end() this process ends with a message on PATH when LIMIT_MS are
 * over, unless they are 0: the call does not return while the file server does
 * not answer.
 *
 * In the queue for the lock, a signal that would end this process ends the call,
 * with -EINTR or when it is over, so that no file is left behind; and a terminal
 * shows the holder after a second.  IN_QUEUE_ASKING: a lock
 * of the own caller ends it too; a child finds that out, and has ended when
 * waiting_end() returns.
 *
 * False: only LIMIT_MS 0 and default signals are possible.
 */
enum wait_kind { IN_CALL, IN_QUEUE, IN_QUEUE_ASKING };

bool waiting_begin(const struct options *options, const char *path,
		   int limit_ms, enum wait_kind kind);

#define FOR_CALLER (-1)

/* Returns the signal, 0, or FOR_CALLER: the call was ended for that. */
int waiting_end(void);

/* --- COMMAND, and signals meanwhile (run.c) */

/* Mask and disposition as they were. */
struct signals {
	sigset_t mask;
	struct sigaction child;
};

/*
 * From here on signals do not end this process, so that the lock lasts as long
 * as COMMAND and no lock file is left behind; run() passes on those that came.
 */
void take_signals(struct signals *was);

/*
 * Around a message, so that the SIGPIPE of a pipe without a reader does not end
 * this process.
 */
void sigpipe_block(sigset_t *mask);
void sigpipe_unblock(const sigset_t *mask);

/*
 * After COMMAND has ended and the lock was released: a message to a full pipe
 * may block, and a signal ends this process again.
 */
void let_signals_end_messages(const struct signals *was);

/*
 * After take_signals(): runs COMMAND, passes signals on, and stores how COMMAND
 * ended, as waitpid(2) does.  Returns 0, a positive errno value if COMMAND could not
 * be started, or a negative one if it is unknown how COMMAND ended.
 */
int run(char *const command[], const struct signals *was, int *wait_status);

/* Becomes COMMAND; returns on failure only, a positive errno value. */
int become(char *const command[]);

/* Ends this process as COMMAND ended: by the same signal, or this status. */
int end_alike(int wait_status);

/* "SIGTERM", or "a signal" if it is a rare one. */
const char *signal_name(int sig);

/* Ends this process by the signal; returns a status if the signal fails to. */
int end_by(int sig);

#endif
