/* SPDX-License-Identifier: 0BSD */
/* The command line of lf-acquire. */
#include "config.h"

#include "acquire.h"
#include "common.h"

#include <lockfile-fcntl.h>

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: lf-acquire [OPTION]... LOCKFILE COMMAND [ARGUMENT]...\n"
	"  or:  lf-acquire [OPTION]... --fd N\n"
	"Run COMMAND while holding a lock on LOCKFILE, which is created if it is\n"
	"missing and removed afterwards.  The lock ends with its holder, however\n"
	"that ends: it is never stale.\n"
	"\n"
	"  -a, --also FILE     lock FILE too: all of them or none; may be repeated\n"
	"  -n, --no-wait       fail immediately if the lock is held (default)\n"
	"  -w, --wait          wait for the lock, as long as it takes\n"
	"  -t, --timeout SECONDS\n"
	"                      wait for it at most this long; fractions are allowed\n"
	"  -1, --one-waiter    wait, but fail if another already waits\n"
	"  -N, --slots N       let N run at a time, each under one of the locks\n"
	"                      LOCKFILE.1 to LOCKFILE.N\n"
	"  -x, --exclusive     exclude all other holders (default)\n"
	"  -s, --shared        exclude only holders that do not share the lock\n"
	"  -k, --keep          do not remove LOCKFILE afterwards\n"
	"  -p, --pid           write the PID into LOCKFILE\n"
	"  -m, --mode MODE     mode for a new LOCKFILE, in octal\n"
	"      --no-create     LOCKFILE must exist\n"
	"      --follow        LOCKFILE may be a symbolic link; it is kept\n"
	"      --flock         exclude users of flock(2) too; LOCKFILE is kept\n"
	"      --global        fail unless other machines are excluded too\n"
	"  -E, --conflict-exit-code N\n"
	"                      exit with N instead of 75 if the lock is held\n"
	"  -o, --close         do not pass the locked descriptor to COMMAND\n"
	"  -F, --exec          become COMMAND instead of waiting for it; LOCKFILE\n"
	"                      is kept\n"
	"  -r, --nested        if the caller runs under the lock already, run COMMAND\n"
	"                      under it, too\n"
	"  -f, --fd N          lock descriptor N of the calling shell, and exit\n"
	"  -u, --unlock        with --fd: unlock it\n"
	"  -q, --quiet         print nothing if the lock is held\n"
	"  -v, --verbose       print the holder while waiting, and how long it took\n"
	"  -h, --help          show this help and exit\n"
	"  -V, --version       show the version and exit\n"
	"\n"
	"Exit status: COMMAND's own; 75 if the lock is held; 64 for wrong usage;\n"
	"66 or 73 if LOCKFILE cannot be opened or created; 71 if the system fails\n"
	"otherwise; 126 or 127 if COMMAND cannot be run or is not found.\n";

/* Not a timeout: what the command line says of none. */
#define UNSET INT_MIN

/* Options without a letter. */
enum { NO_CREATE = UCHAR_MAX + 1, FOLLOW, FLOCK_TOO, GLOBAL };

static const char short_options[] = "+:a:nwt:1N:xskpm:E:oFrf:uqvhV";
static const struct option long_options[] = {
	{ "also", required_argument, NULL, 'a' },
	{ "no-wait", no_argument, NULL, 'n' },
	{ "wait", no_argument, NULL, 'w' },
	{ "timeout", required_argument, NULL, 't' },
	{ "one-waiter", no_argument, NULL, '1' },
	{ "slots", required_argument, NULL, 'N' },
	{ "exclusive", no_argument, NULL, 'x' },
	{ "shared", no_argument, NULL, 's' },
	{ "keep", no_argument, NULL, 'k' },
	{ "pid", no_argument, NULL, 'p' },
	{ "mode", required_argument, NULL, 'm' },
	{ "no-create", no_argument, NULL, NO_CREATE },
	{ "follow", no_argument, NULL, FOLLOW },
	{ "flock", no_argument, NULL, FLOCK_TOO },
	{ "global", no_argument, NULL, GLOBAL },
	{ "conflict-exit-code", required_argument, NULL, 'E' },
	{ "close", no_argument, NULL, 'o' },
	{ "exec", no_argument, NULL, 'F' },
	{ "nested", no_argument, NULL, 'r' },
	{ "fd", required_argument, NULL, 'f' },
	{ "unlock", no_argument, NULL, 'u' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	/* as flock(1) has them */
	{ "nonblock", no_argument, NULL, 'n' },
	{ "nb", no_argument, NULL, 'n' },
	{ "no-fork", no_argument, NULL, 'F' },
	{ NULL, 0, NULL, 0 },
};

__attribute__((__noreturn__)) static void show(const char *text)
{
	fputs(text, stdout);
	exit(finish_output(0));
}

static bool is_seconds(const char *text)
{
	int milliseconds;

	return parse_seconds(text, &milliseconds);
}

/*
 * What to type instead of habits of flock(1) that mean something else here, or
 * nothing; after the message about the same argument.
 */
static void explain_flock_option(const char *argument)
{
	bool is_long = strncmp(argument, "--", 2) == 0;
	const char *wait = is_long ? NULL : strchr(argument, 'w');

	if ((!is_long && strchr(argument, 'c')) ||
	    strncmp(argument, "--command", 9) == 0)
		message("to run a shell command, use LOCKFILE sh -c 'COMMAND'");
	else if (strcmp(argument, "-e") == 0)
		message("a lock is exclusive by default; use -x or nothing");
	else if (strncmp(argument, "--wait=", 7) == 0 &&
		 is_seconds(argument + 7))
		message("to wait at most %s seconds, use --timeout=%s",
			argument + 7, argument + 7);
	else if (wait && is_seconds(wait + 1))
		message("to wait at most %s seconds, use -t %s", wait + 1,
			wait + 1);
	else if (strcmp(argument, "--nonblocking") == 0 ||
		 strcmp(argument, "--nowait") == 0)
		message("not to wait is the default; use --no-wait or nothing");
	else if (strcmp(argument, "--fcntl") == 0)
		message("the lock is one of fcntl(2) by default; omit --fcntl");
	else if (strncmp(argument, "--start", 7) == 0 ||
		 strncmp(argument, "--length", 8) == 0)
		message("the whole file is locked; omit --start and --length");
}

/* Here it is -w and -1, unless it is the argument of an option before. */
static void reject_flock_wait(const char *argument)
{
	const char *wait = argument[1] != '-' ? strchr(argument, 'w') : NULL;
	bool is_option = wait && strcspn(argument, "aNtmEf") >
					 (size_t)(wait - argument);

	if (is_option && is_seconds(wait + 1))
		usage_error("'%s': to wait at most %s seconds, use -t %s; for "
			    "--wait with --one-waiter, use -w -1",
			    argument, wait + 1, wait + 1);
}

/* The same for operands. */
static void reject_flock_operands(const struct options *o, char **operand)
{
	const char *name = operand[0], *next = operand[1];

	if (o->timeout_ms == LF_FOREVER && is_seconds(name) && next) {
		message("'%s' would be the lock file; to wait at most %s "
			"seconds, use -t %s",
			name, name, name);
		usage_error("for a lock file of that name, use ./%s", name);
	}
	if (next && (strcmp(next, "-c") == 0 || strcmp(next, "--command") == 0))
		usage_error("'%s' would be the command; to run a shell "
			    "command, use LOCKFILE sh -c 'COMMAND'",
			    next);
	if (!next && *name && strspn(name, "0123456789") == strlen(name))
		usage_error("%s: no command given to run under the lock; for "
			    "descriptor %s, use %s--fd %s%s",
			    name, name,
			    o->unlock			   ? "-u " :
			    o->timeout_ms == LF_FOREVER ? "-w " :
							     "",
			    name,
			    o->unlock || o->timeout_ms != 0 ?
				    "" :
				    ", with -w if it is to wait");
}

/* Options for LOCKFILE or COMMAND mean nothing for an open descriptor. */
static void check_descriptor_options(const struct options *o, char **operand)
{
	if (operand[0])
		usage_error("extra operand '%s': --fd takes neither a lock file "
			    "nor a command, which follows in the script",
			    operand[0]);
	if (o->count > 1)
		usage_error("--also cannot be used with --fd: lock the "
			    "descriptors one by one");
	if (o->slots > 0 || o->one_waiter)
		usage_error("--fd cannot be used with --slots or --one-waiter, "
			    "which lock files of other names");
	if (o->nested)
		usage_error("--nested cannot be used with --fd: the descriptor "
			    "would stay unlocked");
	if (o->flags & ~(LF_KEEP | LF_SHARED | LF_GLOBAL | LF_FLOCK) ||
	    o->has_mode || o->close || o->exec)
		usage_error("--fd cannot be used with -p, -m, -o, -F, --follow "
			    "or --no-create: the file is already open");
}

/* The slots are files of their own, and each belongs to one process. */
static void check_slots(const struct options *o)
{
	if (o->count > 1)
		usage_error("--slots cannot be used with --also");
	if (o->flags & LF_SHARED)
		usage_error("--slots cannot be used with --shared: a slot is "
			    "for one COMMAND");
	if (o->flags & (LF_FOLLOW | LF_NOCREATE))
		usage_error("--slots cannot be used with --follow or "
			    "--no-create: a slot is a file of its own, which "
			    "exists while it is held");
}

static void check_options(const struct options *o)
{
	if (o->slots > 0)
		check_slots(o);
	if (o->one_waiter && o->timeout_ms == 0)
		usage_error("--one-waiter cannot be used with --no-wait: it "
			    "waits, unless another does");
	if (o->nested && o->flags & LF_FLOCK)
		usage_error("--nested cannot be used with --flock: the lock of "
			    "the caller may not exclude flock(2)");
	if (o->unlock)
		usage_error("--unlock needs a descriptor: use -u --fd N");
	if (o->flags & LF_PID && o->flags & LF_SHARED)
		usage_error("--pid cannot be used with --shared: the file can "
			    "contain the PID of one holder only");
	if (o->exec && o->close)
		usage_error("--exec cannot be used with --close: the lock "
			    "would end immediately");
}

/* LOCKFILE, and COMMAND after it, perhaps with a -- between them. */
static void parse_operands(struct options *o, char **operand)
{
	if (!operand[0]) {
		message("no lock file and no command given");
		show_hint();
	}
	o->lockfile = *operand++;
	o->paths[0] = o->lockfile;
	for (size_t i = 0; i < o->count; i++)
		if (o->paths[i][0] == '\0')
			usage_error("the name of a lock file is empty");
	if (operand[0] && strcmp(operand[0], "--") == 0)
		operand++;
	else if (operand[0] && operand[0][0] == '-')
		usage_error("'%s' would be the command: give options before the "
			    "lock file, or -- before such a command",
			    operand[0]);
	if (!operand[0]) {
		message_about(o->paths[0],
			      "no command given to run under the lock");
		show_hint();
	}
	o->command = operand;
}

static unsigned long parse_value(const char *text, int base, unsigned long min,
				 unsigned long max, const char *what,
				 const char *remedy)
{
	unsigned long value;

	if (!parse_number(text, base, max, &value) || value < min)
		usage_error("invalid %s '%s': give %s", what, text,
			    remedy);
	return value;
}

/* Whether to wait, and for what; false: C is no such option. */
static bool parse_wait_option(int c, struct options *o)
{
	switch (c) {
	case 'n':
		o->timeout_ms = 0;
		return true;
	case 'w':
		o->timeout_ms = LF_FOREVER;
		return true;
	case 't':
		o->timeout_ms = parse_timeout(optarg);
		return true;
	case '1':
		o->one_waiter = true;
		return true;
	case 'N':
		o->slots = (int)parse_value(
			optarg, 10, 1, MOST_SLOTS, "number",
			"a number of slots from 1 to 1000");
		return true;
	default:
		return false;
	}
}

/* The lock and its file; false: C is no such option. */
static bool parse_lock_option(int c, struct options *o)
{
	switch (c) {
	case 'a':
		o->paths[o->count++] = optarg;
		return true;
	case 'x':
		o->flags &= ~LF_SHARED;
		return true;
	case 's':
		o->flags |= LF_SHARED;
		return true;
	case 'k':
		o->flags |= LF_KEEP;
		return true;
	case 'p':
		o->flags |= LF_PID;
		return true;
	case 'm':
		o->mode = (mode_t)parse_value(
			optarg, 8, 0, 07777, "mode",
			"up to four octal digits, such as 600");
		o->has_mode = true;
		return true;
	case NO_CREATE:
		o->flags |= LF_NOCREATE;
		return true;
	case FOLLOW:
		o->flags |= LF_FOLLOW;
		return true;
	case FLOCK_TOO:
		o->flags |= LF_FLOCK;
		return true;
	case GLOBAL:
		o->flags |= LF_GLOBAL;
		return true;
	case 'f':
		o->fd = (int)parse_value(optarg, 10, 0, INT_MAX,
					 "descriptor", "a number, such as 9");
		return true;
	default:
		return false;
	}
}

/* The others; ARGUMENT is the one with the option. */
static void parse_option(int c, const char *argument, struct options *o)
{
	switch (c) {
	case 'E':
		o->conflict_status = (int)parse_value(
			optarg, 10, 0, 255, "exit status",
			"a number from 0 to 255");
		break;
	case 'o':
		o->close = true;
		break;
	case 'F':
		o->exec = true;
		break;
	case 'r':
		o->nested = true;
		break;
	case 'u':
		o->unlock = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case 'h':
		show(help);
	case 'V':
		show_version();
	default:
		reject_option(c, argument, long_options);
		explain_flock_option(argument);
		show_hint();
	}
}

/* Words of others: the parser that reads ours starts over, and is silent. */
int find_command(int count, char **words, int *slots)
{
	const char *slash = strrchr(words[0], '/');
	int c, operand;

	if (strcmp(slash ? slash + 1 : words[0], "lf-acquire") != 0)
		return 0;
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(count, words, short_options, long_options,
				NULL)) != -1) {
		unsigned long number;

		if (c == '?' || c == ':' || c == 'f' || c == 'h' || c == 'V')
			return 0;
		if (c == 'N' && parse_number(optarg, 10, MOST_SLOTS, &number))
			*slots = (int)number;
	}
	operand = optind + 1;
	if (operand < count && strcmp(words[operand], "--") == 0)
		operand++;
	return operand < count ? operand : 0;
}

void parse_acquire_options(int argc, char **argv, struct options *o)
{
	const char *argument = argv[1]; /* the next to be parsed */
	int c;

	*o = (struct options){
		.timeout_ms = UNSET,
		.mode = 0666,
		.conflict_status = STATUS_HELD,
		.paths = checked(calloc((size_t)argc, sizeof(*o->paths))),
		.count = 1,
		.fd = -1,
	};
	opterr = 0;
	while ((c = getopt_long(argc, argv, short_options, long_options,
				NULL)) != -1) {
		if (c == '1')
			reject_flock_wait(argument);
		if (!parse_wait_option(c, o) && !parse_lock_option(c, o))
			parse_option(c, argument, o);
		argument = argv[optind];
	}
	if (o->timeout_ms == UNSET)
		o->timeout_ms = o->one_waiter ? LF_FOREVER : 0;
	if (o->fd >= 0) {
		check_descriptor_options(o, argv + optind);
		return;
	}
	/* An explicit -- before LOCKFILE says that it is one. */
	if (argv[optind] && strcmp(argument, "--") != 0)
		reject_flock_operands(o, argv + optind);
	check_options(o);
	parse_operands(o, argv + optind);
}
