/* SPDX-License-Identifier: 0BSD */
/*
 * Private to the library: the handle, the request, and what the files of lib/
 * offer each other.  Each file calls only those below it:
 *
 *   api.c          public functions: arguments, errors
 *   mine.c         whether the caller runs under a lock already
 *   convert.c      shared to exclusive and back
 *   pending.c      an acquisition that runs in a helper thread
 *   acquire-all.c  one lock file, or several: all or none
 *   lent.c         a descriptor whose lock is another process's
 *   protocol.c     acquire, release, give up
 *   adopt.c        a lock passes from a parent to its child
 *   flock-too.c    a lock of flock(2) beside the record locks
 *   records.c      presence, tag and body: steps 2 to 4 of protocol.c
 *   file.c         open, still at the path?, unlink
 *   pidfile.c      the PID in the file
 *   fs.c           what a file system does with locks
 *   siblings.c     several handles of this process on one file
 *   parked.c       descriptors that are closed, or parked and used again
 *   table.c        the files that this process has open, and its handles
 *   marks.c        tag, body, presence and flock
 *   process.c      which process holds a lock
 *   wait.c         helper threads and deadlines
 *   cancel.c       the first cancellation, which no fork may meet
 *   errors.c       their texts, and which function may return which
 *   port/          what differs from system to system
 *
 * inspect/ is the other half of the library: it only looks, and mine.c and api.c
 * alone call it.
 *
 * Functions that return int return 0 or a positive result, or a negative errno
 * value.  Those that try to lock return one of the answers below, or a negative
 * errno value; a held lock is an answer, never an error.
 */
#ifndef LF_LOCK_H
#define LF_LOCK_H

#include "lockfile-fcntl.h"
#include "port/os.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

enum lf_answer {
	LF_GOT,
	LF_BUSY,       /* another holds the lock */
	LF_START_OVER, /* what was locked is not the lock file any more */
	LF_REMOVER,    /* only a remover was met: the file is gone in a moment */
	LF_TIMED_OUT,
	LF_CANCELLED,
};

/* ---- The handle: one open of a lock file, with what is known of it. */

enum lf_state {
	LF_ACQUIRING, /* open; may have marks, does not hold the lock */
	LF_CLAIMED,   /* takes or drops what belongs to the process, alone */
	LF_HOLDING,   /* holds the lock */
	LF_PARKED,    /* released, but closing it would hurt a holder */
};

struct lf_marks {
	/* in use, decided once for a descriptor by lf_marks_choose() */
	bool process_owned; /* the body belongs to the process */
	bool use_tag;
	bool use_presence;
	bool may_leak;	   /* see lf_body_is_listed() */
	bool never_remove; /* another machine may share the file */
	bool elsewhere;	   /* processes of other machines may have locks on it */
	bool verify_by_open;
	/* set */
	atomic_bool tag; /* asked for, and not dropped since by another close */
	atomic_bool place; /* byte 0 by the open file description: lf_place_wait() */
	short body;	 /* F_UNLCK: none */
	bool presence;
	bool flock;
	bool flock_is_lost; /* by a conversion that was refused */
};

struct lf_lock {
	struct lf_pending *pending; /* not acquired yet; nothing else counts */

	/* table.c's */
	struct lf_file *file;
	struct lf_lock *next; /* on this file */
	struct lf_lock *next_held, **held_at;
	enum lf_state state;
	bool waits_for_tag; /* and may get it for the process at any moment */

	unsigned generation;  /* the process that acquires */
	unsigned forks;	      /* when FD was opened, or 0: unknown */
	unsigned long thread; /* its thread */
	short type;	      /* F_RDLCK: shared, F_WRLCK: exclusive */
	dev_t dev;
	ino_t ino;
	struct lf_marks marks;
	int fd;
	int access;    /* O_RDONLY, O_WRONLY or O_RDWR, if FD is ours */
	bool inspects; /* opened to inspect only: never locked */
	bool borrowed; /* FD is the caller's */
	pid_t parent; /* the lock was adopted from it; -1: from one of several; or 0 */
	bool follow;   /* PATH may be a symbolic link */
	bool keep;     /* the caller wants the file to stay */
	bool flock;    /* a lock of flock(2) is to be held too */
	bool cannot_remove; /* by the way it was opened */
	bool foreign;	    /* the file has content, or cannot be removed */
	bool pidfile;  /* our PID is to be its content */
	bool empty;    /* when it was last asked */
	struct lf_wait *tag_wait; /* of an adopter, see adopt.c */
	atomic_int dirfd; /* the directory of NAME, or -1: use PATH */
	const char *name;
	char path[]; /* as the caller gave it */
};

enum lf_how {
	LF_NO_WAIT,
	LF_NO_WAIT_KEEP_OPEN, /* a refused handle stays for a later LF_WAIT */
	LF_WAIT,	      /* -EDEADLK if this thread would wait for ever */
	LF_WAIT_BOUNDED,      /* the caller ends the wait: never -EDEADLK */
};

/*
 * The handle of one of several files, for which another thread may be releasing it
 * too: one of them takes it.
 */
struct lf_slot {
	_Atomic(struct lf_lock *) lock; /* or NULL */
	dev_t dev;
	ino_t ino;
};

/* A waiter in lf_table_claim(), so that another thread can end the wait. */
struct lf_claimant {
	atomic_bool cancelled;
	struct lf_file *file; /* table.c's */
};

/* What a call asks for; the same for each attempt. */
struct lf_request {
	int dirfd;
	const char *path;
	int fd; /* a borrowed one, or -1; PATH is only a name for it then */
	mode_t mode;
	short type;
	bool create;
	bool follow;
	bool keep;
	bool pidfile;
	bool inspects;
	bool flock;  /* a lock of flock(2) too */
	bool global; /* not if the lock would end at this machine */
	bool process_owned;   /* open-file-description locks do not serve here */
	unsigned long thread; /* that asks; a helper thread may wait for it */
	struct lf_claimant claim;
	struct lf_lock *attempt;   /* open, or NULL */
	atomic_size_t which;	   /* of several paths, the one of the attempt */
	const char *const **order; /* room for pointers to several paths */
};

/* ---- api.c */

enum lf_function {
	LF_ACQUIRE = 1,
	LF_START = 2,
	LF_FINISH = 4,
	LF_RELEASE = 8,
	LF_VERIFY = 16,
	LF_CHECK = 32,
	LF_ACQUIRE_FD = 64,
	LF_ADOPT = 128,
	LF_CONVERT = 256,
	LF_INSPECT = 512,
	LF_RELEASE_FD = 1024,
	LF_INSPECT_MACHINE = 2048,
	LF_INSPECT_FS = 4096,
	LF_IS_MINE = 8192,
};

/* RESULT, or -EIO for an error that the function's manual page does not list. */
int lf_documented(int result, enum lf_function function);

/* ---- mine.c */

/* 1 or 0; -ESRCH: the holder is unknown. */
int lf_runs_under(const char *path);

/* ---- convert.c */

/* Never refused. */
int lf_convert_to_shared(struct lf_lock *lock);

/*
 * TIMEOUT_MS 0: without waiting; else a bound.  LF_BUSY, LF_TIMED_OUT: others
 * share the lock, and it is shared still.
 */
int lf_convert_to_exclusive(struct lf_lock *lock, int timeout_ms);

/* ---- adopt.c */

/*
 * The calling process becomes the holder.  LF_BUSY, -ESTALE: the parent released
 * before, and there is nothing left to adopt.
 */
int lf_adopt_lock(struct lf_lock *lock);

/* Whether another process holds the lock: adopted, or inherited from it. */
enum lf_adopted {
	LF_NOT_ADOPTED,
	LF_WAS_ADOPTED,	  /* and released by a child that has ended */
	LF_WAS_ABANDONED, /* a child ended without a release, and its PID may be there */
	LF_IS_ADOPTED,
};
enum lf_adopted lf_adopted_by_another(struct lf_lock *lock);

/* An adopter stops waiting for the tag; waits for it again, in its new mode. */
void lf_adopt_stop(struct lf_lock *lock);
void lf_adopt_resume(struct lf_lock *lock);

/* ---- pending.c */

/*
 * Acquires what REQUEST asks for, at each of PATHS; TIMEOUT_MS is as in poll(2).
 * A call with a bound keeps it even if the file system does not answer.  A file
 * that is named twice is locked once: the other handles are NULL.
 */
int lf_acquire_within(struct lf_lock **locks, struct lf_request *request,
		      const char *const *paths, size_t count, int timeout_ms);

/*
 * Begins to acquire what REQUEST asks for, which is copied, in a helper thread.
 * Returns the error of the first attempt, unless that takes long.
 */
int lf_pending_start(struct lf_pending **pending,
		     const struct lf_request *request);

/* Readable when the acquisition has ended. */
int lf_pending_descriptor(const struct lf_pending *pending);

/* Waits for the end, frees, and returns what lf_acquire_each() returned. */
int lf_pending_finish(struct lf_pending *pending, struct lf_lock **acquired);

/*
 * Ends the acquisition now and frees it.  LF_GOT: the lock was granted at this
 * very moment and is the caller's; else LF_CANCELLED, or an error.
 */
int lf_pending_cancel(struct lf_pending *pending, struct lf_lock **acquired);

/* In a forked child, which has no copy of the thread: frees what it can. */
void lf_pending_forget(struct lf_pending *pending);

/* ---- acquire-all.c */

/*
 * Acquires each of PATHS, or none.  In a helper thread, with LF_WAIT_BOUNDED, a
 * thread that is cancelled holds nothing but the attempt of REQUEST.
 */
int lf_acquire_each(struct lf_slot *slots, struct lf_request *request,
		    const char *const *paths, size_t count, enum lf_how how);

/* Those that are not NULL; several threads may do it at the same time. */
void lf_release_each(struct lf_slot *slots, size_t count);

/* ---- lent.c */

/* Whether the lock of the descriptor is that of another process that shares it. */
bool lf_is_lent(int fd);

/* ---- protocol.c */

/* Acquires as REQUEST asks.  A call that waits never returns LF_BUSY. */
int lf_protocol_acquire(struct lf_lock **acquired, struct lf_request *request,
			enum lf_how how);

/* Gives up the attempt of a request, after its thread was cancelled in a wait. */
void lf_protocol_cancelled(struct lf_request *request);

/*
 * Releases, and removes the file unless it is to be kept or others need it.
 * Returns what lf_release() returns.
 */
int lf_protocol_release(struct lf_lock *lock);

/* ---- flock-too.c: each does nothing unless the handle has flock */

/*
 * With the record locks in hand, which a call that waits may lose in between.
 * -EINVAL: see lf_body_is_listed().
 */
int lf_flock_lock(const struct lf_request *request, enum lf_how how);

/* In the mode of the handle.  -ENOLCK: there are no locks of this kind here. */
int lf_flock_try(struct lf_lock *lock);

/* LF_BUSY: it is as before, or flock_is_lost. */
int lf_flock_convert(struct lf_lock *lock, short type);

/* ---- records.c: presence, tag and body */

/* Without waiting; LF_BUSY may leave some of them. */
int lf_records_try(struct lf_lock *lock);

/* In the queue. */
int lf_records_wait(const struct lf_request *request, enum lf_how how);

void lf_records_give_back(struct lf_lock *lock);

/*
 * The caller may have closed a descriptor of its own once it has given up this
 * thread, and its number may be that of another file.
 */
bool lf_may_be_closed(const struct lf_lock *lock);

/* ---- pidfile.c: "4242\n", or "4242 HOST\n" on a shared file system */

/* gethostname(2): HOST_NAME_MAX is at most that. */
#define LF_HOST_MAX 255

/* 0: the file is empty or a PID file; -ENOTEMPTY: it has other content. */
int lf_pidfile_check(const struct lf_lock *lock);

/*
 * While the lock is held: makes the PID of this process the content, unless the
 * file has other content: -ENOTEMPTY.  After another error it has none, or what it
 * had before.
 */
int lf_pidfile_write(const struct lf_lock *lock);

/*
 * The PID in the file, when it was written, and the host name behind it or "";
 * 0: there is none.  HOST has room for LF_HOST_MAX and a null byte.
 */
pid_t lf_pidfile_read(const struct lf_lock *lock, time_t *written, char *host);

/* While the lock is held: removes our own PID from the file. */
void lf_pidfile_clear(struct lf_lock *lock);

/* The same of any PID. */
void lf_pidfile_empty(struct lf_lock *lock);

/* ---- file.c */

/* Whether the descriptor still is that of the locked file. */
bool lf_file_is_open(const struct lf_lock *lock);

/* The same before the file is removed: notes whether it is empty. */
bool lf_file_examine(struct lf_lock *lock);

/*
 * Once the lock is granted: a file that had content when it was opened may be
 * empty by now.
 */
void lf_file_reconsider(struct lf_lock *lock);

/* A handle that is neither open nor in the table; NULL: no memory. */
struct lf_lock *lf_lock_new(const struct lf_request *request);

/*
 * Opens the file, with a parked descriptor if there is one, and puts the handle
 * into the table.  -ELOOP, -EISDIR, -ENOTSUP: not a regular file.
 */
int lf_file_open(struct lf_lock **lock, const struct lf_request *request);

/* 0: a regular file; else why it cannot be locked. */
int lf_file_check_type(mode_t mode);

/*
 * Makes a client of a network file system ask its server again for the names in the
 * directory of PATH.  An open of PATH does not: NFS 4.1 and later open a file whose
 * name is in the cache by its handle (RFC 8881, 18.16, CLAIM_FH).  But an open of
 * the directory asks whether it has changed.  Returns whether another machine may
 * have changed it.
 */
bool lf_file_forget_names(int dirfd, const char *path);

/*
 * Whether PATH still names the file, or a borrowed file has any name: 0,
 * -ESTALE, or another error: unknown.  Where another machine may have replaced
 * the file, the file server is asked and not the cache.
 */
int lf_file_is_at(const struct lf_lock *lock, int dirfd, const char *path);

/* The same for the name to remove, and for the path that others open. */
int lf_file_verify(const struct lf_lock *lock);

/*
 * The same without the path, which an adopter may not be able to follow.  But a
 * directory whose descriptor the program has closed is opened again by it.
 */
int lf_file_verify_name(struct lf_lock *lock);

/*
 * Removes the file if it is at its path and was empty when asked.  0: it is gone;
 * LF_LEFT; LF_REPLACED.
 */
int lf_file_unlink(struct lf_lock *lock);

/* ---- fs.c */

/* The file system of PATH, which need not exist. */
int lf_fs_examine(struct lf_fs **fs, const char *path);

/*
 * Before the file is created: whether a lock of flock(2) is to be asked for beside
 * the record locks: 1; 0: it is the same here; -ENOLCK: that is unknown.
 */
int lf_fs_flock(const struct lf_request *request);

/*
 * Before the file is created: -ENOLCK unless the locks of other machines count
 * where it will be, or that shows only once there is a lock.
 */
int lf_fs_require_global(const struct lf_request *request);

/* ---- siblings.c */

/*
 * Before the tag, to lock the file in this mode: LF_BUSY or -EDEADLK if this
 * thread is in its own way.  For a lock that belongs to the process, waits for
 * the other threads (or is refused), and then keeps them out.
 */
int lf_table_claim(struct lf_lock *lock, short type, enum lf_how how,
		   struct lf_claimant *claim);

/* Ends that wait, from another thread: LF_CANCELLED. */
void lf_table_cancel(struct lf_claimant *claim);

/*
 * Before the release of what belongs to the process: keeps the other threads
 * out.  False: another handle of this process still needs it.
 */
bool lf_table_claim_release(struct lf_lock *lock);

/* The body is ours: the handle becomes a holder, and the tag shows it. */
void lf_table_hold(struct lf_lock *lock);

/* The same in another mode than before. */
void lf_table_set_type(struct lf_lock *lock, short type);

/*
 * The same for a handle that a fork copied: it becomes this process's.  OWNER was that
 * of the description before, and may be another child that adopted it.  -ENOMEM.
 */
int lf_table_adopt(struct lf_lock *lock, pid_t owner);

/*
 * Whether this thread may wait for the tag: no other thread of the process does,
 * or holds the file, so that the tag would be granted to it too.
 */
bool lf_table_may_wait_for_tag(struct lf_lock *lock);

/* Gives the tag back, or makes it what the handle that holds the file needs. */
void lf_table_give_tag_back(struct lf_lock *lock);

/* Unlocks the body, unless another handle of this process needs it. */
void lf_table_unlock_body(struct lf_lock *lock);

/* Whether another handle of this process holds the file; in the other mode. */
bool lf_table_has_sibling(const struct lf_lock *lock);
bool lf_table_has_sibling_of_other_type(const struct lf_lock *lock);

/* ---- parked.c */

/*
 * Closes the descriptor, or parks it while another handle of this process holds
 * the file, and frees the handle.  The caller has dropped the marks, unless they
 * are another process's.
 */
void lf_table_close(struct lf_lock *lock);

/* The same if the descriptor is no longer ours: it is not touched. */
void lf_table_drop(struct lf_lock *lock);

/*
 * Gives the handle a parked descriptor of the file that the request names, so
 * that parked ones do not grow without bound.  Whether a handle of this process
 * holds the file.
 */
bool lf_table_unpark(struct lf_lock *lock, const struct lf_request *request);

/*
 * Whether the number of the descriptor still is the locked file, and what
 * fstat(2) says of it.
 */
bool lf_has_its_descriptor(const struct lf_lock *lock, struct stat *st);

/* The same of its directory, if it has one. */
bool lf_has_its_directory(const struct lf_lock *lock);

/* ---- table.c */

/*
 * Allocates what lf_table_add() will need, so that nothing fails once the file
 * has been created: -ENOMEM.  Or frees it again.
 */
int lf_table_prepare(struct lf_lock *lock);
void lf_table_unprepare(struct lf_lock *lock);

void lf_table_add(struct lf_lock *lock);

bool lf_table_thread_holds_any(unsigned long thread);

/* Whether the number of the directory is that of another holder's directory too. */
bool lf_table_has_directory_too(const struct lf_lock *lock);

/*
 * Whether this process holds this file.  *ELSEWHERE, unless NULL: processes of other
 * machines may have locks on it too.
 */
bool lf_table_process_holds(const struct stat *st, bool *elsewhere);

/*
 * The rest is for siblings.c and parked.c.  A lock file that this process has
 * open; handles count as its users.
 */
struct lf_file {
	struct lf_file *next; /* in its bucket */
	size_t users;
	dev_t dev;
	ino_t ino;
	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t changed;
	struct lf_lock *handles;
};

bool lf_table_is_empty(void);

/* SPARE, or NULL, if this process does not have the file open. */
struct lf_file *lf_table_get_file(dev_t dev, ino_t ino, struct lf_file *spare);
void lf_table_put_file(struct lf_file *file);

/* With the mutex of the file held, as for all that follow. */
void lf_table_insert(struct lf_file *file, struct lf_lock *lock);
void lf_table_delete(struct lf_lock *lock);

/* The first handle in STATE; from LOCK on; another that holds the file; or NULL. */
struct lf_lock *lf_table_find(const struct lf_file *file, enum lf_state state);
struct lf_lock *lf_table_find_from(struct lf_lock *lock, enum lf_state state);
struct lf_lock *lf_table_find_sibling(const struct lf_lock *lock);

/* The tag of the process is gone: so every handle of the file is without it. */
void lf_table_drop_tags(const struct lf_file *file);

void lf_table_list_as_held(struct lf_lock *lock, bool holds);

/* The file for which a thread waits; it is kept for the caller, or NULL. */
void lf_table_set_claimant(struct lf_claimant *claim, struct lf_file *file);
struct lf_file *lf_table_get_claimed(struct lf_claimant *claim);

/* ---- marks.c: a mark that is not in use succeeds and does nothing */

void lf_marks_choose(struct lf_lock *lock, bool process_owned);

/* The content that the file had is no reason to keep it any more. */
void lf_marks_own_file(struct lf_lock *lock);

int lf_tag_try(struct lf_lock *lock);
int lf_tag_wait(struct lf_lock *lock);
void lf_tag_unlock(struct lf_lock *lock);

/*
 * A place in the queue of the tag, for a thread that may not wait for the tag: a
 * lock of byte 0 by the open file description, which the tag of the own process
 * excludes too.
 */
int lf_place_wait(struct lf_lock *lock);
int lf_place_convert(struct lf_lock *lock); /* to the mode of the handle */
void lf_place_unlock(struct lf_lock *lock);

/* A body that cannot be converted stays as it is. */
int lf_body_try(struct lf_lock *lock, short type);

/* Whether it has excluded every other since it was acquired, for certain. */
bool lf_body_is_exclusive(const struct lf_lock *lock);

/*
 * Excludes every other lock on the file, that of byte 0 included, in a way that
 * a refused caller knows for a remover's.  The tag has been given back.
 */
int lf_body_try_to_remove(struct lf_lock *lock);

int lf_body_wait(struct lf_lock *lock, short type);

/* Waits for the body though the kernel suspects a deadlock, until cancelled. */
int lf_body_wait_again(struct lf_lock *lock, short type,
		       const struct lf_claimant *claim);

void lf_body_unlock(struct lf_lock *lock);

/* Whether the system shows one that waits for it by its open file description. */
bool lf_body_has_waiter(const struct lf_lock *lock);

/* Whether another owner keeps the body from being locked: GOT, BUSY, REMOVER. */
int lf_body_test(const struct lf_lock *lock, short type, pid_t *pid);

/*
 * Whether nobody has a lock there, this description included.  Locks of this process
 * do not count.  False after an error.
 */
bool lf_body_is_free(const struct lf_lock *lock);

/*
 * Whether another process has a lock that the body should exclude.  A file server
 * that has not heard of this machine for long gives its locks to others; any close
 * of the file drops what belongs to the process; and nothing else shows it.
 * Otherwise false.
 */
bool lf_body_is_lost(const struct lf_lock *lock);

/* Whether another process has the tag: 1 and its PID or 0, or 0. */
int lf_tag_test(const struct lf_lock *lock, pid_t *pid);

/*
 * Whether the process from which the lock was adopted still has it, to judge by the PID
 * of its owner.
 */
bool lf_tag_is_of_parent(const struct lf_lock *lock);

/* Whether this process has it, by whatever code: a close would drop it. */
bool lf_tag_is_of_this_process(const struct lf_lock *lock);

/* Whether a lock that the system lists is a tag, or the body of a holder. */
bool lf_is_tag(const struct lf_listed_lock *lock);
bool lf_is_body(const struct lf_listed_lock *lock);

/*
 * Whether the kernel itself keeps the body just taken.  A FUSE server that keeps
 * locks never hears that the descriptor was closed or its owner died, so an
 * open-file-description lock would stay there for ever.
 */
bool lf_body_is_listed(const struct lf_lock *lock);

void lf_presence_share(struct lf_lock *lock);
bool lf_presence_is_alone(struct lf_lock *lock); /* no other needs the file */
void lf_presence_unlock(struct lf_lock *lock);

/* That of LF_FLOCK, if the handle has it. */
void lf_flock_unlock(struct lf_lock *lock);

/* Also one that the description had before, or that may have been granted. */
void lf_flock_give_up(struct lf_lock *lock);

/* ---- process.c */

/*
 * A number for this process that no child, however forked, and no later process
 * of the same PID has.
 */
unsigned lf_generation(void);

/* Of a handle that a fork copied: -1 is unknown, as after a raw clone(2). */
pid_t lf_pid_of_acquirer(const struct lf_lock *lock);

/* Whether the handle was copied by a fork and not adopted since. */
bool lf_is_inherited(const struct lf_lock *lock);

/*
 * A number for this moment, never 0; whether since then this process has forked,
 * as far as children live that may share its descriptors.
 */
unsigned lf_fork_count(void);
bool lf_has_forked_since(unsigned count);

/*
 * The process that borrowed an open file description or adopted its lock: F_SETOWN
 * and F_GETOWN of fcntl(2), which all copies of the descriptor share.  An owner of
 * 0: there is none, or it has ended.  -1: unknown.  Adopted at some time: also
 * lf_description_is_marked().
 */
int lf_own_description(int fd);
pid_t lf_description_owner(int fd);

/* ---- wait.c */

/*
 * A helper thread that runs RUN(ARGUMENT), with all signals blocked; it can be
 * cancelled between lf_wait_cancellable(true) and (false).  ABANDONED(ARGUMENT)
 * is called in the thread if it ends after it could not be cancelled; NULL: the
 * wait is refused with -ENOMEM where threads cannot be cancelled.
 */
struct lf_wait;

struct lf_wait_job {
	int (*run)(void *argument);
	void (*abandoned)(void *argument, bool returned);
	void *argument;
	bool pollable;
	bool reports; /* pollable, and calls lf_wait_report() */
};

int lf_wait_start(struct lf_wait **wait, const struct lf_wait_job *job);

/* Readable when RUN has returned. */
int lf_wait_descriptor(const struct lf_wait *wait);

/* In a helper thread: what can fail was tried, and a long wait begins. */
void lf_wait_report(void);

/* Whether this is a helper thread. */
bool lf_wait_is_helper(void);

/* In a helper thread: whether no file server can keep the calls that follow. */
void lf_wait_on_local_file(bool is_local);

/* In the other thread: waits for that or the end, until DEADLINE, and returns 0. */
int lf_wait_for_report(struct lf_wait *wait, struct timespec deadline);

/* In a helper thread: DEADLINE was over, or the thread has been abandoned. */
bool lf_wait_is_late(void);

/* Whether RUN has returned an error. */
bool lf_wait_has_failed(const struct lf_wait *wait);

/* Waits for its end, frees, and returns what RUN returned. */
int lf_wait_join(struct lf_wait *wait);

/*
 * Waits for its end until DEADLINE and frees; or leaves it to end by itself, and
 * ABANDONED is called then.  Whether it has ended.
 */
bool lf_wait_leave(struct lf_wait *wait, struct timespec deadline);

/*
 * Stops the thread and frees.  RETURNED: RUN had returned *RESULT before;
 * STOPPED: its call has ended, with an unknown result; ABANDONED: the thread
 * could not be stopped, goes on, and calls ABANDONED at its end.  *RESULT is then
 * LF_CANCELLED, or -EHOSTUNREACH if the thread has not called lf_wait_report().
 */
enum lf_wait_end { LF_WAIT_RETURNED, LF_WAIT_STOPPED, LF_WAIT_ABANDONED };

enum lf_wait_end lf_wait_cancel(struct lf_wait *wait, int *result);

/*
 * In a forked child, which has no copy of the thread: frees.  Whether RUN had
 * returned before the fork.
 */
bool lf_wait_forget(struct lf_wait *wait);

/* Around a call that may block for ever; in another thread, nothing. */
void lf_wait_cancellable(bool on);

/* No function of the interface is a cancellation point. */
int lf_cancel_disable(void);
void lf_cancel_restore(int state);

/* A number for this thread that no later thread gets. */
unsigned long lf_thread_self(void);

/* On the monotonic clock; long ago if TIMEOUT_MS is not positive. */
struct timespec lf_deadline(int timeout_ms);
bool lf_deadline_is_over(struct timespec deadline);

/* 1: FD is readable, 0: the deadline is over. */
int lf_poll_until(int fd, struct timespec deadline);

/* ---- cancel.c */

/* As pthread_cancel(3). */
int lf_cancel_thread(pthread_t thread);

/* For pthread_atfork(3). */
void lf_cancel_before_fork(void);
void lf_cancel_after_fork(void);

#endif
