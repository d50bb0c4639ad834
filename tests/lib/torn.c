/* SPDX-License-Identifier: 0BSD */
/*
 * The kernel's list of locks changes between two reads: no lock that is held all the
 * time is missing, and what cannot be known is an error.
 */
#include "config.h"

#include "child.h"
#include "inspect/inspect.h"
#include "seen.h"

#include "faulty.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The locks of each processor are a list, into which a process puts what it locks
 * there.  That of the last one comes last, and a new lock is put before the others.
 */
static bool run_on(size_t processor)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(processor, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static size_t first_processor, last_processor;

/* Those of this process before it has run on one of its choice. */
static bool find_processors(void)
{
	static bool found;
	cpu_set_t all;
	size_t i = 0;

	if (found)
		return true;
	found = sched_getaffinity(0, sizeof(all), &all) == 0;
	if (!found)
		return false;
	while (!CPU_ISSET(i, &all))
		i++;
	first_processor = i;
	for (; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			last_processor = i;
	return true;
}

static int held = -1, others = -1, reads_left;

static int open_new(const char *path)
{
	int fd = (openat)(AT_FDCWD, path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);

	assert_true(fd >= 0);
	return fd;
}

/* Neighbours would become one. */
static void lock_others(int from, int to)
{
	for (int i = from; i < to; i++) {
		struct flock byte = { .l_type = F_WRLCK, .l_start = 2 * i,
				      .l_len = 1 };

		assert_int_equal((fcntl)(others, F_SETLK, &byte), 0);
	}
}

static void unlock_others(int from, int to)
{
	struct flock bytes = { .l_type = F_UNLCK, .l_start = 2 * from,
			       .l_len = 2 * (to - from) };

	assert_int_equal((fcntl)(others, F_SETLK, &bytes), 0);
}

/* HELD has many others before it. */
static void begin_on(size_t processor)
{
	needs(has_flock(), "flock(2)");
	needs_proc_with_locks();
	needs(run_on(processor), "to run on a processor of its choice");
	held = open_new(lock_path);
	others = open_new("others");
	assert_int_equal((flock)(held, LOCK_EX), 0);
}

static void begin(void)
{
	needs(find_processors(), "to find out its processors");
	begin_on(last_processor);
}

static void end(void)
{
	(close)(held);
	(close)(others);
}

/*
 * Of another test: a queue that does not fit behind a part looks like the end of the
 * list, if that gets shorter just then.
 */
#define LONG 20

static bool is_a_queue_long(void)
{
	struct lf_lock_list list;
	int waiters = 0, most = 0;

	assert_int_equal(lf_list_locks(&list), 0);
	for (size_t i = 0; i < list.count; i++) {
		waiters = list.locks[i].waits ? waiters + 1 : 0;
		most = waiters > most ? waiters : most;
	}
	lf_lock_list_free(&list);
	return most > LONG;
}

/* A list says if it may lack a lock, and how many more have to lack it too. */
static struct lf_lock_list list_while(void (*change)(void), int nth)
{
	struct lf_lock_list list;

	reads_left = nth;
	faulty_before(PREAD, change);
	assert_int_equal(lf_list_locks(&list), 0);
	faulty_before(NOTHING, NULL);
	return list;
}

static bool has_held(const struct lf_lock_list *list)
{
	struct stat st;
	bool found = false;

	assert_int_equal((fstat)(held, &st), 0);
	for (size_t i = 0; i < list->count; i++)
		found |= list->locks[i].inode.number == st.st_ino &&
			 list->locks[i].kind == LF_TYPE_FLOCK;
	return found;
}

/* --- Locks go between two reads */

#define MOST_OTHERS 240

static int locked, kept;

static void unlock_before_read(void)
{
	if (--reads_left == 0)
		unlock_others(kept, locked);
}

/* Whether HELD is in a list that gets shorter before the NTH read of it. */
static bool is_listed_while_unlocking(int nth)
{
	struct lf_lock_list list;
	bool listed;

	lock_others(0, locked);
	list = list_while(unlock_before_read, nth);
	unlock_others(0, locked);
	listed = list.is_torn || has_held(&list);
	lf_lock_list_free(&list);
	return listed;
}

/* Again, if a long queue of another test looked like the end of the list. */
static bool is_missing_each_time(int nth)
{
	int times = 0;

	while (times < 3 && !is_listed_while_unlocking(nth))
		times++;
	return times == 3;
}

TEST(a_list_that_gets_shorter_hides_no_lock)
{
	int wrong = 0, lists = 0;

	begin();
	for (locked = 20; locked < MOST_OTHERS; locked += 10)
		for (int part = 0; part < 4; part++)
			for (int nth = 2; nth < 9; nth++) {
				kept = part * locked / 4;
				wrong += is_missing_each_time(nth);
				lists++;
			}
	if (wrong > 0)
		print_message("# %d of %d lists\n", wrong, lists);
	assert_int_equal(wrong, 0);
	end();
}

/* --- One lock moves between two reads, or all others do */

static int mode = LOCK_EX;

/* Then it is the first one of its processor. */
static void convert_before_read(void)
{
	if (--reads_left > 0)
		return;
	if (reads_left == 0)
		assert_int_equal((flock)(held, mode ^= LOCK_EX ^ LOCK_SH), 0);
}

/* In the same order, behind HELD. */
static void move_others_before_read(void)
{
	if (--reads_left != 0)
		return;
	assert_true(run_on(last_processor));
	unlock_others(0, MOST_OTHERS);
	lock_others(0, MOST_OTHERS);
	assert_true(run_on(first_processor));
}

static int check(void)
{
	return lf_check_any(lock_path);
}

static int inspect(void)
{
	struct lf_report *report;
	int rc;

	assert_int_equal(lf_inspect(lock_path, &report), 0);
	rc = lf_report_flock(report);
	lf_report_free(report);
	return rc;
}

static int inspect_machine(void)
{
	char *path = realpath(lock_path, NULL);
	struct lf_report **reports;
	size_t count;
	int found = 0;

	assert_in_range(lf_inspect_machine(&reports, &count), 0, 1);
	for (size_t i = 0; i < count && found == 0; i++)
		if (strcmp(lf_report_path(reports[i]), path) == 0)
			found = lf_report_flock(reports[i]);
	lf_reports_free(reports, count);
	free(path);
	return found;
}

/* The others are locked again after it, so that they are before HELD. */
static void look_while(int (*look)(void), void (*change)(void), int nth)
{
	int rc;

	reads_left = nth;
	faulty_before(PREAD, change);
	rc = look();
	faulty_before(NOTHING, NULL);
	assert_int_equal(rc, 1);
	unlock_others(0, MOST_OTHERS);
	lock_others(0, MOST_OTHERS);
}

static void look_in_each_way_while(void (*change)(void), int nth)
{
	look_while(check, change, nth);
	look_while(inspect, change, nth);
	look_while(inspect_machine, change, nth);
}

#define MOST_READS 12

TEST(a_lock_that_is_converted_is_not_missing)
{
	begin();
	for (int nth = 2; nth < MOST_READS; nth++) {
		/* Last again. */
		assert_int_equal((flock)(held, LOCK_UN), 0);
		assert_int_equal((flock)(held, mode), 0);
		lock_others(0, MOST_OTHERS);
		look_in_each_way_while(convert_before_read, nth);
		unlock_others(0, MOST_OTHERS);
	}
	end();
}

#define MOST_ROUNDS 100 /* until a list lacks it; other processes lock files, too */

/* The locks that it was behind have other numbers.  One more list would not do. */
TEST(a_list_that_lacks_a_converted_lock_says_that_locks_have_moved)
{
	int noticed = 0, nth = 2;

	begin();
	for (int i = 0; noticed == 0 && i < MOST_ROUNDS * MOST_READS; i++) {
		struct lf_lock_list list;

		assert_int_equal((flock)(held, LOCK_UN), 0);
		assert_int_equal((flock)(held, mode), 0);
		lock_others(0, MOST_OTHERS);
		list = list_while(convert_before_read, nth);
		unlock_others(0, MOST_OTHERS);
		noticed += !has_held(&list) && list.enough > 2;
		lf_lock_list_free(&list);
		nth = nth + 1 < MOST_READS ? nth + 1 : 2;
	}
	assert_true(noticed > 0);
	end();
}

TEST(locks_that_are_acquired_again_elsewhere_hide_no_other)
{
	needs(find_processors() && first_processor != last_processor,
	      "two processors");
	begin_on(first_processor);
	for (int nth = 2; nth < MOST_READS; nth++) {
		lock_others(0, MOST_OTHERS);
		look_in_each_way_while(move_others_before_read, nth);
		unlock_others(0, MOST_OTHERS);
	}
	end();
}

/* --- Nothing stays as it was read */

#define CHANGES 10

static unsigned state = 1;

/* Another number of locks each time; the generator is that of the C standard. */
static int any_number(void)
{
	state = state * 1103515245 + 12345;
	return (int)(state / 65536 % MOST_OTHERS);
}

static void change_before_read(void)
{
	unlock_others(0, MOST_OTHERS);
	lock_others(0, any_number());
}

TEST(a_list_that_changes_at_each_read_does_not_make_a_file_free)
{
	begin();
	for (int i = 0; i < CHANGES; i++) {
		struct lf_report *report;
		int rc, status;

		faulty_before(PREAD, change_before_read);
		rc = lf_check_any(lock_path);
		status = lf_inspect(lock_path, &report);
		faulty_before(NOTHING, NULL);
		assert_true(rc == 1 || rc == -EIO || is_a_queue_long());
		assert_int_equal(status, 0);
		rc = lf_report_flock(report);
		assert_true(rc == 1 || rc == -EIO || is_a_queue_long());
		lf_report_free(report);
	}
	end();
}

static int replacements;

/* All of them: no two parts have one in common. */
static void replace_before_read(void)
{
	static int from, to;

	replacements++;
	unlock_others(from, to);
	from = to;
	to += MOST_OTHERS / 2;
	lock_others(from, to);
}

/* Locks of other processes stay, and may prove that a list is whole. */
#define MOST_REPLACEMENTS 100

TEST(whether_a_file_is_free_is_unknown_if_the_list_changes_at_each_read)
{
	int unknown = 0, partial = 0;

	begin();
	assert_int_equal((flock)(held, LOCK_UN), 0);
	for (int i = 0; i < MOST_REPLACEMENTS && (unknown < 2 || partial < 2);
	     i++) {
		struct lf_report *report;
		int rc, flock, status;

		faulty_before(PREAD, replace_before_read);
		rc = lf_check_any(lock_path);
		status = lf_inspect(lock_path, &report);
		faulty_before(NOTHING, NULL);
		assert_true(rc == 0 || rc == -EIO);
		unknown += rc < 0;
		assert_int_equal(status, 0);
		flock = lf_report_flock(report);
		assert_true(flock == 0 || flock == -EIO);
		assert_true(flock == 0 || lf_report_partial(report));
		partial += flock < 0;
		lf_report_free(report);
	}
	assert_true(unknown >= 2);
	assert_true(partial >= 2);
	end();
}

/* A list that is read so often is given up. */
#define MANY_READS 100

#define MOST_TORN 8

/*
 * What BODY takes is in the first part of each list.  Of MOST_TORN looks at lists that
 * are given up, at least LEAST find what is WANTED.
 */
static void assert_mine(int (*body)(void *), int wanted, int least)
{
	int torn = 0, found = 0;
	pid_t holder;

	needs_holders_with_names();
	begin();
	needs(first_processor < last_processor, "two processors");
	assert_true(run_on(first_processor));
	holder = holder_new(body, NULL);
	assert_true(run_on(last_processor));
	for (int i = 0; i < MOST_REPLACEMENTS && torn < MOST_TORN; i++) {
		int rc;

		replacements = 0;
		faulty_before(PREAD, replace_before_read);
		rc = lf_is_mine(lock_path);
		faulty_before(NOTHING, NULL);
		assert_true(rc == 0 || rc == -ESRCH);
		torn += replacements >= MANY_READS;
		found += replacements >= MANY_READS && rc == wanted;
	}
	assert_int_equal(torn, MOST_TORN);
	assert_in_range(found, least, MOST_TORN);
	assert_kill(holder);
	end();
}

TEST(an_exclusive_lock_of_another_process_is_not_mine)
{
	assert_mine(take, 0, 1);
}

TEST(whether_i_share_a_lock_is_unknown_if_the_list_may_lack_sharers)
{
	assert_mine(share, -ESRCH, MOST_TORN - 1);
}

static int lock_parts(const struct flock *parts, int count)
{
	int fd = (openat)(AT_FDCWD, lock_path, O_CREAT | O_RDWR, 0666);

	demand(fd >= 0);
	for (int i = 0; i < count; i++)
		demand((fcntl)(fd, F_SETLK, &parts[i]) == 0);
	return 0;
}

static int lock_start(void *unused)
{
	struct flock start = { .l_type = F_WRLCK, .l_len = 9 };

	(void)unused;
	return lock_parts(&start, 1);
}

static int lock_all_but_byte_1(void *unused)
{
	struct flock parts[] = {
		{ .l_type = F_WRLCK, .l_len = 1 },
		{ .l_type = F_WRLCK, .l_start = 2 },
	};

	(void)unused;
	return lock_parts(parts, 2);
}

TEST(whether_i_hold_a_lock_is_unknown_if_the_list_may_lack_its_tag)
{
	needs_locks_of_descriptions();
	assert_mine(take_without_tag, -ESRCH, MOST_TORN - 1);
}

TEST(whether_i_hold_a_lock_is_unknown_if_the_list_may_lack_locks_of_parts)
{
	assert_mine(lock_start, -ESRCH, MOST_TORN - 1);
	assert_mine(lock_all_but_byte_1, -ESRCH, MOST_TORN - 1);
}

/* --- The same changes again and again, in step with the reads */

#define MOST_STEPS 3
#define LOOKS_IN_STEP 8

static int steps[MOST_STEPS], step_count, step;

static void step_before_read(void)
{
	unlock_others(0, MOST_OTHERS);
	lock_others(0, steps[step++ % step_count]);
}

TEST(a_list_that_changes_in_step_with_the_reads_does_not_make_a_file_free)
{
	begin();
	for (step_count = 2; step_count <= MOST_STEPS; step_count++) {
		int frees = 0;

		for (int i = 0; i < LOOKS_IN_STEP; i++) {
			for (int j = 0; j < step_count; j++)
				steps[j] = any_number();
			faulty_before(PREAD, step_before_read);
			frees += lf_check_any(lock_path) == 0;
			faulty_before(NOTHING, NULL);
		}
		if (frees > 0)
			print_message("# %d of %d looks, %d steps\n", frees,
				      LOOKS_IN_STEP, step_count);
		assert_true(frees == 0 || is_a_queue_long());
	}
	end();
}

/* --- Other processes lock and unlock */

#define MANY 400
#define LISTS 6
#define MOST_LISTS 60 /* until one is whole */
#define CHANGED 60

static int change_on_and_on(void *unused)
{
	(void)unused;
	(close)(others);
	others = (openat)(AT_FDCWD, "changed", O_CREAT | O_RDWR, 0666);
	demand(others >= 0 && run_on(first_processor));
	for (;;) {
		lock_others(0, CHANGED);
		unlock_others(0, CHANGED);
	}
}

static bool lists_each_other(const struct lf_lock_list *list)
{
	bool listed[MANY] = { false };
	struct stat st;
	int count = 0;

	assert_int_equal((fstat)(others, &st), 0);
	for (size_t i = 0; i < list->count; i++) {
		const struct lf_listed_lock *lock = &list->locks[i];

		if (lock->inode.number == st.st_ino && lock->pid == getpid())
			listed[lock->first / 2] = true;
	}
	for (int i = 0; i < MANY; i++)
		count += listed[i];
	return count == MANY;
}

TEST(each_lock_that_stays_is_listed)
{
	int lists = 0, whole = 0, wrong = 0;
	pid_t child;

	begin();
	lock_others(0, MANY);
	child = child_start(change_on_and_on, NULL);
	while (lists < LISTS || (whole == 0 && lists < MOST_LISTS)) {
		struct lf_lock_list list;

		assert_int_equal(lf_list_locks(&list), 0);
		lists++;
		whole += !list.is_torn;
		wrong += !list.is_torn && !lists_each_other(&list) &&
			 !is_a_queue_long();
		lf_lock_list_free(&list);
	}
	assert_kill(child);
	if (whole < lists)
		print_message("# %d of %d lists are whole\n", whole, lists);
	assert_int_equal(wrong, 0);
	assert_true(whole > 0);
	end();
}

/* --- Long queues: two of them, or one and many locks before it, are no part */

#define QUEUES 4
#define WAITERS 45
#define BETWEEN 20

static int wait_in_queue(void *path)
{
	struct flock all = { .l_type = F_WRLCK };
	int fd = (openat)(AT_FDCWD, path, O_RDWR | O_CLOEXEC);

	demand(fd >= 0);
	return (fcntl)(fd, F_SETLKW, &all) < 0;
}

/* With all waiters. */
static bool is_whole(void)
{
	struct lf_lock_list list;
	int count = 0;
	bool whole;

	assert_int_equal(lf_list_locks(&list), 0);
	for (size_t i = 0; i < list.count; i++)
		count += list.locks[i].waits && list.locks[i].kind == LF_TYPE_POSIX;
	whole = !list.is_torn && has_held(&list) && count >= QUEUES * WAITERS;
	lf_lock_list_free(&list);
	return whole;
}

TEST(a_list_with_long_queues_is_read_to_its_end)
{
	struct flock all = { .l_type = F_WRLCK };
	int queue[QUEUES];
	pid_t waiter[QUEUES][WAITERS];
	bool reached = false;

	begin();
	for (int i = 0; i < QUEUES; i++) {
		char path[20];

		snprintf(path, sizeof(path), "queue.%d", i);
		queue[i] = open_new(path);
		assert_int_equal((fcntl)(queue[i], F_SETLK, &all), 0);
		if (i % 2 == 0)
			lock_others(BETWEEN * i, BETWEEN * (i + 1));
		for (int j = 0; j < WAITERS; j++)
			waiter[i][j] = child_start(wait_in_queue, path);
	}
	for (int look = 0; !reached && look_again(&look);)
		reached = is_whole();
	for (int i = 0; i < QUEUES; i++) {
		for (int j = 0; j < WAITERS; j++)
			assert_kill(waiter[i][j]);
		(close)(queue[i]);
	}
	assert_true(reached);
	end();
}

/* --- Sharers that take turns, so that the file is never free */

#define RING 6
#define LOOKS 1000

static struct ring {
	int fd[2];
} ring[RING];

/* Locks, then lets the one before unlock, which lets the next lock. */
static int share_in_turns(void *number)
{
	int i = *(int *)number;
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR | O_CLOEXEC);
	char what;

	demand(fd >= 0);
	while ((read)(ring[i].fd[0], &what, 1) == 1) {
		int next = what == 'l' ? i + RING - 1 : i + 2;

		demand((flock)(fd, what == 'l' ? LOCK_SH : LOCK_UN) == 0);
		what = what == 'l' ? 'u' : 'l';
		demand(write(ring[next % RING].fd[1], &what, 1) == 1);
	}
	return 0;
}

/* Else a sharer may come before the next part, and one that was behind may go. */
static bool is_list_of_one_part(void)
{
	int fd = (openat)(AT_FDCWD, "/proc/locks", O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t length;

	assert_true(fd >= 0);
	length = (read)(fd, text, sizeof(text));
	(close)(fd);
	return length < (ssize_t)sizeof(text) / 2;
}

TEST(a_file_that_sharers_hold_in_turns_is_not_free)
{
	int frees = 0, helds = 0;
	pid_t child[RING];

	needs(has_flock(), "flock(2)");
	needs_proc_with_locks();
	make_file(lock_path, 0666);
	for (int i = 0; i < RING; i++)
		assert_int_equal((pipe)(ring[i].fd), 0);
	for (int i = 0; i < RING; i++)
		child[i] = child_start(share_in_turns, &i);
	assert_int_equal(write(ring[0].fd[1], "l", 1), 1);
	for (int look = 0; lf_check_any(lock_path) != 1 && look_again(&look);)
		;
	for (int i = 0; i < LOOKS; i++) {
		int rc = lf_check_any(lock_path);

		frees += rc == 0 && is_list_of_one_part();
		helds += rc == 1;
	}
	for (int i = 0; i < RING; i++)
		assert_kill(child[i]);
	for (int i = 0; i < RING; i++)
		for (int end = 0; end < 2; end++)
			(close)(ring[i].fd[end]);
	assert_int_equal(frees, 0);
	assert_true(helds > 0);
}

/* --- Locks that look alike */

#define SHARERS 300

TEST(locks_that_look_alike_are_all_listed)
{
	struct flock body = { .l_type = F_RDLCK, .l_start = 1 };
	int fds[SHARERS];
	bool reached = false;
	struct stat st;

	begin();
	needs_locks_of_descriptions();
	for (int i = 0; i < SHARERS; i++) {
		fds[i] = open_new("shared");
		assert_int_equal((fcntl)(fds[i], F_OFD_SETLK, &body), 0);
	}
	assert_int_equal((fstat)(fds[0], &st), 0);
	for (int look = 0; !reached && look_again(&look);) {
		struct lf_lock_list list;
		int count = 0;

		assert_int_equal(lf_list_locks(&list), 0);
		for (size_t i = 0; i < list.count; i++)
			count += list.locks[i].inode.number == st.st_ino;
		reached = !list.is_torn && count == SHARERS;
		lf_lock_list_free(&list);
	}
	for (int i = 0; i < SHARERS; i++)
		(close)(fds[i]);
	assert_true(reached);
	end();
}

#define ALIKE 120

/* Behind two of them is one of a file of its own. */
static int open_one_of_three(int i)
{
	char name[20];

	snprintf(name, sizeof(name), "own.%d", i);
	return open_new(i % 3 == 0 ? name : "shared");
}

TEST(locks_that_look_alike_hide_no_other)
{
	int fds[ALIKE], hidden = 0;
	char name[20];

	begin();
	for (int i = 0; i < ALIKE; i++) {
		fds[i] = open_one_of_three(i);
		assert_int_equal((flock)(fds[i], i % 3 ? LOCK_SH : LOCK_EX), 0);
	}
	for (int i = 0; i < ALIKE; i += 3) {
		snprintf(name, sizeof(name), "own.%d", i);
		hidden += lf_check_any(name) == 0;
	}
	for (int i = 0; i < ALIKE; i++)
		(close)(fds[i]);
	assert_true(hidden == 0 || is_a_queue_long());
	end();
}

/* --- The name that a file has in the list */

TEST(a_file_whose_name_in_the_list_is_unknown_is_not_free)
{
	bool failed = true;

	begin();
	assert_int_equal((flock)(held, LOCK_UN), 0);
	assert_int_equal(lf_check_any(lock_path), 0);
	for (int nth = 1; failed; nth++) {
		int rc;

		faulty_set(OPENAT, nth, false, EACCES);
		rc = lf_check_any(lock_path);
		failed = faulty_clear() > 0;
		assert_true(failed ? rc < 0 : rc == 0);
	}
	end();
}

/* A sharer without a PID may be another one. */
TEST(a_lock_that_is_repeated_is_picked_once_with_its_waiters)
{
	const struct lf_inode file = { .number = 7 };
	struct lf_listed_lock locks[] = {
		{ .type = F_WRLCK, .pid = 2, .inode = file },
		{ .type = F_WRLCK, .pid = 3, .inode = file, .waits = true },
		{ .type = F_RDLCK, .inode = file },
		{ .type = F_WRLCK, .pid = 2, .inode = file },
		{ .type = F_WRLCK, .pid = 3, .inode = file, .waits = true },
		{ .type = F_RDLCK, .inode = file },
	};
	const struct lf_listed_lock *sorted[6];
	struct lf_listing listing = { .list = { .count = 6 }, .sorted = sorted };
	struct lf_view view = { .inode = file };

	for (size_t i = 0; i < 6; i++) {
		locks[i].kind = i % 3 < 2 ? LF_TYPE_POSIX : LF_TYPE_OFDLCK;
		sorted[i] = &locks[i];
	}
	assert_int_equal(lf_view_pick(&view, &listing), 0);
	assert_int_equal(view.lock_count, 4);
	assert_true(view.locks[1].waits);
	assert_false(view.locks[3].waits);
	lf_view_clear(&view);
}
