/* SPDX-License-Identifier: 0BSD */
/*
 * The table has every lock file that this process has open, and the handles on
 * it, because three rules of the kernel concern the process and not the
 * descriptor (fcntl(2), "Record locks"):
 *
 *  - closing any descriptor of a file drops all locks of the process on it;
 *  - a process never conflicts with itself;
 *  - deadlock is judged by process.
 *
 * So a descriptor is not closed while another handle of this process holds the
 * file: it is parked.  The tag is taken again after a close that dropped it.
 * Only one thread waits for the tag at a time, and only while no other holds the
 * file.  Threads whose lock belongs to the process wait for each other here.
 *
 * A file server that does not answer may block any call on a file for ever.  The
 * mutex of the table is never held across such a call; that of one file is, and
 * stops only the users of that file.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define BUCKETS 256

struct lf_file {
	struct lf_file *next; /* in its bucket */
	size_t users;
	dev_t dev;
	ino_t ino;
	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t changed;
	struct lf_lock *handles;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct lf_file *table[BUCKETS];
static struct lf_lock *held; /* all handles that hold a lock */
static atomic_size_t files;

/* ---- Processes */

/* The process that the table is of; with the bit set it is being emptied. */
static atomic_uint table_generation;

#define BEING_EMPTIED (1u << 31)

/*
 * A fork may copy the table while another thread changes it.  So a child begins
 * with an empty one, and leaves its parent's as it is.
 */
static void empty_table(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	mutex = fresh;
	for (size_t i = 0; i < BUCKETS; i++)
		table[i] = NULL;
	held = NULL;
	atomic_store(&files, 0);
}

/* First in each function that needs the table. */
static void enter_table(void)
{
	unsigned generation = lf_generation(), found;

	while ((found = atomic_load(&table_generation)) != generation) {
		if (found == (generation | BEING_EMPTIED) ||
		    !atomic_compare_exchange_strong(&table_generation, &found,
						    generation | BEING_EMPTIED))
			continue;
		empty_table();
		atomic_store(&table_generation, generation);
	}
}

/* ---- Files */

static struct lf_file **bucket(ino_t ino)
{
	return &table[ino % BUCKETS];
}

/* With the mutex of the table held. */
static struct lf_file *find_file(dev_t dev, ino_t ino)
{
	struct lf_file *file = *bucket(ino);

	while (file && (file->dev != dev || file->ino != ino))
		file = file->next;
	return file;
}

static void list_file(struct lf_file *file, dev_t dev, ino_t ino)
{
	file->dev = dev;
	file->ino = ino;
	file->next = *bucket(ino);
	*bucket(ino) = file;
	atomic_fetch_add(&files, 1);
}

/* SPARE is listed if this process does not have the file open, or NULL is. */
static struct lf_file *get_file(dev_t dev, ino_t ino, struct lf_file *spare)
{
	struct lf_file *file;

	enter_table();
	pthread_mutex_lock(&mutex);
	file = find_file(dev, ino);
	if (!file && spare)
		list_file(file = spare, dev, ino);
	if (file)
		file->users++;
	pthread_mutex_unlock(&mutex);
	return file;
}

static void free_file(struct lf_file *file)
{
	pthread_cond_destroy(&file->changed);
	pthread_mutex_destroy(&file->mutex);
	free(file);
}

static void put_file(struct lf_file *file)
{
	struct lf_file **at = bucket(file->ino);
	bool last;

	pthread_mutex_lock(&mutex);
	last = --file->users == 0;
	if (last) {
		while (*at != file)
			at = &(*at)->next;
		*at = file->next;
		atomic_fetch_sub(&files, 1);
	}
	pthread_mutex_unlock(&mutex);
	if (last)
		free_file(file);
}

/* ---- Handles of one file, whose mutex is held */

static void add(struct lf_file *file, struct lf_lock *lock)
{
	lock->file = file;
	lock->next = file->handles;
	file->handles = lock;
}

static void delete(struct lf_lock *lock)
{
	struct lf_lock **at = &lock->file->handles;

	while (*at != lock)
		at = &(*at)->next;
	*at = lock->next;
}

/* The first handle in STATE from LOCK on. */
static struct lf_lock *find_from(struct lf_lock *lock, enum lf_state state)
{
	while (lock && lock->state != state)
		lock = lock->next;
	return lock;
}

static struct lf_lock *find(const struct lf_file *file, enum lf_state state)
{
	return find_from(file->handles, state);
}

static bool is_in_use(const struct lf_file *file)
{
	return find(file, LF_HOLDING) || find(file, LF_CLAIMED);
}

static bool has_waiter(const struct lf_file *file)
{
	struct lf_lock *lock = file->handles;

	while (lock && !lock->waits_for_tag)
		lock = lock->next;
	return lock != NULL;
}

/* Another handle that holds the file, or NULL. */
static struct lf_lock *find_sibling(const struct lf_lock *lock)
{
	struct lf_lock *other = find(lock->file, LF_HOLDING);

	return other == lock ? find_from(other->next, LF_HOLDING) : other;
}

/* Nests in the mutex of a file, like all uses of the table's. */
static void list_as_held(struct lf_lock *lock, bool holds)
{
	pthread_mutex_lock(&mutex);
	if (holds && !lock->held_at) {
		lock->held_at = &held;
		lock->next_held = held;
		if (held)
			held->held_at = &lock->next_held;
		held = lock;
	} else if (!holds && lock->held_at) {
		*lock->held_at = lock->next_held;
		if (lock->next_held)
			lock->next_held->held_at = lock->held_at;
		lock->held_at = NULL;
	}
	pthread_mutex_unlock(&mutex);
}

/* ---- Opening and closing */

int lf_table_prepare(struct lf_lock *lock)
{
	struct lf_file *file = calloc(1, sizeof(*file));

	if (!file)
		return -ENOMEM;
	pthread_mutex_init(&file->mutex, NULL);
	pthread_cond_init(&file->changed, NULL);
	lock->file = file;
	return 0;
}

void lf_table_unprepare(struct lf_lock *lock)
{
	free_file(lock->file);
	lock->file = NULL;
}

void lf_table_add(struct lf_lock *lock)
{
	struct lf_file *spare = lock->file;
	struct lf_file *file = get_file(lock->dev, lock->ino, spare);

	if (file != spare)
		free_file(spare);
	pthread_mutex_lock(&file->mutex);
	add(file, lock);
	pthread_mutex_unlock(&file->mutex);
}

/* The tag of the process is gone: so every handle of the file is without it. */
static void mark_tags_dropped(const struct lf_file *file)
{
	struct lf_lock *lock;

	for (lock = file->handles; lock; lock = lock->next)
		lock->marks.tag = false;
}

static void close_parked(struct lf_file *file)
{
	struct lf_lock *parked;

	while ((parked = find(file, LF_PARKED)) != NULL) {
		delete(parked);
		close(parked->fd);
		free(parked);
		put_file(file); /* never the last: the caller has it too */
	}
}

/*
 * A close drops the tag of the process.  A holder needs it; a waiter may get it
 * just now.  But the tag that this handle has must not stay behind.
 */
static void close_or_park(struct lf_file *file, struct lf_lock *lock)
{
	if (is_in_use(file) || (!lock->marks.tag && has_waiter(file))) {
		if (lock->borrowed || lock->fd < 0) {
			free(lock);
			return;
		}
		lock->state = LF_PARKED;
		lock->waits_for_tag = false;
		add(file, lock);
		get_file(file->dev, file->ino, NULL); /* for the parked one */
		return;
	}
	if (lock->borrowed)
		lf_tag_unlock(lock);
	else if (lock->fd >= 0)
		close(lock->fd);
	free(lock);
	close_parked(file);
	mark_tags_dropped(file);
}

static void close_inherited(struct lf_lock *lock)
{
	struct lf_file *file = get_file(lock->dev, lock->ino, NULL);

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
	put_file(file);
}

void lf_table_close(struct lf_lock *lock)
{
	struct lf_file *file = lock->file;

	if (lock->dirfd >= 0)
		close(lock->dirfd);
	lock->dirfd = -1;
	if (lf_is_inherited(lock)) {
		close_inherited(lock);
		return;
	}
	pthread_mutex_lock(&file->mutex);
	delete(lock);
	list_as_held(lock, false);
	close_or_park(file, lock);
	pthread_cond_broadcast(&file->changed);
	pthread_mutex_unlock(&file->mutex);
	put_file(file);
}

void lf_table_forget(struct lf_lock *lock)
{
	lock->lent = true;
	lf_table_close(lock);
}

void lf_table_drop(struct lf_lock *lock)
{
	struct lf_file *file = lock->file;

	if (!lf_is_inherited(lock)) {
		pthread_mutex_lock(&file->mutex);
		delete(lock);
		list_as_held(lock, false);
		pthread_cond_broadcast(&file->changed);
		pthread_mutex_unlock(&file->mutex);
		put_file(file);
	}
	free(lock);
}

/*
 * A descriptor that a child may share is not used again: the child would keep
 * the new lock.  One that was opened to inspect may be more than readable.
 */
static bool serves(const struct lf_lock *parked,
		   const struct lf_request *request)
{
	if (parked->lent || parked->forks != lf_fork_count() ||
	    lf_description_owner(parked->fd) != 0)
		return false;
	if (request->inspects)
		return true;
	if (request->type == F_WRLCK)
		return parked->access != O_RDONLY;
	return parked->access != O_WRONLY && !parked->inspects;
}

static void take_parked(struct lf_file *file, struct lf_lock *lock,
			const struct lf_request *request)
{
	struct lf_lock *parked = find(file, LF_PARKED);

	while (parked && !serves(parked, request))
		parked = find_from(parked->next, LF_PARKED);
	if (!parked)
		return;
	delete(parked);
	lock->fd = parked->fd;
	lock->access = parked->access;
	lock->inspects = parked->inspects;
	lock->cannot_remove = parked->cannot_remove;
	free(parked);
	put_file(file);
}

bool lf_table_unpark(struct lf_lock *lock, const struct lf_request *request)
{
	struct lf_file *file;
	struct stat st;
	bool in_use;

	enter_table();
	lock->forks = lf_fork_count();
	if (atomic_load(&files) == 0 ||
	    fstatat(request->dirfd, request->path, &st,
		    request->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	file = get_file(st.st_dev, st.st_ino, NULL);
	if (!file)
		return false;
	pthread_mutex_lock(&file->mutex);
	in_use = is_in_use(file);
	take_parked(file, lock, request);
	pthread_mutex_unlock(&file->mutex);
	put_file(file);
	return in_use;
}

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
	pthread_mutex_lock(&mutex);
	claim->file = file;
	pthread_mutex_unlock(&mutex);
	if (!atomic_load(&claim->cancelled))
		pthread_cond_wait(&file->changed, &file->mutex);
	pthread_mutex_lock(&mutex);
	claim->file = NULL;
	pthread_mutex_unlock(&mutex);
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
	pthread_mutex_lock(&mutex);
	file = claim->file;
	if (file)
		file->users++;
	pthread_mutex_unlock(&mutex);
	if (!file)
		return;
	pthread_mutex_lock(&file->mutex);
	pthread_cond_broadcast(&file->changed);
	pthread_mutex_unlock(&file->mutex);
	put_file(file);
}

bool lf_table_claim_release(struct lf_lock *lock)
{
	struct lf_file *file = lock->file;
	bool last;

	pthread_mutex_lock(&file->mutex);
	while (find(file, LF_CLAIMED))
		pthread_cond_wait(&file->changed, &file->mutex);
	last = !find_sibling(lock);
	lock->state = last ? LF_CLAIMED : LF_ACQUIRING;
	list_as_held(lock, false);
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
	list_as_held(lock, true);
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

int lf_table_adopt(struct lf_lock *lock)
{
	if (lf_is_inherited(lock)) {
		if (lf_table_prepare(lock) < 0)
			return -ENOMEM;
		lock->generation = lf_generation();
		lock->state = LF_ACQUIRING;
		lock->held_at = NULL;
		lock->adopted = true;
		lf_table_add(lock);
	}
	pthread_mutex_lock(&lock->file->mutex);
	lock->thread = lf_thread_self();
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
	holder = find_sibling(lock);
	if (!holder) {
		lf_tag_unlock(lock);
		mark_tags_dropped(lock->file);
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
	has = find_sibling(lock) != NULL;
	pthread_mutex_unlock(&lock->file->mutex);
	return has;
}

bool lf_table_has_sibling_of_other_type(const struct lf_lock *lock)
{
	struct lf_lock *sibling;
	bool has;

	pthread_mutex_lock(&lock->file->mutex);
	sibling = find_sibling(lock);
	has = sibling && sibling->type != lock->type;
	pthread_mutex_unlock(&lock->file->mutex);
	return has;
}

/* ---- Questions */

bool lf_table_thread_holds_any(unsigned long thread)
{
	struct lf_lock *lock;

	enter_table();
	pthread_mutex_lock(&mutex);
	for (lock = held; lock && lock->thread != thread;)
		lock = lock->next_held;
	pthread_mutex_unlock(&mutex);
	return lock != NULL;
}

bool lf_table_process_holds(const struct stat *st)
{
	struct lf_file *file = get_file(st->st_dev, st->st_ino, NULL);
	bool holds;

	if (!file)
		return false;
	pthread_mutex_lock(&file->mutex);
	holds = find(file, LF_HOLDING) != NULL;
	pthread_mutex_unlock(&file->mutex);
	put_file(file);
	return holds;
}
