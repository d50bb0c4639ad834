/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "actor.h"

#include "lockfile-fcntl.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct actor {
	const char *path;
	int orders[2], answers[2]; /* pipes */
	pid_t pid;
	pthread_t thread;
};

struct order {
	enum act act;
	int timeout_ms;
	unsigned flags;
};

static int act(struct lf_lock **lock, const char *path,
	       const struct order *order)
{
	switch (order->act) {
	case ACQUIRE:
		return lf_acquire(lock, path, order->timeout_ms, order->flags);
	case START:
		return lf_start(lock, path, order->flags);
	case FINISH:
		return lf_finish(lock);
	case CONVERT:
		return lf_convert(*lock, order->timeout_ms, order->flags);
	default:
		return lf_release(lock);
	}
}

static int play(void *argument)
{
	struct actor *actor = argument;
	struct lf_lock *lock = NULL;
	struct order order;
	int rc;

	for (;;) {
		demand(read(actor->orders[0], &order, sizeof(order)) ==
		       sizeof(order));
		if (order.act == END)
			return 0;
		rc = act(&lock, actor->path, &order);
		demand(write(actor->answers[1], &rc, sizeof(rc)) == sizeof(rc));
	}
}

static struct actor *actor_new(const char *path)
{
	struct actor *actor = calloc(1, sizeof(*actor));

	if (!actor || pipe(actor->orders) < 0 || pipe(actor->answers) < 0)
		abort();
	actor->path = path;
	return actor;
}

struct actor *actor_process_on(const char *path)
{
	struct actor *actor = actor_new(path);

	actor->pid = child_start(play, actor);
	return actor;
}

struct actor *actor_process(void)
{
	return actor_process_on(lock_path);
}

static void *play_in_thread(void *actor)
{
	play(actor);
	return NULL;
}

struct actor *actor_thread(void)
{
	struct actor *actor = actor_new(lock_path);

	if (pthread_create(&actor->thread, NULL, play_in_thread, actor) != 0)
		abort();
	return actor;
}

pid_t actor_pid(const struct actor *actor)
{
	return actor->pid;
}

void actor_begin(struct actor *actor, enum act act, int timeout_ms,
		 unsigned flags)
{
	struct order order = { act, timeout_ms, flags };

	if (write(actor->orders[1], &order, sizeof(order)) != sizeof(order))
		abort();
}

int actor_result(struct actor *actor)
{
	int rc;

	if (read(actor->answers[0], &rc, sizeof(rc)) != sizeof(rc))
		abort();
	return rc;
}

int actor_do(struct actor *actor, enum act act, int timeout_ms, unsigned flags)
{
	actor_begin(actor, act, timeout_ms, flags);
	return actor_result(actor);
}

static void actor_free(struct actor *actor)
{
	close(actor->orders[0]);
	close(actor->orders[1]);
	close(actor->answers[0]);
	close(actor->answers[1]);
	free(actor);
}

void actor_end(struct actor *actor)
{
	actor_begin(actor, END, 0, 0);
	if (actor->pid)
		assert_finish(actor->pid);
	else
		pthread_join(actor->thread, NULL);
	actor_free(actor);
}

void actor_kill(struct actor *actor)
{
	assert_kill(actor->pid);
	actor_free(actor);
}

struct actor *actor_holder(unsigned flags)
{
	struct actor *actor = actor_process();

	actor_must(actor, ACQUIRE, LF_FOREVER, flags);
	return actor;
}

struct actor *actor_waiter(int timeout_ms, unsigned flags, int n)
{
	struct actor *actor = actor_process();

	actor_begin(actor, ACQUIRE, timeout_ms, flags);
	assert_true(waiters_reach(lock_path, n));
	return actor;
}

void actor_release(struct actor *actor)
{
	actor_must(actor, RELEASE, 0, 0);
	actor_end(actor);
}

void actors_new(struct actor **actors, int count, struct actor *(*make)(void))
{
	for (int i = 0; i < count; i++)
		actors[i] = make();
}

void actors_must(struct actor **actors, int count, enum act act, unsigned flags)
{
	for (int i = 0; i < count; i++)
		actor_must(actors[i], act, 0, flags);
}

void actors_end(struct actor **actors, int count)
{
	for (int i = 0; i < count; i++)
		actor_end(actors[i]);
}

/* --- Processes that queue */

struct queue *queue_new(void)
{
	return shared_new(sizeof(struct queue));
}

void queue_free(struct queue *queue)
{
	shared_free(queue, sizeof(*queue));
}

struct place {
	struct queue *queue;
	int number, timeout_ms;
	unsigned flags;
};

static int take_turn(void *argument)
{
	struct place *place = argument;
	struct queue *queue = place->queue;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, place->timeout_ms, place->flags) ==
	       0);
	queue->order[atomic_fetch_add(&queue->served, 1)] = place->number;
	demand(lf_release(&lock) == 0);
	return 0;
}

void queue_join(struct queue *queue, int timeout_ms, unsigned flags)
{
	struct place place = { queue, queue->count, timeout_ms, flags };

	assert_true(queue->count < QUEUE_MAX);
	queue->pid[queue->count++] = child_start(take_turn, &place);
	assert_true(
		waiters_reach(lock_path, queue->other_waiters + queue->count));
}

void queue_end(struct queue *queue)
{
	int out_of_order = 0;

	assert_all_finish(queue->pid, queue->count);
	assert_int_equal(atomic_load(&queue->served), queue->count);
	for (int i = 0; i < queue->count; i++)
		out_of_order += queue->order[i] != i;
	print_message("# %d waiters, %d out of order\n", queue->count,
		      out_of_order);
	assert_int_equal(out_of_order, 0);
	atomic_store(&queue->served, 0);
	queue->count = 0;
}
