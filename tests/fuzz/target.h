/* SPDX-License-Identifier: 0BSD */
/* What the targets of the fuzzer share.  Any bytes are an input. */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its corpus is the directory of this name. */
extern const char target_name[];

#define demand(condition) \
	do { \
		if (!(condition)) { \
			dprintf(STDERR_FILENO, "%s:%d: %s\n", __FILE__, \
				__LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* Ends where its memory ends, after a null byte. */
static inline char *exact_copy(const void *text, size_t length)
{
	char *copy = malloc(length + 1);

	demand(copy);
	if (length > 0)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

#endif
