/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "faulty.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static const char *const names[FAULTIES] = {
	[NOTHING] = "nothing",
	[OPENAT] = "openat",
	[CREATE] = "create",
	[F_SETLK_] = "F_SETLK",
	[F_SETLKW_] = "F_SETLKW",
	[F_GETLK_] = "F_GETLK",
	[F_OFD_SETLK_] = "F_OFD_SETLK",
	[F_OFD_SETLKW_] = "F_OFD_SETLKW",
	[F_OFD_GETLK_] = "F_OFD_GETLK",
	[F_DUPFD_] = "F_DUPFD",
	[F_SETFD_] = "F_SETFD",
	[F_SETFL_] = "F_SETFL",
	[F_SETOWN_] = "F_SETOWN",
	[F_GETOWN_] = "F_GETOWN",
	[F_SETSIG_] = "F_SETSIG",
	[UNLOCK] = "unlock",
	[LOCKF] = "lockf",
	[FLOCK] = "flock",
	[FSTAT] = "fstat",
	[FSTATAT] = "fstatat",
	[LSTAT] = "lstat",
	[FSTATFS] = "fstatfs",
	[UNLINKAT] = "unlinkat",
	[PIPE] = "pipe",
	[POLL] = "poll",
	[MALLOC] = "malloc",
	[CALLOC] = "calloc",
	[REALLOC] = "realloc",
	[READ] = "read",
	[READDIR] = "readdir",
	[OPENDIR] = "opendir",
	[STATX] = "statx",
	[KCMP] = "kcmp",
	[THREAD] = "pthread_create",
	[CANCEL] = "pthread_cancel",
	[READLINK] = "readlink",
	[FDOPEN] = "fdopen",
	[FDOPENDIR] = "fdopendir",
	[FORK] = "fork",
	[VFORK] = "vfork",
	[EXECVP] = "execvp",
	[CLOSE] = "close",
	[MMAP] = "mmap",
	[MADVISE] = "madvise",
	[PREAD] = "pread",
	[PWRITE] = "pwrite",
	[FTRUNCATE] = "ftruncate",
	[STRDUP] = "strdup",
	[FOPEN] = "fopen",
	[READLINKAT] = "readlinkat",
	[WAITPID] = "waitpid",
};

/*
 * Not an error: the call does not return, and only a signal that ends the process
 * ends it, as when a file server does not answer.  A file "hangs" shows it.
 */
#define HANG (-1)

/* The process stops before the call, which does not fail. */
#define STOP (-2)

/* For so long the call could go on, if it had a processor; it does not fail. */
#define BUSY (-3)
#define BUSY_S 4

#define ERROR(name) { #name, name }

static const struct {
	const char *name;
	int number;
} errors[] = {
	ERROR(EACCES), ERROR(EAGAIN), ERROR(ECHILD), ERROR(EDEADLK), ERROR(EDQUOT),
	ERROR(EINTR), ERROR(EINVAL), ERROR(EIO), ERROR(EISDIR),
	ERROR(ELOOP), ERROR(EMFILE), ERROR(ENAMETOOLONG), ERROR(ENFILE),
	ERROR(ENODEV), ERROR(ENOENT), ERROR(ENOEXEC), ERROR(ENOLCK),
	ERROR(ENOMEM), ERROR(ENOSPC), ERROR(ENOSYS), ERROR(ENOTDIR),
	ERROR(ENOTSUP), ERROR(ENXIO), ERROR(EOVERFLOW), ERROR(EPERM),
	ERROR(EROFS), ERROR(ESRCH), ERROR(ESTALE), ERROR(ETXTBSY),
	{ "HANG", HANG },
	{ "BUSY", BUSY },
	{ "STOP", STOP },
};

/* Atomic: several threads make the calls of one operation. */
static atomic_int failing, left, failed;
static int why, first;
static bool for_ever;
static atomic_int granting = NOTHING;
static int why_granted;
static unsigned file_system;
static bool locks_hidden;
static atomic_int polls[3]; /* by their time limit: none, a millisecond, a longer one */
static const char *list_of_calls; /* a file */
static char *opened;
static size_t opened_size;

const char *faulty_name(enum faulty call)
{
	return names[call];
}

const char *faulty_error_name(int number)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].number == number)
			return errors[i].name;
	return "no error";
}

void faulty_set(enum faulty call, int nth, bool all, int error)
{
	why = error;
	for_ever = all;
	first = nth;
	atomic_store(&left, nth);
	atomic_store(&failed, 0);
	for (size_t i = 0; i < sizeof(polls) / sizeof(polls[0]); i++)
		atomic_store(&polls[i], 0);
	atomic_store(&failing, (int)call);
}

static atomic_int awaited;
static void (*_Atomic first_of_all)(void);

void faulty_before(enum faulty call, void (*call_first)(void))
{
	atomic_store(&awaited, (int)call);
	atomic_store(&first_of_all, call_first);
}

int faulty_calls(void)
{
	return first - atomic_load(&left);
}

int faulty_pauses(void)
{
	int count = atomic_load(&polls[0]);

	return atomic_load(&polls[1]) < count / 2 || atomic_load(&polls[2]) > 0 ?
		       -1 :
		       count;
}

int faulty_clear(void)
{
	atomic_store(&failing, NOTHING);
	return atomic_load(&failed);
}

void faulty_after(enum faulty call, int error)
{
	why_granted = error;
	atomic_store(&granting, (int)call);
}

static int after_grant(enum faulty call)
{
	int expected = (int)call;

	if (!atomic_compare_exchange_strong(&granting, &expected, NOTHING))
		return 0;
	while (why_granted == 0)
		pause();
	errno = why_granted;
	return -1;
}

void faulty_file_system(unsigned type)
{
	file_system = type;
}

void faulty_hide_locks(bool hide)
{
	locks_hidden = hide;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER;
static pthread_cond_t unblocked = PTHREAD_COND_INITIALIZER;
static enum faulty blocking;
static const char *blocked_path;
static struct stat blocked_file;
static int blocked; /* calls */
static bool busy;

static void begin_to_block(enum faulty call, const char *path, bool is_busy)
{
	pthread_mutex_lock(&mutex);
	busy = is_busy;
	blocking = call;
	blocked_path = path;
	blocked_file = (struct stat){ 0 };
	(void)!(fstatat)(AT_FDCWD, path, &blocked_file, 0);
	pthread_mutex_unlock(&mutex);
}

void faulty_block(enum faulty call, const char *path)
{
	begin_to_block(call, path, false);
}

void faulty_keep_busy(enum faulty call, const char *path)
{
	begin_to_block(call, path, true);
}

void faulty_await(void)
{
	pthread_mutex_lock(&mutex);
	while (blocked == 0)
		pthread_cond_wait(&arrived, &mutex);
	pthread_mutex_unlock(&mutex);
}

void faulty_unblock(void)
{
	pthread_mutex_lock(&mutex);
	blocking = NOTHING;
	pthread_cond_broadcast(&unblocked);
	pthread_mutex_unlock(&mutex);
}

/* --- Forks: the child has the mutex, and nobody that waits */

static void before_fork(void)
{
	pthread_mutex_lock(&mutex);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&mutex);
}

static void start_in_child(void)
{
	pthread_cond_init(&arrived, NULL);
	pthread_cond_init(&unblocked, NULL);
	blocked = 0;
	pthread_mutex_unlock(&mutex);
}

/*
 * Before the library does so: after a fork, what was registered first is called first,
 * and that of the library may make calls that are looked at here.
 */
__attribute__((__constructor__(101))) static void expect_forks(void)
{
	if (pthread_atfork(before_fork, after_fork, start_in_child) != 0)
		abort();
}

/* By its path, or by its descriptor; the file may be new. */
/* What is created has a name in an open directory, and is blocked by its path. */
static bool is_name_of_blocked(enum faulty call, const char *path)
{
	const char *slash = call == CREATE ? strrchr(blocked_path, '/') : NULL;

	return strcmp(path, blocked_path) == 0 ||
	       (slash && strcmp(path, slash + 1) == 0);
}

static bool is_blocked(enum faulty call, int fd, const char *path)
{
	struct stat st;

	if (blocking != call)
		return false;
	if (path)
		return is_name_of_blocked(call, path);
	if (blocked_file.st_ino == 0)
		(void)!(fstatat)(AT_FDCWD, blocked_path, &blocked_file, 0);
	return (fstat)(fd, &st) == 0 && st.st_dev == blocked_file.st_dev &&
	       st.st_ino == blocked_file.st_ino;
}

static void await_unblock(void)
{
	if (!busy) {
		pthread_cond_wait(&unblocked, &mutex);
		return;
	}
	pthread_mutex_unlock(&mutex);
	sched_yield();
	pthread_mutex_lock(&mutex);
}

static void block(enum faulty call, int fd, const char *path)
{
	if (call == NOTHING)
		return;
	pthread_mutex_lock(&mutex);
	while (is_blocked(call, fd, path)) {
		blocked++;
		pthread_cond_broadcast(&arrived);
		await_unblock();
		blocked--;
	}
	pthread_mutex_unlock(&mutex);
}

static enum faulty call_by_name(const char *name)
{
	for (int call = NOTHING + 1; call < FAULTIES; call++)
		if (strcmp(names[call], name) == 0)
			return (enum faulty)call;
	return NOTHING;
}

static int error_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].number;
	return 0;
}

/*
 * For a tool: FAULTY=CALL:ERROR makes all these calls fail, with :NTH only that
 * one.  The file FAULTY_LIST gets a line with the name of each call that could fail, and
 * one with "(INJECTED)", as of strace(1), when it does.
 */
__attribute__((__constructor__)) static void read_environment(void)
{
	const char *text = getenv("FAULTY");
	char call[32], error[32];
	int nth = 1, words;

	list_of_calls = getenv("FAULTY_LIST");
	if (!text)
		return;
	words = sscanf(text, "%31[^:]:%31[^:]:%d", call, error, &nth);
	if (words < 2 || !call_by_name(call) || !error_by_name(error))
		abort();
	faulty_set(call_by_name(call), nth, words == 2, error_by_name(error));
}

__attribute__((__noreturn__)) static void hang(void)
{
	(close)((openat)(AT_FDCWD, "hangs", O_WRONLY | O_CREAT, 0666));
	for (;;)
		pause();
}

static void keep_busy(void)
{
	struct timespec now;
	time_t end;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + BUSY_S;
	while (now.tv_sec < end) {
		sched_yield();
		clock_gettime(CLOCK_MONOTONIC, &now);
	}
}

/* No other result of the call: neither its error nor a cancellation. */
static void add_to_list(enum faulty call, const char *what)
{
	int error = errno, old, fd;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	fd = (openat)(AT_FDCWD, list_of_calls, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0) {
		dprintf(fd, "%s%s\n", names[call], what);
		(close)(fd);
	}
	pthread_setcancelstate(old, NULL);
	errno = error;
}

bool faulty_fails(enum faulty call)
{
	void (*call_first)(void) = atomic_load(&first_of_all);
	int n;

	if (list_of_calls)
		add_to_list(call, "");
	if (call_first && atomic_load(&awaited) == (int)call)
		call_first();
	if (atomic_load(&failing) != (int)call)
		return false;
	n = atomic_fetch_sub(&left, 1);
	if (n > 1 || (n < 1 && !for_ever))
		return false;
	atomic_fetch_add(&failed, 1);
	if (why == HANG)
		hang();
	if (why == BUSY) {
		keep_busy();
		return false;
	}
	if (why == STOP) {
		raise(SIGSTOP);
		return false;
	}
	if (list_of_calls)
		add_to_list(call, " (INJECTED)");
	errno = why;
	return true;
}

void faulty_list_opened(char *text, size_t size)
{
	opened = text;
	opened_size = size;
}

static void add_opened(const char *path)
{
	size_t length;

	if (!opened)
		return;
	length = strlen(opened);
	snprintf(opened + length, opened_size - length, "%s ", path);
}

int faulty_openat(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list more;

	if (flags & O_CREAT) {
		va_start(more, flags);
		mode = (mode_t)va_arg(more, int);
		va_end(more);
	}
	add_opened(path);
	block(flags & O_CREAT ? CREATE : OPENAT, -1, path);
	if (faulty_fails(flags & O_CREAT ? CREATE : OPENAT))
		return -1;
	if (locks_hidden && strncmp(path, "fdinfo/", 7) == 0)
		path = "/dev/null";
	return (openat)(dirfd, path, flags, mode);
}

static enum faulty kind_of(int command, const struct flock *lock)
{
	switch (command) {
	case F_SETLK:
		return lock->l_type == F_UNLCK ? UNLOCK : F_SETLK_;
	case F_OFD_SETLK:
		return lock->l_type == F_UNLCK ? UNLOCK : F_OFD_SETLK_;
	case F_SETLKW:
		return F_SETLKW_;
	case F_OFD_SETLKW:
		return F_OFD_SETLKW_;
	case F_GETLK:
		return F_GETLK_;
	case F_OFD_GETLK:
		return F_OFD_GETLK_;
	default:
		return NOTHING;
	}
}

int faulty_fcntl(int fd, int command, ...)
{
	enum faulty call;
	va_list more;
	void *lock;
	int number;

	va_start(more, command);
	if (command == F_DUPFD_CLOEXEC || command == F_DUPFD ||
	    command == F_SETFD || command == F_SETFL ||
	    command == F_SETOWN || command == F_GETOWN || command == F_SETSIG) {
		number = va_arg(more, int);
		va_end(more);
		if (command == F_DUPFD_CLOEXEC || command == F_DUPFD)
			return faulty_fails(F_DUPFD_) ?
				       -1 :
				       (fcntl)(fd, command, number);
		if ((command == F_SETFD && faulty_fails(F_SETFD_)) ||
		    (command == F_SETFL && faulty_fails(F_SETFL_)) ||
		    (command == F_SETOWN && faulty_fails(F_SETOWN_)) ||
		    (command == F_GETOWN && faulty_fails(F_GETOWN_)) ||
		    (command == F_SETSIG && faulty_fails(F_SETSIG_)))
			return -1;
		return (fcntl)(fd, command, number);
	}
	if (command == F_GETFD || command == F_GETFL || command == F_GETSIG) {
		va_end(more);
		return (fcntl)(fd, command);
	}
	lock = va_arg(more, void *);
	va_end(more);
	call = kind_of(command, lock);
	if (call == NOTHING)
		abort();
	block(call, fd, NULL);
	if (faulty_fails(call))
		return -1;
	number = (fcntl)(fd, command, lock);
	return number == 0 ? after_grant(call) : number;
}

int faulty_lockf(int fd, int function, off_t size)
{
	return faulty_fails(function == F_ULOCK ? UNLOCK : LOCKF) ?
		       -1 :
		       (lockf)(fd, function, size);
}

int faulty_flock(int fd, int operation)
{
	block(FLOCK, fd, NULL);
	if (faulty_fails(operation == LOCK_UN ? UNLOCK : FLOCK) ||
	    (flock)(fd, operation) < 0)
		return -1;
	return operation == LOCK_EX || operation == LOCK_SH ?
		       after_grant(FLOCK) :
		       0;
}

int faulty_close(int fd)
{
	block(CLOSE, fd, NULL);
	return (close)(fd);
}

int faulty_fstat(int fd, struct stat *st)
{
	block(FSTAT, fd, NULL);
	return faulty_fails(FSTAT) ? -1 : (fstat)(fd, st);
}

int faulty_fstatat(int dirfd, const char *path, struct stat *st, int flags)
{
	block(FSTATAT, -1, path);
	return faulty_fails(FSTATAT) ? -1 : (fstatat)(dirfd, path, st, flags);
}

int faulty_lstat(const char *path, struct stat *st)
{
	return faulty_fails(LSTAT) ? -1 : (lstat)(path, st);
}

int faulty_fstatfs(int fd, struct statfs *fs)
{
	int rc;

	block(FSTATFS, fd, NULL);
	rc = faulty_fails(FSTATFS) ? -1 : (fstatfs)(fd, fs);

	if (rc == 0 && file_system != 0)
		fs->f_type = (__typeof__(fs->f_type))file_system;
	return rc;
}

int faulty_unlinkat(int dirfd, const char *path, int flags)
{
	block(UNLINKAT, -1, path);
	return faulty_fails(UNLINKAT) ? -1 : (unlinkat)(dirfd, path, flags);
}

int faulty_pipe2(int fd[2], int flags)
{
	return faulty_fails(PIPE) ? -1 : (pipe2)(fd, flags);
}

int faulty_pipe(int fd[2])
{
	return faulty_fails(PIPE) ? -1 : (pipe)(fd);
}

int faulty_poll(struct pollfd *fds, nfds_t count, int ms)
{
	atomic_fetch_add(&polls[ms == 0 || ms == 1 ? ms : 2], 1);
	if (!faulty_fails(POLL))
		return (poll)(fds, count, ms);
	/* Signals that come again and again leave time between them. */
	if (errno == EINTR && ms != 0) {
		(poll)(NULL, 0, 1);
		errno = EINTR;
	}
	return -1;
}

void *faulty_malloc(size_t size)
{
	return faulty_fails(MALLOC) ? NULL : (malloc)(size);
}

void *faulty_calloc(size_t count, size_t size)
{
	return faulty_fails(CALLOC) ? NULL : (calloc)(count, size);
}

void *faulty_realloc(void *old, size_t size)
{
	return faulty_fails(REALLOC) ? NULL : (realloc)(old, size);
}

ssize_t faulty_read(int fd, void *buffer, size_t size)
{
	return faulty_fails(READ) ? -1 : (read)(fd, buffer, size);
}

struct dirent *faulty_readdir(DIR *list)
{
	return faulty_fails(READDIR) ? NULL : (readdir)(list);
}

DIR *faulty_opendir(const char *path)
{
	return faulty_fails(OPENDIR) ? NULL : (opendir)(path);
}

int faulty_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*body)(void *), void *argument)
{
	return faulty_fails(THREAD) ?
		       why :
		       (pthread_create)(thread, attributes, body, argument);
}

int faulty_pthread_cancel(pthread_t thread)
{
	return faulty_fails(CANCEL) ? why : (pthread_cancel)(thread);
}

ssize_t faulty_readlink(const char *path, char *text, size_t size)
{
	return faulty_fails(READLINK) ? -1 : (readlink)(path, text, size);
}

FILE *faulty_fdopen(int fd, const char *mode)
{
	return faulty_fails(FDOPEN) ? NULL : (fdopen)(fd, mode);
}

DIR *faulty_fdopendir(int fd)
{
	return faulty_fails(FDOPENDIR) ? NULL : (fdopendir)(fd);
}
