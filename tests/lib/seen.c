/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "seen.h"

#include "child.h"
#include "lockfile-fcntl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[1 << 16], wanted[sizeof(text)];
static size_t length;

static void say(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));

static void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	length += (size_t)vsnprintf(text + length, sizeof(text) - length,
				    format, arguments);
	va_end(arguments);
	if (length >= sizeof(text))
		abort();
}

static void say_entry(const struct lf_entry *entry)
{
	static const char *const sources[] = {
		[LF_SOURCE_NONE] = "unknown",
		[LF_SOURCE_LOCK] = "lock",
		[LF_SOURCE_TAG] = "tag",
		[LF_SOURCE_DESCRIPTOR] = "descriptor",
	}, *const types[] = {
		[LF_TYPE_UNKNOWN] = "unknown",
		[LF_TYPE_OFDLCK] = "ofd",
		[LF_TYPE_POSIX] = "posix",
		[LF_TYPE_FLOCK] = "flock",
	};

	say("; %ld %s %s%s", (long)lf_entry_pid(entry),
	    lf_entry_waits(entry) ? "waits" : sources[lf_entry_source(entry)],
	    types[lf_entry_type(entry)],
	    lf_entry_shared(entry) ? " shared" : "");
}

const char *seen(const char *path)
{
	const struct lf_entry *entry = NULL;
	struct lf_report *report;

	length = 0;
	say("%d", lf_inspect(path, &report));
	if (lf_report_partial(report))
		say(" partial");
	while ((entry = lf_report_next(report, entry)) != NULL)
		say_entry(entry);
	lf_report_free(report);
	return text;
}

/* Whether each PID that is seen is one of those wanted. */
static bool names_no_other(const char *those)
{
	for (const char *at = text; (at = strstr(at, "; ")) != NULL; at++) {
		char pid[32];

		snprintf(pid, sizeof(pid), "; %ld ", strtol(at + 2, NULL, 10));
		if (strcmp(pid, "; 0 ") != 0 && !strstr(those, pid))
			return false;
	}
	return true;
}

/* Whether the same entries are there. */
static bool is_permuted(const char *those)
{
	if (strlen(those) != length)
		return false;
	while (*those) {
		char entry[128];
		size_t size = strcspn(those + 1, ";") + 1;

		if (size >= sizeof(entry))
			return false;
		memcpy(entry, those, size);
		entry[size] = '\0';
		if (!strstr(text, entry))
			return false;
		those += size;
	}
	return true;
}

static bool sees_it(bool in_order)
{
	for (int look = 0; look < 200 && look_again(&look);) {
		seen(lock_path);
		if (in_order ? strcmp(text, wanted) == 0 : is_permuted(wanted))
			return true;
		if (!names_no_other(wanted))
			break;
	}
	print_message("# is:     %s\n# wanted: %s\n", text, wanted);
	return false;
}

bool sees(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(wanted, sizeof(wanted), format, arguments);
	va_end(arguments);
	return sees_it(true);
}

bool sees_in_any_order(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(wanted, sizeof(wanted), format, arguments);
	va_end(arguments);
	return sees_it(false);
}

const char *by_us(void)
{
	return has_description_locks() ? "tag ofd" : "descriptor posix";
}

const char *by_its_word(void)
{
	return has_description_locks() ? "lock ofd" : "lock posix";
}

unsigned long long start_time(pid_t pid)
{
	unsigned long long ticks = 0;
	char name[64], stat[1024];
	const char *field;
	FILE *file;
	size_t size;

	snprintf(name, sizeof(name), "/proc/%ld/stat", (long)pid);
	file = fopen(name, "re");
	if (!file)
		return 0;
	size = fread(stat, 1, sizeof(stat) - 1, file);
	fclose(file);
	stat[size] = '\0';
	field = strrchr(stat, ')');
	if (field)
		sscanf(field, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
			      "%*u %*u %*d %*d %*d %*d %*d %*d %llu", &ticks);
	return ticks;
}

struct part {
	int (*body)(void *);
	void *argument;
	struct gate got;
};

/* A holder that is killed never releases it. */
static struct lf_lock *taken;

static sigset_t block(int signal)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, signal);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signals;
}

static int stay(void)
{
	sigset_t signals = block(SIGUSR1);
	int signal;

	sigwait(&signals, &signal);
	return taken ? -lf_release(&taken) : 0;
}

static int play(void *argument)
{
	struct part *part = argument;
	int rc;

	block(SIGUSR1);
	rc = part->body(part->argument);
	gate_open(part->got);
	return rc == 0 ? stay() : rc;
}

pid_t holder_new(int (*body)(void *), void *argument)
{
	struct part part = { body, argument, gate_new() };
	pid_t pid = child_start(play, &part);

	gate_pass(part.got);
	gate_free(part.got);
	return pid;
}

void holder_release(pid_t pid)
{
	kill(pid, SIGUSR1);
	assert_finish(pid);
}

int take(void *unused)
{
	(void)unused;
	return -lf_acquire(&taken, lock_path, LF_FOREVER, 0);
}

int share(void *unused)
{
	(void)unused;
	return -lf_acquire(&taken, lock_path, LF_FOREVER, LF_SHARED);
}

int take_without_tag(void *unused)
{
	int rc = take(unused);

	close(open(lock_path, O_RDONLY | O_CLOEXEC));
	return rc;
}

static int play_alone(void *argument)
{
	struct part *part = argument;

	block(SIGUSR1);
	demand(part->body(part->argument) == 0);
	return stay();
}

pid_t waiter_new_by(int (*body)(void *), void *argument)
{
	struct part part = { .body = body, .argument = argument };
	/* A request for the body has no PID: it is ours if there was none. */
	bool other = is_waiter(lock_path, -1);
	pid_t pid = child_start(play_alone, &part);

	for (int look = 0; look_again(&look);)
		if (is_waiter(lock_path, pid) ||
		    (!other && is_waiter(lock_path, -1)))
			return pid;
	fail_msg("does not wait: %ld", (long)pid);
	return pid;
}

static int take_with(void *flags)
{
	return -lf_acquire(&taken, lock_path, LF_FOREVER, *(unsigned *)flags);
}

pid_t waiter_new(unsigned flags)
{
	return waiter_new_by(take_with, &flags);
}
