/* SPDX-License-Identifier: 0BSD */
/* lf_acquire_fd(): the descriptor stays the caller's. */
#include "config.h"

#include "actor.h"
#include "lockfile-fcntl.h"
#include "original.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_lock(int flags)
{
	return open(lock_path, flags | O_CREAT | O_CLOEXEC, 0666);
}

TEST(the_lock_excludes_and_leaves_descriptor_and_file)
{
	int fd = open_lock(O_WRONLY | O_APPEND), descriptors;
	struct lf_lock *lock;
	char name[32], text[64];

	descriptors = open_descriptors();
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), 0);
	assert_int_equal(open_descriptors(), descriptors);
	assert_int_equal(lf_fileno(lock), fd);
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	assert_string_equal(lf_path(lock), name);
	assert_true(lf_describe(lock, text, sizeof(text)) > 0);
	assert_int_equal(lf_verify(lock), 0);
	assert_held(lock_path);
	assert_int_equal(lf_release(&lock), 0);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_free(lock_path);
	assert_true(exists(lock_path));
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	close(fd);
}

TEST(a_descriptor_that_cannot_be_locked_has_its_error)
{
	int reading = open_lock(O_RDONLY), fd = open_lock(O_RDWR), ends[2];
	int directory = open(".", O_RDONLY | O_DIRECTORY);
	struct lf_lock *lock;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(lf_acquire_fd(&lock, -1, 0, 0), -EBADF);
	assert_int_equal(lf_acquire_fd(&lock, 1000, 0, 0), -EBADF);
	assert_int_equal(lf_acquire_fd(&lock, reading, 0, 0), -EBADF);
	assert_int_equal(lf_acquire_fd(&lock, reading, 1000, 0), -EBADF);
	assert_int_equal(lf_acquire_fd(&lock, reading, LF_FOREVER, 0), -EBADF);
	assert_int_equal(lf_acquire_fd(&lock, ends[1], 0, 0), -ENOTSUP);
	assert_int_equal(lf_acquire_fd(&lock, directory, 0, 0), -EISDIR);
	assert_int_equal(lf_acquire_fd(&lock, fd, -2, 0), -EINVAL);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, LF_KEEP), -EINVAL);
	assert_int_equal(lf_acquire_fd(NULL, fd, 0, 0), -EINVAL);
	assert_null(lock);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_free(lock_path);
	close(ends[0]);
	close(ends[1]);
	close(directory);
	close(reading);
	close(fd);
}

TEST(a_removed_file_is_ESTALE)
{
	int fd = open_lock(O_RDWR);
	struct lf_lock *lock;

	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), 0);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(lf_verify(lock), -ESTALE);
	assert_int_equal(lf_release(&lock), 0);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), -ESTALE);
	assert_int_equal(lf_acquire_fd(&lock, fd, 1000, 0), -ESTALE);
	assert_int_equal(lf_acquire_fd(&lock, fd, LF_FOREVER, 0), -ESTALE);
	close(fd);
}

static int wait_by_descriptor(void *timeout)
{
	int fd = open_lock(O_RDWR);
	struct lf_lock *lock;

	demand(lf_acquire_fd(&lock, fd, *(int *)timeout, 0) == 0);
	demand(lf_release(&lock) == 0);
	close(fd);
	return 0;
}

static int wait_and_be_stale(void *timeout)
{
	int fd = open_lock(O_RDWR);
	struct lf_lock *lock;

	demand(lf_acquire_fd(&lock, fd, *(int *)timeout, 0) == -ESTALE);
	close(fd);
	return 0;
}

TEST(waits_with_and_without_a_bound_end_on_release)
{
	int timeouts[] = { LF_FOREVER, LONG_MS };
	struct lf_lock *lock;
	pid_t pid;
	int fd;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
		pid = child_start(wait_by_descriptor, &timeouts[i]);
		assert_true(waiters_reach(lock_path, 1));
		assert_int_equal(lf_release(&lock), 0);
		assert_finish(pid);
		assert_true(exists(lock_path));

		/* A program that removes the file leaves a stale one. */
		fd = original_acquire(lock_path, false);
		pid = child_start(wait_and_be_stale, &timeouts[i]);
		assert_true(waiters_reach(lock_path, 1));
		original_release(fd, lock_path, false);
		assert_finish(pid);
		assert_false(exists(lock_path));
	}
}

TEST(a_refusal_leaves_the_descriptor_open)
{
	struct actor *holder = actor_holder(LF_KEEP);
	int fd = open_lock(O_RDWR);
	struct lf_lock *lock;

	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), -EAGAIN);
	assert_int_equal(lf_acquire_fd(&lock, fd, 10, 0), -ETIMEDOUT);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	actor_release(holder);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), 0);
	assert_int_equal(lf_release(&lock), 0);
	close(fd);
}

/* As a tool that locks a descriptor of its shell, and ends. */
static int lock_and_end(void *fd)
{
	struct lf_lock *lock;

	demand(lf_acquire_fd(&lock, *(int *)fd, 0, 0) == 0);
	return 0;
}

TEST(the_lock_stays_with_a_process_that_shares_the_descriptor)
{
	int fd = open_lock(O_WRONLY);

	needs_locks_of_descriptions();
	assert_child(lock_and_end, &fd);
	assert_held(lock_path);
	/* A second lock is no conflict: the owner is the same. */
	assert_child(lock_and_end, &fd);
	close(fd);
	assert_free(lock_path);
}

struct heir {
	struct lf_lock *lock;
	struct gate released, may_go;
};

static void *wait_in_thread(void *fd)
{
	struct lf_lock *lock;
	int rc = lf_acquire_fd(&lock, *(int *)fd, LF_FOREVER, 0);

	if (rc == 0)
		rc = lf_release(&lock);
	return (void *)(intptr_t)rc;
}

TEST(a_thread_waits_for_another_by_a_descriptor)
{
	struct lf_lock *lock;
	pthread_t thread;
	void *result;
	int fd;

	assert_int_equal(lf_acquire(&lock, lock_path, 0, LF_KEEP), 0);
	fd = open_lock(O_RDWR);
	pthread_create(&thread, NULL, wait_in_thread, &fd);
	/* A lock of the process is waited for in the process. */
	if (has_description_locks())
		assert_true(waiters_reach(lock_path, 1));
	assert_int_equal(lf_release(&lock), 0);
	pthread_join(thread, &result);
	assert_null(result);
	close(fd);
	assert_free(lock_path);
}

static int adopt_release_and_stay(void *argument)
{
	struct heir *heir = argument;

	demand(lf_adopt(heir->lock) == 0);
	demand(lf_release(&heir->lock) == 0);
	gate_open(heir->released);
	gate_pass(heir->may_go);
	return 0;
}

TEST(a_child_that_adopted_does_not_own_the_next_lock)
{
	struct heir heir = { NULL, gate_new(), gate_new() };
	int fd = open_lock(O_RDWR);
	pid_t child;

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire_fd(&heir.lock, fd, 0, 0), 0);
	child = child_start(adopt_release_and_stay, &heir);
	gate_pass(heir.released);
	assert_int_equal(lf_release(&heir.lock), 0);
	assert_int_equal(lf_acquire_fd(&heir.lock, fd, 0, 0), 0);
	assert_int_equal(lf_release(&heir.lock), 0);
	assert_free(lock_path);
	gate_open(heir.may_go);
	assert_finish(child);
	close(fd);
	gate_free(heir.released);
	gate_free(heir.may_go);
}

/* --- A lock that the description has */

struct poller {
	struct gate shares, go;
	int timeout_ms;
};

static int share(void *fd)
{
	struct lf_lock *lock;

	return -lf_acquire_fd(&lock, *(int *)fd, 0, LF_SHARED);
}

/* Which lock of the body another description would meet. */
static int body_of(int fd)
{
	struct flock body = { .l_type = F_WRLCK, .l_start = 1 };

	assert_int_equal(fcntl(fd, F_OFD_GETLK, &body), 0);
	return body.l_type;
}

TEST(a_descriptor_of_a_removed_file_keeps_the_lock_that_it_has)
{
	int fd = open_lock(O_RDWR), other = open_lock(O_RDWR);
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_child(share, &fd);
	assert_int_equal(unlink(lock_path), 0);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), -ESTALE);
	assert_int_equal(lf_acquire_fd(&lock, fd, LONG_MS, 0), -ESTALE);
	assert_int_equal(body_of(other), F_RDLCK);
	close(other);
	close(fd);
}

/* Another process has locked the descriptor, and has ended. */
static int poll_for_exclusive(void *argument)
{
	struct poller *poller = argument;
	int fd = open_lock(O_RDWR);
	struct lf_lock *lock;

	demand(child_run(share, &fd) == 0);
	gate_open(poller->shares);
	gate_pass(poller->go);
	demand(lf_acquire_fd(&lock, fd, poller->timeout_ms, 0) == 0);
	demand(lock_error(lock_path) == EAGAIN);
	demand(lf_release(&lock) == 0);
	close(fd);
	return 0;
}

#define POLLERS 4

TEST(sharers_that_wait_for_an_exclusive_lock_do_not_block_each_other)
{
	static const int timeouts[] = { LF_FOREVER, LONG_MS };

	needs_locks_of_descriptions();
	for (size_t i = 0; i < 2; i++) {
		struct poller poller = { gate_new(), gate_new(), timeouts[i] };
		pid_t pids[POLLERS];

		for (int n = 0; n < POLLERS; n++)
			pids[n] = child_start(poll_for_exclusive, &poller);
		for (int n = 0; n < POLLERS; n++)
			gate_pass(poller.shares);
		for (int n = 0; n < POLLERS; n++)
			gate_open(poller.go);
		assert_all_finish(pids, POLLERS);
		gate_free(poller.shares);
		gate_free(poller.go);
	}
}

TEST(a_wait_for_an_exclusive_lock_gives_up_the_shared_one)
{
	int fd = open_lock(O_RDWR);
	struct actor *sharer;
	struct lf_lock *lock;

	needs_locks_of_descriptions();
	assert_int_equal(child_run(share, &fd), 0);
	sharer = actor_process();
	actor_must(sharer, ACQUIRE, 0, LF_SHARED | LF_KEEP);
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), -EAGAIN);
	actor_must(sharer, RELEASE, 0, 0);
	assert_held(lock_path);
	actor_must(sharer, ACQUIRE, 0, LF_SHARED | LF_KEEP);
	assert_int_equal(lf_acquire_fd(&lock, fd, 10, 0), -ETIMEDOUT);
	actor_release(sharer);
	assert_free(lock_path);
	close(fd);
}

static int change_inherited(void *lock)
{
	static const int timeouts[] = { 0, 10, LF_FOREVER };
	int fd = lf_fileno(lock);
	struct lf_lock *mine;

	alarm(30);
	demand(lf_release_fd(fd) == -EPERM);
	for (size_t i = 0; i < 6; i++) {
		demand(lf_acquire_fd(&mine, fd, timeouts[i / 2],
				     i % 2 ? LF_SHARED : 0) == -EPERM);
		demand(child_run(try_to_share, lock_path) == EAGAIN);
	}
	return 0;
}

static int unlock_inherited(void *fd)
{
	return -lf_release_fd(*(int *)fd);
}

TEST(the_lock_of_another_process_is_left_alone)
{
	struct lf_lock *lock;
	int fd;

	needs_locks_of_descriptions();
	needs_holders_with_names();
	needs_known_file_systems();
	assert_int_equal(lf_acquire(&lock, lock_path, 0, 0), 0);
	assert_child(change_inherited, lock);
	assert_int_equal(lf_release(&lock), 0);
	assert_false(exists(lock_path));

	/* Not where no process has the handle any more, though another waits. */
	fd = open_lock(O_RDWR);
	for (int i = 0; i < 20; i++) {
		struct actor *waiter;

		assert_int_equal(child_run(lock_and_end, &fd), 0);
		waiter = actor_waiter(LF_FOREVER, LF_KEEP, 1);
		assert_int_equal(child_run(unlock_inherited, &fd), 0);
		assert_int_equal(actor_result(waiter), 0);
		actor_release(waiter);
	}
	close(fd);
}

/* As a waiter that gets the tag of a holder that has ended, and is kept from going on. */
static int stop_with_the_tag(void *inherited)
{
	struct flock tag = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	close(*(int *)inherited);
	demand((fcntl)(open_lock(O_RDWR), F_SETLK, &tag) == 0);
	raise(SIGSTOP);
	return 0;
}

TEST(a_lock_is_not_of_another_process_because_of_a_waiter_with_the_tag)
{
	int fd = open_lock(O_RDWR), status;
	pid_t waiter;

	needs_locks_of_descriptions();
	needs_proc_with_locks();
	assert_int_equal(child_run(lock_and_end, &fd), 0);
	waiter = child_start(stop_with_the_tag, &fd);
	assert_int_equal(waitpid(waiter, &status, WUNTRACED), waiter);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(lf_release_fd(fd), 0);
	assert_int_equal(kill(waiter, SIGCONT), 0);
	assert_int_equal(child_finish(waiter), 0);
	close(fd);
}

/* Whether byte 0 has the PID of the parent, as any other process sees it. */
static int find_tag_of_parent(void *unused)
{
	struct flock tag = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	(void)unused;
	demand(fcntl(open_lock(O_RDWR), F_GETLK, &tag) == 0);
	demand(tag.l_type == F_RDLCK && tag.l_pid == getppid());
	return 0;
}

TEST(a_lock_beside_a_borrowed_one_keeps_its_tag_and_closes_no_other)
{
	struct lf_lock *own, *borrowed;
	int fd;

	needs_shared_locks();
	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire(&own, lock_path, 0, LF_SHARED | LF_KEEP), 0);
	fd = open_lock(O_RDWR);
	assert_int_equal(lf_acquire_fd(&borrowed, fd, 0, LF_SHARED), 0);
	assert_int_equal(lf_release(&borrowed), 0);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	assert_child(find_tag_of_parent, NULL);
	assert_int_equal(lf_release(&own), 0);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	close(fd);
}

/* --- A descriptor that was sent to another process */

struct peer {
	int socket[2];
	struct gate released, locked, may_go;
};

union control {
	struct cmsghdr header; /* aligned */
	char room[CMSG_SPACE(sizeof(int))];
};

static int send_descriptor(int socket, int fd)
{
	union control control = { .room = { 0 } };
	char text = 0;
	struct iovec byte = { &text, 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
}

static int receive_descriptor(int socket)
{
	union control control;
	char text;
	struct iovec byte = { &text, 1 };
	struct msghdr message = {
		.msg_iov = &byte, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static int share_what_was_sent(void *argument)
{
	struct peer *peer = argument;
	int fd = receive_descriptor(peer->socket[1]);
	struct lf_lock *lock;

	gate_pass(peer->released);
	demand(lf_acquire_fd(&lock, fd, 0, LF_SHARED) == 0);
	gate_open(peer->locked);
	gate_pass(peer->may_go);
	demand(lf_release(&lock) == 0);
	return 0;
}

/* Two sharers; between them there was one more, whose descriptor stays open. */
static void share_again(struct lf_lock *locks[2], struct peer *peer)
{
	const unsigned flags = LF_SHARED | LF_KEEP;
	struct lf_lock *sent;

	assert_int_equal(lf_acquire(&locks[0], lock_path, 0, flags), 0);
	assert_int_equal(lf_acquire(&sent, lock_path, 0, flags), 0);
	if (peer)
		assert_int_equal(send_descriptor(peer->socket[0],
						 lf_fileno(sent)),
				 0);
	assert_int_equal(lf_release(&sent), 0);
	if (peer) {
		gate_open(peer->released);
		gate_pass(peer->locked);
	}
	assert_int_equal(lf_acquire(&locks[1], lock_path, 0, flags), 0);
}

/* Its lock and a new one would be the same, and end together. */
TEST(a_descriptor_that_another_process_locks_is_not_used_again)
{
	struct peer peer = { .released = gate_new(), .locked = gate_new(),
			     .may_go = gate_new() };
	struct lf_lock *locks[2];
	pid_t pid;
	int other;

	needs_locks_of_descriptions();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, peer.socket), 0);
	pid = child_start(share_what_was_sent, &peer);
	/* The fork is noticed here, before the descriptor is opened. */
	share_again(locks, NULL);
	assert_int_equal(lf_release(&locks[0]), 0);
	assert_int_equal(lf_release(&locks[1]), 0);
	share_again(locks, &peer);
	gate_open(peer.may_go);
	assert_finish(pid);
	assert_int_equal(lf_release(&locks[0]), 0);
	other = open_lock(O_RDWR);
	assert_int_equal(body_of(other), F_RDLCK);
	close(other);
	assert_int_equal(lf_release(&locks[1]), 0);
	assert_free(lock_path);
	close(peer.socket[0]);
	close(peer.socket[1]);
	gate_free(peer.released);
	gate_free(peer.locked);
	gate_free(peer.may_go);
}

/* The handles of one descriptor wait for each other in the process. */
TEST(a_wait_for_a_handle_of_the_same_descriptor_leaves_nothing)
{
	struct lf_lock *lock, *second;
	int before, fd = open_lock(O_RDWR);

	needs_locks_of_descriptions();
	assert_int_equal(lf_acquire_fd(&lock, fd, 0, 0), 0);
	before = open_descriptors();
	assert_int_equal(lf_acquire_fd(&second, fd, 10, 0), -ETIMEDOUT);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(lf_release(&lock), 0);
	close(fd);
}
