/* Numbers on a command line. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>

/* Of up to nine digits, 0 to MAX; false: it is none. */
bool parse_number(const char *text, int base, unsigned long max,
		  unsigned long *number);

/*
 * "2", "0.5" or ".5"; never rounded down to less than was asked for.  What is
 * wrong with a text that is no time is IS_NO_TIME.
 */
bool parse_seconds(const char *text, int *milliseconds);

#define IS_NO_TIME \
	"is no time: give seconds, such as 10 or 0.5, at most 2147483"

#endif
