/* SPDX-License-Identifier: 0BSD */
/* Many threads of many processes at once; and forks while threads wait. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROCESSES 4
#define THREADS 16
#define FILES 3

extern char **environ;

static const char *const names[FILES] = { "f0", "f1", "f2" };

/* What the contenders of a test may do. */
enum {
	KEEP = 1,  /* every second leaves the file */
	SHARE = 2, /* every second shares it */
};

struct arena {
	atomic_int writers[FILES], readers[FILES];
	atomic_int acquired, refused, late, broken, failed;
	int what, rounds;
	struct gate done, end;
};

static void enter(struct arena *a, int file, bool shared)
{
	atomic_int *mine = shared ? &a->readers[file] : &a->writers[file];
	int before = atomic_fetch_add(mine, 1);

	/* Time for another to get in, if it can. */
	for (int i = 0; i < 5; i++)
		sched_yield();
	if (shared ? atomic_load(&a->writers[file]) != 0 :
		     before + atomic_load(&a->readers[file]) != 0)
		atomic_fetch_add(&a->broken, 1);
	atomic_fetch_add(&a->acquired, 1);
	atomic_fetch_sub(mine, 1);
}

/* Each thread has one lock at a time: only a held lock may refuse it. */
static int one_round(struct arena *a, unsigned *seed)
{
	static const int timeouts[] = { 0, LF_FOREVER, 1, 60000 };
	int file = rand_r(seed) % FILES;
	int timeout = timeouts[rand_r(seed) % 4];
	unsigned flags = 0;
	struct lf_lock *lock;
	int rc;

	if (a->what & KEEP && rand_r(seed) % 2)
		flags |= LF_KEEP;
	if (a->what & SHARE && rand_r(seed) % 2)
		flags |= LF_SHARED;
	rc = lf_acquire(&lock, names[file], timeout, flags);
	if (rc == -EAGAIN && timeout == 0) {
		atomic_fetch_add(&a->refused, 1);
		return 0;
	}
	if (rc == -ETIMEDOUT && timeout > 0) {
		atomic_fetch_add(&a->late, 1);
		return 0;
	}
	if (rc < 0)
		return rc;
	enter(a, file, flags & LF_SHARED);
	return lf_release(&lock);
}

struct contender {
	pthread_t thread;
	struct arena *arena;
	unsigned seed;
};

static void *contend(void *argument)
{
	struct contender *c = argument;

	for (int round = 0; round < c->arena->rounds; round++) {
		int rc = one_round(c->arena, &c->seed);

		if (rc != 0) {
			print_message("# %s\n", lf_strerror(rc));
			atomic_fetch_add(&c->arena->failed, 1);
			break;
		}
	}
	return NULL;
}

static void begin(struct contender *c, int count, struct arena *a)
{
	for (int i = 0; i < count; i++) {
		c[i].arena = a;
		c[i].seed = (unsigned)getpid() * THREADS + (unsigned)i;
		if (pthread_create(&c[i].thread, NULL, contend, &c[i]) != 0)
			abort();
	}
}

static void end(struct contender *c, int count)
{
	for (int i = 0; i < count; i++)
		pthread_join(c[i].thread, NULL);
}

/* Lines of /proc/locks with WORD in them. */
static int locks_with(const char *word)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	int count = 0;

	while (locks && fgets(line, sizeof(line), locks))
		count += strstr(line, word) != NULL;
	if (locks)
		fclose(locks);
	return count;
}

static int locks_of_this_process(void)
{
	char pid[32];

	snprintf(pid, sizeof(pid), " %ld ", (long)getpid());
	return locks_with(pid);
}

static int locks_of_file(const char *path)
{
	char inode[32];
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	snprintf(inode, sizeof(inode), ":%lu ", (unsigned long)st.st_ino);
	return locks_with(inode);
}

/*
 * A child begins with an empty table of handles.  Atomics order the thread that
 * empties it before the others, and Helgrind does not see that.
 */
static void begin_with_one_thread(void)
{
	struct lf_lock *lock;

	if (getenv("LF_ONE_FIRST") && lf_acquire(&lock, "first", 0, 0) == 0)
		lf_release(&lock);
}

static int crowd(void *argument)
{
	struct contender c[THREADS];
	struct arena *a = argument;
	int before = open_descriptors(), after, locks;

	begin_with_one_thread();
	begin(c, THREADS, a);
	end(c, THREADS);
	/* Counted while the process lives: its end would tidy up. */
	after = open_descriptors();
	locks = locks_of_this_process();
	gate_open(a->done);
	gate_pass(a->end);
	demand(after == before);
	demand(locks == 0);
	return 0;
}

static struct arena *arena_new(int what, int usual_rounds)
{
	struct arena *a = shared_new(sizeof(*a));

	a->what = what;
	a->rounds = rounds(usual_rounds);
	a->done = gate_new();
	a->end = gate_new();
	return a;
}

static void arena_free(struct arena *a)
{
	gate_free(a->done);
	gate_free(a->end);
	shared_free(a, sizeof(*a));
}

static void crowds(int what)
{
	struct arena *a = arena_new(what, 20);
	pid_t pid[PROCESSES];

	for (int i = 0; i < PROCESSES; i++)
		pid[i] = child_start(crowd, a);
	for (int i = 0; i < PROCESSES; i++)
		gate_pass(a->done);
	for (int i = 0; i < FILES; i++) {
		assert_int_equal(locks_of_file(names[i]), 0);
		if (!(what & KEEP))
			assert_false(exists(names[i]));
	}
	for (int i = 0; i < PROCESSES; i++)
		gate_open(a->end);
	assert_all_finish(pid, PROCESSES);
	assert_int_equal(atomic_load(&a->failed), 0);
	assert_int_equal(atomic_load(&a->broken), 0);
	print_message("# %d acquired, %d refused, %d late\n",
		      atomic_load(&a->acquired), atomic_load(&a->refused),
		      atomic_load(&a->late));
	arena_free(a);
}

TEST(threads_that_remove_exclude_and_leave_nothing)
{
	crowds(0);
}

TEST(threads_that_keep_among_them_exclude)
{
	crowds(KEEP);
}

TEST(threads_that_share_among_them_exclude_and_leave_nothing)
{
	needs_shared_locks();
	crowds(SHARE);
}

TEST(threads_of_all_kinds_exclude)
{
	needs_shared_locks();
	crowds(SHARE | KEEP);
}

/* A process has the lock, and a thread of this one waits for it. */
struct scene {
	struct actor *holder, *waiter;
};

static struct scene scene_new(int timeout_ms)
{
	struct scene s = { actor_holder(0), actor_thread() };

	actor_begin(s.waiter, ACQUIRE, timeout_ms, 0);
	assert_true(waiters_reach(lock_path, 1));
	return s;
}

/* The wait has gone on, and ends like any other. */
static void scene_end(struct scene s)
{
	assert_true(waiters_reach(lock_path, 1));
	actor_release(s.holder);
	assert_int_equal(actor_result(s.waiter), 0);
	assert_held(lock_path);
	actor_release(s.waiter);
	assert_false(exists(lock_path));
}

static int use_another(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	demand(lf_acquire(&lock, lock_path, 0, 0) == -EAGAIN);
	demand(lf_acquire(&lock, names[0], 0, 0) == 0);
	demand(lf_release(&lock) == 0);
	demand(!exists(names[0]));
	return 0;
}

TEST(a_fork_leaves_the_wait_of_a_thread_alone)
{
	for (int timeout = LF_FOREVER; timeout <= 60000; timeout += 60001) {
		struct scene s = scene_new(timeout);

		for (int i = 0; i < 20; i++)
			assert_child(use_another, NULL);
		scene_end(s);
	}
}

/* Whatever cat reads, it writes: then it is running. */
struct cat {
	struct gate in, out;
};

static struct cat cat_new(void)
{
	return (struct cat){ gate_new(), gate_new() };
}

/* It ends with its input. */
static int cat_end(struct cat *cat, pid_t pid)
{
	int status;

	close(cat->in.fd[1]);
	status = child_finish(pid);
	close(cat->in.fd[0]);
	gate_free(cat->out);
	return status;
}

static int become_cat(void *argument)
{
	struct cat *cat = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, names[0], 0, LF_KEEP) == 0);
	demand(dup2(cat->in.fd[0], 0) == 0 && dup2(cat->out.fd[1], 1) == 1);
	close(cat->in.fd[1]);
	execlp("cat", "cat", (char *)NULL);
	return 127;
}

TEST(exec_in_a_child_frees_the_lock_of_the_child_alone)
{
	struct scene s;
	struct cat cat;
	pid_t pid;

	s = scene_new(LF_FOREVER);
	cat = cat_new();
	pid = child_start(become_cat, &cat);
	gate_open(cat.in);
	gate_pass(cat.out);
	assert_free(names[0]);
	assert_held(lock_path);
	assert_int_equal(cat_end(&cat, pid), 0);
	scene_end(s);
}

static pid_t vfork_cat(const struct cat *cat)
{
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(cat->in.fd[0], 0);
		dup2(cat->out.fd[1], 1);
		close(cat->in.fd[1]);
		execlp("cat", "cat", (char *)NULL);
		_exit(127);
	}
	return pid;
}

static pid_t spawn_true(void)
{
	char *const arguments[] = { (char[]){ "true" }, NULL };
	pid_t pid;

	return posix_spawnp(&pid, "true", NULL, NULL, arguments, environ) == 0 ?
		       pid :
		       -1;
}

TEST(vfork_and_exec_free_nothing)
{
	struct lf_lock *lock;
	struct scene s;

	s = scene_new(LF_FOREVER);
	assert_int_equal(lf_acquire(&lock, names[0], 0, 0), 0);
	for (int i = 0; i < 10; i++) {
		struct cat cat = cat_new();
		pid_t pid = vfork_cat(&cat);

		gate_open(cat.in);
		gate_pass(cat.out);
		assert_held(names[0]);
		assert_int_equal(cat_end(&cat, pid), 0);
		assert_finish(spawn_true());
	}
	assert_held(names[0]);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(names[0]));
	scene_end(s);
}

/* In a child that was forked at any moment of the threads of its parent. */
static int contend_for_each(void *argument)
{
	struct arena *a = argument;

	for (int file = 0; file < FILES; file++) {
		struct lf_lock *lock;
		int rc = lf_acquire(&lock, names[file], 0, 0);

		if (rc == -EAGAIN)
			continue;
		demand(rc == 0);
		enter(a, file, false);
		demand(lf_release(&lock) == 0);
	}
	return 0;
}

TEST(forks_at_any_moment_break_nothing)
{
	struct contender c[4];
	struct arena *a;
	pid_t pid[8];
	int before;

	a = arena_new(0, 300);
	before = open_descriptors();
	begin(c, 4, a);
	for (int storm = 0; storm < a->rounds / 10; storm++) {
		for (int i = 0; i < 8; i++)
			pid[i] = child_start(contend_for_each, a);
		assert_all_finish(pid, 8);
	}
	end(c, 4);
	assert_int_equal(atomic_load(&a->failed), 0);
	assert_int_equal(atomic_load(&a->broken), 0);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(locks_of_this_process(), 0);
	for (int i = 0; i < FILES; i++)
		assert_false(exists(names[i]));
	arena_free(a);
}
