/* Numbers on a command line. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>

/* Of up to nine digits, 0 to MAX; false: it is none. */
bool parse_number(const char *text, int base, unsigned long max,
		  unsigned long *number);

/* "2", "0.5" or ".5"; never rounded down. */
bool parse_seconds(const char *text, int *milliseconds);

/* The same in milliseconds; ends with a message if TEXT is no such time. */
int parse_timeout(const char *text);

#endif
