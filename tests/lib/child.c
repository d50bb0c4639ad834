/* SPDX-License-Identifier: 0BSD */
#include "config.h"

#include "child.h"

#include "lockfile-fcntl.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

/* Nothing may outlive a test that failed, or hang for ever. */
static void end_in_time(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LONGEST);
}

pid_t child_start(int (*body)(void *), void *argument)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int status;

		end_in_time();
		status = body(argument);
		fflush(NULL);
		_exit(status);
	}
	return pid;
}

static int result_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int child_finish(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? result_of(status) : -1000;
}

int child_run(int (*body)(void *), void *argument)
{
	return child_finish(child_start(body, argument));
}

int child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return child_finish(pid);
}

int child_interrupt(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		kill(pid, SIGUSR1);
		sched_yield();
	}
	return result_of(status);
}

int child_answer(int (*body)(void *), void *answer, size_t size)
{
	void *copy = shared_new(size);
	int status;

	memcpy(copy, answer, size);
	status = child_run(body, copy);
	memcpy(answer, copy, size);
	shared_free(copy, size);
	return status;
}

static int try_with(const char *path, unsigned flags)
{
	struct lf_lock *lock;
	int rc = lf_acquire(&lock, path, 0, flags | LF_KEEP);

	if (rc == 0)
		lf_release(&lock);
	return -rc;
}

int try_lock(void *path)
{
	return try_with(path, 0);
}

int try_to_share(void *path)
{
	return try_with(path, LF_SHARED);
}

bool become_user(uid_t user)
{
	if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(user) < 0)
		return false;
	end_in_time(); /* setuid undoes it */
	return true;
}

bool become_ordinary(void)
{
	return geteuid() != 0 || become_user(65534);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return done;
}

bool own_mounts(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char users[64], groups[64];

	if (unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) < 0)
		return false;
	snprintf(users, sizeof(users), "0 %lu 1", (unsigned long)uid);
	snprintf(groups, sizeof(groups), "0 %lu 1", (unsigned long)gid);
	/* Without a group no file can be made. */
	if (uid != 0 && (!write_file("/proc/self/uid_map", users) ||
			 !write_file("/proc/self/setgroups", "deny") ||
			 !write_file("/proc/self/gid_map", groups)))
		return false;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void do_nothing(int signal)
{
	(void)signal;
}

void interrupt_on(int signal, int flags)
{
	struct sigaction action = { .sa_handler = do_nothing,
				    .sa_flags = flags };

	sigaction(signal, &action, NULL);
}

void interrupt_often(void)
{
	struct itimerval often = { { 0, 300 }, { 0, 300 } };

	interrupt_on(SIGALRM, 0);
	setitimer(ITIMER_REAL, &often, NULL);
}

struct gate gate_new(void)
{
	struct gate gate;

	if (pipe(gate.fd) < 0)
		abort();
	return gate;
}

void gate_open(struct gate gate)
{
	if (write(gate.fd[1], "", 1) != 1)
		abort();
}

void gate_pass(struct gate gate)
{
	char byte;

	if (read(gate.fd[0], &byte, 1) != 1)
		abort();
}

void gate_free(struct gate gate)
{
	close(gate.fd[0]);
	close(gate.fd[1]);
}

void *shared_new(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

void shared_free(void *memory, size_t size)
{
	munmap(memory, size);
}
