/* SPDX-License-Identifier: 0BSD */
/*
 * terminal PROGRAM [ARGUMENT]...
 *
 * Runs PROGRAM on a new terminal, as the leader of its session.  Each line of
 * standard input is a command:
 *
 *   wait TEXT   until TEXT has been printed, after the text of the last wait
 *   type TEXT   ^C, ^M and so on are control characters
 *   hang up     close the terminal
 *   end         no more commands
 *
 * Copies the output of PROGRAM, and prints "exit N" or "signal N" when PROGRAM
 * has ended.  The status is 0, or 1 if a wait was in vain.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Seconds; only a failure takes so long. */
#define LONGEST 60

static int master = -1;
static pid_t program;
static char output[1 << 20];
static size_t filled, seen;

static void fail(const char *what, const char *detail)
{
	printf("\nterminal: %s%s\n", what, detail);
	fflush(stdout);
	if (program <= 0)
		_exit(1);
	if (master >= 0 && tcgetpgrp(master) > 1)
		kill(-tcgetpgrp(master), SIGKILL);
	kill(program, SIGKILL);
	_exit(1);
}

/*
 * As after a login: no signal is blocked or ignored, and only the terminal is
 * open.
 */
static void become_program(const char *path, char **argv)
{
	sigset_t none;
	int fd;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	fd = open(path, O_RDWR);
	if (fd < 0 || tcgetsid(fd) != getpid() || dup2(fd, 0) < 0 ||
	    dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(126);
	for (fd = 3; fd < 1024; fd++)
		close(fd);
	execvp(argv[0], argv);
	_exit(127);
}

static void start(char **argv)
{
	const char *path;

	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
	    (path = ptsname(master)) == NULL ||
	    fcntl(master, F_SETFD, FD_CLOEXEC) < 0)
		fail("cannot open a terminal: ", strerror(errno));
	program = fork();
	if (program == 0)
		become_program(path, argv);
	if (program < 0)
		fail("fork: ", strerror(errno));
}

/* Copies output, if there is any in this time; whether there was. */
static bool listen_for(int milliseconds)
{
	struct pollfd ready = { .fd = master, .events = POLLIN };
	ssize_t size;

	if (master < 0 || poll(&ready, 1, milliseconds) == 0)
		return false;
	size = read(master, output + filled, sizeof(output) - 1 - filled);
	if (size <= 0)
		return false; /* no process has the terminal open */
	fwrite(output + filled, 1, (size_t)size, stdout);
	fflush(stdout);
	filled += (size_t)size;
	return true;
}

static bool is_late(void)
{
	static time_t start;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (start == 0)
		start = now.tv_sec;
	return now.tv_sec > start + LONGEST;
}

static void wait_for_text(const char *text)
{
	char *found;

	while ((found = memmem(output + seen, filled - seen, text,
			       strlen(text))) == NULL) {
		if (!listen_for(1000) && is_late())
			fail("waited in vain for: ", text);
	}
	seen = (size_t)(found - output) + strlen(text);
}

static void type(const char *keys)
{
	for (; *keys; keys++) {
		char c = *keys;

		if (c == '^' && keys[1])
			c = *++keys & 0x1f;
		if (write(master, &c, 1) != 1)
			fail("cannot type: ", strerror(errno));
	}
}

static void hang_up(void)
{
	close(master);
	master = -1;
}

/* Executes a line; false: it was the last. */
static bool play(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (strncmp(line, "wait ", 5) == 0)
		wait_for_text(line + 5);
	else if (strncmp(line, "type ", 5) == 0)
		type(line + 5);
	else if (strcmp(line, "hang up") == 0)
		hang_up();
	else if (strcmp(line, "end") == 0)
		return false;
	else
		fail("unknown command: ", line);
	return true;
}

/* Not for the end of output: other processes may have the terminal open. */
static int wait_for_end(void)
{
	static const struct timespec moment = { 0, 10000000 };
	int status;

	while (waitpid(program, &status, WNOHANG) == 0) {
		if (is_late())
			fail("waited in vain for the end of the program", "");
		if (!listen_for(10))
			nanosleep(&moment, NULL);
	}
	while (listen_for(0))
		;
	return status;
}

int main(int argc, char **argv)
{
	char line[1024];
	int status;

	if (argc < 2)
		return 64;
	signal(SIGCHLD, SIG_DFL);
	is_late();
	start(argv + 1);
	while (fgets(line, sizeof(line), stdin) && play(line))
		;
	status = wait_for_end();
	if (WIFEXITED(status))
		printf("\nexit %d\n", WEXITSTATUS(status));
	else
		printf("\nsignal %d\n", WTERMSIG(status));
	return 0;
}
