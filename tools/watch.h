/*
 * To be woken when a lock may be free, and at least every half second: a lock
 * may be released without closing the file (watch.c or no-watch.c).
 */
#ifndef WATCH_H
#define WATCH_H

#include <sys/types.h>

/* There is one.  Before the look, and after it: nothing is missed between. */
void watch_file(const char *path);
void watch_process(pid_t);

/* At most so many milliseconds. */
void watch_wait(int milliseconds);

/* Between two looks there is time for others, however often one is woken. */
#define WATCH_PAUSE_MS 10
#define WATCH_LONGEST_MS 500

#endif
