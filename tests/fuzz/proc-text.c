/* SPDX-License-Identifier: 0BSD */
/*
 * Any text at all, for the parsers of Linux's proc(5).  Each gets a copy that
 * ends where its memory ends.  What it finds must be in range, and it must find
 * the same in the text that the kernel would write for it.
 */
#include "config.h"

#include "lockfile-fcntl.h"
#include "port/proc-text.h"
#include "target.h"

#include <limits.h>

#define LINE_SIZE 256
#define DEPTH_SIZE 65536

const char target_name[] = "proc-text";

static bool is_same(const struct lf_listed_lock *a,
		    const struct lf_listed_lock *b)
{
	return a->kind == b->kind && a->type == b->type &&
	       a->waits == b->waits && a->depth == b->depth &&
	       a->pid == b->pid &&
	       a->inode.major == b->inode.major &&
	       a->inode.minor == b->inode.minor &&
	       a->inode.number == b->inode.number && a->first == b->first &&
	       a->last == b->last;
}

/* As lock_get_status() in fs/locks.c of Linux. */
static void format(char line[LINE_SIZE + DEPTH_SIZE],
		   const struct lf_listed_lock *lock)
{
	static const char *const types[] = {
		[LF_TYPE_POSIX] = "POSIX ",
		[LF_TYPE_OFDLCK] = "OFDLCK",
		[LF_TYPE_FLOCK] = "FLOCK ",
	};
	char last[32] = "EOF";

	if (lock->last != ULLONG_MAX)
		snprintf(last, sizeof(last), "%llu", lock->last);
	snprintf(line, LINE_SIZE + DEPTH_SIZE,
		 "1:%*s%s%s ADVISORY  %s %ld %02x:%02x:%llu %llu %s\n",
		 (int)lock->depth, "", lock->waits ? "-> " : "",
		 types[lock->kind], lock->type == F_RDLCK ? "READ" : "WRITE",
		 (long)lock->pid, lock->inode.major, lock->inode.minor,
		 lock->inode.number, lock->first, last);
}

static bool parse(const char *line, struct lf_listed_lock *lock)
{
	char *copy = exact_copy(line, strlen(line));
	bool is = lf_proc_parse_lock(copy, lock);

	free(copy);
	return is;
}

static bool check_lock(const char *line, struct lf_listed_lock *lock)
{
	struct lf_listed_lock again;
	static char formatted[LINE_SIZE + DEPTH_SIZE];

	if (!parse(line, lock))
		return false;
	demand(lock->kind == LF_TYPE_POSIX || lock->kind == LF_TYPE_OFDLCK ||
	       lock->kind == LF_TYPE_FLOCK);
	demand(lock->type == F_RDLCK || lock->type == F_WRLCK);
	demand(lock->pid >= 0);
	demand(lock->first <= lock->last);
	demand(lock->depth < strlen(line) && lock->depth < DEPTH_SIZE);
	format(formatted, lock);
	demand(parse(formatted, &again));
	demand(is_same(lock, &again));
	return true;
}

/* The next lock of the text, with or without the first word of fdinfo. */
static bool next_lock(char **rest, struct lf_listed_lock *lock)
{
	char *line;

	while ((line = lf_proc_cut_line(rest)) != NULL) {
		if (check_lock(line, lock))
			return true;
		if (strncmp(line, "lock:", 5) == 0 &&
		    check_lock(line + 5, lock))
			return true;
	}
	return false;
}

/* A part of the text has the first locks of the whole, and no other. */
static void check_locks(const char *text, size_t whole, size_t part)
{
	char *all = exact_copy(text, whole), *few = exact_copy(text, part);
	char *rest_of_all = all, *rest_of_few = few;
	struct lf_listed_lock lock, same;

	while (next_lock(&rest_of_few, &lock)) {
		demand(next_lock(&rest_of_all, &same));
		demand(is_same(&lock, &same));
	}
	while (next_lock(&rest_of_all, &lock))
		;
	free(all);
	free(few);
}

static void check_number(const char *text, const char *name)
{
	unsigned long long number, again;
	char line[LINE_SIZE];

	if (!lf_proc_parse_number(text, name, &number))
		return;
	snprintf(line, sizeof(line), "pos:\t0\n%s:\t%llu\n", name, number);
	demand(lf_proc_parse_number(line, name, &again) && again == number);
}

static void check_octal(const char *text, const char *name)
{
	unsigned long long number, again;
	char line[LINE_SIZE];

	if (!lf_proc_parse_octal(text, name, &number))
		return;
	snprintf(line, sizeof(line), "pos:\t0\n%s:\t0%llo\n", name, number);
	demand(lf_proc_parse_octal(line, name, &again) && again == number);
}

static void check_mount(const char *text, unsigned long long id)
{
	struct lf_inode device, again;
	char line[LINE_SIZE];

	if (!lf_proc_parse_mount(text, id, &device))
		return;
	snprintf(line, sizeof(line), "%llu 1 %u:%u / / rw - tmpfs tmpfs rw\n",
		 id, device.major, device.minor);
	demand(lf_proc_parse_mount(line, id, &again));
	demand(again.major == device.major && again.minor == device.minor);
}

/* The texts are parts of the line, or end before it. */
static void check_filesystem(const char *line, unsigned long long id)
{
	size_t length = strcspn(line, "\n");
	char *copy = exact_copy(line, length);
	const char *type, *source, *options;

	if (lf_proc_parse_filesystem(copy, id, &type, &source, &options)) {
		demand(copy < type && type < source && source < options);
		demand(options + strlen(options) <= copy + length);
	}
	free(copy);
}

/* For each line, the mount that its first number names. */
static void check_mounts(const char *text)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		check_mount(text, strtoull(line, NULL, 10));
		check_filesystem(line, strtoull(line, NULL, 10));
	}
}

static void check_start_time(const char *text)
{
	unsigned long long time, again;
	char line[LINE_SIZE];

	if (!lf_proc_parse_start_time(text, &time))
		return;
	snprintf(line, sizeof(line),
		 "1 (a) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 1 0 %llu 0\n", time);
	demand(lf_proc_parse_start_time(line, &again) && again == time);
}

static void check_parent(const char *text)
{
	char line[LINE_SIZE];
	pid_t parent, again;

	if (!lf_proc_parse_parent(text, &parent))
		return;
	demand(parent >= 0);
	snprintf(line, sizeof(line), "1 (a) S %ld 1\n", (long)parent);
	demand(lf_proc_parse_parent(line, &again) && again == parent);
}

static void check_flags(const char *text)
{
	unsigned long long flags, again;
	char line[LINE_SIZE];

	if (!lf_proc_parse_flags(text, &flags))
		return;
	snprintf(line, sizeof(line), "1 (a) S 0 1 1 0 -1 %llu 0\n", flags);
	demand(lf_proc_parse_flags(line, &again) && again == flags);
}

static void check_run(const char *text)
{
	unsigned long long ticks, again;
	char line[LINE_SIZE], state, same;

	if (!lf_proc_parse_run(text, &state, &ticks))
		return;
	demand(state != '\0');
	snprintf(line, sizeof(line),
		 "1 (a) %c 0 1 1 0 -1 0 0 0 0 0 %llu 0 0 0 0 0 1 0 1 0\n",
		 state, ticks);
	demand(lf_proc_parse_run(line, &same, &again));
	demand(same == state && again == ticks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = exact_copy(data, size);

	check_locks(text, size, size > 0 ? size - 1 - data[0] % size : 0);
	check_number(text, "ino");
	check_number(text, "mnt_id");
	check_octal(text, "flags");
	check_mounts(text);
	check_start_time(text);
	check_parent(text);
	check_flags(text);
	check_run(text);
	free(text);
	return 0;
}
