/* SPDX-License-Identifier: 0BSD */
/* Who holds a lock file, seen from outside and without touching it. */
#include "config.h"

#include "inspect/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* How much longer than a moment one that does not get to run is given. */
#define LONGEST_MS 200

/* Whether another holds the body: 1 and its process or 0, or 0. */
static int body_owner(const struct lf_lock *lock, pid_t *pid)
{
	int rc = lf_body_test(lock, F_WRLCK, pid);

	return rc == LF_REMOVER ? 0 : rc;
}

static bool body_held(const struct lf_lock *lock)
{
	pid_t pid;

	return body_owner(lock, &pid) > 0;
}

/*
 * Whether PID has the tag for longer than a waiter needs to try the body: at
 * each look, since who tries for the lock again and again has the tag again and
 * again.  One that only waits for a processor meanwhile, and got less than a
 * whole clock tick, may be such a waiter still.
 */
static bool keeps_tag(const struct lf_lock *lock, pid_t pid)
{
	/* PID 0 is somebody of another namespace, and not ourselves. */
	int process = pid > 0 ? lf_process_open(pid) : -1;
	unsigned long long before = 0, now;
	bool keeps = false;

	lf_process_is_runnable(process, &before);
	for (int ms = 1; ms <= LONGEST_MS && !keeps; ms++) {
		pid_t again;

		poll(NULL, 0, 1);
		if (lf_tag_test(lock, &again) <= 0 || again != pid)
			break;
		keeps = ms >= LF_MOMENT_MS &&
			(lf_process_is_runnable(process, &now) <= 0 ||
			 now > before + 1);
	}
	if (process >= 0)
		close(process);
	return keeps;
}

/*
 * The owner of the tag is called the holder only if that is sure: it has the
 * body among its descriptors, or, where we may not look, it keeps the tag and
 * the body is held still.  A waiter behind a holder that lost
 * its tag has the tag for the instant until it has tried the body.
 */
static bool is_holder(const struct lf_lock *lock, pid_t pid)
{
	struct stat file = { .st_dev = lock->dev, .st_ino = lock->ino };
	int has = lf_process_has_lock(pid, &file, lf_is_body);

	if (has >= 0)
		return has;
	return keeps_tag(lock, pid) && body_held(lock);
}

/* A server may give the PID of a process on another machine. */
static bool is_elsewhere(const struct lf_lock *lock)
{
	return !lock->marks.use_tag || lock->marks.may_leak;
}

/*
 * 1 held, 0 free; the PID is the holder's or 0.  The tag alone is held for the
 * moment between two steps of the protocol, or by a program that locks the
 * first byte and no more, which is in the way as well.
 */
static int find_holder(const struct lf_lock *lock, struct lf_holder *holder)
{
	pid_t *pid = &holder->pid;
	int rc = body_owner(lock, pid);

	if (is_elsewhere(lock)) {
		*pid = 0;
		return rc;
	}
	if (rc == 0 && lf_tag_test(lock, pid) > 0)
		return keeps_tag(lock, *pid);
	if (rc > 0 && *pid == 0 && lf_tag_test(lock, pid) > 0) {
		holder->nameless = *pid == 0;
		if (*pid > 0 && !is_holder(lock, *pid))
			*pid = 0;
	}
	return rc;
}

int lf_find_holder(const char *path, struct lf_holder *holder)
{
	struct lf_request request = {
		.dirfd = AT_FDCWD,
		.path = path,
		.fd = -1,
		.type = F_RDLCK,
		.inspects = true,
	};
	struct lf_lock *lock;
	struct stat st;
	int rc;

	*holder = (struct lf_holder){ .pid = 0 };
	/* Not opened before: to open a device or a FIFO may have effects. */
	if (lstat(path, &st) < 0)
		return errno == ENOENT && path[0] != '\0' ? 0 : -errno;
	if (!S_ISREG(st.st_mode))
		return lf_file_check_type(st.st_mode);
	/* Nor while we hold it: the kernel does not show us our own locks. */
	if (lf_table_process_holds(&st)) {
		holder->pid = getpid();
		return 1;
	}
	rc = lf_file_open(&lock, &request);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	rc = find_holder(lock, holder);
	holder->elsewhere = is_elsewhere(lock);
	if (rc > 0 && st.st_size > 0)
		holder->pidfile = lf_pidfile_read(lock, &holder->written);
	lf_table_close(lock);
	return rc;
}

int lf_check_holder(const char *path, pid_t *pid)
{
	struct lf_holder holder;
	int rc = lf_find_holder(path, &holder);

	*pid = rc > 0 ? holder.pid : 0;
	return rc;
}
