/* SPDX-License-Identifier: 0BSD */
/*
 * Locks of other programs on parts of the file: each excludes the library, and
 * the file of a program that has one is not removed.
 */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

struct foreign {
	int command;
	short type;
	off_t start, length;
};

static struct flock as_flock(const struct foreign *f)
{
	return (struct flock){
		.l_type = f->type,
		.l_start = f->start,
		.l_len = f->length,
	};
}

/* A process that may only read can have a read lock. */
static int lock_as(void *argument)
{
	const struct foreign *f = argument;
	struct flock lock = as_flock(f);
	int fd = open(lock_path, f->type == F_RDLCK ? O_RDONLY : O_RDWR);

	demand(fd >= 0 && fcntl(fd, f->command, &lock) == 0);
	return 0;
}

/* Not from the test itself, where a close drops what the process has. */
static int find(void *argument)
{
	struct foreign *f = argument;
	struct flock lock = as_flock(f);
	int fd = open(lock_path, O_RDWR);

	lock.l_type = F_WRLCK;
	demand(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0);
	demand(lock.l_type == f->type);
	demand(lock.l_start == f->start && lock.l_len == f->length);
	return 0;
}

/* Both ways to lock, of a program with another idea of where a lock begins. */
static void with_each(const off_t *bytes, int count, short type,
		      void (*check)(struct foreign *))
{
	static const int commands[] = { F_SETLK, F_OFD_SETLK };

	for (int i = 0; i < count; i++)
		for (int j = 0; j < 2; j++)
			check(&(struct foreign){ commands[j], type, bytes[i],
						 1 });
}

/* Around the gap of a remover, and where the numbers of some programs end. */
static const off_t bytes[] = {
	0, 1, 1999999999, 2000000000, 2000000001, INT_MAX, (off_t)INT_MAX + 1,
	LLONG_MAX - 1,
};
#define BYTES ((int)(sizeof(bytes) / sizeof(bytes[0])))

static pid_t program_new(struct foreign *f)
{
	make_file(lock_path, 0666);
	return holder_new(lock_as, f);
}

/* The program's lock is as it was, and so is its file. */
static void assert_intact(struct foreign *f)
{
	assert_true(exists(lock_path));
	assert_child(find, f);
}

/* Once it has gone, the next holder removes the file. */
static void program_end(pid_t program)
{
	struct lf_lock *lock;

	assert_kill(program);
	assert_true(exists(lock_path));
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));
}

/* --- To acquire beside it */

static void refuse(struct foreign *f)
{
	pid_t program = program_new(f);
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
	assert_intact(f);
	assert_int_equal(lf_acquire(&lock, lock_path, 20, 0), -ETIMEDOUT);
	assert_intact(f);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	assert_intact(f);
	program_end(program);
}

TEST(a_write_lock_of_any_byte_excludes)
{
	needs_locks_of_descriptions();
	with_each(bytes, BYTES, F_WRLCK, refuse);
}

TEST(a_read_lock_of_any_byte_excludes)
{
	needs_locks_of_descriptions();
	with_each(bytes, BYTES, F_RDLCK, refuse);
}

/* Both read, and neither may write. */
static void refuse_to_convert(struct foreign *f)
{
	pid_t program = program_new(f);
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lf_convert(lock, 0, 0), -EAGAIN);
		assert_int_equal(lf_convert(lock, 20, 0), -ETIMEDOUT);
		assert_int_equal(child_run(try_to_share, lock_path), 0);
	}
	assert_intact(f);
	assert_int_equal(lf_release(&lock), 0);
	program_end(program);
}

TEST(a_read_lock_of_any_byte_excludes_a_conversion)
{
	needs_locks_of_descriptions();
	with_each(bytes, BYTES, F_RDLCK, refuse_to_convert);
}

static int convert_in_time(void *argument)
{
	struct lf_lock *lock;

	demand(lf_acquire(&lock, lock_path, 0, LF_SHARED) == 0);
	gate_open(*(struct gate *)argument);
	demand(lf_convert(lock, LONG_MS, 0) == 0);
	demand(lock_error(lock_path) == EAGAIN);
	demand(lf_release(&lock) == 0);
	return 0;
}

TEST(a_conversion_with_a_bound_waits_for_byte_0)
{
	struct foreign f = { F_SETLK, F_RDLCK, 0, 1 };
	struct gate shares = gate_new();
	pid_t program, pid;

	needs_locks_of_descriptions();
	program = program_new(&f);
	pid = child_start(convert_in_time, &shares);
	gate_pass(shares);
	assert_kill(program);
	assert_finish(pid);
	assert_false(exists(lock_path));
	gate_free(shares);
}

static void refuse_to_share(struct foreign *f)
{
	pid_t program = program_new(f);
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), -EAGAIN);
	assert_int_equal(lf_acquire(&lock, lock_path, 20, LF_SHARED),
			 -ETIMEDOUT);
	assert_intact(f);
	program_end(program);
}

/* Among sharers the first byte decides nothing. */
TEST(a_write_lock_of_any_byte_but_the_first_excludes_sharers)
{
	needs_locks_of_descriptions();
	with_each(bytes + 1, BYTES - 1, F_WRLCK, refuse_to_share);
}

static void report(struct foreign *f)
{
	pid_t program = program_new(f), pid;

	assert_int_equal(lf_check(lock_path, &pid), 1);
	assert_true(pid == 0 || pid == program);
	assert_int_equal(strncmp(seen(lock_path), "1", 1), 0);
	assert_intact(f);
	program_end(program);
}

/* Also one that begins or ends where that of a remover does. */
TEST(a_lock_of_any_byte_is_reported)
{
	needs_locks_of_descriptions();
	with_each(bytes, BYTES, F_WRLCK, report);
	with_each(bytes, BYTES, F_RDLCK, report);
}

/* --- To share beside it */

static void share_beside(struct foreign *f)
{
	pid_t program = program_new(f);
	struct lf_lock *lock;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	assert_intact(f);
	assert_true(lf_release(&lock) >= 0);
	assert_intact(f);
	program_end(program);
}

TEST(a_sharer_leaves_the_file_to_a_read_lock)
{
	needs_locks_of_descriptions();
	with_each(bytes, BYTES, F_RDLCK, share_beside);
}

TEST(a_sharer_leaves_the_file_to_a_write_lock_of_the_first_byte)
{
	needs_locks_of_descriptions();
	with_each(bytes, 1, F_WRLCK, share_beside);
}

/* The program locks a file that is shared, and outlives the sharer. */
static void lock_beside_a_sharer(struct foreign *f)
{
	struct lf_lock *lock;
	pid_t program;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_SHARED), 0);
	program = holder_new(lock_as, f);
	if (f->start > 0)
		assert_int_equal(lf_convert(lock, 0, 0), -EAGAIN);
	assert_true(lf_release(&lock) >= 0);
	assert_intact(f);
	program_end(program);
}

TEST(a_sharer_does_not_remove_the_file_of_a_later_reader)
{
	needs_locks_of_descriptions();
	with_each(bytes, BYTES, F_RDLCK, lock_beside_a_sharer);
}

/* --- A lock like that of a remover */

/* A remover that was stopped keeps its lock. */
TEST(a_removers_lock_that_lasts_is_held)
{
	struct foreign remover = { F_OFD_SETLK, F_WRLCK, 1, 1999999999 };
	struct lf_lock *lock;
	pid_t program;

	needs_locks_of_descriptions();
	program = program_new(&remover);
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
	assert_intact(&remover);
	program_end(program);
}

/* --- A lock that ends where that of a remover ends */

static struct foreign like_a_remover(int command)
{
	return (struct foreign){ command, F_RDLCK, 1, 1999999999 };
}

/* A process that may only read the file is no remover. */
TEST(a_reader_up_to_the_gap_holds_the_file)
{
	static const int commands[] = { F_SETLK, F_OFD_SETLK };

	needs_locks_of_descriptions();
	for (int i = 0; i < 2; i++) {
		struct foreign f = like_a_remover(commands[i]);
		pid_t program = program_new(&f);
		struct lf_lock *lock;

		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), -EAGAIN);
		assert_int_equal(lf_check(lock_path, NULL), 1);
		assert_int_equal(lf_acquire(&lock, lock_path, 10, 0),
				 -ETIMEDOUT);
		assert_int_equal(lf_check(lock_path, NULL), 1);
		assert_intact(&f);
		program_end(program);
	}
}

static int try_traced(void *timeout_ms)
{
	struct lf_lock *lock;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		return IMPOSSIBLE;
	raise(SIGSTOP);
	return -lf_acquire(&lock, lock_path, *(int *)timeout_ms, 0);
}

/* Lets it go from one stop to the next; how many calls it entered or left. */
static int count_stops(pid_t pid, int *status)
{
	int stops = 0;

	assert_int_equal(waitpid(pid, status, 0), pid);
	if (WIFSTOPPED(*status))
		ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
	while (WIFSTOPPED(*status)) {
		int signal = WSTOPSIG(*status);

		stops += signal == (SIGTRAP | 0x80);
		if (signal == (SIGTRAP | 0x80) || signal == SIGSTOP)
			signal = 0;
		ptrace(PTRACE_SYSCALL, pid, NULL, (long)signal);
		assert_int_equal(waitpid(pid, status, 0), pid);
	}
	return stops;
}

/* The thread that asks; the kernel keeps the one that waits. */
static int count_calls(int timeout_ms, int error)
{
	pid_t pid = child_start(try_traced, &timeout_ms);
	int status, stops = count_stops(pid, &status);

	assert_true(WIFEXITED(status));
	needs(WEXITSTATUS(status) != IMPOSSIBLE, "ptrace(2)");
	assert_int_equal(WEXITSTATUS(status), error);
	return stops / 2;
}

/* A real remover is met up to 350 times, with several calls each time. */
TEST(a_reader_up_to_the_gap_costs_few_system_calls)
{
	struct foreign f = like_a_remover(F_SETLK);
	int at_once, in_time;
	pid_t program;

	needs_locks_of_descriptions();
	program = program_new(&f);
	at_once = count_calls(0, EAGAIN);
	in_time = count_calls(10, ETIMEDOUT);
	print_message("# %d and %d system calls\n", at_once, in_time);
	assert_true(at_once > 0 && at_once < 100);
	assert_true(in_time > 0 && in_time < 200);
	assert_intact(&f);
	program_end(program);
}
