/* SPDX-License-Identifier: 0BSD */
/* The list of locks, longer than a page, and the locks of a process. */
#include "config.h"

#include "child.h"
#include "inspect/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAITERS 300
#define LOCKS 5000

static int lock_byte(int fd, int command, off_t byte)
{
	struct flock part = { .l_type = F_WRLCK, .l_start = byte, .l_len = 1 };

	return fcntl(fd, command, &part);
}

struct counts {
	int waiters, locks;
};

static bool lists_locks(void)
{
	struct lf_lock_list list;
	int rc = lf_list_locks(&list);

	if (rc == 0)
		lf_lock_list_free(&list);
	return rc != -ENOTSUP && rc != -ENOENT;
}

static struct counts count(const struct lf_inode *file)
{
	struct counts counts = { 0, 0 };
	struct lf_lock_list list;

	assert_int_equal(lf_list_locks(&list), 0);
	for (size_t i = 0; i < list.count; i++) {
		const struct lf_listed_lock *lock = &list.locks[i];

		if (lock->inode.number != file->number ||
		    lock->inode.major != file->major ||
		    lock->inode.minor != file->minor)
			continue;
		counts.waiters += lock->waits;
		counts.locks += !lock->waits;
	}
	lf_lock_list_free(&list);
	return counts;
}

/*
 * The kernel writes the list in parts, and a lock of any process that comes or
 * goes in between shifts the next part: lines are missing from it then, or come
 * twice.  One undisturbed look is enough.
 */
static bool counts_reach(int waiters, int locks)
{
	struct lf_mounts mounts = { .is_read = false };
	unsigned long long mount;
	struct lf_inode file;
	struct stat st;
	int pin = lf_pin(lock_path, &st);
	struct lf_file_id id = { st.st_ino, st.st_dev, false };

	assert_true(pin >= 0);
	lf_inode_of(pin, &id, &file, &mount);
	close(pin);
	lf_inode_find_device(&file, mount, &mounts);
	lf_mounts_free(&mounts);
	for (int look = 0; look_again(&look);) {
		struct counts counts = count(&file);

		if (counts.waiters == waiters && counts.locks == locks)
			return true;
	}
	return false;
}

static int wait_in_queue(void *unused)
{
	int fd = open(lock_path, O_RDWR);

	(void)unused;
	demand(fd >= 0);
	lock_byte(fd, F_SETLKW, 0);
	return 0;
}

/* Each waiter is indented by one more column: the list is very long. */
TEST(a_deep_queue_is_read_whole)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);
	static pid_t waiter[WAITERS];
	bool reached, listed;

	needs(lists_locks(), "a system that lists locks");
	assert_int_equal(lock_byte(fd, F_SETLK, 0), 0);
	for (int i = 0; i < WAITERS; i++)
		waiter[i] = child_start(wait_in_queue, NULL);
	reached = waiters_reach(lock_path, WAITERS);
	listed = reached && counts_reach(WAITERS, 1);
	for (int i = 0; i < WAITERS; i++)
		assert_kill(waiter[i]);
	close(fd);
	assert_true(reached);
	assert_true(listed);
}

TEST(many_locks_are_read_all)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	needs(lists_locks(), "a system that lists locks");
	/* The kernel merges neighbours. */
	for (off_t i = 0; i < LOCKS; i++)
		assert_int_equal(lock_byte(fd, F_SETLK, 2 * i), 0);
	assert_true(counts_reach(0, LOCKS));
	close(fd);
	assert_true(counts_reach(0, 0));
}

/* --- The locks of a process, here of this one */

/* FILE may have been removed since. */
static int bodies_on(const struct stat *file, int fd)
{
	struct lf_file_id id = { file->st_ino, file->st_dev, false };
	struct lf_process process;
	int found = 0;

	assert_int_equal(lf_process_read(&process, getpid(), &id, 1, lf_is_body,
					 true),
			 0);
	assert_int_equal(process.error, 0);
	assert_true(process.start_time > 0);
	for (size_t i = 0; i < process.count; i++) {
		assert_int_equal(process.descriptors[i].number, fd);
		found += (int)process.descriptors[i].bodies;
	}
	lf_process_free(&process);
	return found;
}

static int bodies_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return bodies_on(&st, fd);
}

static int lock_description(int fd, short type, off_t length)
{
	struct flock part = { .l_type = type, .l_start = 1, .l_len = length };

	return fcntl(fd, F_OFD_SETLK, &part);
}

TEST(a_remover_has_no_body)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	assert_int_equal(bodies_of(fd), 0);
	assert_int_equal(lock_description(fd, F_WRLCK, 0), 0);
	assert_int_equal(bodies_of(fd), 1);
	assert_int_equal(lock_description(fd, F_UNLCK, 0), 0);
	/* All but the far end, which holders lock too. */
	assert_int_equal(lock_description(fd, F_WRLCK, 1999999999), 0);
	assert_int_equal(bodies_of(fd), 0);
	close(fd);
}

TEST(a_removed_file_is_not_held)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);
	struct stat st;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	assert_int_equal(lock_description(fd, F_WRLCK, 0), 0);
	assert_int_equal(lstat(lock_path, &st), 0);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(bodies_on(&st, fd), 0);
	close(fd);
}

/* --- Processes: nothing stays open, whatever they are */

static void *pass_time(void *ready)
{
	gate_open(*(struct gate *)ready);
	while (pause() < 0)
		;
	return NULL;
}

/* That of main() is a zombie then. */
static int go_on_in_a_thread(void *ready)
{
	pthread_t thread;

	demand(pthread_create(&thread, NULL, pass_time, ready) == 0);
	syscall(SYS_exit, 0); /* pthread_exit(3) may need a descriptor */
	return 1;
}

static bool is_zombie(pid_t pid)
{
	char name[64], state = '?';
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%ld/stat", (long)pid);
	file = fopen(name, "re");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(file);
	return state == 'Z';
}

static bool is_dying(pid_t pid)
{
	struct lf_dying dying = { .pids = malloc(sizeof(pid)), .count = 1 };
	bool remains;

	assert_non_null(dying.pids);
	dying.pids[0] = pid;
	remains = lf_dying_remain(&dying);
	lf_dying_free(&dying);
	return remains;
}

TEST(a_process_whose_main_thread_has_ended_is_examined)
{
	struct gate ready = gate_new();
	struct lf_activity activity;
	struct stat st;
	int fd, before;
	pid_t pid;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	fd = open(lock_path, O_CREAT | O_RDWR, 0666);
	assert_int_equal(lock_description(fd, F_WRLCK, 0), 0);
	assert_int_equal(fstat(fd, &st), 0);
	pid = child_start(go_on_in_a_thread, &ready);
	gate_pass(ready);
	for (int look = 0; !is_zombie(pid) && look_again(&look);)
		;
	assert_true(is_zombie(pid));
	for (int look = 0; lf_process_state(pid, &activity) != 'S' &&
			   look_again(&look);)
		;
	before = open_descriptors();
	assert_int_equal(lf_process_state(pid, &activity), 'S');
	assert_int_equal(lf_process_has_lock(pid, &st, lf_is_body), 1);
	assert_false(is_dying(pid));
	assert_int_equal(open_descriptors(), before);
	assert_kill(pid);
	close(fd);
	gate_free(ready);
}

TEST(a_process_that_goes_on_is_not_ending)
{
	int before = open_descriptors();

	needs_proc_with_locks();
	assert_false(is_dying(getpid()));
	assert_int_equal(open_descriptors(), before);
}

struct reader {
	int fd[2];
	atomic_int pid;
};

static void *read_until_the_end(void *argument)
{
	struct reader *reader = argument;
	char byte;

	atomic_store(&reader->pid, lf_thread_pid());
	while (read(reader->fd[0], &byte, 1) == 1)
		;
	return NULL;
}

/* How often it has slept by then; the next time is not over. */
static unsigned long long sleeps_of(pid_t thread)
{
	unsigned long long sleeps = 0;
	int state = 'R';

	for (int look = 0; state != 'S' && state >= 0 && look_again(&look);)
		state = lf_thread_state(thread, &sleeps);
	assert_int_equal(state, 'S');
	return sleeps;
}

TEST(a_thread_sleeps_each_time_that_it_waits)
{
	struct reader reader = { .pid = 0 };
	unsigned long long sleeps;
	pthread_t thread;
	int before;

	needs_proc_with_locks();
	assert_int_equal(pipe(reader.fd), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_until_the_end,
					&reader),
			 0);
	for (int look = 0; atomic_load(&reader.pid) == 0 && look_again(&look);)
		;
	assert_int_not_equal(reader.pid, lf_thread_pid());
	before = open_descriptors();
	sleeps = sleeps_of(reader.pid);
	assert_int_equal(write(reader.fd[1], "", 1), 1);
	for (int look = 0; sleeps_of(reader.pid) == sleeps && look_again(&look);)
		;
	assert_true(sleeps_of(reader.pid) > sleeps);
	assert_int_equal(lf_thread_state(lf_thread_pid(), &sleeps), 'R');
	assert_int_equal(open_descriptors(), before);
	close(reader.fd[1]);
	pthread_join(thread, NULL);
	for (int look = 0; lf_thread_state(reader.pid, &sleeps) != -ENOENT &&
			   look_again(&look);)
		;
	assert_int_equal(lf_thread_state(reader.pid, &sleeps), -ENOENT);
	close(reader.fd[0]);
}

/* Each file system counts its inodes itself. */
TEST(a_lock_belongs_to_the_inode_of_its_device)
{
	struct lf_listed_lock locks[3] = {
		{ .inode = { .number = 1, .major = 1, .minor = 1 } },
		{ .inode = { .number = 1, .major = 1, .minor = 2 } },
		{ .inode = { .number = 1, .major = 2, .minor = 1 } },
	};
	const struct lf_listed_lock *sorted[3] = { &locks[0], &locks[1],
						   &locks[2] };
	struct lf_listing listing = {
		.list = { .locks = locks, .count = 3 },
		.sorted = sorted,
	};
	size_t count;

	for (int i = 0; i < 3; i++) {
		const struct lf_listed_lock *const *found = lf_listing_find(
			&listing, &locks[i].inode, &count);

		assert_int_equal(count, 1);
		assert_ptr_equal(*found, &locks[i]);
	}
}

/* --- The processes, each read once */

TEST(a_process_that_was_asked_is_not_read_again_with_all_others)
{
	const struct lf_examined *examined;
	struct lf_snapshot snapshot;
	const struct lf_use *use;
	struct lf_file_id *id;
	struct stat st;
	int fd, found = 0;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	fd = open(lock_path, O_CREAT | O_RDWR, 0666);
	assert_int_equal(lock_description(fd, F_WRLCK, 0), 0);
	assert_int_equal(fstat(fd, &st), 0);
	id = malloc(sizeof(*id));
	assert_non_null(id);
	*id = (struct lf_file_id){ st.st_ino, st.st_dev, false };
	assert_int_equal(lf_snapshot_begin(&snapshot, id, 1), 0);
	assert_int_equal(lf_snapshot_examine(&snapshot, getpid(), &examined),
			 0);
	assert_int_equal(lf_snapshot_scan(&snapshot), 0);
	for (use = snapshot.users[0].first; use; use = use->next)
		found += use->pid == getpid();
	assert_int_equal(found, 1);
	lf_snapshot_end(&snapshot);
	close(fd);
}
