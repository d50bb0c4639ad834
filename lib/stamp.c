/* The stamp: "4242\n", or "4242 HOST\n" as other programs write it. */
#include "config.h"

#include "stamp.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ten digits, a blank, a name of 255 bytes as the longest host has, a newline. */
#define STAMP_MAX 267

static bool is_stamp(const char *text, size_t length)
{
	size_t digits = strspn(text, "0123456789"), rest = digits;

	if (digits == 0 || digits > 10)
		return false;
	if (text[digits] == ' ') {
		rest += 1 + strcspn(text + digits + 1, " \n");
		if (rest == digits + 1)
			return false;
	}
	return text[rest] == '\n' && rest + 1 == length;
}

/* The content, if it is no longer than a stamp may be; its length. */
static ssize_t read_content(const struct lf_lock *lock, char text[])
{
	ssize_t length = pread(lock->fd, text, STAMP_MAX + 1, 0);

	if (length < 0)
		return -errno;
	text[length] = '\0';
	return length;
}

int stamp_check(const struct lf_lock *lock)
{
	char text[STAMP_MAX + 2];
	ssize_t length = read_content(lock, text);

	if (length < 0)
		return (int)length;
	return length == 0 || is_stamp(text, (size_t)length) ? 0 : -ENOTEMPTY;
}

pid_t stamp_read(const struct lf_lock *lock, time_t *written)
{
	char text[STAMP_MAX + 2];
	ssize_t length = read_content(lock, text);
	struct stat st;
	long long pid;

	if (length <= 0 || !is_stamp(text, (size_t)length) ||
	    fstat(lock->fd, &st) < 0)
		return 0;
	*written = st.st_mtime;
	pid = strtoll(text, NULL, 10);
	return pid <= INT_MAX ? (pid_t)pid : 0;
}

static size_t own_stamp(char text[], size_t size)
{
	return (size_t)snprintf(text, size, "%ld\n", (long)getpid());
}

int stamp_write(const struct lf_lock *lock)
{
	char text[32];
	size_t length = own_stamp(text, sizeof(text));
	ssize_t written;
	int rc = stamp_check(lock);

	if (rc < 0)
		return rc;
	written = pwrite(lock->fd, text, length, 0);
	if (written < 0)
		rc = -errno;
	else if ((size_t)written < length)
		rc = -ENOSPC;
	else if (ftruncate(lock->fd, (off_t)length) < 0)
		rc = -errno;
	if (rc < 0)
		(void)!ftruncate(lock->fd, 0);
	return rc;
}

void stamp_clear(const struct lf_lock *lock)
{
	char own[32], text[STAMP_MAX + 2];
	size_t length = own_stamp(own, sizeof(own));

	if (read_content(lock, text) == (ssize_t)length &&
	    memcmp(text, own, length) == 0)
		(void)!ftruncate(lock->fd, 0);
}
