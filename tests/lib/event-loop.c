/* SPDX-License-Identifier: 0BSD */
/* A hundred pending locks in the event loop of another project, libuv. */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <uv.h>

#define LOCKS 100
/* Turns of the loop between the release of one lock and of the next. */
#define TURNS 20

struct competitor {
	struct gate holds, next;
};

/* Neither the order of the waits nor its reverse; 37 and LOCKS are coprime. */
static int nth_released(int n)
{
	return (n * 37 + 11) % LOCKS;
}

static int hold_all(void *argument)
{
	struct competitor *competitor = argument;
	struct lf_lock *lock[LOCKS];

	for (int i = 0; i < LOCKS; i++)
		demand(lf_acquire(&lock[i], numbered(i), 0, 0) == 0);
	gate_open(competitor->holds);
	for (int n = 0; n < LOCKS; n++) {
		gate_pass(competitor->next);
		demand(lf_release(&lock[nth_released(n)]) == 0);
	}
	return 0;
}

struct wait {
	uv_poll_t poll;
	struct lf_lock *lock;
};

static struct {
	struct competitor competitor;
	struct wait wait[LOCKS];
	uv_idle_t idle;
	int turns; /* of the loop, since a lock was acquired */
	int released, acquired;
} state;

/*
 * Runs once in each turn.  The next lock is released only here: if a wait
 * blocked the loop, none would be.
 */
static void on_turn(uv_idle_t *idle)
{
	(void)idle;
	if (++state.turns < TURNS || state.released > state.acquired)
		return;
	state.released++;
	gate_open(state.competitor.next);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct wait *wait = poll->data;

	assert_int_equal(status, 0);
	assert_int_equal(events, UV_READABLE);
	/* This lock was released, and no other. */
	assert_int_equal(state.released, state.acquired + 1);
	assert_int_equal(wait - state.wait, nth_released(state.acquired));
	assert_true(state.turns >= TURNS);
	assert_int_equal(uv_poll_stop(poll), 0);
	uv_close((uv_handle_t *)poll, NULL);
	assert_int_equal(lf_finish(&wait->lock), 0);
	assert_int_equal(lf_verify(wait->lock), 0);
	assert_int_equal(lf_release(&wait->lock), 0);
	state.turns = 0;
	if (++state.acquired == LOCKS)
		uv_close((uv_handle_t *)&state.idle, NULL);
}

static void begin_to_wait(uv_loop_t *loop, int i)
{
	struct wait *wait = &state.wait[i];

	assert_int_equal(lf_start(&wait->lock, numbered(i), 0), 0);
	wait->poll.data = wait;
	assert_int_equal(
		uv_poll_init(loop, &wait->poll, lf_pending_fd(wait->lock)), 0);
	assert_int_equal(uv_poll_start(&wait->poll, UV_READABLE, on_ready), 0);
	assert_true(waiters_reach(numbered(i), 1));
}

TEST(pending_locks_never_block_the_loop)
{
	uv_loop_t loop;
	int before;
	pid_t pid;

	state.competitor = (struct competitor){ gate_new(), gate_new() };
	pid = child_start(hold_all, &state.competitor);
	gate_pass(state.competitor.holds);
	assert_int_equal(uv_loop_init(&loop), 0);
	before = open_descriptors();
	for (int i = 0; i < LOCKS; i++)
		begin_to_wait(&loop, i);
	assert_int_equal(uv_idle_init(&loop, &state.idle), 0);
	assert_int_equal(uv_idle_start(&state.idle, on_turn), 0);
	assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(state.acquired, LOCKS);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_finish(pid);
	gate_free(state.competitor.holds);
	gate_free(state.competitor.next);
	for (int i = 0; i < LOCKS; i++)
		assert_false(exists(numbered(i)));
}
