#include "config.h"

#include "holder.h"

#include "lockfile-fcntl.h"
#include "message.h"
#include "port/os.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often a lock may change hands under our eyes before we give up. */
#define LOOKS 3

/* The arguments with blanks between, "..." at the end if there are more. */
static void read_command(int process, char *command, size_t size)
{
	int fd = os_openat(process, "cmdline", O_RDONLY, 0);
	ssize_t length = fd < 0 ? 0 : read(fd, command, size);

	if (fd >= 0)
		close(fd);
	if (length <= 0) {
		command[0] = '\0';
		return;
	}
	if ((size_t)length == size) {
		memcpy(command + size - 4, "...", 4);
		length -= 4;
	} else {
		while (length > 0 && command[length - 1] == '\0')
			length--;
		command[length] = '\0';
	}
	for (ssize_t i = 0; i < length; i++)
		if (command[i] == '\0')
			command[i] = ' ';
}

static void read_user(int process, char *user, size_t size)
{
	struct passwd *entry;
	struct stat st;

	user[0] = '\0';
	if (fstat(process, &st) < 0)
		return;
	entry = getpwuid(st.st_uid);
	if (entry)
		snprintf(user, size, "%s", entry->pw_name);
	else
		snprintf(user, size, "%lu", (unsigned long)st.st_uid);
}

/* Where there is no such proc(5) the PID has to do. */
static void read_process(struct holder *holder)
{
	char name[32];
	int process;

	holder->command[0] = holder->user[0] = '\0';
	if (!os_proc_is_ours())
		return;
	snprintf(name, sizeof(name), "/proc/%ld", (long)holder->pid);
	process = os_openat(AT_FDCWD, name, O_RDONLY | O_DIRECTORY, 0);
	if (process < 0)
		return;
	read_command(process, holder->command, sizeof(holder->command));
	read_user(process, holder->user, sizeof(holder->user));
	close(process);
}

/*
 * The process may end, and its PID be another's, while we read of it: what was
 * read is the holder's only if it holds the lock afterwards too.
 */
int holder_find(const char *path, struct holder *holder)
{
	int rc = lf_check(path, &holder->pid);

	for (int look = 0; rc > 0 && holder->pid > 0; look++) {
		pid_t again;

		if (look == LOOKS) {
			holder->pid = 0;
			break;
		}
		read_process(holder);
		rc = lf_check(path, &again);
		if (rc > 0 && again == holder->pid)
			break;
		holder->pid = again;
	}
	return rc;
}

void holder_print(FILE *to, const struct holder *holder)
{
	if (holder->pid == 0) {
		fputs("held; holder not known", to);
		if (geteuid() != 0)
			fputs(" (try as root)", to);
		return;
	}
	fprintf(to, "held by PID %ld", (long)holder->pid);
	if (holder->command[0]) {
		fputs(" (", to);
		print_escaped(to, holder->command);
		fputs(")", to);
	}
	if (holder->user[0]) {
		fputs(", user ", to);
		print_escaped(to, holder->user);
	}
}
