/* The table of all handles of this process. */
#include "config.h"

#include "handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 64

static struct lf_lock *table[BUCKETS];
static size_t handles;

static struct lf_lock **bucket(ino_t ino)
{
	return &table[ino % BUCKETS];
}

static void table_add(struct lf_lock *lock)
{
	struct lf_lock **head = bucket(lock->ino);

	lock->next = *head;
	*head = lock;
	handles++;
}

static void table_remove(struct lf_lock *lock)
{
	struct lf_lock **at = bucket(lock->ino);

	while (*at != lock)
		at = &(*at)->next;
	*at = lock->next;
	handles--;
}

/* The handles of a process on a file; those that fork copied do not count. */
struct file {
	dev_t dev;
	ino_t ino;
	pid_t pid;
};

static bool is_on(const struct lf_lock *lock, const struct file *file)
{
	return lock->dev == file->dev && lock->ino == file->ino &&
	       lock->pid == file->pid;
}

static struct file file_of(const struct lf_lock *lock)
{
	return (struct file){ lock->dev, lock->ino, lock->pid };
}

static struct lf_lock *find_from(struct lf_lock *lock, const struct file *file,
				 enum state state)
{
	while (lock && !(is_on(lock, file) && lock->state == state))
		lock = lock->next;
	return lock;
}

static struct lf_lock *find(const struct file *file, enum state state)
{
	return find_from(*bucket(file->ino), file, state);
}

static bool is_held(const struct file *file)
{
	return find(file, HOLDING) || find(file, CLAIMED);
}

/* One of the others that hold it, if there is one. */
static struct lf_lock *sibling(const struct lf_lock *lock)
{
	struct file file = file_of(lock);
	struct lf_lock *other = find(&file, HOLDING);

	return other == lock ? find_from(other->next, &file, HOLDING) : other;
}

static void forget_tag(const struct file *file)
{
	for (struct lf_lock *lock = *bucket(file->ino); lock; lock = lock->next)
		if (is_on(lock, file))
			lock->marks.tag = false;
}

/* Closing drops the tag of the process: whoever counts on it is told after. */
static void close_for_good(struct lf_lock *lock, const struct file *file)
{
	if (lock->borrowed)
		tag_drop(lock);
	else
		close(lock->fd);
	forget_tag(file);
	free(lock);
}

static void close_parked(const struct file *file)
{
	struct lf_lock *parked;

	while ((parked = find(file, PARKED)) != NULL) {
		table_remove(parked);
		close_for_good(parked, file);
	}
}

void handle_close(struct lf_lock *lock)
{
	struct file file = file_of(lock);

	if (lock->dir >= 0)
		close(lock->dir);
	lock->dir = -1;
	file.pid = getpid(); /* not LOCK's in a forked child */

	os_mutex_lock();
	table_remove(lock);
	if (!is_held(&file)) {
		close_for_good(lock, &file);
		close_parked(&file);
	} else if (lock->borrowed) {
		free(lock);
	} else {
		lock->state = PARKED;
		lock->pid = file.pid;
		table_add(lock);
	}
	os_condition_wake();
	os_mutex_unlock();
}

void handle_forget(struct lf_lock *lock)
{
	lock->lent = true;
	handle_close(lock);
}

static bool table_is_empty(void)
{
	bool empty;

	os_mutex_lock();
	empty = handles == 0;
	os_mutex_unlock();
	return empty;
}

/* One that was opened for a look does not tell what more it might be. */
static bool is_good_for(const struct lf_lock *parked, const struct request *rq)
{
	pid_t owner = os_may_have_forked() ? os_description_owner(parked->fd) :
					     0;

	/* A child that adopted it since may hold a lock by it. */
	if (parked->lent || (owner != 0 && owner != getpid()))
		return false;
	if (rq->look)
		return true;
	if (rq->lock == OS_WRITE)
		return parked->access != OS_READ_ONLY;
	return parked->access != OS_WRITE_ONLY && !parked->look;
}

bool handle_unpark(struct lf_lock *lock, const struct request *rq)
{
	struct lf_lock *parked;
	struct file file;
	struct stat st;
	bool held;

	if (table_is_empty() ||
	    fstatat(rq->dirfd, rq->path, &st,
		    rq->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	file = (struct file){ st.st_dev, st.st_ino, getpid() };

	os_mutex_lock();
	held = is_held(&file);
	parked = find(&file, PARKED);
	while (parked && !is_good_for(parked, rq))
		parked = find_from(parked->next, &file, PARKED);
	if (parked) {
		table_remove(parked);
		lock->fd = parked->fd;
		lock->access = parked->access;
		lock->look = parked->look;
		lock->foreign = parked->foreign;
		free(parked);
	}
	os_mutex_unlock();
	return held;
}

void handle_enter_table(struct lf_lock *lock)
{
	os_mutex_lock();
	table_add(lock);
	os_mutex_unlock();
}

/*
 * The kernel keeps two descriptions apart, but neither two locks of a process
 * nor two handles on one borrowed descriptor; nor does it know the threads.
 */
static bool is_in_the_way(const struct lf_lock *other,
			  const struct lf_lock *lock, enum os_lock mode)
{
	bool same = other->fd == lock->fd;

	if (!lock->marks.process_owned && !same && other->thread != lock->thread)
		return false;
	return other->state == CLAIMED ||
	       (other->state == HOLDING &&
		(same || other->mode == OS_WRITE || mode == OS_WRITE));
}

/* With the mutex held: one of this thread, or else one of another, or NULL. */
static struct lf_lock *find_in_the_way(const struct lf_lock *lock,
				       enum os_lock mode)
{
	struct file file = file_of(lock);
	struct lf_lock *found = NULL;

	for (struct lf_lock *other = *bucket(file.ino); other;
	     other = other->next) {
		if (other == lock || !is_on(other, &file) ||
		    !is_in_the_way(other, lock, mode))
			continue;
		found = other;
		if (other->thread == lock->thread)
			break;
	}
	return found;
}

/* With the mutex held. */
static int enter(struct lf_lock *lock, enum os_lock mode, enum os_wait wait,
		 const atomic_bool *cancelled)
{
	struct lf_lock *other;

	while ((other = find_in_the_way(lock, mode)) != NULL) {
		if (other->thread == lock->thread)
			return wait == OS_WAIT ? -EDEADLK : -EAGAIN;
		if (wait == OS_NOWAIT)
			return -EAGAIN;
		if (atomic_load(cancelled))
			return -ETIMEDOUT;
		os_condition_wait();
	}
	if (lock->marks.process_owned || lock->borrowed)
		lock->state = CLAIMED;
	return 0;
}

int handle_enter(struct lf_lock *lock, enum os_lock mode, enum os_wait wait,
		 const atomic_bool *cancelled)
{
	int rc;

	os_mutex_lock();
	rc = enter(lock, mode, wait, cancelled);
	os_mutex_unlock();
	return rc;
}

bool handle_leave(struct lf_lock *lock)
{
	struct file file = file_of(lock);
	bool last;

	os_mutex_lock();
	while (find(&file, CLAIMED))
		os_condition_wait();
	last = !sibling(lock);
	lock->state = last ? CLAIMED : ACQUIRING;
	os_mutex_unlock();
	return last;
}

bool handle_has_sibling(const struct lf_lock *lock)
{
	bool has;

	os_mutex_lock();
	has = sibling(lock) != NULL;
	os_mutex_unlock();
	return has;
}

bool handle_has_sibling_in_other_mode(const struct lf_lock *lock)
{
	struct lf_lock *other;
	bool has;

	os_mutex_lock();
	other = sibling(lock);
	has = other && other->mode != lock->mode;
	os_mutex_unlock();
	return has;
}

void handle_wake(void)
{
	os_mutex_lock();
	os_condition_wake();
	os_mutex_unlock();
}

void handle_hold(struct lf_lock *lock)
{
	os_mutex_lock();
	if (!lock->marks.tag)
		tag_try(lock);
	lock->state = HOLDING;
	os_condition_wake();
	os_mutex_unlock();
}

void handle_convert(struct lf_lock *lock, enum os_lock mode)
{
	os_mutex_lock();
	lock->mode = mode;
	lock->state = HOLDING;
	tag_try(lock);
	os_condition_wake();
	os_mutex_unlock();
}

void handle_adopt(struct lf_lock *lock)
{
	os_mutex_lock();
	lock->pid = getpid();
	lock->thread = os_thread_self();
	lock->state = HOLDING;
	tag_try(lock);
	os_mutex_unlock();
}

void handle_untag(struct lf_lock *lock)
{
	struct file file = file_of(lock);
	struct lf_lock *other;

	os_mutex_lock();
	other = find(&file, HOLDING);
	if (!other) {
		tag_drop(lock);
		forget_tag(&file);
	} else if (other->mode != lock->mode) {
		tag_try(other);
	}
	os_mutex_unlock();
}

bool thread_holds_any(os_thread self)
{
	pid_t pid = getpid();
	bool found = false;

	os_mutex_lock();
	for (size_t i = 0; i < BUCKETS && !found; i++)
		for (struct lf_lock *lock = table[i]; lock && !found;
		     lock = lock->next)
			found = lock->state == HOLDING && lock->pid == pid &&
				lock->thread == self;
	os_mutex_unlock();
	return found;
}

bool process_holds(const struct stat *st)
{
	struct file file = { st->st_dev, st->st_ino, getpid() };
	bool held;

	os_mutex_lock();
	held = find(&file, HOLDING) != NULL;
	os_mutex_unlock();
	return held;
}
