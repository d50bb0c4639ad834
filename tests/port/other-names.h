/* SPDX-License-Identifier: 0BSD */
/*
 * Names for the functions of a source of record locks, beside those of the
 * library.  A test includes this first.
 */
#ifndef TESTS_PORT_OTHER_NAMES_H
#define TESTS_PORT_OTHER_NAMES_H

#define lf_getlk test_getlk
#define lf_has_ofd_locks test_has_ofd_locks
#define lf_locks_by_lockf test_locks_by_lockf
#define lf_setlk test_setlk

#include "config.h"

#endif
