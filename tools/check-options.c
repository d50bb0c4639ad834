/* SPDX-License-Identifier: 0BSD */
/* The command line of lf-check. */
#include "config.h"

#include "check.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: lf-check [OPTION]... [PATH]...\n"
	"Show whether each lock file PATH is held, by which processes, for how long,\n"
	"and which processes wait for it.  A directory means itself and the files in\n"
	"it, as far as they are held; no PATH means all locked files of this machine.\n"
	"Nothing is locked, changed or delayed.\n"
	"\n"
	"  -a, --all           also show the free files of a directory\n"
	"  -p, --pid           print only the PIDs of the holders, one per line\n"
	"  -q, --quiet         print nothing, only set the exit status\n"
	"      --record        only locks of fcntl(2) and lockf(3), as of lf-acquire\n"
	"      --flock         only locks of flock(2); both: as without these two\n";

static const char more_help[] =
	"  -w, --wait          wait until none is held, without taking a lock\n"
	"  -t, --timeout SECONDS\n"
	"                      wait at most this long; fractions are allowed\n"
	"      --fs            show what the file system of PATH does with locks; PATH\n"
	"                      need not exist; with --json as JSON\n"
	"      --mine          exit with 0 if this command runs under the lock on each\n"
	"                      PATH already, with 1 if not; print nothing\n"
	"  -h, --help          show this help and exit\n"
	"  -V, --version       show the version and exit\n"
	"\n"
	"Exit status: 0 if any is held, 1 if none is, also after waiting; 2 or more\n"
	"on an error; with --quiet, 0 if any is held, even on an error.\n";

/* What has no letter. */
enum { FS = 256, MINE, BY_RECORD, BY_FLOCK };

static const char short_options[] = ":apqlJo:nrwt:hV";
static const struct option long_options[] = {
	{ "all", no_argument, NULL, 'a' },
	{ "pid", no_argument, NULL, 'p' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "list", no_argument, NULL, 'l' },
	{ "json", no_argument, NULL, 'J' },
	{ "output", required_argument, NULL, 'o' },
	{ "noheadings", no_argument, NULL, 'n' },
	{ "raw", no_argument, NULL, 'r' },
	{ "wait", no_argument, NULL, 'w' },
	{ "timeout", required_argument, NULL, 't' },
	{ "fs", no_argument, NULL, FS },
	{ "mine", no_argument, NULL, MINE },
	{ "record", no_argument, NULL, BY_RECORD },
	{ "flock", no_argument, NULL, BY_FLOCK },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

__attribute__((__noreturn__)) static void show_help(void)
{
	fputs(help, stdout);
	fputs(table_help, stdout);
	fputs(more_help, stdout);
	exit(finish_output(0));
}

/* Each of these options asks for a table. */
static void parse_table_option(int c, struct check_options *o)
{
	o->table = true;
	switch (c) {
	case 'J':
		o->style.json = true;
		break;
	case 'o':
		o->style.columns = optarg;
		break;
	case 'n':
		o->style.noheadings = true;
		break;
	case 'r':
		o->style.raw = true;
		break;
	}
}

/* The option among ARGUMENTS that getopt(3) parsed: operands may precede it. */
static const char *first_option(char **arguments)
{
	while ((*arguments)[0] != '-' || (*arguments)[1] == '\0')
		arguments++;
	return *arguments;
}

/* The option is among ARGUMENTS. */
static void parse_option(int c, char **arguments, struct check_options *o)
{
	switch (c) {
	case 'a':
		o->all = true;
		break;
	case 'p':
		o->pid = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 'w':
		o->wait = true;
		break;
	case 't':
		o->timeout_ms = parse_timeout(optarg);
		o->wait = true;
		break;
	case FS:
		o->fs = true;
		break;
	case MINE:
		o->mine = true;
		break;
	case BY_RECORD:
		o->record = true;
		break;
	case BY_FLOCK:
		o->flock = true;
		break;
	case 'h':
		show_help();
	case 'V':
		show_version();
	case '?':
	case ':':
		reject_option(c, first_option(arguments), long_options);
		show_hint();
	default:
		parse_table_option(c, o);
	}
}

/* With flock(1) a time follows -w; -- before it says that it is a file. */
static void reject_times(char *const *paths)
{
	int milliseconds;

	for (; paths[0] && paths[1]; paths++)
		if (parse_seconds(paths[0], &milliseconds)) {
			message("'%s' would be a lock file; to wait at most %s "
				"seconds, use -t %s",
				paths[0], paths[0], paths[0]);
			usage_error("for a lock file of that name, use ./%s",
				    paths[0]);
		}
}

/*
 * A script in which the variable with PATH is empty must neither end all holders
 * of the machine nor take any of them for its own.
 */
static void check_machine_options(const struct check_options *o)
{
	if (o->all || o->pid || o->quiet || o->wait || o->fs || o->mine) {
		message("no lock file given, which --all, --pid, --quiet, "
			"--wait, --timeout, --fs and --mine need");
		show_hint();
	}
}

void parse_options(int argc, char **argv, struct check_options *o)
{
	char **arguments = argv + 1; /* the next to be parsed */
	int c;

	*o = (struct check_options){ .timeout_ms = -1 };
	opterr = 0;
	while ((c = getopt_long(argc, argv, short_options, long_options,
				NULL)) != -1) {
		parse_option(c, arguments, o);
		arguments = argv + optind;
	}
	if (o->table && (o->pid || o->quiet))
		usage_error("--list, --json, --output, --noheadings and --raw "
			    "cannot be used with --pid or --quiet");
	if (o->fs && (o->all || o->pid || o->quiet || o->wait || o->record ||
		      o->flock || o->style.columns ||
		      o->style.noheadings || o->style.raw ||
		      (o->table && !o->style.json)))
		usage_error("--fs can be combined with --json only");
	if (o->mine && (o->record || o->flock || o->all || o->pid || o->wait ||
			o->table || o->fs))
		usage_error("--mine can be combined with --quiet only");
	if (o->style.json && o->style.raw)
		usage_error("--json cannot be used with --raw");
	if (!o->record && !o->flock)
		o->record = o->flock = true;
	if (o->table && !o->fs)
		table_begin(&o->style);
	o->paths = argv + optind;
	if (o->wait && o->timeout_ms < 0 && strcmp(argv[optind - 1], "--") != 0)
		reject_times(o->paths);
	if (!*o->paths)
		check_machine_options(o);
}
