/* SPDX-License-Identifier: 0BSD */
/* Children without fork hooks, and numbers that other files have got. */
#ifndef TESTS_IDENTITY_H
#define TESTS_IDENTITY_H

#include "child.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A fork of which no hook of pthread_atfork(3) hears. */
static inline pid_t raw_fork(void)
{
	fflush(NULL);
#ifdef __s390__
	return (pid_t)syscall(SYS_clone, 0L, (long)SIGCHLD, 0L, 0L, 0L);
#else
	return (pid_t)syscall(SYS_clone, (long)SIGCHLD, 0L, 0L, 0L, 0L);
#endif
}

#define LOG "content of another file\n"
#define LOWEST 3
#define HIGHEST 63 /* all that a test has open is below */

static inline const char *log_path(void)
{
	return numbered(0);
}

/* Each number but KEPT is the log from here on. */
static inline int replace_all_descriptors_but(int kept)
{
	int fd, log;

	for (fd = LOWEST; fd <= HIGHEST; fd++)
		if (fd != kept)
			close(fd);
	log = open(log_path(), O_RDWR | O_APPEND);
	demand(log >= LOWEST);
	for (fd = LOWEST; fd <= HIGHEST; fd++)
		if (fd != kept && fd != log)
			demand(dup2(log, fd) == fd);
	return 0;
}

/* As a daemon does, whatever was open. */
static inline int replace_all_descriptors(void)
{
	return replace_all_descriptors_but(-1);
}

static inline int count_logs(void)
{
	struct stat log, st;
	int count = 0;

	if (stat(log_path(), &log) < 0)
		return -1;
	for (int fd = LOWEST; fd <= HIGHEST; fd++)
		count += fstat(fd, &st) == 0 && st.st_dev == log.st_dev &&
			 st.st_ino == log.st_ino;
	return count;
}

/* --- A wait whose descriptors have got other files */

struct loser {
	atomic_bool lost, free;
	const char *path;
	bool finishes;
	int logs;
};

static inline int lose_pending(void *argument)
{
	struct loser *loser = argument;
	struct lf_lock *lock;

	demand(lf_start(&lock, loser->path, 0) == 0);
	demand(waiters_reach(lock_path, 1));
	demand(replace_all_descriptors() == 0);
	atomic_store(&loser->lost, true);
	if (!loser->finishes) {
		demand(lf_release(&lock) == 0);
	} else {
		for (int look = 0; !loser->free && look_again(&look);)
			;
		demand(lf_finish(&lock) < 0);
	}
	demand(!lock);
	loser->logs = count_logs();
	return 0;
}

static inline int lose_while_waiting(const char *path, bool finishes)
{
	struct loser *loser = shared_new(sizeof(*loser));
	struct lf_lock *lock;
	pid_t child;
	int logs;

	loser->path = path;
	loser->finishes = finishes;
	write_to(log_path(), LOG);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	child = child_start(lose_pending, loser);
	for (int look = 0; !loser->lost && look_again(&look);)
		;
	if (finishes) {
		assert_int_equal(lf_release(&lock), 0);
		loser->free = true;
		assert_finish(child);
	} else {
		assert_finish(child);
		assert_int_equal(lf_verify(lock), 0);
		assert_int_equal(lf_release(&lock), 0);
	}
	assert_content(log_path(), LOG);
	assert_free(lock_path);
	logs = loser->logs;
	shared_free(loser, sizeof(*loser));
	return logs;
}

/* --- A descriptor that a child has too: see check_parked() */

struct parked {
	struct gate forked, may_go, parent_holds;
	unsigned flags;
	bool raw;
};

static inline int stay(void *argument)
{
	struct parked *parked = argument;

	gate_open(parked->forked);
	gate_pass(parked->may_go);
	return 0;
}

/*
 * The refused attempt leaves a parked descriptor, which the child gets too.  The
 * test ends the child, which must outlive its parent.
 */
static inline int hold_beside_a_parked_one(void *argument)
{
	struct parked *parked = argument;
	struct lf_lock *first, *refused, *second;

	demand(lf_acquire(&first, lock_path, 0, parked->flags) == 0);
	demand(lf_acquire(&refused, lock_path, 0, LF_KEEP) == -EAGAIN);
	if ((parked->raw ? raw_fork() : fork()) == 0) {
		alarm(60);
		_exit(stay(parked));
	}
	gate_pass(parked->forked);
	if (parked->flags & LF_SHARED) {
		demand(lf_acquire(&second, lock_path, 0, parked->flags) == 0);
		demand(lf_release(&first) == 0);
	} else {
		demand(lf_release(&first) == 0);
		demand(lf_acquire(&second, lock_path, 0, parked->flags) == 0);
	}
	gate_open(parked->parent_holds);
	for (;;)
		pause();
}

static inline void check_parked(unsigned flags, bool raw)
{
	struct parked parked = { gate_new(), gate_new(), gate_new(), flags,
				 raw };
	pid_t holder = child_start(hold_beside_a_parked_one, &parked);
	int error;

	gate_pass(parked.parent_holds);
	assert_held(lock_path);
	assert_kill(holder);
	error = lock_error(lock_path);
	gate_open(parked.may_go);
	assert_int_equal(error, 0);
	gate_free(parked.forked);
	gate_free(parked.may_go);
	gate_free(parked.parent_holds);
}

/* --- A child that may not enter the directory */

/* The next call overwrites it. */
static inline const char *absolute_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%.*s%s",
		 (int)(strrchr(lock_path, '/') + 1 - lock_path), lock_path,
		 name);
	return path;
}

/* In the directory "private". */
static inline int adopt_as_ordinary(void *lock)
{
	demand(become_ordinary());
	demand(!exists("private/lock"));
	demand(lf_adopt(lock) == 0);
	return 0;
}

#endif
