/* SPDX-License-Identifier: 0BSD */
/*
 * Files under a lease of another process (F_SETLEASE).  An open breaks it: the
 * kernel sends that process SIGIO, which ends one that does not expect it, and
 * the open fails or waits until the lease is given up.
 */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct holder {
	short lease; /* F_WRLCK or F_RDLCK */
	bool locks;
	bool yields; /* when it is asked to and the test opens a gate */
	struct gate ready, asked, go;
	pid_t pid;
};

static int wait_to_yield(struct holder *holder, int fd, const sigset_t *io)
{
	int signal;

	demand(sigwait(io, &signal) == 0);
	gate_open(holder->asked);
	gate_pass(holder->go);
	demand(fcntl(fd, F_SETLEASE, F_UNLCK) == 0);
	return 0;
}

static int hold_lease(void *argument)
{
	struct holder *holder = argument;
	int fd = open(lock_path, holder->lease == F_RDLCK ? O_RDONLY : O_RDWR);
	struct flock whole = { .l_type = F_WRLCK };
	sigset_t io;

	sigemptyset(&io);
	sigaddset(&io, SIGIO);
	if (holder->yields)
		sigprocmask(SIG_BLOCK, &io, NULL);
	demand(fd >= 0 && fcntl(fd, F_SETLEASE, holder->lease) == 0);
	demand(!holder->locks || fcntl(fd, F_SETLK, &whole) == 0);
	gate_open(holder->ready);
	if (holder->yields)
		return wait_to_yield(holder, fd, &io);
	pause();
	return 1;
}

static bool can_have_leases(void)
{
	int fd = open(lock_path, O_RDWR | O_CREAT, 0666);
	bool can = fd >= 0 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0;

	close(fd);
	return can;
}

static void holder_start(struct holder *holder)
{
	needs(can_have_leases(), "leases on this file system");
	holder->ready = gate_new();
	holder->asked = gate_new();
	holder->go = gate_new();
	holder->pid = child_start(hold_lease, holder);
	gate_pass(holder->ready);
}

static void holder_free(struct holder *holder)
{
	gate_free(holder->ready);
	gate_free(holder->asked);
	gate_free(holder->go);
}

static void holder_kill(struct holder *holder)
{
	assert_kill(holder->pid);
	holder_free(holder);
}

/* It has been asked to, by an open of the file. */
static void holder_yield(struct holder *holder)
{
	gate_pass(holder->asked);
	gate_open(holder->go);
	assert_finish(holder->pid);
	holder_free(holder);
}

/* --- Inspection: the lease stays, and its holder lives */

TEST(a_file_under_a_lease_is_not_opened_to_inspect_it)
{
	struct holder holder = { .lease = F_WRLCK };
	const char *const paths[] = { lock_path };
	struct lf_report *report;

	needs_proc_with_locks();
	holder_start(&holder);
	assert_int_equal(lf_check(lock_path, NULL), -EBUSY);
	assert_int_equal(lf_inspect(lock_path, &report), -EBUSY);
	assert_null(report);
	assert_int_equal(lf_inspect_all(&report, paths, 1), 0);
	assert_int_equal(lf_report_status(report), -EBUSY);
	lf_report_free(report);
	holder_kill(&holder);
	assert_int_equal(lf_check(lock_path, NULL), 0);
}

TEST(a_lock_beside_a_lease_is_reported_as_listed)
{
	struct holder holder = { .lease = F_WRLCK, .locks = true };
	struct lf_report *report;

	needs_proc_with_locks();
	holder_start(&holder);
	assert_int_equal(lf_check(lock_path, NULL), -EBUSY);
	assert_int_equal(lf_inspect(lock_path, &report), 1);
	assert_int_equal(lf_entry_pid(lf_report_next(report, NULL)),
			 holder.pid);
	lf_report_free(report);
	holder_kill(&holder);
}

TEST(a_lease_for_reading_does_not_mind_an_inspection)
{
	struct holder holder = { .lease = F_RDLCK };

	holder_start(&holder);
	assert_int_equal(lf_check(lock_path, NULL), 0);
	holder_kill(&holder);
}

/* --- Acquiring: the lease is broken */

static int acquire_now(void)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, lock_path, 0, 0);

	return rc == 0 ? lf_release(&lock) : rc;
}

TEST(without_waiting_a_lease_is_EBUSY)
{
	struct holder holder = { .lease = F_WRLCK, .yields = true };

	holder_start(&holder);
	assert_int_equal(acquire_now(), -EBUSY);
	holder_yield(&holder);
	assert_int_equal(acquire_now(), 0);
}

/* ACT waits until the holder of the lease yields. */
static void wait_for_lease(enum act act, int timeout_ms)
{
	struct holder holder = { .lease = F_WRLCK, .yields = true };
	struct actor *actor;

	holder_start(&holder);
	actor = actor_process();
	actor_begin(actor, act, timeout_ms, 0);
	holder_yield(&holder);
	assert_int_equal(actor_result(actor), 0);
	if (act == START)
		actor_must(actor, FINISH, 0, 0);
	actor_release(actor);
}

TEST(a_call_that_waits_waits_for_the_lease)
{
	wait_for_lease(ACQUIRE, LF_FOREVER);
}

TEST(a_call_with_a_bound_waits_for_the_lease)
{
	wait_for_lease(ACQUIRE, LONG_MS);
}

TEST(lf_start_waits_for_the_lease)
{
	wait_for_lease(START, 0);
}

/* It says nothing about the lock. */
TEST(when_the_time_is_over_the_lease_is_EBUSY)
{
	struct holder holder = { .lease = F_WRLCK, .yields = true };
	struct lf_lock *lock;

	holder_start(&holder);
	assert_int_equal(lf_acquire(&lock, lock_path, 30, 0), -EBUSY);
	assert_null(lock);
	holder_yield(&holder);
}

/* The wait for the lease ends with it. */
TEST(a_pending_wait_for_a_lease_can_be_given_up)
{
	struct holder holder = { .lease = F_WRLCK, .yields = true };
	struct lf_lock *lock;

	holder_start(&holder);
	assert_int_equal(lf_start(&lock, lock_path, 0), 0);
	gate_pass(holder.asked);
	assert_int_equal(lf_release(&lock), 0);
	gate_open(holder.go);
	assert_finish(holder.pid);
	assert_free(lock_path);
	holder_free(&holder);
}
