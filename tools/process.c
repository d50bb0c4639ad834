#include "config.h"

#include "process.h"

#include "port/os.h"
#include "text.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* More of a command line is not read. */
#define LONGEST_COMMAND 4096

/* Its length; an unreadable file is as an empty one. */
static size_t read_file(int process, const char *name, char *text, size_t size)
{
	int fd = openat(process, name, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return 0;
	length = read(fd, text, size);
	close(fd);
	return length > 0 ? (size_t)length : 0;
}

/* The arguments with blanks between. */
static char *read_arguments(int process)
{
	char text[LONGEST_COMMAND + 1];
	size_t length = read_file(process, "cmdline", text, sizeof(text));
	bool more = length == sizeof(text);

	while (length > 0 && text[length - 1] == '\0')
		length--;
	if (length == 0)
		return NULL;
	if (more) {
		length = LONGEST_COMMAND;
		memcpy(text + length - 3, "...", 3);
	}
	text[length] = '\0';
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	return strdup(text);
}

/* A thread of the kernel has no arguments: as ps(1), the name in brackets. */
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

/* Of hundreds of holders most are of one user. */
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

static long long age_of(unsigned long long start_time)
{
	long long ticks = sysconf(_SC_CLK_TCK);
	unsigned long long now;
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	now = (unsigned long long)(t.tv_sec * ticks +
				   t.tv_nsec * ticks / 1000000000);

	if (start_time == 0 || now < start_time || ticks <= 0)
		return -1;
	return (long long)(now - start_time) / ticks;
}

/* All of it is read through one descriptor, and so of one process. */
void process_read(struct process *p, pid_t pid, unsigned long long start_time)
{
	unsigned long long began;
	int process = pid > 0 ? lf_process_open(pid) : -1;

	*p = (struct process){ .age = -1 };
	if (process < 0)
		return;
	began = lf_start_time(process);
	if (start_time == 0 || start_time == began) {
		p->age = age_of(began);
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

void process_print(FILE *to, pid_t pid, const struct process *p, size_t width)
{
	fprintf(to, "PID %ld", (long)pid);
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

size_t process_width(pid_t pid, const struct process *p)
{
	int width = snprintf(NULL, 0, "PID %ld", (long)pid);

	return (size_t)width + (p->command ? strlen(" ()") : 0) +
	       (p->user[0] ? strlen(", user ") + escaped_width(p->user) : 0);
}

const char *try_as_root(void)
{
	return geteuid() == 0 ? "" : " (try as root)";
}
