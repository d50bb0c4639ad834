/*
 * What lf_inspect() tells, as one line of text: the result, "partial" if so,
 * and each entry.  "1; 42 tag ofd; 43 waits posix shared" is a holder known by
 * its tag, and one who waits.
 */
#ifndef TESTS_SEEN_H
#define TESTS_SEEN_H

#include <stdbool.h>
#include <sys/types.h>

/* The text is overwritten by the next call. */
const char *seen(const char *path);

/*
 * Whether lock_path is seen so, as printf(3); looks again for a while, as a
 * look may miss a line of the kernel's list.  No look may tell a PID that is
 * not in FORMAT's text.
 */
bool sees(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));

/* The same, but each entry at any place. */
bool sees_in_any_order(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));

/* One who holds by a lock of this library, in the words of seen(). */
const char *by_us(void);

/* As /proc/PID/stat has it. */
unsigned long long start_time(pid_t);

/*
 * A process that has what BODY, which returns 0, took, and does nothing more.
 * It is killed; or lets go of a lock of the library before it ends, so that who
 * waits gets the tag and the body: the end of a process drops the tag first.
 */
pid_t holder(int (*body)(void *), void *argument);
void end(pid_t);
void let_go(pid_t);

/* Bodies: the lock of the library; that and, when it is had, no tag. */
int take(void *unused);
int share(void *unused);
int take_without_tag(void *unused);

/* Waits for it, and keeps it then; the other does so by a body. */
pid_t waiter(unsigned flags);
pid_t waiter_that(int (*body)(void *), void *argument);

#endif
