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
	ACQUIRING, /* open; may have marks, does not hold the lock yet */
	CLAIMED,   /* the same, and keeps the other threads out */
	HOLDING,   /* holds the lock */
	PARKED,	   /* released, but to close it would hurt a holder */
};

struct lf_lock {
	struct lf_lock *next; /* in the table */
	enum state state;
	pid_t pid;	  /* the process that acquires */
	os_thread thread; /* and the thread */
	dev_t dev;
	ino_t ino;
	struct marks marks;
	int fd;
	bool keep;     /* asked to leave the file in place */
	bool foreign;  /* had content, or is another's to remove */
	int dir;       /* the directory that has NAME, or -1: use PATH */
	const char *name;
	char path[]; /* as given */
};

/* What a call asks for; the same for each attempt. */
struct request {
	int dirfd;
	const char *path;
	mode_t mode;
	bool create;
	bool keep;
	bool look;	    /* for a look only: opened read-only, never locked */
	bool process_owned; /* a description's lock is no good here */
};

/*
 * Opens the file, taking a parked descriptor if there is one, and enters the
 * handle into the table.  -ELOOP, -EISDIR, -ENOTSUP: not a regular file.
 */
int handle_open(struct lf_lock **, const struct request *);

/*
 * Closes the descriptor, or parks it while another handle of this process
 * holds the file, and forgets the handle.  The caller has dropped the marks.
 */
void handle_close(struct lf_lock *);

/* 0, or why a file of this mode is not locked: -ELOOP, -EISDIR, -ENOTSUP. */
int handle_why_not_regular(mode_t mode);

/* Whether the path still names the file: 0, -ESTALE, or it cannot be told. */
int path_is_ours(const struct lf_lock *, int dirfd, const char *path);

/*
 * Before the tag: -EAGAIN, or -EDEADLK with OS_WAIT, if this thread holds the
 * file already.  For a lock that belongs to the process, waits for (or is
 * refused by) the other threads too, and then keeps them out.
 */
int handle_enter(struct lf_lock *, enum os_wait);

/* The body is ours: this handle is the holder now, and the tag shows it. */
void handle_hold(struct lf_lock *);

/* Gives the tag back, unless this process holds the file all the same. */
void handle_untag(struct lf_lock *);

/* Whether the calling thread holds any lock of this library. */
bool thread_holds_any(void);

/* Whether a handle of this process holds this file. */
bool process_holds(const struct stat *);

#endif
