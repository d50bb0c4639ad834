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
 * parked.c and siblings.c draw the consequences.
 *
 * A file server that does not answer may block any call on a file for ever.  The
 * mutex of the table is never held across such a call; that of one file is, and
 * stops only the users of that file.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <stdlib.h>

/* More would give lf-acquire one page more of variables, and a page fault. */
#define BUCKETS 128

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

struct lf_file *lf_table_get_file(dev_t dev, ino_t ino, struct lf_file *spare)
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

bool lf_table_is_empty(void)
{
	enter_table();
	return atomic_load(&files) == 0;
}

static void free_file(struct lf_file *file)
{
	pthread_cond_destroy(&file->changed);
	pthread_mutex_destroy(&file->mutex);
	free(file);
}

void lf_table_put_file(struct lf_file *file)
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
	struct lf_file *file = lf_table_get_file(lock->dev, lock->ino, spare);

	if (file != spare)
		free_file(spare);
	pthread_mutex_lock(&file->mutex);
	lf_table_insert(file, lock);
	pthread_mutex_unlock(&file->mutex);
}

/* ---- Handles of one file, whose mutex is held */

void lf_table_insert(struct lf_file *file, struct lf_lock *lock)
{
	lock->file = file;
	lock->next = file->handles;
	file->handles = lock;
}

void lf_table_delete(struct lf_lock *lock)
{
	struct lf_lock **at = &lock->file->handles;

	while (*at != lock)
		at = &(*at)->next;
	*at = lock->next;
}

struct lf_lock *lf_table_find_from(struct lf_lock *lock, enum lf_state state)
{
	while (lock && lock->state != state)
		lock = lock->next;
	return lock;
}

struct lf_lock *lf_table_find(const struct lf_file *file, enum lf_state state)
{
	return lf_table_find_from(file->handles, state);
}

struct lf_lock *lf_table_find_sibling(const struct lf_lock *lock)
{
	struct lf_lock *other = lf_table_find(lock->file, LF_HOLDING);

	return other == lock ? lf_table_find_from(other->next, LF_HOLDING) :
			       other;
}

void lf_table_drop_tags(const struct lf_file *file)
{
	struct lf_lock *lock;

	for (lock = file->handles; lock; lock = lock->next)
		lock->marks.tag = false;
}

/* Nests in the mutex of a file, like all uses of the table's. */
void lf_table_list_as_held(struct lf_lock *lock, bool holds)
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

/* ---- Threads that wait for a change of a file */

void lf_table_set_claimant(struct lf_claimant *claim, struct lf_file *file)
{
	pthread_mutex_lock(&mutex);
	claim->file = file;
	pthread_mutex_unlock(&mutex);
}

struct lf_file *lf_table_get_claimed(struct lf_claimant *claim)
{
	struct lf_file *file;

	/* The thread that is cancelled may not have used the table yet. */
	enter_table();
	pthread_mutex_lock(&mutex);
	file = claim->file;
	if (file)
		file->users++;
	pthread_mutex_unlock(&mutex);
	return file;
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

bool lf_table_has_directory_too(const struct lf_lock *lock)
{
	struct lf_lock *other;

	enter_table();
	pthread_mutex_lock(&mutex);
	for (other = held; other; other = other->next_held)
		if (other != lock && other->dirfd == lock->dirfd)
			break;
	pthread_mutex_unlock(&mutex);
	return other != NULL;
}

bool lf_table_process_holds(const struct stat *st, bool *elsewhere)
{
	struct lf_file *file = lf_table_get_file(st->st_dev, st->st_ino, NULL);
	const struct lf_lock *holder;

	if (!file)
		return false;
	pthread_mutex_lock(&file->mutex);
	holder = lf_table_find(file, LF_HOLDING);
	if (holder && elsewhere)
		*elsewhere = holder->marks.elsewhere;
	pthread_mutex_unlock(&file->mutex);
	lf_table_put_file(file);
	return holder != NULL;
}
