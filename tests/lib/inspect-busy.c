/* SPDX-License-Identifier: 0BSD */
/*
 * lf_inspect() beside many processes that take the lock in turns: each holder
 * that it reports has held the lock meanwhile, and no process is disturbed.
 */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"
#include "seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PLAYERS 4
#define TURNS (1 << 20)

/* The holder counts the turns, so they are in order. */
struct game {
	atomic_int turns;
	atomic_bool over;
	bool stray; /* a stray close loses the tag */
	bool linger;
	int most; /* turns, or 0 */
	pid_t holder[TURNS];
};

static void linger(int turn)
{
	struct timespec t = { 0, turn % 3 == 0 ? 50000000 : 1000000 };

	if (turn % 3 != 1)
		nanosleep(&t, NULL);
}

static int play(void *argument)
{
	struct game *game = argument;

	while (!atomic_load(&game->over)) {
		struct lf_lock *lock;
		int turn;

		demand(lf_acquire(&lock, lock_path, LF_FOREVER, 0) == 0);
		turn = atomic_load(&game->turns) + 1;
		demand(turn < TURNS);
		game->holder[turn] = getpid();
		atomic_store(&game->turns, turn);
		if (game->stray)
			close(open(lock_path, O_RDONLY | O_CLOEXEC));
		if (game->linger)
			linger(turn);
		demand(lf_release(&lock) == 0);
		if (game->most && turn >= game->most)
			return 0;
	}
	return 0;
}

/* Whether PID had one of these turns, or the one after, which had begun. */
static bool had_a_turn(struct game *game, pid_t pid, int first, int last)
{
	for (int i = 0; atomic_load(&game->turns) <= last && look_again(&i);)
		;
	for (int turn = first; turn <= last + 1; turn++)
		if (game->holder[turn] == pid)
			return true;
	return false;
}

static int look(struct game *game)
{
	int first = atomic_load(&game->turns), last, rc, flock, found = 0;
	const struct lf_entry *entry = NULL;
	struct lf_report *report;

	rc = lf_inspect(lock_path, &report);
	last = atomic_load(&game->turns);
	demand(rc == 0 || rc == 1);
	while ((entry = lf_report_next(report, entry)) != NULL) {
		pid_t pid = lf_entry_pid(entry);

		demand(lf_entry_type(entry) != LF_TYPE_FLOCK);
		if (lf_entry_waits(entry))
			continue;
		found++;
		demand(pid == 0 || had_a_turn(game, pid, first, last));
	}
	/* The lock is exclusive, and a mark of a waiter is none, or unknown. */
	demand(found == (rc > 0));
	flock = lf_report_flock(report);
	demand(flock == 0 || (flock == -EACCES && geteuid() != 0));
	demand(lf_check_any(lock_path) >= (geteuid() == 0 ? 0 : -EACCES));
	lf_report_free(report);
	return 0;
}

static int check(struct game *game)
{
	int first = atomic_load(&game->turns), last;
	pid_t pid;

	demand(lf_check(lock_path, &pid) >= 0);
	last = atomic_load(&game->turns);
	demand(pid == 0 || had_a_turn(game, pid, first, last));
	return 0;
}

static int look_often(void *argument)
{
	for (int i = 0; i < rounds(60); i++)
		demand(look(argument) == 0 && check(argument) == 0);
	return 0;
}

static int look_as_ordinary(void *argument)
{
	demand(become_ordinary());
	for (int i = 0; i < rounds(10); i++)
		demand(look(argument) == 0 && check(argument) == 0);
	return 0;
}

static void check_reported_holders(bool stray)
{
	struct game *game = shared_new(sizeof(*game));
	pid_t player[PLAYERS];

	umask(022);
	game->stray = stray;
	for (int lingers = 0; lingers < 2; lingers++) {
		game->linger = lingers;
		atomic_store(&game->over, false);
		for (int i = 0; i < PLAYERS; i++)
			player[i] = child_start(play, game);
		assert_child(look_often, game);
		assert_child(look_as_ordinary, game);
		atomic_store(&game->over, true);
		assert_all_finish(player, PLAYERS);
		assert_false(exists(lock_path));
	}
	shared_free(game, sizeof(*game));
}

TEST(a_reported_holder_has_held_the_lock_meanwhile)
{
	check_reported_holders(false);
}

TEST(a_waiter_for_a_holder_without_a_tag_is_not_reported_as_holder)
{
	needs_locks_of_descriptions();
	check_reported_holders(true);
}

/* --- Never in the way */

static int look_on_and_on(void *unused)
{
	struct lf_report *report;
	pid_t pid;

	(void)unused;
	for (;;) {
		demand(lf_inspect(lock_path, &report) >= 0);
		lf_report_free(report);
		demand(lf_check(lock_path, &pid) >= 0);
	}
}

TEST(waiters_are_not_disturbed)
{
	struct game *game = shared_new(sizeof(*game));
	pid_t looker = child_start(look_on_and_on, NULL), player[PLAYERS];

	game->most = 10000;
	for (int i = 0; i < PLAYERS; i++)
		player[i] = child_start(play, game);
	assert_all_finish(player, PLAYERS);
	assert_kill(looker);
	assert_false(exists(lock_path));
	shared_free(game, sizeof(*game));
}

TEST(a_call_that_does_not_wait_is_not_refused)
{
	pid_t looker = child_start(look_on_and_on, NULL);
	struct lf_lock *lock;

	for (int i = 0; i < 2000; i++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
		assert_int_equal(lf_release(&lock), 0);
	}
	assert_kill(looker);
	assert_false(exists(lock_path));
}

TEST(the_queue_keeps_its_order)
{
	struct queue *queue;
	pid_t looker;

	needs_locks_of_descriptions();
	queue = queue_new();
	looker = child_start(look_on_and_on, NULL);
	for (int round = 0; round < 20; round++) {
		struct lf_lock *lock;

		assert_int_equal(lf_acquire(&lock, lock_path, 0, in_order()),
				 0);
		for (int i = 0; i < 5; i++)
			queue_join(queue, LF_FOREVER, in_order());
		assert_int_equal(lf_release(&lock), 0);
		queue_end(queue);
		assert_int_equal(exists(lock_path), in_order() == LF_KEEP);
	}
	assert_kill(looker);
	queue_free(queue);
}

/* Opening a file for writing would break a lease, too. */
TEST(a_fifo_is_not_opened_and_no_file_for_writing)
{
	int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	pid_t pid = holder_new(take, NULL);
	char events[4096];

	assert_int_equal(mkfifo("fifo", 0666), 0);
	assert_true(inotify_add_watch(watch, "fifo", IN_ALL_EVENTS) > 0);
	assert_true(inotify_add_watch(watch, lock_path,
				      IN_ALL_EVENTS & ~(IN_OPEN | IN_ACCESS |
							IN_CLOSE_NOWRITE)) > 0);
	assert_string_equal(seen("fifo"), "-95");
	assert_int_equal(lf_check("fifo", NULL), -ENOTSUP);
	assert_true(sees("1; %d %s", pid, by_us()));
	assert_int_equal(lf_check(lock_path, NULL), 1);
	assert_true(read(watch, events, sizeof(events)) < 0);
	assert_int_equal(errno, EAGAIN);
	close(watch);
	assert_kill(pid);
}

int main(void)
{
	if (!shows_locks_of_processes())
		return skip_all_tests("needs to see the locks in proc(5)");
	return run_all_tests("inspect-busy");
}
