/* SPDX-License-Identifier: 0BSD */
/*
 * liblockfile-fcntl - lock files that are never stale
 *
 * A lock file is a regular file under a kernel record lock, see fcntl(2).  The
 * kernel drops the lock when its holder ends, however it ends.  The file
 * itself means nothing; it is removed on release unless LF_KEEP is given or it
 * is on a network file system.
 *
 * Results: a function that returns int returns 0 or a positive result on
 * success and a negative errno value on failure.  Its manual page lists every
 * value that it may return; -EIO stands for any failure that is not in the
 * list.  No function sets or changes errno.
 *
 * Ownership: a handle (struct lf_lock) or report (struct lf_report) belongs to
 * the caller that received it and is freed by lf_release() or lf_report_free().
 * Strings, entries and descriptors that an accessor returns belong to that
 * object and end with it.  What the caller passes in, such as a path, is
 * copied.
 *
 * Threads: any thread may call any function.  One handle or report is used by
 * one thread at a time; a report may be read by several threads at once.  Two
 * threads that acquire the same file exclude each other as two processes do.
 * No function is a cancellation point, none is async-signal-safe.
 *
 * Forks: a handle belongs to the process that acquired it.  A child of fork(2),
 * _Fork(3) or clone(2) may use the library, but on an inherited handle
 * lf_release() only closes the child's descriptor until the child has called
 * lf_adopt().  After vfork(2) no function may be called.
 *
 * No function writes to a standard stream, installs a signal handler, starts
 * or ends a process.
 *
 * Everything here is since version 0.1.0.  The header is C99 and C++11.
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

/* --- Acquiring a lock */

/*
 * A handle: a lock that this process holds, or a wait for one (lf_start()).
 * Opaque.  NULL is no lock.
 */
struct lf_lock;

/*
 * A timeout_ms of any function is in milliseconds, as in poll(2): 0 does not
 * wait, LF_FOREVER waits without a bound, a greater number bounds the whole
 * call, measured on the monotonic clock.
 */
#define LF_FOREVER (-1)

/* Flags of lf_acquire(), lf_acquire_at(), lf_acquire_all() and lf_start(). */
#define LF_KEEP     0x1u /* leave the file in place on release */
#define LF_NOCREATE 0x2u /* fail with -ENOENT if the file does not exist */
#define LF_PID      0x4u /* the file contains the holder's PID while locked */
#define LF_FOLLOW   0x8u /* the path may be a symbolic link; implies LF_KEEP */
#define LF_SHARED   0x10u /* a shared lock, not with LF_PID */
#define LF_GLOBAL   0x20u /* fail with -ENOLCK unless other machines are excluded
			     too */
#define LF_FLOCK    0x40u /* exclude users of flock(2) too; implies LF_KEEP */

/*
 * lf_acquire() - acquire a lock file
 * @lock: receives the handle, or NULL on failure; a previous value is
 *	overwritten, not released
 * @path: the lock file; created with mode 0666 less the umask if it is missing
 * @timeout_ms: how long to wait while the lock is held
 * @flags: 0, or LF_* flags combined
 *
 * Acquires an exclusive lock, or a shared one with LF_SHARED.  The lock
 * excludes every other user of fcntl(2) and lockf(3) locks on the file,
 * including other threads of this process; it excludes users of flock(2) only
 * with LF_FLOCK.
 *
 * A call with a bound costs a thread until it returns: a lock request in the
 * kernel has no timeout, and a call on a file server may never return.
 *
 * Returns: 0; -EAGAIN if the lock is held and @timeout_ms is 0; -ETIMEDOUT if
 * it was held for @timeout_ms; -EHOSTUNREACH if its file system did not answer
 * in that time; -EINTR if a signal handler ran during the wait; -EDEADLK if
 * @timeout_ms is LF_FOREVER and the wait would never end; or another error of
 * lf_acquire(3).
 */
LF_PUBLIC int lf_acquire(struct lf_lock **lock, const char *path,
			 int timeout_ms, unsigned flags);

/*
 * lf_acquire_at() - acquire a lock file below a directory
 * @lock: as for lf_acquire()
 * @dirfd: the directory at which a relative @path starts, or AT_FDCWD for the
 *	working directory; it may be closed after the call
 * @path: as for lf_acquire()
 * @mode: the mode of a new file, less the umask; only the bits 07777
 * @timeout_ms: as for lf_acquire()
 * @flags: as for lf_acquire()
 *
 * Returns: as lf_acquire(); also -EBADF or -ENOTDIR if @path is relative and
 * @dirfd is not a directory.
 */
LF_PUBLIC int lf_acquire_at(struct lf_lock **lock, int dirfd, const char *path,
			    mode_t mode, int timeout_ms, unsigned flags);

/*
 * lf_acquire_all() - acquire several lock files, all or none
 * @locks: an array of @count elements that receives the handles, each to be
 *	released on its own; all NULL on failure
 * @paths: the lock files, in any order
 * @count: the number of files, at least 1
 * @mode: the mode of new files, less the umask; only the bits 07777
 * @timeout_ms: one bound on the whole call, as for lf_acquire()
 * @flags: as for lf_acquire(), for each file
 * @failed: receives the index of the path at which the call failed, or NULL
 *
 * Where two paths name the same file, it is locked once: one of them gets the
 * handle, and the handle of the other is NULL.
 *
 * The call waits only while it holds none of the locks, so no order of the
 * paths leads to a deadlock between two callers.
 *
 * Returns: as lf_acquire(); -EINVAL also if @count is 0 or a path is NULL.
 */
LF_PUBLIC int lf_acquire_all(struct lf_lock **locks, const char *const *paths,
			     size_t count, mode_t mode, int timeout_ms,
			     unsigned flags, size_t *failed);

/*
 * lf_acquire_fd() - lock the file of an open descriptor
 * @lock: as for lf_acquire()
 * @fd: a regular file, open for writing, or with LF_SHARED for reading
 * @timeout_ms: as for lf_acquire()
 * @flags: 0, or LF_SHARED, LF_GLOBAL, LF_FLOCK combined
 *
 * The library borrows @fd: it never closes it, and the caller keeps it open
 * until the handle is released.  The file is never created, changed or
 * removed.
 *
 * The lock belongs to the open file description, and so to every process that
 * shares the descriptor.  A lock that the description already has is replaced;
 * a call that waits for an exclusive lock first gives up a shared one.
 *
 * Returns: as lf_acquire(); -EBADF if @fd is not open as above, -ESTALE if the
 * file has been removed, -EPERM if the description has the lock of another
 * process, which is left as it is.
 */
LF_PUBLIC int lf_acquire_fd(struct lf_lock **lock, int fd, int timeout_ms,
			    unsigned flags);

/*
 * lf_release_fd() - remove the lock of an open file description
 * @fd: a descriptor of the description
 *
 * Unlocks the file for every process that shares the descriptor, also a lock of
 * flock(2), whichever process acquired the lock: it is for a lock whose handle
 * is gone, such as one that another program acquired on this descriptor.  A
 * process that has the handle calls lf_release() instead.  @fd stays open; the
 * file stays in place.
 *
 * Returns: 0, also if there was no lock; -EBADF if @fd is not open; -EPERM if
 * another process still has the handle, and nothing is unlocked; -ENOLCK if
 * locks belong to the process here (lf_backend()), so that no descriptor has
 * one.
 */
LF_PUBLIC int lf_release_fd(int fd);

/* --- Waiting without blocking */

/*
 * lf_start() - start to wait for a lock
 * @lock: receives a pending handle, or NULL on failure
 * @path: as for lf_acquire()
 * @flags: as for lf_acquire()
 *
 * A thread of the library, with all signals blocked, makes a first attempt; then
 * the call returns, or after a second if the file system does not answer.  If
 * the lock is held, the thread waits for it in the kernel's queue.  The wait
 * costs that thread and two descriptors, a third for a relative path.
 *
 * lf_finish() turns the pending handle into a lock, lf_release() gives up the
 * wait.
 *
 * Returns: 0 if the handle is pending, also if the lock was free; or an error
 * of lf_start(3), never -EAGAIN.
 */
LF_PUBLIC int lf_start(struct lf_lock **lock, const char *path, unsigned flags);

/*
 * lf_pending_fd() - a descriptor to poll for the end of the wait
 * @lock: a pending handle
 *
 * The descriptor becomes, and stays, readable once lf_finish() will not block.
 * It belongs to the handle: the caller neither reads nor closes it.
 *
 * Returns: the descriptor, or -EBADF if @lock is NULL or not pending.
 */
LF_PUBLIC int lf_pending_fd(const struct lf_lock *lock);

/*
 * lf_finish() - wait for the lock that lf_start() requested
 * @lock: the pending handle; on success it becomes a lock as from lf_acquire(),
 *	on failure it is freed and NULL
 *
 * Blocks until the wait is over; neither a signal handler nor a deadlock ends
 * it.  A handle that is a lock already stays as it is.
 *
 * Returns: 0; -EBADF if @lock or *@lock is NULL or was inherited over fork(2),
 * and then *@lock stays as it is; or another error of lf_finish(3).
 */
LF_PUBLIC int lf_finish(struct lf_lock **lock);

/* --- Holding and releasing */

/*
 * lf_convert() - make a lock shared or exclusive
 * @lock: a lock of this process
 * @timeout_ms: 0 or a bound; LF_FOREVER only with LF_SHARED
 * @flags: LF_SHARED for a shared lock, 0 for an exclusive one
 *
 * The lock is never free in between.  Exclusive to shared is granted
 * immediately.  Shared to exclusive is granted as soon as there is no other
 * sharer.  LF_FOREVER is refused for that: two sharers that both convert wait
 * for each other, and the kernel does not detect it.
 *
 * Returns: 0; -EAGAIN or -ETIMEDOUT if there are other sharers;
 * -EBADF as lf_verify(); or another error of lf_convert(3).  After any error
 * the lock is held as before; with LF_FLOCK see lf_convert(3).
 */
LF_PUBLIC int lf_convert(struct lf_lock *lock, int timeout_ms, unsigned flags);

/*
 * lf_adopt() - in a forked child, take over the lock of the parent
 * @lock: a lock that the parent acquired, inherited over fork(2)
 *
 * Afterwards the child holds the lock as if it had acquired it: lf_release()
 * in the child unlocks and removes the file, and the PID that LF_PID writes is
 * the child's.  In the parent lf_release() then only closes its descriptor.
 *
 * The child may first change its directory, root directory or user.
 *
 * The parent waits until the child has adopted the lock, and then exits or
 * calls lf_release().  Until it does, lf_check() reports the PID of the
 * parent.
 *
 * Returns: 0, also if this process holds the lock already; -EAGAIN if the
 * parent released the lock and another process has acquired it, or if locks
 * belong to the process here (lf_backend()) and the parent still holds it;
 * -ESTALE if the file is no longer in its directory; -EBADF if the descriptor
 * of @lock is no longer that of the file; or another error of lf_adopt(3).
 */
LF_PUBLIC int lf_adopt(struct lf_lock *lock);

/* What lf_release() found. */
enum {
	LF_LEFT = 1, /* the file was to be removed, and was left in place */
	LF_REPLACED, /* the same, but another had removed or replaced it */
	LF_LOST	     /* another process has the lock as well */
};

/*
 * lf_release() - release a lock, or give up a wait
 * @lock: the handle, which is freed; *@lock becomes NULL
 *
 * Removes the file unless LF_KEEP was given or implied, the file has content,
 * or other processes wait for the lock or share it; the last of these removes
 * it.
 *
 * In a child that has not adopted the lock, and in a parent whose child has,
 * the call only closes the descriptor of this process: lock and file stay with
 * the holder.
 *
 * On a network file system, and on FUSE unless it is on a disk of this machine,
 * the file is never removed, because a client may not
 * notice the removal and then hold a lock on a file that is gone.
 *
 * Returns: 0; LF_LEFT if the lock is released but the file, which was to be
 * removed, was left in place, because it has content, this process may not
 * remove it, or it is on a network file system; LF_REPLACED if the lock is
 * released but the name of the file, which was to be removed, no longer named
 * it, so that other processes may have held a lock on another file at the same
 * time (with LF_KEEP, call lf_verify() before to learn about this); LF_LOST if
 * another process has a lock on the file that this one should have excluded;
 * -EBADF if @lock or *@lock is NULL, or if the program has closed the
 * descriptor, and then the handle is freed and nothing else is touched.
 */
LF_PUBLIC int lf_release(struct lf_lock **lock);

/*
 * lf_verify() - check that the path still names the locked file
 * @lock: a lock
 *
 * A process that does not follow the protocol may have removed or replaced the
 * file.  Then the lock no longer excludes those that open the path.
 *
 * On a network file system or FUSE a lock is lost when the server has not heard of this
 * machine for some time.  That is noticed only while another process has the lock.
 *
 * Returns: 0; -ESTALE if the path does not name the file; -EAGAIN if another
 * process has a lock that this one should exclude; -EBADF if the
 * descriptor of @lock is no longer that of the file; or another error of
 * lf_verify(3).
 */
LF_PUBLIC int lf_verify(const struct lf_lock *lock);

/* --- Properties of a handle */

/*
 * lf_fileno() - the descriptor of the locked file
 * @lock: a lock
 *
 * The descriptor is close-on-exec and never below 3, unless the caller passed
 * it to lf_acquire_fd().  It belongs to the handle: the caller does not close
 * it.  A process that inherits it shares the lock.
 *
 * Returns: the descriptor, or -EBADF if @lock is NULL or pending.
 */
LF_PUBLIC int lf_fileno(const struct lf_lock *lock);

/* The owner of a lock in the kernel; see lf_backend(3) for the guarantees. */
enum lf_backend {
	LF_BACKEND_OFD = 1, /* the open file description: the full guarantee
			       (Linux 3.15, POSIX.1-2024) */
	LF_BACKEND_FCNTL,   /* the process, by fcntl(2): weaker */
	LF_BACKEND_LOCKF    /* the process, by lockf(3): weaker */
};

/*
 * lf_backend() - the kind of a lock
 * @lock: a lock
 *
 * Returns: one of enum lf_backend, or -EBADF if @lock is NULL or pending.
 */
LF_PUBLIC int lf_backend(const struct lf_lock *lock);

/*
 * lf_path() - the path of a handle
 * @lock: a lock or a pending handle
 *
 * Returns: the path as it was given, or "/dev/fd/N" for a descriptor that was
 * passed to lf_acquire_fd(); NULL if @lock is NULL.  The string is valid until
 * lf_release() or lf_finish() of the handle.
 */
LF_PUBLIC const char *lf_path(const struct lf_lock *lock);

/*
 * lf_describe() - a description of a handle for messages and debuggers
 * @lock: a lock or a pending handle
 * @buffer: receives a text such as <acquired lock file '/run/app.lock'>
 * @size: the size of @buffer in bytes; if 0, @buffer may be NULL
 *
 * Returns: as snprintf(3), the length of the whole text without the final NUL;
 * or -EBADF if @lock is NULL.
 */
LF_PUBLIC int lf_describe(const struct lf_lock *lock, char *buffer,
			  size_t size);

/* --- Inspecting files.  These never create, change, lock or delay anything. */

/*
 * lf_check() - check whether a lock file is held
 * @path: the lock file
 * @pid: receives the PID of a holder, or 0 if the file is free or the holder is
 *	unknown; or NULL
 *
 * Locks of the calling process count.  Locks of flock(2) do not.
 *
 * Returns: 1 if the file is held, 0 if it is free or does not exist; or an
 * error of lf_check(3), such as -EACCES if this process may not open the file.
 */
LF_PUBLIC int lf_check(const char *path, pid_t *pid);

/*
 * lf_check_any() - check whether any lock is held on a file
 * @path: a file, or a directory, device or FIFO, which is not opened
 *
 * As lf_check(), but locks of flock(2) count too.
 *
 * Returns: 1 if the file is locked, 0 if it is not or does not exist; or an error of
 * lf_check(3), such as -ENOSYS if it has no record lock and the system does not list
 * those of flock(2).
 */
LF_PUBLIC int lf_check_any(const char *path);

/*
 * lf_is_mine() - check whether the caller already runs under a lock
 * @path: the lock file
 *
 * It does if it holds the lock itself; if it has inherited a descriptor to
 * which the lock belongs, and not just one of the same file; or if a holder is
 * one of its ancestors: a program that would wait for the lock would then wait
 * for its own caller.  A shared lock counts.
 *
 * Returns: 1 if it does; 0 if it does not, because the lock is free or others
 * hold it; -ESRCH if it is unknown whether a holder is an ancestor; or an error
 * of lf_check(3).
 */
LF_PUBLIC int lf_is_mine(const char *path);

/*
 * The locks on a file at the time of the call, as a list of entries: one for
 * each process that has a lock, then one for each request that waits, in the
 * order of the queue.  Both types are opaque; an entry belongs to its report.
 */
struct lf_report;
struct lf_entry;

/*
 * lf_inspect() - report the holders and waiters of a lock file
 * @path: the lock file
 * @report: receives the report, to be freed with lf_report_free(); NULL on
 *	failure
 *
 * A file that this process may not open is held if the kernel lists a lock on
 * it; if the kernel lists none the answer is unknown, which is -EACCES.
 *
 * Returns: 1 if the file is held by a record lock, 0 if it is not or does not
 * exist; or an error of lf_inspect(3).  lf_report_flock() answers the question for
 * locks of flock(2).
 */
LF_PUBLIC int lf_inspect(const char *path, struct lf_report **report);

/*
 * lf_inspect_all() - report the holders and waiters of several lock files
 * @reports: an array of @count elements that receives a report for each file,
 *	each to be freed with lf_report_free(); all NULL on failure
 * @paths: the lock files
 * @count: the number of files; 0 is no error
 *
 * Inspects all files in one pass, so that the kernel's lists are read once and
 * not once for each file.  A file that cannot be inspected does not end the
 * call: lf_report_status() of its report returns the error.
 *
 * Returns: 1 if at least one file is held, 0 if none is, and then every report
 * is non-NULL; -EINVAL if @reports, @paths or a path is NULL; -ENOMEM.
 */
LF_PUBLIC int lf_inspect_all(struct lf_report **reports,
			     const char *const *paths, size_t count);

/*
 * lf_inspect_machine() - report the holders and waiters of every locked file
 * @reports: receives an array of reports, sorted by path, to be freed with
 *	lf_reports_free(); NULL on failure
 * @count: receives the number of reports
 *
 * Every file on which the kernel lists a lock, and of which a process shows a
 * descriptor to the caller: to root all, to an ordinary user those of its own
 * processes.  A file may be reported under several names.
 *
 * Returns: 0; 1 if there may be more, because a process does not show its
 * descriptors; or an error of lf_inspect_machine(3), such as -ENOSYS if the
 * system does not list locks.
 */
LF_PUBLIC int lf_inspect_machine(struct lf_report ***reports, size_t *count);

/*
 * lf_reports_free() - free an array of reports
 * @reports: an array from lf_inspect_machine(), or NULL
 * @count: the number of reports
 */
LF_PUBLIC void lf_reports_free(struct lf_report **reports, size_t count);

/*
 * lf_report_free() - free a report with its entries
 * @report: a report, or NULL
 */
LF_PUBLIC void lf_report_free(struct lf_report *report);

/*
 * lf_report_status() - the result for the file of a report
 * @report: a report
 *
 * Returns: what lf_inspect() returns for this file alone: 1 held, 0 free, or
 * an error, with which a report has no entries but those of flock(2).  -EINVAL if
 * @report is NULL.
 */
LF_PUBLIC int lf_report_status(const struct lf_report *report);

/*
 * lf_report_flock() - whether the file of a report is locked by flock(2)
 * @report: a report
 *
 * Locks of flock(2) and those of lf_acquire() do not exclude each other.  The
 * question has an answer for directories, devices and FIFOs too, and for files that
 * this process may not read.
 *
 * Returns: 1 if a process has such a lock, 0 if none is listed; or an error of
 * lf_inspect(3), such as -EACCES if there is one that may be a mark of this
 * library, or -ENOSYS if the system does not list locks.  -EINVAL if @report is
 * NULL.
 */
LF_PUBLIC int lf_report_flock(const struct lf_report *report);

/*
 * lf_report_path() - the path of the file of a report
 * @report: a report
 *
 * Returns: the path as it was given, valid until lf_report_free(); NULL if
 * @report is NULL.
 */
LF_PUBLIC const char *lf_report_path(const struct lf_report *report);

/*
 * lf_report_next() - iterate over the entries of a report
 * @report: a report
 * @entry: an entry of @report, or NULL to start
 *
 * Returns: the entry after @entry, the first one for NULL; NULL after the
 * last.
 */
LF_PUBLIC const struct lf_entry *lf_report_next(const struct lf_report *report,
						const struct lf_entry *entry);

/*
 * lf_report_partial() - whether a report may be incomplete
 * @report: a report
 *
 * Returns: 1 if there may be holders or waiters that the system does not show
 * to this process, or whose PID it does not show; otherwise 0.
 */
LF_PUBLIC int lf_report_partial(const struct lf_report *report);

/*
 * lf_report_pidfile() - the PID in the file
 * @report: a report
 * @pid: receives the PID, or 0; or NULL
 * @written: receives the time of the last write to the file, in seconds since
 *	the Epoch, or 0; or NULL.  Not a time_t, whose size depends on how the
 *	program is compiled (_TIME_BITS of the GNU C library).
 *
 * The PID means nothing unless it is that of a holder: a holder that was
 * killed leaves its PID behind.
 *
 * Returns: 1 if the file is held and contains a PID as LF_PID writes it;
 * otherwise 0.
 */
LF_PUBLIC int lf_report_pidfile(const struct lf_report *report, pid_t *pid,
				long long *written);

/*
 * lf_report_pidfile_host() - the host name in the file, behind the PID
 * @report: a report
 *
 * LF_PID writes it on a file system that other machines may share.  The PID is
 * that of a process of that machine, according to whoever wrote it.
 *
 * Returns: the name, valid until lf_report_free(); NULL if there is none, or if
 * lf_report_pidfile() returns 0.
 */
LF_PUBLIC const char *lf_report_pidfile_host(const struct lf_report *report);

/*
 * lf_entry_waits() - whether an entry is a waiter
 * @entry: an entry
 *
 * Returns: 1 if the entry is a request that waits, 0 if it is a lock.
 */
LF_PUBLIC int lf_entry_waits(const struct lf_entry *entry);

/*
 * lf_entry_shared() - whether a lock is shared
 * @entry: an entry
 *
 * Returns: 1 if the lock, or the requested one, is shared; 0 if it is
 * exclusive or the mode is unknown (LF_TYPE_UNKNOWN).
 */
LF_PUBLIC int lf_entry_shared(const struct lf_entry *entry);

/*
 * The kind of a lock.  Locks of flock(2) and the others do not exclude each
 * other: to lf_acquire() a file on which there is nothing but LF_TYPE_FLOCK is
 * free.
 */
enum {
	LF_TYPE_UNKNOWN, /* one of the next two */
	LF_TYPE_OFDLCK,	 /* a record lock of an open file description */
	LF_TYPE_POSIX,	 /* a record lock of a process */
	LF_TYPE_FLOCK	 /* a lock of flock(2) */
};

/*
 * lf_entry_type() - the kind of a lock
 * @entry: an entry
 *
 * Returns: one of LF_TYPE_*.
 */
LF_PUBLIC int lf_entry_type(const struct lf_entry *entry);

/*
 * lf_entry_pid() - the process that has the lock or waits for it
 * @entry: an entry
 *
 * Returns: the PID, or 0 if it is unknown.
 */
LF_PUBLIC pid_t lf_entry_pid(const struct lf_entry *entry);

/* The evidence for the PID of an entry. */
enum {
	LF_SOURCE_NONE,	     /* none: the PID is unknown */
	LF_SOURCE_LOCK,	     /* the kernel names the process with the lock or
				the request; nothing confirms it */
	LF_SOURCE_TAG,	     /* the process has the tag of the lock, see
				lockfile-fcntl(7) */
	LF_SOURCE_DESCRIPTOR /* the process has a descriptor with the lock */
};

/*
 * lf_entry_source() - the evidence for the PID of an entry
 * @entry: an entry
 *
 * Returns: one of LF_SOURCE_*.
 */
LF_PUBLIC int lf_entry_source(const struct lf_entry *entry);

/*
 * lf_entry_start_time() - when the process of an entry was started
 * @entry: an entry
 *
 * Returns: lf_process_start_time() of that process at the time of the report,
 * or 0 if it is unknown.
 */
LF_PUBLIC unsigned long long lf_entry_start_time(const struct lf_entry *entry);

/*
 * lf_process_start_time() - when a process was started
 * @pid: a PID, greater than 0
 *
 * A PID alone does not identify a process, because the kernel uses it again
 * after the process has ended.  PID and start time together do: a caller that
 * is about to act on a process compares this with lf_entry_start_time().
 *
 * Returns: the start time in clock ticks after boot, field 22 of
 * /proc/PID/stat; 0 if it is unknown, because the process does not exist or
 * the system has no /proc that shows it.
 */
LF_PUBLIC unsigned long long lf_process_start_time(pid_t pid);

/* --- File systems */

/* What is known of a file system, opaque. */
struct lf_fs;

/* Properties of a file system that matter for lock files. */
enum lf_fs_property {
	LF_FS_SHARED,  /* other machines may use the files too */
	LF_FS_GLOBAL,  /* a lock excludes the processes of other machines */
	LF_FS_REMOVES, /* lf_release() removes the file, unless LF_KEEP is given */
	LF_FS_ORDERED, /* waiters get the lock in the order of their arrival */
	LF_FS_PIDS     /* the PID of a holder can be found */
};

enum lf_fs_answer {
	LF_FS_NO,
	LF_FS_YES,
	LF_FS_UNKNOWN /* it depends on what the library cannot see */
};

/*
 * lf_inspect_fs() - report what a file system does with locks
 * @path: a file or directory, or the path of a file that does not exist yet
 * @fs: receives the answers, to be freed with lf_fs_free(); NULL on failure
 *
 * Returns: 0; or an error of lf_inspect_fs(3), such as -ENOENT if the
 * directory does not exist.
 */
LF_PUBLIC int lf_inspect_fs(const char *path, struct lf_fs **fs);

/*
 * lf_fs_has() - whether a property holds on a file system
 * @fs: a file system from lf_inspect_fs()
 * @property: one of enum lf_fs_property
 *
 * Returns: one of enum lf_fs_answer; LF_FS_UNKNOWN also if @fs is NULL or
 * @property is another number.
 */
LF_PUBLIC enum lf_fs_answer lf_fs_has(const struct lf_fs *fs,
				      enum lf_fs_property property);

/*
 * lf_fs_type() - the type of a file system
 * @fs: a file system from lf_inspect_fs()
 *
 * Returns: the name that mount(8) uses, such as "nfs4", valid until
 * lf_fs_free(); NULL if it is unknown or @fs is NULL.
 */
LF_PUBLIC const char *lf_fs_type(const struct lf_fs *fs);

/*
 * lf_fs_source() - the source of a file system
 * @fs: a file system from lf_inspect_fs()
 *
 * Returns: what is mounted, such as "server:/export" or "/dev/sda1", valid
 * until lf_fs_free(); NULL if it is unknown or @fs is NULL.
 */
LF_PUBLIC const char *lf_fs_source(const struct lf_fs *fs);

/*
 * lf_fs_free() - free what lf_inspect_fs() reported
 * @fs: a file system, or NULL
 */
LF_PUBLIC void lf_fs_free(struct lf_fs *fs);

/* --- Texts */

/*
 * lf_strerror() - describe an error
 * @error: a value that a function returned, or an errno value
 *
 * Returns: a line of English without a newline; constant, never NULL.
 */
LF_PUBLIC const char *lf_strerror(int error);

/*
 * lf_version() - the version of the library in use
 *
 * Returns: a string such as "0.1.0"; constant.
 */
LF_PUBLIC const char *lf_version(void);

/* --- Release at the end of the scope, with GCC and Clang */

/*
 * LF_AUTO declares a handle that is released when its scope is left, unless it
 * is NULL then: also by an exception or the end of the thread, if the code is
 * compiled with -fexceptions; not by longjmp(3).  It has to be initialised:
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
