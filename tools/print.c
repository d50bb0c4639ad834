/* SPDX-License-Identifier: 0BSD */
/*
 * Sentences, for example
 *
 *   data.lock: held by PID 812: report (www), shared, running for 3 min
 *     and by PID 815: report -v (lf-acquire, www), shared, stopped, for 12 s
 *     waiting: PID 900: rotate (lf-acquire, root)
 *     then: PID 901: report (lf-acquire, www), to share it
 *
 * and on a narrow terminal
 *
 *   very-long-name-of-data.lock: held by
 *       PID 812: report (www), shared, running for 3 min
 */
#include "config.h"

#include "check.h"

#include <lockfile-fcntl.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t columns; /* of the terminal; 0: there is none */
static bool colours;

void print_begin(void)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

	columns = columns_of_terminal(STDOUT_FILENO);
	colours = columns > 0 && !(no_colour && *no_colour) && term && *term &&
		  strcmp(term, "dumb") != 0;
}

size_t terminal_width(void)
{
	return columns;
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

/* Whether a line has no room for the start of the command. */
static bool is_crowded(const struct process *p, size_t used)
{
	size_t command = p->command ? escaped_width(process_job(p)) : 0;

	if (command > SHORTEST_COMMAND)
		command = SHORTEST_COMMAND;
	return columns > 0 && used + command > columns;
}

static void print_process(const struct process *p, size_t used)
{
	if (p->pid > 0)
		process_print(stdout, p, room(used + process_width(p)));
	else
		fputs("an unknown process", stdout);
}

/*
 * After LEAD, which ends in column USED.  A terminal would break a line that is
 * too long within a word.  So the process, and what else there is to say about it,
 * begin a line each if they have to.
 */
static void print_entry(const struct file *file, const struct lf_entry *entry,
			const char *lead, size_t used)
{
	bool also = also_by_flock(file->report, entry), split;
	struct process p;
	char details[160], more[192];
	size_t width;

	process_read(&p, lf_entry_pid(entry), lf_entry_start_time(entry));
	format_details(details, sizeof(details), file->report, entry, &p);
	snprintf(more, sizeof(more), "%s%s", details,
		 also ? ", also by flock(2)" : "");
	width = process_width(&p) + strlen(more);
	if (is_crowded(&p, used + width)) {
		printf("%.*s\n%s", (int)strlen(lead) - 1, lead, CONTINUED);
		used = strlen(CONTINUED);
	} else {
		fputs(lead, stdout);
	}
	split = *more && is_crowded(&p, used + width);
	print_process(&p, used + (split ? strlen(",") : strlen(more)));
	if (split)
		printf(",\n%s%s\n", CONTINUED, more + strlen(", "));
	else
		puts(more);
	process_free(&p);
}

void print_held(void)
{
	print_word("held", "1;31");
}

void print_line(const struct file *file, const struct lf_entry *entry,
		const char *lead)
{
	print_entry(file, entry, lead, strlen(lead));
}

enum kind {
	HOLDER,
	UNKNOWN_HOLDER,
	WAITER,
	FLOCK_HOLDER,
	UNKNOWN_FLOCK_HOLDER,
	FLOCK_WAITER
};

static enum kind kind_of(const struct lf_entry *entry)
{
	bool waits = lf_entry_waits(entry);

	if (lf_entry_type(entry) == LF_TYPE_FLOCK)
		return waits			   ? FLOCK_WAITER :
		       lf_entry_pid(entry) > 0 ? FLOCK_HOLDER :
						     UNKNOWN_FLOCK_HOLDER;
	if (waits)
		return WAITER;
	return lf_entry_pid(entry) > 0 ? HOLDER : UNKNOWN_HOLDER;
}

static const struct lf_entry *
next_of(const struct file *file, const struct lf_entry *entry, enum kind kind)
{
	do {
		entry = next_entry(file->report, entry);
	} while (entry && kind_of(entry) != kind);
	return entry;
}

static void print_unknown_holder(const struct lf_entry *entry)
{
	print_held();
	printf("%s; holder unknown%s\n",
	       lf_entry_shared(entry) ? ", shared" : "", try_as_root());
}

/* Those of flock(2) are the holders if there are no others. */
static void print_holders(const struct file *file, enum kind known_kind,
			  enum kind unknown_kind)
{
	const struct lf_entry *unknown, *entry;

	unknown = next_of(file, NULL, unknown_kind);
	entry = next_of(file, NULL, known_kind);
	if (!entry) {
		print_unknown_holder(unknown);
		return;
	}
	print_held();
	print_entry(file, entry, " by ",
		    escaped_width(file->path) + strlen(": held by "));
	while ((entry = next_of(file, entry, known_kind)) != NULL)
		print_line(file, entry, "  and by ");
	if (unknown)
		printf("  and by unknown holders%s\n", try_as_root());
}

/* All of a kind; the first line has a lead of its own. */
static void print_all(const struct file *file, enum kind kind,
		      const char *first, const char *others)
{
	const struct lf_entry *entry = next_of(file, NULL, kind);

	if (entry)
		print_line(file, entry, first);
	while (entry && (entry = next_of(file, entry, kind)) != NULL)
		print_line(file, entry, others);
}

/* A claim: every user with write permission could have written it. */
static void print_word_of_the_file(const struct file *file)
{
	const char *host = lf_report_pidfile_host(file->report);
	pid_t pid;

	if (!host)
		return;
	lf_report_pidfile(file->report, &pid, NULL);
	printf("  PID %ld on host ", (long)pid);
	print_escaped(stdout, host);
	puts(", according to the file");
}

static void print_free(void)
{
	print_word("free", "32");
	putchar('\n');
}

/* By record locks. */
static void print_held_by_records(const struct file *file)
{
	print_holders(file, HOLDER, UNKNOWN_HOLDER);
	print_word_of_the_file(file);
	print_all(file, WAITER, "  waiting: ", "  then: ");
	if (lf_report_partial(file->report))
		printf("  there may be more holders and waiters, not visible "
		       "here%s\n",
		       try_as_root());
	print_all(file, FLOCK_HOLDER,
		  "  also held by flock(2), which excludes lf-acquire only "
		  "with --flock: ",
		  "  and by ");
}

/* What lf-acquire does not lock has no remark on it. */
static void print_held_by_flock(const struct file *file)
{
	print_holders(file, FLOCK_HOLDER, UNKNOWN_FLOCK_HOLDER);
	puts(lf_report_status(file->report) < 0 ?
		     "  by flock(2)" :
		     "  by flock(2), which excludes lf-acquire only with "
		     "--flock");
}

void print_file(const struct file *file)
{
	print_escaped(stdout, file->path);
	fputs(": ", stdout);
	if (file->status <= 0)
		print_free();
	else if (counts_record() && lf_report_status(file->report) > 0)
		print_held_by_records(file);
	else
		print_held_by_flock(file);
	print_all(file, FLOCK_WAITER, "  waiting in flock(2): ", "  then: ");
}

static size_t count_entries(const struct files *files)
{
	size_t count = 0;

	for (size_t i = 0; i < files->count; i++) {
		const struct lf_entry *entry = NULL;

		while ((entry = next_entry(files->list[i].report, entry)) !=
		       NULL)
			count++;
	}
	return count;
}

static bool is_in(const pid_t *pids, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/*
 * Somebody may kill what is printed.  A process that this user can kill must have
 * shown that it is the holder; nor is it lf-check, which has ended by then.
 */
static bool is_certain(const struct lf_entry *entry)
{
	pid_t pid = lf_entry_pid(entry);

	if (pid == 0 || pid == getpid())
		return false;
	return lf_entry_source(entry) != LF_SOURCE_LOCK ||
	       lf_entry_start_time(entry) == 0 ||
	       (kill(pid, 0) < 0 && errno == EPERM);
}

void print_pids(const struct files *files)
{
	size_t most = count_entries(files), count = 0;
	pid_t *pids = checked(calloc(most + 1, sizeof(*pids)));

	for (size_t i = 0; i < files->count; i++) {
		const struct lf_entry *entry = NULL;

		while ((entry = next_entry(files->list[i].report, entry)) !=
		       NULL) {
			pid_t pid = lf_entry_pid(entry);

			if (lf_entry_waits(entry) || !is_certain(entry) ||
			    is_in(pids, count, pid))
				continue;
			pids[count++] = pid;
			printf("%ld\n", (long)pid);
		}
	}
	free(pids);
}

const char *remedy(int error)
{
	switch (error) {
	case -EACCES:
		return try_as_root();
	case -ELOOP:
		return "; name the file it points to";
	default:
		return "";
	}
}
