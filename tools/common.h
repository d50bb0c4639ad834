/* SPDX-License-Identifier: 0BSD */
/* What the two tools share. */
#ifndef COMMON_H
#define COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

/* --- Messages on standard error, names escaped; folded on a terminal (common.c) */

/* As sysexits(3) has them; 75 is a held lock. */
enum {
	STATUS_USAGE = 64,
	STATUS_CANNOT_OPEN = 66,
	STATUS_SYSTEM = 71,
	STATUS_CANNOT_CREATE = 73,
	STATUS_HELD = 75,
	STATUS_CANNOT_RUN = 126,
	STATUS_NOT_FOUND = 127,
};

/* First in main(): the name that messages begin with. */
void message_begin(const char *tool);

/* "TOOL: " and the text, which has no newline at its end. */
__attribute__((__format__(__printf__, 1, 2))) void message(const char *format,
							   ...);

/* The same with "NAME: " before the text. */
__attribute__((__format__(__printf__, 2, 3))) void
message_about(const char *name, const char *format, ...);

/* message(), and the end with STATUS_USAGE. */
__attribute__((__noreturn__, __format__(__printf__, 1, 2))) void
usage_error(const char *format, ...);

/* Ends with STATUS_USAGE and a line on --help, after another message. */
__attribute__((__noreturn__)) void show_hint(void);

/*
 * The message about ARGUMENT, for which getopt_long(3) returned C: '?', or ':'
 * if a value is missing.  That of getopt(3) itself would not be escaped.
 */
struct option;
void reject_option(int c, const char *argument, const struct option *options);

/* Ends after the answer to --version. */
__attribute__((__noreturn__)) void show_version(void);

/* Ends with STATUS_SYSTEM. */
__attribute__((__noreturn__)) void out_of_memory(void);

/* MEMORY, which is not NULL: else ends by out_of_memory(). */
void *checked(void *memory);

/* STATUS, or STATUS_SYSTEM if standard output could not be written. */
int finish_output(int status);

/* --- Text of others, such as names and command lines (text.c) */

/*
 * Prints TEXT so that it cannot drive a terminal or mislead a reader.  Bytes
 * become "\xNN" if they are not UTF-8, or belong to a control character, an
 * invisible one, one that turns the direction of text, or one that the locale
 * cannot print.  A locale whose character set is not UTF-8 counts as if it had
 * only ASCII.
 */
void print_escaped(FILE *to, const char *text);

/* The same in at most WIDTH columns, with "..." at the end if it is longer. */
void print_shortened(FILE *to, const char *text, size_t width);

/* Before what a line of the terminal has no room for. */
#define CONTINUED "    "

/*
 * The same as print_escaped(), broken at blanks into lines of at most WIDTH columns,
 * unless that is 0.  Destroys TEXT.
 */
void print_folded(FILE *to, char *text, size_t width);

/* The columns of the terminal FD, or 0: it is none. */
size_t columns_of_terminal(int fd);

/* The columns that it takes in full. */
size_t escaped_width(const char *text);

/* As new text, or NULL: what print_shortened() prints. */
char *text_shortened(const char *text, size_t width);

/* As new text, or NULL: all that is UTF-8 as it is, control characters too. */
char *text_valid(const char *text);

/* --- Numbers on a command line (common.c) */

/* Of up to nine digits, 0 to MAX; false: TEXT is not one. */
bool parse_number(const char *text, int base, unsigned long max,
		  unsigned long *number);

/* "2", "0.5" or ".5"; never rounded down. */
bool parse_seconds(const char *text, int *milliseconds);

/* The same in milliseconds; ends with a message if TEXT is no such time. */
int parse_timeout(const char *text);

/* --- The slots of a lock file (slot-files.c) */

#define MOST_SLOTS 1000

/* LOCKFILE.7, as new text. */
char *slot_path(const char *lockfile, int slot);

/*
 * Sets EXISTS[1] to EXISTS[MOST_SLOTS]: whether there is a file of that name beside
 * LOCKFILE.  SEEN_BEFORE: what the last call saw in the same directory will do.
 */
void slots_find(const char *lockfile, bool *exists, bool seen_before);

/* --- A process: its command, its user, its start (process.c) */

enum process_state {
	STATE_NONE, /* it runs or sleeps, or its state is unknown */
	STATE_STOPPED,
	STATE_TRACED, /* stopped by a debugger */
	STATE_DISK,   /* it waits for a disk, or a file server */
	STATE_BLOCKED, /* it does, or waits until its child executes a program */
	STATE_ZOMBIE, /* all its threads have ended */
};

struct process {
	pid_t pid;		       /* 0: unknown */
	unsigned long long start_time; /* clock ticks after boot; 0: unknown */
	char *command;		       /* with its arguments; NULL: unknown */
	char *job;  /* COMMAND, in the command of an lf-acquire, or NULL */
	int slots;  /* what that gives with --slots, or 0 */
	unsigned long long job_start; /* as START_TIME, of that */
	enum process_state state;
	pid_t state_of; /* the process that is in STATE: PID or one of its job */
	char user[64];		       /* "": unknown */
};

/*
 * Reads what the system shows of the process PID that began at START_TIME, as
 * lf_entry_start_time() and lf_process_start_time() return it.  All but the PID
 * is unknown if another process has the PID by now, or if START_TIME is 0.
 */
void process_read(struct process *process, pid_t pid,
		  unsigned long long start_time);
void process_free(struct process *process);

/* When it started, to the second, the same in every call; false: unknown. */
bool process_started(const struct process *process, time_t *started);

/* The same of COMMAND, which lf-acquire starts when it has the lock. */
bool job_started(const struct process *process, time_t *started);

/* COMMAND of an lf-acquire, or the command; NULL: unknown. */
const char *process_job(const struct process *process);

/* "PID 4242: rsync -a / /mnt (lf-acquire, root)", the job in WIDTH columns. */
void process_print(FILE *to, const struct process *process, size_t width);

/* The columns that it takes without the job itself. */
size_t process_width(const struct process *process);

/* Its directory in /proc, or negative. */
int open_process(pid_t pid);

/* Returns the length; a file that cannot be read counts as empty. */
size_t read_proc(int process, const char *name, char *text, size_t size);

/*
 * The word of the command line of an lf-acquire with which COMMAND begins, or 0:
 * it has no COMMAND, or is wrong, or that of another program (acquire-options.c).
 * *SLOTS is what --slots gives there, and is left alone without it.
 */
int find_command(int count, char **words, int *slots);

/* --- What keeps a process from going on (state.c) */

struct stat_fields {
	char state;
	int parent;
	unsigned long long start_time;
};

/* Of "stat" in the directory of a process or thread; false: unknown. */
bool read_stat(int process, struct stat_fields *fields);

/* A state in which a process or thread has ended, but is listed still. */
bool is_ended(char state);

/*
 * Whether another thread of this process runs, waits for a processor only, or has
 * slept in more than one piece since the last call, which left *SLEEPS.
 */
bool other_threads_go_on(unsigned long long *sleeps);

/* The directory of a thread of PROCESS that has not ended, or -1. */
int open_live_thread(int process);

/* STATE is the present one of PROCESS, the directory; it may take a moment. */
void state_read(struct process *p, int process, char state);

/* ", stopped" or ", PID 4301 waiting for the disk"; mostly "". */
void format_state(char *text, size_t size, const struct process *process);

/* The width of a command where no terminal sets one. */
#define COMMAND_WIDTH 79

/* --- An entry of a report: its lock, and since when (times.c) */

struct lf_entry;
struct lf_report;

/* Whether its lock excludes lf-acquire: that of flock(2) does not. */
bool is_holder(const struct lf_entry *entry);

#define UNKNOWN_TIME (-1)

/* In seconds since the Epoch, or UNKNOWN_TIME. */
struct times {
	long long locked;
	long long started;
};

struct times times_of(const struct lf_report *report,
		      const struct lf_entry *entry,
		      const struct process *process);

/* The seconds since WHEN, which is known; not negative. */
long long seconds_since(long long when);

/* In two units at most: "12 s", "3 min", "2 h 5 min", "3 d 4 h". */
void format_duration(char *text, size_t size, long long seconds);

/* ", shared, stopped, for 3 min" of a holder, ", to share it" of a waiter. */
void format_details(char *text, size_t size, const struct lf_report *report,
		    const struct lf_entry *entry,
		    const struct process *process);

/* " (try as root)", where root may see more. */
const char *try_as_root(void);

#endif
