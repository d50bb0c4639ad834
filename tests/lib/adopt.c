/* SPDX-License-Identifier: 0BSD */
/* lf_adopt(): a lock passes from a parent to its child. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* What the processes of a test share. */
struct scene {
	struct gate adopted, parent_may_go, parent_gone;
	struct gate child_may_go, child_gone;
	unsigned flags;
	pid_t parent, child;
};

/* PARENT is the body of the parent, if it is not the test itself. */
static struct scene *scene_new(int (*parent)(void *), unsigned flags)
{
	struct scene *scene;

	needs_locks_of_descriptions();
	scene = shared_new(sizeof(*scene));
	*scene = (struct scene){
		.adopted = gate_new(),
		.parent_may_go = gate_new(),
		.parent_gone = gate_new(),
		.child_may_go = gate_new(),
		.child_gone = gate_new(),
		.flags = flags,
	};
	if (parent)
		scene->parent = child_start(parent, scene);
	return scene;
}

/* The child releases the lock, and ends; frees. */
static void scene_end(struct scene *scene)
{
	gate_open(scene->child_may_go);
	gate_pass(scene->child_gone);
	gate_free(scene->adopted);
	gate_free(scene->parent_may_go);
	gate_free(scene->parent_gone);
	gate_free(scene->child_may_go);
	gate_free(scene->child_gone);
	shared_free(scene, sizeof(*scene));
}

/* Whether the lock shows this PID, in the end. */
static bool is_named(pid_t pid)
{
	pid_t holder;

	for (int look = 0; look_again(&look);)
		if (lf_check(lock_path, &holder) == 1 && holder == pid)
			return true;
	return false;
}

static void content(char text[32])
{
	FILE *file = fopen(lock_path, "re");

	memset(text, 0, 32);
	if (file) {
		(void)!fread(text, 1, 31, file);
		fclose(file);
	}
}

/* An orphan does not hang for ever either. */
static void outlive_parent(void)
{
	prctl(PR_SET_PDEATHSIG, 0);
	alarm(60);
}

/* The child adopts, waits, releases.  It opens a gate last: it is an orphan. */
static int serve(struct scene *scene, struct lf_lock *lock)
{
	outlive_parent();
	scene->child = getpid();
	demand(lf_adopt(lock) == 0);
	gate_open(scene->adopted);
	gate_pass(scene->child_may_go);
	demand(lf_release(&lock) == 0);
	gate_open(scene->child_gone);
	return 0;
}

static int acquire_and_fork(void *argument)
{
	struct scene *scene = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, scene->flags) == 0);
	if (fork() == 0)
		_exit(serve(scene, lock));
	gate_pass(scene->parent_may_go);
	return 0;
}

TEST(the_child_is_the_holder_once_the_parent_has_ended)
{
	struct scene *scene = scene_new(acquire_and_fork, LF_PID);
	char text[32], expected[32];

	gate_pass(scene->adopted);
	/* The parent keeps the tag as long as it lives; the PID is new. */
	assert_true(is_named(scene->parent));
	content(text);
	snprintf(expected, sizeof(expected), "%ld\n", (long)scene->child);
	assert_string_equal(text, expected);

	gate_open(scene->parent_may_go);
	assert_finish(scene->parent);
	assert_true(is_named(scene->child));
	assert_held(lock_path);
	scene_end(scene);
	assert_false(exists(lock_path));
}

static int acquire_fork_and_release(void *argument)
{
	struct scene *scene = argument;
	struct lf_lock *lock;
	int descriptors;

	demand(lf_acquire(&lock, lock_path, 0, 0) == 0);
	descriptors = open_descriptors();
	if (fork() == 0)
		_exit(serve(scene, lock));
	gate_pass(scene->adopted);
	demand(lf_release(&lock) == 0);
	demand(!lock);
	demand(open_descriptors() == descriptors - 2); /* file, directory */
	gate_open(scene->parent_gone);
	/* The parent is a contender like any other now. */
	gate_pass(scene->parent_may_go);
	demand(lf_acquire(&lock, lock_path, 0, 0) == -EAGAIN);
	demand(lf_acquire(&lock, lock_path, LF_FOREVER, 0) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_parent_that_lives_on_releases_and_competes)
{
	struct scene *scene = scene_new(acquire_fork_and_release, 0);
	pid_t parent = scene->parent;

	gate_pass(scene->parent_gone);
	assert_true(is_named(scene->child));
	assert_true(exists(lock_path));
	gate_open(scene->parent_may_go);
	assert_true(waiters_reach(lock_path, 1));
	scene_end(scene);
	assert_finish(parent);
	assert_false(exists(lock_path));
}

static int acquire_and_fork_twice(void *argument)
{
	struct scene *scene = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, 0) == 0);
	if (fork() == 0) {
		setsid();
		if (fork() == 0)
			_exit(serve(scene, lock));
		_exit(0);
	}
	gate_pass(scene->parent_may_go);
	return 0;
}

TEST(a_grandchild_can_adopt)
{
	struct scene *scene = scene_new(acquire_and_fork_twice, 0);

	gate_pass(scene->adopted);
	gate_open(scene->parent_may_go);
	assert_finish(scene->parent);
	assert_true(is_named(scene->child));
	scene_end(scene);
	assert_false(exists(lock_path));
}

/* Each of three processes has the lock in turn. */
static int adopt_and_pass_on(void *argument)
{
	struct scene *scene = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, 0) == 0);
	if (fork() == 0) {
		outlive_parent();
		if (lf_adopt(lock) < 0)
			_exit(1);
		if (fork() == 0)
			_exit(serve(scene, lock));
		gate_pass(scene->adopted);
		gate_open(scene->parent_gone);
		_exit(lf_release(&lock));
	}
	gate_pass(scene->parent_gone);
	demand(lf_release(&lock) == 0);
	demand(exists(lock_path));
	return 0;
}

TEST(a_child_that_adopted_can_pass_the_lock_on)
{
	struct scene *scene;

	needs_threads_after_a_fork_beside_threads();
	scene = scene_new(adopt_and_pass_on, 0);
	assert_finish(scene->parent);
	assert_true(is_named(scene->child));
	scene_end(scene);
	assert_false(exists(lock_path));
}

static int become_daemon(void *argument)
{
	struct scene *scene = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, LF_PID) == 0);
	demand(daemon(1, 1) == 0);
	return serve(scene, lock);
}

TEST(a_daemon_adopts_after_daemon_3)
{
	struct scene *scene = scene_new(become_daemon, 0);

	assert_finish(scene->parent);
	gate_pass(scene->adopted);
	assert_true(is_named(scene->child));
	scene_end(scene);
	assert_false(exists(lock_path));
}

struct served {
	struct scene *scene;
	struct lf_lock *lock;
};

static int serve_parent(void *argument)
{
	struct served *served = argument;

	return serve(served->scene, served->lock);
}

/* Half of the waiters come before the parent ends. */
static void check_queue(unsigned flags)
{
	struct scene *scene = scene_new(acquire_and_fork, flags);
	struct queue *queue = queue_new();

	gate_pass(scene->adopted);
	/* The child is the first to wait, for the tag. */
	assert_true(waiters_reach(lock_path, 1));
	queue->other_waiters = 1;
	for (int i = 0; i < 4; i++)
		queue_join(queue, LF_FOREVER, flags);
	gate_open(scene->parent_may_go);
	assert_finish(scene->parent);
	assert_true(is_named(scene->child));
	queue->other_waiters = 0;
	for (int i = 4; i < 8; i++)
		queue_join(queue, LF_FOREVER, flags);
	scene_end(scene);
	queue_end(queue);
	queue_free(queue);
}

TEST(the_queue_stays_in_order)
{
	check_queue(in_order());
	assert_int_equal(exists(lock_path), in_order() == LF_KEEP);
	check_queue(LF_KEEP);
	assert_true(exists(lock_path));
}

/* Woken when the parent ends, each waits on for the child. */
TEST(waiters_from_before_the_adoption_wait_on)
{
	struct scene *scene = scene_new(NULL, 0);
	struct queue *queue = queue_new();
	struct lf_lock *lock;
	pid_t child;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	for (int i = 0; i < 4; i++)
		queue_join(queue, LF_FOREVER, 0);
	child = child_start(serve_parent, &(struct served){ scene, lock });
	gate_pass(scene->adopted);
	assert_int_equal(lf_release(&lock), 0);
	assert_true(is_named(scene->child));
	assert_int_equal(atomic_load(&queue->served), 0);
	scene_end(scene);
	assert_finish(child);
	assert_all_finish(queue->pid, queue->count);
	assert_int_equal(atomic_load(&queue->served), 4);
	assert_false(exists(lock_path));
	queue_free(queue);
}

struct late {
	struct gate gate;
	struct lf_lock *lock;
};

static int adopt_too_late(void *argument)
{
	struct late *late = argument;

	gate_pass(late->gate);
	return -lf_adopt(late->lock);
}

TEST(a_lock_that_the_parent_released_is_ESTALE_or_EAGAIN)
{
	static const int expected[] = { ESTALE, EAGAIN };
	struct late late = { .gate = gate_new() };
	struct lf_lock *other;
	pid_t child;

	needs_locks_of_descriptions();
	for (unsigned flags = 0; flags <= LF_KEEP; flags++) {
		assert_int_equal(lf_acquire(&late.lock, lock_path, 0, flags),
				 0);
		child = child_start(adopt_too_late, &late);
		assert_int_equal(lf_release(&late.lock), 0);
		assert_int_equal(lf_acquire(&other, lock_path, 0, flags), 0);
		gate_open(late.gate);
		assert_int_equal(child_finish(child), expected[flags]);
		assert_int_equal(lf_verify(other), 0);
		assert_held(lock_path);
		assert_int_equal(lf_release(&other), 0);
	}
	gate_free(late.gate);
}

static int acquire_and_adopt_too_late(void *argument)
{
	struct late *late = argument;
	struct lf_lock *own;

	gate_pass(late->gate);
	demand(lf_acquire(&own, lock_path, 0, LF_KEEP) == 0);
	demand(lf_adopt(late->lock) == -EAGAIN);
	demand(lock_error(lock_path) == EAGAIN);
	demand(lf_release(&own) == 0);
	return 0;
}

/* Where a lock belongs to the process, the kernel would grant it this one too. */
TEST(a_process_that_holds_the_file_does_not_adopt_another_lock_on_it)
{
	struct late late = { .gate = gate_new() };
	pid_t child;

	assert_int_equal(lf_acquire(&late.lock, lock_path, 0, LF_KEEP), 0);
	child = child_start(acquire_and_adopt_too_late, &late);
	assert_int_equal(lf_release(&late.lock), 0);
	gate_open(late.gate);
	assert_finish(child);
	gate_free(late.gate);
}

TEST(a_handle_without_a_lock_is_EBADF)
{
	struct lf_lock *lock;

	assert_int_equal(lf_adopt(NULL), -EBADF);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_int_equal(lf_adopt(lock), -EBADF);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(adopting_its_own_lock_changes_nothing)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	assert_int_equal(lf_adopt(lock), 0);
	assert_int_equal(lf_adopt(lock), 0);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

/* The parent keeps the tag, for which a thread of the child waits. */
static int adopt_and_release(void *argument)
{
	struct lf_lock *lock = argument;

	demand(lf_adopt(lock) == 0);
	demand(lf_adopt(lock) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_child_can_release_before_the_parent_ends)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	for (int round = 0; round < 100; round++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		assert_child(adopt_and_release, lock);
		assert_false(exists(lock_path));
		assert_int_equal(lf_release(&lock), 0);
	}
}

struct heir {
	struct lf_lock *lock;
	struct gate adopted, may_release, released, may_go;
};

static struct heir heir_new(struct lf_lock *lock)
{
	return (struct heir){ lock, gate_new(), gate_new(), gate_new(),
			      gate_new() };
}

static void heir_free(struct heir *heir)
{
	gate_free(heir->adopted);
	gate_free(heir->may_release);
	gate_free(heir->released);
	gate_free(heir->may_go);
}

static int adopt_release_and_stay(void *argument)
{
	struct heir *heir = argument;

	demand(lf_adopt(heir->lock) == 0);
	gate_open(heir->adopted);
	gate_pass(heir->may_release);
	demand(lf_release(&heir->lock) == 0);
	gate_open(heir->released);
	gate_pass(heir->may_go);
	return 0;
}

/* The parent has the tag, and the child waits for it as long as it holds the lock. */
TEST(a_child_that_releases_waits_no_more)
{
	struct heir heir = heir_new(NULL);
	pid_t pid;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	assert_int_equal(lf_acquire(&heir.lock, lock_path, 0, LF_KEEP), 0);
	pid = child_start(adopt_release_and_stay, &heir);
	gate_pass(heir.adopted);
	assert_true(waiters_reach(lock_path, 1));
	gate_open(heir.may_release);
	gate_pass(heir.released);
	for (int i = 0; i < 10; i++)
		assert_int_equal(waiters(lock_path), 0);
	gate_open(heir.may_go);
	assert_finish(pid);
	assert_int_equal(lf_release(&heir.lock), 0);
	assert_free(lock_path);
	heir_free(&heir);
}

/* The thread of a process in between waits for the tag, which the first one has. */
static int adopt_and_hand_down(void *argument)
{
	size_t threads = entries("/proc/self/task");
	struct heir *heir = argument;
	pid_t child;

	demand(lf_adopt(heir->lock) == 0);
	demand(entries("/proc/self/task") == threads + 1);
	child = child_start(adopt_release_and_stay, heir);
	gate_pass(heir->adopted);
	demand(lf_release(&heir->lock) == 0);
	/* The kernel shows one for a moment longer than it can be joined. */
	for (int look = 0; entries("/proc/self/task") != threads;)
		demand(look_again(&look));
	gate_open(heir->may_release);
	gate_pass(heir->released);
	gate_open(heir->may_go);
	demand(child_finish(child) == 0);
	return 0;
}

TEST(a_process_that_handed_the_lock_down_waits_no_more)
{
	struct heir heir = heir_new(NULL);

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	needs_threads_after_a_fork_beside_threads();
	assert_int_equal(lf_acquire(&heir.lock, lock_path, 0, 0), 0);
	assert_child(adopt_and_hand_down, &heir);
	assert_false(exists(lock_path));
	assert_int_equal(lf_release(&heir.lock), 0);
	heir_free(&heir);
}

static int adopt_write_and_release(void *argument)
{
	struct lf_lock *lock = argument;

	demand(lf_adopt(lock) == 0);
	write_to(lock_path, "data\n");
	demand(lf_release(&lock) == 1);
	return 0;
}

/* Neither the tag nor a presence would keep the parent from removing the file. */
TEST(a_parent_leaves_what_another_acquired_after_the_child)
{
	struct lf_lock *lock;
	pid_t holder;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_child(adopt_write_and_release, lock);
	close(open(lock_path, O_RDONLY)); /* drops our tag */
	holder = holder_new(take_without_tag, NULL);
	assert_int_equal(truncate(lock_path, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_true(exists(lock_path));
	assert_held(lock_path);
	assert_kill(holder);
}

static int adopt_and_die(void *argument)
{
	demand(lf_adopt(argument) == 0);
	raise(SIGKILL);
	return 0;
}

static void release_after(int (*child)(void *lock), unsigned flags)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, flags), 0);
	assert_int_equal(child_run(child, lock), -SIGKILL);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(exists(lock_path), (flags & LF_KEEP) != 0);
}

TEST(a_parent_releases_the_lock_of_a_dead_child)
{
	release_after(adopt_and_die, 0);
}

TEST(the_PID_of_a_dead_child_does_not_stay_in_the_file)
{
	release_after(adopt_and_die, LF_PID);
	release_after(adopt_and_die, LF_PID | LF_KEEP);
	assert_content(lock_path, "");
}

static int adopt_for_the_group_and_die(void *argument)
{
	demand(lf_adopt(argument) == 0);
	demand(fcntl(lf_fileno(argument), F_SETOWN, -getpgrp()) == 0);
	raise(SIGKILL);
	return 0;
}

/* The owner is a group of processes, and none of them has adopted the lock. */
TEST(a_group_of_processes_adopts_nothing)
{
	release_after(adopt_for_the_group_and_die, 0);
}

/* A child that may not start a thread. */
static int adopt_without_thread(void *argument)
{
	static const struct rlimit none = { 0, 0 };
	struct lf_lock *lock = argument;

	demand(become_ordinary());
	demand(setrlimit(RLIMIT_NPROC, &none) == 0);
	demand(lf_adopt(lock) == 0);
	demand(lf_release(&lock) >= 0);
	return 0;
}

TEST(a_child_without_threads_can_adopt)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_child(adopt_without_thread, lock);
	assert_int_equal(lf_release(&lock), 0);
	assert_free(lock_path);
}

static struct lf_lock *acquire_for_the_process(void)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	if (lf_backend(lock) == LF_BACKEND_OFD) {
		lf_release(&lock);
		skip_because("needs locks of the process");
	}
	return lock;
}

static int adopt_from_living_parent(void *argument)
{
	struct lf_lock *lock = argument;

	return -lf_adopt(lock);
}

TEST(a_lock_of_the_process_stays_with_the_parent)
{
	struct lf_lock *lock = acquire_for_the_process();

	assert_int_equal(child_run(adopt_from_living_parent, lock), EAGAIN);
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

/* Any close of the file drops it.  Nobody but the child has removed the file. */
TEST(a_lock_that_the_process_lost_is_released_by_the_child_that_adopted)
{
	struct lf_lock *lock = acquire_for_the_process();

	close(open(lock_path, O_RDONLY | O_CLOEXEC));
	assert_child(adopt_and_release, lock);
	assert_false(exists(lock_path));
	assert_int_equal(lf_release(&lock), 0);
}

static struct lf_lock *start_waiting(int waiters)
{
	struct lf_lock *lock;

	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_true(waiters_reach(lock_path, waiters));
	return lock;
}

/* Of two waiters of this process, the second waits for the tag. */
static void start_two_waiters(struct lf_lock **lock, struct lf_lock **next)
{
	struct actor *holder = actor_holder(0);
	struct lf_lock *first = start_waiting(1);

	*lock = start_waiting(2);
	assert_int_equal(lf_release(&first), 0);
	*next = start_waiting(2);
	actor_release(holder);
}

/* The kernel wakes both, and either may be the first. */
static void hold_before_a_waiter(struct lf_lock **lock, struct lf_lock **next)
{
	for (int look = 0;;) {
		struct pollfd over[2] = { { .events = POLLIN }, { .events = POLLIN } };

		start_two_waiters(lock, next);
		over[0].fd = lf_pending_fd(*lock);
		over[1].fd = lf_pending_fd(*next);
		assert_int_equal(poll(over, 2, LONG_MS), 1);
		if (over[0].revents)
			break;
		assert_int_equal(lf_finish(next), 0);
		assert_int_equal(lf_release(next), 0);
		assert_int_equal(lf_finish(lock), 0);
		assert_int_equal(lf_release(lock), 0);
		assert_true(look_again(&look));
	}
	assert_int_equal(lf_finish(lock), 0);
}

/* The parent releases the lock of a child, which is killed then; and MORE. */
static void outlive_heir(struct lf_lock *lock, struct lf_lock *more)
{
	struct heir heir = heir_new(lock);
	pid_t child = child_start(adopt_release_and_stay, &heir);

	gate_pass(heir.adopted);
	assert_int_equal(lf_release(&lock), 0);
	assert_kill(child);
	if (more)
		assert_int_equal(lf_release(&more), 0);
	heir_free(&heir);
}

static void gets_it_in_the_end(struct lf_lock *next)
{
	struct pollfd over = { lf_pending_fd(next), POLLIN, 0 };

	assert_int_equal(poll(&over, 1, 10000), 1);
	assert_int_equal(lf_finish(&next), 0);
	assert_int_equal(lf_release(&next), 0);
	assert_false(exists(lock_path));
}

/* No descriptor of the parent keeps it, though another of its threads waits. */
TEST(a_child_that_dies_leaves_the_lock_to_a_thread_of_its_parent)
{
	struct lf_lock *lock, *next;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	needs_threads_after_a_fork_beside_threads();
	hold_before_a_waiter(&lock, &next);
	outlive_heir(lock, NULL);
	gets_it_in_the_end(next);
}

TEST(a_child_that_dies_leaves_a_shared_lock_to_a_thread_of_its_parent)
{
	struct actor *other;
	struct lf_lock *lock, *more, *next;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	needs_threads_after_a_fork_beside_threads();
	other = actor_holder(LF_SHARED);
	next = start_waiting(1);
	assert_int_equal(lf_acquire(&lock, lock_path, LF_FOREVER, LF_SHARED),
			 0);
	assert_int_equal(lf_acquire(&more, lock_path, LF_FOREVER, LF_SHARED),
			 0);
	outlive_heir(lock, more);
	actor_release(other);
	gets_it_in_the_end(next);
}

static int adopt_without_a_wait(void *lock)
{
	size_t threads = entries("/proc/self/task");

	demand(lf_adopt(lock) == 0);
	demand(entries("/proc/self/task") == threads);
	return 0;
}

/* The place in the queue is as good, and to wait for the tag would be endless. */
TEST(an_adopter_of_a_lock_with_a_place_waits_for_no_tag)
{
	struct lf_lock *first, *second;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	assert_int_equal(lf_acquire(&first, lock_path, 0, LF_KEEP), 0);
	assert_int_equal(lf_start(&second, lock_path, LF_KEEP), 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_release(&first), 0);
	assert_int_equal(lf_finish(&second), 0);
	assert_child(adopt_without_a_wait, second);
	assert_int_equal(lf_release(&second), 0);
}
