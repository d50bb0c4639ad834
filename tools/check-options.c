/* The command line of lf-check. */
#include "config.h"

#include "check-options.h"

#include "lockfile-fcntl.h"
#include "message.h"
#include "number.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
	"Usage: lf-check [OPTION]... PATH...\n"
	"Tell whether each lock file PATH is held: by whom, for how long, and who\n"
	"waits for it.  A directory means the lock files in it that are held.\n"
	"Nothing is locked, changed or delayed by that.\n"
	"\n"
	"  -a, --all           of a directory, also the files that are free\n"
	"  -p, --pid           print only the PIDs of the holders, one a line\n"
	"  -q, --quiet         print nothing, only exit\n";

static const char more_help[] =
	"  -w, --wait          wait until none is held, without taking a lock\n"
	"  -t, --timeout SECONDS\n"
	"                      wait at most so long; fractions are allowed\n"
	"  -h, --help          show this and exit\n"
	"  -V, --version       show the version and exit\n"
	"\n"
	"Exit status: 0 if any is held, 1 if none is, also after waiting; 2 or more\n"
	"on an error; with --quiet, 0 if any is held, whatever else.\n";

static const char short_options[] = "apqlJo:nrwt:hV";
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

__attribute__((__noreturn__)) static void show_version(void)
{
	printf("lf-check (liblockfile-fcntl) %s\n", lf_version());
	exit(finish_output(0));
}

/* Columns, headings and so on are of a table: they ask for one. */
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

static void parse_option(int c, struct check_options *o)
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
		if (!parse_seconds(optarg, &o->timeout_ms))
			refuse(optarg, IS_NO_TIME);
		o->wait = true;
		break;
	case 'h':
		show_help();
	case 'V':
		show_version();
	case '?':
		exit(message_usage());
	default:
		parse_table_option(c, o);
	}
}

void parse_check_options(int argc, char **argv, struct check_options *o)
{
	int c;

	*o = (struct check_options){ .timeout_ms = -1 };
	while ((c = getopt_long(argc, argv, short_options, long_options,
				NULL)) != -1)
		parse_option(c, o);
	if (o->table && (o->pid || o->quiet))
		refuse(NULL, "a table or JSON goes with neither --pid nor "
			     "--quiet: give the one or the other");
	if (o->style.json && o->style.raw)
		refuse(NULL, "--json with --raw: give one of them");
	if (o->table)
		table_begin(&o->style);
	o->paths = argv + optind;
	if (!*o->paths) {
		message("no lock file given");
		exit(message_usage());
	}
}
