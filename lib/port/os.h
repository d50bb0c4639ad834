/* SPDX-License-Identifier: 0BSD */
/*
 * What the library needs beyond POSIX.1-2008, and what a system may lack of
 * POSIX.  configure chooses the files here, one for each of its answers; no
 * other file of the library has conditional compilation.  A fallback has the
 * standard name; in parentheses, so that a macro of this name stays out.
 *
 * Functions that return int return 0 or a positive result, or a negative errno
 * value, unless they have the name of a standard function.
 */
#ifndef LF_PORT_OS_H
#define LF_PORT_OS_H

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * Record locks: fcntl.c, or lockf.c where fcntl(2) has none.
 *
 * COMMAND is F_SETLK, F_SETLKW, F_OFD_SETLK or F_OFD_SETLKW; TYPE is F_RDLCK,
 * F_WRLCK or F_UNLCK; LENGTH 0 means up to the end, however far the file may
 * grow.  -EAGAIN: another owner holds a lock that conflicts.  -EINVAL: the
 * system has no locks of this kind.
 */
int lf_setlk(int fd, int command, short type, off_t start, off_t length);

/*
 * Finds a lock of another owner that conflicts with LOCK, by F_GETLK or
 * F_OFD_GETLK, and stores it in *LOCK; l_type is F_UNLCK if there is none.
 * l_pid is its process; 0: one of another PID namespace; -1: the lock belongs to an
 * open file description; less: to a process of another machine.
 */
int lf_getlk(int fd, int command, struct flock *lock);

/* Whether record locks come from lockf(3), which reports neither PID nor range. */
bool lf_locks_by_lockf(void);

/*
 * Open-file-description locks: Linux 3.15, POSIX.1-2024.  Where they have no
 * names, or configure was asked not to use them, lf_setlk() and lf_getlk() refuse
 * them with -EINVAL, as an old kernel does.
 */
#ifndef F_OFD_SETLK
# define F_OFD_GETLK (-1001)
# define F_OFD_SETLK (-1002)
# define F_OFD_SETLKW (-1003)
#endif
bool lf_has_ofd_locks(void);

/* flock(2) is BSD's, not POSIX's; where it is missing, flock.c fails with ENOSYS. */
#ifdef HAVE_FLOCK
# include <sys/file.h>
#else
# undef LOCK_SH
# undef LOCK_EX
# undef LOCK_NB
# undef LOCK_UN
# define LOCK_SH 1
# define LOCK_EX 2
# define LOCK_NB 4
# define LOCK_UN 8
int (flock)(int fd, int operation);
#endif

/*
 * O_CLOEXEC and F_DUPFD_CLOEXEC: POSIX.1-2008.  Where they are missing,
 * lf_cloexec() sets the flag afterwards (cloexec.c), and a child that another
 * thread forks in between inherits the descriptor.
 */
#ifndef HAVE_O_CLOEXEC
# undef O_CLOEXEC
# undef F_DUPFD_CLOEXEC
# define O_CLOEXEC 0
# define F_DUPFD_CLOEXEC F_DUPFD
int lf_cloexec(int fd); /* FD, or -1 and errno */
#else
static inline int lf_cloexec(int fd)
{
	return fd;
}
#endif

/* pipe2(2): Linux 2.6.27, BSD, POSIX.1-2024; pipe2.c where it is missing. */
#ifndef HAVE_PIPE2
int (pipe2)(int fd[2], int flags);
#endif

/*
 * Descriptors (open.c), all close-on-exec.
 *
 * lf_open() never returns one below 3 if ABOVE_STDIO is set; FLAGS are those of
 * open(2).  -EBUSY: another process has a lease on the file.  lf_open_directory()
 * and lf_pipe() never return one below 3.
 */
int lf_open(int dirfd, const char *path, int flags, mode_t mode,
	    bool above_stdio);
int lf_open_directory(int dirfd, const char *path);

/*
 * Whether FD may still be what lf_open_directory() returned.  The program may have
 * closed it, and its number may be another file's.
 */
bool lf_is_directory(int fd);

/*
 * A descriptor that does no more than name the file, whatever it is: O_PATH of
 * Linux.  -ENOENT also where the system has none.
 */
int lf_open_name(int dirfd, const char *path);
int lf_pipe(int fd[2]);

/*
 * The kind of file system (filesystem-linux.c or filesystem.c).  FUSE may have
 * locks of its server or of the kernel; but for one on a disk of this machine,
 * other machines may share the files.
 */
enum lf_filesystem {
	LF_FILESYSTEM_LOCAL,
	LF_FILESYSTEM_NETWORK,
	LF_FILESYSTEM_FUSE,
	LF_FILESYSTEM_FUSE_DISK,
};

enum lf_filesystem lf_filesystem(int fd);

/*
 * The mount through which FD was opened, as the system lists it (mount-linux.c or
 * mount.c), such as "nfs4", "server:/export" and "rw,vers=4.2".  -ENOTSUP: it is
 * not listed.  The caller frees.
 */
struct lf_mount {
	char *type, *source, *options;
};

int lf_mount_read(int fd, struct lf_mount *mount);
void lf_mount_free(struct lf_mount *mount);

/*
 * Whether pthread_cancel(3) is safe to call (cancel.c or cancel-glibc.c).  Ask
 * before the first thread is started, while descriptors are still available.
 */
bool lf_can_cancel_threads(void);

/*
 * After cancellation has been disabled: one that has begun before takes effect in
 * this call, or never.
 */
void lf_await_cancel(void);

/*
 * New memory that is zero, and zero again in the child of every kind of fork
 * (fork-linux.c or fork.c), or NULL: the system has none.
 */
atomic_uint *lf_new_fork_marker(void);
void lf_free_fork_marker(atomic_uint *marker);

/*
 * New memory that shows whether a child of any kind of fork, in which no other
 * program was started, has lived since it was last written and lives still; or
 * NULL.  In doubt it is shared.
 */
atomic_uint *lf_new_fork_witness(void);
void lf_free_fork_witness(atomic_uint *witness);
bool lf_fork_witness_is_shared(const atomic_uint *witness);

/*
 * A mark on an open file description, which all copies of the descriptor share and
 * which stays when the process that made it has ended; 0 or a negated errno.  In doubt
 * there is one.
 */
int lf_mark_description(int fd);
bool lf_description_is_marked(int fd);

/*
 * Locks and processes as the system lists them (proc-locks.c and procfs.c; or
 * no-procfs.c, where all answers are -ENOTSUP).
 *
 * The kernel's list names a file by the device of its superblock, which stat(2)
 * does not give on btrfs and overlayfs.
 */
struct lf_inode {
	unsigned major, minor;
	unsigned long long number;
};

static inline bool lf_inode_is_same(const struct lf_inode *a,
				    const struct lf_inode *b)
{
	return a->number == b->number && a->major == b->major &&
	       a->minor == b->minor;
}

struct lf_listed_lock {
	int kind;     /* LF_TYPE_POSIX, LF_TYPE_OFDLCK or LF_TYPE_FLOCK */
	short type;   /* F_RDLCK or F_WRLCK */
	bool waits;   /* for the last before it that does not wait */
	size_t depth; /* of a waiter: how many are before it, plus 1 */
	pid_t pid;    /* 0: none is given */
	struct lf_inode inode;
	unsigned long long first, last; /* bytes */
};

/* A lease of F_SETLEASE that an open for reading would break. */
struct lf_lease {
	struct lf_inode inode;
	pid_t pid; /* 0: none is given */
};

struct lf_lock_list {
	struct lf_listed_lock *locks;
	size_t count;
	struct lf_lease *leases;
	size_t lease_count;
	unsigned long long when; /* ticks after boot when reading began */
	bool is_torn; /* it may lack locks that were held all the time */
	int enough; /* so many such lists in a row lack no lock that was held */
};

int lf_list_locks(struct lf_lock_list *list);
int lf_list_leases(struct lf_lock_list *list); /* without the locks */
void lf_lock_list_free(struct lf_lock_list *list);

/*
 * Files in question, sorted by lf_file_id_compare().  A file that has been
 * removed, and has no link, is not in question any more, unless it had none
 * before: some file systems do not count them.
 */
struct lf_file_id {
	ino_t ino;
	dev_t dev;
	bool is_uncounted;
};

static inline int lf_file_id_compare(const void *left, const void *right)
{
	const struct lf_file_id *a = left, *b = right;

	return a->ino != b->ino ? (a->ino > b->ino) - (a->ino < b->ino) :
				  (a->dev > b->dev) - (a->dev < b->dev);
}

/* For qsort(3) and bsearch(3): inode numbers. */
static inline int lf_number_compare(const void *left, const void *right)
{
	const unsigned long long *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* The devices of mounts: all zero at first, read when needed. */
struct lf_mounts {
	char *text;
	bool is_read;
	unsigned long long id; /* of the last mount asked for; DEVICE is its */
	struct lf_inode device;
};

/*
 * A descriptor of the file at PATH.  While it is open no other file gets the
 * inode number, also if the file is removed.  It needs no permission to read,
 * opens no device, and drops no lock when it is closed.
 */
int lf_pin(const char *path, struct stat *st);

/*
 * A path by which the pinned file is opened and no other; where /proc is not
 * mounted there is nothing at this path.
 */
#define LF_PIN_PATH 32
void lf_pin_path(int pin, char path[LF_PIN_PATH]);

/*
 * The name of the pinned file in the list of locks.  To find out the device costs
 * much; until then it is that of stat(2), and *MOUNT is what has the right one.
 * 0, or an error: then the name may be a wrong one.
 */
int lf_inode_of(int pin, const struct lf_file_id *file,
		struct lf_inode *inode, unsigned long long *mount);
int lf_inode_find_device(struct lf_inode *inode, unsigned long long mount,
			 struct lf_mounts *mounts);
void lf_mounts_free(struct lf_mounts *mounts);

/* The time since boot in clock ticks, which count start times; 0: unknown. */
unsigned long long lf_ticks(void);

/* Whether /proc/PID is the process that has this PID for the caller. */
bool lf_proc_is_ours(void);

/* In any other, there are processes that have no PID for the caller. */
bool lf_is_initial_pid_namespace(void);

/* All that are visible; the caller frees. */
int lf_list_processes(pid_t **pids, size_t *count);

/* Whether the system hides processes, so that those listed may not be all. */
bool lf_some_are_hidden(const pid_t *pids, size_t count);

/* A descriptor for questions about one process (0: the caller) and no other. */
int lf_process_open(pid_t pid);

/* In clock ticks after boot; 0: unknown.  PROCESS is from lf_process_open(). */
unsigned long long lf_start_time(int process);

/* The PID of its parent, 0 if none is visible, and its own start time, by the same. */
int lf_process_parent(int process, pid_t *parent,
		      unsigned long long *start_time);

/*
 * How much the threads of a process have run: clock ticks of CPU time, and how
 * often they left the processor.
 */
struct lf_activity {
	unsigned long long ticks, switches;
	bool has_switches; /* it is known */
};

/*
 * The state of the process, that is of its first thread, as proc(5) names it: 'S'
 * sleeps, 'R' runs or waits for a processor; or a negative errno value.
 */
int lf_process_state(pid_t pid, struct lf_activity *activity);

/* The number of this thread in proc(5), or -1. */
pid_t lf_thread_pid(void);

/*
 * The state of a thread of this process, as above, and how often it has gone to
 * sleep; or a negative errno value.
 */
int lf_thread_state(pid_t pid, unsigned long long *sleeps);

/*
 * Processes of which lf_dying_remain() leaves those that are ending and may not have
 * closed their files yet; none where the system does not show it.
 */
struct lf_dying {
	pid_t *pids;
	size_t count;
};

void lf_dying_find(struct lf_dying *dying);
bool lf_dying_remain(struct lf_dying *dying); /* whether any is left */
void lf_dying_free(struct lf_dying *dying);

/*
 * Whether the system shows the descriptors of processes, and their locks, to
 * those that may examine them.
 */
bool lf_shows_descriptors(void);

/* A descriptor of one of the files in question, and the locks it shows. */
struct lf_descriptor {
	size_t file; /* index of the file */
	int number;
	int error;     /* or why its locks are not shown */
	size_t bodies; /* locks that the filter accepts */
	bool exclusive_body; /* one of them is exclusive */
	bool has_posix, exclusive_posix; /* locks of the process */
	pid_t named; /* the other PID that one of these carries, or 0 */
	bool has_flock, exclusive_flock; /* a lock of flock(2) ... */
	bool has_presence; /* ... unless it seems to be one of our marks */
};

typedef bool lf_lock_filter(const struct lf_listed_lock *lock);

struct lf_process {
	pid_t pid;
	int error; /* why its descriptors, or some, are not shown */
	unsigned long long start_time;	/* 0: unknown */
	struct lf_descriptor *descriptors; /* by file, then by number */
	size_t count;
};

/*
 * Reads once what is shown of a process (PID 0: the caller) and its descriptors
 * of FILES.  WANTS_START: its start time is read also if it has none of them.
 * /proc must be ours.  0 or -ENOMEM; the caller frees.
 */
int lf_process_read(struct lf_process *process, pid_t pid,
		    const struct lf_file_id *files, size_t file_count,
		    lf_lock_filter *is_body, bool wants_start);
void lf_process_free(struct lf_process *process);

/* How many locks on FILE the caller has that the filter accepts. */
int lf_process_has_lock(pid_t pid, const struct stat *file,
			lf_lock_filter *is_body);

/*
 * Calls FOUND for each descriptor, of any process, whose inode number is among
 * NUMBERS, which are sorted, and whose link in /proc names a path; until FOUND
 * returns an error.  1: there are processes that do not show their descriptors.
 */
typedef int lf_path_found(const char *path, void *argument);

int lf_find_paths(const unsigned long long *numbers, size_t count,
		  lf_path_found *found, void *argument);

/* Whether two descriptors share an open file description: 1, 0; negative: unknown. */
int lf_same_description(pid_t a, int fd_a, pid_t b, int fd_b);

#endif
