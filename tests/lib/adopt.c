/* SPDX-License-Identifier: 0BSD */
/* lf_adopt(): a lock passes from a parent to its child. */
#include "config.h"

#include "harness.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the processes of a test share. */
struct scene {
	struct gate adopted, parent_may_go, parent_gone;
	struct gate child_may_go, child_gone;
	unsigned flags;
	pid_t child;
	int order[16], ended;
};

static struct scene *scene_new(unsigned flags)
{
	struct scene *scene = shared_new(sizeof(*scene));

	*scene = (struct scene){
		.adopted = gate_new(),
		.parent_may_go = gate_new(),
		.parent_gone = gate_new(),
		.child_may_go = gate_new(),
		.child_gone = gate_new(),
		.flags = flags,
	};
	return scene;
}

static void scene_free(struct scene *scene)
{
	gate_free(scene->adopted);
	gate_free(scene->parent_may_go);
	gate_free(scene->parent_gone);
	gate_free(scene->child_may_go);
	gate_free(scene->child_gone);
	shared_free(scene, sizeof(*scene));
}

/* Looks until the lock shows this PID, half a minute at the most. */
static bool is_named(pid_t pid)
{
	static const struct timespec breath = { 0, 1000000 };
	pid_t holder;

	for (int look = 0; look < 30000; look++) {
		if (lf_check(lock_path, &holder) == 1 && holder == pid)
			return true;
		nanosleep(&breath, NULL);
	}
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

/* Ends in time all the same. */
static void outlive_parent(void)
{
	prctl(PR_SET_PDEATHSIG, 0);
	alarm(60);
}

/* The child: adopts, waits, releases; orphaned, so it says when it is gone. */
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

TEST(the_child_is_the_holder_when_the_parent_has_gone)
{
	struct scene *scene = scene_new(LF_PID);
	pid_t parent = child_start(acquire_and_fork, scene);
	char text[32], expected[32];

	needs_locks_of_descriptions();
	gate_pass(scene->adopted);
	/* The parent has the tag as long as it lives; the stamp is new. */
	assert_true(is_named(parent));
	content(text);
	snprintf(expected, sizeof(expected), "%ld\n", (long)scene->child);
	assert_string_equal(text, expected);

	gate_open(scene->parent_may_go);
	assert_finish(parent);
	assert_true(is_named(scene->child));
	assert_held(lock_path);
	gate_open(scene->child_may_go);
	gate_pass(scene->child_gone);
	assert_false(exists(lock_path));
	scene_free(scene);
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
	/* It lives on, and is a contender like any other. */
	gate_pass(scene->parent_may_go);
	demand(lf_acquire(&lock, lock_path, 0, 0) == -EAGAIN);
	demand(lf_acquire(&lock, lock_path, LF_FOREVER, 0) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_parent_that_lives_on_releases_and_is_forgotten)
{
	struct scene *scene = scene_new(0);
	pid_t parent = child_start(acquire_fork_and_release, scene);

	needs_locks_of_descriptions();
	gate_pass(scene->parent_gone);
	assert_true(is_named(scene->child));
	assert_true(exists(lock_path));
	gate_open(scene->parent_may_go);
	assert_true(waiters_reach(lock_path, 1));
	gate_open(scene->child_may_go);
	gate_pass(scene->child_gone);
	assert_finish(parent);
	assert_false(exists(lock_path));
	scene_free(scene);
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

TEST(a_grandchild_may_adopt)
{
	struct scene *scene = scene_new(0);
	pid_t parent = child_start(acquire_and_fork_twice, scene);

	needs_locks_of_descriptions();
	gate_pass(scene->adopted);
	gate_open(scene->parent_may_go);
	assert_finish(parent);
	assert_true(is_named(scene->child));
	gate_open(scene->child_may_go);
	gate_pass(scene->child_gone);
	assert_false(exists(lock_path));
	scene_free(scene);
}

/* Each of the three has the lock in turn, and passes it on. */
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

TEST(a_child_that_adopted_may_pass_it_on)
{
	struct scene *scene;
	pid_t parent;

	needs_locks_of_descriptions();
	needs_threads_after_a_fork_beside_threads();
	scene = scene_new(0);
	parent = child_start(adopt_and_pass_on, scene);
	assert_finish(parent);
	assert_true(is_named(scene->child));
	gate_open(scene->child_may_go);
	gate_pass(scene->child_gone);
	assert_false(exists(lock_path));
	scene_free(scene);
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
	struct scene *scene = scene_new(0);
	pid_t parent = child_start(become_daemon, scene);

	needs_locks_of_descriptions();
	assert_finish(parent);
	gate_pass(scene->adopted);
	assert_true(is_named(scene->child));
	gate_open(scene->child_may_go);
	gate_pass(scene->child_gone);
	assert_false(exists(lock_path));
	scene_free(scene);
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

struct turn {
	struct scene *scene;
	int number;
};

static int wait_for_turn(void *argument)
{
	struct turn *turn = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, LF_FOREVER, turn->scene->flags) ==
	       0);
	turn->scene->order[turn->scene->ended++] = turn->number;
	demand(lf_release(&lock) == 0);
	return 0;
}

/* Half of them comes before the parent goes. */
static void check_queue(unsigned flags)
{
	struct scene *scene = scene_new(flags);
	pid_t parent = child_start(acquire_and_fork, scene), pids[8];
	struct turn turn = { .scene = scene };

	gate_pass(scene->adopted);
	/* The child is the first to wait, for the tag. */
	assert_true(waiters_reach(lock_path, 1));
	for (int i = 0; i < 8; i++) {
		if (i == 4) {
			gate_open(scene->parent_may_go);
			assert_finish(parent);
			assert_true(is_named(scene->child));
		}
		turn.number = i;
		pids[i] = child_start(wait_for_turn, &turn);
		assert_true(waiters_reach(lock_path, i < 4 ? i + 2 : i + 1));
	}
	gate_open(scene->child_may_go);
	assert_all_finish(pids, 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(scene->order[i], i);
	gate_pass(scene->child_gone);
	scene_free(scene);
}

TEST(the_queue_stays_in_order)
{
	needs_locks_of_descriptions();
	check_queue(in_order());
	assert_int_equal(exists(lock_path), in_order() == LF_KEEP);
	check_queue(LF_KEEP);
	assert_true(exists(lock_path));
}

/* Woken when the parent goes, they wait on for the child, and none is lost. */
TEST(who_waited_before_the_child_adopts_waits_on)
{
	struct scene *scene = scene_new(0);
	struct turn turn = { .scene = scene };
	struct lf_lock *lock;
	pid_t child, pids[4];

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	for (int i = 0; i < 4; i++) {
		pids[i] = child_start(wait_for_turn, &turn);
		assert_true(waiters_reach(lock_path, i + 1));
	}
	child = child_start(serve_parent, &(struct served){ scene, lock });
	gate_pass(scene->adopted);
	assert_int_equal(lf_release(&lock), 0);
	assert_true(is_named(scene->child));
	assert_int_equal(scene->ended, 0);
	gate_open(scene->child_may_go);
	assert_finish(child);
	assert_all_finish(pids, 4);
	assert_int_equal(scene->ended, 4);
	assert_false(exists(lock_path));
	scene_free(scene);
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

TEST(what_the_parent_has_released_cannot_be_adopted)
{
	static const int expected[] = { ESTALE, EAGAIN };
	struct late late = { .gate = gate_new() };
	struct lf_lock *other;
	pid_t child;

	needs_locks_of_descriptions();
	for (unsigned flags = 0; flags <= LF_KEEP; flags++) {
		assert_int_equal(lf_acquire(&late.lock, lock_path, 0, flags), 0);
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

TEST(what_is_no_lock_cannot_be_adopted)
{
	struct lf_lock *lock;

	assert_int_equal(lf_adopt(NULL), -EBADF);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_int_equal(lf_adopt(lock), -EBADF);
	assert_int_equal(lf_release(&lock), 0);
}

TEST(to_adopt_what_one_holds_changes_nothing)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	assert_int_equal(lf_adopt(lock), 0);
	assert_int_equal(lf_adopt(lock), 0);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

/* The parent lives and has the tag, for which a thread of the child waits. */
static int adopt_and_release(void *argument)
{
	struct lf_lock *lock = argument;

	demand(lf_adopt(lock) == 0);
	demand(lf_adopt(lock) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_child_may_release_before_the_parent_goes)
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

static int adopt_and_die(void *argument)
{
	demand(lf_adopt(argument) == 0);
	raise(SIGKILL);
	return 0;
}

TEST(a_parent_releases_what_a_dead_child_had_adopted)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(child_run(adopt_and_die, lock), -SIGKILL);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

/* A child that may have no thread. */
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

TEST(without_a_thread_it_is_adopted_all_the_same)
{
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_child(adopt_without_thread, lock);
	assert_int_equal(lf_release(&lock), 0);
	assert_free(lock_path);
}

static int adopt_from_living_parent(void *argument)
{
	struct lf_lock *lock = argument;

	return -lf_adopt(lock);
}

TEST(a_lock_of_the_process_stays_with_the_parent)
{
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	if (lf_backend(lock) == LF_BACKEND_OFD) {
		lf_release(&lock);
		skip_because("these locks belong to the open file description");
	}
	assert_int_equal(child_run(adopt_from_living_parent, lock), EAGAIN);
	assert_int_equal(lf_verify(lock), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}
