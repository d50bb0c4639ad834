/* SPDX-License-Identifier: 0BSD */
/*
 * The PID of the holder as the content of the lock file, for people and for
 * programs that expect one there.  No lock is ever judged by it.  Where another
 * machine may share the file, the PID alone would name a process of each machine,
 * so the host name follows.
 */
#include "config.h"

#include "lock.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ten digits, a blank, a host name, a newline. */
#define PIDFILE_MAX (12 + LF_HOST_MAX)

static bool is_pidfile(const char *text, size_t length)
{
	size_t digits = strspn(text, "0123456789"), rest = digits;

	if (digits == 0 || digits > 10)
		return false;
	if (text[digits] == ' ') {
		size_t host = strcspn(text + digits + 1, " \n");

		if (host == 0 || host > LF_HOST_MAX)
			return false;
		rest += 1 + host;
	}
	return text[rest] == '\n' && rest + 1 == length;
}

/* The content as far as a PID file may be long, and one byte; its length. */
static ssize_t read_content(const struct lf_lock *lock, char text[])
{
	ssize_t length = pread(lock->fd, text, PIDFILE_MAX + 1, 0);

	if (length < 0)
		return -errno;
	text[length] = '\0';
	return length;
}

int lf_pidfile_check(const struct lf_lock *lock)
{
	char text[PIDFILE_MAX + 2];
	ssize_t length = read_content(lock, text);

	if (length < 0)
		return (int)length;
	return length == 0 || is_pidfile(text, (size_t)length) ? 0 : -ENOTEMPTY;
}

static void copy_host(char *host, const char *text)
{
	const char *blank = strchr(text, ' ');
	size_t length = blank ? strcspn(blank + 1, "\n") : 0;

	if (length > 0)
		memcpy(host, blank + 1, length);
	host[length] = '\0';
}

pid_t lf_pidfile_read(const struct lf_lock *lock, time_t *written, char *host)
{
	char text[PIDFILE_MAX + 2];
	ssize_t length = read_content(lock, text);
	struct stat st;
	long long pid;

	if (length <= 0 || !is_pidfile(text, (size_t)length) ||
	    fstat(lock->fd, &st) < 0)
		return 0;
	*written = st.st_mtime;
	copy_host(host, text);
	pid = strtoll(text, NULL, 10);
	return pid <= INT_MAX ? (pid_t)pid : 0;
}

/* Its length; TEXT has room for PIDFILE_MAX and a null byte. */
static size_t own_content(const struct lf_lock *lock, char text[])
{
	char host[LF_HOST_MAX + 1] = "";

	if (lock->marks.never_remove && gethostname(host, sizeof(host)) < 0)
		host[0] = '\0';
	host[LF_HOST_MAX] = '\0';
	host[strcspn(host, " \n")] = '\0';
	return (size_t)snprintf(text, PIDFILE_MAX + 1, "%ld%s%s\n",
				(long)getpid(), *host ? " " : "", host);
}

/* Beyond RLIMIT_FSIZE the kernel sends SIGXFSZ, which ends the program. */
static ssize_t write_quietly(int fd, const char *text, size_t length)
{
	const struct timespec now = { 0 };
	sigset_t xfsz, mask, pending;
	ssize_t written;

	sigemptyset(&xfsz);
	sigaddset(&xfsz, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &xfsz, &mask);
	sigpending(&pending);
	written = pwrite(fd, text, length, 0);
	if (written < 0)
		written = -errno;
	/* Ours, unless one was pending before. */
	if (written == -EFBIG && !sigismember(&pending, SIGXFSZ))
		sigtimedwait(&xfsz, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	return written == -EFBIG ? -ENOSPC : written;
}

int lf_pidfile_write(const struct lf_lock *lock)
{
	char text[PIDFILE_MAX + 1];
	size_t length = own_content(lock, text);
	ssize_t written;
	int rc = lf_pidfile_check(lock);

	if (rc < 0)
		return rc;
	/* First: two numbers in it would keep the file from serving ever again. */
	if (ftruncate(lock->fd, 0) < 0)
		return -errno;
	written = write_quietly(lock->fd, text, length);
	if (written < 0)
		rc = (int)written;
	else if ((size_t)written < length)
		rc = -ENOSPC;
	if (rc < 0)
		(void)!ftruncate(lock->fd, 0);
	return rc;
}

void lf_pidfile_empty(struct lf_lock *lock)
{
	if (lf_pidfile_check(lock) == 0)
		lock->empty = ftruncate(lock->fd, 0) == 0;
}

void lf_pidfile_clear(struct lf_lock *lock)
{
	char own[PIDFILE_MAX + 1], text[PIDFILE_MAX + 2];
	size_t length = own_content(lock, own);

	if (read_content(lock, text) == (ssize_t)length &&
	    memcmp(text, own, length) == 0)
		lock->empty = ftruncate(lock->fd, 0) == 0;
}
