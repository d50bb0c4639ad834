/*
 * A handle is one open of a lock file, with what is known of it.  The table
 * has every handle of this process, because three rules of the kernel concern
 * the process and not the descriptor (fcntl(2), "Record locks"):
 *
 *  - closing any descriptor of a file drops all locks of the process on it;
 *  - the process never conflicts with itself;
 *  - deadlock is judged by process.
 */
#ifndef HANDLE_H
#define HANDLE_H

#include "marks.h"
#include "names.h"
#include "port/os.h"

enum state {
	ACQUIRING, /* open; may have marks, does not hold the lock */
	CLAIMED,   /* takes or drops what belongs to the process, alone */
	HOLDING,   /* holds the lock */
	PARKED,	   /* released, but to close it would hurt a holder */
};

struct pending;

struct lf_lock {
	struct lf_lock *next; /* in the table */
	struct pending *pending; /* still waited for; nothing else counts */
	enum state state;
	enum os_lock mode; /* OS_READ: shared, OS_WRITE: exclusive */
	pid_t pid;	  /* the process that acquires */
	os_thread thread; /* and the thread */
	dev_t dev;
	ino_t ino;
	struct marks marks;
	int fd;
	enum os_access access; /* of the descriptor, if it is ours */
	bool look;     /* opened for a look only: it may be more than readable */
	bool borrowed; /* the descriptor is the caller's */
	bool lent;     /* another process holds a lock by this descriptor */
	bool follow;   /* PATH may be a symbolic link */
	bool keep;     /* asked to leave the file in place */
	bool foreign;  /* had content, or is another's to remove */
	bool stamp;    /* our PID is to be its content */
	struct os_helper *tag_waiter; /* see adopt.h */
	int dir;       /* the directory that has NAME, or -1: use PATH */
	const char *name;
	char path[]; /* as given */
};

/* What a call asks for; the same for each attempt. */
struct request {
	int dirfd;
	const char *path;
	int fd; /* a borrowed one, or -1; PATH is but a name for it then */
	mode_t mode;
	enum os_lock lock;
	bool create;
	bool follow;
	bool keep;
	bool stamp;
	bool look;	    /* for a look only: opened read-only, never locked */
	bool process_owned; /* a description's lock is no good here */
	os_thread thread;   /* who asks; another thread may wait for it */
	atomic_bool cancelled;
	struct lf_lock *attempt; /* under way */
};

/* A handle that is not open and not in the table; NULL: no memory. */
struct lf_lock *handle_new(const struct request *);

/*
 * Opens the file, taking a parked descriptor if there is one, and enters the
 * handle into the table.  -ELOOP, -EISDIR, -ENOTSUP: not a regular file.
 */
int handle_open(struct lf_lock **, const struct request *);

/*
 * Gives the handle a descriptor of the file that was parked, so that they do
 * not grow without bound.  Whether a handle of this process holds the file.
 */
bool handle_unpark(struct lf_lock *, const struct request *);

void handle_enter_table(struct lf_lock *);

/*
 * Closes the descriptor, or parks it while another handle of this process
 * holds the file, and forgets the handle.  The caller has dropped the marks.
 */
void handle_close(struct lf_lock *);

/* The same if another process holds the lock, by a copy of the descriptor. */
void handle_forget(struct lf_lock *);

/* 0, or why a file of this mode is not locked: -ELOOP, -EISDIR, -ENOTSUP. */
int handle_why_not_regular(mode_t mode);

/*
 * Whether the path still names the file, or a borrowed file has a name at all:
 * 0, -ESTALE, or it cannot be told.
 */
int path_is_ours(const struct lf_lock *, int dirfd, const char *path);

/* The same where it will be removed, and where others look for it. */
int handle_verify(const struct lf_lock *);

/*
 * Before the tag, to have the file in this mode: -EAGAIN, or -EDEADLK with
 * OS_WAIT, if this thread is in its own way.  For a lock that belongs to the
 * process, waits for (or is refused by) the other threads too, and then keeps
 * them out.  -ETIMEDOUT: was cancelled.
 */
int handle_enter(struct lf_lock *, enum os_lock, enum os_wait,
		 const atomic_bool *cancelled);

/*
 * Before the release of what belongs to the process: keeps the other threads
 * out, and tells whether it is for us to drop; no: others of them have it still.
 */
bool handle_leave(struct lf_lock *);

/* Whether another handle of this process holds the file; in the other mode. */
bool handle_has_sibling(const struct lf_lock *);
bool handle_has_sibling_in_other_mode(const struct lf_lock *);

/* Wakes who waits in handle_enter(), to see that he is cancelled. */
void handle_wake(void);

/* The body is ours: this handle is a holder now, and the tag shows it. */
void handle_hold(struct lf_lock *);

/* The same in another mode than before. */
void handle_convert(struct lf_lock *, enum os_lock);

/* The same for a handle that fork copied: it is this process's now. */
void handle_adopt(struct lf_lock *);

/* Gives the tag back, or makes it what the handle that holds the file needs. */
void handle_untag(struct lf_lock *);

/* Whether a thread holds any lock of this library. */
bool thread_holds_any(os_thread);

/* Whether a handle of this process holds this file. */
bool process_holds(const struct stat *);

#endif
