/* SPDX-License-Identifier: 0BSD */
/*
 * Descriptors that are closed, or parked and used again.  A close of any
 * descriptor of a file drops what the process has on it.  So a descriptor is not
 * closed while another handle of this process holds the file: it is parked, and
 * closed with the holder's.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * By a holder, also one that converts, or for a lock of the process.  A handle on
 * a borrowed descriptor that waits has nothing that a close would drop; and it
 * may wait for the tag of the very handle that is closed.
 */
static bool is_in_use(const struct lf_file *file)
{
	const struct lf_lock *lock = file->handles;

	while (lock && lock->state != LF_HOLDING &&
	       !(lock->state == LF_CLAIMED &&
		 (lock->marks.process_owned || lock->held_at)))
		lock = lock->next;
	return lock != NULL;
}

static bool has_waiter(const struct lf_file *file)
{
	struct lf_lock *lock = file->handles;

	while (lock && !lock->waits_for_tag)
		lock = lock->next;
	return lock != NULL;
}

/* A number that the program has closed may be another file's by now. */
static void close_parked(struct lf_file *file)
{
	struct lf_lock *parked;
	struct stat st;

	while ((parked = lf_table_find(file, LF_PARKED)) != NULL) {
		lf_table_delete(parked);
		if (lf_has_its_descriptor(parked, &st))
			close(parked->fd);
		free(parked);
		/* Never the last: the caller has it too. */
		lf_table_put_file(file);
	}
}

bool lf_has_its_descriptor(const struct lf_lock *lock, struct stat *st)
{
	if (fstat(lock->fd, st) < 0) {
		st->st_size = -1; /* unknown */
		return errno != EBADF;
	}
	return st->st_dev == lock->dev && st->st_ino == lock->ino;
}

/*
 * The program does not know this descriptor: a daemon closes it with all others
 * that it does not know.  The number may be another file's by now, or that of the
 * directory of another handle.
 */
bool lf_has_its_directory(const struct lf_lock *lock)
{
	return lock->dirfd >= 0 && lf_is_directory(lock->dirfd) &&
	       !lf_table_has_directory_too(lock);
}

static void close_directory(struct lf_lock *lock)
{
	bool is_ours = lf_has_its_directory(lock);
	/* Before another handle may get the number. */
	int fd = atomic_exchange(&lock->dirfd, -1);

	if (is_ours)
		close(fd);
}

/*
 * A body that a child adopted.  It would outlive the child as long as another thread of
 * this process waits, for that very body.
 */
static bool has_parked_body(const struct lf_file *file)
{
	const struct lf_lock *parked = lf_table_find(file, LF_PARKED);

	while (parked && parked->marks.body == F_UNLCK)
		parked = lf_table_find_from(parked->next, LF_PARKED);
	return parked != NULL;
}

/* It may get the tag just now.  But the tag that LOCK has must not stay behind. */
static bool may_stay_for_waiter(const struct lf_file *file,
				const struct lf_lock *lock)
{
	return has_waiter(file) && !lock->marks.tag &&
	       lock->marks.body == F_UNLCK && !has_parked_body(file);
}

/*
 * After a fork no parked descriptor is used again to lock.  A program that is refused
 * and forks again and again, while another thread of it holds the file, must not run
 * out of them.  So beyond this number they are closed, which costs the tag.  It would
 * cost a lock that belongs to the process too: there all are parked.
 */
#define MOST_PARKED 64

static bool has_too_many(const struct lf_file *file)
{
	const struct lf_lock *lock;
	int useless = 0;

	for (lock = file->handles; lock; lock = lock->next) {
		if (lock->marks.process_owned)
			return false;
		useless += lock->state == LF_PARKED && !lock->inspects &&
			   lf_has_forked_since(lock->forks);
	}
	return useless >= MOST_PARKED;
}

/*
 * The next in the queue needs a processor first.  If it is faster all the same, the
 * holder is unknown.
 */
static void take_tag_again(const struct lf_file *file)
{
	struct lf_lock *lock;
	struct stat st;

	for (lock = file->handles; lock; lock = lock->next)
		if (lock->held_at && !lock->marks.place &&
		    lf_has_its_descriptor(lock, &st))
			lf_tag_try(lock);
}

static void park(struct lf_file *file, struct lf_lock *lock)
{
	lock->state = LF_PARKED;
	lock->waits_for_tag = false;
	lf_table_insert(file, lock);
	/* For the parked one. */
	lf_table_get_file(file->dev, file->ino, NULL);
}

/*
 * A close drops the tag of the process, which a holder needs.  To inspect a file must
 * not cost a lock that other code of this process has: a second copy of the library,
 * or the program by lockf(3).
 */
static void close_or_park(struct lf_file *file, struct lf_lock *lock)
{
	bool has_own = !lock->borrowed && lock->fd >= 0;
	bool is_needed = is_in_use(file) || may_stay_for_waiter(file, lock) ||
			 (lock->inspects && lf_tag_is_of_this_process(lock));

	if (is_needed && has_own && (lock->inspects || !has_too_many(file))) {
		park(file, lock);
		return;
	}
	if (has_own)
		close(lock->fd);
	else if (lock->borrowed && !is_needed)
		lf_tag_unlock(lock);
	if (!is_needed) {
		close_parked(file);
		lf_table_drop_tags(file);
	} else if (has_own) {
		lf_table_drop_tags(file);
		take_tag_again(file);
	}
	free(lock);
}

static void close_inherited(struct lf_lock *lock)
{
	struct lf_file *file = lf_table_get_file(lock->dev, lock->ino, NULL);

	lock->generation = lf_generation();
	if (!file) {
		if (!lock->borrowed && lock->fd >= 0)
			close(lock->fd);
		free(lock);
		return;
	}
	pthread_mutex_lock(&file->mutex);
	close_or_park(file, lock);
	pthread_mutex_unlock(&file->mutex);
	lf_table_put_file(file);
}

void lf_table_close(struct lf_lock *lock)
{
	struct lf_file *file = lock->file;

	close_directory(lock);
	if (lf_is_inherited(lock)) {
		close_inherited(lock);
		return;
	}
	pthread_mutex_lock(&file->mutex);
	lf_table_delete(lock);
	lf_table_list_as_held(lock, false);
	close_or_park(file, lock);
	pthread_cond_broadcast(&file->changed);
	pthread_mutex_unlock(&file->mutex);
	lf_table_put_file(file);
}

void lf_table_drop(struct lf_lock *lock)
{
	struct lf_file *file = lock->file;

	close_directory(lock);
	if (!lf_is_inherited(lock)) {
		pthread_mutex_lock(&file->mutex);
		lf_table_delete(lock);
		lf_table_list_as_held(lock, false);
		lf_table_drop_tags(file);
		if (!is_in_use(file) &&
		    (!has_waiter(file) || has_parked_body(file)))
			close_parked(file);
		pthread_cond_broadcast(&file->changed);
		pthread_mutex_unlock(&file->mutex);
		lf_table_put_file(file);
	}
	free(lock);
}

/*
 * A descriptor that a child or the parent may share is not used again to lock: it
 * would keep the new lock.  One that was opened to inspect may be more than readable.
 */
static bool serves(const struct lf_lock *parked,
		   const struct lf_request *request)
{
	struct stat st;

	if (!lf_has_its_descriptor(parked, &st))
		return false;
	if (request->inspects && parked->inspects)
		return true;
	if (lf_has_forked_since(parked->forks) ||
	    lf_description_owner(parked->fd) != 0)
		return false;
	if (request->inspects)
		return true;
	/* The flags of its description would make a presence a lock of flock(2). */
	if (parked->flock && !request->flock)
		return false;
	if (request->type == F_WRLCK)
		return parked->access != O_RDONLY;
	return parked->access != O_WRONLY && !parked->inspects;
}

static void take_parked(struct lf_file *file, struct lf_lock *lock,
			const struct lf_request *request)
{
	struct lf_lock *parked = lf_table_find(file, LF_PARKED);

	while (parked && !serves(parked, request))
		parked = lf_table_find_from(parked->next, LF_PARKED);
	if (!parked)
		return;
	lf_table_delete(parked);
	lock->fd = parked->fd;
	lock->forks = parked->forks;
	lock->access = parked->access;
	lock->inspects = parked->inspects;
	lock->cannot_remove = parked->cannot_remove;
	free(parked);
	lf_table_put_file(file);
}

bool lf_table_unpark(struct lf_lock *lock, const struct lf_request *request)
{
	struct lf_file *file;
	struct stat st;
	bool in_use;

	if (lf_table_is_empty() ||
	    fstatat(request->dirfd, request->path, &st,
		    request->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	file = lf_table_get_file(st.st_dev, st.st_ino, NULL);
	if (!file)
		return false;
	pthread_mutex_lock(&file->mutex);
	in_use = is_in_use(file);
	lock->forks = lf_fork_count();
	take_parked(file, lock, request);
	pthread_mutex_unlock(&file->mutex);
	lf_table_put_file(file);
	return in_use;
}
