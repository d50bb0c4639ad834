/*
 * The three marks of a lock file, as verbs on one handle.
 *
 *   body      the lock: bytes 1 to the end, owned by the open file description
 *   tag       byte 0, owned by the process: says who, and queues the waiters
 *   presence  a shared flock(2): "someone of ours still needs this file"
 *
 * Where the body can only be owned by the process it covers the whole file and
 * is the tag too; on a network file system it stands alone.  A verb for a mark
 * that is not used here does nothing and succeeds, so that the protocol reads
 * the same everywhere.
 *
 * Body and tag are taken in the mode of the handle: for writing, which is
 * exclusive, or for reading, which is shared.
 *
 * Who is no exclusive holder has to have the body alone for a moment to remove
 * the file.  He leaves out its far end, which holders have: so who is refused
 * can tell him from a holder.
 */
#ifndef MARKS_H
#define MARKS_H

#include "names.h"
#include "port/os.h"

#include <stdatomic.h>
#include <stdbool.h>

struct lf_lock;

struct marks {
	/* which are used, decided once for a descriptor */
	bool process_owned; /* the body belongs to the process */
	bool use_tag;
	bool use_presence;
	bool doubtful; /* see body_is_kept() */
	/* which are there */
	atomic_bool tag; /* asked for, and not dropped since by another close */
	enum os_lock body;
	bool presence;
};

void marks_choose(struct lf_lock *, bool process_owned);

int tag_try(struct lf_lock *);
int tag_wait(struct lf_lock *);
void tag_drop(struct lf_lock *);

/* What is held already is kept if it cannot be converted. */
int body_try(struct lf_lock *, enum os_lock);
int body_try_to_remove(struct lf_lock *);
int body_wait(struct lf_lock *, enum os_lock);
void body_drop(struct lf_lock *);

/* Whether another keeps the body from being taken in this mode. */
enum body_state { BODY_FREE, BODY_HELD, BODY_REMOVED };

int body_test(const struct lf_lock *, enum os_lock, pid_t *pid);

/* Whether a lock that the system lists is a tag; the body of who holds the lock. */
bool lock_is_tag(const struct os_listed_lock *);
bool lock_is_body(const struct os_listed_lock *);

/* Whether another holds the body: 1 and its process or 0, or 0. */
int body_owner(const struct lf_lock *, pid_t *pid);
bool body_held(const struct lf_lock *);

/* Whether another process has the tag: 1 and its process or 0, or 0. */
int tag_owner(const struct lf_lock *, pid_t *pid);

/*
 * Whether the kernel itself keeps the body just taken.  A FUSE server that
 * keeps locks is never told that the descriptor was closed or its owner died,
 * so the body of an open file description would stay for ever.
 */
bool body_is_kept(const struct lf_lock *);

void presence_join(struct lf_lock *);
bool presence_alone(struct lf_lock *); /* nobody else needs the file */
void presence_drop(struct lf_lock *);

#endif
