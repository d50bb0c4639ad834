/* The command line of lf-acquire. */
#include "config.h"

#include "options.h"

#include "lockfile-fcntl.h"
#include "message.h"
#include "number.h"

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
	"  -n, --no-wait       fail at once if the lock is held (default)\n"
	"  -w, --wait          wait for the lock, as long as it takes\n"
	"  -t, --timeout SECONDS\n"
	"                      wait for it at most so long; fractions are allowed\n"
	"  -x, --exclusive     nobody else may hold it (default)\n"
	"  -s, --shared        others may hold it, if they share it too\n"
	"  -k, --keep          do not remove LOCKFILE afterwards\n"
	"  -p, --pid           write the PID into LOCKFILE\n"
	"  -m, --mode MODE     mode for a new LOCKFILE, in octal\n"
	"      --no-create     LOCKFILE must exist\n"
	"      --follow        LOCKFILE may be a symbolic link; it is kept\n"
	"  -E, --conflict-exit-code N\n"
	"                      exit with N instead of 75 if the lock is held\n"
	"  -o, --close         do not pass the locked descriptor to COMMAND\n"
	"  -F, --exec          become COMMAND instead of waiting for it; LOCKFILE\n"
	"                      is kept\n"
	"  -f, --fd N          lock descriptor N of the calling shell, and leave\n"
	"  -u, --unlock        with --fd: unlock it\n"
	"  -q, --quiet         say nothing if the lock is held\n"
	"  -v, --verbose       say what is waited for and how long it took\n"
	"  -h, --help          show this and exit\n"
	"  -V, --version       show the version and exit\n"
	"\n"
	"Exit status: COMMAND's own; 75 the lock is held; 64 wrong usage; 66, 73\n"
	"LOCKFILE cannot be opened, created; 71 another failure of the system;\n"
	"126, 127 COMMAND cannot be run, was not found.\n";

/* What has a long form only. */
enum { NO_CREATE = UCHAR_MAX + 1, FOLLOW };

static const char short_options[] = "+a:nwt:xskpm:E:oFf:uqvhV";
static const struct option long_options[] = {
	{ "also", required_argument, NULL, 'a' },
	{ "no-wait", no_argument, NULL, 'n' },
	{ "wait", no_argument, NULL, 'w' },
	{ "timeout", required_argument, NULL, 't' },
	{ "exclusive", no_argument, NULL, 'x' },
	{ "shared", no_argument, NULL, 's' },
	{ "keep", no_argument, NULL, 'k' },
	{ "pid", no_argument, NULL, 'p' },
	{ "mode", required_argument, NULL, 'm' },
	{ "no-create", no_argument, NULL, NO_CREATE },
	{ "follow", no_argument, NULL, FOLLOW },
	{ "conflict-exit-code", required_argument, NULL, 'E' },
	{ "close", no_argument, NULL, 'o' },
	{ "exec", no_argument, NULL, 'F' },
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

static bool is_seconds(const char *text)
{
	int milliseconds;

	return parse_seconds(text, &milliseconds);
}

/*
 * Habits of flock(1) that would mean something else here, or nothing.  Said
 * after getopt(3) has said what it does not know.
 */
static void say_what_flock_means(const char *argument)
{
	if (strncmp(argument, "--", 2) != 0 && strchr(argument, 'c'))
		message("for a command of the shell: LOCKFILE sh -c 'COMMAND'");
	else if (strncmp(argument, "--command", 9) == 0)
		message("for a command of the shell: LOCKFILE sh -c 'COMMAND'");
	else if (strcmp(argument, "-e") == 0)
		message("for an exclusive lock: -x, or nothing");
	else if (strncmp(argument, "--wait=", 7) == 0 &&
		 is_seconds(argument + 7))
		message("to wait at most %s seconds: --timeout=%s",
			argument + 7, argument + 7);
	else if (strncmp(argument, "-w", 2) == 0 && is_seconds(argument + 2))
		message("to wait at most %s seconds: -t %s", argument + 2,
			argument + 2);
}

/* The same for operands. */
static void refuse_flock_operands(const struct options *o, char **operand)
{
	if (o->timeout_ms == LF_FOREVER && is_seconds(operand[0]) &&
	    operand[1]) {
		message_about(operand[0], "would be the lock file here; to wait "
					  "at most %s seconds: -t %s",
			      operand[0], operand[0]);
		message("for a lock file of this name: ./%s", operand[0]);
		exit(STATUS_USAGE);
	}
	if (operand[1] && (strcmp(operand[1], "-c") == 0 ||
			   strcmp(operand[1], "--command") == 0))
		refuse(operand[1], "would be the command here; for a command of "
				   "the shell: LOCKFILE sh -c 'COMMAND'");
	if (!operand[1] && strspn(operand[0], "0123456789") ==
				   strlen(operand[0])) {
		message_about(operand[0], "no command given to run under the "
					  "lock; for this descriptor: "
					  "%s--fd %s",
			      o->unlock ? "-u " : "", operand[0]);
		exit(STATUS_USAGE);
	}
}

/* "--fd" says all; what is for LOCKFILE or COMMAND has no meaning with it. */
static void parse_descriptor(const struct options *o, char **operand)
{
	if (operand[0])
		refuse(operand[0], "with --fd there is neither lock file nor "
				   "command; give the one or the other");
	if (o->count > 1)
		refuse(NULL, "--also cannot be used with --fd: lock the files "
			     "one by one, or give all of them as LOCKFILE and "
			     "--also");
	if (o->flags & ~(LF_KEEP | LF_SHARED) || o->has_mode || o->close || o->exec)
		refuse(NULL, "--fd goes with -n, -w, -t, -x, -s, -u, -E, -q, -v and "
			     "nothing else: the file is open already");
}

static void parse_operands(struct options *o, char **operand)
{
	if (o->unlock)
		refuse(NULL, "-u unlocks a descriptor: give --fd N too");
	if (o->flags & LF_PID && o->flags & LF_SHARED)
		refuse(NULL, "--pid with --shared would name one of many: give "
			     "one of them");
	if (o->exec && o->close)
		refuse(NULL, "--exec with --close would drop the lock at once: "
			     "give one of them");
	if (!operand[0]) {
		message("no lock file and no command given");
		exit(message_usage());
	}
	o->paths[0] = *operand++;
	for (size_t i = 0; i < o->count; i++)
		if (o->paths[i][0] == '\0')
			refuse(NULL, "the name of a lock file is empty");
	if (operand[0] && strcmp(operand[0], "--") == 0)
		operand++;
	else if (operand[0] && operand[0][0] == '-')
		refuse(operand[0], "would be the command here; give options "
				   "before the lock file, or -- before such a "
				   "command");
	if (!operand[0]) {
		message_about(o->paths[0],
			      "no command given to run under the lock");
		exit(message_usage());
	}
	o->command = operand;
}

void parse_options(int argc, char **argv, struct options *o)
{
	const char *argument = argv[1]; /* that is parsed next */
	unsigned long number;
	int c;

	*o = (struct options){
		.mode = 0666,
		.conflict_status = STATUS_HELD,
		.paths = calloc((size_t)argc, sizeof(*o->paths)),
		.count = 1,
		.fd = -1,
	};
	if (!o->paths)
		refuse_for_memory();
	while ((c = getopt_long(argc, argv, short_options, long_options,
				NULL)) != -1) {
		switch (c) {
		case 'a':
			o->paths[o->count++] = optarg;
			break;
		case 'n':
			o->timeout_ms = 0;
			break;
		case 'w':
			o->timeout_ms = LF_FOREVER;
			break;
		case 't':
			if (!parse_seconds(optarg, &o->timeout_ms))
				refuse(optarg, IS_NO_TIME);
			break;
		case 'x':
			o->flags &= ~LF_SHARED;
			break;
		case 's':
			o->flags |= LF_SHARED;
			break;
		case 'k':
			o->flags |= LF_KEEP;
			break;
		case 'p':
			o->flags |= LF_PID;
			break;
		case 'm':
			if (!parse_number(optarg, 8, 07777, &number))
				refuse(optarg, "is no mode: give up to four "
					       "octal digits, such as 600");
			o->has_mode = true;
			o->mode = (mode_t)number;
			break;
		case NO_CREATE:
			o->flags |= LF_NOCREATE;
			break;
		case FOLLOW:
			o->flags |= LF_FOLLOW;
			break;
		case 'E':
			if (!parse_number(optarg, 10, 255, &number))
				refuse(optarg, "is no exit status: give a "
					       "number from 0 to 255");
			o->conflict_status = (int)number;
			break;
		case 'o':
			o->close = true;
			break;
		case 'F':
			o->exec = true;
			break;
		case 'f':
			if (!parse_number(optarg, 10, INT_MAX, &number))
				refuse(optarg, "is no descriptor: give a "
					       "number, such as 9");
			o->fd = (int)number;
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
			fputs(help, stdout);
			exit(finish_output(0));
		case 'V':
			printf("lf-acquire (liblockfile-fcntl) %s\n",
			       lf_version());
			exit(finish_output(0));
		default:
			say_what_flock_means(argument);
			exit(message_usage());
		}
		argument = argv[optind];
	}
	if (o->fd >= 0) {
		parse_descriptor(o, argv + optind);
		return;
	}
	if (argv[optind])
		refuse_flock_operands(o, argv + optind);
	parse_operands(o, argv + optind);
}
