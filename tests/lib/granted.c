/* SPDX-License-Identifier: 0BSD */
/*
 * What the kernel or a file server grants to a call that fails, or to a thread
 * that is cancelled, is given back.
 */
#include "config.h"

#include "actor.h"
#include "lock.h"
#include "lockfile-fcntl.h"

#include "faulty.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int end_faults(void **state)
{
	faulty_clear();
	faulty_after(NOTHING, 0);
	return leave_directory(state);
}

#define TEST_WITH_FAULTS(name) TEST_BETWEEN(name, enter_directory, end_faults)

/* No thread is left behind, which would read these. */
static int end_file_system(void **state)
{
	faulty_before(NOTHING, NULL);
	faulty_file_system(0);
	return end_faults(state);
}

#define TEST_OF_FILE_SYSTEM(name) \
	TEST_BETWEEN(name, enter_directory, end_file_system)

/* --- Shared to exclusive */

struct upgrade {
	int timeout_ms, error, result;
};

/* The tag alone would keep others out too. */
static int find_shared_body(void *unused)
{
	struct flock body = { .l_type = F_WRLCK, .l_start = 1 };

	(void)unused;
	demand((fcntl)((openat)(AT_FDCWD, lock_path, O_RDWR), F_GETLK,
		       &body) == 0);
	demand(body.l_type == F_RDLCK);
	return 0;
}

/* Another sharer is in the way until this one waits for it. */
static int upgrade_in_vain(void *argument)
{
	const struct upgrade *upgrade = argument;
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED | LF_KEEP) == 0);
	faulty_after(F_OFD_SETLKW_, upgrade->error);
	demand(lf_convert(lock, upgrade->timeout_ms, 0) == upgrade->result);
	demand(child_run(find_shared_body, NULL) == 0);
	demand(child_run(try_to_share, lock_path) == 0);
	demand(lf_release(&lock) == 0);
	return 0;
}

static void check_upgrade(struct upgrade upgrade)
{
	struct actor *sharer = actor_holder(LF_SHARED | LF_KEEP);
	pid_t pid = child_start(upgrade_in_vain, &upgrade);

	assert_true(waiters_reach(lock_path, 1));
	actor_release(sharer);
	assert_finish(pid);
	assert_free(lock_path);
}

TEST_WITH_FAULTS(an_interrupted_upgrade_leaves_the_lock_shared)
{
	needs_locks_of_descriptions();
	check_upgrade((struct upgrade){ LONG_MS, EINTR, -EINTR });
}

static void *upgrade(void *lock)
{
	return (void *)(intptr_t)lf_convert(lock, LONG_MS, 0);
}

static int find_body(void *unused)
{
	struct flock body = { .l_type = F_WRLCK, .l_start = 1 };

	(void)unused;
	demand((fcntl)((openat)(AT_FDCWD, lock_path, O_RDWR), F_GETLK,
		       &body) == 0);
	demand(body.l_type != F_UNLCK);
	return 0;
}

/* The lock is shared again in one step, and not free in between. */
TEST_WITH_FAULTS(an_interrupted_upgrade_lets_nobody_in)
{
	struct actor *sharer;
	struct lf_lock *lock;
	pthread_t thread;
	void *result;

	needs_locks_of_descriptions();
	sharer = actor_holder(LF_SHARED | LF_KEEP);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED | LF_KEEP),
			 0);
	faulty_after(F_OFD_SETLKW_, EINTR);
	(pthread_create)(&thread, NULL, upgrade, lock);
	assert_true(waiters_reach(lock_path, 1));
	faulty_block(F_OFD_SETLK_, lock_path);
	actor_release(sharer);
	faulty_await();
	assert_child(find_body, NULL);
	faulty_unblock();
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, -EINTR);
	assert_int_equal(child_run(try_to_share, lock_path), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_free(lock_path);
}

TEST_WITH_FAULTS(an_upgrade_in_time_for_nobody_leaves_the_lock_shared)
{
	needs_locks_of_descriptions();
	check_upgrade((struct upgrade){ 2000, 0, -ETIMEDOUT });
}

/* --- A place in the queue, by a descriptor that stays open */

static void *wait_for_place(void *fd)
{
	struct lf_lock *lock;

	return (void *)(intptr_t)lf_acquire_fd(&lock, *(int *)fd, LF_FOREVER,
					       0);
}

TEST_WITH_FAULTS(an_interrupted_wait_leaves_no_place)
{
	struct lf_lock *lock;
	pthread_t thread;
	void *result;
	int fd;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	fd = (openat)(AT_FDCWD, lock_path, O_RDWR);
	faulty_after(F_OFD_SETLKW_, EINTR);
	(pthread_create)(&thread, NULL, wait_for_place, &fd);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_release(&lock), 0);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, -EINTR);
	assert_free(lock_path);
	close(fd);
}

/* --- A tag that another thread of the process gives back */

static int lock_body(const struct gate *ready, int command, short type)
{
	struct flock body = { .l_type = type, .l_start = 1 };
	int fd = (openat)(AT_FDCWD, lock_path, O_CREAT | O_RDWR, 0666);

	demand(fd >= 0 && (fcntl)(fd, command, &body) == 0);
	gate_open(*ready);
	for (;;)
		pause();
}

/* The body alone, as a holder has it that has lost its tag. */
static int share_body(void *ready)
{
	return lock_body(ready, F_OFD_SETLK, F_RDLCK);
}

/*
 * The holder has no tag, so the wait is one for the body.  The descriptor stays open:
 * what is free has been unlocked.
 */
static void interrupt_at_body(void)
{
	struct gate ready = gate_new();
	pthread_t thread;
	pid_t sharer;
	void *result;
	int fd;

	sharer = child_start(share_body, &ready);
	gate_pass(ready);
	fd = (openat)(AT_FDCWD, lock_path, O_RDWR);
	(pthread_create)(&thread, NULL, wait_for_place, &fd);
	assert_true(waiters_reach(lock_path, 1));
	assert_kill(sharer);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, -EINTR);
	assert_free(lock_path);
	close(fd);
	gate_free(ready);
}

TEST_WITH_FAULTS(an_interrupted_wait_leaves_no_body)
{
	needs_locks_of_descriptions();
	faulty_after(F_OFD_SETLKW_, EINTR);
	interrupt_at_body();
}

TEST_OF_FILE_SYSTEM(an_interrupted_wait_leaves_no_body_on_a_network)
{
	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_file_system(NFS);
	faulty_after(F_OFD_SETLKW_, EINTR);
	interrupt_at_body();
}

static int find_no_tag(void *unused)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };

	(void)unused;
	demand((fcntl)((openat)(AT_FDCWD, lock_path, O_RDWR), F_GETLK, &tag) ==
	       0);
	demand(tag.l_type == F_UNLCK);
	return 0;
}

static int hold_tag(void *ready)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = (openat)(AT_FDCWD, lock_path, O_CREAT | O_RDWR, 0666);

	demand((fcntl)(fd, F_SETLK, &tag) == 0);
	gate_open(*(struct gate *)ready);
	for (;;)
		pause();
}

static void *wait_for_a_moment(void *fd)
{
	struct lf_lock *lock;

	return (void *)(intptr_t)lf_acquire_fd(&lock, *(int *)fd, 2000, 0);
}

/* A descriptor of the library would be closed, which unlocks it. */
static void end_at_tag(void *(*waiter)(void *), int granted_as, int answer)
{
	struct gate ready = gate_new();
	pid_t holder = child_start(hold_tag, &ready);
	pthread_t thread;
	void *result;
	int fd;

	gate_pass(ready);
	fd = (openat)(AT_FDCWD, lock_path, O_RDWR);
	faulty_after(F_SETLKW_, granted_as);
	(pthread_create)(&thread, NULL, waiter, &fd);
	assert_true(waiters_reach(lock_path, 1));
	assert_kill(holder);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, answer);
	assert_child(find_no_tag, NULL);
	assert_free(lock_path);
	close(fd);
	gate_free(ready);
}

TEST_WITH_FAULTS(an_interrupted_wait_leaves_no_tag)
{
	needs_locks_of_descriptions();
	needs_known_file_systems();
	end_at_tag(wait_for_place, EINTR, -EINTR);
}

TEST_WITH_FAULTS(a_bounded_wait_leaves_no_tag)
{
	needs_locks_of_descriptions();
	needs_known_file_systems();
	end_at_tag(wait_for_a_moment, 0, -ETIMEDOUT);
}

static void *wait_by_descriptor(void *fd)
{
	struct lf_lock *lock;
	int rc = lf_acquire_fd(&lock, *(int *)fd, LF_FOREVER, 0);

	return (void *)(intptr_t)(rc == 0 ? lf_release(&lock) : rc);
}

TEST_WITH_FAULTS(a_lock_of_the_process_is_released_while_a_thread_waits_for_it_by_a_descriptor)
{
	struct lf_lock *lock;
	pthread_t thread;
	void *result;
	int fd;

	needs_locks_of_descriptions();
	faulty_set(F_OFD_SETLK_, 1, true, EINVAL);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	faulty_clear();
	assert_int_equal(lf_backend(lock), LF_BACKEND_FCNTL);
	fd = (openat)(AT_FDCWD, lock_path, O_RDWR);
	(pthread_create)(&thread, NULL, wait_by_descriptor, &fd);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_release(&lock), 0);
	pthread_join(thread, &result);
	assert_null(result);
	(close)(fd);
	assert_free(lock_path);
}

static void interrupt_lock_of_the_process(void)
{
	faulty_after(F_SETLKW_, EINTR);
}

/* The tag is granted at once.  Then the wait is for one lock on the whole file. */
TEST_OF_FILE_SYSTEM(an_interrupted_wait_leaves_no_lock_of_the_process_with_a_server)
{
	needs_locks_of_descriptions();
	needs_known_file_systems();
	faulty_file_system(FUSE);
	faulty_before(F_OFD_SETLK_, interrupt_lock_of_the_process);
	faulty_set(F_OFD_SETLK_, 1, true, EINVAL);
	interrupt_at_body();
}

static void *be_interrupted(void *unused)
{
	struct lf_lock *lock;

	(void)unused;
	return (void *)(intptr_t)lf_acquire(&lock, lock_path, LF_FOREVER,
					    LF_KEEP);
}

/* Before the close, which a server may have done with when it grants the tag. */
TEST_OF_FILE_SYSTEM(an_interrupted_wait_for_the_tag_of_a_server_unlocks_it)
{
	struct gate ready = gate_new();
	pthread_t thread;
	void *result;
	pid_t holder;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	holder = child_start(hold_tag, &ready);
	gate_pass(ready);
	faulty_file_system(FUSE);
	faulty_set(UNLOCK, 1000, false, EIO); /* counted only */
	faulty_after(F_SETLKW_, EINTR);
	(pthread_create)(&thread, NULL, be_interrupted, NULL);
	assert_true(waiters_reach(lock_path, 1));
	assert_kill(holder);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, -EINTR);
	assert_int_equal(faulty_calls(), 1);
	gate_free(ready);
}

/* 0: byte 0 carries this PID, as another process sees it. */
static int find_tag_of(void *pid)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);

	return (fcntl)(fd, F_GETLK, &tag) < 0 || tag.l_type == F_UNLCK ||
	       tag.l_pid != *(pid_t *)pid;
}

TEST_OF_FILE_SYSTEM(a_wait_for_the_tag_of_a_server_that_is_given_up_unlocks_it)
{
	struct gate ready = gate_new();
	pid_t holder, self = getpid();
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	holder = child_start(hold_tag, &ready);
	gate_pass(ready);
	faulty_file_system(FUSE);
	faulty_after(F_SETLKW_, 0);
	assert_int_equal(lf_start(&lock, lock_path, LF_KEEP), 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_kill(holder);
	for (int look = 0; child_run(find_tag_of, &self) != 0;)
		assert_true(look_again(&look));
	faulty_set(UNLOCK, 1000, false, EIO); /* counted only */
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(faulty_calls(), 2); /* and the body, perhaps granted */
	gate_free(ready);
}

static int descriptor_of(const char *path)
{
	struct stat file, st;

	assert_int_equal((lstat)(path, &file), 0);
	for (int fd = 0; fd < 100; fd++)
		if ((fstat)(fd, &st) == 0 && st.st_dev == file.st_dev &&
		    st.st_ino == file.st_ino)
			return fd;
	return -1;
}

static int find_lock_of_other(void *pid)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };

	demand((fcntl)((openat)(AT_FDCWD, "other", O_RDWR), F_GETLK, &tag) == 0);
	demand(tag.l_pid == *(pid_t *)pid);
	return 0;
}

/* The program has closed the descriptor, and another file has got its number. */
TEST_OF_FILE_SYSTEM(a_wait_on_a_server_that_is_given_up_unlocks_no_other_file)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };
	struct gate ready = gate_new();
	pid_t holder, self = getpid();
	struct lf_lock *lock;
	int other;

	needs_locks_of_descriptions();
	needs_known_file_systems();
	holder = child_start(hold_tag, &ready);
	gate_pass(ready);
	faulty_file_system(FUSE);
	assert_int_equal(lf_start(&lock, lock_path, LF_KEEP), 0);
	assert_true(waiters_reach(lock_path, 1));
	other = (openat)(AT_FDCWD, "other", O_RDWR | O_CREAT, 0666);
	assert_true(dup2(other, descriptor_of(lock_path)) >= 0);
	assert_int_equal((fcntl)(other, F_SETLK, &tag), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_child(find_lock_of_other, &self);
	assert_kill(holder);
	gate_free(ready);
}

static void *acquire_with(void *flags)
{
	struct lf_lock *lock;
	int timeout_ms = (intptr_t)flags & LF_SHARED ? 0 : LF_FOREVER;

	return lf_acquire(&lock, lock_path, timeout_ms,
			  (unsigned)(intptr_t)flags | LF_KEEP) == 0 ?
		       lock :
		       NULL;
}

/* Whether this process has the tag, as another sees it. */
static int find_tag(void *pid)
{
	struct flock tag = { .l_type = F_WRLCK, .l_len = 1 };

	demand((fcntl)((openat)(AT_FDCWD, lock_path, O_RDWR), F_GETLK, &tag) ==
	       0);
	demand(tag.l_type == F_RDLCK && tag.l_pid == *(pid_t *)pid);
	return 0;
}

/* A look may miss a line of the kernel's list, but not always. */
static bool body_has_waiter(const struct lf_lock *file)
{
	bool has = lf_body_has_waiter(file);

	for (int look = 0; !has && look < 100 && look_again(&look);)
		has = lf_body_has_waiter(file);
	return has;
}

/* Of several threads any may be next: on a busy machine the first to be woken is not. */
static void *take_turn(void *unused)
{
	static char served;
	struct lf_lock *lock = acquire_with(unused);

	return lock && lf_release(&lock) == 0 ? &served : NULL;
}

/* Acquires in a thread, which waits at the body then. */
static void reach_body(pthread_t *thread)
{
	faulty_block(F_OFD_SETLKW_, lock_path);
	(pthread_create)(thread, NULL, take_turn, NULL);
	faulty_await();
	faulty_unblock();
}

static void is_served(pthread_t thread)
{
	void *served;

	pthread_join(thread, &served);
	assert_non_null(served);
}

/*
 * A killed holder has the body for a moment longer than the tag.  To wait for it
 * at the body would be to give the tag, and the name, to the next waiter.
 */
TEST_WITH_FAULTS(a_body_that_may_be_free_in_a_moment_is_tried_again)
{
	struct gate ready = gate_new();
	struct lf_lock file;
	struct actor *first;
	pthread_t thread;
	struct stat st;
	pid_t sharer;

	needs_locks_of_descriptions();
	sharer = child_start(share_body, &ready);
	gate_pass(ready);
	assert_int_equal((lstat)(lock_path, &st), 0);
	file = (struct lf_lock){
		.fd = (openat)(AT_FDCWD, lock_path, O_RDWR),
		.dev = st.st_dev,
		.ino = st.st_ino,
	};
	assert_false(lf_body_has_waiter(&file));
	first = actor_waiter(LF_FOREVER, LF_KEEP, 1);
	/* It has found that the holder is not ending. */
	assert_int_equal(body_has_waiter(&file), shows_locks_of_processes());
	/* Nor is any process found, should the list of waiters be torn. */
	faulty_set(OPENDIR, 1, true, EMFILE);
	reach_body(&thread);
	assert_int_equal(faulty_pauses(), 2);
	faulty_clear();
	(close)(file.fd);
	actor_kill(first);
	assert_kill(sharer);
	is_served(thread);
	gate_free(ready);
}

struct ending {
	struct gate begins, may_end;
	bool possible;
};

static bool is_ending(pid_t pid)
{
	struct lf_dying dying = { .count = 1 };
	bool is;

	dying.pids = (calloc)(1, sizeof(*dying.pids));
	dying.pids[0] = pid;
	is = lf_dying_remain(&dying);
	lf_dying_free(&dying);
	return is;
}

static pid_t fork_idle(void)
{
	pid_t pid = (fork)();

	while (pid == 0)
		pause();
	return pid;
}

/* The first process of a PID namespace goes on ending until the others are reaped. */
static int keep_one_ending(void *argument)
{
	struct ending *ending = argument;
	pid_t first, other;

	ending->possible = unshare(CLONE_NEWPID) == 0 ||
			   unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0;
	if (!ending->possible) {
		gate_open(ending->begins);
		return 0;
	}
	first = fork_idle();
	other = fork_idle();
	demand(first > 0 && other > 0);
	kill(other, SIGKILL);
	kill(first, SIGKILL);
	for (int look = 0; !is_ending(first) && look_again(&look);)
		;
	demand(is_ending(first));
	gate_open(ending->begins);
	gate_pass(ending->may_end);
	demand(waitpid(other, NULL, 0) == other);
	demand(waitpid(first, NULL, 0) == first);
	return 0;
}

static struct ending *ending_new(pid_t *pid)
{
	struct ending *ending = shared_new(sizeof(*ending));

	ending->begins = gate_new();
	ending->may_end = gate_new();
	*pid = child_start(keep_one_ending, ending);
	gate_pass(ending->begins);
	return ending;
}

static void ending_free(struct ending *ending, pid_t pid)
{
	gate_open(ending->may_end);
	assert_finish(pid);
	gate_free(ending->begins);
	gate_free(ending->may_end);
	shared_free(ending, sizeof(*ending));
}

struct tries {
	enum faulty call;
	int calls, pauses;
};

/* Until a waiter gives up the tag. */
static void count_tries(struct tries *tries)
{
	struct gate ready = gate_new();
	pthread_t thread;
	pid_t sharer;

	sharer = child_start(share_body, &ready);
	gate_pass(ready);
	if (tries->call == F_OFD_SETLK_)
		faulty_set(tries->call, 100000, false, EIO); /* counted only */
	else
		faulty_set(tries->call, 1, true, EACCES);
	reach_body(&thread);
	tries->calls = faulty_calls();
	tries->pauses = faulty_pauses();
	faulty_clear();
	assert_kill(sharer);
	is_served(thread);
	gate_free(ready);
}

/* At first, after one and two milliseconds, a thousand times, and once at the end. */
TEST_WITH_FAULTS(a_body_is_tried_a_thousand_times_while_a_process_is_ending)
{
	struct tries tries = { .call = F_OFD_SETLK_ };
	struct ending *ending;
	bool possible;
	pid_t pid;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	ending = ending_new(&pid);
	possible = ending->possible;
	if (possible)
		count_tries(&tries);
	ending_free(ending, pid);
	needs(possible, "a PID namespace of its own");
	assert_int_equal(tries.calls, 1 + 2 + 1000 + 1);
	assert_int_equal(tries.pauses, 2 + 1000);
}

/*
 * The waiter before it has found out that none of those that are ending is the holder.
 * The list of waiters may be torn once, but not each time.
 */
TEST_WITH_FAULTS(behind_a_waiter_for_the_body_no_process_is_waited_for)
{
	struct gate ready = gate_new();
	struct ending *ending;
	int count = 0, pauses = 0;
	pthread_t threads[3];
	pid_t pid, sharer;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	sharer = child_start(share_body, &ready);
	gate_pass(ready);
	ending = ending_new(&pid);
	if (ending->possible)
		reach_body(&threads[count++]);
	while (count > 0 && count < 3 && pauses != 2) {
		assert_true(waiters_reach(lock_path, count));
		faulty_set(NOTHING, 1, false, 0); /* counts from here on */
		reach_body(&threads[count++]);
		pauses = faulty_pauses();
	}
	ending_free(ending, pid);
	assert_kill(sharer);
	for (int i = 0; i < count; i++)
		is_served(threads[i]);
	gate_free(ready);
	needs(count > 0, "a PID namespace of its own");
	assert_int_equal(pauses, 2);
}

/* Neither which processes there are, nor what one of them does. */
TEST_WITH_FAULTS(a_body_is_tried_for_two_milliseconds_if_proc_cannot_be_read)
{
	static const enum faulty calls[] = { OPENDIR, READDIR, OPENAT, READ };
	struct ending *ending;
	bool possible;
	pid_t pid;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	ending = ending_new(&pid);
	possible = ending->possible;
	for (size_t i = 0; possible && i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct tries tries = { .call = calls[i] };

		count_tries(&tries);
		assert_true(tries.calls > 0);
		assert_int_equal(tries.pauses, 2);
	}
	ending_free(ending, pid);
	needs(possible, "a PID namespace of its own");
}

static int try_body(void)
{
	pthread_t thread;

	faulty_set(NOTHING, 1, false, 0); /* counts from here on */
	reach_body(&thread);
	demand(faulty_pauses() == 2);
	return 0;
}

/* As a user that no other process has. */
static int try_body_with_hidepid(void *unused)
{
	(void)unused;
	if (!own_mounts() ||
	    mount("proc", "/proc", "proc", 0, "hidepid=2") < 0 ||
	    !become_user(20000 + (uid_t)getpid() % 20000) ||
	    (access)(lock_path, W_OK) < 0)
		return IMPOSSIBLE;
	/* Before Linux 5.8 the option is that of the first mount. */
	if ((access)("/proc/1", F_OK) == 0)
		return IMPOSSIBLE;
	return try_body();
}

static int try_body_with_own_proc(void *unused)
{
	(void)unused;
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		return IMPOSSIBLE;
	return try_body();
}

static int try_body_in_pid_namespace(void *unused)
{
	(void)unused;
	if (!own_mounts() || unshare(CLONE_NEWPID) < 0)
		return IMPOSSIBLE;
	return child_run(try_body_with_own_proc, NULL);
}

/* There is a process that is ending, but the waiter does not see it. */
static void try_where_it_is_hidden(int (*child)(void *))
{
	struct gate ready = gate_new();
	struct ending *ending;
	int status = IMPOSSIBLE;
	mode_t mask = umask(0);
	pid_t pid, sharer;

	sharer = child_start(share_body, &ready);
	gate_pass(ready);
	umask(mask);
	ending = ending_new(&pid);
	if (ending->possible)
		status = child_run(child, NULL);
	ending_free(ending, pid);
	assert_kill(sharer);
	gate_free(ready);
	needs(status != IMPOSSIBLE, "namespaces of its own, and to mount /proc");
	assert_int_equal(status, 0);
}

TEST_WITH_FAULTS(a_process_that_hidepid_hides_is_not_waited_for)
{
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	needs_root("to become another user");
	try_where_it_is_hidden(try_body_with_hidepid);
}

TEST_WITH_FAULTS(a_process_outside_of_the_PID_namespace_is_not_waited_for)
{
	needs_locks_of_descriptions();
	needs_proc_with_locks();
	needs_root("to mount /proc");
	try_where_it_is_hidden(try_body_in_pid_namespace);
}

/*
 * A thread has the tag and not yet the body.  Another must not wait for the tag, as
 * the kernel suspects a deadlock: it gives back what is the first one's too.
 */
TEST_WITH_FAULTS(a_tag_that_another_thread_gives_back_is_taken_again)
{
	struct gate ready = gate_new();
	pid_t sharer, self = getpid();
	pthread_t first, second;
	struct lf_lock *lock;
	void *got;

	needs_locks_of_descriptions();
	sharer = child_start(share_body, &ready);
	gate_pass(ready);
	faulty_block(F_OFD_SETLK_, lock_path);
	(pthread_create)(&first, NULL, acquire_with, (void *)LF_SHARED);
	faulty_await();
	faulty_set(F_SETLKW_, 1, false, EDEADLK);
	(pthread_create)(&second, NULL, acquire_with, NULL);
	assert_true(waiters_reach(lock_path, 1));
	faulty_unblock();
	pthread_join(first, &got);
	assert_non_null(got);
	assert_child(find_tag, &self);
	lock = got;
	assert_int_equal(lf_release(&lock), 0);
	assert_kill(sharer);
	pthread_join(second, &got);
	assert_non_null(got);
	lock = got;
	assert_int_equal(lf_release(&lock), 0);
	gate_free(ready);
}

/* The first attempt got the tag, and not the body.  Nothing names a waiter. */
TEST_WITH_FAULTS(a_tag_without_the_body_is_given_back)
{
	struct gate ready = gate_new();
	struct lf_lock *lock;
	pid_t sharer;

	needs_locks_of_descriptions();
	needs(has_flock(), "flock(2)");
	sharer = child_start(share_body, &ready);
	gate_pass(ready);
	faulty_block(FLOCK, lock_path); /* presence, before the wait */
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	faulty_await();
	assert_child(find_no_tag, NULL);
	faulty_unblock();
	assert_true(waiters_reach(lock_path, 1)); /* at the body */
	assert_child(find_no_tag, NULL);
	assert_int_equal(lf_release(&lock), 0);
	assert_kill(sharer);
	gate_free(ready);
}

static int find_exclusive_tag(void *unused)
{
	struct flock tag = { .l_type = F_RDLCK, .l_len = 1 };

	(void)unused;
	demand((fcntl)((openat)(AT_FDCWD, lock_path, O_RDWR), F_GETLK, &tag) ==
	       0);
	return tag.l_type != F_WRLCK;
}

/* The waiter is granted the tag for all of the process, another thread included. */
TEST_WITH_FAULTS(a_thread_that_gives_up_leaves_the_tag_shared_to_one_that_shares)
{
	struct actor *sharer;
	struct lf_lock *waiting, *lock;
	int look = 0;

	needs_locks_of_descriptions();
	needs_shared_locks();
	sharer = actor_holder(LF_SHARED | LF_KEEP);
	faulty_after(F_SETLKW_, 0);
	assert_int_equal(lf_start(&waiting, lock_path, LF_KEEP), 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_acquire(&lock, lock_path, 0,
				    LF_SHARED | LF_KEEP),
			 0);
	actor_release(sharer);
	while (child_run(find_exclusive_tag, NULL) != 0)
		assert_true(look_again(&look));
	assert_int_equal(lf_release(&waiting), 0);
	/* A program that locks the whole file for reading is not refused. */
	assert_int_equal(child_run(find_exclusive_tag, NULL), 1);
	assert_int_equal(lf_release(&lock), 0);
}

/*
 * A thread has the tag and not yet the body.  Another one gives up its wait: to close
 * its descriptor would give the tag, and the turn, to the next process.
 */
TEST_WITH_FAULTS(a_thread_that_gives_up_costs_no_tag_that_another_just_got)
{
	struct actor *holder, *next;
	struct lf_lock *first, *second;
	pid_t self = getpid();

	needs_locks_of_descriptions();
	holder = actor_holder(LF_KEEP);
	assert_int_equal(lf_start(&first, lock_path, LF_KEEP), 0);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_start(&second, lock_path, LF_KEEP), 0);
	assert_true(waiters_reach(lock_path, 2));
	next = actor_waiter(LF_FOREVER, LF_KEEP, 3);
	faulty_block(F_OFD_SETLK_, lock_path);
	actor_must(holder, RELEASE, 0, 0);
	faulty_await();
	assert_int_equal(lf_release(&second), 0);
	assert_child(find_tag_of, &self);
	faulty_unblock();
	assert_int_equal(lf_finish(&first), 0);
	assert_child(find_tag_of, &self);
	assert_int_equal(lf_release(&first), 0);
	assert_int_equal(actor_result(next), 0);
	actor_release(next);
	actor_end(holder);
}

/* Another program, whose PID shows that it waits. */
static int wait_for_body(void *ready)
{
	return lock_body(ready, F_SETLKW, F_WRLCK);
}

/* A thread that queues beside another gets its place, and is refused the body. */
TEST_WITH_FAULTS(a_place_without_the_body_is_given_back)
{
	struct gate ready = gate_new();
	struct lf_lock *lock, *pending;
	pid_t pid;

	needs_locks_of_descriptions();
	needs_proc_with_locks(); /* elsewhere a release tries the body first */
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	assert_int_equal(lf_start(&pending, lock_path, LF_KEEP), 0);
	assert_true(waiters_reach(lock_path, 1));
	pid = child_start(wait_for_body, &ready);
	assert_true(waiters_reach(lock_path, 2));
	faulty_block(F_OFD_SETLK_, lock_path);
	assert_int_equal(lf_release(&lock), 0);
	faulty_await();
	gate_pass(ready);
	faulty_unblock();
	assert_true(waiters_reach(lock_path, 1)); /* at the body */
	assert_child(find_no_tag, NULL);
	assert_kill(pid);
	assert_int_equal(lf_finish(&pending), 0);
	assert_int_equal(lf_release(&pending), 0);
	gate_free(ready);
}

/* --- A thread that cannot be stopped */

/* The lock is free, and no descriptor is left, once the thread has ended. */
static void assert_given_back(int descriptors)
{
	for (int look = 0;
	     (exists(lock_path) || open_descriptors() != descriptors) &&
	     look_again(&look);)
		;
	assert_false(exists(lock_path));
	assert_int_equal(open_descriptors(), descriptors);
}

TEST_WITH_FAULTS(a_thread_that_is_left_behind_gives_back_what_it_gets)
{
	struct actor *holder;
	struct lf_lock *lock;
	int before;

	needs_locks_of_descriptions();
	holder = actor_holder(0);
	before = open_descriptors();
	faulty_set(CANCEL, 1, true, ESRCH);
	assert_int_equal(lf_acquire(&lock, lock_path, 10, 0), -ETIMEDOUT);
	actor_must(holder, RELEASE, 0, 0);
	assert_given_back(before);
	actor_end(holder);
}

/* It is stopped in the call after the one in which the file server keeps it. */
TEST_WITH_FAULTS(a_thread_that_is_left_behind_and_stopped_leaves_nothing)
{
	struct actor *holder;
	struct lf_lock *lock;
	int before;

	needs_locks_of_descriptions();
	needs(has_flock(), "flock(2), in which the thread stays");
	holder = actor_holder(0);
	before = open_descriptors();
	faulty_block(FLOCK, lock_path);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	faulty_unblock();
	for (int look = 0;
	     open_descriptors() != before && look_again(&look);)
		;
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(waiters(lock_path), 0);
	actor_release(holder);
}

/* --- The lock of flock(2) */

static bool flock_is_free(void)
{
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);
	bool is = (flock)(fd, LOCK_EX | LOCK_NB) == 0;

	close(fd);
	return is;
}

/* A sharer ends, and a waiter gets it, between two steps of the conversion. */
TEST_WITH_FAULTS(a_refused_upgrade_that_loses_flock_is_reported)
{
	struct lf_lock *lock;

	needs(has_flock() && has_shared_locks(), "flock(2), and shared locks");
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED | LF_FLOCK),
			 0);
	faulty_set(FLOCK, 1, true, EAGAIN);
	assert_int_equal(lf_convert(lock, LONG_MS, 0), -EAGAIN);
	faulty_clear();
	assert_int_equal(child_run(try_to_share, lock_path), 0);
	assert_int_equal(lf_verify(lock), -EAGAIN);
	assert_int_equal(lf_release(&lock), LF_LOST);
	assert_true(flock_is_free());
	assert_free(lock_path);
}

TEST_WITH_FAULTS(a_thread_that_is_left_behind_gives_flock_back)
{
	int before, fd;
	struct lf_lock *lock;

	needs(has_flock(), "flock(2)");
	fd = (openat)(AT_FDCWD, lock_path, O_RDWR | O_CREAT, 0666);
	before = open_descriptors();
	assert_int_equal((flock)(fd, LOCK_EX), 0);
	faulty_set(CANCEL, 1, true, ESRCH);
	assert_int_equal(lf_acquire(&lock, lock_path, 10, LF_FLOCK),
			 -ETIMEDOUT);
	assert_null(lock);
	assert_int_equal((flock)(fd, LOCK_UN), 0);
	for (int look = 0; open_descriptors() != before && look_again(&look);)
		;
	assert_int_equal(open_descriptors(), before);
	assert_true(flock_is_free());
	assert_free(lock_path);
	close(fd);
}

TEST_WITH_FAULTS(a_lock_of_which_flock_does_not_become_shared_is_exclusive)
{
	struct lf_lock *lock;

	needs(has_flock() && has_shared_locks(), "flock(2), and shared locks");
	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_FLOCK), 0);
	faulty_set(FLOCK, 1, true, EIO);
	assert_int_equal(lf_convert(lock, 0, LF_SHARED), -EIO);
	assert_true(faulty_clear() > 0);
	assert_int_equal(child_run(try_to_share, lock_path), EAGAIN);
	assert_int_equal(lf_release(&lock), 0);
	assert_free(lock_path);
}

static void *wait_for_both(void *fd)
{
	struct lf_lock *lock;

	return (void *)(intptr_t)lf_acquire_fd(&lock, *(int *)fd, LF_FOREVER,
					       LF_FLOCK);
}

TEST_WITH_FAULTS(an_interrupted_wait_leaves_no_flock)
{
	pthread_t thread;
	void *result;
	int fd, other;

	needs(has_flock(), "flock(2)");
	needs_locks_of_descriptions();
	fd = (openat)(AT_FDCWD, lock_path, O_RDWR | O_CREAT, 0666);
	other = (openat)(AT_FDCWD, lock_path, O_RDWR);
	assert_int_equal((flock)(other, LOCK_EX), 0);
	faulty_after(FLOCK, EINTR);
	(pthread_create)(&thread, NULL, wait_for_both, &fd);
	assert_true(waiters_reach(lock_path, 1));
	assert_int_equal((flock)(other, LOCK_UN), 0);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, -EINTR);
	assert_true(flock_is_free());
	assert_free(lock_path);
	close(other);
	close(fd);
}

TEST_WITH_FAULTS(a_server_that_keeps_flock_does_not_keep_the_caller)
{
	struct lf_lock *lock;
	int before;

	needs(has_flock(), "flock(2)");
	before = open_descriptors();
	faulty_block(FLOCK, lock_path);
	assert_int_equal(lf_acquire(&lock, lock_path, 10, LF_FLOCK),
			 -EHOSTUNREACH);
	assert_null(lock);
	faulty_unblock();
	for (int look = 0; open_descriptors() != before && look_again(&look);)
		;
	assert_int_equal(open_descriptors(), before);
	assert_true(flock_is_free());
	assert_free(lock_path);
}

#if defined(HAVE_GLIBC) && defined(__linux__)
# include <signal.h>
# include <sys/syscall.h>
# include <ucontext.h>

/* --- The signal of a cancellation comes when the wait has ended */

# define SIGCANCEL __SIGRTMIN

static int next_byte[2];
static atomic_int helper_tid;
static atomic_bool was_cancelled;

/* pthread_sigmask(3) refuses to. */
static void block_the_signal(void)
{
	static const unsigned long set[_NSIG / 8 / sizeof(long)] = {
		1UL << (SIGCANCEL - 1) % (8 * sizeof(long))
	};
	sigset_t other;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, set, NULL, sizeof(set));
	sigemptyset(&other);
	sigaddset(&other, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &other, NULL);
	atomic_store(&helper_tid, (int)syscall(SYS_gettid));
}

/* When the handler returns, the thread gets it, wherever it is. */
static void let_the_signal_in(int signal, siginfo_t *unused, void *context)
{
	(void)signal;
	(void)unused;
	*(unsigned long *)&((ucontext_t *)context)->uc_sigmask &=
		~(1UL << (SIGCANCEL - 1));
}

static void note_cancellation(void *unused)
{
	(void)unused;
	atomic_store(&was_cancelled, true);
}

/* In the thread that waited: read(2) is a cancellation point. */
static void read_once(void)
{
	char byte;

	if ((int)syscall(SYS_gettid) != atomic_load(&helper_tid))
		return;
	pthread_cleanup_push(note_cancellation, NULL);
	(void)!(read)(next_byte[0], &byte, 1);
	pthread_cleanup_pop(0);
}

static void *give_up_wait(void *lock)
{
	return (void *)(intptr_t)lf_release((struct lf_lock **)lock);
}

static bool helper_sleeps(void)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
		 atomic_load(&helper_tid));
	stat = (fopen)(path, "re");
	if (stat && fscanf(stat, "%*d %*s %c", &state) != 1)
		state = 0;
	if (stat)
		(fclose)(stat);
	return state == 'S';
}

static bool helper_has_pending_signal(void)
{
	unsigned long signals = 0;
	char path[64], line[256];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status",
		 atomic_load(&helper_tid));
	status = (fopen)(path, "re");
	while (status && signals == 0 && fgets(line, sizeof(line), status))
		(void)!sscanf(line, "SigPnd: %lx", &signals);
	if (status)
		(fclose)(status);
	return signals != 0;
}

/* A busy machine may be late for the bound of a release, which leaves it behind. */
static bool helper_has_ended(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d",
		 atomic_load(&helper_tid));
	return !exists(path);
}

static bool comes_true(bool (*is)(void))
{
	for (int look = 0; look_again(&look);)
		if (is())
			return true;
	return false;
}

TEST_OF_FILE_SYSTEM(a_late_cancellation_ends_no_other_call)
{
	static const struct sigaction lets_in = {
		.sa_sigaction = let_the_signal_in,
		.sa_flags = SA_SIGINFO,
	};
	struct actor *holder;
	struct lf_lock *lock;
	pthread_t thread;
	void *result;

	needs_handlers_of_signals();
	needs_locks_of_descriptions();
	holder = actor_holder(0);
	assert_int_equal(sigaction(SIGUSR1, &lets_in, NULL), 0);
	assert_int_equal((pipe)(next_byte), 0);
	faulty_before(F_SETLKW_, block_the_signal); /* the tag */
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_true(waiters_reach(lock_path, 1));
	faulty_before(FSTATAT, read_once);
	(pthread_create)(&thread, NULL, give_up_wait, &lock);
	assert_true(comes_true(helper_has_pending_signal));
	actor_begin(holder, RELEASE, 0, 0);
	assert_true(waiters_reach(lock_path, 0));
	assert_true(comes_true(helper_sleeps));
	assert_int_equal(syscall(SYS_tgkill, getpid(),
				 atomic_load(&helper_tid), SIGUSR1),
			 0);
	(close)(next_byte[1]);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, 0);
	assert_true(comes_true(helper_has_ended));
	assert_false(atomic_load(&was_cancelled));
	faulty_before(NOTHING, NULL);
	assert_int_equal(actor_result(holder), 0);
	actor_end(holder);
	assert_free(lock_path);
	(close)(next_byte[0]);
	signal(SIGUSR1, SIG_DFL);
}
#endif
