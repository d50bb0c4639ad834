/* SPDX-License-Identifier: 0BSD */
/*
 * statx(2), which asks no file server: Linux 4.11, the GNU C library since 2.28, musl
 * since 1.2.5; statx.c where it is missing.
 */
#ifndef PORT_STATX_H
#define PORT_STATX_H

#include <sys/stat.h>

#ifndef HAVE_STATX
# ifndef STATX_INO
/* What we need of it. */
struct statx {
	unsigned long long stx_ino;
	unsigned int stx_nlink;
	unsigned int stx_dev_major;
	unsigned int stx_dev_minor;
};

#  define STATX_NLINK 0x4U
#  define STATX_INO 0x100U
# endif
# ifndef AT_STATX_DONT_SYNC
#  define AT_STATX_DONT_SYNC 0x4000
# endif

int (statx)(int dirfd, const char *path, int flags, unsigned int mask,
	    struct statx *st);
#endif

#endif
