/* SPDX-License-Identifier: 0BSD */
/*
 * --slots: up to N COMMANDs at a time.
 *
 * Each slot, LOCKFILE.1 to LOCKFILE.N, is a lock like any other.  A slot is taken
 * by the holder of the queue only, which is the lock LOCKFILE.  So it can count the
 * held slots and then take a free one: meanwhile slots become free, but no other
 * caller starts.  It counts all held slots, also LOCKFILE.9 of a caller with a
 * greater N: a smaller N lets nobody in until the number has fallen below it.
 *
 * If there are too many, the holder of the queue waits.  It starts to wait for
 * each of the held slots, the kernel wakes it when it gets one, it gives all back
 * and counts again.  The others wait for the queue, so the kernel keeps their
 * order, and if the first of them is killed, the next has the queue.
 */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/*
 * On a busy machine the thread of lf_start() may not run for a second: then a
 * relative path fails with EIO.
 */
#define MOST_FAILURES 10

struct slots {
	bool held[MOST_SLOTS + 1];
	int count; /* of those that are held */
};

/*
 * A caller that does not wait is refused if no slot is free, not because another
 * holds the queue only to take a slot, which takes a moment.
 */
#define MOMENT_MS 50
#define MOST_MOMENTS 20

/* Kept: the thread that prints a message has one too. */
static const char *name_slot(const struct options *o, int slot)
{
	static char **names;

	if (!names)
		names = checked(calloc(MOST_SLOTS + 1, sizeof(*names)));
	if (!names[slot])
		names[slot] = slot_path(o->paths[0], slot);
	return names[slot];
}

/* Something else than a file cannot be a slot that another caller has. */
static bool is_no_slot(const struct options *o, int slot, int error)
{
	return slot > o->slots && (error == -EISDIR || error == -ENOTSUP ||
				   error == -ELOOP);
}

/*
 * With the queue, by an attempt to lock it: lf_check() reads the kernel's list of
 * all locks, which takes the longer the more there are, and stops the machine's
 * other users of locks meanwhile.  But such an attempt removes the file, and one
 * with a greater number may be no slot.  A slot under a lease is waited for.
 */
static int is_held(const struct options *o, int slot, bool has_queue)
{
	const char *name = name_slot(o, slot);
	struct lf_lock *lock;
	int rc;

	if (!has_queue || slot > o->slots)
		return lf_check(name, NULL);
	rc = lf_acquire_at(&lock, AT_FDCWD, name, o->mode, 0,
			   (o->flags & ~LF_PID) | LF_NOCREATE);
	if (rc == 0)
		lf_release(&lock);
	return rc == -EAGAIN || rc == -EBUSY ? 1 : rc == -ENOENT ? 0 : rc;
}

/* 0, or an error about *PATH. */
static int count_held(const struct options *o, struct slots *slots,
		      bool has_queue, const char **path)
{
	slots->count = 0;
	slots_find(o->paths[0], slots->held, false);
	for (int slot = 1; slot <= MOST_SLOTS; slot++) {
		int rc = slots->held[slot] ? is_held(o, slot, has_queue) : 0;

		if (rc < 0 && !is_no_slot(o, slot, rc)) {
			*path = name_slot(o, slot);
			return rc;
		}
		slots->held[slot] = rc > 0;
		slots->count += rc > 0;
	}
	return 0;
}

static int first_held(const struct slots *slots)
{
	int slot = 1;

	while (!slots->held[slot])
		slot++;
	return slot;
}

/*
 * The first free slot, while this process has the queue.  A program that locks a
 * slot without the queue may be faster; its slot is held then.
 */
static int take_slot(struct lf_lock **lock, const struct options *o,
		     struct slots *slots, const char **path)
{
	int rc = count_held(o, slots, true, path);

	if (rc < 0)
		return rc;
	for (int slot = 1; slots->count < o->slots; slot++) {
		if (slots->held[slot])
			continue;
		*path = name_slot(o, slot);
		rc = lf_acquire_at(lock, AT_FDCWD, *path, o->mode, 0, o->flags);
		if (rc != -EAGAIN)
			return rc;
		slots->held[slot] = true;
		slots->count++;
	}
	*path = name_slot(o, first_held(slots));
	return -EAGAIN;
}

/* END is by now(), or 0: never. */
static int milliseconds_until(double end)
{
	double left = (end - now()) * 1e3;

	if (end == 0)
		return LF_FOREVER;
	return left <= 0 ? 0 : left < INT_MAX - 1 ? (int)left + 1 : INT_MAX;
}

/*
 * A wait needs up to four descriptors, as long as it lasts.  Returns the limit as
 * it was, which is that of COMMAND.
 */
static struct rlimit allow_descriptors(void)
{
	struct rlimit was, most;

	getrlimit(RLIMIT_NOFILE, &was);
	most = was;
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
	return was;
}

/*
 * One wait for each held slot; a slot whose file has gone is free.  If one cannot be
 * begun, the call fails: with the others alone it might wait while a slot is free.
 */
static int start_waits(struct lf_lock **waits, struct pollfd *polled,
		       const struct options *o, const struct slots *slots,
		       const char **path)
{
	unsigned flags = (o->flags & ~LF_PID) | LF_NOCREATE;

	for (int slot = 1, i = 0; i < slots->count; slot++) {
		int rc;

		if (!slots->held[slot])
			continue;
		*path = name_slot(o, slot);
		rc = lf_start(&waits[i], *path, flags);
		if (rc < 0)
			return rc;
		polled[i].fd = lf_pending_fd(waits[i]);
		polled[i].events = POLLIN;
		i++;
	}
	return 0;
}

/* The error of a wait that has ended, or 0. */
static int ended_by(struct lf_lock **waits, const struct pollfd *polled,
		    const struct slots *slots)
{
	int rc = 0;

	for (int i = 0; i < slots->count && rc == 0; i++)
		if (polled[i].revents != 0)
			rc = lf_finish(&waits[i]);
	return rc;
}

static int poll_waits(struct lf_lock **waits, struct pollfd *polled,
		      const struct slots *slots, double end)
{
	int rc = poll(polled, (nfds_t)slots->count, milliseconds_until(end));

	if (rc == 0)
		return -ETIMEDOUT;
	return rc < 0 ? -errno : ended_by(waits, polled, slots);
}

/* Until one of the held slots may be free; 0, or an error about *PATH. */
static int wait_for_any(const struct options *o, const struct slots *slots,
			double end, const char **path)
{
	size_t count = (size_t)slots->count;
	struct lf_lock **waits = checked(calloc(count, sizeof(*waits)));
	struct pollfd *polled = checked(calloc(count, sizeof(*polled)));
	struct rlimit was = allow_descriptors();
	int rc = start_waits(waits, polled, o, slots, path);

	if (rc == 0) {
		*path = name_slot(o, first_held(slots));
		rc = poll_waits(waits, polled, slots, end);
	}
	for (size_t i = 0; i < count; i++)
		lf_release(&waits[i]);
	setrlimit(RLIMIT_NOFILE, &was);
	free(polled);
	free(waits);
	return rc == -ENOENT ? 0 : rc;
}

/* Whether another is the head of the queue, and does not only take a slot. */
static bool is_any_waited_for(const struct options *o,
			      const struct slots *slots)
{
	bool waited_for = false;

	for (int slot = 1; slot <= MOST_SLOTS && !waited_for; slot++) {
		const struct lf_entry *entry = NULL;
		struct lf_report *report;

		if (!slots->held[slot] ||
		    lf_inspect(name_slot(o, slot), &report) < 0)
			continue;
		while ((entry = lf_report_next(report, entry)) != NULL)
			waited_for |= lf_entry_waits(entry);
		lf_report_free(report);
	}
	return waited_for;
}

static int lock_queue(struct lf_lock **queue, const struct options *o,
		      int timeout_ms)
{
	return lf_acquire_at(queue, AT_FDCWD, o->paths[0], o->mode, timeout_ms,
			     o->flags & ~LF_PID);
}

/* *PATH is held, or failed. */
static int explain_refusal(const struct options *o, struct slots *slots, int rc,
			   const char **path)
{
	int error = count_held(o, slots, false, path);

	if (error < 0)
		return error;
	*path = slots->count >= o->slots ? name_slot(o, first_held(slots)) :
					   o->paths[0];
	return rc;
}

/*
 * A number that is counted without the queue refuses nobody: the holder of the queue
 * may be counting too, and it holds one free slot after the other for an instant.
 */
static int enter_queue(struct lf_lock **queue, const struct options *o,
		       struct slots *slots, int timeout_ms, const char **path)
{
	int rc = lock_queue(queue, o, timeout_ms);

	*path = o->paths[0];
	for (int moments = 0;; moments++) {
		if (rc != -EAGAIN && rc != -ETIMEDOUT)
			return rc;
		/* A call that waits follows, but the place is for one. */
		if (timeout_ms == 0 && o->timeout_ms != 0 && !o->one_waiter)
			return rc;
		rc = explain_refusal(o, slots, rc, path);
		if (rc == -ETIMEDOUT && timeout_ms == 0)
			rc = -EAGAIN;
		if (rc != -EAGAIN || moments == MOST_MOMENTS ||
		    is_any_waited_for(o, slots))
			return rc;
		*path = o->paths[0];
		rc = lock_queue(queue, o, MOMENT_MS);
	}
}

int slots_acquire(struct lf_lock **lock, const struct options *o,
		  int timeout_ms, const char **path)
{
	double end = timeout_ms > 0 ? now() + timeout_ms / 1e3 : 0;
	struct lf_lock *queue;
	struct slots slots;
	int failures = 0;
	int rc = enter_queue(&queue, o, &slots, timeout_ms, path);

	if (rc < 0)
		return rc;
	do {
		rc = take_slot(lock, o, &slots, path);
		if (rc != -EAGAIN || timeout_ms == 0)
			break;
		rc = wait_for_any(o, &slots, end, path);
	} while (rc == 0 || (rc == -EIO && failures++ < MOST_FAILURES));
	lf_release(&queue);
	return rc;
}

void slots_announce(const char *path)
{
	if (setenv("LF_SLOT", strrchr(path, '.') + 1, 1) < 0)
		out_of_memory();
}
