/*
 * For example
 *
 *   data.lock: held by PID 812 (report), user www, shared, running for 3 min
 *     and by PID 815 (report -v), user www, shared, running for 12 s
 *     waiting: PID 900 (lf-acquire data.lock rotate), user root
 *     then: PID 901 (lf-acquire -s data.lock report), user www, to share it
 */
#include "config.h"

#include "sentence.h"

#include "lockfile-fcntl.h"
#include "look.h"
#include "process.h"
#include "since.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* A command has as many columns in any case. */
#define SHORTEST_COMMAND 24

static size_t columns; /* of the terminal; 0: there is none */
static bool colours;

void sentence_begin(void)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return;
	columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		columns = size.ws_col;
	colours = !(no_colour && *no_colour) && term && *term &&
		  strcmp(term, "dumb") != 0;
}

static void print_word(const char *word, const char *colour)
{
	if (colours)
		printf("\033[%sm%s\033[m", colour, word);
	else
		fputs(word, stdout);
}

static size_t room(size_t used)
{
	if (columns == 0)
		return COMMAND_WIDTH;
	return columns > used + SHORTEST_COMMAND ? columns - used :
						   SHORTEST_COMMAND;
}

/* In two units at most: "12 s", "3 min", "2 h 5 min", "3 d 4 h". */
static void say_duration(char *text, size_t size, long long s)
{
	long long min = s / 60, h = min / 60, d = h / 24;

	if (min == 0)
		snprintf(text, size, "%lld s", s);
	else if (h == 0)
		snprintf(text, size, "%lld min", min);
	else if (d == 0)
		snprintf(text, size, "%lld h %lld min", h, min % 60);
	else
		snprintf(text, size, "%lld d %lld h", d, h % 24);
}

static void say_more(char *text, size_t size, const struct finding *finding,
		     const struct lf_entry *entry, const struct process *p)
{
	struct since since = since_when(finding->report, entry, p);
	const char *shared = lf_entry_shared(entry) ? ", shared" : "";
	char duration[48];

	if (lf_entry_waits(entry)) {
		snprintf(text, size, "%s",
			 lf_entry_shared(entry) ? ", to share it" : "");
		return;
	}
	say_duration(duration, sizeof(duration), since.age);
	if (since.event == LOCKED)
		snprintf(text, size, "%s, locked %s ago", shared, duration);
	else if (since.event == STARTED)
		snprintf(text, size, "%s, running for %s", shared, duration);
	else
		snprintf(text, size, "%s", shared);
}

/* Who began at a time that is not known may be another by now. */
static void read_entry(struct process *p, const struct lf_entry *entry)
{
	unsigned long long start_time = lf_entry_start_time(entry);

	process_read(p, start_time ? lf_entry_pid(entry) : 0, start_time);
}

/* After so many columns of the line. */
static void print_entry(const struct finding *finding,
			const struct lf_entry *entry, size_t used)
{
	pid_t pid = lf_entry_pid(entry);
	struct process p;
	char more[80];

	read_entry(&p, entry);
	say_more(more, sizeof(more), finding, entry, &p);
	if (pid > 0)
		process_print(stdout, pid, &p,
			      room(used + process_width(pid, &p) +
				   strlen(more)));
	else
		fputs("a process that is not known", stdout);
	fputs(more, stdout);
	process_free(&p);
}

static void print_line(const struct finding *finding,
		       const struct lf_entry *entry, const char *lead)
{
	fputs(lead, stdout);
	print_entry(finding, entry, strlen(lead));
	putchar('\n');
}

enum kind { HOLDER, UNKNOWN_HOLDER, WAITER, FLOCK_HOLDER, FLOCK_WAITER };

static enum kind kind_of(const struct lf_entry *entry)
{
	bool waits = lf_entry_waits(entry);

	if (lf_entry_type(entry) == LF_TYPE_FLOCK)
		return waits ? FLOCK_WAITER : FLOCK_HOLDER;
	if (waits)
		return WAITER;
	return lf_entry_pid(entry) > 0 ? HOLDER : UNKNOWN_HOLDER;
}

static const struct lf_entry *next_of(const struct finding *finding,
				      const struct lf_entry *entry,
				      enum kind kind)
{
	do {
		entry = lf_report_next(finding->report, entry);
	} while (entry && kind_of(entry) != kind);
	return entry;
}

static void print_unknown_holder(const struct lf_entry *entry)
{
	print_word("held", "1;31");
	printf("%s; holder not known%s\n",
	       lf_entry_shared(entry) ? ", shared" : "", try_as_root());
}

static void print_holders(const struct finding *finding)
{
	const struct lf_entry *unknown, *entry;

	unknown = next_of(finding, NULL, UNKNOWN_HOLDER);
	entry = next_of(finding, NULL, HOLDER);
	if (!entry) {
		print_unknown_holder(unknown);
		return;
	}
	print_word("held", "1;31");
	fputs(" by ", stdout);
	print_entry(finding, entry,
		    escaped_width(finding->path) + strlen(": held by "));
	putchar('\n');
	while ((entry = next_of(finding, entry, HOLDER)) != NULL)
		print_line(finding, entry, "  and by ");
	if (unknown)
		printf("  and by others that are not known%s\n",
		       try_as_root());
}

/* All of a kind: the first with its own lead. */
static void print_all(const struct finding *finding, enum kind kind,
		      const char *first, const char *others)
{
	const struct lf_entry *entry = next_of(finding, NULL, kind);

	if (entry)
		print_line(finding, entry, first);
	while (entry && (entry = next_of(finding, entry, kind)) != NULL)
		print_line(finding, entry, others);
}

void sentence_print(const struct finding *finding)
{
	print_escaped(stdout, finding->path);
	fputs(": ", stdout);
	if (finding->rc > 0) {
		print_holders(finding);
	} else {
		print_word("free", "32");
		putchar('\n');
	}
	print_all(finding, WAITER, "  waiting: ", "  then: ");
	if (finding->rc > 0 && lf_report_partial(finding->report))
		printf("  there may be more that cannot be seen here%s\n",
		       try_as_root());
	print_all(finding, FLOCK_HOLDER,
		  "  locked by flock(2), which keeps only its own kind out: ",
		  "  and by ");
	print_all(finding, FLOCK_WAITER, "  waiting in flock(2): ",
		  "  then: ");
}
