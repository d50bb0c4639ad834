/* SPDX-License-Identifier: 0BSD */
/*
 * A process by Linux's proc(5); on other systems only its PID is known.
 *
 * /proc/PID is opened once, as a directory, and all facts are read through it.
 * When the process ends and its PID becomes another's, reading fails instead of
 * mixing the two.
 */
#include "config.h"

#include "common.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The rest of a longer command line is not read. */
#define LONGEST_COMMAND 4096

static int open_process(pid_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/%ld", (long)pid);
	return open(name, O_RDONLY | O_DIRECTORY);
}

/* Returns the length; a file that cannot be read counts as empty. */
static size_t read_file(int process, const char *name, char *text, size_t size)
{
	int fd = openat(process, name, O_RDONLY);
	ssize_t length;

	if (fd < 0)
		return 0;
	length = read(fd, text, size);
	close(fd);
	return length > 0 ? (size_t)length : 0;
}

/* Field 22 of "stat".  Field 2 is in brackets, and may contain any character. */
static unsigned long long read_start_time(int process)
{
	char text[1024];
	size_t length = read_file(process, "stat", text, sizeof(text) - 1);
	char *end;

	text[length] = '\0';
	end = strrchr(text, ')');
	for (int field = 2; end && field < 22; field++)
		end = strchr(end + 1, ' ');
	return end ? strtoull(end, NULL, 10) : 0;
}

/* Puts "..." at the end of TEXT, in place of whole characters of UTF-8. */
static size_t mark_end(char *text, size_t length)
{
	size_t end = length - strlen("...");

	while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	memcpy(text + end, "...", strlen("..."));
	return end + strlen("...");
}

/* The arguments, separated by blanks. */
static char *read_arguments(int process)
{
	char text[LONGEST_COMMAND + 1];
	size_t length = read_file(process, "cmdline", text, sizeof(text));
	bool more = length == sizeof(text);

	while (length > 0 && text[length - 1] == '\0')
		length--;
	if (length == 0)
		return NULL;
	if (more)
		length = mark_end(text, LONGEST_COMMAND);
	text[length] = '\0';
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	return strdup(text);
}

/* A thread of the kernel has no arguments: its name in brackets, as in ps(1). */
static char *read_name(int process)
{
	char text[64] = "[";
	size_t length = read_file(process, "comm", text + 1, sizeof(text) - 3);

	if (length > 0 && text[length] == '\n')
		length--;
	if (length == 0)
		return NULL;
	memcpy(text + 1 + length, "]", 2);
	return strdup(text);
}

static void name_user(uid_t uid, char *user, size_t size)
{
	const struct passwd *entry = getpwuid(uid);

	if (entry)
		snprintf(user, size, "%s", entry->pw_name);
	else
		snprintf(user, size, "%lu", (unsigned long)uid);
}

/* Hundreds of holders mostly belong to one user, whose name is kept. */
static void read_user(int process, char *user, size_t size)
{
	static char last_user[sizeof(((struct process *)0)->user)];
	static uid_t last;
	struct stat st;

	if (fstat(process, &st) < 0)
		return;
	if (!last_user[0] || st.st_uid != last)
		name_user(st.st_uid, last_user, sizeof(last_user));
	last = st.st_uid;
	snprintf(user, size, "%s", last_user);
}

void process_read(struct process *p, pid_t pid, unsigned long long start_time)
{
	int process = pid > 0 && start_time > 0 ? open_process(pid) : -1;

	*p = (struct process){ .pid = pid };
	if (process < 0)
		return;
	if (read_start_time(process) == start_time) {
		p->start_time = start_time;
		p->command = read_arguments(process);
		if (!p->command)
			p->command = read_name(process);
		read_user(process, p->user, sizeof(p->user));
	}
	close(process);
}

void process_free(struct process *p)
{
	free(p->command);
	p->command = NULL;
}

/* Seconds since the Epoch, or 0: unknown. */
static long long read_boot_time(void)
{
	FILE *stat = fopen("/proc/stat", "re");
	long long when = 0;
	char *line = NULL;
	size_t size = 0;

	if (!stat)
		return 0;
	while (when == 0 && getline(&line, &size, stat) > 0)
		if (strncmp(line, "btime ", 6) == 0)
			when = strtoll(line + 6, NULL, 10);
	free(line);
	fclose(stat);
	return when;
}

/*
 * An age, taken from the clock, would be rounded differently from call to call.
 * The kernel's boot time and the start time are whole numbers that stay.
 */
bool process_started(const struct process *p, time_t *started)
{
	static long long boot_time = -1;
	long long ticks = sysconf(_SC_CLK_TCK);

	if (p->start_time == 0 || ticks <= 0)
		return false;
	if (boot_time < 0)
		boot_time = read_boot_time();
	*started = (time_t)(boot_time + (long long)p->start_time / ticks);
	/* Some containers show a boot time of their own. */
	return boot_time > 0 && *started <= time(NULL) + 1;
}

void process_print(FILE *to, const struct process *p, size_t width)
{
	fprintf(to, "PID %ld", (long)p->pid);
	if (p->command) {
		fputs(" (", to);
		print_shortened(to, p->command, width);
		fputs(")", to);
	}
	if (p->user[0]) {
		fputs(", user ", to);
		print_escaped(to, p->user);
	}
}

size_t process_width(const struct process *p)
{
	int width = snprintf(NULL, 0, "PID %ld", (long)p->pid);

	return (size_t)width + (p->command ? strlen(" ()") : 0) +
	       (p->user[0] ? strlen(", user ") + escaped_width(p->user) : 0);
}

const char *try_as_root(void)
{
	return geteuid() == 0 ? "" : " (try as root)";
}
