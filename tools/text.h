/* Text that may be another user's, such as names and command lines. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * Prints it so that it cannot drive a terminal or mislead a reader: control
 * characters, those that turn the direction of text or are not to be seen, and
 * bytes that are not UTF-8 become "\xNN".  Other letters stay as they are,
 * whatever the locale.
 */
void print_escaped(FILE *, const char *);

/* The same in at most WIDTH columns, with "..." at the end if it is longer. */
void print_shortened(FILE *, const char *, size_t width);

/* How many columns that takes, if all letters are one wide. */
size_t escaped_width(const char *);

/*
 * The same as new text; and with all that is valid UTF-8 as it is, control
 * characters too.  NULL: no memory.
 */
char *text_escaped(const char *);
char *text_valid(const char *);

/* 'TEXT', escaped, for a message; it is never freed. */
const char *quoted(const char *text);

#endif
