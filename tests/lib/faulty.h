/* SPDX-License-Identifier: 0BSD */
/*
 * The library and the tools with system calls that fail on demand: the compiler
 * reads this before each of their sources.  A macro with arguments leaves
 * "struct flock" alone, and "(flock)(fd, operation)" is the real function.
 */
#ifndef TESTS_FAULTY_H
#define TESTS_FAULTY_H

#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* fcntl() counts by its command; UNLOCK is each call that releases a lock. */
enum faulty {
	NOTHING,
	OPENAT,
	CREATE, /* openat() with O_CREAT */
	F_SETLK_,
	F_SETLKW_,
	F_GETLK_,
	F_OFD_SETLK_,
	F_OFD_SETLKW_,
	F_OFD_GETLK_,
	F_DUPFD_,
	F_SETFD_,
	F_SETFL_,
	F_SETOWN_,
	F_GETOWN_,
	F_SETSIG_,
	UNLOCK,
	LOCKF,
	FLOCK,
	FSTAT,
	FSTATAT,
	LSTAT,
	FSTATFS,
	UNLINKAT,
	PIPE,
	POLL,
	MALLOC,
	CALLOC,
	REALLOC,
	READ,
	READDIR,
	OPENDIR,
	STATX,
	KCMP,
	THREAD,
	CANCEL,
	READLINK,
	FDOPEN,
	FDOPENDIR,
	FORK,
	VFORK,
	EXECVP,
	CLOSE,
	MMAP,
	MADVISE,
	PREAD,
	PWRITE,
	FTRUNCATE,
	STRDUP,
	FOPEN,
	READLINKAT,
	WAITPID,
	FAULTIES,
};

const char *faulty_name(enum faulty);
const char *faulty_error_name(int number);

/* The NTH call from here on fails with ERROR, and ALL that follow it. */
void faulty_set(enum faulty, int nth, bool all, int error);

/* The calls since then, failed or not. */
int faulty_calls(void);

/*
 * The number of pauses since then, or -1 if one was longer than a millisecond, or too
 * many had no wait.  A pause ends with a poll() of no time.  On a busy machine its
 * poll() of a millisecond may be missing, so only half of the pauses must have one.
 */
int faulty_pauses(void);

/* No more failures.  Returns how many calls failed. */
int faulty_clear(void);

/* Called before each such call from here on, until it is NULL. */
void faulty_before(enum faulty, void (*call_first)(void));

/* Each path that is opened from here on is added to TEXT, until it is NULL. */
void faulty_list_opened(char *text, size_t size);

/*
 * As on a file server that does not answer: the calls of one kind on the file, or
 * directory, at PATH block until the end.  The second returns once one does.
 */
void faulty_block(enum faulty, const char *path);
void faulty_await(void);
void faulty_unblock(void);

/* The same as on a busy machine: they could go on, if they had a processor. */
void faulty_keep_busy(enum faulty, const char *path);

/*
 * The next CALL (one of fcntl's, or a flock() that may wait) that succeeds fails with
 * ERROR all the same, as on a file server that grants an interrupted request later;
 * 0: it does not return until its thread is cancelled.
 */
void faulty_after(enum faulty call, int error);

/* The type that fstatfs() reports of each file system; 0: the true one. */
#define NFS 0x6969u
#define FUSE 0x65735546u
void faulty_file_system(unsigned type);

/* As on a FUSE file system whose server keeps the locks: proc(5) shows none. */
void faulty_hide_locks(bool);

#define openat(...) faulty_openat(__VA_ARGS__)
#define open(...) faulty_openat(AT_FDCWD, __VA_ARGS__)
#define fcntl(...) faulty_fcntl(__VA_ARGS__)
#define lockf(fd, function, size) faulty_lockf(fd, function, size)
#define flock(fd, operation) faulty_flock(fd, operation)
#define close(fd) faulty_close(fd)
#define fstat(fd, st) faulty_fstat(fd, st)
#define fstatat(dir, path, st, flags) faulty_fstatat(dir, path, st, flags)
#define lstat(path, st) faulty_lstat(path, st)
#define fstatfs(fd, fs) faulty_fstatfs(fd, fs)
#define unlinkat(dir, path, flags) faulty_unlinkat(dir, path, flags)
#define pipe(fd) faulty_pipe(fd)
#define pipe2(fd, flags) faulty_pipe2(fd, flags)
#define poll(fds, count, ms) faulty_poll(fds, count, ms)
#define malloc(size) faulty_malloc(size)
#define calloc(count, size) faulty_calloc(count, size)
#define realloc(old, size) faulty_realloc(old, size)
#define read(fd, buffer, size) faulty_read(fd, buffer, size)
#define readdir(list) faulty_readdir(list)
#define opendir(path) faulty_opendir(path)
#define statx(fd, path, flags, mask, st) \
	(faulty_fails(STATX) ? -1 : (statx)(fd, path, flags, mask, st))
#define syscall(...) (faulty_fails(KCMP) ? -1 : (syscall)(__VA_ARGS__))
#define pthread_create(...) faulty_pthread_create(__VA_ARGS__)
#define pthread_cancel(thread) faulty_pthread_cancel(thread)
#define readlink(path, text, size) faulty_readlink(path, text, size)
#define fdopen(fd, mode) faulty_fdopen(fd, mode)
#define fdopendir(fd) faulty_fdopendir(fd)
#define mmap(...) (faulty_fails(MMAP) ? MAP_FAILED : (mmap)(__VA_ARGS__))
#define madvise(...) (faulty_fails(MADVISE) ? -1 : (madvise)(__VA_ARGS__))
#define pread(...) (faulty_fails(PREAD) ? -1 : (pread)(__VA_ARGS__))
#define pwrite(...) (faulty_fails(PWRITE) ? -1 : (pwrite)(__VA_ARGS__))
#define ftruncate(...) (faulty_fails(FTRUNCATE) ? -1 : (ftruncate)(__VA_ARGS__))
#define strdup(text) (faulty_fails(STRDUP) ? NULL : (strdup)(text))
#define strndup(text, size) \
	(faulty_fails(STRDUP) ? NULL : (strndup)(text, size))
#define fopen(...) (faulty_fails(FOPEN) ? NULL : (fopen)(__VA_ARGS__))
#define readlinkat(...) (faulty_fails(READLINKAT) ? -1 : (readlinkat)(__VA_ARGS__))
#define fork() (faulty_fails(FORK) ? -1 : (fork)())
#define waitpid(pid, status, options) \
	(faulty_fails(WAITPID) ? -1 : (waitpid)(pid, status, options))
/* A function that calls vfork() must not return in the child. */
#define vfork() (faulty_fails(VFORK) ? -1 : (vfork)())
#define execvp(file, argv) (faulty_fails(EXECVP) ? -1 : (execvp)(file, argv))

bool faulty_fails(enum faulty); /* and sets errno */
int faulty_openat(int, const char *, int, ...);
int faulty_fcntl(int, int, ...);
int faulty_lockf(int, int, off_t);
int faulty_flock(int, int);
int faulty_close(int);
int faulty_fstat(int, struct stat *);
int faulty_fstatat(int, const char *, struct stat *, int);
int faulty_lstat(const char *, struct stat *);
int faulty_fstatfs(int, struct statfs *);
int faulty_unlinkat(int, const char *, int);
int faulty_pipe(int[2]);
int faulty_pipe2(int[2], int);
int faulty_poll(struct pollfd *, nfds_t, int);
void *faulty_malloc(size_t);
void *faulty_calloc(size_t, size_t);
void *faulty_realloc(void *, size_t);
ssize_t faulty_read(int, void *, size_t);
struct dirent *faulty_readdir(DIR *);
DIR *faulty_opendir(const char *);
int faulty_pthread_create(pthread_t *, const pthread_attr_t *,
			  void *(*)(void *), void *);
int faulty_pthread_cancel(pthread_t);
ssize_t faulty_readlink(const char *, char *, size_t);
FILE *faulty_fdopen(int, const char *);
DIR *faulty_fdopendir(int);

#endif
