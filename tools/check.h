/* SPDX-License-Identifier: 0BSD */
/* What the files of lf-check share. */
#ifndef CHECK_H
#define CHECK_H

#include "common.h"

#include <lockfile-fcntl.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* --- The command line (check-options.c) */

struct table_style {
	const char *columns; /* NULL: the default ones */
	bool json, noheadings, raw;
};

struct check_options {
	bool all, quiet, pid, table, wait, fs, mine;
	bool record, flock; /* the kinds of lock that count */
	int timeout_ms; /* of a wait; negative: as long as it takes */
	struct table_style style;
	char **paths;
};

/* Does not return if the arguments ask for something other than a check. */
void parse_options(int argc, char **argv, struct check_options *options);

/* --- A limit for what a file server may be asked (time-limit.c) */

/* At the start: one that the caller has set holds for the whole program. */
void keep_limit_of_caller(void);

/* Around the questions alone: the reader of the output may be slow. */
void limit_time(void);
void end_limit(void);

/* --- The files that the paths name (files.c) */

struct file {
	char *path;
	const char *directory; /* the path that was given for it, or NULL */
	bool special; /* no regular file: flock(2) alone may lock it */
	int slot;	       /* its number, if DIRECTORY is its lock file */
	bool has_slots;	       /* such files exist, held or not */
	bool known;	       /* STATUS is known without a report */
	int status;	       /* 1 held, 0 free, or a negative errno value */
	struct lf_report *report; /* NULL: nothing but STATUS is known */
	size_t more; /* files of the same directory that failed too */
};

struct files {
	struct file *list;
	size_t count, room;
	struct lf_report **machine; /* the reports, if they are of the machine */
	size_t machine_count;
};

/* The files PATHS, and of a directory those in it, in the order of output. */
void files_collect(struct files *files, char *const *paths);

/*
 * Inspects each; BRIEFLY: finds out the status alone.  Drops the files of a
 * directory that are free, unless ALL is set, and its errors after the first.
 */
void files_inspect(struct files *files, bool all, bool briefly);

/*
 * Finds and inspects every locked file of the machine.  1: there may be more; or a
 * negative errno value.
 */
int files_of_machine(struct files *files);

void files_free(struct files *files);

/* The first that is held, or NULL. */
const struct file *files_held(const struct files *files);

/* --- The entries of a report that are shown (entries.c) */

/* First: whether record locks count, and those of flock(2). */
void choose_kinds(bool record, bool flock);
bool counts_record(void);
bool counts_flock(void);

/*
 * As lf_report_next(), of the kinds that count, without lf-check itself beside
 * other holders.  A process that holds by both kinds is one holder.
 */
const struct lf_entry *next_entry(const struct lf_report *report,
				  const struct lf_entry *entry);

/* Whether a holder of a record lock has one of flock(2) too. */
bool also_by_flock(const struct lf_report *report,
		   const struct lf_entry *entry);

/* Whether lf-check itself is the only holder. */
bool only_we_hold(const struct lf_report *report);

/* --- Sentences and PIDs on standard output (print.c) */

/* First: whether standard output is a terminal, and how wide it is. */
void print_begin(void);

/* Its columns, or 0: standard output is no terminal. */
size_t terminal_width(void);

/* On a terminal a command gets at least so many. */
#define SHORTEST_COMMAND 24

/* A line for each holder and waiter. */
void print_file(const struct file *file);

/* "held", and a line after LEAD: parts of such output. */
void print_held(void);
void print_line(const struct file *file, const struct lf_entry *entry,
		const char *lead);

/* What to do about an error, after its text; or "". */
const char *remedy(int error);

/* --- A lock file with slots (slots-print.c) */

/* The slots of file I that are held: those among the files after it. */
size_t slots_held(const struct files *files, size_t i);

/*
 * Whether a lock file with slots seems to be free.  They are inspected one after the
 * other: if one is taken behind the look and another is given up before it, all seem
 * to be free though none of them was at the same time.
 */
bool slots_seem_free(const struct files *files);

/* Whether one of them could not be examined. */
bool slots_unknown(const struct files *files, size_t i);

/* A line for each slot, and one for each waiter. */
void slots_print(const struct files *files, size_t i);

/* The PID of each holder, once, one per line. */
void print_pids(const struct files *files);

/* --- Tables and JSON, by libsmartcols (table.c), or none (no-table.c) */

/* Lines of --help. */
extern const char table_help[];

/* Ends with a message if there is no such table. */
void table_begin(const struct table_style *style);
void table_print(const struct files *files);

/* --- What file systems do with locks (fs.c); as JSON (fs-table.c, no-table.c) */

/* Prints all that --fs prints; returns the exit status. */
int fs_show(char *const *paths, bool json);

/* "yes", "no" or "unknown". */
const char *fs_answer(const struct lf_fs *fs, enum lf_fs_property property);

/* Ends with a message if there is no JSON. */
void fs_table_begin(void);
void fs_table_add(const char *path, const struct lf_fs *fs);
void fs_table_print(void);

/* --- Whether lf-check runs under the locks (mine.c) */

/* Returns the exit status; prints nothing but errors. */
int mine_check(char *const *paths, bool quiet);

/* --- The columns of a table, and the text of a cell (columns.c) */

/* The names of lslocks(8) where they mean the same; its START does not. */
enum column {
	COLUMN_LOCKFILE,
	COLUMN_ROLE,
	COLUMN_MODE,
	COLUMN_PID,
	COLUMN_USER,
	COLUMN_STATE,
	COLUMN_JOB,
	COLUMN_COMMAND,
	COLUMN_LOCKED,
	COLUMN_STARTED,
	COLUMN_TYPE,
	COLUMN_AGE,
	COLUMN_STARTTIME,
	COLUMN_SOURCE,
	COLUMNS,
};

/* The default columns of output for programs are the first ones. */
#define DEFAULT_COLUMNS (COLUMN_TYPE + 1)

const char *column_name(enum column column);
bool column_is_number(enum column column);

/* Whether its text may be of any length, and is shortened for a terminal. */
bool column_is_long(enum column column);

/*
 * Stores in CHOSEN the columns of a list such as "PID,command", after the
 * default ones if it begins with "+" or is NULL, each once, and returns how
 * many there are.  FOR_PEOPLE: the default ones fit on a terminal.  Ends with a
 * message if LIST names another column.
 */
size_t columns_parse(const char *list, bool for_people, enum column *chosen);

struct row {
	const char *path;
	bool free;
	bool for_people; /* a duration has units */
	bool both; /* the holder has a lock of flock(2) too */
	const struct lf_entry *entry; /* NULL: no process is known */
	const struct process *process;
	struct times times;
};

/* New text, or NULL: there is none, or it is unknown. */
char *column_text(enum column column, const struct row *row);

/*
 * --- To be woken when a lock may be free: by Linux (watch.c), or not at all
 * (no-watch.c).  A lock may also be released without closing the file, so the
 * caller inspects it every half second in any case.
 */

/*
 * One file and one process are watched.  To miss no release, watch the file
 * before inspecting it, and the process after that.
 */
void watch_file(const char *path);
void watch_process(pid_t pid);

/* For at most so many milliseconds. */
void watch_wait(int milliseconds);

/* Other processes get a turn between two inspections. */
#define WATCH_PAUSE_MS 10
#define WATCH_LONGEST_MS 500

#endif
