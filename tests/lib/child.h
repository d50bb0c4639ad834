/* SPDX-License-Identifier: 0BSD */
/* Child processes of a test, and what they share: gates and memory. */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include "harness.h"

/* For a child, where cmocka's assertions must not be used. */
#define demand(condition) \
	do { \
		if (!(condition)) { \
			print_message("# %s:%d: %s\n", __FILE__, __LINE__, \
				      #condition); \
			return 1; \
		} \
	} while (0)

/*
 * A child runs BODY and exits with its result.  child_finish() and child_run()
 * return its exit status, or minus the signal that ended it.
 */
pid_t child_start(int (*body)(void *), void *argument);
int child_finish(pid_t pid);
int child_run(int (*body)(void *), void *argument);

/* Kills a child; returns -SIGKILL if it lived until then. */
int child_kill(pid_t pid);

/* Sends SIGUSR1 until the child ends: a signal may come before it waits. */
int child_interrupt(pid_t pid);

/* Runs BODY in a child, with a copy of *ANSWER that it may change. */
int child_answer(int (*body)(void *), void *answer, size_t size);

#define assert_finish(pid) assert_int_equal(child_finish(pid), 0)
#define assert_kill(pid) assert_int_equal(child_kill(pid), -SIGKILL)
#define assert_child(body, argument) \
	assert_int_equal(child_run(body, argument), 0)
#define assert_all_finish(pids, count) \
	do { \
		for (int i_ = 0; i_ < (int)(count); i_++) \
			assert_finish((pids)[i_]); \
	} while (0)

/* The status of a child that finds out that its test cannot be made here. */
#define IMPOSSIBLE 77

#define assert_child_if_possible(body, argument, what) \
	do { \
		int status_ = child_run(body, argument); \
		needs(status_ != IMPOSSIBLE, what); \
		assert_int_equal(status_, 0); \
	} while (0)

/* Bodies: 0 if the path can be locked, or shared, else the error, positive. */
int try_lock(void *path);
int try_to_share(void *path);

#define lock_error(path) child_run(try_lock, (void *)(uintptr_t)(path))
#define assert_held(path) assert_int_equal(lock_error(path), EAGAIN)
#define assert_free(path) assert_int_equal(lock_error(path), 0)

/* In a child of root: becomes an ordinary user.  Whether it is one now. */
bool become_ordinary(void);
bool become_user(uid_t);

/* In a child: mounts of its own from here on, if the system allows it. */
bool own_mounts(void);

/* In a child: an empty handler, for one signal or for one every 300 us. */
void interrupt_on(int signal, int flags);
void interrupt_often(void);

/* One process opens a gate, another passes; each opening lets one pass. */
struct gate {
	int fd[2];
};

struct gate gate_new(void);
void gate_open(struct gate gate);
void gate_pass(struct gate gate);
void gate_free(struct gate gate);

/* Memory that children share, zeroed. */
void *shared_new(size_t size);
void shared_free(void *memory, size_t size);

#endif
