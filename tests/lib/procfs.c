/* What Linux lists, of more than fits on a page. */
#include "config.h"

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
	struct os_lock_list list;
	int rc = os_list_locks(&list);

	if (rc == 0)
		os_lock_list_free(&list);
	return rc != -ENOTSUP && rc != -ENOENT;
}

static struct counts count(const struct os_inode *file)
{
	struct counts counts = { 0, 0 };
	struct os_lock_list list;

	assert_int_equal(os_list_locks(&list), 0);
	for (size_t i = 0; i < list.count; i++) {
		const struct os_listed_lock *lock = &list.locks[i];

		if (lock->inode.number != file->number ||
		    lock->inode.major != file->major ||
		    lock->inode.minor != file->minor)
			continue;
		counts.waiters += lock->waits;
		counts.locks += !lock->waits;
	}
	os_lock_list_free(&list);
	return counts;
}

/* The list is told in parts; others' locks may shift what is in the next. */
static bool counts_reach(int waiters, int locks)
{
	struct os_inode file;

	assert_int_equal(os_inode_of(lock_path, &file), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory(a_deep_queue_is_read_whole),
		in_directory(many_locks_are_read_all),
	};

	return cmocka_run_group_tests_name("procfs", tests, NULL, NULL);
}
