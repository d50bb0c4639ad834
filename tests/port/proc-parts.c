/* SPDX-License-Identifier: 0BSD */
/*
 * The text of a list of locks as Linux shows it, of lists that the test makes up: the
 * same ones each time.  seq_read_iter() and traverse() of fs/seq_file.c say how a read
 * is answered: what is left of the last record, then as many as fit into a buffer,
 * which doubles for one that does not.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

static int seq_open(const char *path, int flags);
static int seq_close(int fd);
static ssize_t seq_pread(int fd, void *to, size_t size, off_t offset);

#define open seq_open
#define close seq_close
#define pread seq_pread
#define lf_proc_read_locks test_proc_read_locks

#include "config.h"

#include "port/proc-parts.c"

#undef open
#undef close
#undef pread

#include "lib/harness.h"

#include <stdio.h>

/* ---- The list: that of one processor, and that of another one behind it */

#define MOST_LOCKS 1000
#define LINE 100

struct lock {
	int id;
	int waiters;
	bool stays; /* until the end of the test */
	bool is_alike; /* without a PID, on a file that others share too */
	bool is_hidden; /* of a process of another PID namespace */
	bool is_twin; /* as a file server has for its clients */
};

static struct lock locks[MOST_LOCKS];
static size_t count, first_count; /* of both, and of the first one */
static struct lock gone; /* the last one; it may come again */
static int last_id;

/* The generator is that of the C standard. */
static unsigned state;

static unsigned any_below(unsigned limit)
{
	state = state * 1103515245 + 12345;
	return state / 65536 % limit;
}

/* What all locks of a list have in common. */
static struct {
	unsigned queued, alike; /* so many of a hundred */
	bool has_pids; /* those that are alike */
	unsigned longest; /* queue */
	unsigned changes; /* of the list, at most, at a time */
	unsigned moments; /* between them; 0: it never changes */
} kind;

static struct lock new_lock(bool stays)
{
	return (struct lock){
		.id = ++last_id,
		.waiters = any_below(100) < kind.queued ?
				   (int)any_below(kind.longest) :
				   0,
		.stays = stays,
		.is_alike = !stays && any_below(100) < kind.alike,
	};
}

static void insert(size_t at, bool stays)
{
	memmove(&locks[at + 1], &locks[at], (count - at) * sizeof(*locks));
	locks[at] = new_lock(stays);
	count++;
}

static void drop(size_t at)
{
	gone = locks[at];
	count--;
	memmove(&locks[at], &locks[at + 1], (count - at) * sizeof(*locks));
}

/* A new lock is the first one of its processor. */
static void lock_or_unlock(void)
{
	bool is_of_first = any_below(2) == 0;

	if (any_below(4) == 0 && count > 0) {
		struct lock *lock = &locks[any_below((unsigned)count)];

		if (lock->waiters > 0)
			lock->waiters += any_below(2) == 0 ? 1 : -1;
	} else if (any_below(2) == 0 && count < MOST_LOCKS) {
		insert(is_of_first ? 0 : first_count, false);
		if (any_below(3) == 0 && gone.id > 0)
			locks[is_of_first ? 0 : first_count] = gone;
		gone.id = 0;
		first_count += is_of_first;
	} else if (count > 0) {
		size_t at = any_below((unsigned)count);

		if (locks[at].stays)
			return;
		drop(at);
		first_count -= at < first_count;
	}
}

static void fill_list(unsigned size, unsigned staying)
{
	count = first_count = 0;
	last_id = gone.id = 0;
	while (count < size)
		insert(0, any_below(100) < staying);
	if (count > 0)
		first_count = any_below((unsigned)count);
}

static void make_list(unsigned seed, unsigned between)
{
	static const unsigned queued[] = { 0, 2, 10, 40 };
	static const unsigned longest[] = { 20, 60, 200, 1200 };
	static const unsigned alike[] = { 0, 10, 90 };
	static const unsigned sizes[] = { 25, 60, 400, 400 };
	unsigned size, staying;

	state = seed;
	size = any_below(sizes[any_below(4)]);
	staying = 1 + any_below(60);
	kind.queued = queued[any_below(4)];
	kind.longest = longest[any_below(4)];
	kind.alike = alike[any_below(3)];
	kind.has_pids = any_below(2) == 0;
	kind.changes = 6;
	kind.moments = between;
	fill_list(size, staying);
}

/* ---- The kernel */

static struct seq {
	bool is_open;
	size_t next; /* lock */
	char *buffer;
	size_t size, from, count; /* of the buffer: what is left of a record */
	off_t position;
} seqs[2];

static unsigned reads;
static unsigned moments; /* at which the list may have changed */

/* With STEPS, a new list at each read: this many locks before the one that stays. */
#define MOST_STEPS 3
static struct {
	unsigned before[MOST_STEPS], behind;
	unsigned count, next; /* steps */
} steps;

static void step(void)
{
	unsigned before = steps.before[steps.next++ % steps.count];

	for (count = 0; count <= before + steps.behind; count++)
		locks[count] = (struct lock){
			.id = count == before ? MOST_LOCKS :
			      count < before  ? (int)(before - count) :
						(int)count - (int)before + MOST_LOCKS,
			.stays = count >= before,
		};
}

static size_t print_line(char *line, size_t size, size_t at, int waiter)
{
	const struct lock *lock = &locks[at];
	const char *arrow = waiter > 0 ? "-> " : "";

	if (lock->is_twin && waiter == 0)
		return (size_t)snprintf(line, size,
					"%zu: POSIX  ADVISORY  READ 777 "
					"fe:00:8 0 EOF\n",
					at + 1);
	if (lock->is_alike && waiter == 0)
		return (size_t)snprintf(line, size,
					"%zu: %s ADVISORY  READ %d "
					"fe:00:7 0 EOF\n",
					at + 1, kind.has_pids ? "FLOCK " : "OFDLCK",
					kind.has_pids ? 777 : -1);
	return (size_t)snprintf(line, size,
				"%zu: %sFLOCK  ADVISORY  WRITE %d fe:00:%d "
				"0 EOF\n",
				at + 1, arrow, 10000 + lock->id + waiter,
				100 + lock->id);
}

/* What was printed of each place in the list, which is mostly asked for again. */
static struct printed {
	struct lock lock;
	bool has_pids;
	size_t length;
	char *text;
} printed[MOST_LOCKS];

static bool looks_like(const struct printed *it, const struct lock *lock)
{
	return it->text && it->lock.id == lock->id &&
	       it->lock.waiters == lock->waiters &&
	       it->lock.is_alike == lock->is_alike &&
	       it->lock.is_twin == lock->is_twin &&
	       it->has_pids == kind.has_pids;
}

static const struct printed *text_of(size_t at)
{
	struct printed *it = &printed[at];

	if (looks_like(it, &locks[at]))
		return it;
	it->lock = locks[at];
	it->has_pids = kind.has_pids;
	it->length = 0;
	it->text = realloc(it->text, (size_t)(locks[at].waiters + 1) * LINE);
	assert_non_null(it->text);
	for (int i = 0; i <= locks[at].waiters; i++)
		it->length += print_line(it->text + it->length, LINE, at, i);
	return it;
}

/* The length, or 0: it does not fit. */
static size_t print_lock(char *to, size_t size, size_t at)
{
	const struct printed *text = text_of(at);

	if (text->length >= size)
		return 0;
	memcpy(to, text->text, text->length);
	return text->length;
}

static int seq_open(const char *path, int flags)
{
	int fd = seqs[0].is_open;

	(void)path;
	(void)flags;
	assert_false(seqs[fd].is_open);
	seqs[fd] = (struct seq){ .is_open = true, .size = PAGE,
				 .buffer = malloc(PAGE) };
	return fd;
}

static int seq_close(int fd)
{
	free(seqs[fd].buffer);
	seqs[fd].is_open = false;
	return 0;
}

static void grow(struct seq *seq)
{
	seq->size *= 2;
	seq->buffer = realloc(seq->buffer, seq->size);
}

static bool is_last_new; /* each time */

static void change(void)
{
	if (is_last_new)
		locks[count - 1].id = ++last_id;
	else if (steps.count > 0)
		step();
	else if (kind.moments > 0 && ++moments % kind.moments == 0)
		for (unsigned i = any_below(kind.changes) + 1; i > 0; i--)
			lock_or_unlock();
}

static void traverse(struct seq *seq, off_t offset)
{
	off_t at = 0;

	change();
	seq->position = offset;
	for (seq->next = seq->count = 0; at < offset && seq->next < count;) {
		if (locks[seq->next].is_hidden) {
			seq->next++;
			continue;
		}
		seq->count = print_lock(seq->buffer, seq->size, seq->next);
		if (seq->count == 0) {
			grow(seq);
			continue;
		}
		seq->next++;
		at += (off_t)seq->count;
		seq->from = seq->count;
		seq->count = at > offset ? (size_t)(at - offset) : 0;
		seq->from -= seq->count;
	}
}

static size_t give(struct seq *seq, char *to, size_t size)
{
	size_t length = seq->count < size ? seq->count : size;

	memcpy(to, seq->buffer + seq->from, length);
	seq->from += length;
	seq->count -= length;
	return length;
}

static void skip_hidden(struct seq *seq)
{
	while (seq->next < count && locks[seq->next].is_hidden)
		seq->next++;
}

static void fill(struct seq *seq, size_t size)
{
	size_t more;

	seq->from = 0;
	skip_hidden(seq);
	if (seq->next == count)
		return;
	while ((seq->count = print_lock(seq->buffer, seq->size, seq->next)) == 0)
		grow(seq);
	seq->next++;
	for (skip_hidden(seq); seq->next < count && seq->count < size;
	     seq->next++, skip_hidden(seq)) {
		more = print_lock(seq->buffer + seq->count,
				  seq->size - seq->count, seq->next);
		if (more == 0)
			break;
		seq->count += more;
	}
}

static ssize_t seq_pread(int fd, void *to, size_t size, off_t offset)
{
	struct seq *seq = &seqs[fd];
	size_t length;

	reads++;
	if (offset != seq->position)
		traverse(seq, offset);
	change();
	length = give(seq, to, size);
	if (seq->count == 0 && seq->next < count) {
		fill(seq, size - length);
		length += give(seq, (char *)to + length, size - length);
	}
	seq->position += (off_t)length;
	return (ssize_t)length;
}

/* ---- What is read */

#define LISTS 150

static char *all_of_it(void)
{
	size_t size = 1 << 25, length = 0;
	char *text = malloc(size);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		if (!locks[i].is_hidden)
			length += print_lock(text + length, size - length, i);
	text[length] = '\0';
	return text;
}

static void add_lock(int waiters, bool is_hidden)
{
	locks[count++] = (struct lock){ .id = ++last_id, .waiters = waiters,
					.stays = true, .is_hidden = is_hidden };
}

static void empty_list(void)
{
	memset(&kind, 0, sizeof(kind));
	count = first_count = 0;
	last_id = 0;
}

static void assert_is_read_as_it_is(void)
{
	char *text, *all = all_of_it();
	int rc = test_proc_read_locks(&text);

	assert_true(rc == 0 || rc == LF_LOCKS_IN_PARTS);
	assert_string_equal(text, all);
	free(text);
	free(all);
}

PLAIN_TEST(a_list_that_does_not_change_is_read_as_it_is)
{
	reads = 0;
	for (unsigned seed = 1; seed <= LISTS; seed++) {
		make_list(seed, 0);
		assert_is_read_as_it_is();
	}
	assert_true(reads < 30 * LISTS);
}

/* Just below and above the size of the buffer, so that none fits beside another. */
PLAIN_TEST(long_queues_that_are_near_to_each_other_are_read)
{
	for (int between = 0; between < 30; between++)
		for (int waiters = 73; waiters < 81; waiters++) {
			empty_list();
			for (int i = 0; i < 10 * (between % 8); i++)
				add_lock(0, false);
			for (int queues = 0; queues < 3; queues++) {
				add_lock(waiters, false);
				for (int i = 0; i < between; i++)
					add_lock(0, false);
			}
			assert_is_read_as_it_is();
		}
}

PLAIN_TEST(locks_that_look_the_same_on_both_sides_of_a_queue_do_not_hide_it)
{
	for (int before = 0; before < 60; before += 3)
		for (int waiters = 10; waiters < 80; waiters += 7) {
			empty_list();
			for (int i = 0; i < before; i++)
				add_lock(0, false);
			for (int i = 0; i < 3; i++) {
				add_lock(0, false);
				locks[count - 1].is_twin = true;
				add_lock(waiters, false);
			}
			assert_is_read_as_it_is();
		}
}

/* They have a number, which is not shown. */
PLAIN_TEST(a_list_with_locks_of_another_namespace_is_read)
{
	for (int waiters = 0; waiters < 100; waiters++) {
		empty_list();
		add_lock(0, true);
		for (int i = 0; i < 50; i++)
			add_lock(0, i % 7 == 0);
		add_lock(0, true);
		add_lock(waiters, false);
		for (int i = 0; i < 50; i++)
			add_lock(0, i % 3 == 0);
		assert_is_read_as_it_is();
	}
}

static bool has(const char *text, int id)
{
	char file[30];

	snprintf(file, sizeof(file), " fe:00:%d 0 EOF\n", 100 + id);
	return text && strstr(text, file);
}

/* How many of those that stayed are missing. */
static int count_missing(const char *text)
{
	int missing = 0;

	for (size_t i = 0; i < count; i++)
		missing += locks[i].stays && !has(text, locks[i].id);
	return missing;
}

/* Whether it is whole, by its word; if so, *MISSING grows by what is missing. */
static bool read_changing_list(int *missing)
{
	char *text;
	int rc = test_proc_read_locks(&text);

	assert_true(rc >= 0);
	if (rc != LF_LOCKS_MAY_LACK)
		*missing += count_missing(text);
	free(text);
	return rc != LF_LOCKS_MAY_LACK;
}

PLAIN_TEST(few_locks_are_missing_from_a_list_that_changes)
{
	int whole = 0, missing = 0;

	reads = moments = 0;
	for (unsigned seed = 1; seed <= LISTS; seed++) {
		make_list(seed, 1 + seed % 3);
		whole += read_changing_list(&missing);
	}
	if (whole < LISTS || missing > 0)
		print_message("# %d of %d lists are whole, of which %d locks are "
			      "missing, by %u reads\n",
			      whole, LISTS, missing, reads);
	assert_true(whole > LISTS * 3 / 4);
	assert_int_equal(missing, 0);
	assert_true(reads < 80 * LISTS);
}

/* One part has all of it but a queue, perhaps. */
PLAIN_TEST(a_short_list_that_is_read_at_once_has_all_locks)
{
	int missing = 0, at_once = 0;

	for (unsigned seed = 1; seed <= 20 * LISTS; seed++) {
		char *text;
		int rc, more;

		make_list(seed, 1 + seed % 6);
		kind.queued = 15;
		kind.longest = 80;
		fill_list(5 + any_below(20), 50);
		rc = test_proc_read_locks(&text);
		assert_true(rc >= 0);
		more = rc == LF_LOCKS_MAY_LACK ? 0 : count_missing(text);
		missing += more;
		at_once += rc == 0;
		assert_true(rc > 0 || more == 0);
		free(text);
	}
	print_message("# %d locks are missing from %d lists, of which %d were read at "
		      "once\n",
		      missing, 20 * LISTS, at_once);
	assert_true(at_once > LISTS / 2);
	assert_true(missing < LISTS / 3);
}

/* Each lock but those that stay is another one each time, and looks the same. */
PLAIN_TEST(a_list_that_changes_in_step_with_the_reads_hides_no_lock)
{
	int missing = 0, whole = 0;

	state = 1;
	for (int i = 0; i < LISTS; i++) {
		steps.count = 2 + any_below(MOST_STEPS - 1);
		steps.next = 0;
		steps.behind = any_below(3) * 10;
		for (int j = 0; j < MOST_STEPS; j++)
			steps.before[j] = any_below(200);
		whole += read_changing_list(&missing);
	}
	steps.count = 0;
	if (missing > 0)
		print_message("# %d locks are missing\n", missing);
	assert_true(whole > LISTS / 10);
	assert_int_equal(missing, 0);
}

/* So each part shows more than the text. */
PLAIN_TEST(a_list_whose_end_is_another_one_each_time_is_given_up)
{
	for (int size = 1; size < 200; size += 9) {
		char *text;
		int rc;

		empty_list();
		for (int i = 0; i < size; i++)
			add_lock(0, false);
		is_last_new = true;
		reads = 0;
		rc = test_proc_read_locks(&text);
		is_last_new = false;
		assert_true(rc > 0);
		assert_true(reads < 10 * TRIES);
		free(text);
	}
}
