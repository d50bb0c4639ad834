/* What the tools say, and how: one line on standard error, names escaped. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdio.h>

/* sysexits(3); 75 is a held lock. */
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
__attribute__((__format__(__printf__, 1, 2))) void message(const char *, ...);

/* The same with "NAME: " before the text. */
__attribute__((__format__(__printf__, 2, 3))) void
message_about(const char *name, const char *, ...);

/* message(), and the end with STATUS_USAGE. */
__attribute__((__noreturn__, __format__(__printf__, 1, 2))) void
usage_error(const char *format, ...);

/* Ends with STATUS_USAGE and a line on --help, after getopt(3)'s or another. */
__attribute__((__noreturn__)) void show_hint(void);

/* Ends after the answer to --version. */
__attribute__((__noreturn__)) void show_version(void);

/* Ends with STATUS_SYSTEM. */
__attribute__((__noreturn__)) void out_of_memory(void);

/* What to do about an error of the library on a lock file, or NULL. */
const char *advice(int error);

/* Ends with STATUS, or with STATUS_SYSTEM if standard output was not taken. */
int finish_output(int status);

#endif
