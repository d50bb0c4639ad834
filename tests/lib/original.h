/* SPDX-License-Identifier: 0BSD */
/*
 * Exactly what the Python module lock_file does, which every process of ours
 * has to exclude: it locks the whole file with lockf(3), compares the file with
 * the path afterwards, and removes the path while it still holds the lock.
 */
#ifndef TESTS_ORIGINAL_H
#define TESTS_ORIGINAL_H

#include <stdbool.h>

/* The descriptor, or -1 and errno: EAGAIN or EACCES if the file is held. */
int original_acquire(const char *path, bool wait);
void original_release(int fd, const char *path, bool keep);

#endif
