/* SPDX-License-Identifier: 0BSD */
/*
 * A FUSE file system for the tests: the files of one directory, with record locks
 * and failures as the test wants them.  Each mount is one client of the directory.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char usage[] =
	"Usage: lockfs -f -o back=DIR[,OPTION]... MOUNTPOINT\n"
	"Show the files of DIR at MOUNTPOINT.  The kernel keeps record locks, unless:\n"
	"\n"
	"  locks       the server keeps them, and frees them on FUSE_FLUSH alone\n"
	"  cache       the kernel caches names and attributes for a day\n"
	"  faults=DIR  an operation (create, flush, getattr, lock, open, statfs, truncate,\n"
	"              unlink or write) fails with the error whose number\n"
	"              DIR/OPERATION links to; 0: the server stops; gate: that operation\n"
	"              alone waits until the FIFO DIR/gate is opened for writing; lie:\n"
	"              lock and unlink succeed and do nothing, and getattr reports that\n"
	"              the file has no name; other: getattr says that it is another file,\n"
	"              each time.  DIR/OPERATION.once is removed when it is used\n";

static struct {
	const char *back;
	const char *faults;
	int locks;
	int cache;
} options;

#define OPTION(text, member, value) \
	{ text, offsetof(__typeof__(options), member), value }

static const struct fuse_opt known_options[] = {
	OPTION("back=%s", back, 0),
	OPTION("faults=%s", faults, 0),
	OPTION("locks", locks, 1),
	OPTION("cache", cache, 1),
	FUSE_OPT_END,
};

static int back = -1, faults = -1;

/* ---- Failures */

/* Not the numbers of errors. */
enum { GATE = 10000, LIE, OTHER };

static int read_fault(const char *name)
{
	char number[16] = "";

	if (readlinkat(faults, name, number, sizeof(number) - 1) < 0)
		return -1;
	return strcmp(number, "gate") == 0  ? GATE :
	       strcmp(number, "lie") == 0   ? LIE :
	       strcmp(number, "other") == 0 ? OTHER :
					      atoi(number);
}

/* In spite of the kernel's message that the request is interrupted. */
static void wait_at_gate(void)
{
	int fd;

	do
		fd = openat(faults, "gate", O_RDONLY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	close(fd);
}

/* 0, the negative error that the operation is to fail with, LIE or OTHER. */
static int fault(const char *operation)
{
	char once[32];
	int error;

	if (faults < 0)
		return 0;
	snprintf(once, sizeof(once), "%s.once", operation);
	error = read_fault(once);
	if (error < 0 || unlinkat(faults, once, 0) < 0)
		error = read_fault(operation);
	if (error == 0)
		kill(getpid(), SIGSTOP);
	if (error == GATE)
		wait_at_gate();
	if (error > GATE)
		return error;
	return error > 0 && error != GATE ? -error : 0;
}

/* ---- Files: the paths begin with a slash, the directory is flat */

static const char *below(const char *path)
{
	return path[1] == '\0' ? "." : path + 1;
}

static int result(long rc)
{
	return rc < 0 ? -errno : (int)rc;
}

/* What it is said to be. */
static void lie_about(struct stat *st, int lie)
{
	static atomic_uint others;

	if (lie == LIE)
		st->st_nlink = 0;
	if (lie == OTHER)
		st->st_ino += atomic_fetch_add(&others, 1) + 1;
}

static int fs_getattr(const char *path, struct stat *st,
		      struct fuse_file_info *file)
{
	int lie = path && path[1] == '\0' ? 0 : fault("getattr"), rc;

	if (lie < 0)
		return lie;
	rc = file ? fstat((int)file->fh, st) :
		    fstatat(back, below(path), st, AT_SYMLINK_NOFOLLOW);
	lie_about(st, lie);
	return result(rc);
}

static int fs_statfs(const char *path, struct statvfs *st)
{
	int rc = fault("statfs");

	(void)path;
	return rc < 0 ? rc : result(fstatvfs(back, st));
}

static int open_file(const char *path, struct fuse_file_info *file, int flags,
		     mode_t mode)
{
	int fd = openat(back, below(path), flags | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	file->fh = (uint64_t)fd;
	return 0;
}

static int fs_open(const char *path, struct fuse_file_info *file)
{
	int rc = fault("open");

	return rc < 0 ? rc : open_file(path, file, file->flags, 0);
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *file)
{
	int rc = fault("create");

	return rc < 0 ? rc :
			open_file(path, file, file->flags | O_CREAT, mode);
}

static int fs_read(const char *path, char *buffer, size_t size, off_t offset,
		   struct fuse_file_info *file)
{
	(void)path;
	return result(pread((int)file->fh, buffer, size, offset));
}

static int fs_write(const char *path, const char *buffer, size_t size,
		    off_t offset, struct fuse_file_info *file)
{
	int rc = fault("write");

	(void)path;
	return rc < 0 ? rc :
			result(pwrite((int)file->fh, buffer, size, offset));
}

static int fs_truncate(const char *path, off_t size,
		       struct fuse_file_info *file)
{
	int fd, rc = fault("truncate");

	if (rc < 0)
		return rc;
	if (file)
		return result(ftruncate((int)file->fh, size));
	fd = openat(back, below(path), O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = result(ftruncate(fd, size));
	close(fd);
	return rc;
}

static int fs_unlink(const char *path)
{
	int rc = fault("unlink");

	if (rc < 0 || rc == LIE)
		return rc < 0 ? rc : 0;
	return result(unlinkat(back, below(path), 0));
}

/* ---- Locks */

/*
 * An owner of locks on a file has an open file description of its own, whose locks
 * exclude those of all owners in all servers of the directory.
 */
struct owner {
	struct owner *next;
	uint64_t id;
	dev_t dev;
	ino_t ino;
	int fd;
	int users;
	bool is_gone;
};

static struct owner *owners;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct owner **find_owner(const struct fuse_file_info *file)
{
	struct owner **at;
	struct stat st;

	if (fstat((int)file->fh, &st) < 0)
		st = (struct stat){ 0 };
	for (at = &owners; *at; at = &(*at)->next)
		if ((*at)->id == file->lock_owner && (*at)->dev == st.st_dev &&
		    (*at)->ino == st.st_ino)
			break;
	return at;
}

static struct owner *new_owner(const struct fuse_file_info *file)
{
	struct owner *owner = calloc(1, sizeof(*owner));
	char again[64];
	struct stat st;

	if (!owner)
		return NULL;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", (int)file->fh);
	owner->fd = open(again, O_RDWR | O_CLOEXEC);
	if (owner->fd < 0 || fstat(owner->fd, &st) < 0) {
		free(owner);
		return NULL;
	}
	owner->id = file->lock_owner;
	owner->dev = st.st_dev;
	owner->ino = st.st_ino;
	owner->next = owners;
	owners = owner;
	return owner;
}

static struct owner *use_owner(const struct fuse_file_info *file)
{
	struct owner *owner;

	pthread_mutex_lock(&mutex);
	owner = *find_owner(file);
	if (!owner)
		owner = new_owner(file);
	if (owner)
		owner->users++;
	pthread_mutex_unlock(&mutex);
	return owner;
}

/* With the mutex held. */
static void free_if_unused(struct owner *owner)
{
	if (owner->users > 0 || !owner->is_gone)
		return;
	close(owner->fd);
	free(owner);
}

static void leave_owner(struct owner *owner)
{
	pthread_mutex_lock(&mutex);
	owner->users--;
	free_if_unused(owner);
	pthread_mutex_unlock(&mutex);
}

/* libfuse interrupts a request by SIGUSR1: F_OFD_SETLKW then fails with EINTR. */
static void interrupt(int sig)
{
	(void)sig;
}

static int fs_lock(const char *path, struct fuse_file_info *file, int command,
		   struct flock *lock)
{
	struct owner *owner;
	int rc = fault("lock");

	(void)path;
	if (rc < 0)
		return rc;
	if (rc == LIE && command != F_GETLK)
		return 0;
	owner = use_owner(file);
	if (!owner)
		return -ENOLCK;
	command = command == F_GETLK  ? F_OFD_GETLK :
		  command == F_SETLKW ? F_OFD_SETLKW :
					F_OFD_SETLK;
	lock->l_pid = 0;
	rc = result(fcntl(owner->fd, command, lock));
	leave_owner(owner);
	return rc;
}

/*
 * The kernel names a process here, and an open file description never: what that
 * has locked stays locked.
 */
static int fs_flush(const char *path, struct fuse_file_info *file)
{
	struct owner **at, *owner;
	int rc = fault("flush");

	(void)path;
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&mutex);
	at = find_owner(file);
	owner = *at;
	if (owner) {
		*at = owner->next;
		owner->is_gone = true;
		free_if_unused(owner);
	}
	pthread_mutex_unlock(&mutex);
	return 0;
}

static int fs_release(const char *path, struct fuse_file_info *file)
{
	(void)path;
	return result(close((int)file->fh));
}

/* ---- The server */

static void *fs_init(struct fuse_conn_info *connection,
		     struct fuse_config *config)
{
	double seconds = options.cache ? 86400 : 0;

	(void)connection;
	config->entry_timeout = seconds;
	config->negative_timeout = seconds;
	config->attr_timeout = seconds;
	config->ac_attr_timeout_set = 1;
	config->ac_attr_timeout = seconds;
	config->use_ino = 1;
	config->nullpath_ok = 1;
	config->hard_remove = 1;
	config->intr = 1;
	config->intr_signal = SIGUSR1;
	return NULL;
}

static struct fuse_operations operations = {
	.init = fs_init,
	.getattr = fs_getattr,
	.statfs = fs_statfs,
	.open = fs_open,
	.create = fs_create,
	.read = fs_read,
	.write = fs_write,
	.truncate = fs_truncate,
	.unlink = fs_unlink,
	.flush = fs_flush,
	.release = fs_release,
};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);

	if (fuse_opt_parse(&args, &options, known_options, NULL) < 0 ||
	    !options.back) {
		fputs(usage, stderr);
		return 64;
	}
	back = open(options.back, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (options.faults)
		faults = open(options.faults,
			      O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (back < 0 || (options.faults && faults < 0)) {
		perror("lockfs");
		return 1;
	}
	if (options.locks)
		operations.lock = fs_lock;
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = interrupt },
		  NULL);
	/* Each wait for a lock needs one. */
	if (fuse_version() >= 312)
		fuse_opt_add_arg(&args, "-omax_threads=100");
	umask(0);
	return fuse_main(args.argc, args.argv, &operations, NULL);
}
