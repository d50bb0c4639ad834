/* SPDX-License-Identifier: 0BSD */
/*
 * The records of /proc/locks: a lock, with the lines of its waiters.  Text is whole
 * lines and a null byte behind them, FROM one of its records, and END where it ends.
 */
#ifndef PORT_PROC_RECORDS_H
#define PORT_PROC_RECORDS_H

#include <stdbool.h>

/* Its place in the list, from 1 on. */
unsigned long lf_record_number(const char *record);

/* END: it was the last one. */
char *lf_next_record(char *record);

/* END: there is none. */
char *lf_last_record(char *from, const char *end);

/* Whether it is the same lock, perhaps with another number and other waiters. */
bool lf_is_same_record(const char *record, const char *other);

/* Whether another lock that looks like it is unlikely. */
bool lf_is_distinct(const char *record);

/* The same lock, or NULL; also if it is not distinct, or there are two. */
char *lf_find_record(char *from, const char *end, const char *record);

/* The first record of this number or a greater one, or END. */
char *lf_find_number(char *from, char *end, unsigned long number);

#endif
