/*
 * Exactly what the Python module lock_file does, with which every process of
 * ours has to get along: the whole file under lockf(3), compared with the path
 * afterwards, removed while the lock is still held.
 */
#ifndef TESTS_ORIGINAL_H
#define TESTS_ORIGINAL_H

#include <stdbool.h>

/* The descriptor, or -1 with errno set: EAGAIN or EACCES means held. */
int original_acquire(const char *path, bool wait);
void original_release(int fd, const char *path, bool keep);

#endif
