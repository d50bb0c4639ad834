/* lf-check: tell whether a lock is held, and by whom. */
#include "config.h"

#include "holder.h"
#include "lockfile-fcntl.h"
#include "message.h"
#include "text.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>

enum { HELD = 0, FREE = 1, CANNOT_TELL = 2 };

struct options {
	bool quiet, pid;
};

static const char help[] =
	"Usage: lf-check [OPTION]... LOCKFILE...\n"
	"Tell whether LOCKFILE is locked, and by whom, without touching it.\n"
	"\n"
	"  -p, --pid       print only the PIDs of the holders, one a line\n"
	"  -q, --quiet     print nothing, only exit\n"
	"  -h, --help      show this and exit\n"
	"  -V, --version   show the version and exit\n"
	"\n"
	"Exit status: 0 if any is held, 1 if none is, 2 or more on an error; with\n"
	"--quiet, 0 if any is held, whatever else.\n";

static const struct option long_options[] = {
	{ "pid", no_argument, NULL, 'p' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static void parse(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "pqhV", long_options, NULL)) !=
	       -1) {
		switch (c) {
		case 'p':
			o->pid = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(finish_output(0));
		case 'V':
			printf("lf-check (liblockfile-fcntl) %s\n",
			       lf_version());
			exit(finish_output(0));
		default:
			exit(message_usage());
		}
	}
	if (!argv[optind]) {
		message("no lock file given");
		exit(message_usage());
	}
}

static void print_sentence(const char *path, int rc,
			   const struct holder *holder)
{
	print_escaped(stdout, path);
	fputs(": ", stdout);
	if (rc == 0)
		fputs("free", stdout);
	else
		holder_print(stdout, holder);
	putchar('\n');
}

static int check(const char *path, const struct options *o)
{
	struct holder holder;
	int rc;

	holder = (struct holder){ .pid = 0 };
	if (o->quiet || o->pid)
		rc = lf_check(path, &holder.pid);
	else
		rc = holder_find(path, &holder);
	if (rc < 0) {
		message_about(path, "%s%s", lf_strerror(rc),
			      rc == -EACCES ? " (try as root)" : "");
		return CANNOT_TELL;
	}
	if (!o->quiet && !o->pid)
		print_sentence(path, rc, &holder);
	else if (!o->quiet && holder.pid > 0)
		printf("%ld\n", (long)holder.pid);
	holder_free(&holder);
	return rc > 0 ? HELD : FREE;
}

int main(int argc, char **argv)
{
	struct options o = { .quiet = false };
	bool held = false, failed = false;

	message_begin("lf-check");
	parse(argc, argv, &o);
	for (int i = optind; i < argc; i++) {
		int found = check(argv[i], &o);

		held |= found == HELD;
		failed |= found == CANNOT_TELL;
	}
	if (failed && !(o.quiet && held))
		return finish_output(CANNOT_TELL);
	return finish_output(held ? HELD : FREE);
}
