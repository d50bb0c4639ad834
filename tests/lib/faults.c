/* SPDX-License-Identifier: 0BSD */
/*
 * Each system call of the library fails once, or from then on, with each error
 * that it may return: nothing leaks, nothing stays locked, no second process
 * gets the lock, and the caller gets the error.
 */
#include "config.h"

#include "child.h"
#include "lock.h"
#include "original.h"

#include "faulty.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Another process holds the lock, or tries it. */

static int witness_fd;
static pid_t witness_pid;

/* Without the library.  A missing file is not locked. */
static char try_alone(void)
{
	struct flock whole = { .l_type = F_WRLCK };
	int fd = (openat)(AT_FDCWD, lock_path, O_RDWR);
	bool free = fd < 0 || ((fcntl)(fd, F_SETLK, &whole) == 0 &&
			       ((flock)(fd, LOCK_EX | LOCK_NB) == 0 ||
				errno == ENOSYS));

	if (fd >= 0)
		close(fd);
	return free ? 'f' : 'h';
}

struct hold {
	struct lf_lock *ours;
	int original; /* or -1 */
};

static char release_hold(struct hold *h)
{
	char was = h->ours || h->original >= 0 ? 'h' : 'n';

	if (h->ours)
		lf_release(&h->ours);
	if (h->original >= 0)
		original_release(h->original, lock_path, false);
	h->original = -1;
	return was;
}

/* 'p': holds until another waits; 'r': releases, answers whether it held. */
static int witness(void *argument)
{
	struct hold h = { NULL, -1 };
	int *pair = argument, fd = pair[1];
	bool passing = false;
	char word;

	close(pair[0]);
	for (;;) {
		struct pollfd asked = { .fd = fd, .events = POLLIN };

		if ((poll)(&asked, 1, passing ? 1 : -1) == 0) {
			if (waiters(lock_path) > 0) {
				release_hold(&h);
				passing = false;
			}
			continue;
		}
		if (read(fd, &word, 1) != 1)
			return 0;
		switch (word) {
		case 'l':
			demand(lf_acquire(&h.ours, lock_path, 0, 0) == 0);
			break;
		case 'o':
			h.original = original_acquire(lock_path, false);
			demand(h.original >= 0);
			break;
		case 'p':
			passing = true;
			break;
		case 'r':
			passing = false;
			word = release_hold(&h);
			break;
		case 't':
			word = try_alone();
			break;
		default:
			return 1;
		}
		demand(write(fd, &word, 1) == 1);
	}
}

static char ask_witness(char word)
{
	assert_int_equal(write(witness_fd, &word, 1), 1);
	assert_int_equal(read(witness_fd, &word, 1), 1);
	return word;
}

/* --- The operations, and what each one finds */

enum before { MISSING, EXISTS, OURS, OF_US, ORIGINALS };

struct operation {
	const char *name;
	int (*run)(struct lf_lock **);
	unsigned functions; /* whose errors the result may be */
	enum before before;
	bool passes; /* the holder releases once another waits */
	bool keep;
	bool flock; /* LF_FLOCK */
	bool acquires; /* 0 means that the lock is held */
	int usual; /* the result when nothing fails */
};

static int acquire_now(struct lf_lock **lock)
{
	return lf_acquire(lock, lock_path, 0, 0);
}

static int acquire_and_keep(struct lf_lock **lock)
{
	return lf_acquire(lock, lock_path, 0, LF_KEEP);
}

static int acquire_both(struct lf_lock **lock)
{
	return lf_acquire(lock, lock_path, 0, LF_FLOCK);
}

static int acquire_both_at_last(struct lf_lock **lock)
{
	return lf_acquire(lock, lock_path, LF_FOREVER, LF_FLOCK);
}

static int acquire_what_exists(struct lf_lock **lock)
{
	return lf_acquire(lock, lock_path, 0, LF_NOCREATE);
}

static int acquire_for_a_moment(struct lf_lock **lock)
{
	return lf_acquire(lock, lock_path, 1, 0);
}

static int acquire_in_time(struct lf_lock **lock)
{
	return lf_acquire(lock, "lock", LONG_MS, 0);
}

static int acquire_at_last(struct lf_lock **lock)
{
	return lf_acquire(lock, lock_path, LF_FOREVER, 0);
}

static int start_and_finish(struct lf_lock **lock)
{
	int rc = lf_start(lock, "lock", 0);

	return rc < 0 ? rc : lf_finish(lock);
}

static int start_and_give_up(struct lf_lock **lock)
{
	int rc = lf_start(lock, lock_path, 0);

	return rc < 0 ? rc : lf_release(lock);
}

static int verify(struct lf_lock **lock)
{
	return lf_verify(*lock);
}

static int check(struct lf_lock **lock)
{
	pid_t pid = -1;
	int rc = lf_check(lock_path, &pid);

	(void)lock;
	assert_true(rc == 1 ? pid >= 0 : pid == 0);
	return rc;
}

/* No PID is made up. */
static int inspect_all(struct lf_lock **lock)
{
	struct lf_report *report = (struct lf_report *)lock;
	const struct lf_entry *entry = NULL;
	int rc = lf_inspect(lock_path, &report), holders = 0;

	assert_true((rc < 0) == !report);
	while ((entry = lf_report_next(report, entry)) != NULL) {
		holders += lf_entry_type(entry) != LF_TYPE_FLOCK;
		assert_true(lf_entry_pid(entry) == 0 ||
			    lf_entry_pid(entry) == (*lock ? getpid() :
							    witness_pid));
	}
	assert_true(rc == 1 ? holders == 1 : holders == 0);
	lf_report_free(report);
	return rc;
}

#define ACQUIRES(how) .run = how, .functions = LF_ACQUIRE, .acquires = true

static const struct operation operations[] = {
	{ .name = "acquire, missing", ACQUIRES(acquire_now) },
	{ .name = "acquire, free", ACQUIRES(acquire_now), .before = EXISTS },
	{ .name = "acquire, held", ACQUIRES(acquire_now), .before = OURS,
	  .usual = -EAGAIN },
	{ .name = "acquire, held by an original", ACQUIRES(acquire_now),
	  .before = ORIGINALS, .usual = -EAGAIN },
	{ .name = "keep, missing", ACQUIRES(acquire_and_keep), .keep = true },
	{ .name = "keep, free", ACQUIRES(acquire_and_keep), .before = EXISTS,
	  .keep = true },
	{ .name = "both, missing", ACQUIRES(acquire_both), .keep = true,
	  .flock = true },
	{ .name = "both, passed on", ACQUIRES(acquire_both_at_last),
	  .before = OURS, .passes = true, .keep = true, .flock = true },
	{ .name = "no create", ACQUIRES(acquire_what_exists),
	  .before = EXISTS },
	{ .name = "timed, free", ACQUIRES(acquire_in_time) },
	{ .name = "timed, held", ACQUIRES(acquire_for_a_moment),
	  .before = OURS, .usual = -ETIMEDOUT },
	{ .name = "timed, passed on", ACQUIRES(acquire_in_time),
	  .before = OURS, .passes = true },
	{ .name = "timed, passed on by an original", ACQUIRES(acquire_in_time),
	  .before = ORIGINALS, .passes = true },
	{ .name = "wait, passed on", ACQUIRES(acquire_at_last),
	  .before = OURS, .passes = true },
	{ .name = "wait, passed on by an original", ACQUIRES(acquire_at_last),
	  .before = ORIGINALS, .passes = true },
	{ .name = "pending, free", .run = start_and_finish, .acquires = true,
	  .functions = LF_START | LF_FINISH },
	{ .name = "pending, passed on", .run = start_and_finish,
	  .functions = LF_START | LF_FINISH, .acquires = true, .before = OURS,
	  .passes = true },
	{ .name = "pending, given up", .run = start_and_give_up,
	  .functions = LF_START | LF_RELEASE, .before = OURS },
	{ .name = "pending, free and given up", .run = start_and_give_up,
	  .functions = LF_START | LF_RELEASE },
	{ .name = "release", .run = lf_release, .functions = LF_RELEASE,
	  .before = OF_US },
	{ .name = "verify", .run = verify, .functions = LF_VERIFY,
	  .before = OF_US },
	{ .name = "check, missing", .run = check, .functions = LF_CHECK },
	{ .name = "check, free", .run = check, .functions = LF_CHECK,
	  .before = EXISTS, .keep = true },
	{ .name = "check, held", .run = check, .functions = LF_CHECK,
	  .before = OURS, .usual = 1 },
	{ .name = "check, held by an original", .run = check,
	  .functions = LF_CHECK, .before = ORIGINALS, .usual = 1 },
	{ .name = "check, held by us", .run = check, .functions = LF_CHECK,
	  .before = OF_US, .usual = 1 },
	{ .name = "inspect, missing", .run = inspect_all,
	  .functions = LF_INSPECT },
	{ .name = "inspect, free", .run = inspect_all, .functions = LF_INSPECT,
	  .before = EXISTS, .keep = true },
	{ .name = "inspect, held", .run = inspect_all, .functions = LF_INSPECT,
	  .before = OURS, .usual = 1 },
	{ .name = "inspect, held by an original", .run = inspect_all,
	  .functions = LF_INSPECT, .before = ORIGINALS, .usual = 1 },
	{ .name = "inspect, held by us", .run = inspect_all,
	  .functions = LF_INSPECT, .before = OF_US, .usual = 1 },
};

/* --- What fails */

#define ERRORS 20

struct fault {
	enum faulty call;
	int errors[ERRORS]; /* ended by 0 */
	bool passes; /* does not last */
};

static const struct fault faults[] = {
	{ CREATE,
	  { EACCES, EDQUOT, EINTR, EINVAL, EIO, EMFILE, ENFILE, ENODEV, ENOENT,
	    ENOMEM, ENOSPC, ENOTDIR, EOVERFLOW, EPERM, EROFS, ESTALE,
	    ETXTBSY }, false },
	/* A lease: a call that waits waits for that too. */
	{ CREATE, { EAGAIN }, true },
	{ OPENAT,
	  { EACCES, EINTR, EIO, ELOOP, EMFILE, ENAMETOOLONG, ENFILE, ENOENT,
	    ENOMEM, ENOTDIR, EOVERFLOW, EPERM, ESTALE }, false },
	{ F_SETLK_, { EACCES, EAGAIN }, true },
	{ F_SETLK_,
	  { EINTR, EINVAL, EIO, ENOLCK, ENOMEM, ENOSYS, ENOTSUP, ESTALE },
	  false },
	/* A wrong answer to a thread that holds nothing, for a moment. */
	{ F_SETLKW_, { EDEADLK }, true },
	{ F_SETLKW_,
	  { EAGAIN, EINTR, EINVAL, EIO, ENOLCK, ENOMEM, ENOSYS, ENOTSUP,
	    ESTALE }, false },
	{ F_GETLK_,
	  { EINVAL, EIO, ENOLCK, ENOSYS, ENOTSUP, EOVERFLOW, ESTALE }, false },
	{ F_OFD_SETLK_, { EAGAIN }, true },
	{ F_OFD_SETLK_,
	  { EINTR, EINVAL, EIO, ENOLCK, ENOMEM, ENOSYS, ENOTSUP, ESTALE },
	  false },
	{ F_OFD_SETLKW_,
	  { EAGAIN, EINTR, EINVAL, EIO, ENOLCK, ENOMEM, ENOSYS, ENOTSUP,
	    ESTALE }, false },
	{ F_OFD_GETLK_,
	  { EINVAL, EIO, ENOLCK, ENOSYS, ENOTSUP, ESTALE }, false },
	{ F_DUPFD_, { EMFILE }, false },
	{ UNLOCK, { EINTR, EIO, ENOLCK }, false },
	{ LOCKF, { EAGAIN, EDEADLK }, true },
	{ LOCKF, { EINTR, EINVAL, EIO, ENOLCK }, false },
	{ FLOCK, { EAGAIN }, true },
	{ FLOCK, { EINTR, EINVAL, EIO, ENOLCK, ENOSYS, ENOTSUP }, false },
	{ FSTAT, { EIO, ENOMEM, EOVERFLOW, ESTALE }, false },
	{ FSTATAT, { EACCES, EIO, ENOMEM, EOVERFLOW }, false },
	{ FSTATAT, { ENOENT, ENOTDIR, ESTALE }, true },
	{ LSTAT, { EACCES, EIO, ENOENT, ENOMEM, ENOTDIR, ESTALE }, false },
	{ FSTATFS, { EIO, ENOSYS, ESTALE }, false },
	{ UNLINKAT,
	  { EACCES, EIO, EISDIR, ENOENT, ENOMEM, EPERM, EROFS, ESTALE },
	  false },
	{ PIPE, { EMFILE, ENFILE, ENOMEM }, false },
	{ POLL, { EINTR, EINVAL, ENOMEM }, false },
	{ MALLOC, { ENOMEM }, false },
	{ CALLOC, { ENOMEM }, false },
	{ REALLOC, { ENOMEM }, false },
	{ READ, { EIO, ENOENT, ESRCH, EINTR }, false },
	{ PREAD, { EIO, ENOENT, EINTR }, false },
	{ READDIR, { EIO, ENOENT }, false },
	{ OPENDIR, { EACCES, EMFILE, ENFILE, ENOENT, ENOMEM }, false },
	{ STATX, { EACCES, ENOENT, ENOSYS }, false },
	{ KCMP, { EPERM, ENOSYS }, false },
	{ THREAD, { EAGAIN, EPERM }, false },
	{ CANCEL, { ESRCH }, false },
	{ READLINK, { EACCES, ENOENT }, false },
	{ FDOPEN, { ENOMEM }, false },
	{ FDOPENDIR, { ENOMEM }, false },
};

/* --- One failure */

static char current[200];
static int complaints;

static void complain(const char *about)
{
	complaints++;
	print_message("# %s: %s\n", current, about);
}

#define expect(condition) \
	do { \
		if (!(condition)) \
			complain(#condition); \
	} while (0)

/* The error that the library makes of this one. */
static int reported_as(enum faulty call, int error)
{
	switch (call) {
	case CREATE:
	case OPENAT:
		return error == EAGAIN ? EBUSY : error;
	case F_SETLKW_:
	case F_OFD_SETLKW_:
		if (error == EAGAIN)
			return EIO;
		/* fall through */
	case F_SETLK_:
	case F_OFD_SETLK_:
	case F_GETLK_:
	case F_OFD_GETLK_:
	case LOCKF:
	case FLOCK:
		return error == ENOSYS || error == ENOTSUP || error == EINVAL ?
			       ENOLCK :
			       error;
	case FSTATAT:
		return error == ENOENT || error == ENOTDIR ? ESTALE : error;
	case THREAD:
		return ENOMEM;
	default:
		return error;
	}
}

/* An error that no manual page of the functions lists becomes -EIO. */
static bool is_expected(const struct operation *op, int rc, enum faulty call,
			int error)
{
	int reported = -reported_as(call, error);
	bool expected = rc == op->usual;

	if (op->functions & LF_RELEASE && exists(lock_path))
		expected |= rc == LF_LEFT;
	if (op->functions & LF_RELEASE && call == FSTATAT && reported == -ESTALE)
		expected |= rc == LF_REPLACED;
	/* Whether flock(2) is a record lock here is unknown then. */
	if (op->flock && (call == FSTATFS || !has_flock()))
		expected |= rc == -ENOLCK;
	/* A missing file is not locked. */
	if (op->functions & (LF_CHECK | LF_INSPECT) && error == ENOENT)
		expected |= rc == 0;
	/* Thus lockf() reports a held file. */
	if (op->functions & (LF_CHECK | LF_INSPECT) && call == LOCKF &&
	    error == EAGAIN)
		expected |= rc == 1;
	/* No answer to a call that waits. */
	if (call == LOCKF && error == EAGAIN)
		expected |= rc == -EIO;
	for (unsigned f = LF_ACQUIRE; f <= LF_RELEASE_FD; f <<= 1)
		if (op->functions & f)
			expected |= rc == lf_documented(reported,
							(enum lf_function)f);
	return expected;
}

/*
 * A process that cannot lock the file, or stat it, must not remove it; nor may
 * one that fails remove a file that existed before.
 */
static bool may_stay(const struct operation *op, int rc, enum faulty call)
{
	if (op->keep || (rc < 0 && op->before == EXISTS))
		return true;
	switch (call) {
	case CREATE:
		/* Whoever opens it so, as in a sticky directory, leaves it. */
		return op->before == EXISTS || op->passes;
	case F_SETLK_:
	case F_OFD_SETLK_:
	case LOCKF:
	case FSTAT:
	case FSTATAT:
		return rc < 0 || !op->acquires;
	case UNLOCK: /* the own tag is in the way then */
	case FSTATFS: /* it may be a network file system, where files are kept */
		return true;
	case UNLINKAT:
		return !op->acquires;
	default:
		return false;
	}
}

/* A thread that cannot be cancelled ends later, once it has the lock. */
static bool descriptors_become(int number)
{
	for (int look = 0; look_again(&look);) {
		if (open_descriptors() == number)
			return true;
		if (complaints && look > 1000)
			return false;
	}
	return false;
}

static void look_at_lock(struct lf_lock **lock, bool witness_holds)
{
	expect(*lock);
	expect(!witness_holds);
	expect(ask_witness('t') == 'h');
	expect(lf_verify(*lock) == 0);
}

static struct lf_lock *set_up(const struct operation *op)
{
	struct lf_lock *lock = NULL;

	unlink(lock_path);
	if (op->before == EXISTS)
		close((openat)(AT_FDCWD, lock_path, O_CREAT | O_WRONLY, 0666));
	if (op->before == OF_US)
		expect(lf_acquire(&lock, lock_path, 0, 0) == 0);
	if (op->before == OURS)
		ask_witness('l');
	if (op->before == ORIGINALS)
		ask_witness('o');
	if (op->passes)
		ask_witness('p');
	return lock;
}

/* Returns false if there was no such call. */
static bool fail_one(const struct operation *op, enum faulty call, int error,
		     int nth, bool all)
{
	int descriptors = open_descriptors(), rc, failed;
	struct lf_lock *lock = set_up(op);
	bool witness_holds;

	snprintf(current, sizeof(current), "%s: %s %d%s fails, %s", op->name,
		 faulty_name(call), nth, all ? " and all after it" : "",
		 faulty_error_name(error));
	faulty_set(call, nth, all, error);
	rc = op->run(&lock);
	failed = faulty_clear();
	witness_holds = ask_witness('r') == 'h';

	if (!is_expected(op, rc, call, error))
		complain(lf_strerror(rc));
	if (rc < 0 && op->before != OF_US)
		expect(!lock);
	if (rc == 0 && op->acquires)
		look_at_lock(&lock, witness_holds);
	if (lock)
		expect(lf_release(&lock) == (exists(lock_path) && !op->keep));
	expect(descriptors_become(descriptors));
	expect(ask_witness('t') == 'f');
	if (exists(lock_path) && !may_stay(op, rc, call))
		complain("it stays");
	return failed > 0;
}

static int fail_each(const struct operation *op, enum faulty call, int error,
		     bool all)
{
	int nth = 0;

	while (fail_one(op, call, error, nth + 1, all))
		nth++;
	return nth;
}

static void fail_everywhere(void **state)
{
	const struct operation *op = *state;
	int done = 0;

	complaints = 0;
	for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++)
		for (const int *e = faults[f].errors; *e; e++) {
			done += fail_each(op, faults[f].call, *e, false);
			if (!faults[f].passes)
				done += fail_each(op, faults[f].call, *e, true);
		}
	assert_int_equal(complaints, 0);
	assert_true(done > 0);
}

/* Prints the call that hangs. */
static void on_alarm(int sig)
{
	(void)sig;
	(void)!write(STDERR_FILENO, current, strlen(current));
	_exit(1);
}

static int begin(void **state)
{
	void *operation = *state;
	int fd[2];

	signal(SIGALRM, on_alarm);
	if (enter_directory(state) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, fd) < 0)
		return -1;
	*state = operation;
	witness_fd = fd[0];
	witness_pid = child_start(witness, fd);
	close(fd[1]);
	return 0;
}

static int end(void **state)
{
	close(witness_fd);
	return child_finish(witness_pid) == 0 ? leave_directory(state) : -1;
}

int main(void)
{
	enum { COUNT = sizeof(operations) / sizeof(operations[0]) };
	struct CMUnitTest tests[COUNT];

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){
			operations[i].name, fail_everywhere, begin, end,
			(void *)(uintptr_t)&operations[i],
		};
	/* A pattern: a ? stands for a blank. */
	cmocka_set_test_filter(getenv("LF_TEST"));
	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
