/*
 * liblockfile-fcntl - lock files that are never stale
 *
 * SPDX-License-Identifier: 0BSD
 *
 * A lock file is a regular file under a kernel record lock.  The kernel drops
 * the lock when its holder ends, however it ends; the file itself means
 * nothing and is removed on release unless LF_KEEP is given.
 *
 * Every function that returns int returns 0 or a positive result on success
 * and a negative errno value on failure; the manual page of the function lists
 * every value that it may return.  No function changes errno, writes to a
 * standard stream, installs a signal handler or ends the process.
 *
 * Threads: all functions may be called from any thread; one handle is used by
 * one thread at a time.  Two threads that ask for one file exclude each other.
 * No function is a cancellation point, none is async-signal-safe.
 */
#ifndef LOCKFILE_FCNTL_H
#define LOCKFILE_FCNTL_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
# define LF_PUBLIC __attribute__((__visibility__("default")))
#else
# define LF_PUBLIC
#endif

/* A lock that this process holds.  Opaque; NULL means "no lock". */
struct lf_lock;

/*
 * timeout_ms, as in poll(2): 0 does not wait, LF_FOREVER waits for ever, more is
 * a bound on the whole call, on the monotonic clock.
 */
#define LF_FOREVER (-1)

/* Flags of lf_acquire(), lf_acquire_at() and lf_start(). */
#define LF_KEEP     0x1u /* leave the file in place on release */
#define LF_NOCREATE 0x2u /* the file must exist already */
#define LF_PID      0x4u /* write the PID into the file, while it is locked */
#define LF_FOLLOW   0x8u /* PATH may be a symbolic link; implies LF_KEEP */
#define LF_SHARED   0x10u /* others may share the lock; not with LF_PID */

/*
 * Takes a lock, exclusive unless LF_SHARED is given, on the file PATH and stores
 * the handle in *LOCK (NULL on failure); it is the caller's, to be given to
 * lf_release().  The file is created, mode 0666 less the umask, if it is
 * missing.
 *
 * PATH is copied.  FLAGS is 0 or some of LF_*.
 *
 * Returns 0, or -EAGAIN if another holds the lock and TIMEOUT_MS is 0,
 * -ETIMEDOUT if it held it so long, -EINTR if a signal handler ran while
 * waiting, -EDEADLK if waiting would never end, or another error of
 * lf_acquire(3).
 */
LF_PUBLIC int lf_acquire(struct lf_lock **lock, const char *path,
			 int timeout_ms, unsigned flags);

/*
 * The same; a relative PATH is taken from the directory DIRFD (AT_FDCWD: the
 * working directory), and a new file gets MODE less the umask.  DIRFD may be
 * closed afterwards.
 */
LF_PUBLIC int lf_acquire_at(struct lf_lock **lock, int dirfd, const char *path,
			    mode_t mode, int timeout_ms, unsigned flags);

/*
 * Takes a lock on each of the COUNT files PATHS, or on none: waits, if it may,
 * only while it holds nothing, so that no order of the paths makes a deadlock.
 * Stores the handles in LOCKS, each to be given to lf_release(); where a path
 * names a file that another has named already, NULL.
 *
 * Returns as lf_acquire() does; all of LOCKS are NULL then, and *FAILED, unless
 * FAILED is NULL, is the index of the path that could not be had.
 */
LF_PUBLIC int lf_acquire_all(struct lf_lock **locks, const char *const *paths,
			     size_t count, int timeout_ms, unsigned flags,
			     size_t *failed);

/*
 * Takes a lock on the file of the descriptor FD, which must be open for writing
 * (with LF_SHARED for reading) and stays the caller's: it is neither closed nor
 * is the file created, removed or stamped.  The lock belongs to the open file
 * description: to all who share the descriptor.  FLAGS is 0 or LF_SHARED.
 *
 * Returns as lf_acquire() does, and -EBADF if FD is not open as it must be,
 * -ESTALE if the file has been removed.
 */
LF_PUBLIC int lf_acquire_fd(struct lf_lock **lock, int fd, int timeout_ms,
			    unsigned flags);

/*
 * Begins to wait for a lock, without blocking, and stores a pending handle in
 * *LOCK.  lf_finish() makes it a lock, lf_release() gives the wait up.  Costs a
 * thread, which waits in the kernel, and two descriptors.
 */
LF_PUBLIC int lf_start(struct lf_lock **lock, const char *path, unsigned flags);

/*
 * A descriptor to poll(2): readable when lf_finish() will not block.  It is the
 * handle's; never read or close it.  -EBADF if the handle is not pending.
 */
LF_PUBLIC int lf_pending_fd(const struct lf_lock *lock);

/*
 * Waits for what lf_start() began.  Returns 0, and *LOCK is a lock as from
 * lf_acquire(), or an error, and *LOCK is NULL.
 */
LF_PUBLIC int lf_finish(struct lf_lock **lock);

/*
 * Makes an exclusive lock shared (LF_SHARED), at once, or a shared one exclusive
 * (FLAGS 0), as soon as nobody else shares it: TIMEOUT_MS as for lf_acquire(),
 * but not LF_FOREVER, since two who share it and both want it alone would wait
 * for each other.
 *
 * Returns 0; -EAGAIN, -ETIMEDOUT or -EDEADLK if others share it, and then it is
 * held as before.
 */
LF_PUBLIC int lf_convert(struct lf_lock *lock, int timeout_ms, unsigned flags);

/*
 * In a forked child: makes the lock the child's, as for a daemon.  The PID that
 * the lock shows, the stamp of LF_PID and the removal become its own.  The
 * parent, when it has heard that the child adopted, exits or calls lf_release(),
 * which then only forgets the handle; as long as it does neither, the lock goes
 * on to show the PID of the parent.
 *
 * Returns 0; -EAGAIN if the parent does not share its lock or has released it
 * and another has it; -ESTALE if the path no longer names the file.
 */
LF_PUBLIC int lf_adopt(struct lf_lock *lock);

/*
 * Releases the lock, removes the file unless it is to be kept or others wait
 * for it, frees the handle and sets *LOCK to NULL.
 *
 * In a forked child that has not adopted the lock this only closes the inherited
 * descriptor, and so it does in a process whose child has adopted it: lock and
 * file stay with the holder.
 *
 * Returns 0; 1 if the file was left in place although it was to be removed
 * (it has content, or this process may not remove it); -EBADF if *LOCK is NULL.
 */
LF_PUBLIC int lf_release(struct lf_lock **lock);

/*
 * Tells whether the path still names the locked file: 0, or -ESTALE if it was
 * removed or replaced by somebody who does not keep to the protocol.
 */
LF_PUBLIC int lf_verify(const struct lf_lock *lock);

/*
 * The descriptor of the locked file (close-on-exec, never below 3), or -EBADF.
 * It is the handle's: never close it.  A process that inherits it shares the
 * lock.
 */
LF_PUBLIC int lf_fileno(const struct lf_lock *lock);

/* What the lock is to the kernel: see lockfile-fcntl(7); or -EBADF. */
enum lf_backend {
	LF_BACKEND_OFD = 1, /* of the open file description: the full guarantee */
	LF_BACKEND_FCNTL,   /* of the process, by fcntl(2): weaker */
	LF_BACKEND_LOCKF    /* of the process, by lockf(3): weaker */
};
LF_PUBLIC int lf_backend(const struct lf_lock *lock);

/*
 * The path as it was given, or /dev/fd/N for a borrowed descriptor; valid until
 * the lock is released; NULL for NULL.
 */
LF_PUBLIC const char *lf_path(const struct lf_lock *lock);

/*
 * Writes <acquired lock file '/run/app.lock'> to BUFFER, as snprintf(3) does:
 * at most SIZE bytes with the final NUL; the result is the whole length
 * without it.  Returns -EBADF for a NULL handle.
 */
LF_PUBLIC int lf_describe(const struct lf_lock *lock, char *buffer,
			  size_t size);

/*
 * Tells whether a process, this one included, holds a lock on the file PATH:
 * 1 held, 0 free (a missing file is free).  Stores the PID of the holder in
 * *PID unless PID is NULL; 0 if the lock is free or its holder is not known.
 * Never creates, changes or locks anything.
 */
LF_PUBLIC int lf_check(const char *path, pid_t *pid);

/*
 * All that is known of the locks on a file, as it was when lf_inspect() looked:
 * an entry for each process that has a lock, then one for each that waits, in
 * the order in which they will have it.  Both are opaque; an entry belongs to its
 * report.
 */
struct lf_report;
struct lf_entry;

/*
 * Tells whether a process, this one included, holds a lock on the file PATH, 1
 * held, 0 free, as lf_check() does, and stores in *REPORT who has one and who
 * waits (NULL on failure); it is the caller's, to be given to lf_report_free().
 * A file that may not be opened is held if the kernel lists a lock on it;
 * otherwise this cannot be told: -EACCES.  Never creates, changes or locks
 * anything.
 */
LF_PUBLIC int lf_inspect(const char *path, struct lf_report **report);
LF_PUBLIC void lf_report_free(struct lf_report *report);

/* The entry after ENTRY, the first one for NULL; NULL after the last. */
LF_PUBLIC const struct lf_entry *lf_report_next(const struct lf_report *report,
						const struct lf_entry *entry);

/* 1: there may be holders or waiters that the system does not show here. */
LF_PUBLIC int lf_report_partial(const struct lf_report *report);

/*
 * 1: the content of the file is a PID as LF_PID writes it, stored in *PID, and
 * the file was last written at *WRITTEN, in seconds since the Epoch (either may
 * be NULL).  The PID means nothing unless it is that of a holder.  No time_t,
 * whose size a program may choose (_TIME_BITS of the GNU C library).
 */
LF_PUBLIC int lf_report_stamp(const struct lf_report *report, pid_t *pid,
			      long long *written);

/* 0: has a lock, 1: waits for one. */
LF_PUBLIC int lf_entry_waits(const struct lf_entry *entry);

/* 0: the lock is exclusive, or that is not known, 1: shared. */
LF_PUBLIC int lf_entry_shared(const struct lf_entry *entry);

/*
 * Whose the lock is; one of flock(2) does not exclude the others, and a file
 * that has no others is free.
 */
enum {
	LF_TYPE_UNKNOWN,
	LF_TYPE_OFDLCK, /* of an open file description */
	LF_TYPE_POSIX,	/* of a process */
	LF_TYPE_FLOCK	/* of flock(2) */
};
LF_PUBLIC int lf_entry_type(const struct lf_entry *entry);

/*
 * The process, or 0: not known; how it is known; and its start time, by which
 * one can be sure later that the PID is still that process: field 22 of
 * /proc/PID/stat, in clock ticks after boot, or 0: not known.
 */
LF_PUBLIC pid_t lf_entry_pid(const struct lf_entry *entry);
enum {
	LF_SOURCE_NONE,
	LF_SOURCE_LOCK,	     /* the lock or the request names it */
	LF_SOURCE_TAG,	     /* it has the tag, see lockfile-fcntl(7) */
	LF_SOURCE_DESCRIPTOR /* it has a descriptor that has the lock */
};
LF_PUBLIC int lf_entry_source(const struct lf_entry *entry);
LF_PUBLIC unsigned long long lf_entry_start_time(const struct lf_entry *entry);

/* A line of English for an error that a function here returned. */
LF_PUBLIC const char *lf_strerror(int error);

/* The version of the library in use, such as "0.1.0". */
LF_PUBLIC const char *lf_version(void);

/*
 * Releases at the end of the scope, however it is left:
 *
 *     LF_AUTO struct lf_lock *lock = NULL;
 *     if (lf_acquire(&lock, "/run/app.lock", 0, 0) < 0)
 *             return -1;
 */
#if defined __GNUC__
static inline void lf_release_at_end_of_scope(struct lf_lock **lock)
{
	if (*lock)
		(void)lf_release(lock);
}
# define LF_AUTO \
	__attribute__((__cleanup__(lf_release_at_end_of_scope), __unused__))
#endif

#ifdef __cplusplus
}
#endif

#endif
