/* SPDX-License-Identifier: 0BSD */
/* lf-acquire and flock(1), whose COMMAND is this program again. */
#include "config.h"

#include "hammer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_ARGUMENTS 16
#define HELD 75
#define NOT_FOUND 127

extern char **environ;

static char self[4096]; /* the path of this program */

struct command {
	size_t slot; /* that it is run for */
	char *arguments[MOST_ARGUMENTS + 1];
	int count;
	bool is_quiet; /* no messages */
	char numbers[3][24];
};

static void add(struct command *command, const char *argument)
{
	if (command->count == MOST_ARGUMENTS)
		abort();
	command->arguments[command->count++] = (char *)(uintptr_t)argument;
}

static void add_number(struct command *command, int i, size_t number)
{
	snprintf(command->numbers[i], sizeof(command->numbers[i]), "%zu",
		 number);
	add(command, command->numbers[i]);
}

/* hammer -- SLOT LOCK SHARED */
static void add_self(struct command *command, int lock, bool shared)
{
	add(command, self);
	add(command, "--");
	add_number(command, 0, command->slot);
	add_number(command, 1, (size_t)lock);
	add_number(command, 2, shared);
}

/* The program and its COMMAND, which it has reaped. */
static int reap(const struct command *command, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 71;
	note_end(pid);
	note_end(atomic_exchange(&arena->slots[command->slot].command, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 71;
}

static int run(struct command *command)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int rc;

	posix_spawn_file_actions_init(&actions);
	if (command->is_quiet)
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
						 "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, command->arguments[0], &actions, NULL,
			  command->arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return rc == ENOENT ? NOT_FOUND : 71;
	note_process(pid, process_of(command->slot));
	note_use(pid, atomic_load(&arena->slots[command->slot].uses));
	return reap(command, pid);
}

static void run_lf_acquire(struct user *user, int lock)
{
	static const char *const ways[] = { "-n", "-w", "-w" };
	static const char *const more[] = { "-q", "-k", "-o", "-F" };
	bool shared = lock != PIDS && one_of(user, 3) == 0;
	bool is_bounded = one_of(user, 4) == 0;
	struct command command = { user->slot, .is_quiet = is_bounded };
	int status;

	add(&command, "lf-acquire");
	add(&command, "-q");
	add(&command, is_bounded ? "-t0.03" : ways[one_of(user, 3)]);
	if (lock == PIDS)
		add(&command, "-p");
	else if (lock == FLOCKS)
		add(&command, "--flock");
	else
		add(&command, more[one_of(user, 4)]);
	if (shared)
		add(&command, "-s");
	if (lock == FIRST) {
		add(&command, "-a");
		add(&command, paths[SECOND]);
	}
	add(&command, paths[lock]);
	add_self(&command, lock, shared);
	status = run(&command);
	if (status == 0)
		happens(BY_LF_ACQUIRE);
	else if (status == HELD)
		happens(REFUSED);
	else
		wrong("lf-acquire %s %s: status %d", command.arguments[2],
		      paths[lock], status);
}

/* Which may be missing: the row says so.  Status 1 is that of -n. */
static void run_flock(struct user *user)
{
	bool shared = one_of(user, 3) == 0;
	struct command command = { user->slot, .is_quiet = false };
	int status;

	add(&command, "flock");
	add(&command, shared ? "-s" : "-x");
	if (one_of(user, 2))
		add(&command, "-n");
	add(&command, paths[FLOCKS]);
	add_self(&command, FLOCKS, shared);
	status = run(&command);
	if (status == 0)
		happens(BY_FLOCK_PROGRAM);
	else if (status == NOT_FOUND)
		atomic_store(&arena->has_no_flock, true);
	else if (status != 1)
		wrong("flock: status %d", status);
}

static unsigned files_of(int lock)
{
	return lock == FIRST ? 1u << FIRST | 1u << SECOND : 1u << lock;
}

static void *run_again_and_again(void *argument)
{
	static const int locks[] = { PLAIN, PIDS, FIRST, FLOCKS };
	struct user *user = argument;

	while (!atomic_load(&arena->over)) {
		int lock = locks[one_of(user, 4)];

		use(user->slot, files_of(lock));
		if (lock == FLOCKS && one_of(user, 2))
			run_flock(user);
		else
			run_lf_acquire(user, lock);
		use(user->slot, 0);
	}
	return NULL;
}

void use_programs(int process)
{
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0)
		abort();
	self[length] = '\0';
	run_threads(process, run_again_and_again, run_again_and_again);
}

/* What they run: the memory is at a descriptor of the first process. */
int hold_for_program(char *const *arguments)
{
	size_t slot = strtoul(arguments[0], NULL, 10);
	int lock = atoi(arguments[1]);

	arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_SHARED,
		     ARENA_FD, 0);
	if (arena == MAP_FAILED || slot >= SLOTS || lock >= LOCKS)
		return 71;
	note_process(getpid(), process_of(slot));
	note_use(getpid(), files_of(lock));
	atomic_store(&arena->slots[slot].command, getpid());
	paths[lock] = "a file that a program locked";
	hold(slot, lock, *arguments[2] == '1', SLOTS);
	for (int i = 0; i < 3; i++)
		sched_yield();
	stop_holding(slot);
	return 0;
}
