/* SPDX-License-Identifier: 0BSD */
/*
 * Processes by Linux's proc(5), and their locks: the "lock:" lines of
 * /proc/PID/fdinfo/N (Linux 4.1).  Reading asks the kernel only, never a file
 * system whose server may not answer.
 */
#include "config.h"

#include "port/os.h"

#include "lockfile-fcntl.h"
#include "port/proc-list.h"
#include "port/statx.h"
#include "port/proc-text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* From <linux/kcmp.h>: musl comes without the headers of the kernel. */
#define KCMP_FILE 0

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

/* 0: the mount is not listed, as that of another mount namespace. */
static int find_mount(struct lf_mounts *mounts, unsigned long long id)
{
	int rc = 0;

	if (!mounts->is_read)
		rc = read_file(AT_FDCWD, "/proc/self/mountinfo", &mounts->text);
	if (rc < 0)
		return rc;
	mounts->is_read = true;
	if (mounts->id == id)
		return 1;
	mounts->id = 0;
	if (!lf_proc_parse_mount(mounts->text, id, &mounts->device))
		return 0;
	mounts->id = id;
	return 1;
}

void lf_mounts_free(struct lf_mounts *mounts)
{
	if (mounts->is_read)
		free(mounts->text);
	*mounts = (struct lf_mounts){ .is_read = false };
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

/* The link leads to the file itself, whatever its path names by now. */
void lf_pin_path(int pin, char path[LF_PIN_PATH])
{
	snprintf(path, LF_PIN_PATH, "/proc/self/fd/%d", pin);
}

int lf_inode_of(int pin, const struct lf_file_id *file,
		struct lf_inode *inode, unsigned long long *mount)
{
	char name[32], *text;
	int rc;

	inode->major = major(file->dev);
	inode->minor = minor(file->dev);
	inode->number = file->ino;
	*mount = 0;
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", pin);
	rc = read_file(AT_FDCWD, name, &text);
	if (rc < 0)
		return rc;
	/* The number since Linux 5.14; before, the one of stat(2) has to do. */
	lf_proc_parse_number(text, "ino", &inode->number);
	lf_proc_parse_number(text, "mnt_id", mount);
	free(text);
	return 0;
}

/* The mount that the file is on has it, also on btrfs and overlayfs. */
int lf_inode_find_device(struct lf_inode *inode, unsigned long long mount,
			 struct lf_mounts *mounts)
{
	int rc = mount == 0 ? 0 : find_mount(mounts, mount);

	if (rc <= 0)
		return rc;
	inode->major = mounts->device.major;
	inode->minor = mounts->device.minor;
	return 0;
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

/* Its number is PROC_PID_INIT_INO of Linux, since 3.8. */
bool lf_is_initial_pid_namespace(void)
{
	static const char initial[] = "pid:[4026531836]";
	char name[32];
	ssize_t length = readlink("/proc/self/ns/pid", name, sizeof(name));

	if (length < 0)
		return errno == ENOENT;
	return length == sizeof(initial) - 1 &&
	       memcmp(name, initial, sizeof(initial) - 1) == 0;
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

int lf_process_parent(int process, pid_t *parent,
		      unsigned long long *start_time)
{
	char *text;
	int rc = read_file(process, "stat", &text);

	if (rc < 0)
		return rc;
	if (!lf_proc_parse_parent(text, parent) ||
	    !lf_proc_parse_start_time(text, start_time))
		rc = -ENOTSUP;
	free(text);
	return rc;
}

static int read_state(int process, const char *name, unsigned long long *ticks)
{
	char *text, state;
	int rc = read_file(process, name, &text);

	if (rc < 0)
		return rc;
	rc = lf_proc_parse_run(text, &state, ticks) ? state : -ENOTSUP;
	free(text);
	return rc;
}

/* That of a thread which goes on, if the one of main() has ended; else 'Z'. */
static int read_live_state(int process, unsigned long long *ticks)
{
	int task = openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = task < 0 ? NULL : fdopendir(task);
	struct dirent *entry;
	int state = 'Z', error;

	if (!list && task >= 0)
		close(task);
	while (state == 'Z' && list &&
	       (entry = lf_proc_next(list, &error)) != NULL) {
		char name[NAME_MAX + sizeof("task//stat")];

		snprintf(name, sizeof(name), "task/%s/stat", entry->d_name);
		state = read_state(process, name, ticks);
		if (state < 0 || state == 'X')
			state = 'Z';
	}
	if (list)
		closedir(list);
	return state;
}

static int add_switches(int process, const char *thread,
			unsigned long long *switches)
{
	char name[NAME_MAX + sizeof("task//status")], *text;
	unsigned long long own, forced;
	int rc;

	snprintf(name, sizeof(name), "task/%s/status", thread);
	rc = read_file(process, name, &text);
	if (rc < 0)
		return lf_proc_is_gone(rc) ? 0 : rc;
	if (!lf_proc_parse_number(text, "voluntary_ctxt_switches", &own) ||
	    !lf_proc_parse_number(text, "nonvoluntary_ctxt_switches", &forced))
		rc = -ENOTSUP;
	free(text);
	if (rc == 0)
		*switches += own + forced;
	return rc;
}

static int read_switches(int process, unsigned long long *switches)
{
	int task = openat(process, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = task < 0 ? NULL : fdopendir(task);
	int rc = list ? 0 : -errno, error = 0;
	struct dirent *entry;

	if (!list && task >= 0)
		close(task);
	while (rc == 0 && list && (entry = lf_proc_next(list, &error)) != NULL)
		rc = add_switches(process, entry->d_name, switches);
	if (list)
		closedir(list);
	return error < 0 ? error : rc;
}

int lf_process_state(pid_t pid, struct lf_activity *activity)
{
	int process = lf_process_open(pid), rc;

	*activity = (struct lf_activity){ .ticks = 0 };
	if (process < 0)
		return process;
	activity->has_switches =
		read_switches(process, &activity->switches) == 0;
	rc = read_state(process, "stat", &activity->ticks);
	if (rc == 'Z')
		rc = read_live_state(process, &activity->ticks);
	close(process);
	return rc;
}

bool lf_shows_descriptors(void)
{
	return true;
}

/* ---- The descriptors of a process */

/* Stores which of FILES a descriptor is of, or NULL.  0 or an error. */
static int find_file(int fds, const char *descriptor,
		     const struct lf_file_id *files, size_t count,
		     const struct lf_file_id **file)
{
	struct lf_file_id wanted;
	struct statx st;

	*file = NULL;
	if (statx(fds, descriptor, AT_STATX_DONT_SYNC, STATX_INO | STATX_NLINK,
		  &st) < 0)
		return lf_proc_is_gone(-errno) ? 0 : -errno;
	wanted.ino = (ino_t)st.stx_ino;
	wanted.dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	*file = bsearch(&wanted, files, count, sizeof(*files),
			lf_file_id_compare);
	if (*file && st.stx_nlink == 0 && !(*file)->is_uncounted)
		*file = NULL;
	return 0;
}

static void add_shown(struct lf_descriptor *descriptor,
		      const struct lf_listed_lock *lock, bool is_body)
{
	bool exclusive = lock->type == F_WRLCK;

	descriptor->bodies += is_body;
	descriptor->exclusive_body |= is_body && exclusive;
	descriptor->has_posix |= lock->kind == LF_TYPE_POSIX;
	descriptor->exclusive_posix |= lock->kind == LF_TYPE_POSIX && exclusive;
	descriptor->has_flock |= lock->kind == LF_TYPE_FLOCK;
	descriptor->exclusive_flock |= lock->kind == LF_TYPE_FLOCK && exclusive;
}

/* Whether a file is open as by this library, without LF_FLOCK. */
static bool is_open_as_ours(const char *text)
{
	const unsigned long long always = O_NONBLOCK | O_NOFOLLOW;
	unsigned long long flags;

	return lf_proc_parse_octal(text, "flags", &flags) &&
	       (flags & always) == always;
}

/*
 * What fdinfo/NUMBER lists: the locks of the description, and those of the
 * process, of whatever PID, that were taken by it.
 */
static int read_locks(int process, pid_t pid, struct lf_descriptor *descriptor,
		      lf_lock_filter *is_body)
{
	char name[32], *text, *rest, *line;
	bool as_ours;
	int rc;

	snprintf(name, sizeof(name), "fdinfo/%d", descriptor->number);
	rc = read_file(process, name, &text);
	if (rc < 0)
		return rc;
	as_ours = is_open_as_ours(text);
	for (rest = text; (line = lf_proc_cut_line(&rest)) != NULL;) {
		struct lf_listed_lock lock;

		if (strncmp(line, "lock:", 5) != 0 ||
		    !lf_proc_parse_lock(line + 5, &lock))
			continue;
		add_shown(descriptor, &lock, is_body(&lock));
		if (lock.kind == LF_TYPE_POSIX && lock.pid != pid)
			descriptor->named = lock.pid;
	}
	descriptor->has_presence = descriptor->has_flock && as_ours;
	descriptor->has_flock &= !as_ours;
	descriptor->exclusive_flock &= !as_ours;
	free(text);
	return 0;
}

/*
 * Whether the descriptor is of one of the files: 1, 0, or an error, and that is
 * unknown.  One that was closed since holds nothing.  Nor does one of a removed
 * file, which is asked again after the locks: a waiter then has the lock, for as
 * long as it takes to find the file gone.
 */
static int read_descriptor(int process, pid_t pid, int fds, const char *name,
			   const struct lf_file_id *files, size_t count,
			   lf_lock_filter *is_body,
			   struct lf_descriptor *descriptor)
{
	const struct lf_file_id *file, *again;
	int rc = find_file(fds, name, files, count, &file);

	if (rc < 0 || !file)
		return rc;
	*descriptor = (struct lf_descriptor){
		.file = (size_t)(file - files),
		.number = (int)strtol(name, NULL, 10),
	};
	rc = read_locks(process, pid, descriptor, is_body);
	if (lf_proc_is_gone(rc))
		return 0;
	descriptor->error = rc;
	if (descriptor->bodies == 0 && !descriptor->has_posix &&
	    !descriptor->has_flock && !descriptor->has_presence)
		return 1;
	rc = find_file(fds, name, files, count, &again);
	if (rc == 0 && again != file)
		*descriptor = (struct lf_descriptor){
			.file = descriptor->file,
			.number = descriptor->number,
		};
	return rc < 0 ? rc : 1;
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

static int read_listed(struct lf_process *process, int fd, DIR *list,
		       const struct lf_file_id *files, size_t count,
		       lf_lock_filter *is_body, bool *any)
{
	struct lf_descriptor descriptor;
	struct dirent *entry;
	int rc = 0, error;

	*any = false;
	while (rc == 0 && (entry = lf_proc_next(list, &error)) != NULL) {
		int found = read_descriptor(fd, process->pid, dirfd(list),
					    entry->d_name, files, count,
					    is_body, &descriptor);

		*any = true;
		if (found < 0)
			process->error = found;
		else if (found > 0)
			rc = add_descriptor(process, &descriptor);
	}
	if (rc == 0 && error < 0)
		process->error = error;
	return rc;
}

/*
 * "fd" is read through FD so that a PID that is used again cannot mix two.  It
 * may be listed though its entries are not shown, as to root without
 * CAP_SYS_PTRACE: that is no evidence that the process has none of the files.
 * *ANY: it has descriptors.
 */
static int read_descriptors(struct lf_process *process, int fd,
			    const struct lf_file_id *files, size_t count,
			    lf_lock_filter *is_body, bool *any)
{
	int fds = openat(fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
	DIR *list = fds < 0 ? NULL : fdopendir(fds);

	*any = false;
	if (!list) {
		process->error = -errno;
		if (fds >= 0)
			close(fds);
		return 0;
	}
	rc = read_listed(process, fd, list, files, count, is_body, any);
	closedir(list);
	if (process->count > 1)
		qsort(process->descriptors, process->count,
		      sizeof(*process->descriptors), compare_descriptors);
	return rc;
}

/* Whether only the thread of main() has: "task" has a link for each thread. */
static bool main_has_ended(int fd)
{
	unsigned long long ticks;
	struct stat st;

	return fstatat(fd, "task", &st, 0) == 0 && st.st_nlink > 3 &&
	       read_state(fd, "stat", &ticks) == 'Z';
}

/*
 * Then "fd" is empty, and root's; a thread that goes on has the descriptors.
 */
static int read_threads(struct lf_process *process, int fd,
			const struct lf_file_id *files, size_t count,
			lf_lock_filter *is_body)
{
	int task = openat(fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = task < 0 ? NULL : fdopendir(task);
	struct dirent *entry;
	bool any = false;
	int rc = 0, error = list ? 0 : -errno;

	if (!list && task >= 0)
		close(task);
	while (rc == 0 && !any && list &&
	       (entry = lf_proc_next(list, &error)) != NULL) {
		int thread = openat(dirfd(list), entry->d_name,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (thread < 0)
			continue;
		process->error = 0;
		rc = read_descriptors(process, thread, files, count, is_body,
				      &any);
		close(thread);
	}
	if (list)
		closedir(list);
	if (error < 0)
		process->error = error;
	return rc;
}

int lf_process_read(struct lf_process *process, pid_t pid,
		    const struct lf_file_id *files, size_t file_count,
		    lf_lock_filter *is_body, bool wants_start)
{
	int fd = open_process(pid), rc;
	bool any;

	*process = (struct lf_process){ .pid = pid };
	if (fd < 0) {
		process->error = fd;
		return 0;
	}
	rc = read_descriptors(process, fd, files, file_count, is_body, &any);
	if (rc == 0 && !any && main_has_ended(fd))
		rc = read_threads(process, fd, files, file_count, is_body);
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

/*
 * kcmp(2), Linux 3.5, asks what ptrace(2) asks to be allowed.  A descriptor that has been
 * closed shares nothing.
 */
int lf_same_description(pid_t a, int fd_a, pid_t b, int fd_b)
{
	long order = syscall(SYS_kcmp, a, b, KCMP_FILE, fd_a, fd_b);

	if (order < 0 && errno != EBADF && errno != ESRCH)
		return -errno;
	return order == 0;
}
