/* SPDX-License-Identifier: 0BSD */
/*
 * hammer SECONDS [LF-CHECK]
 *
 * 64 processes with 4 threads each lock a few files in every way for some time:
 * waiting or not, for a time, shared, converting, keeping the file or not, several
 * at once, with the PID in the file, through the working directory, and by children
 * that adopt the lock, or inherit it and end before their parent or after it.  In
 * some, one thread uses the original's algorithm, and the others other files; some
 * are users of flock(2), or run lf-acquire and flock(1).  Some are killed, or
 * stopped and continued; two directories exchange their names; lf_inspect(), and
 * LF-CHECK if it is given, are asked for the holders.
 *
 * Shared memory shows whether two hold a lock at a time, and whether each PID that
 * is reported is that of a holder: this is proved if one process held the lock from
 * the question to the answer; else the PID is one that used it meanwhile.  Each thing
 * happens at least once, and once a minute on average, and nobody waits in vain.  In the
 * end each lock is free, and the files are gone.  Prints what is wrong, and a line
 * for the table of tests/trust/run.
 */
#include "config.h"

#include "hammer.h"
#include "lockfile-fcntl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST_PRINTED 20

/* Nobody got some file for so many seconds, or something did not happen in so many
   more seconds: a failure, or a machine that is too slow for a short run. */
#define HANGS_AFTER 120

enum { CHECKERS = 2 };

struct arena *arena;
const char *paths[LOCKS];
static const char *const names[LOCKS] = {
	"plain", "pids", "one", "two", "first", "second", "flocks",
};
static const char *const kinds[KINDS] = {
	[EXCLUSIVE] = "exclusive",
	[SHARING] = "shared",
	[HERE] = "in the working directory",
	[STARTED] = "finished in the background",
	[TOGETHER] = "two at once",
	[REFUSED] = "refused",
	[LATE] = "timed out",
	[GIVEN_UP] = "given up",
	[TO_SHARED] = "made shared",
	[TO_EXCLUSIVE] = "made exclusive",
	[ADOPTED] = "adopted",
	[INHERITED] = "inherited",
	[OUTLIVED] = "inherited and outlived",
	[BY_ORIGINAL] = "by the original",
	[BY_FLOCK] = "by flock(2)",
	[BY_LF_ACQUIRE] = "by lf-acquire",
	[BY_FLOCK_PROGRAM] = "by flock(1)",
	[KILLED] = "killed",
	[STOPPED] = "stopped",
	[EXCHANGED] = "exchanged",
	[NAMED] = "PIDs of lf_inspect()",
	[NAMED_PROVED] = "of lf_inspect() proved",
	[ASKED] = "questions of lf-check",
	[PRINTED] = "PIDs of lf-check",
	[PRINTED_PROVED] = "of lf-check proved",
};
static pid_t users[PROCESSES], helpers[CHECKERS + 1];
static char top[PATH_MAX];

void wrong(const char *format, ...)
{
	va_list more;
	char text[512];
	int length;

	if (atomic_fetch_add(&arena->wrong, 1) >= MOST_PRINTED)
		return;
	va_start(more, format);
	length = vsnprintf(text, sizeof(text) - 1, format, more);
	va_end(more);
	if (length < 0)
		return;
	if ((size_t)length > sizeof(text) - 2)
		length = sizeof(text) - 2;
	text[length++] = '\n';
	(void)!write(STDOUT_FILENO, text, (size_t)length);
}

static void give_up(const char *what)
{
	perror(what);
	exit(99);
}

static void sleep_ms(int ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static long seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* --- Files */

static const char *directory_of(int lock)
{
	static char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", top, names[lock]);
	return path;
}

static void make_directories(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_MAX + 64];

	snprintf(top, sizeof(top), "%s/lf-hammer.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(top))
		give_up(top);
	for (int i = 0; i < LOCKS; i++) {
		if (mkdir(directory_of(i), 0777) < 0)
			give_up(directory_of(i));
		arena->directories[i] =
			open(directory_of(i), O_PATH | O_CLOEXEC);
		snprintf(path, sizeof(path), "%s/lock", directory_of(i));
		paths[i] = strdup(path);
	}
}

static unsigned flags_of(int lock)
{
	if (lock == FLOCKS)
		return LF_FLOCK;
	return lock == PIDS ? LF_PID : 0;
}

/* Each is free, and gone after one more holder: some were killed. */
static void check_files(void)
{
	struct lf_lock *lock;

	for (int i = 0; i < LOCKS; i++) {
		int rc = lf_check(paths[i], NULL);

		if (rc != 0)
			wrong("%s: lf_check in the end: %d", paths[i], rc);
		rc = lf_acquire(&lock, paths[i], 0, flags_of(i));
		if (rc == 0)
			rc = lf_release(&lock);
		if (rc != 0)
			wrong("%s: in the end: %d", paths[i], rc);
		if (i == FLOCKS)
			unlink(paths[i]);
		if (rmdir(directory_of(i)) < 0)
			wrong("%s: left files beside it", paths[i]);
	}
	rmdir(top);
}

/* --- Processes */

static const char *lf_check_program;

static void check(int unused)
{
	(void)unused;
	check_reports(lf_check_program);
}

/* A group of its own, with the children that adopt locks. */
static pid_t start(void (*body)(int), int number)
{
	pid_t pid = fork();

	if (pid != 0) {
		if (pid < 0)
			give_up("fork");
		setpgid(pid, pid);
		return pid;
	}
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	/* Those that ask must get a share of the processors. */
	if (body != check && nice(10) < 0)
		errno = 0;
	body(number);
	_exit(0);
}

static void use_in_some_way(int number)
{
	atomic_store(&arena->groups[number], getpid());
	note_process(getpid(), number);
	if (number % 8 == 7)
		use_as_the_original(number);
	else if (number % 16 == 6)
		use_flock(number);
	else if (number % 16 == 14)
		use_programs(number);
	else
		use_locks(number);
}

static void start_user(int number)
{
	users[number] = start(use_in_some_way, number);
}

static void exchange_names(int unused)
{
	char one[PATH_MAX + 32], two[PATH_MAX + 32];
	unsigned seed = 1;

	(void)unused;
	snprintf(one, sizeof(one), "%s/%s", top, names[ONE]);
	snprintf(two, sizeof(two), "%s/%s", top, names[TWO]);
	while (!atomic_load(&arena->over)) {
		/* RENAME_EXCHANGE; musl 1.2.3 has no function for it. */
		if (syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, two, 2) == 0)
			happens(EXCHANGED);
		else if (errno == EINVAL || errno == ENOSYS)
			atomic_store(&arena->cannot_exchange, true);
		sleep_ms(rand_r(&seed) % 4);
	}
}

static void reset(int number)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &arena->slots[i];

		if (process_of(i) != number)
			continue;
		atomic_fetch_add(&slot->changes, 1);
		atomic_store(&slot->holds, 0);
		atomic_store(&slot->uses, 0);
		atomic_store(&slot->pid, 0);
		atomic_store(&slot->command, 0);
	}
}

/* Its children too, or they go on for a while: some wait in a long queue. */
static void kill_one(int number)
{
	pid_t pid = users[number];

	atomic_store(&arena->is_dying[number], true);
	kill(pid, SIGKILL);
	if (rand() % 2)
		sleep_ms(rand() % 50);
	kill(-pid, SIGKILL);
	while (waitpid(-pid, NULL, 0) > 0 || errno == EINTR)
		;
	reset(number);
	atomic_fetch_add(&arena->kills[number], 1);
	atomic_store(&arena->is_dying[number], false);
	happens(KILLED);
	start_user(number);
}

/* A user that ended by itself would look like a holder until it is reaped. */
static void check_users(void)
{
	for (int i = 0; i < PROCESSES; i++) {
		siginfo_t end = { .si_pid = 0 };

		if (waitid(P_PID, (id_t)users[i], &end,
			   WEXITED | WNOHANG | WNOWAIT) < 0 || end.si_pid == 0)
			continue;
		wrong("PID %d ended by itself: %s %d", (int)users[i],
		      end.si_code == CLD_EXITED ? "status" : "signal",
		      end.si_status);
		kill_one(i);
	}
}

static void stop_one(int number)
{
	kill(users[number], SIGSTOP);
	sleep_ms(rand() % 20);
	kill(users[number], SIGCONT);
	happens(STOPPED);
}

/* Once in a while: the file that nobody got for long, or LOCKS. */
static int find_stalled(void)
{
	static unsigned before[LOCKS];
	static long since[LOCKS];
	long now = seconds_now();

	for (int i = 0; i < LOCKS; i++) {
		unsigned acquired = atomic_load(&arena->acquired[i]);

		if (acquired != before[i] || since[i] == 0) {
			before[i] = acquired;
			since[i] = now;
		}
		if (now - since[i] >= HANGS_AFTER)
			return i;
	}
	return LOCKS;
}

static unsigned count_of(enum kind kind)
{
	return atomic_load(&arena->happened[kind]);
}

/* Whether each thing has happened in proportion to the time; the first WHAT that
   has not. */
static bool have_all_happened(int seconds, const char **what)
{
	for (int i = 0; i < KINDS; i++) {
		/* In a short run one of both will do. */
		if (seconds < 60 && (i == NAMED_PROVED || i == PRINTED_PROVED))
			continue;
		if ((i == BY_FLOCK_PROGRAM && atomic_load(&arena->has_no_flock)) ||
		    (i == EXCHANGED && atomic_load(&arena->cannot_exchange)) ||
		    (i >= ASKED && !lf_check_program))
			continue;
		*what = kinds[i];
		if (count_of((enum kind)i) < 1 + (unsigned)seconds / 60)
			return false;
	}
	*what = "PIDs proved";
	return count_of(NAMED_PROVED) + count_of(PRINTED_PROVED) > 0;
}

/* A short run on a machine that is too slow for all shows no fault. */
static void print_seldom(int seconds, const char *what)
{
	if (seconds < 60)
		printf("# too seldom in %d s: %s\n", seconds + HANGS_AFTER, what);
	else
		wrong("too seldom in %d s: %s", seconds + HANGS_AFTER, what);
}

/* Longer on a machine where some things take long. */
static void disturb(int seconds)
{
	long end = seconds_now() + seconds;
	const char *what = NULL;

	while (seconds_now() < end || !have_all_happened(seconds, &what)) {
		int number = rand() % PROCESSES, stalled = find_stalled();

		check_users();
		if (rand() % 2)
			kill_one(number);
		else
			stop_one(number);
		sleep_ms(rand() % 20);
		if (stalled < LOCKS) {
			wrong("%s: nobody got it for %d s", paths[stalled],
			      HANGS_AFTER);
			return;
		}
		if (seconds_now() >= end + HANGS_AFTER &&
		    !have_all_happened(seconds, &what)) {
			print_seldom(seconds, what);
			return;
		}
	}
}

/* Nobody is stuck at a file when they end. */
static void await_each_file(void)
{
	unsigned before[LOCKS];
	long end = seconds_now() + HANGS_AFTER;

	for (int i = 0; i < LOCKS; i++)
		before[i] = atomic_load(&arena->acquired[i]);
	for (int i = 0; i < LOCKS; i++) {
		while (atomic_load(&arena->acquired[i]) == before[i] &&
		       seconds_now() < end)
			sleep_ms(5);
		if (atomic_load(&arena->acquired[i]) == before[i])
			wrong("%s: nobody gets it any more", paths[i]);
	}
}

/*
 * "Unknown" is an answer where locks come and go all the time, but a rare one.  Of ten
 * questions on a machine that is too busy for more, each may have it.
 */
static void check_answers(void)
{
	unsigned asked = count_of(ASKED), unanswered = count_of(UNANSWERED);
	unsigned named = count_of(NAMED) + count_of(PRINTED);
	unsigned unclear = atomic_load(&arena->unclear);

	if (unanswered > 10 + asked / 10)
		wrong("lf-check has no answer %u of %u times", unanswered, asked);
	if (unclear > 3 + named / 100)
		wrong("nothing is known of %u of %u PIDs", unclear, named);
}

/* The locks, and where those threads are that wait for none. */
static void print_what_hangs(void)
{
	char command[256];

	(void)!system("sed 's/  */ /g' /proc/locks");
	for (int i = 0; i < PROCESSES; i++) {
		snprintf(command, sizeof(command),
			 "for t in $(pgrep -w -g %d); do"
			 " grep -qs lock /proc/$t/wchan ||"
			 " echo $t of $(grep -s '^Tgid\\|^PPid' /proc/$t/status)"
			 " $(cat /proc/$t/wchan /proc/$t/syscall); done",
			 (int)users[i]);
		(void)!system(command);
	}
}

/* Everybody ends, or something hangs. */
static void end_all(void)
{
	long end = seconds_now() + HANGS_AFTER;
	int status;
	pid_t pid;

	atomic_store(&arena->over, true);
	while ((pid = waitpid(-1, &status, WNOHANG)) >= 0) {
		if (pid > 0 && status != 0)
			wrong("PID %d: status %x", pid, (unsigned)status);
		if (pid == 0)
			sleep_ms(5);
		if (seconds_now() < end)
			continue;
		wrong("some processes do not end");
		print_what_hangs();
		for (int i = 0; i < PROCESSES; i++)
			kill(-users[i], SIGKILL);
		for (int i = 0; i < CHECKERS + 1; i++)
			kill(-helpers[i], SIGKILL);
		end = LONG_MAX;
	}
}

static void print_results(int seconds)
{
	unsigned acquired = 0;

	for (int i = 0; i < LOCKS; i++)
		acquired += atomic_load(&arena->acquired[i]);
	printf("# %u acquired", acquired);
	for (int i = 0; i < KINDS; i++)
		printf(", %u %s", count_of((enum kind)i), kinds[i]);
	printf(", %u times no answer, %u PIDs unclear\n", count_of(UNANSWERED),
	       atomic_load(&arena->unclear));
	printf("row|everything at once, %d s, %u PIDs, %u proved%s%s|%u|%u\n",
	       seconds, count_of(NAMED) + count_of(PRINTED),
	       count_of(NAMED_PROVED) + count_of(PRINTED_PROVED),
	       atomic_load(&arena->has_no_flock) ? ", no flock(1)" : "",
	       atomic_load(&arena->cannot_exchange) ? ", no exchange" : "",
	       acquired, atomic_load(&arena->wrong));
}

static void make_arena(void)
{
	int fd = memfd_create("arena", 0);

	if (fd < 0 || dup2(fd, ARENA_FD) < 0 ||
	    ftruncate(ARENA_FD, sizeof(*arena)) < 0)
		give_up("memory");
	if (fd != ARENA_FD)
		close(fd);
	arena = mmap(NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_SHARED,
		     ARENA_FD, 0);
	if (arena == MAP_FAILED)
		give_up("mmap");
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 60;

	if (argc == 5 && strcmp(argv[1], "--") == 0)
		return hold_for_program(argv + 2);
	if (system("lf-acquire --version >/dev/null") != 0) {
		fputs("hammer: needs lf-acquire, in PATH\n", stderr);
		return 99;
	}
	make_arena();
	lf_check_program = argc > 2 ? argv[2] : NULL;
	setvbuf(stdout, NULL, _IONBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	make_directories();
	for (int i = 0; i < PROCESSES; i++)
		start_user(i);
	for (int i = 0; i < CHECKERS; i++)
		helpers[i] = start(check, i);
	helpers[CHECKERS] = start(exchange_names, 0);
	disturb(seconds);
	await_each_file();
	end_all();
	check_files();
	check_answers();
	print_results(seconds);
	return atomic_load(&arena->wrong) != 0;
}
