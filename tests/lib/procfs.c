/* What Linux lists, of more than fits on a page; and what it tells of a process. */
#include "config.h"

#include "harness.h"
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITERS 300
#define LOCKS 5000
#define LOOKS 100

#define needs_a_list() \
	do { \
		if (!lists_locks()) \
			skip_because("needs a system that lists locks"); \
	} while (0)

static int lock_byte(int fd, int command, off_t byte)
{
	struct flock part = {
		.l_type = F_WRLCK, .l_start = byte, .l_len = 1
	};

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

/* The list is told in parts; others' locks may shift what is in the next. */
static bool counts_reach(int waiters, int locks)
{
	struct lf_mounts mounts = { .is_read = false };
	struct lf_inode file;
	struct stat st;
	int pin = lf_pin(lock_path, &st);

	struct lf_file_id id = { st.st_ino, st.st_dev, false };

	assert_true(pin >= 0);
	lf_inode_of(pin, &id, &mounts, &file);
	lf_mounts_free(&mounts);
	close(pin);
	for (int look = 0; look < LOOKS; look++) {
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

/* Each is indented by one more: the list is larger than any other buffer. */
static void a_deep_queue_is_read_whole(void **state)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);
	static pid_t waiter[WAITERS];
	bool reached, listed;

	(void)state;
	needs_a_list();
	assert_int_equal(lock_byte(fd, F_SETLK, 0), 0);
	for (int i = 0; i < WAITERS; i++)
		waiter[i] = start(wait_in_queue, NULL);
	reached = waiters_reach(lock_path, WAITERS);
	listed = reached && counts_reach(WAITERS, 1);
	for (int i = 0; i < WAITERS; i++)
		kill(waiter[i], SIGKILL);
	for (int i = 0; i < WAITERS; i++)
		assert_int_equal(finish(waiter[i]), -SIGKILL);
	close(fd);
	assert_true(reached);
	assert_true(listed);
}

static void many_locks_are_read_all(void **state)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	(void)state;
	needs_a_list();
	/* Neighbours would become one. */
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
	struct flock part = {
		.l_type = type, .l_start = 1, .l_len = length
	};

	return fcntl(fd, F_OFD_SETLK, &part);
}

static void who_removes_the_file_has_no_body(void **state)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);

	(void)state;
	needs_locks_of_descriptions();
	if (!shows_locks_of_processes())
		skip_because("needs the locks of processes in proc(5)");
	assert_int_equal(bodies_of(fd), 0);
	assert_int_equal(lock_description(fd, F_WRLCK, 0), 0);
	assert_int_equal(bodies_of(fd), 1);
	assert_int_equal(lock_description(fd, F_UNLCK, 0), 0);
	/* All but the far end, which holders lock too. */
	assert_int_equal(lock_description(fd, F_WRLCK, 1999999999), 0);
	assert_int_equal(bodies_of(fd), 0);
	close(fd);
}

static void a_removed_file_is_not_held(void **state)
{
	int fd = open(lock_path, O_CREAT | O_RDWR, 0666);
	struct stat st;

	(void)state;
	needs_locks_of_descriptions();
	if (!shows_locks_of_processes())
		skip_because("needs the locks of processes in proc(5)");
	assert_int_equal(lock_description(fd, F_WRLCK, 0), 0);
	assert_int_equal(lstat(lock_path, &st), 0);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(bodies_on(&st, fd), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory(who_removes_the_file_has_no_body),
		in_directory(a_removed_file_is_not_held),
		in_directory(a_deep_queue_is_read_whole),
		in_directory(many_locks_are_read_all),
	};

	return cmocka_run_group_tests_name("procfs", tests, NULL, NULL);
}
