#include "config.h"

#include "actor.h"

#include "harness.h"
#include "lockfile-fcntl.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct actor {
	int orders[2], answers[2]; /* pipes */
	pid_t pid;
	pthread_t thread;
};

struct order {
	enum act act;
	int timeout_ms;
	unsigned flags;
};

static int act(struct lf_lock **lock, const struct order *order)
{
	switch (order->act) {
	case ACQUIRE:
		return lf_acquire(lock, lock_path, order->timeout_ms,
				  order->flags);
	case START:
		return lf_start(lock, lock_path, order->flags);
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
		rc = act(&lock, &order);
		demand(write(actor->answers[1], &rc, sizeof(rc)) == sizeof(rc));
	}
}

static struct actor *actor_new(void)
{
	struct actor *actor = calloc(1, sizeof(*actor));

	if (!actor || pipe(actor->orders) < 0 || pipe(actor->answers) < 0)
		abort();
	return actor;
}

struct actor *actor_process(void)
{
	struct actor *actor = actor_new();

	actor->pid = start(play, actor);
	return actor;
}

static void *play_in_thread(void *actor)
{
	play(actor);
	return NULL;
}

struct actor *actor_thread(void)
{
	struct actor *actor = actor_new();

	if (pthread_create(&actor->thread, NULL, play_in_thread, actor) != 0)
		abort();
	return actor;
}

pid_t actor_pid(const struct actor *actor)
{
	return actor->pid;
}

void tell(struct actor *actor, enum act what, int timeout_ms, unsigned flags)
{
	struct order order = { what, timeout_ms, flags };

	if (write(actor->orders[1], &order, sizeof(order)) != sizeof(order))
		abort();
}

int answer(struct actor *actor)
{
	int rc;

	if (read(actor->answers[0], &rc, sizeof(rc)) != sizeof(rc))
		abort();
	return rc;
}

int ask(struct actor *actor, enum act what, int timeout_ms, unsigned flags)
{
	tell(actor, what, timeout_ms, flags);
	return answer(actor);
}

int actor_end(struct actor *actor)
{
	int status = 0;

	tell(actor, END, 0, 0);
	if (actor->pid)
		status = finish(actor->pid);
	else
		pthread_join(actor->thread, NULL);
	close(actor->orders[0]);
	close(actor->orders[1]);
	close(actor->answers[0]);
	close(actor->answers[1]);
	free(actor);
	return status;
}
