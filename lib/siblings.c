/* SPDX-License-Identifier: 0BSD */
/*
 * Several handles of this process on one file.  What belongs to the process is
 * all of theirs: the kernel grants it to each of them, and one that drops it drops
 * it for the others.  So only one thread waits for the tag at a time, and only
 * while no other holds the file; and threads whose lock belongs to the process
 * wait for each other here.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>

/* ---- Threads of this process in each other's way */

/*
 * The kernel distinguishes two descriptions, but neither two locks of one process
 * nor two handles on one borrowed descriptor; nor does it know threads.
 */
static bool is_in_the_way(const struct lf_lock *other,
			  const struct lf_lock *lock, short type)
{
	bool same_fd = other->fd == lock->fd;

	if (!lock->marks.process_owned && !same_fd &&
	    other->thread != lock->thread)
		return false;
	return other->state == LF_CLAIMED ||
	       (other->state == LF_HOLDING &&
		(same_fd || other->type == F_WRLCK || type == F_WRLCK));
}

/* One of this thread if there is one, else one of another thread, or NULL. */
static struct lf_lock *find_in_the_way(const struct lf_lock *lock, short type)
{
	struct lf_lock *found = NULL, *other;

	for (other = lock->file->handles; other; other = other->next) {
		if (other == lock || !is_in_the_way(other, lock, type))
			continue;
		found = other;
		if (other->thread == lock->thread)
			break;
	}
	return found;
}

/* The file's mutex is held, as for pthread_cond_wait(3). */
static void wait_for_change(struct lf_file *file, struct lf_claimant *claim)
{
	lf_table_set_claimant(claim, file);
	if (!atomic_load(&claim->cancelled))
		pthread_cond_wait(&file->changed, &file->mutex);
	lf_table_set_claimant(claim, NULL);
}

static int claim_file(struct lf_lock *lock, short type, enum lf_how how,
		      struct lf_claimant *claim)
{
	struct lf_lock *other;

	while ((other = find_in_the_way(lock, type)) != NULL) {
		if (how != LF_WAIT && how != LF_WAIT_BOUNDED)
			return LF_BUSY;
		if (other->thread == lock->thread) {
			if (how == LF_WAIT)
				return -EDEADLK;
			/* The kernel makes it wait, if the body is its own. */
			if (!lock->marks.process_owned && other->fd != lock->fd)
				break;
		}
		if (atomic_load(&claim->cancelled))
			return LF_CANCELLED;
		wait_for_change(lock->file, claim);
	}
	if (lock->marks.process_owned || lock->borrowed)
		lock->state = LF_CLAIMED;
	return LF_GOT;
}

int lf_table_claim(struct lf_lock *lock, short type, enum lf_how how,
		   struct lf_claimant *claim)
{
	int rc;

	pthread_mutex_lock(&lock->file->mutex);
	rc = claim_file(lock, type, how, claim);
	pthread_mutex_unlock(&lock->file->mutex);
	return rc;
}

void lf_table_cancel(struct lf_claimant *claim)
{
	struct lf_file *file;

	atomic_store(&claim->cancelled, true);
	file = lf_table_get_claimed(claim);
	if (!file)
		return;
	pthread_mutex_lock(&file->mutex);
	pthread_cond_broadcast(&file->changed);
	pthread_mutex_unlock(&file->mutex);
	lf_table_put_file(file);
}

/*
 * Whether another thread is taking or dropping a lock of the process.  One with a
 * borrowed descriptor may be waiting for the very lock that is to be released.
 */
static bool is_claimed_for_process(const struct lf_file *file)
{
	struct lf_lock *lock = lf_table_find(file, LF_CLAIMED);

	while (lock && !lock->marks.process_owned)
		lock = lf_table_find_from(lock->next, LF_CLAIMED);
	return lock != NULL;
}

bool lf_table_claim_release(struct lf_lock *lock)
{
	struct lf_file *file = lock->file;
	bool last;

	pthread_mutex_lock(&file->mutex);
	while (is_claimed_for_process(file))
		pthread_cond_wait(&file->changed, &file->mutex);
	last = !lf_table_find_sibling(lock);
	lock->state = last ? LF_CLAIMED : LF_ACQUIRING;
	lf_table_list_as_held(lock, false);
	pthread_mutex_unlock(&file->mutex);
	return last;
}

/* ---- Becoming a holder; the tag shows it, if no waiter has it at the moment */

static void hold(struct lf_lock *lock)
{
	lock->state = LF_HOLDING;
	lock->waits_for_tag = false;
	/* To exchange the place for the tag would let the next in the queue in. */
	if (lock->marks.place)
		lf_place_convert(lock);
	else if (!lock->marks.tag)
		lf_tag_try(lock);
	lf_table_list_as_held(lock, true);
	pthread_cond_broadcast(&lock->file->changed);
}

void lf_table_hold(struct lf_lock *lock)
{
	pthread_mutex_lock(&lock->file->mutex);
	hold(lock);
	pthread_mutex_unlock(&lock->file->mutex);
}

void lf_table_set_type(struct lf_lock *lock, short type)
{
	pthread_mutex_lock(&lock->file->mutex);
	lock->type = type;
	lock->marks.tag = false; /* it is to be of the new type */
	hold(lock);
	pthread_mutex_unlock(&lock->file->mutex);
}

int lf_table_adopt(struct lf_lock *lock, pid_t owner)
{
	pid_t acquirer = lf_pid_of_acquirer(lock);
	bool is_first = !lock->parent && (owner == 0 || owner == acquirer);

	if (lf_is_inherited(lock)) {
		if (lf_table_prepare(lock) < 0)
			return -ENOMEM;
		lock->parent = is_first ? acquirer : -1;
		lock->generation = lf_generation();
		lock->thread = lf_thread_self();
		lock->state = LF_ACQUIRING;
		lock->held_at = NULL;
		lf_table_add(lock);
	}
	pthread_mutex_lock(&lock->file->mutex);
	lock->marks.tag = false; /* the parent's */
	hold(lock);
	pthread_mutex_unlock(&lock->file->mutex);
	return 0;
}

/* ---- What belongs to the process and may be a sibling's too */

bool lf_table_may_wait_for_tag(struct lf_lock *lock)
{
	struct lf_lock *other;

	pthread_mutex_lock(&lock->file->mutex);
	for (other = lock->file->handles; other; other = other->next)
		if (other != lock &&
		    (other->state == LF_HOLDING || other->waits_for_tag))
			break;
	lock->waits_for_tag = !other && lock->marks.use_tag;
	pthread_mutex_unlock(&lock->file->mutex);
	return !other;
}

void lf_table_give_tag_back(struct lf_lock *lock)
{
	struct lf_lock *holder;

	pthread_mutex_lock(&lock->file->mutex);
	lock->waits_for_tag = false;
	holder = lf_table_find_sibling(lock);
	if (!holder) {
		lf_tag_unlock(lock);
		lf_table_drop_tags(lock->file);
	} else if (holder->type != lock->type) {
		lf_tag_try(holder);
	}
	pthread_mutex_unlock(&lock->file->mutex);
}

void lf_table_unlock_body(struct lf_lock *lock)
{
	if (lock->marks.process_owned && lf_table_has_sibling(lock))
		lock->marks.body = F_UNLCK;
	else
		lf_body_unlock(lock);
}

bool lf_table_has_sibling(const struct lf_lock *lock)
{
	bool has;

	pthread_mutex_lock(&lock->file->mutex);
	has = lf_table_find_sibling(lock) != NULL;
	pthread_mutex_unlock(&lock->file->mutex);
	return has;
}

bool lf_table_has_sibling_of_other_type(const struct lf_lock *lock)
{
	struct lf_lock *sibling;
	bool has;

	pthread_mutex_lock(&lock->file->mutex);
	sibling = lf_table_find_sibling(lock);
	has = sibling && sibling->type != lock->type;
	pthread_mutex_unlock(&lock->file->mutex);
	return has;
}
