/*
 * What the library asks of the system.  For each group the build picks the one
 * file that answers it here; no other file of the library has conditional
 * compilation.
 *
 * Functions that return int return 0 or a positive result, or a negative errno
 * value.
 */
#ifndef PORT_OS_H
#define PORT_OS_H

#include "names.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/*
 * Record locks (fcntl.c or lockf.c: owned by the process; ofd.c or no-ofd.c:
 * owned by the open file description).
 *
 * A range is START and LENGTH; LENGTH 0 means up to the end, however far the
 * file may grow.  Taking a lock without OS_WAIT returns -EAGAIN if another owner
 * is in the way.
 */
enum os_lock { OS_UNLOCK, OS_READ, OS_WRITE };
enum os_wait { OS_NOWAIT, OS_WAIT };
struct os_range {
	off_t start, length;
};

bool os_has_description_locks(void);
bool os_locks_by_lockf(void);
int os_process_lock(int fd, enum os_lock, struct os_range, enum os_wait);
int os_description_lock(int fd, enum os_lock, struct os_range, enum os_wait);

/*
 * Whether another owner has a lock that keeps this one from being taken: 0, or
 * 1 and the range becomes that of the other, where it can be told, and *PID its
 * process, or 0 where that cannot be told: an open file description has none,
 * and a process of another PID namespace has no number here.
 */
int os_process_test(int fd, enum os_lock, struct os_range *, pid_t *pid);
int os_description_test(int fd, enum os_lock, struct os_range *, pid_t *pid);

/* flock(2), never waiting (flock.c or no-flock.c). */
enum os_flock { OS_FLOCK_UNLOCK, OS_FLOCK_SHARED, OS_FLOCK_EXCLUSIVE };

int os_flock(int fd, enum os_flock);

/*
 * Files (open.c; cloexec.c or no-cloexec.c).  Descriptors are close-on-exec.
 * That of a directory is not below 3, that of a file with OS_ABOVE_STDIO.
 * -EBUSY: another process has a lease on the file.
 */
int os_openat(int dirfd, const char *path, int flags, mode_t mode);
int os_dup_above(int fd, int number);

enum os_access { OS_READ_ONLY = 1, OS_READ_WRITE, OS_WRITE_ONLY };
enum os_open {
	OS_CREATE = 1,
	OS_FOLLOW = 2, /* a symbolic link, else -ELOOP */
	OS_ABOVE_STDIO = 4,
};

int os_open(int dirfd, const char *path, enum os_access, unsigned how,
	    mode_t mode);
int os_open_directory(int dirfd, const char *path);

/*
 * The open file description belongs to this process (owner.c), by its own word;
 * and which process said so last, or 0: none that lives, or it is not told.
 */
void os_own_description(int fd);
pid_t os_description_owner(int fd);

/* What serves the file system of a file (fs-linux.c or fs-any.c). */
enum os_filesystem { OS_FS_LOCAL, OS_FS_NETWORK, OS_FS_FUSE };

enum os_filesystem os_filesystem(int fd);

/* A pipe, above stdio (pipe.c; cloexec.c or no-cloexec.c). */
int os_pipe(int fd[2]);
int os_pipe_anywhere(int fd[2]);

/*
 * The monotonic clock (time.c); long ago if TIMEOUT_MS is not positive.  Polling:
 * 1 FD is readable, 0 the time is over.
 */
struct timespec os_deadline(int timeout_ms);
int os_poll_until(int fd, struct timespec deadline);
bool os_is_over(struct timespec deadline);

/*
 * Locks and processes as the system lists them (procfs.c or no-procfs.c, where
 * all answers are -ENOTSUP).
 *
 * A file goes by the name that the kernel's list has for it: its device is that
 * of the superblock, which stat(2) does not give on btrfs and overlayfs.
 */
struct os_inode {
	unsigned major, minor;
	unsigned long long number;
};

enum os_lock_type { OS_TYPE_POSIX, OS_TYPE_OFDLCK, OS_TYPE_FLOCK };

struct os_listed_lock {
	enum os_lock_type type;
	enum os_lock mode;
	bool waits;   /* for the last before it that does not */
	size_t depth; /* of those that wait: how many go before it, and 1 */
	pid_t pid;  /* 0: not told */
	struct os_inode inode;
	unsigned long long first, last; /* bytes */
};

struct os_lock_list {
	struct os_listed_lock *locks;
	size_t count;
	unsigned long long when; /* when it was begun, as os_ticks() */
};

int os_inode_of(const char *path, struct os_inode *);
int os_list_locks(struct os_lock_list *);
void os_lock_list_free(struct os_lock_list *);

/* Clock ticks since boot, as start times are given in. */
unsigned long long os_ticks(void);

/* Whether /proc/PID is the process that has this PID for us. */
bool os_proc_is_ours(void);

/* A descriptor (0: this process) for questions about one and no other. */
int os_process_open(pid_t pid);

/* In clock ticks after boot; 0: not told. */
unsigned long long os_process_start_time(int process);

/*
 * Whether it waits to run, and the clock ticks of CPU time that it has used; or
 * a negative errno value.
 */
int os_process_is_runnable(int process, unsigned long long *ticks);

/* Whether it is a lock of the kind that is looked for. */
typedef bool os_lock_filter(const struct os_listed_lock *);

/*
 * How many such locks it has on the file by its descriptors, and the first of
 * these; or -EACCES or another error if the system does not tell.  None on a file
 * that has been removed; of flock(2) none, if there is one of the description by
 * the same descriptor.
 */
int os_process_lock_descriptor(int process, const struct stat *file,
			       os_lock_filter *, int *descriptor);

/* How many descriptors of the file it has, or a negative errno value. */
int os_process_descriptors(int process, const struct stat *file);

/* Whether a PID (0: this process) has such a lock. */
int os_process_has_lock(pid_t pid, const struct stat *file, os_lock_filter *);

/* All that can be seen; the caller frees. */
int os_list_processes(pid_t **pids, size_t *count);

/* Whether two descriptors are of one open file description; no: not told. */
bool os_same_description(pid_t a, int fd_a, pid_t b, int fd_b);

/*
 * Threads (threads.c or no-threads.c).  One mutex and one condition for the
 * table of handles; a forked child finds the mutex free and the table whole.
 */
void os_mutex_lock(void);
void os_mutex_unlock(void);
void os_condition_wait(void); /* with the mutex held; may wake for nothing */
void os_condition_wake(void); /* everybody who waits */

/* Whether this process may have forked. */
bool os_may_have_forked(void);

typedef unsigned long os_thread;

os_thread os_thread_self(void);

/*
 * A thread, with all signals blocked, that runs BODY(ARGUMENT).  -ENOMEM: none
 * to be had.  Cancelling ends it if it waits for a record lock, else when it
 * comes to; -ENOTSUP: it cannot be cancelled here.  Join or detach frees.
 */
struct os_helper;

bool os_helper_can_be_cancelled(void);

int os_helper_start(struct os_helper **, void *(*body)(void *), void *argument);
int os_helper_cancel(struct os_helper *);
void os_helper_join(struct os_helper *);
void os_helper_detach(struct os_helper *);

/* Around the one call in which a helper may be cancelled; else nothing. */
void os_cancel_begin(void);
void os_cancel_end(void);

int os_cancel_disable(void);
void os_cancel_restore(int state);

#endif
