/* SPDX-License-Identifier: 0BSD */
/*
 * What lf_inspect() reports, as one line of text: the result, "partial" if so,
 * and each entry.  "1; 42 tag ofd; 43 waits posix shared" is a holder known by
 * its tag, and a waiter.
 */
#ifndef TESTS_SEEN_H
#define TESTS_SEEN_H

#include <stdbool.h>
#include <sys/types.h>

/* The next call overwrites the text. */
const char *seen(const char *path);

/*
 * Whether lock_path is seen as FORMAT, of printf(3), says; looks again for a
 * while, as a look may miss a line of the kernel's list.  No look may show a
 * PID that is not in the text of FORMAT.
 */
bool sees(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));

/* The same, but each entry at any place. */
bool sees_in_any_order(const char *format, ...)
	__attribute__((__format__(__printf__, 1, 2)));

/*
 * A holder of a lock of this library, in the words of seen(): of a process that we
 * may examine, and of another, where the PID is the kernel's word.
 */
const char *by_us(void);
const char *by_its_word(void);

/* As /proc/PID/stat shows it. */
unsigned long long start_time(pid_t pid);

/*
 * A process that keeps what BODY, which returns 0, took, and does nothing more.
 * A test kills it, or lets it release a lock of the library before it ends: a
 * waiter gets the tag and the body then, but the end of a process drops the tag
 * first.
 */
pid_t holder_new(int (*body)(void *), void *argument);
void holder_release(pid_t pid);

/* Bodies: take a lock of the library; share one; take one, and lose the tag. */
int take(void *unused);
int share(void *unused);
int take_without_tag(void *unused);

/* A process that waits, by lf_acquire() or by BODY, and then keeps the lock. */
pid_t waiter_new(unsigned flags);
pid_t waiter_new_by(int (*body)(void *), void *argument);

#endif
