/* SPDX-License-Identifier: 0BSD */
/*
 * Locks and processes by Linux's proc(5): /proc/locks; the "lock:" lines of
 * /proc/PID/fdinfo/N (Linux 4.1).  Reading asks the kernel only, never a file
 * system whose server may not answer.
 */
#include "config.h"

#include "port/os.h"

#include "lockfile-fcntl.h"
#include "port/proc-text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* A page, which is what most reads of proc(5) give at most. */
#define FIRST_READ 4096

/* All of FD, with a null byte; closes it.  The caller frees *TEXT. */
static int read_all(int fd, char **text)
{
	size_t size = FIRST_READ, length = 0;
	int rc = 0;

	*text = malloc(size);
	while (*text) {
		ssize_t count = read(fd, *text + length, size - length - 1);
		char *more;

		if (count <= 0) {
			rc = count < 0 ? -errno : 0;
			break;
		}
		length += (size_t)count;
		if (size - length > FIRST_READ / 2)
			continue;
		more = realloc(*text, size *= 2);
		if (!more)
			free(*text);
		*text = more;
	}
	close(fd);
	if (!*text)
		return -ENOMEM;
	(*text)[length] = '\0';
	if (rc < 0)
		free(*text);
	return rc;
}

static int read_file(int dirfd, const char *name, char **text)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : read_all(fd, text);
}

unsigned long long lf_ticks(void)
{
	unsigned long long ticks = (unsigned long long)sysconf(_SC_CLK_TCK);
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (unsigned long long)now.tv_sec * ticks +
	       (unsigned long long)now.tv_nsec * ticks / 1000000000;
}

static int add_lock(struct lf_lock_list *list,
		    const struct lf_listed_lock *lock)
{
	/* The room is a power of two. */
	if ((list->count & (list->count - 1)) == 0) {
		size_t room = list->count ? 2 * list->count : 1;
		struct lf_listed_lock *locks =
			realloc(list->locks, room * sizeof(*locks));

		if (!locks)
			return -ENOMEM;
		list->locks = locks;
	}
	list->locks[list->count++] = *lock;
	return 0;
}

int lf_list_locks(struct lf_lock_list *list)
{
	char *text, *rest, *line;
	bool ours;
	int rc;

	*list = (struct lf_lock_list){ .when = lf_ticks() };
	rc = read_file(AT_FDCWD, "/proc/locks", &text);
	if (rc < 0)
		return rc;
	ours = lf_proc_is_ours();
	rest = text;
	while (rc == 0 && (line = lf_proc_cut_line(&rest)) != NULL) {
		struct lf_listed_lock lock;

		if (!lf_proc_parse_lock(line, &lock))
			continue;
		if (!ours)
			lock.pid = 0;
		rc = add_lock(list, &lock);
	}
	free(text);
	if (rc < 0)
		lf_lock_list_free(list);
	return rc;
}

void lf_lock_list_free(struct lf_lock_list *list)
{
	free(list->locks);
	*list = (struct lf_lock_list){ .count = 0 };
}

/* False: the mount is unknown, or what it is on. */
static bool find_mount(struct lf_mounts *mounts, unsigned long long id)
{
	if (!mounts->is_read &&
	    read_file(AT_FDCWD, "/proc/self/mountinfo", &mounts->text) < 0)
		mounts->text = NULL;
	mounts->is_read = true;
	if (!mounts->text)
		return false;
	if (mounts->id == id)
		return true;
	mounts->id = 0;
	if (!lf_proc_parse_mount(mounts->text, id, &mounts->device))
		return false;
	mounts->id = id;
	return true;
}

void lf_mounts_free(struct lf_mounts *mounts)
{
	if (mounts->is_read)
		free(mounts->text);
	*mounts = (struct lf_mounts){ .is_read = false };
}

/* The mount that FD is on has the device, also on btrfs and overlayfs. */
static void read_device(int fd, struct lf_mounts *mounts,
			struct lf_inode *inode)
{
	unsigned long long mount;
	char name[32], *text;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	if (read_file(AT_FDCWD, name, &text) < 0)
		return;
	/* The number since Linux 5.14; before, the one of stat(2) has to do. */
	lf_proc_parse_number(text, "ino", &inode->number);
	if (lf_proc_parse_number(text, "mnt_id", &mount) &&
	    find_mount(mounts, mount)) {
		inode->major = mounts->device.major;
		inode->minor = mounts->device.minor;
	}
	free(text);
}

int lf_pin(const char *path, struct stat *st)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), error;

	if (fd < 0 || fstat(fd, st) == 0)
		return fd < 0 ? -errno : fd;
	error = errno;
	close(fd);
	return -error;
}

void lf_inode_of(int pin, const struct lf_file_id *file,
		 struct lf_mounts *mounts, struct lf_inode *inode)
{
	inode->major = major(file->dev);
	inode->minor = minor(file->dev);
	inode->number = file->ino;
	read_device(pin, mounts, inode);
}

/* A /proc of another PID namespace has another process under this PID. */
bool lf_proc_is_ours(void)
{
	char self[32];
	ssize_t length = readlink("/proc/self", self, sizeof(self) - 1);

	if (length <= 0)
		return false;
	self[length] = '\0';
	return strtol(self, NULL, 10) == getpid();
}

static int open_process(pid_t pid)
{
	char name[32] = "/proc/self";
	int process;

	if (pid != 0)
		snprintf(name, sizeof(name), "/proc/%ld", (long)pid);
	process = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return process < 0 ? -errno : process;
}

int lf_process_open(pid_t pid)
{
	return pid != 0 && !lf_proc_is_ours() ? -ENOTSUP : open_process(pid);
}

unsigned long long lf_start_time(int process)
{
	unsigned long long start_time = 0;
	char *text;

	if (read_file(process, "stat", &text) < 0)
		return 0;
	if (!lf_proc_parse_start_time(text, &start_time))
		start_time = 0;
	free(text);
	return start_time;
}

int lf_process_is_runnable(pid_t pid, unsigned long long *ticks)
{
	int process = lf_process_open(pid), rc;
	char *text, state;

	if (process < 0)
		return process;
	rc = read_file(process, "stat", &text);
	close(process);
	if (rc < 0)
		return rc;
	rc = lf_proc_parse_run(text, &state, ticks) ? state == 'R' : -ENOTSUP;
	free(text);
	return rc;
}

/* ---- The descriptors of a process */

/* Which of FILES a descriptor is of, or NULL. */
static const struct lf_file_id *find_file(int fds, const char *descriptor,
					  const struct lf_file_id *files,
					  size_t count)
{
	const struct lf_file_id *file;
	struct lf_file_id wanted;
	struct statx st;

	if (statx(fds, descriptor, AT_STATX_DONT_SYNC, STATX_INO | STATX_NLINK,
		  &st) < 0)
		return NULL;
	wanted.ino = (ino_t)st.stx_ino;
	wanted.dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	file = bsearch(&wanted, files, count, sizeof(*files),
		       lf_file_id_compare);
	return file && (st.stx_nlink > 0 || file->is_uncounted) ? file : NULL;
}

/*
 * What fdinfo/NUMBER lists.  A lock of flock(2) beside one of the description
 * is our presence.
 */
static int read_locks(int process, struct lf_descriptor *descriptor,
		      lf_lock_filter *is_body)
{
	char name[32], *text, *rest, *line;
	bool has_ofd = false;
	int rc;

	snprintf(name, sizeof(name), "fdinfo/%d", descriptor->number);
	rc = read_file(process, name, &text);
	if (rc < 0)
		return rc;
	for (rest = text; (line = lf_proc_cut_line(&rest)) != NULL;) {
		struct lf_listed_lock lock;

		if (strncmp(line, "lock:", 5) != 0 ||
		    !lf_proc_parse_lock(line + 5, &lock))
			continue;
		descriptor->bodies += is_body(&lock);
		descriptor->has_flock |= lock.kind == LF_TYPE_FLOCK;
		has_ofd |= lock.kind == LF_TYPE_OFDLCK;
	}
	descriptor->has_flock &= !has_ofd;
	free(text);
	return 0;
}

/*
 * A descriptor that was closed since holds nothing.  Nor does one of a removed
 * file, which is asked again after the locks: a waiter then has the lock, for as
 * long as it takes to find the file gone.
 */
static bool read_descriptor(int process, int fds, const char *name,
			    const struct lf_file_id *files, size_t count,
			    lf_lock_filter *is_body,
			    struct lf_descriptor *descriptor)
{
	const struct lf_file_id *file = find_file(fds, name, files, count);
	int rc;

	if (!file)
		return false;
	*descriptor = (struct lf_descriptor){
		.file = (size_t)(file - files),
		.number = (int)strtol(name, NULL, 10),
	};
	rc = read_locks(process, descriptor, is_body);
	if (rc == -ENOENT || rc == -ESRCH)
		return false;
	descriptor->error = rc;
	if ((descriptor->bodies > 0 || descriptor->has_flock) &&
	    find_file(fds, name, files, count) != file) {
		descriptor->bodies = 0;
		descriptor->has_flock = false;
	}
	return true;
}

static int add_descriptor(struct lf_process *process,
			  const struct lf_descriptor *descriptor)
{
	/* The room is a power of two. */
	if ((process->count & (process->count - 1)) == 0) {
		size_t room = process->count ? 2 * process->count : 1;
		struct lf_descriptor *more = realloc(process->descriptors,
						     room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		process->descriptors = more;
	}
	process->descriptors[process->count++] = *descriptor;
	return 0;
}

static int compare_descriptors(const void *left, const void *right)
{
	const struct lf_descriptor *a = left, *b = right;

	return a->file != b->file ? (a->file > b->file) - (a->file < b->file) :
				    (a->number > b->number) -
					    (a->number < b->number);
}

/* "fd" is read through FD so that a PID that is used again cannot mix two. */
static int read_descriptors(struct lf_process *process, int fd,
			    const struct lf_file_id *files, size_t count,
			    lf_lock_filter *is_body)
{
	int fds = openat(fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *list = fds < 0 ? NULL : fdopendir(fds);
	struct lf_descriptor descriptor;
	struct dirent *entry;

	if (!list) {
		process->error = fds < 0 ? -errno : -ENOMEM;
		if (fds >= 0)
			close(fds);
		return 0;
	}
	while (rc == 0 && (entry = readdir(list)) != NULL)
		if (entry->d_name[0] != '.' &&
		    read_descriptor(fd, fds, entry->d_name, files, count,
				    is_body, &descriptor))
			rc = add_descriptor(process, &descriptor);
	closedir(list);
	if (process->count > 1)
		qsort(process->descriptors, process->count, sizeof(descriptor),
		      compare_descriptors);
	return rc;
}

int lf_process_read(struct lf_process *process, pid_t pid,
		    const struct lf_file_id *files, size_t file_count,
		    lf_lock_filter *is_body, bool wants_start)
{
	int fd = open_process(pid), rc;

	*process = (struct lf_process){ .pid = pid };
	if (fd < 0) {
		process->error = fd;
		return 0;
	}
	rc = read_descriptors(process, fd, files, file_count, is_body);
	if (rc == 0 && (wants_start || process->count > 0))
		process->start_time = lf_start_time(fd);
	close(fd);
	if (rc < 0)
		lf_process_free(process);
	return rc;
}

void lf_process_free(struct lf_process *process)
{
	free(process->descriptors);
	*process = (struct lf_process){ .pid = 0 };
}

int lf_process_has_lock(pid_t pid, const struct stat *file,
			lf_lock_filter *is_body)
{
	struct lf_file_id id = { file->st_ino, file->st_dev,
				 file->st_nlink == 0 };
	struct lf_process process;
	int rc = lf_process_read(&process, pid, &id, 1, is_body, false);
	size_t found = 0;

	if (rc < 0)
		return rc;
	rc = process.error;
	for (size_t i = 0; i < process.count; i++) {
		if (process.descriptors[i].error < 0)
			rc = process.descriptors[i].error;
		found += process.descriptors[i].bodies;
	}
	lf_process_free(&process);
	return found > 0 ? (int)found : rc;
}

/* ---- All processes */

int lf_list_processes(pid_t **pids, size_t *count)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t room = 0;
	int rc = 0;

	*pids = NULL;
	*count = 0;
	if (!proc)
		return -errno;
	while (rc == 0 && (entry = readdir(proc)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);
		pid_t *more = *pids;

		if (pid <= 0)
			continue;
		if (*count == room) {
			room = room ? 2 * room : 256;
			more = realloc(*pids, room * sizeof(**pids));
		}
		if (more)
			(*pids = more)[(*count)++] = (pid_t)pid;
		else
			rc = -ENOMEM;
	}
	closedir(proc);
	if (rc == 0 && !lf_proc_is_ours())
		rc = -ENOTSUP;
	if (rc < 0)
		free(*pids);
	return rc;
}

static int compare_numbers(const void *left, const void *right)
{
	const unsigned long long *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static bool is_among(int fds, const char *name,
		     const unsigned long long *numbers, size_t count)
{
	unsigned long long number;
	struct statx st;

	if (statx(fds, name, AT_STATX_DONT_SYNC, STATX_INO, &st) < 0)
		return false;
	number = st.stx_ino;
	return bsearch(&number, numbers, count, sizeof(*numbers),
		       compare_numbers);
}

/* -EACCES: the process does not show its descriptors. */
static int find_paths_of(pid_t pid, const unsigned long long *numbers,
			 size_t count, lf_path_found *found, void *argument)
{
	char name[32], path[PATH_MAX];
	struct dirent *entry;
	DIR *list;
	int rc = 0;

	snprintf(name, sizeof(name), "/proc/%ld/fd", (long)pid);
	list = opendir(name);
	if (!list)
		return errno == ENOENT ? 0 : -EACCES;
	while (rc == 0 && (entry = readdir(list)) != NULL) {
		ssize_t length;

		if (entry->d_name[0] == '.' ||
		    !is_among(dirfd(list), entry->d_name, numbers, count))
			continue;
		length = readlinkat(dirfd(list), entry->d_name, path,
				    sizeof(path) - 1);
		if (length <= 0 || path[0] != '/')
			continue;
		path[length] = '\0';
		rc = found(path, argument);
	}
	closedir(list);
	return rc;
}

int lf_find_paths(const unsigned long long *numbers, size_t count,
		  lf_path_found *found, void *argument)
{
	bool denied = false;
	size_t processes;
	pid_t *pids;
	int rc = lf_list_processes(&pids, &processes);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < processes && rc == 0; i++) {
		rc = find_paths_of(pids[i], numbers, count, found, argument);
		if (rc == -EACCES) {
			denied = true;
			rc = 0;
		}
	}
	free(pids);
	return rc < 0 ? rc : denied;
}

/* kcmp(2), Linux 3.5, asks what ptrace(2) asks to be allowed. */
bool lf_same_description(pid_t a, int fd_a, pid_t b, int fd_b)
{
	return syscall(SYS_kcmp, a, b, KCMP_FILE, fd_a, fd_b) == 0;
}
