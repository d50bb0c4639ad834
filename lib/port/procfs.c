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

static unsigned long long ticks_since_boot(void)
{
	unsigned long long ticks = (unsigned long long)sysconf(_SC_CLK_TCK);
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (unsigned long long)now.tv_sec * ticks +
	       (unsigned long long)now.tv_nsec * ticks / 1000000000;
}

static int add_lock(struct lf_lock_list *list, const struct lf_listed_lock *lock)
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

	*list = (struct lf_lock_list){ .when = ticks_since_boot() };
	rc = read_file(AT_FDCWD, "/proc/locks", &text);
	if (rc < 0)
		return rc;
	ours = lf_proc_is_ours();
	for (rest = text; rc == 0 && (line = lf_proc_cut_line(&rest)) != NULL;) {
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

/* The mount that FD is on tells the device, also on btrfs and overlayfs. */
static void read_device(int fd, struct lf_inode *inode)
{
	unsigned long long mount;
	char name[32], *text;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	if (read_file(AT_FDCWD, name, &text) < 0)
		return;
	/* The number since Linux 5.14; else stat(2) has told it. */
	lf_proc_parse_number(text, "ino", &inode->number);
	if (!lf_proc_parse_number(text, "mnt_id", &mount)) {
		free(text);
		return;
	}
	free(text);
	if (read_file(AT_FDCWD, "/proc/self/mountinfo", &text) < 0)
		return;
	lf_proc_parse_mount(text, mount, inode);
	free(text);
}

/* O_PATH needs no permission to read, opens no device and drops no lock. */
int lf_inode_of(const char *path, struct lf_inode *inode)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		rc = -errno;
	} else {
		inode->major = major(st.st_dev);
		inode->minor = minor(st.st_dev);
		inode->number = st.st_ino;
		read_device(fd, inode);
	}
	close(fd);
	return rc;
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

int lf_process_open(pid_t pid)
{
	char name[32] = "/proc/self";
	int process;

	if (pid != 0 && !lf_proc_is_ours())
		return -ENOTSUP;
	if (pid != 0)
		snprintf(name, sizeof(name), "/proc/%ld", (long)pid);
	process = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return process < 0 ? -errno : process;
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

int lf_process_is_runnable(int process, unsigned long long *ticks)
{
	char *text, state;
	int rc = read_file(process, "stat", &text);

	if (rc < 0)
		return rc;
	rc = lf_proc_parse_run(text, &state, ticks) ? state == 'R' : -ENOTSUP;
	free(text);
	return rc;
}

/*
 * How many such locks fdinfo/DESCRIPTOR has; one of flock(2) that is beside one of
 * the description is our presence.
 */
static int lists_locks(int process, const char *descriptor,
		       lf_lock_filter *is_meant)
{
	char name[32], *text, *rest, *line;
	bool body = false, presence = false;
	int rc, count = 0;

	snprintf(name, sizeof(name), "fdinfo/%.16s", descriptor);
	rc = read_file(process, name, &text);
	if (rc < 0)
		return rc;
	for (rest = text; (line = lf_proc_cut_line(&rest)) != NULL;) {
		struct lf_listed_lock lock;

		if (strncmp(line, "lock:", 5) != 0 ||
		    !lf_proc_parse_lock(line + 5, &lock))
			continue;
		if (is_meant(&lock)) {
			count++;
			presence |= lock.kind == LF_TYPE_FLOCK;
		}
		body |= lock.kind == LF_TYPE_OFDLCK;
	}
	free(text);
	return presence && body ? 0 : count;
}

/* And still has a name, unless it had none before: some file systems count none. */
static bool is_file(int fds, const char *descriptor, const struct stat *file)
{
	struct statx st;

	return statx(fds, descriptor, AT_STATX_DONT_SYNC,
		     STATX_INO | STATX_NLINK, &st) == 0 &&
	       (st.stx_nlink > 0 || file->st_nlink == 0) &&
	       st.stx_ino == file->st_ino &&
	       st.stx_dev_major == major(file->st_dev) &&
	       st.stx_dev_minor == minor(file->st_dev);
}

/* "fd" is read through PROCESS so that a PID used anew cannot mix two. */
static int open_descriptor_list(int process, DIR **list)
{
	int fds = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*list = NULL;
	if (fds < 0)
		return -errno;
	*list = fdopendir(fds);
	if (*list)
		return 0;
	close(fds);
	return -ENOMEM;
}

/* The name of the next that is of the file, or NULL. */
static const char *next_descriptor(DIR *list, const struct stat *file)
{
	struct dirent *entry;

	while ((entry = readdir(list)) != NULL)
		if (entry->d_name[0] != '.' &&
		    is_file(dirfd(list), entry->d_name, file))
			return entry->d_name;
	return NULL;
}

/*
 * A file that has been removed is asked for after the lock: who waited for it has
 * the lock then, for as long as it takes to see that the file is gone.
 */
int lf_process_lock_descriptor(int process, const struct stat *file,
			       lf_lock_filter *is_meant, int *descriptor)
{
	int found = 0, failed;
	const char *name;
	DIR *list;

	failed = open_descriptor_list(process, &list);
	if (failed < 0)
		return failed;
	while ((name = next_descriptor(list, file)) != NULL) {
		int count = lists_locks(process, name, is_meant);

		if (count > 0 && !is_file(dirfd(list), name, file))
			count = 0;
		/* Closed or ended since: it holds nothing. */
		if (count < 0 && count != -ENOENT && count != -ESRCH)
			failed = count;
		if (count > 0 && found == 0)
			*descriptor = (int)strtol(name, NULL, 10);
		if (count > 0)
			found += count;
	}
	closedir(list);
	return found > 0 ? found : failed;
}

int lf_process_descriptors(int process, const struct stat *file)
{
	DIR *list;
	int count = open_descriptor_list(process, &list);

	if (count < 0)
		return count;
	while (next_descriptor(list, file))
		count++;
	closedir(list);
	return count;
}

int lf_process_has_lock(pid_t pid, const struct stat *file,
			lf_lock_filter *is_meant)
{
	int process = lf_process_open(pid), descriptor, found;

	if (process < 0)
		return process;
	found = lf_process_lock_descriptor(process, file, is_meant,
					   &descriptor);
	close(process);
	return found;
}

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

/* kcmp(2), Linux 3.5, asks what ptrace(2) asks to be allowed. */
bool lf_same_description(pid_t a, int fd_a, pid_t b, int fd_b)
{
	return syscall(SYS_kcmp, a, b, KCMP_FILE, fd_a, fd_b) == 0;
}
