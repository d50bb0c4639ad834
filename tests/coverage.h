/* SPDX-License-Identifier: 0BSD */
/*
 * For make coverage: the compiler reads this before each source.  libgcov writes what
 * a process has run only at exit(3) and exec(3).  Here a process writes it also before
 * it ends by _exit(2), or by a signal that it sends to itself; and the parent of a
 * child of vfork(2), which shares its memory, goes on to count after its exec.
 */
#ifndef TESTS_COVERAGE_H
#define TESTS_COVERAGE_H

void __gcov_dump(void);
void __gcov_reset(void);

/* The functions of the system, under other names. */
void coverage_real_exit(int status) __asm__("_exit") __attribute__((__noreturn__));
int coverage_real_raise(int sig) __asm__("raise");
int coverage_real_execvp(const char *file, char *const argv[]) __asm__("execvp");

/* The headers of the system then declare these; -fno-builtin-execvp for the last. */
#define _exit coverage_exit
#define raise coverage_raise
int (execvp)(const char *file, char *const argv[]) __asm__("coverage_execvp");

void coverage_exit(int status) __attribute__((__noreturn__, __weak__));
int coverage_raise(int sig) __attribute__((__weak__));
int coverage_execvp(const char *file, char *const argv[])
	__attribute__((__weak__));

void coverage_exit(int status)
{
	__gcov_dump();
	__gcov_reset(); /* of the parent too, after vfork(2) */
	coverage_real_exit(status);
}

int coverage_raise(int sig)
{
	__gcov_dump();
	__gcov_reset();
	return coverage_real_raise(sig);
}

int coverage_execvp(const char *file, char *const argv[])
{
	__gcov_dump();
	__gcov_reset();
	return coverage_real_execvp(file, argv);
}

#endif
