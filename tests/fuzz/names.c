/* SPDX-License-Identifier: 0BSD */
/*
 * Any bytes as text of others: a name, a command line, the content of a lock file.
 * What is printed of it must be text that the locale can print, as wide as it is
 * said to be; a PID is one only if all of the file is.
 */
#include "config.h"

#include "lock.h"
#include "printed.h"

/* Functions of theirs that only read a file are tested by themselves. */
#include "tools/process.c"
#include "tools/slot-files.c"

#include <limits.h>

const char target_name[] = "names";

/* --- Text */

static void check_shortened(const char *text, size_t width)
{
	char *whole = text_shortened(text, SIZE_MAX);
	char *some = text_shortened(text, width);
	size_t kept = strlen(some);

	demand(printed_width(some) <= width);
	if (printed_width(whole) <= width) {
		demand(strcmp(some, whole) == 0);
	} else {
		demand(kept >= 3 && strcmp(some + kept - 3, "...") == 0);
		demand(strncmp(some, whole, kept - 3) == 0);
	}
	free(whole);
	free(some);
}

static void check_escaped(const char *text)
{
	char *whole = text_shortened(text, SIZE_MAX);

	demand(printed_width(whole) == escaped_width(text));
	/* Nothing is left to be escaped. */
	demand(escaped_width(whole) == escaped_width(text));
	free(whole);
}

static bool is_utf8(const char *text)
{
	char *valid = text_valid(text);
	bool is = strcmp(text, valid) == 0;

	free(valid);
	return is;
}

static void check_valid(const char *text)
{
	char *valid = text_valid(text);

	demand(is_utf8(valid));
	demand(strlen(valid) >= strlen(text));
	free(valid);
}

static void check_marked(const char *text)
{
	size_t length = strlen(text), end;
	char *marked = exact_copy(text, length);

	if (length >= 3) {
		end = mark_end(marked, length);
		demand(end >= 3 && end <= length);
		marked[end] = '\0';
		demand(strcmp(marked + end - 3, "...") == 0);
		demand(memcmp(marked, text, end - 3) == 0);
		demand(is_utf8(marked) || !is_utf8(text));
	}
	free(marked);
}

/* --- A process */

/* A directory with files of these names, as there is one for each process. */
static int directory, cmdline, comm;

static int make_file(const char *name)
{
	int fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL, 0600);

	demand(fd >= 0);
	return fd;
}

static void fill(int fd, const uint8_t *data, size_t size)
{
	demand(pwrite(fd, data, size, 0) == (ssize_t)size);
	demand(ftruncate(fd, (off_t)size) == 0);
}

/* As wide as it is said to be, on one line. */
static void check_printed(const struct process *p, size_t width)
{
	char *printed;
	size_t size, job = 0;
	FILE *to = open_memstream(&printed, &size);

	process_print(to, p, width);
	demand(fclose(to) == 0);
	if (p->command) {
		char *some = text_shortened(process_job(p), width);

		job = printed_width(some);
		free(some);
	}
	demand(printed_width(printed) == process_width(p) + job);
	free(printed);
}

/* TEXT is its user, too. */
static void check_process(const char *text, size_t width)
{
	struct process p = { .pid = 4242 };

	snprintf(p.user, sizeof(p.user), "%s", text);
	read_arguments(&p, directory);
	if (p.command) {
		demand(strlen(p.command) <= LONGEST_COMMAND);
		demand(!p.job || (p.job > p.command && *p.job));
		demand(!p.job || p.job < p.command + strlen(p.command));
		demand(p.slots >= 0 && p.slots <= MOST_SLOTS);
	} else {
		p.command = read_name(directory);
	}
	check_printed(&p, width);
	process_free(&p);
}

/* --- The PID in a file */

static void check_pid(const uint8_t *data, size_t size, pid_t pid,
		      const char *host)
{
	size_t digits = size - strlen(host) - (*host ? 1 : 0) - 1;
	char *text = exact_copy(data, size);

	demand(size > digits && digits >= 1 && digits <= 10);
	demand(strspn(text, "0123456789") == digits);
	demand(strtoll(text, NULL, 10) == pid);
	demand(text[digits] == (*host ? ' ' : '\n'));
	demand(strncmp(text + digits + 1, host, strlen(host)) == 0);
	demand(text[size - 1] == '\n');
	demand(strpbrk(host, " \n") == NULL);
	free(text);
}

static void check_own_pid(struct lf_lock *lock)
{
	char host[LF_HOST_MAX + 1];
	time_t written;

	demand(lf_pidfile_write(lock) == 0);
	demand(lf_pidfile_check(lock) == 0);
	demand(lf_pidfile_read(lock, &written, host) == getpid());
	demand(!*host || lock->marks.never_remove);
	lf_pidfile_clear(lock);
	demand(lock->empty && lseek(lock->fd, 0, SEEK_END) == 0);
}

static void check_pidfile(const uint8_t *data, size_t size)
{
	static struct lf_lock *lock;
	char host[LF_HOST_MAX + 1];
	time_t written;
	pid_t pid;

	if (!lock) {
		lock = calloc(1, sizeof(*lock) + 1);
		lock->fd = make_file("lock");
	}
	fill(lock->fd, data, size);
	pid = lf_pidfile_read(lock, &written, host);
	demand(pid >= 0);
	if (pid > 0)
		check_pid(data, size, pid, host);
	if (lf_pidfile_check(lock) == 0) {
		lock->marks.never_remove = !lock->marks.never_remove;
		check_own_pid(lock);
	} else {
		demand(pid == 0 && lf_pidfile_write(lock) == -ENOTEMPTY);
		demand(lseek(lock->fd, 0, SEEK_END) == (off_t)size);
	}
}

/* --- Slots */

static void check_slot_of(const char *text, int slot)
{
	char *path = slot_path(text, slot);

	demand(slot_of(path, text) == slot);
	free(path);
}

/* The part before its last dot is the lock file that TEXT may be a slot of. */
static void check_slots(const char *text)
{
	const char *dot = strrchr(text, '.');
	size_t length = dot ? (size_t)(dot - text) : 0;
	char *lockfile = exact_copy(text, length), *path;
	int slot = slot_of(text, lockfile);

	demand(slot >= 0 && slot <= MOST_SLOTS);
	if (slot > 0) {
		path = slot_path(lockfile, slot);
		demand(strcmp(path, text) == 0);
		free(path);
	}
	check_slot_of(text, 1);
	check_slot_of(text, MOST_SLOTS);
	demand(slot_of(text, text) == 0);
	free(lockfile);
}

/* --- The target */

static char path[256];

static void clean(void)
{
	unlinkat(directory, "cmdline", 0);
	unlinkat(directory, "comm", 0);
	unlinkat(directory, "lock", 0);
	rmdir(path);
}

static void begin(void)
{
	const char *top = getenv("TMPDIR");

	use_locale();
	snprintf(path, sizeof(path), "%s/names.XXXXXX", top ? top : "/tmp");
	demand(mkdtemp(path));
	directory = open(path, O_RDONLY | O_DIRECTORY);
	demand(directory >= 0);
	atexit(clean);
	cmdline = make_file("cmdline");
	comm = make_file("comm");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t width = 3 + (size > 0 ? data[size - 1] : 0u);
	char *text = exact_copy(data, size);

	if (!*path)
		begin();
	check_escaped(text);
	check_shortened(text, width);
	check_valid(text);
	check_marked(text);
	fill(cmdline, data, size);
	fill(comm, data, size);
	check_process(text, width);
	check_pidfile(data, size);
	check_slots(text);
	free(text);
	return 0;
}
