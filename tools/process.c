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

int open_process(pid_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/%ld", (long)pid);
	return open(name, O_RDONLY | O_DIRECTORY);
}

size_t read_proc(int process, const char *name, char *text, size_t size)
{
	int fd = openat(process, name, O_RDONLY);
	ssize_t length;

	if (fd < 0)
		return 0;
	length = read(fd, text, size);
	close(fd);
	return length > 0 ? (size_t)length : 0;
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

/* Whether the process runs a program of this name, as far as that is shown. */
static bool may_run(int process, const char *name)
{
	static const char deleted[] = " (deleted)";
	char text[4096];
	ssize_t length = readlinkat(process, "exe", text, sizeof(text) - 1);
	const char *slash;

	if (length <= 0)
		return true;
	text[length] = '\0';
	/* After an upgrade. */
	if ((size_t)length >= strlen(deleted) &&
	    strcmp(text + length - strlen(deleted), deleted) == 0)
		text[(size_t)length - strlen(deleted)] = '\0';
	slash = strrchr(text, '/');
	return strcmp(slash ? slash + 1 : text, name) == 0;
}

/*
 * Where COMMAND begins in the arguments TEXT of an lf-acquire, or 0, and how many
 * slots they name.  A process can call itself whatever it likes.
 */
static size_t find_job(int process, char *text, size_t length, int *slots)
{
	int count = 0, command;
	char **words;
	size_t begin;

	for (size_t i = 0; i <= length; i++)
		count += text[i] == '\0';
	words = calloc((size_t)count + 1, sizeof(*words));
	if (!words)
		return 0;
	for (int i = 0; i < count; i++) {
		words[i] = text;
		text += strlen(text) + 1;
	}
	command = find_command(count, words, slots);
	begin = command > 0 ? (size_t)(words[command] - words[0]) : 0;
	free(words);
	return begin > 0 && may_run(process, "lf-acquire") ? begin : 0;
}

/* The arguments, separated by blanks. */
static void read_arguments(struct process *p, int process)
{
	char text[LONGEST_COMMAND + 1];
	size_t length = read_proc(process, "cmdline", text, sizeof(text)), job;
	int slots = 0;
	bool more = length == sizeof(text);

	while (length > 0 && text[length - 1] == '\0')
		length--;
	if (length == 0)
		return;
	if (more)
		length = mark_end(text, LONGEST_COMMAND);
	text[length] = '\0';
	job = find_job(process, text, length, &slots);
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	p->command = strdup(text);
	p->job = p->command && job > 0 ? p->command + job : NULL;
	p->slots = p->job ? slots : 0;
}

/* A thread of the kernel has no arguments: its name in brackets, as in ps(1). */
static char *read_name(int process)
{
	char text[64] = "[";
	size_t length = read_proc(process, "comm", text + 1, sizeof(text) - 3);

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

/* THREAD is one that is alive: that of main() may have ended. */
static void read_facts(struct process *p, int process, int thread, char state)
{
	read_arguments(p, thread);
	if (!p->command)
		p->command = read_name(thread);
	read_user(process, p->user, sizeof(p->user));
	state_read(p, thread, state);
}

void process_read(struct process *p, pid_t pid, unsigned long long start_time)
{
	int process = pid > 0 && start_time > 0 ? open_process(pid) : -1;
	struct stat_fields fields;

	*p = (struct process){ .pid = pid };
	if (process < 0)
		return;
	if (read_stat(process, &fields) && fields.start_time == start_time) {
		int thread = is_ended(fields.state) ?
				     open_live_thread(process) :
				     -1;

		p->start_time = start_time;
		if (thread >= 0)
			read_stat(thread, &fields);
		read_facts(p, process, thread >= 0 ? thread : process,
			   fields.state);
		if (thread >= 0)
			close(thread);
	}
	close(process);
}

void process_free(struct process *p)
{
	free(p->command);
	p->command = p->job = NULL;
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
static bool time_of(unsigned long long start_time, time_t *when)
{
	static long long boot_time = -1;
	long long ticks = sysconf(_SC_CLK_TCK);

	if (start_time == 0 || ticks <= 0)
		return false;
	if (boot_time < 0)
		boot_time = read_boot_time();
	*when = (time_t)(boot_time + (long long)start_time / ticks);
	/* Some containers show a boot time of their own. */
	return boot_time > 0 && *when <= time(NULL) + 1;
}

bool process_started(const struct process *p, time_t *started)
{
	return time_of(p->start_time, started);
}

bool job_started(const struct process *p, time_t *started)
{
	return time_of(p->job_start, started);
}

const char *process_job(const struct process *p)
{
	return p->job ? p->job : p->command;
}

void process_print(FILE *to, const struct process *p, size_t width)
{
	fprintf(to, "PID %ld", (long)p->pid);
	if (p->command) {
		fputs(": ", to);
		print_shortened(to, process_job(p), width);
	}
	if (!p->job && !p->user[0])
		return;
	fprintf(to, " (%s%s", p->job ? "lf-acquire" : "",
		p->job && p->user[0] ? ", " : "");
	print_escaped(to, p->user);
	fputs(")", to);
}

size_t process_width(const struct process *p)
{
	int width = snprintf(NULL, 0, "PID %ld", (long)p->pid);

	return (size_t)width + (p->command ? strlen(": ") : 0) +
	       (p->job || p->user[0] ? strlen(" ()") : 0) +
	       (p->job ? strlen("lf-acquire") : 0) +
	       (p->job && p->user[0] ? strlen(", ") : 0) +
	       escaped_width(p->user);
}

const char *try_as_root(void)
{
	return geteuid() == 0 ? "" : " (try as root)";
}
