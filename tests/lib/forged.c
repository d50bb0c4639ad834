/* SPDX-License-Identifier: 0BSD */
/*
 * A PID on a lock is a claim.  A child that shares the descriptors of its parent
 * locks the file and ends, or executes another program: the lock stays with the
 * parent, and the kernel goes on to give it the PID of the child.
 */
#include "config.h"

#include "child.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- The attack, which a process that may only read the file can do */

enum range { WHOLE_FILE, FIRST_BYTE, BODY_OF_ITS_OWN };

struct attack {
	enum range range;
	bool exclusive;
	const char *victim; /* the program that the child executes, or NULL */
	bool as_ordinary;
	bool forgets_child; /* which stays a zombie */
	pid_t claimed; /* PID, of the child */
};

static int lock_part(int fd, int command, enum range range, bool exclusive)
{
	struct flock part = {
		.l_type = exclusive ? F_WRLCK : F_RDLCK,
		.l_start = range == BODY_OF_ITS_OWN,
		.l_len = range == FIRST_BYTE,
	};

	return fcntl(fd, command, &part);
}

static pid_t fork_with_shared_descriptors(void)
{
	fflush(NULL);
#ifdef __s390__
	return (pid_t)syscall(SYS_clone, 0L, (long)(CLONE_FILES | SIGCHLD), 0L,
			      0L, 0L);
#else
	return (pid_t)syscall(SYS_clone, (long)(CLONE_FILES | SIGCHLD), 0L, 0L,
			      0L, 0L);
#endif
}

static void claim(const struct attack *attack, int fd)
{
	enum range range = attack->range == BODY_OF_ITS_OWN ? FIRST_BYTE :
							      attack->range;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (lock_part(fd, F_SETLK, range, attack->exclusive) < 0)
		_exit(1);
	if (attack->victim)
		execl(attack->victim, attack->victim, "60", (char *)NULL);
	_exit(attack->victim ? 2 : 0);
}

/* Whether PID has executed a program, whose descriptors are not ours. */
static bool has_executed(pid_t pid)
{
	char name[64], text[64] = "";
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%ld/comm", (long)pid);
	file = fopen(name, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return strcmp(text, "victim\n") == 0;
}

static int wait_for_end(pid_t pid, bool forget)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | (forget ? WNOWAIT : 0));
}

static int attack_as(void *argument)
{
	struct attack *attack = argument;
	pid_t pid;
	int fd;

	demand(!attack->as_ordinary || become_ordinary());
	/* As it is for a program that was not started by root. */
	prctl(PR_SET_DUMPABLE, 1);
	fd = open(lock_path,
		  (attack->exclusive ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	demand(fd >= 0);
	demand(attack->range != BODY_OF_ITS_OWN ||
	       lock_part(fd, F_OFD_SETLK, BODY_OF_ITS_OWN, false) == 0);
	pid = fork_with_shared_descriptors();
	if (pid == 0)
		claim(attack, fd);
	attack->claimed = pid;
	if (!attack->victim)
		return wait_for_end(pid, attack->forgets_child);
	for (int i = 0; !has_executed(pid);)
		demand(look_again(&i));
	return 0;
}

static struct attack *attack_new(enum range range, const char *victim)
{
	struct attack *attack = shared_new(sizeof(*attack));

	attack->range = range;
	attack->victim = victim;
	make_file(lock_path, 0644);
	chmod(lock_path, 0644);
	return attack;
}

static void copy_sleep(const char *to, mode_t mode)
{
	char command[128];

	snprintf(command, sizeof(command), "cp \"$(command -v sleep)\" %s", to);
	assert_int_equal(system(command), 0);
	assert_int_equal(chmod(to, mode), 0);
}

static bool checks_as(pid_t pid)
{
	pid_t checked;

	return lf_check(lock_path, &checked) == 1 &&
	       (checked == 0 || checked == pid);
}

/* ---- The holder is the process whose descriptors show the lock. */

static void expect_parent(enum range range, const char *victim)
{
	const char *type = range == BODY_OF_ITS_OWN ? "ofd" : "posix";
	struct attack *attack = attack_new(range, victim);
	pid_t parent = holder_new(attack_as, attack);

	assert_true(sees("1; %d descriptor %s shared", parent, type));
	assert_true(checks_as(parent));
	if (victim)
		assert_int_equal(kill(attack->claimed, SIGKILL), 0);
	assert_true(sees("1; %d descriptor %s shared", parent, type));
	assert_true(checks_as(parent));
	assert_kill(parent);
	assert_true(sees("0"));
	shared_free(attack, sizeof(*attack));
}

TEST(a_child_that_has_ended_is_not_the_holder)
{
	needs_initial_pid_namespace();
	needs_shared_locks();
	expect_parent(WHOLE_FILE, NULL);
	expect_parent(FIRST_BYTE, NULL);
	needs_locks_of_descriptions();
	expect_parent(BODY_OF_ITS_OWN, NULL);
}

TEST(a_program_that_the_child_executed_is_not_the_holder)
{
	needs_shared_locks();
	copy_sleep("victim", 0755);
	expect_parent(WHOLE_FILE, "./victim");
	expect_parent(FIRST_BYTE, "./victim");
	needs_locks_of_descriptions();
	expect_parent(BODY_OF_ITS_OWN, "./victim");
}

/* ---- A process that got the PID of the child */

/* A process with this PID, which does nothing; -1: that is not possible. */
static pid_t start_with_pid(pid_t pid)
{
	struct clone_args arguments = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};
	pid_t child;

	fflush(NULL);
	child = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	for (;;)
		pause();
}

TEST(a_process_that_got_the_PID_is_not_the_holder)
{
	struct attack *attack;
	pid_t parent, other;

	needs_root("to start a process with a PID");
	needs_initial_pid_namespace();
	needs_shared_locks();
	attack = attack_new(WHOLE_FILE, NULL);
	parent = holder_new(attack_as, attack);
	other = start_with_pid(attack->claimed);
	if (other > 0) {
		assert_int_equal(other, attack->claimed);
		assert_true(sees("1; %d descriptor posix shared", parent));
		assert_true(checks_as(parent));
		assert_kill(other);
	}
	assert_kill(parent);
	shared_free(attack, sizeof(*attack));
	needs(other > 0, "clone3(2) with a PID");
}

/* ---- A process that cannot be examined */

struct view {
	const struct attack *attack;
	pid_t parent;
	uid_t user;
};

static int see_the_parent(void *argument)
{
	const struct view *view = argument;
	const char *type = view->attack->range == BODY_OF_ITS_OWN ? "ofd" :
								    "posix";

	demand(become_ordinary());
	demand(sees("1; %d descriptor %s shared", view->parent, type));
	demand(checks_as(view->parent));
	return 0;
}

static int see_the_word(void *argument)
{
	const struct view *view = argument;
	pid_t checked;

	demand(setgid(view->user) == 0 && setuid(view->user) == 0);
	demand(sees("1; %d lock posix shared", view->attack->claimed));
	/* It may not be ended by us, so its PID does no harm. */
	demand(kill(view->attack->claimed, 0) < 0 && errno == EPERM);
	demand(lf_check(lock_path, &checked) == 1);
	demand(checked == view->attack->claimed);
	return 0;
}

static void expect_of_others(enum range range)
{
	struct attack *attack = attack_new(range, "./victim");
	struct view view = { .attack = attack, .user = 1 };

	attack->as_ordinary = true;
	view.parent = holder_new(attack_as, attack);
	/* Root examines both, and the user its own. */
	assert_true(sees("1; %d descriptor %s shared", view.parent,
			 range == BODY_OF_ITS_OWN ? "ofd" : "posix"));
	assert_child(see_the_parent, &view);
	if (range == WHOLE_FILE)
		assert_child(see_the_word, &view);
	kill(attack->claimed, SIGKILL);
	assert_kill(view.parent);
	shared_free(attack, sizeof(*attack));
}

TEST(a_program_of_another_user_is_not_the_holder_if_the_parent_shows_the_lock)
{
	needs_root("to make a program with the rights of another user");
	needs_shared_locks();
	copy_sleep("victim", 04755);
	expect_of_others(WHOLE_FILE);
	expect_of_others(FIRST_BYTE);
	needs_locks_of_descriptions();
	expect_of_others(BODY_OF_ITS_OWN);
}

static int see_nobody(void *argument)
{
	const struct view *view = argument;
	pid_t checked;

	demand(setgid(view->user) == 0 && setuid(view->user) == 0);
	demand(sees("1; 0 unknown posix%s",
		    view->attack->exclusive ? "" : " shared"));
	demand(lf_check(lock_path, &checked) == 1);
	demand(checked == 0);
	return 0;
}

/* Neither may be examined, but everybody can see that one of them has ended. */
static void expect_nobody(bool exclusive)
{
	struct attack *attack = attack_new(WHOLE_FILE, NULL);
	struct view view;
	pid_t parent;

	attack->exclusive = exclusive;
	attack->as_ordinary = true;
	attack->forgets_child = true;
	chmod(lock_path, 0666);
	parent = holder_new(attack_as, attack);
	view = (struct view){ .attack = attack, .user = 1 };
	assert_child(see_nobody, &view);
	assert_kill(parent);
	shared_free(attack, sizeof(*attack));
}

TEST(a_zombie_of_another_user_is_not_the_holder)
{
	needs_root("to be two users");
	needs_shared_locks();
	expect_nobody(true);
	expect_nobody(false);
}

int main(void)
{
	if (!shows_locks_of_processes())
		return skip_all_tests("needs to see the locks in proc(5)");
	return run_all_tests("forged");
}
