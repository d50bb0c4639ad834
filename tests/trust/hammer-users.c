/* SPDX-License-Identifier: 0BSD */
/* Threads that lock in every way, and note when they hold a lock. */
#include "config.h"

#include "hammer.h"
#include "lib/original.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int one_of(struct user *user, int count)
{
	return rand_r(&user->seed) % count;
}

/* --- Slots */

void use(size_t slot, unsigned locks)
{
	unsigned before;

	note_use(getpid(), locks);
	atomic_store(&arena->slots[slot].pid, getpid());
	atomic_fetch_add(&arena->slots[slot].changes, 1);
	before = atomic_exchange(&arena->slots[slot].uses, locks);
	atomic_fetch_add(&arena->slots[slot].changes, 1);
	note_end_of_use(getpid(), before);
}

static bool excludes(int ours, int theirs)
{
	return (ours & ~SHARED) == (theirs & ~SHARED) &&
	       !(ours & theirs & SHARED);
}

/* Nobody else may hold it now, but a process that is being killed. */
void hold(size_t slot, int lock, bool shared, size_t parent)
{
	int holds = (lock + 1) | (shared ? SHARED : 0);

	atomic_fetch_add(&arena->slots[slot].changes, 1);
	atomic_store(&arena->slots[slot].holds, holds);
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *other = &arena->slots[i];
		unsigned changes = atomic_load(&other->changes);
		int theirs = atomic_load(&other->holds);

		if (i == slot || i == parent || !excludes(holds, theirs) ||
		    atomic_load(&arena->is_dying[process_of(i)]) ||
		    atomic_load(&other->changes) != changes)
			continue;
		wrong("%s: slot %zu (PID %d) and slot %zu (PID %d) hold it",
		      paths[lock], slot, getpid(), i,
		      atomic_load(&other->pid));
	}
	atomic_fetch_add(&arena->acquired[lock], 1);
	happens(shared ? SHARING : EXCLUSIVE);
}

void stop_holding(size_t slot)
{
	atomic_store(&arena->slots[slot].holds, 0);
	atomic_fetch_add(&arena->slots[slot].changes, 1);
}

static void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

/* The only holder stays for one question, however long it takes, or almost; the
   others do so for some time. */
static void stay_longer(struct user *user)
{
	int holds = atomic_load(&arena->slots[user->slot].holds), free = 0, ms = 0;

	if (!can_be_judged(holds - 1) ||
	    !atomic_compare_exchange_strong(&arena->wanted, &free, holds)) {
		sleep_ms(one_of(user, 100));
		return;
	}
	while (atomic_load(&arena->wanted) == holds && (ms += 2) < 5000 &&
	       !atomic_load(&arena->over))
		sleep_ms(2);
	atomic_compare_exchange_strong(&arena->wanted, &holds, 0);
}

/* Time for another to get in, if it can, or for lf-check to find out. */
static void stay(struct user *user)
{
	if (one_of(user, 60) == 0)
		stay_longer(user);
	for (int i = one_of(user, 8); i > 0; i--)
		sched_yield();
}

/* --- Which lock it is */

static bool is_in(int lock, const struct stat *st)
{
	struct stat there;

	return fstatat(arena->directories[lock], "lock", &there,
		       AT_SYMLINK_NOFOLLOW) == 0 &&
	       there.st_dev == st->st_dev && there.st_ino == st->st_ino;
}

/* Of one that was acquired by the name of ONE or TWO. */
static int identify(const struct lf_lock *lock)
{
	struct stat st;

	if (fstat(lf_fileno(lock), &st) == 0)
		for (int i = ONE; i <= TWO; i++)
			if (is_in(i, &st))
				return i;
	wrong("%s: held, and in neither directory", lf_path(lock));
	return ONE;
}

static bool changes_name(int lock)
{
	return lock == ONE || lock == TWO;
}

/* --- While a lock is held */

static void check_pid(const struct lf_lock *lock)
{
	char wanted[16], text[16] = "";

	snprintf(wanted, sizeof(wanted), "%d\n", getpid());
	if (pread(lf_fileno(lock), text, sizeof(text) - 1, 0) < 0 ||
	    strcmp(text, wanted) != 0)
		wrong("%s: contains '%s', not %s", lf_path(lock), text, wanted);
}

static void release(struct lf_lock **lock, int number, size_t slot)
{
	int rc;

	rc = lf_verify(*lock);
	if (rc != 0 && !(rc == -ESTALE && changes_name(number)))
		wrong("%s: lf_verify: %s", paths[number], lf_strerror(rc));
	stop_holding(slot);
	rc = lf_release(lock);
	if (rc != 0 && !(rc == LF_REPLACED && changes_name(number)))
		wrong("%s: lf_release: %d", paths[number], rc);
}

static void convert(struct user *user, struct lf_lock *lock, int number,
		    bool *shared)
{
	int rc;

	if (!*shared) {
		hold(user->slot, number, true, SLOTS);
		*shared = true;
		rc = lf_convert(lock, LF_FOREVER, LF_SHARED);
		if (rc != 0)
			wrong("to shared: %s", lf_strerror(rc));
		happens(TO_SHARED);
		return;
	}
	rc = lf_convert(lock, one_of(user, 5), 0);
	if (rc == 0) {
		*shared = false;
		hold(user->slot, number, false, SLOTS);
		happens(TO_EXCLUSIVE);
	} else if (rc != -EAGAIN && rc != -ETIMEDOUT) {
		wrong("to exclusive: %s", lf_strerror(rc));
	}
}

static void hold_in_child(struct user *user, struct lf_lock *lock, int number,
			  bool shared, int adopted)
{
	size_t slot = user->slot + THREAD_SLOTS;
	int rc;

	use(slot, arena->slots[user->slot].uses);
	rc = lf_adopt(lock);
	if (rc < 0) {
		if (rc != -ESTALE || !changes_name(number))
			wrong("lf_adopt: %s", lf_strerror(rc));
		use(slot, 0);
		_exit(1);
	}
	hold(slot, number, shared, user->slot);
	stop_holding(user->slot); /* or the parent may be too late for it */
	user->slot = slot;
	happens(ADOPTED);
	(void)!write(adopted, "", 1);
	if (number == PIDS)
		check_pid(lock);
	stay(user);
	release(&lock, number, slot);
	use(slot, 0);
	_exit(0);
}

/* Returns as fork(2) does. */
static pid_t fork_user(struct user *user)
{
	unsigned question = atomic_load(&arena->questions);
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		note_child(user->process, parent, question);
	return pid;
}

static void reap(pid_t pid)
{
	int status;

	if (pid <= 0)
		return;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return;
	note_end(pid);
	/* Whoever kills a child kills this process first. */
	if (WIFSIGNALED(status))
		wrong("PID %d, a child, ended by signal %d", pid,
		      WTERMSIG(status));
}

/* The child goes on with the lock, if it can adopt it. */
static void let_child_adopt(struct user *user, struct lf_lock **lock,
			    int number, bool shared)
{
	int adopted[2];
	pid_t pid;
	char c;

	if (pipe2(adopted, O_CLOEXEC) < 0)
		return;
	pid = fork_user(user);
	if (pid == 0)
		hold_in_child(user, *lock, number, shared, adopted[1]);
	close(adopted[1]);
	if (pid > 0 && read(adopted[0], &c, 1) == 1 && lf_release(lock) < 0)
		wrong("release of the parent");
	close(adopted[0]);
	reap(pid);
}

/* Whether the parent has released the lock, and was not killed. */
static bool outlives(const struct user *user, pid_t parent)
{
	while (getppid() == parent) {
		if (atomic_load(&arena->slots[user->slot].uses) == 0)
			return true;
		sleep_ms(1);
	}
	return false;
}

/* The child inherits the lock and leaves it alone, as most programs do: it ends
   before the parent releases the lock, or after that. */
static void let_child_inherit(struct user *user, struct lf_lock *lock)
{
	bool is_late = one_of(user, 2) == 0;
	pid_t parent = getpid(), pid = fork_user(user);
	int rc;

	if (pid == 0) {
		if (!is_late)
			happens(INHERITED);
		else if (outlives(user, parent))
			happens(OUTLIVED);
		stay(user);
		rc = one_of(user, 2) ? lf_release(&lock) : 0;
		if (rc != 0)
			wrong("release of a child that did not adopt: %d", rc);
		_exit(0);
	}
	if (is_late)
		user->child = pid;
	else
		reap(pid);
}

/* The kernel may drop a lock of flock(2) that it is asked to convert. */
static void work(struct user *user, struct lf_lock *lock, int number,
		 bool shared)
{
	if (changes_name(number))
		number = identify(lock);
	hold(user->slot, number, shared, SLOTS);
	stay(user);
	if (number == PIDS)
		check_pid(lock);
	else if (number != FLOCKS && one_of(user, 4) == 0)
		for (int i = one_of(user, 4); i >= 0; i--)
			convert(user, lock, number, &shared);
	if (one_of(user, 16) == 0)
		let_child_adopt(user, &lock, number, shared);
	else if (one_of(user, 16) == 0)
		let_child_inherit(user, lock);
	stay(user);
	if (lock)
		release(&lock, number, user->slot);
}

/* --- Ways to acquire */

/* Forever, not at all, or some milliseconds. */
static int choose_timeout(struct user *user)
{
	switch (one_of(user, 4)) {
	case 0:
		return LF_FOREVER;
	case 1:
		return 0;
	default:
		return one_of(user, 30);
	}
}

/* A bounded call may end before its thread has asked for the lock. */
static void check_refusal(int lock, int timeout_ms, int rc)
{
	if (rc == -EAGAIN && timeout_ms == 0)
		happens(REFUSED);
	else if (rc == -ETIMEDOUT && timeout_ms > 0)
		happens(LATE);
	else
		wrong("%s: timeout %d: %s", paths[lock], timeout_ms,
		      lf_strerror(rc));
}

static unsigned choose_flags(struct user *user, int lock)
{
	unsigned flags = one_of(user, 4) ? 0 : LF_KEEP;

	if (lock == PIDS)
		return flags | LF_PID;
	if (lock == FLOCKS)
		flags = LF_FLOCK;
	return flags | (one_of(user, 3) ? 0 : LF_SHARED);
}

/* The working directory is the process's. */
static pthread_mutex_t directory = PTHREAD_MUTEX_INITIALIZER;

static int acquire_here(struct lf_lock **lock, struct user *user, int number,
			unsigned flags)
{
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s", paths[number]);
	*strrchr(path, '/') = '\0';
	pthread_mutex_lock(&directory);
	rc = chdir(path) == 0 ? lf_acquire(lock, "lock", 0, flags) : -EAGAIN;
	if (chdir("/") < 0)
		abort();
	pthread_mutex_unlock(&directory);
	if (rc != 0)
		return rc;
	happens(HERE);
	stay(user);
	return 0;
}

/* Gives up unless the lock is granted in some milliseconds. */
static int start_and_finish(struct lf_lock **lock, int number, unsigned flags,
			    int timeout_ms)
{
	struct pollfd over = { .events = POLLIN };
	int rc = lf_start(lock, paths[number], flags);

	if (rc < 0)
		return rc;
	over.fd = lf_pending_fd(*lock);
	if (poll(&over, 1, timeout_ms) == 1 || timeout_ms < 0) {
		rc = lf_finish(lock);
		if (rc == 0)
			happens(STARTED);
		return rc;
	}
	lf_release(lock);
	happens(GIVEN_UP);
	return timeout_ms == 0 ? -EAGAIN : -ETIMEDOUT;
}

static void acquire_one(struct user *user, int number)
{
	int timeout_ms = choose_timeout(user), rc;
	unsigned flags = choose_flags(user, number);
	struct lf_lock *lock;

	use(user->slot, changes_name(number) ? 1u << ONE | 1u << TWO :
					       1u << number);
	switch (one_of(user, 8)) {
	case 0:
		timeout_ms = 0;
		rc = acquire_here(&lock, user, number, flags);
		break;
	case 1:
		rc = start_and_finish(&lock, number, flags, timeout_ms);
		break;
	default:
		rc = lf_acquire(&lock, paths[number], timeout_ms, flags);
	}
	if (rc == 0)
		work(user, lock, number, flags & LF_SHARED);
	else
		check_refusal(number, timeout_ms, rc);
	use(user->slot, 0);
	reap(user->child);
	user->child = 0;
}

static void acquire_both(struct user *user)
{
	const char *both[] = { paths[FIRST], paths[SECOND] };
	int timeout_ms = choose_timeout(user), rc;
	struct lf_lock *locks[2];

	use(user->slot, 1u << FIRST | 1u << SECOND);
	rc = lf_acquire_all(locks, both, 2, 0666, timeout_ms, 0, NULL);
	if (rc == 0) {
		happens(TOGETHER);
		/* A slot holds one lock; the other one is for the next. */
		hold(user->slot, FIRST, false, SLOTS);
		stay(user);
		hold(user->slot, SECOND, false, SLOTS);
		stay(user);
		stop_holding(user->slot);
		for (int i = 0; i < 2; i++)
			if (lf_release(&locks[i]) != 0)
				wrong("release of %s", both[i]);
	} else {
		check_refusal(FIRST, timeout_ms, rc);
	}
	use(user->slot, 0);
}

static void lock_again_and_again(struct user *user, int first)
{
	while (!atomic_load(&arena->over)) {
		int number = first + one_of(user, LOCKS - first);

		if (number == SECOND)
			acquire_both(user);
		else
			acquire_one(user, number);
	}
}

static void *lock_all_files(void *user)
{
	lock_again_and_again(user, PLAIN);
	return NULL;
}

/* A process that locks PLAIN as the original does loses that lock when one of its
   threads closes the file. */
static void *lock_other_files(void *user)
{
	lock_again_and_again(user, PLAIN + 1);
	return NULL;
}

void run_threads(int process, void *(*first)(void *), void *(*others)(void *))
{
	struct user users[THREADS];
	pthread_t threads[THREADS];

	if (chdir("/") < 0)
		abort();
	for (size_t i = 0; i < THREADS; i++) {
		users[i] = (struct user){
			.process = process,
			.slot = (size_t)process * THREADS + i,
			.seed = (unsigned)(getpid() * THREADS) + (unsigned)i,
		};
		if (pthread_create(&threads[i], NULL, i == 0 ? first : others,
				   &users[i]) != 0)
			abort();
	}
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

void use_locks(int process)
{
	run_threads(process, lock_all_files, lock_all_files);
}

/* --- Others */

static void *lock_as_the_original(void *argument)
{
	struct user *user = argument;

	while (!atomic_load(&arena->over)) {
		int fd;

		use(user->slot, 1u << PLAIN);
		fd = original_acquire(paths[PLAIN], one_of(user, 2));
		if (fd >= 0) {
			hold(user->slot, PLAIN, false, SLOTS);
			happens(BY_ORIGINAL);
			stay(user);
			stop_holding(user->slot);
			original_release(fd, paths[PLAIN], one_of(user, 4) == 0);
		}
		use(user->slot, 0);
	}
	return NULL;
}

/* Its lock is that of the process, so only one thread has it. */
void use_as_the_original(int process)
{
	run_threads(process, lock_as_the_original, lock_other_files);
}

static void *lock_with_flock(void *argument)
{
	struct user *user = argument;
	int fd = open(paths[FLOCKS], O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	while (fd >= 0 && !atomic_load(&arena->over)) {
		bool shared = one_of(user, 3) == 0;

		use(user->slot, 1u << FLOCKS);
		if (flock(fd, shared ? LOCK_SH : LOCK_EX) == 0) {
			hold(user->slot, FLOCKS, shared, SLOTS);
			happens(BY_FLOCK);
			stay(user);
			stop_holding(user->slot);
			flock(fd, LOCK_UN);
		}
		use(user->slot, 0);
	}
	return NULL;
}

void use_flock(int process)
{
	run_threads(process, lock_with_flock, lock_with_flock);
}
