/* SPDX-License-Identifier: 0BSD */
/*
 * The protocol: how a lock file is acquired, released and given up.
 * lockfile-fcntl(7) says the same to users, with the same numbers; the model in
 * tests/model checks it.
 *
 * Why three marks
 *
 * POSIX record locks of a process (F_SETLK, lockf) are broken by design: a close
 * of any descriptor of the file, by a library that merely read it, drops them;
 * threads do not exclude each other; children do not inherit them.  So the lock
 * itself, the *body*, is a record lock of the open file description
 * (F_OFD_SETLK, Linux 3.15, POSIX.1-2024), which has none of these faults.  But
 * it has no PID: nobody could find out which process holds it, and waiters for
 * it are listed without names.
 *
 * So the holder also has the *tag*, a record lock of the process on byte 0, for
 * its PID.  Tag and body together cover what a lock of the whole file covers:
 * every program that uses fcntl or lockf is excluded.  The tag comes before the
 * body.  F_GETLK of another program then meets a lock with a PID first, and
 * waiters queue at the tag, where /proc/locks shows their PIDs in order.
 * Exclusion never depends on the tag: it may be lost, as any close drops it.
 *
 * The file is removed on release, but a holder that removes it under waiters
 * scatters their queue: each of them would have to start over, in any order.  So
 * each waiter has a *presence*, a shared flock(2): the holder leaves a file on
 * which there is one, and the last that needs it removes it.  Presence decides
 * whether a file is removed.  It never decides whether that is safe.
 *
 * The one rule of safety
 *
 * Only a process that at this moment holds the body exclusively unlinks the
 * file.  Without it (the holder unlinks after it unlocked, or a waiter that
 * gives up unlinks because it saw nobody) another process may have locked and
 * verified the file meanwhile; it then holds a file that has no name, and the
 * next one creates another and holds that.  Model and stress tests found 600 to
 * 4,500 such overlaps in two seconds.
 *
 * For the same reason a lock that was granted counts only if the path still
 * names the locked file (step 5): the kernel grants a waiter the lock on a file
 * that was removed just before.
 *
 * Why this order, and why "look again"
 *
 * A holder or waiter that leaves must not leave the file to a process that
 * leaves too.  It takes the exclusive presence first, then the body, and when it
 * is refused the body it drops body, then presence, and only then checks
 * whether a holder is left.  Of two that leave at the same time, the later then sees
 * either the other's mark or a file that nobody holds, and removes it.  If they
 * took the body first, or checked earlier, both might see the other, and the file
 * would stay.  If they dropped the presence before the body, one would get the
 * presence while the body of the other still refuses it, and they might refuse
 * each other again and again.
 *
 * Why a remover's lock has a gap
 *
 * A process that does not hold the lock exclusively (it shared it, or waited)
 * locks the file for an instant to remove it.  A caller that does not wait and is
 * refused by that lock must not hear "held", for nobody holds the lock.  So a
 * remover's body has a gap of one byte that no holder's has, and F_OFD_GETLK
 * shows where the lock before the gap ends.  The refused caller starts over, and
 * finds the file gone.  The remover locks byte 0, the gap (for reading) and the
 * bytes behind it too: another program may lock any of them alone, and its file
 * must not be removed.
 *
 * Why a waiter keeps the tag for a moment
 *
 * When a holder ends without a release, the kernel drops its tag first, then closes
 * its other files, and drops the body last: microseconds later, or as late as a busy
 * machine lets it run again.  The first waiter has the tag by then and is refused the
 * body.  If it gave the tag back to wait for the body, so would the next, and the
 * whole queue would move on to where it has no names; and one that is kept from the
 * processor in between would be overtaken.  So it tries again for two milliseconds.
 * If the body is held then, it asks which processes are ending, as any user may, and
 * goes on until they have ended.  A time alone cannot distinguish a holder that is
 * slow to end from a child that keeps its lock.
 *
 * Why threads have a place of their own
 *
 * The tag belongs to the process, so the kernel would grant it to every thread of
 * it at the same time, ahead of the other processes in the queue.  So only one
 * thread of a process waits for the tag, and only if no other one holds the file.
 * The others lock byte 0 by their open file description, which the kernel keeps
 * apart from the process's locks: there they have a place of their own in the
 * same queue.  A thread that gets the lock so keeps its place, and has no tag: to
 * exchange one for the other would let the next in the queue in between.
 *
 * What failed
 *
 *  - Body without tag: no holder has a name.  Tag alone: any close drops it.
 *  - The tag on the last byte: a 32-bit program without large files gets
 *    EOVERFLOW when it asks about it.
 *  - Waiting at the body with the tag in hand: the tag names a waiter as the
 *    holder, and if the holder wants its tag back, each waits for the other.
 *  - A count of attempts instead of the far end: a fixed number of "start over"
 *    was exceeded under load, and sharers were refused without a holder.
 *  - Unlinking when presence alone is exclusive: the rule of safety, broken.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>

/*
 * A remover is done in a moment, unless it is stopped: then its lock is held.
 * After the first attempts there is a pause of a millisecond before each.
 */
#define TRIES_WITHOUT_PAUSE 100
#define MOST_REMOVERS 350

/*
 * How often a file that nobody seems to hold is tried again before it is left, with
 * the same pauses.  Another that leaves may have unlocked the body, and be kept
 * from the processor before it closes the file, which drops its tag: among a hundred
 * busy processes for longer than a quarter of a second.
 */
#define MOST_LOOKS 1100

/*
 * A network file system may answer ESTALE, or EEXIST without O_EXCL (MooseFS), when
 * another machine creates or replaces the file.  If it does so each time, it has
 * failed.
 */
#define MOST_STALE_ANSWERS 8

/*
 * Between two attempts to open a file under a lease, which the first one breaks.
 * An open that waits for that could not be cancelled.
 */
#define LEASE_PAUSE_MS 10

/* 0, or -EINTR: a signal handler ran. */
static int pause_ms(int ms)
{
	return lf_poll_until(-1, lf_deadline(ms));
}

static bool may_wait(enum lf_how how)
{
	return how == LF_WAIT || how == LF_WAIT_BOUNDED;
}

/* ---- Acquire, step 5 */

/* RC is the answer so far, which is good only for the file at the path. */
static int verify(const struct lf_lock *lock, const struct lf_request *request,
		  int rc)
{
	int at_path;

	if (rc < 0 || rc == LF_CANCELLED)
		return rc;
	at_path = lf_file_is_at(lock, request->dirfd, request->path);
	if (at_path == -ESTALE && !lock->borrowed)
		return LF_START_OVER;
	if (at_path < 0)
		return at_path;
	if (rc == LF_GOT && !lf_body_is_listed(lock))
		return -EINVAL; /* would leak, as if it were refused */
	/* The kernel of this machine keeps the locks, and not a FUSE server. */
	if (rc == LF_GOT && request->global && lock->marks.may_leak)
		return -ENOLCK;
	return rc;
}

static int write_pidfile(struct lf_lock *lock)
{
	int rc;

	if (!lock->pidfile)
		return LF_GOT;
	rc = lf_pidfile_write(lock);
	/* Content that others left is ours now. */
	if (rc == 0)
		lf_marks_own_file(lock);
	return rc;
}

static void hold(struct lf_lock *lock)
{
	lf_file_reconsider(lock);
	lf_table_hold(lock);
	/* A borrowed description may have been a child's, which adopted it. */
	if (lock->borrowed)
		lf_own_description(lock->fd);
}

/* ---- Release, and giving up */

/*
 * Marks are dropped explicitly: a close alone does not release what belongs to
 * the open file description while a child has a copy of the descriptor, nor on
 * some FUSE servers at all.
 */
static void unlock_and_close(struct lf_lock *lock)
{
	lf_flock_unlock(lock);
	lf_table_unlock_body(lock);
	lf_presence_unlock(lock);
	lf_table_close(lock);
}

/*
 * Whether to leave the file as it is: another process has the body, and will
 * remove it, or byte 0 alone and for long.  An error is not tried again either.
 */
static bool is_needed(const struct lf_lock *lock, int refusal, int *looks)
{
	pid_t pid;

	if (refusal != LF_BUSY || lf_body_test(lock, F_WRLCK, &pid) != LF_GOT)
		return true;
	if (++*looks > TRIES_WITHOUT_PAUSE)
		pause_ms(1);
	return *looks > MOST_LOOKS;
}

/*
 * Until here no other process that follows the protocol has removed the file;
 * from here on one may.
 */
static void stop_holding(struct lf_lock *lock, bool *holds, int *answer)
{
	if (*holds && lf_body_is_lost(lock))
		*answer = LF_LOST;
	else if (*holds && lf_file_verify_name(lock) == -ESTALE)
		*answer = LF_REPLACED;
	*holds = false;
	lf_table_unlock_body(lock);
}

/*
 * Leaves a file that is to be removed, with the body in any mode or without.
 * Returns what lf_release() returns of a holder.
 */
static int leave(struct lf_lock *lock)
{
	bool holds = lock->marks.body != F_UNLCK; /* since it was acquired */
	int answer = 0, looks = 0, found, rc;
	bool excluded;

	for (;;) {
		/* 1. Does anybody else need the file? */
		if (!lf_presence_is_alone(lock)) {
			/* Then another process will remove it. */
			if (lock->marks.body == F_UNLCK)
				break;
			/* Look again, no longer in the way. */
			stop_holding(lock, &holds, &answer);
			continue;
		}
		/* 2. Remove it while every other lock is excluded. */
		if (!lock->marks.place)
			lf_table_give_tag_back(lock);
		excluded = lf_body_is_exclusive(lock);
		rc = lf_body_try_to_remove(lock);
		if (rc == LF_GOT) {
			/* Until now another may have held it, and written to it. */
			if (!excluded)
				lf_file_examine(lock);
			found = lf_file_unlink(lock);
			if (holds || found == LF_LEFT)
				answer = found;
			break;
		}
		/* In this order: another has the presence when the body is free. */
		stop_holding(lock, &holds, &answer);
		lf_presence_unlock(lock);
		if (is_needed(lock, rc, &looks))
			break;
	}
	/* 3. Unlock the rest. */
	unlock_and_close(lock);
	return answer;
}

/*
 * A waiter that gives up, and a caller that had the body, leave as a holder does,
 * with or without presence: another may have left the file to them.  A refused
 * caller that did not wait just closes the file: to remove it would refuse the
 * next caller where lockf(3) does not show a remover.  One that starts over
 * usually finds the file gone; if its directory was renamed, it is still there.
 */
static void give_up(struct lf_lock *lock, int reason, enum lf_how how,
		    bool creates)
{
	bool counted = may_wait(how) || (lock->marks.body != F_UNLCK &&
					 (creates || reason != LF_START_OVER));

	if (!lf_file_examine(lock)) {
		/* The program closed the descriptor: it is not ours any more. */
		lf_table_drop(lock);
		return;
	}
	lf_flock_unlock(lock);
	lf_table_unlock_body(lock);
	/*
	 * Replicated Gluster may grant the tag after the close.  A sibling that has
	 * come to share the file since this one began to wait has it in its mode.
	 */
	if (lock->waits_for_tag &&
	    (lock->marks.may_leak || lf_table_has_sibling_of_other_type(lock)))
		lf_table_give_tag_back(lock);
	/* A lock of the process is a sibling's still, which will leave. */
	if (lock->marks.process_owned && lf_table_has_sibling(lock))
		counted = false;
	if (!counted || lock->keep || lock->foreign ||
	    lock->marks.never_remove ||
	    (reason == LF_START_OVER &&
	     lf_file_is_at(lock, lock->dirfd, lock->name) < 0))
		unlock_and_close(lock);
	else
		leave(lock);
}

/* Of a holder whose file stays, while it still has the lock. */
static int answer_of_keeper(struct lf_lock *lock)
{
	if (lf_body_is_lost(lock) || lock->marks.flock_is_lost)
		return LF_LOST;
	/* To look at the path costs a tenth of all that a release does. */
	if (lock->keep)
		return 0;
	return lf_file_verify_name(lock) == -ESTALE ? LF_REPLACED : LF_LEFT;
}

int lf_protocol_release(struct lf_lock *lock)
{
	bool stays = lock->keep || lock->foreign || lock->marks.never_remove;
	int answer = stays ? answer_of_keeper(lock) : 0;

	lf_adopt_stop(lock);
	if (lock->pidfile)
		lf_pidfile_clear(lock);
	if (lock->marks.process_owned && !lf_table_claim_release(lock)) {
		/* The last handle of this process will remove the file. */
		lf_flock_unlock(lock);
		lf_table_close(lock);
		return answer;
	}
	if (!stays)
		return leave(lock);
	/* 3. The file stays. */
	unlock_and_close(lock);
	return answer;
}

/* ---- One attempt, and the policy of trying again */

/* The kernel refuses open-file-description locks here, or would leak them. */
static int fall_back(struct lf_request *request)
{
	unlock_and_close(request->attempt);
	request->attempt = NULL;
	request->process_owned = true;
	return LF_START_OVER;
}

/* The numbers are those of lockfile-fcntl(7). */
static int attempt(struct lf_request *request, enum lf_how how)
{
	struct lf_lock *lock = request->attempt;
	int rc;

	/* 1. Open the file; the handle of a refused attempt serves again. */
	if (!lock) {
		rc = lf_file_open(&lock, request);
		if (rc < 0)
			return rc;
	}
	rc = lf_table_claim(lock, lock->type, how, &request->claim);
	if (rc != LF_GOT && !(rc == LF_BUSY && how == LF_NO_WAIT_KEEP_OPEN)) {
		request->attempt = NULL;
		lf_table_close(lock);
		return rc;
	}
	request->attempt = lock;
	if (rc != LF_GOT)
		return rc;
	if (lf_may_be_closed(lock))
		return -EBADF;
	/* 2 to 4: the record locks. */
	rc = may_wait(how) ? lf_records_wait(request, how) :
			     lf_records_try(lock);
	/* The lock of flock(2). */
	if (rc == LF_GOT && lock->flock)
		rc = lf_flock_lock(request, how);
	/* 5. Verify that the path still names the file. */
	rc = verify(lock, request, rc);
	if (rc == LF_GOT)
		rc = write_pidfile(lock);
	if (rc == LF_GOT)
		hold(lock);
	if (rc == -EINVAL && !request->process_owned)
		return fall_back(request);
	return rc;
}

/* A call that does not wait ends in a moment: no signal interrupts it. */
static int after_remover(int count, enum lf_how how)
{
	if (count == MOST_REMOVERS)
		return LF_BUSY;
	if (count > TRIES_WITHOUT_PAUSE && pause_ms(1) < 0 && may_wait(how))
		return -EINTR;
	return LF_START_OVER;
}

/*
 * A moment after -EBUSY: another process has a lease on the file, and has been
 * asked to give it up.  0: to be tried again; -EBUSY: cancelled; -EINTR.
 */
static int await_lease(const struct lf_request *request)
{
	const atomic_bool *cancelled = &request->claim.cancelled;
	int rc = atomic_load(cancelled) ? -EBUSY : pause_ms(LEASE_PAUSE_MS);

	/* With musl a cancellation interrupts the pause. */
	return rc < 0 && atomic_load(cancelled) ? -EBUSY : rc;
}

int lf_protocol_acquire(struct lf_lock **acquired, struct lf_request *request,
			enum lf_how how)
{
	int removers = 0, stale = 0;

	for (;;) {
		int rc = attempt(request, how);

		if (rc == LF_GOT) {
			*acquired = request->attempt;
			return LF_GOT;
		}
		if (how == LF_NO_WAIT_KEEP_OPEN &&
		    (rc == LF_BUSY || rc == LF_REMOVER)) {
			/* The tag would name a waiter until it waits. */
			if (request->attempt->marks.tag)
				lf_table_give_tag_back(request->attempt);
			return LF_BUSY;
		}
		if (rc == LF_REMOVER)
			rc = after_remover(++removers, how);
		if (rc == -EBUSY && may_wait(how)) {
			rc = await_lease(request);
			if (rc == 0)
				continue;
		}
		if ((rc == -ESTALE || rc == -EEXIST) && request->fd < 0 &&
		    ++stale < MOST_STALE_ANSWERS)
			rc = LF_START_OVER;
		if (request->attempt)
			give_up(request->attempt, rc, how, request->create);
		request->attempt = NULL;
		if (rc != LF_START_OVER)
			return rc;
	}
}

/* What the kernel granted is unknown: it counts as granted. */
void lf_protocol_cancelled(struct lf_request *request)
{
	struct lf_lock *lock = request->attempt;

	lock->marks.body = lock->type;
	lock->marks.flock = lock->flock;
	give_up(lock, LF_CANCELLED, LF_WAIT, true);
	request->attempt = NULL;
}
