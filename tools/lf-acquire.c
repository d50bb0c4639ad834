/* lf-acquire: run a command under a lock. */
#include "config.h"

#include "holder.h"
#include "lockfile-fcntl.h"
#include "message.h"
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct options {
	int timeout_ms; /* as for lf_acquire() */
	bool keep, quiet, verbose, exec;
	bool has_mode;
	mode_t mode;
	int conflict_status;
	const char *path;
	char **command;
};

static const char help[] =
	"Usage: lf-acquire [OPTION]... LOCKFILE COMMAND [ARGUMENT]...\n"
	"Run COMMAND while holding a lock on LOCKFILE, which is created if it is\n"
	"missing and removed afterwards.  The lock ends with its holder, however\n"
	"that ends: it is never stale.\n"
	"\n"
	"  -n, --no-wait       fail at once if the lock is held (default)\n"
	"  -w, --wait          wait for the lock, as long as it takes\n"
	"  -t, --timeout SECONDS\n"
	"                      wait for it at most so long; fractions are allowed\n"
	"  -k, --keep          do not remove LOCKFILE afterwards\n"
	"  -m, --mode MODE     mode for a new LOCKFILE, in octal\n"
	"  -E, --conflict-exit-code N\n"
	"                      exit with N instead of 75 if the lock is held\n"
	"  -F, --exec          become COMMAND instead of waiting for it; LOCKFILE\n"
	"                      stays\n"
	"  -q, --quiet         say nothing if the lock is held\n"
	"  -v, --verbose       say what is waited for and how long it took\n"
	"  -h, --help          show this and exit\n"
	"  -V, --version       show the version and exit\n"
	"\n"
	"Exit status: COMMAND's own; 75 the lock is held; 64 wrong usage; 66, 73\n"
	"LOCKFILE cannot be opened, created; 71 another failure of the system;\n"
	"126, 127 COMMAND cannot be run, was not found.\n";

static const struct option long_options[] = {
	{ "no-wait", no_argument, NULL, 'n' },
	{ "wait", no_argument, NULL, 'w' },
	{ "timeout", required_argument, NULL, 't' },
	{ "keep", no_argument, NULL, 'k' },
	{ "mode", required_argument, NULL, 'm' },
	{ "conflict-exit-code", required_argument, NULL, 'E' },
	{ "exec", no_argument, NULL, 'F' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* Digits only: strtoul(3) would take blanks, signs and "0x" too. */
static bool parse_number(const char *text, int base, unsigned long max,
			 unsigned long *number)
{
	if (*text == '\0' || strspn(text, "0123456789") != strlen(text) ||
	    strlen(text) > 9)
		return false;
	*number = 0;
	for (; *text; text++) {
		if (*text - '0' >= base)
			return false;
		*number = *number * (unsigned)base + (unsigned)(*text - '0');
	}
	return *number <= max;
}

/* "2", "0.5" or ".5"; never rounded down to less than was asked for. */
static bool parse_seconds(const char *text, int *milliseconds)
{
	size_t whole = strspn(text, "0123456789"), fraction = 0;
	long long ms = 0;

	if (text[whole] == '.')
		fraction = strspn(text + whole + 1, "0123456789");
	if (whole + fraction == 0 || whole > 9 ||
	    text[whole + (text[whole] == '.') + fraction] != '\0')
		return false;
	for (size_t i = 0; i < whole; i++)
		ms = ms * 10 + (text[i] - '0');
	ms *= 1000;
	for (size_t i = 0, unit = 100; i < fraction; i++, unit /= 10) {
		int digit = text[whole + 1 + i] - '0';

		if (unit == 0 && digit > 0) {
			ms++;
			break;
		}
		ms += digit * (int)unit;
	}
	*milliseconds = (int)ms;
	return ms <= INT_MAX;
}

/* Does not return if the arguments ask for something else than a lock. */
static void parse(int argc, char **argv, struct options *o)
{
	unsigned long number;
	int c;

	while ((c = getopt_long(argc, argv, "+nwt:km:E:FqvhV", long_options,
				NULL)) != -1) {
		switch (c) {
		case 'n':
			o->timeout_ms = 0;
			break;
		case 'w':
			o->timeout_ms = LF_FOREVER;
			break;
		case 't':
			if (!parse_seconds(optarg, &o->timeout_ms)) {
				message_about(optarg,
					      "is no time: give seconds, such "
					      "as 10 or 0.5, at most 2147483");
				exit(STATUS_USAGE);
			}
			break;
		case 'k':
			o->keep = true;
			break;
		case 'm':
			if (!parse_number(optarg, 8, 07777, &number)) {
				message_about(optarg, "is no mode: give up to "
						      "four octal digits, such "
						      "as 600");
				exit(STATUS_USAGE);
			}
			o->has_mode = true;
			o->mode = (mode_t)number;
			break;
		case 'E':
			if (!parse_number(optarg, 10, 255, &number)) {
				message_about(optarg, "is no exit status: give "
						      "a number from 0 to 255");
				exit(STATUS_USAGE);
			}
			o->conflict_status = (int)number;
			break;
		case 'F':
			o->exec = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(finish_output(0));
		case 'V':
			printf("lf-acquire (liblockfile-fcntl) %s\n",
			       lf_version());
			exit(finish_output(0));
		default:
			exit(message_usage());
		}
	}

	argv += optind;
	if (!argv[0]) {
		message("no lock file and no command given");
		exit(message_usage());
	}
	if (argv[0][0] == '\0') {
		message("the name of the lock file is empty");
		exit(STATUS_USAGE);
	}
	o->path = *argv++;
	if (argv[0] && strcmp(argv[0], "--") == 0)
		argv++;
	if (!argv[0]) {
		message_about(o->path, "no command given to run under the lock");
		exit(message_usage());
	}
	o->command = argv;
}

static void say_holder(const char *path, const char *more)
{
	struct holder holder;
	char *text = NULL;
	size_t size;
	FILE *to;
	int rc;

	rc = holder_find(path, &holder);
	if (rc < 0)
		holder.pid = 0;
	to = rc == 0 ? NULL : open_memstream(&text, &size);
	if (to) {
		holder_print(to, &holder);
		fclose(to);
	}
	message_about(path, "%s%s", text ? text : "was held just now", more);
	free(text);
}

static int conflict(const struct options *o, int error)
{
	if (!o->quiet)
		say_holder(o->path, error == -ETIMEDOUT ? "; gave up" : "");
	return o->conflict_status;
}

static int failure(const struct options *o, int error)
{
	const char *hint = advice(error);
	struct stat st;

	message_about(o->path, "%s%s%s", lf_strerror(error), hint ? "; " : "",
		      hint ? hint : "");
	switch (-error) {
	case EBUSY:
	case EDEADLK:
	case EMFILE:
	case ENFILE:
	case ENOLCK:
	case ENOMEM:
	case EIO:
		return STATUS_SYSTEM;
	default:
		return lstat(o->path, &st) == 0 ? STATUS_CANNOT_OPEN :
						  STATUS_CANNOT_CREATE;
	}
}

static int cannot_run(const struct options *o, int error)
{
	const char *name = o->command[0];

	if (error == ENOENT && strchr(name, '/') && access(name, F_OK) == 0) {
		message_about(name, "cannot be run: its interpreter is missing");
		return STATUS_CANNOT_RUN;
	}
	message_about(name, "cannot be run: %s", strerror(error));
	switch (error) {
	case ENOENT:
		return STATUS_NOT_FOUND;
	case EAGAIN:
	case ENOMEM:
		return STATUS_SYSTEM;
	default:
		return STATUS_CANNOT_RUN;
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int take(struct lf_lock **lock, const struct options *o, int timeout_ms)
{
	unsigned flags = o->keep ? LF_KEEP : 0;
	mode_t mask;
	int rc;

	if (!o->has_mode)
		return lf_acquire(lock, o->path, timeout_ms, flags);
	/* A mode that was asked for is exact, as with mkdir -m. */
	mask = umask(0);
	rc = lf_acquire_at(lock, AT_FDCWD, o->path, o->mode, timeout_ms, flags);
	umask(mask);
	return rc;
}

/* While it waits, a signal simply ends it. */
static int wait_and_take(struct lf_lock **lock, const struct options *o,
			 struct signals *was)
{
	int rc;

	if (o->verbose)
		say_holder(o->path, "; waiting");
	give_signals_back(was);
	rc = take(lock, o, o->timeout_ms);
	take_signals(was);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { .conflict_status = STATUS_HELD };
	struct signals was;
	struct lf_lock *lock;
	double start;
	int rc, error, status;

	message_begin("lf-acquire");
	parse(argc, argv, &o);

	start = now();
	take_signals(&was);
	rc = take(&lock, &o, 0);
	if (rc == -EAGAIN && o.timeout_ms != 0)
		rc = wait_and_take(&lock, &o, &was);
	if (rc == -EAGAIN || rc == -ETIMEDOUT)
		return conflict(&o, rc);
	if (rc < 0)
		return failure(&o, rc);
	if (o.verbose)
		message_about(o.path, "locked after %.3f seconds",
			      now() - start);

	if (o.exec) {
		give_signals_back(&was);
		error = become(o.command, lf_fileno(lock));
	} else {
		error = run(o.command, lf_fileno(lock), &was, &status);
	}
	if (lf_release(&lock) > 0 && o.verbose)
		message_about(o.path, "left in place");
	return error ? cannot_run(&o, error) : end_alike(status);
}
