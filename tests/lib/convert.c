/* lf_convert(): a lock that is held becomes shared, or exclusive. */
#include "config.h"

#include "actor.h"
#include "harness.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Long enough that only a failure waits it out. */
#define LONG_MS 60000

static void act(struct actor *actor, enum act what, int timeout_ms,
		unsigned flags)
{
	assert_int_equal(ask(actor, what, timeout_ms, flags), 0);
}

static void end_two(struct actor *one, struct actor *other)
{
	assert_int_equal(actor_end(one), 0);
	assert_int_equal(actor_end(other), 0);
}

/* In a child: 0 if it can be shared, else what lf_acquire() said, positive. */
static int try_to_share(void *path)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, 0, LF_SHARED | LF_KEEP);

	if (rc == 0)
		lf_release(&lock);
	return -rc;
}

/* Likewise, but in the queue. */
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
	assert_int_equal(finish(start(try_lock, lock_path)), EAGAIN);
	assert_int_equal(finish(start(try_to_share, lock_path)), 0);
}

static void assert_exclusive(void)
{
	assert_int_equal(finish(start(try_lock, lock_path)), EAGAIN);
	assert_int_equal(finish(start(try_to_share, lock_path)),
			 lf_locks_by_lockf() ? ENOLCK : EAGAIN);
}

TEST(alone_it_goes_up_and_down_at_once)
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

TEST(the_file_is_removed_in_either_mode)
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

TEST(who_waits_to_share_gets_in_when_it_goes_down)
{
	struct actor *holder = actor_process(), *sharer = actor_process();
	struct actor *writer = actor_process();

	needs_shared_locks();
	act(holder, ACQUIRE, 0, 0);
	tell(sharer, ACQUIRE, LF_FOREVER, LF_SHARED);
	assert_true(waiters_reach(lock_path, 1));
	tell(writer, ACQUIRE, LF_FOREVER, 0);
	assert_true(waiters_reach(lock_path, 2));
	act(holder, CONVERT, 0, LF_SHARED);
	assert_int_equal(answer(sharer), 0);
	assert_shared();
	assert_true(waiters_reach(lock_path, 1));
	act(holder, RELEASE, 0, 0);
	assert_true(waiters_reach(lock_path, 1));
	act(sharer, RELEASE, 0, 0);
	assert_int_equal(answer(writer), 0);
	assert_exclusive();
	act(writer, RELEASE, 0, 0);
	assert_false(exists(lock_path));
	assert_int_equal(actor_end(writer), 0);
	end_two(holder, sharer);
}

TEST(beside_others_it_is_refused_and_stays_shared)
{
	struct actor *one = actor_process(), *other = actor_process();

	needs_shared_locks();
	act(one, ACQUIRE, 0, LF_SHARED);
	act(other, ACQUIRE, 0, LF_SHARED);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(one, CONVERT, 0, 0), -EAGAIN);
		assert_int_equal(ask(other, CONVERT, 10, 0), -ETIMEDOUT);
		assert_shared();
	}
	act(one, RELEASE, 0, 0);
	assert_shared();
	act(other, CONVERT, 0, 0);
	assert_exclusive();
	act(other, RELEASE, 0, 0);
	assert_false(exists(lock_path));
	end_two(one, other);
}

TEST(with_a_bound_it_waits_for_the_others_to_leave)
{
	struct actor *one = actor_process(), *other = actor_process();

	needs_shared_locks();
	act(one, ACQUIRE, 0, LF_SHARED);
	act(other, ACQUIRE, 0, LF_SHARED);
	tell(one, CONVERT, LONG_MS, 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_shared();
	act(other, RELEASE, 0, 0);
	assert_int_equal(answer(one), 0);
	assert_exclusive();
	act(one, RELEASE, 0, 0);
	assert_false(exists(lock_path));
	end_two(one, other);
}

TEST(of_two_one_has_to_leave)
{
	struct actor *one = actor_process(), *other = actor_process();
	int rc;

	needs_shared_locks();
	act(one, ACQUIRE, 0, LF_SHARED);
	act(other, ACQUIRE, 0, LF_SHARED);
	tell(one, CONVERT, LONG_MS, 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(ask(other, CONVERT, 0, 0), -EAGAIN);
	rc = ask(other, CONVERT, 10, 0);
	/* The kernel sees the circle if the locks belong to processes. */
	assert_true(rc == -ETIMEDOUT ||
		    (rc == -EDEADLK && !lf_has_ofd_locks()));
	assert_shared();
	act(other, RELEASE, 0, 0);
	assert_int_equal(answer(one), 0);
	assert_exclusive();

	/* The other way round: who waits first gives up first. */
	act(one, CONVERT, 0, LF_SHARED);
	act(other, ACQUIRE, 0, LF_SHARED);
	assert_int_equal(ask(one, CONVERT, 10, 0), -ETIMEDOUT);
	tell(other, CONVERT, LONG_MS, 0);
	assert_true(waiters_reach(lock_path, 1));
	act(one, RELEASE, 0, 0);
	assert_int_equal(answer(other), 0);
	assert_exclusive();
	act(other, RELEASE, 0, 0);
	assert_false(exists(lock_path));
	end_two(one, other);
}

TEST(what_makes_no_sense_is_invalid)
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
	/* One PID for many. */
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

TEST(what_is_no_lock_is_refused)
{
	struct lf_lock *lock;

	needs_shared_locks();
	assert_int_equal(lf_convert(NULL, 0, 0), -EBADF);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_int_equal(lf_convert(lock, 0, 0), -EBADF);
	assert_int_equal(lf_finish(&lock), 0);
	assert_int_equal(finish(start(convert_inherited, lock)), EBADF);
	assert_exclusive();
	assert_int_equal(lf_release(&lock), 0);
}

TEST(a_thread_is_in_its_own_way)
{
	struct lf_lock *lock, *second;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_acquire(&second, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(lf_convert(lock, 0, 0), -EAGAIN);
	assert_int_equal(lf_convert(lock, LONG_MS, 0), -EDEADLK);
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
		act(one, ACQUIRE, 0, LF_SHARED);
		act(other, ACQUIRE, 0, LF_SHARED);
		assert_int_equal(ask(one, CONVERT, 0, 0), -EAGAIN);
		assert_int_equal(ask(other, CONVERT, 2, 0), -ETIMEDOUT);
		tell(one, CONVERT, LONG_MS, 0);
		if (i % 2 && lf_has_ofd_locks())
			assert_true(waiters_reach(lock_path, 1));
		act(other, RELEASE, 0, 0);
		assert_int_equal(answer(one), 0);
		assert_int_equal(ask(other, ACQUIRE, 0, LF_SHARED), -EAGAIN);
		tell(other, ACQUIRE, LONG_MS, LF_SHARED);
		act(one, CONVERT, 0, LF_SHARED);
		assert_int_equal(answer(other), 0);
		act(one, RELEASE, 0, 0);
		assert_true(exists(lock_path));
		act(other, CONVERT, 0, 0);
		act(other, RELEASE, 0, 0);
		assert_false(exists(lock_path));
	}
	end_two(one, other);
}

/* Where locks belong to the process, the two have one. */
TEST(who_gives_up_leaves_the_lock_of_its_sibling)
{
	struct actor *other, *one, *sibling;

	needs_shared_locks();
	other = actor_process();
	one = actor_thread();
	sibling = actor_thread();
	for (int i = 0; i < 1000; i++) {
		act(one, ACQUIRE, 0, 0);
		act(sibling, START, 0, LF_SHARED);
		tell(one, CONVERT, 0, LF_SHARED);
		act(sibling, RELEASE, 0, 0);
		assert_int_equal(answer(one), 0);
		assert_true(exists(lock_path));
		assert_int_equal(ask(other, ACQUIRE, 0, 0), -EAGAIN);
		act(other, ACQUIRE, 0, LF_SHARED);
		act(other, RELEASE, 0, 0);
		act(one, RELEASE, 0, 0);
		assert_false(exists(lock_path));
	}
	end_two(one, sibling);
	assert_int_equal(actor_end(other), 0);
}

static void on_signal(int sig)
{
	(void)sig;
}

static int be_interrupted(void *unused)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct lf_lock *lock;

	(void)unused;
	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED) == 0);
	sigaction(SIGUSR1, &action, NULL);
	demand(lf_convert(lock, LONG_MS, 0) == -EINTR);
	signal(SIGUSR1, SIG_IGN);
	demand(finish(start(try_lock, lock_path)) == EAGAIN);
	demand(finish(start(try_to_share, lock_path)) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_handler_interrupts_and_it_stays_shared)
{
	struct lf_lock *lock;
	int status;
	pid_t pid;

	needs_shared_locks();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	pid = start(be_interrupted, NULL);
	assert_true(waiters_reach(lock_path, 1));
	/* One that comes before it is in poll(2) goes unnoticed. */
	while (waitpid(pid, &status, WNOHANG) == 0) {
		kill(pid, SIGUSR1);
		sched_yield();
	}
	assert_int_equal(status, 0);
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

TEST(without_a_thread_or_descriptors_it_stays_shared)
{
	struct lf_lock *lock;
	int fd = open(lock_path, O_CREAT | O_WRONLY, 0666);

	needs_shared_locks();
	assert_int_equal(fchmod(fd, 0666), 0);
	close(fd);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_int_equal(finish(start(convert_without_resources, NULL)), 0);
	assert_shared();
	assert_int_equal(lf_convert(lock, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
}

/* What a parent and the child that adopts its lock share. */
struct scene {
	struct gate adopted, converted, parent_gone, go;
	unsigned flags, other;
};

static int adopt_and_convert(struct scene *scene, struct lf_lock *lock)
{
	demand(lf_adopt(lock) == 0);
	/* A thread, for the tag of the parent, unless it can be shared. */
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

static int acquire_and_fork(void *argument)
{
	struct scene *scene = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, scene->flags) == 0);
	if (fork() == 0) {
		alarm(60);
		_exit(adopt_and_convert(scene, lock));
	}
	gate_pass(scene->parent_gone);
	return 0;
}

/* Looks until the lock shows another PID than this, half a minute at most. */
static bool is_not_named(pid_t pid)
{
	static const struct timespec breath = { 0, 1000000 };
	pid_t holder;

	for (int look = 0; look < 30000; look++) {
		if (lf_check(lock_path, &holder) == 1 && holder != pid &&
		    holder != 0)
			return true;
		nanosleep(&breath, NULL);
	}
	return false;
}

TEST(what_was_adopted_converts_too)
{
	struct scene scene = { .adopted = gate_new(),
			       .converted = gate_new(),
			       .parent_gone = gate_new(),
			       .go = gate_new() };
	pid_t parent;

	needs_locks_of_descriptions();
	for (int i = 0; i < 2; i++) {
		scene.flags = i ? LF_SHARED : 0;
		scene.other = i ? 0 : LF_SHARED;
		parent = start(acquire_and_fork, &scene);
		gate_pass(scene.adopted);
		if (scene.other)
			assert_shared();
		else
			assert_exclusive();
		gate_open(scene.parent_gone);
		assert_int_equal(finish(parent), 0);
		assert_true(is_not_named(parent));
		if (scene.other)
			assert_int_equal(finish(start(wait_to_share, lock_path)),
					 0);
		gate_open(scene.go);
		gate_pass(scene.converted);
		if (scene.other)
			assert_shared();
		else
			assert_exclusive();
		assert_true(is_not_named(parent));
		gate_open(scene.go);
		gate_pass(scene.converted);
		assert_false(exists(lock_path));
	}
	gate_free(scene.adopted);
	gate_free(scene.converted);
	gate_free(scene.parent_gone);
	gate_free(scene.go);
}
