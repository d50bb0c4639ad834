/* SPDX-License-Identifier: 0BSD */
/* lf_convert(): an exclusive lock becomes shared, a shared one exclusive. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two processes that share the lock. */
struct pair {
	struct actor *one, *other;
};

static struct pair pair_new(void)
{
	return (struct pair){ actor_holder(LF_SHARED),
			      actor_holder(LF_SHARED) };
}

static void pair_end(struct pair pair)
{
	assert_false(exists(lock_path));
	actor_end(pair.one);
	actor_end(pair.other);
}

/* As try_to_share(), but in the queue. */
static int wait_to_share(void *path)
{
	struct lf_lock *lock;
	int rc;

	alarm(30);
	rc = lf_acquire(&lock, path, LF_FOREVER, LF_SHARED | LF_KEEP);
	if (rc == 0)
		lf_release(&lock);
	return -rc;
}

static void assert_shared(void)
{
	assert_held(lock_path);
	assert_int_equal(child_run(try_to_share, lock_path), 0);
}

static void assert_exclusive(void)
{
	assert_held(lock_path);
	assert_int_equal(child_run(try_to_share, lock_path),
			 has_shared_locks() ? EAGAIN : ENOLCK);
}

TEST(a_lone_holder_converts_both_ways_without_waiting)
{
	struct lf_lock *lock;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(lf_convert(lock, 0, LF_SHARED), 0);
		assert_shared();
		assert_int_equal(lf_convert(lock, i ? LONG_MS : 0, 0), 0);
		assert_exclusive();
		assert_int_equal(lf_convert(lock, 0, 0), 0);
		assert_exclusive();
		assert_int_equal(lf_convert(lock, LF_FOREVER, LF_SHARED), 0);
		assert_shared();
	}
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(a_converted_lock_removes_the_file_on_release)
{
	struct lf_lock *lock;

	needs_shared_locks();
	for (int i = 0; i < 4; i++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0,
					    i % 2 ? LF_SHARED : 0),
				 0);
		assert_int_equal(lf_convert(lock, 0, i < 2 ? LF_SHARED : 0), 0);
		assert_int_equal(lf_release(&lock), 0);
		assert_false(exists(lock_path));
	}
}

TEST(a_lock_that_becomes_shared_lets_a_waiting_sharer_in)
{
	struct actor *holder, *sharer, *writer;

	needs_shared_locks();
	holder = actor_holder(0);
	sharer = actor_waiter(LF_FOREVER, LF_SHARED, 1);
	writer = actor_waiter(LF_FOREVER, 0, 2);
	actor_must(holder, CONVERT, 0, LF_SHARED);
	assert_int_equal(actor_result(sharer), 0);
	assert_shared();
	assert_true(waiters_reach(lock_path, 1));
	actor_release(holder);
	assert_true(waiters_reach(lock_path, 1));
	actor_release(sharer);
	assert_int_equal(actor_result(writer), 0);
	assert_exclusive();
	actor_release(writer);
	assert_false(exists(lock_path));
}

TEST(beside_other_sharers_a_lock_stays_shared)
{
	struct pair pair;

	needs_shared_locks();
	pair = pair_new();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(actor_do(pair.one, CONVERT, 0, 0), -EAGAIN);
		assert_int_equal(actor_do(pair.other, CONVERT, 10, 0),
				 -ETIMEDOUT);
		assert_shared();
	}
	actor_must(pair.one, RELEASE, 0, 0);
	assert_shared();
	actor_must(pair.other, CONVERT, 0, 0);
	assert_exclusive();
	actor_must(pair.other, RELEASE, 0, 0);
	pair_end(pair);
}

TEST(a_conversion_with_a_bound_waits_for_the_other_sharers)
{
	struct pair pair;

	needs_shared_locks();
	pair = pair_new();
	actor_begin(pair.one, CONVERT, LONG_MS, 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_shared();
	actor_must(pair.other, RELEASE, 0, 0);
	assert_int_equal(actor_result(pair.one), 0);
	assert_exclusive();
	actor_must(pair.one, RELEASE, 0, 0);
	pair_end(pair);
}

TEST(two_sharers_that_both_convert_do_not_block_for_ever)
{
	struct actor *one, *other;
	struct pair pair;

	needs_shared_locks();
	pair = pair_new();
	one = pair.one;
	other = pair.other;
	actor_begin(one, CONVERT, LONG_MS, 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(actor_do(other, CONVERT, 0, 0), -EAGAIN);
	/* Also if the kernel sees the cycle, since the bound ends it. */
	assert_int_equal(actor_do(other, CONVERT, 10, 0), -ETIMEDOUT);
	assert_shared();
	actor_must(other, RELEASE, 0, 0);
	assert_int_equal(actor_result(one), 0);
	assert_exclusive();

	/* The other way round: the first one to wait gives up first. */
	actor_must(one, CONVERT, 0, LF_SHARED);
	actor_must(other, ACQUIRE, 0, LF_SHARED);
	assert_int_equal(actor_do(one, CONVERT, 10, 0), -ETIMEDOUT);
	actor_begin(other, CONVERT, LONG_MS, 0);
	assert_true(waiters_reach(lock_path, 1));
	actor_must(one, RELEASE, 0, 0);
	assert_int_equal(actor_result(other), 0);
	assert_exclusive();
	actor_must(other, RELEASE, 0, 0);
	pair_end(pair);
}

TEST(bad_arguments_are_EINVAL)
{
	struct lf_lock *lock;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_convert(lock, LF_FOREVER, 0), -EINVAL);
	assert_int_equal(lf_convert(lock, -2, 0), -EINVAL);
	assert_int_equal(lf_convert(lock, -2, LF_SHARED), -EINVAL);
	assert_int_equal(lf_convert(lock, 0, LF_KEEP), -EINVAL);
	assert_int_equal(lf_convert(lock, 0, LF_SHARED | LF_PID), -EINVAL);
	assert_exclusive();
	assert_int_equal(lf_release(&lock), 0);
	/* Sharers cannot share one PID in the file. */
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_PID), 0);
	assert_int_equal(lf_convert(lock, 0, LF_SHARED), -EINVAL);
	assert_int_equal(lf_convert(lock, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

static int convert_inherited(void *lock)
{
	return -lf_convert(lock, 0, LF_SHARED);
}

TEST(a_handle_without_a_lock_of_this_process_is_EBADF)
{
	struct lf_lock *lock;

	needs_shared_locks();
	assert_int_equal(lf_convert(NULL, 0, 0), -EBADF);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_int_equal(lf_convert(lock, 0, 0), -EBADF);
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(child_run(convert_inherited, lock), EBADF);
	assert_exclusive();
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_descriptor_for_reading_cannot_be_exclusive)
{
	struct lf_lock *lock;
	int fd;

	needs_locks_of_descriptions();
	make_file(lock_path, 0666);
	fd = open(lock_path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, LF_SHARED), 0);
	assert_int_equal(lf_convert(lock, 0, 0), -EACCES);
	assert_int_equal(lf_convert(lock, LONG_MS, 0), -EACCES);
	assert_shared();
	assert_int_equal(lf_release(&lock), 0);
	close(fd);
}

TEST(a_thread_that_shares_twice_cannot_convert)
{
	struct lf_lock *lock, *second;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_acquire(&second, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_convert(lock, 0, 0), -EAGAIN);
	assert_int_equal(lf_convert(lock, 20, 0), -ETIMEDOUT);
	assert_shared();
	assert_int_equal(lf_release(&second), 0);
	assert_shared();
	assert_int_equal(lf_convert(lock, 0, 0), 0);
	assert_exclusive();
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

TEST(threads_convert_as_processes_do)
{
	struct actor *one, *other;

	needs_shared_locks();
	one = actor_thread();
	other = actor_thread();
	for (int i = 0; i < 50; i++) {
		actor_must(one, ACQUIRE, 0, LF_SHARED);
		actor_must(other, ACQUIRE, 0, LF_SHARED);
		assert_int_equal(actor_do(one, CONVERT, 0, 0), -EAGAIN);
		assert_int_equal(actor_do(other, CONVERT, 2, 0), -ETIMEDOUT);
		actor_begin(one, CONVERT, LONG_MS, 0);
		if (i % 2 && has_description_locks())
			assert_true(waiters_reach(lock_path, 1));
		actor_must(other, RELEASE, 0, 0);
		assert_int_equal(actor_result(one), 0);
		assert_int_equal(actor_do(other, ACQUIRE, 0, LF_SHARED),
				 -EAGAIN);
		actor_begin(other, ACQUIRE, LONG_MS, LF_SHARED);
		actor_must(one, CONVERT, 0, LF_SHARED);
		assert_int_equal(actor_result(other), 0);
		actor_must(one, RELEASE, 0, 0);
		assert_true(exists(lock_path));
		actor_must(other, CONVERT, 0, 0);
		actor_must(other, RELEASE, 0, 0);
		assert_false(exists(lock_path));
	}
	actor_end(one);
	actor_end(other);
}

/* The body alone, as a holder has it that has lost its tag. */
static int share_body(void *ready)
{
	struct flock body = { .l_type = F_RDLCK, .l_start = 1 };
	int fd = open(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);

	demand(fd >= 0 && fcntl(fd, F_OFD_SETLK, &body) == 0);
	gate_open(*(struct gate *)ready);
	for (;;)
		pause();
}

static void *convert_in_thread(void *lock)
{
	return (void *)(intptr_t)lf_convert(lock, LONG_MS, 0);
}

static int find_tag(void *pid)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };

	demand(fcntl(open(lock_path, O_RDWR | O_CLOEXEC), F_GETLK, &tag) == 0);
	demand(tag.l_type == F_RDLCK && tag.l_pid == *(pid_t *)pid);
	return 0;
}

/* Any close of the file drops the tag. */
TEST(a_refused_call_costs_no_tag_of_a_handle_that_is_converted)
{
	struct lf_lock *lock, *refused;
	struct gate ready = gate_new();
	pid_t sharer, self = getpid();
	pthread_t thread;
	void *result;
	int fd;

	needs_locks_of_descriptions();
	sharer = child_start(share_body, &ready);
	gate_pass(ready);
	fd = open(lock_path, O_RDWR | O_CLOEXEC);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, LF_SHARED), 0);
	pthread_create(&thread, NULL, convert_in_thread, lock);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_acquire(&refused, lock_path, 0, LF_KEEP), -EAGAIN);
	assert_child(find_tag, &self);
	assert_kill(sharer);
	pthread_join(thread, &result);
	assert_null(result);
	assert_int_equal(lf_release(&lock), 0);
	close(fd);
	gate_free(ready);
}

/* Where locks belong to the process, the two have one. */
TEST(a_thread_that_gives_up_leaves_the_lock_of_its_sibling)
{
	struct actor *other, *one, *sibling;

	needs_shared_locks();
	other = actor_process();
	one = actor_thread();
	sibling = actor_thread();
	for (int i = 0; i < 1000; i++) {
		actor_must(one, ACQUIRE, 0, 0);
		actor_must(sibling, START, 0, LF_SHARED);
		actor_begin(one, CONVERT, 0, LF_SHARED);
		actor_must(sibling, RELEASE, 0, 0);
		assert_int_equal(actor_result(one), 0);
		assert_true(exists(lock_path));
		assert_int_equal(actor_do(other, ACQUIRE, 0, 0), -EAGAIN);
		actor_must(other, ACQUIRE, 0, LF_SHARED);
		actor_must(other, RELEASE, 0, 0);
		actor_must(one, RELEASE, 0, 0);
		assert_false(exists(lock_path));
	}
	actor_end(one);
	actor_end(sibling);
	actor_end(other);
}

static int be_interrupted(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED) == 0);
	interrupt_on(SIGUSR1, 0);
	demand(lf_convert(lock, LONG_MS, 0) == -EINTR);
	signal(SIGUSR1, SIG_IGN);
	demand(lock_error(lock_path) == EAGAIN);
	demand(child_run(try_to_share, lock_path) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(an_interrupted_conversion_leaves_the_lock_shared)
{
	struct lf_lock *lock;
	pid_t pid;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	pid = child_start(be_interrupted, NULL);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(child_interrupt(pid), 0);
	assert_shared();
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

static int convert_without_resources(void *unused)
{
	static const struct rlimit none = { 0, 0 };
	struct lf_lock *lock;

	(void)unused;
	demand(become_ordinary());
	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED | LF_KEEP) == 0);
	demand(setrlimit(RLIMIT_NPROC, &none) == 0);
	demand(lf_convert(lock, 10, 0) == -ENOMEM);
	demand(setrlimit(RLIMIT_NOFILE, &none) == 0);
	demand(lf_convert(lock, 10, 0) == -EMFILE);
	demand(lf_convert(lock, 0, 0) == -EAGAIN);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(without_a_thread_or_descriptors_the_lock_stays_shared)
{
	struct lf_lock *lock;

	needs_shared_locks();
	make_file(lock_path, 0666);
	assert_int_equal(chmod(lock_path, 0666), 0);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_child(convert_without_resources, NULL);
	assert_shared();
	assert_int_equal(lf_convert(lock, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
}

/* What a parent and the child that adopts its lock share. */
struct scene {
	struct gate adopted, converted, parent_gone, go;
	unsigned flags, other;
	int (*play)(struct scene *, struct lf_lock *);
};

static int adopt_and_convert(struct scene *scene, struct lf_lock *lock)
{
	demand(lf_adopt(lock) == 0);
	/* A thread waits for the tag of the parent, unless both share it. */
	demand(scene->flags || waiters_reach(lock_path, 1));
	demand(lf_convert(lock, 0, scene->other) == 0);
	gate_open(scene->adopted);
	gate_pass(scene->go);
	demand(lf_convert(lock, 0, scene->flags) == 0);
	demand(lf_convert(lock, 0, scene->other) == 0);
	gate_open(scene->converted);
	gate_pass(scene->go);
	demand(lf_release(&lock) == 0);
	gate_open(scene->converted);
	return 0;
}

static void fork_and_play(struct scene *scene, struct lf_lock *lock)
{
	if (fork() == 0) {
		alarm(60);
		_exit(scene->play(scene, lock));
	}
}

static int acquire_and_fork(void *argument)
{
	struct scene *scene = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, scene->flags) == 0);
	fork_and_play(scene, lock);
	gate_pass(scene->parent_gone);
	return 0;
}

/* Whether the lock shows another PID than this, in the end. */
static bool is_not_named(pid_t pid)
{
	pid_t holder;

	for (int look = 0; look_again(&look);)
		if (lf_check(lock_path, &holder) == 1 && holder != pid &&
		    holder != 0)
			return true;
	return false;
}

static void assert_mode(unsigned flags)
{
	if (flags)
		assert_shared();
	else
		assert_exclusive();
}

static struct scene scene_new(int (*play)(struct scene *, struct lf_lock *))
{
	return (struct scene){ .adopted = gate_new(),
			       .converted = gate_new(),
			       .parent_gone = gate_new(),
			       .go = gate_new(),
			       .play = play };
}

static void scene_free(struct scene *scene)
{
	gate_free(scene->adopted);
	gate_free(scene->converted);
	gate_free(scene->parent_gone);
	gate_free(scene->go);
}

TEST(an_adopted_lock_converts)
{
	struct scene scene = scene_new(adopt_and_convert);
	pid_t parent;

	needs_locks_of_descriptions();
	for (int i = 0; i < 2; i++) {
		scene.flags = i ? LF_SHARED : 0;
		scene.other = i ? 0 : LF_SHARED;
		parent = child_start(acquire_and_fork, &scene);
		gate_pass(scene.adopted);
		assert_mode(scene.other);
		gate_open(scene.parent_gone);
		assert_finish(parent);
		assert_true(is_not_named(parent));
		if (scene.other)
			assert_child(wait_to_share, lock_path);
		gate_open(scene.go);
		gate_pass(scene.converted);
		assert_mode(scene.other);
		assert_true(is_not_named(parent));
		gate_open(scene.go);
		gate_pass(scene.converted);
		assert_false(exists(lock_path));
	}
	scene_free(&scene);
}

static int adopt_and_convert_twice(struct scene *scene, struct lf_lock *lock)
{
	demand(lf_adopt(lock) == 0);
	gate_open(scene->adopted);
	gate_pass(scene->go);
	demand(lf_convert(lock, 0, 0) == -EAGAIN);
	gate_open(scene->converted);
	gate_pass(scene->go);
	demand(lf_convert(lock, 0, 0) == 0);
	demand(lf_release(&lock) == 0);
	gate_open(scene->converted);
	return 0;
}

static int lock_byte_0_for_reading(void *command)
{
	struct flock byte = { .l_type = F_RDLCK, .l_len = 1 };

	return fcntl(open(lock_path, O_RDONLY), *(int *)command, &byte) < 0;
}

/* Only the parent's tag is overlooked there. */
static void refuse_to_convert_beside(int command)
{
	struct scene scene = scene_new(adopt_and_convert_twice);
	pid_t parent, program;

	scene.flags = LF_SHARED;
	parent = child_start(acquire_and_fork, &scene);
	gate_pass(scene.adopted);
	gate_open(scene.parent_gone);
	assert_finish(parent);
	program = holder_new(lock_byte_0_for_reading, &command);
	gate_open(scene.go);
	gate_pass(scene.converted);
	child_kill(program);
	gate_open(scene.go);
	gate_pass(scene.converted);
	assert_false(exists(lock_path));
	scene_free(&scene);
}

TEST(an_adopted_lock_is_refused_by_another_program_on_the_first_byte)
{
	needs_locks_of_descriptions();
	needs_shared_locks();
	refuse_to_convert_beside(F_SETLK);
	refuse_to_convert_beside(F_OFD_SETLK);
}

static int adopt_and_stay(struct scene *scene, struct lf_lock *lock)
{
	demand(lf_adopt(lock) == 0);
	gate_open(scene->adopted);
	gate_pass(scene->parent_gone);
	return 0;
}

static int adopt_and_convert_once(struct scene *scene, struct lf_lock *lock)
{
	demand(lf_adopt(lock) == 0);
	gate_open(scene->adopted);
	gate_pass(scene->go);
	demand(lf_convert(lock, 0, 0) == 0);
	demand(lf_release(&lock) == 0);
	gate_open(scene->converted);
	return 0;
}

/* The first of two children converts the lock, or with OTHER the second. */
static int acquire_and_fork_twice(void *argument)
{
	struct scene *scene = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED) == 0);
	for (unsigned i = 0; i < 2; i++) {
		scene->play = i == scene->other ? adopt_and_convert_once :
						  adopt_and_stay;
		fork_and_play(scene, lock);
		gate_pass(scene->adopted);
	}
	gate_open(scene->converted);
	gate_pass(scene->adopted);
	return 0;
}

/* Its tag is on the first byte too, and does not end with the parent. */
TEST(a_lock_that_another_child_has_adopted_converts)
{
	struct scene scene = scene_new(NULL);
	pid_t parent;

	needs_locks_of_descriptions();
	needs_shared_locks();
	for (scene.other = 0; scene.other < 2; scene.other++) {
		parent = child_start(acquire_and_fork_twice, &scene);
		gate_pass(scene.converted);
		gate_open(scene.adopted);
		assert_finish(parent);
		gate_open(scene.go);
		gate_pass(scene.converted);
		gate_open(scene.parent_gone);
		/* The file is left to the one that was the last to adopt it. */
		assert_int_equal(exists(lock_path), scene.other == 0);
		unlink(lock_path);
	}
	scene_free(&scene);
}

/* Of two threads that wait, the second has a place on the first byte, and no tag. */
static int acquire_by_place_and_fork(void *argument)
{
	struct scene *scene = argument;
	struct lf_lock *first, *second, *third;

	demand(lf_start(&first, lock_path, LF_SHARED) == 0);
	demand(waiters_reach(lock_path, 1));
	demand(lf_start(&second, lock_path, LF_SHARED) == 0);
	demand(waiters_reach(lock_path, 2));
	demand(lf_release(&first) == 0);
	gate_open(scene->go);
	demand(lf_finish(&second) == 0);
	demand(lf_acquire(&third, lock_path, 0, LF_SHARED) == 0);
	demand(lf_release(&third) == 0);
	fork_and_play(scene, second);
	gate_pass(scene->parent_gone);
	return 0;
}

TEST(an_adopted_lock_with_a_place_on_the_first_byte_converts)
{
	struct scene scene = scene_new(adopt_and_convert_once);
	struct actor *holder;
	pid_t parent;

	needs_locks_of_descriptions();
	needs_shared_locks();
	holder = actor_holder(0);
	parent = child_start(acquire_by_place_and_fork, &scene);
	gate_pass(scene.go);
	actor_release(holder);
	gate_pass(scene.adopted);
	gate_open(scene.go);
	gate_pass(scene.converted);
	assert_false(exists(lock_path));
	gate_open(scene.parent_gone);
	assert_finish(parent);
	scene_free(&scene);
}
