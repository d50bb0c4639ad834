/* SPDX-License-Identifier: 0BSD */
/*
 * The table has every handle of this process, because three rules of the kernel
 * concern the process and not the descriptor (fcntl(2), "Record locks"):
 *
 *  - closing any descriptor of a file drops all locks of the process on it;
 *  - a process never conflicts with itself;
 *  - deadlock is judged by process.
 *
 * So a descriptor is not closed while another handle of this process holds the
 * file: it is parked.  The tag is taken again after a close that dropped it.
 * Threads whose lock belongs to the process wait for each other here.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define BUCKETS 64

static struct lf_lock *table[BUCKETS];
static size_t handles;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* ---- fork(2): the child finds the mutex free and the table whole. */

static atomic_bool has_forked;

static void before_fork(void)
{
	pthread_mutex_lock(&mutex);
}

static void after_fork_in_parent(void)
{
	atomic_store(&has_forked, true);
	pthread_mutex_unlock(&mutex);
}

/* The threads that waited for the condition do not exist in the child. */
static void after_fork_in_child(void)
{
	static const pthread_cond_t fresh = PTHREAD_COND_INITIALIZER;

	changed = fresh;
	pthread_mutex_unlock(&mutex);
}

/*
 * Before the program can set hooks of its own or fork: in the child ours run
 * first, and no fork falls between the first use of the mutex and these hooks.
 */
__attribute__((__constructor__)) static void set_fork_hooks(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

bool lf_table_may_have_forked(void)
{
	return atomic_load(&has_forked);
}

/* ---- Look-up; the mutex is held. */

static struct lf_lock **bucket(ino_t ino)
{
	return &table[ino % BUCKETS];
}

static void add(struct lf_lock *lock)
{
	struct lf_lock **head = bucket(lock->ino);

	lock->next = *head;
	*head = lock;
	handles++;
}

static void delete(struct lf_lock *lock)
{
	struct lf_lock **at = bucket(lock->ino);

	while (*at != lock)
		at = &(*at)->next;
	*at = lock->next;
	handles--;
}

/* A file as one process knows it: handles that fork(2) copied do not count. */
struct file {
	dev_t dev;
	ino_t ino;
	pid_t pid;
};

static struct file file_of(const struct lf_lock *lock)
{
	return (struct file){ lock->dev, lock->ino, lock->pid };
}

static bool is_on(const struct lf_lock *lock, const struct file *file)
{
	return lock->dev == file->dev && lock->ino == file->ino &&
	       lock->pid == file->pid;
}

/* The next in STATE, LOCK included. */
static struct lf_lock *find_from(struct lf_lock *lock, const struct file *file,
				 enum lf_state state)
{
	while (lock && !(is_on(lock, file) && lock->state == state))
		lock = lock->next;
	return lock;
}

static struct lf_lock *find(const struct file *file, enum lf_state state)
{
	return find_from(*bucket(file->ino), file, state);
}

static bool is_in_use(const struct file *file)
{
	return find(file, LF_HOLDING) || find(file, LF_CLAIMED);
}

/* Another handle of this process that holds the file, or NULL. */
static struct lf_lock *find_sibling(const struct lf_lock *lock)
{
	struct file file = file_of(lock);
	struct lf_lock *other = find(&file, LF_HOLDING);

	return other == lock ? find_from(other->next, &file, LF_HOLDING) :
			       other;
}

/* ---- Opening and closing */

void lf_table_add(struct lf_lock *lock)
{
	pthread_mutex_lock(&mutex);
	add(lock);
	pthread_mutex_unlock(&mutex);
}

/* The tag of the process is gone: so every handle of the file is without it. */
static void mark_tags_dropped(const struct file *file)
{
	struct lf_lock *lock;

	for (lock = *bucket(file->ino); lock; lock = lock->next)
		if (is_on(lock, file))
			lock->marks.tag = false;
}

static void close_and_free(struct lf_lock *lock, const struct file *file)
{
	if (lock->borrowed)
		lf_tag_unlock(lock);
	else
		close(lock->fd);
	mark_tags_dropped(file);
	free(lock);
}

static void close_parked(const struct file *file)
{
	struct lf_lock *parked;

	while ((parked = find(file, LF_PARKED)) != NULL) {
		delete(parked);
		close_and_free(parked, file);
	}
}

void lf_table_close(struct lf_lock *lock)
{
	struct file file = file_of(lock);

	if (lock->dirfd >= 0)
		close(lock->dirfd);
	lock->dirfd = -1;
	file.pid = getpid(); /* not the handle's in a forked child */

	pthread_mutex_lock(&mutex);
	delete(lock);
	if (!is_in_use(&file)) {
		close_and_free(lock, &file);
		close_parked(&file);
	} else if (lock->borrowed) {
		free(lock);
	} else {
		lock->state = LF_PARKED;
		lock->pid = file.pid;
		add(lock);
	}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

void lf_table_forget(struct lf_lock *lock)
{
	lock->lent = true;
	lf_table_close(lock);
}

/* A descriptor that was opened to inspect may be more than readable: unknown. */
static bool serves(const struct lf_lock *parked,
		   const struct lf_request *request)
{
	pid_t owner = lf_table_may_have_forked() ? lf_file_owner(parked->fd) :
						   0;

	/* A child that adopted it since may hold a lock by it. */
	if (parked->lent || (owner != 0 && owner != getpid()))
		return false;
	if (request->inspects)
		return true;
	if (request->type == F_WRLCK)
		return parked->access != O_RDONLY;
	return parked->access != O_WRONLY && !parked->inspects;
}

static bool is_empty(void)
{
	bool empty;

	pthread_mutex_lock(&mutex);
	empty = handles == 0;
	pthread_mutex_unlock(&mutex);
	return empty;
}

bool lf_table_unpark(struct lf_lock *lock, const struct lf_request *request)
{
	struct lf_lock *parked;
	struct file file;
	struct stat st;
	bool in_use;

	if (is_empty() || fstatat(request->dirfd, request->path, &st,
				  request->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	file = (struct file){ st.st_dev, st.st_ino, getpid() };

	pthread_mutex_lock(&mutex);
	in_use = is_in_use(&file);
	parked = find(&file, LF_PARKED);
	while (parked && !serves(parked, request))
		parked = find_from(parked->next, &file, LF_PARKED);
	if (parked) {
		delete(parked);
		lock->fd = parked->fd;
		lock->access = parked->access;
		lock->inspects = parked->inspects;
		lock->foreign = parked->foreign;
		free(parked);
	}
	pthread_mutex_unlock(&mutex);
	return in_use;
}

/* ---- Threads of this process in each other's way */

/*
 * The kernel tells two descriptions apart, but neither two locks of one process
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
	struct file file = file_of(lock);
	struct lf_lock *found = NULL, *other;

	for (other = *bucket(file.ino); other; other = other->next) {
		if (other == lock || !is_on(other, &file) ||
		    !is_in_the_way(other, lock, type))
			continue;
		found = other;
		if (other->thread == lock->thread)
			break;
	}
	return found;
}

static int claim(struct lf_lock *lock, short type, bool wait,
		 const atomic_bool *cancelled)
{
	struct lf_lock *other;

	while ((other = find_in_the_way(lock, type)) != NULL) {
		if (other->thread == lock->thread)
			return wait ? -EDEADLK : LF_BUSY;
		if (!wait)
			return LF_BUSY;
		if (atomic_load(cancelled))
			return LF_CANCELLED;
		pthread_cond_wait(&changed, &mutex);
	}
	if (lock->marks.process_owned || lock->borrowed)
		lock->state = LF_CLAIMED;
	return LF_GOT;
}

int lf_table_claim(struct lf_lock *lock, short type, bool wait,
		   const atomic_bool *cancelled)
{
	int rc;

	pthread_mutex_lock(&mutex);
	rc = claim(lock, type, wait, cancelled);
	pthread_mutex_unlock(&mutex);
	return rc;
}

void lf_table_wake(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

bool lf_table_claim_release(struct lf_lock *lock)
{
	struct file file = file_of(lock);
	bool last;

	pthread_mutex_lock(&mutex);
	while (find(&file, LF_CLAIMED))
		pthread_cond_wait(&changed, &mutex);
	last = !find_sibling(lock);
	lock->state = last ? LF_CLAIMED : LF_ACQUIRING;
	pthread_mutex_unlock(&mutex);
	return last;
}

/* ---- Becoming a holder; the tag shows it, if no waiter has it at the moment */

void lf_table_hold(struct lf_lock *lock)
{
	pthread_mutex_lock(&mutex);
	if (!lock->marks.tag)
		lf_tag_try(lock);
	lock->state = LF_HOLDING;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

void lf_table_set_type(struct lf_lock *lock, short type)
{
	pthread_mutex_lock(&mutex);
	lock->type = type;
	lock->state = LF_HOLDING;
	lf_tag_try(lock);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&mutex);
}

void lf_table_adopt(struct lf_lock *lock)
{
	pthread_mutex_lock(&mutex);
	lock->pid = getpid();
	lock->thread = lf_thread_self();
	lock->state = LF_HOLDING;
	lf_tag_try(lock);
	pthread_mutex_unlock(&mutex);
}

/* ---- What belongs to the process and may be a sibling's too */

void lf_table_give_tag_back(struct lf_lock *lock)
{
	struct file file = file_of(lock);
	struct lf_lock *holder;

	pthread_mutex_lock(&mutex);
	holder = find(&file, LF_HOLDING);
	if (!holder) {
		lf_tag_unlock(lock);
		mark_tags_dropped(&file);
	} else if (holder->type != lock->type) {
		lf_tag_try(holder);
	}
	pthread_mutex_unlock(&mutex);
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

	pthread_mutex_lock(&mutex);
	has = find_sibling(lock) != NULL;
	pthread_mutex_unlock(&mutex);
	return has;
}

bool lf_table_has_sibling_of_other_type(const struct lf_lock *lock)
{
	struct lf_lock *sibling;
	bool has;

	pthread_mutex_lock(&mutex);
	sibling = find_sibling(lock);
	has = sibling && sibling->type != lock->type;
	pthread_mutex_unlock(&mutex);
	return has;
}

/* ---- Questions */

bool lf_table_thread_holds_any(unsigned long thread)
{
	pid_t pid = getpid();
	struct lf_lock *lock;
	bool found = false;

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < BUCKETS && !found; i++)
		for (lock = table[i]; lock && !found; lock = lock->next)
			found = lock->state == LF_HOLDING && lock->pid == pid &&
				lock->thread == thread;
	pthread_mutex_unlock(&mutex);
	return found;
}

bool lf_table_process_holds(const struct stat *st)
{
	struct file file = { st->st_dev, st->st_ino, getpid() };
	bool holds;

	pthread_mutex_lock(&mutex);
	holds = find(&file, LF_HOLDING) != NULL;
	pthread_mutex_unlock(&mutex);
	return holds;
}
