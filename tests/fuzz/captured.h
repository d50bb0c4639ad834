/* SPDX-License-Identifier: 0BSD */
/*
 * The tools in a target of the fuzzer: the compiler reads this before each of
 * their sources.  What they print is kept, and exit() returns to the target.
 */
#ifndef TESTS_FUZZ_CAPTURED_H
#define TESTS_FUZZ_CAPTURED_H

#include "config.h"

#include <stdio.h>
#include <stdlib.h>

extern FILE *captured_stdout, *captured_stderr;
__attribute__((__noreturn__)) void captured_exit(int status);

#undef stdout
#undef stderr
#define stdout captured_stdout
#define stderr captured_stderr
#define exit captured_exit
/* A stream in memory has a buffer already. */
#define setvbuf(stream, buffer, mode, size) ((void)(stream))
#define printf(...) fprintf(captured_stdout, __VA_ARGS__)

#endif
