/* SPDX-License-Identifier: 0BSD */
/*
 * old-kernel COMMAND [ARGUMENT]...
 *
 * Runs COMMAND with the answers of Linux before 3.15: locks of open file
 * descriptions are refused with EINVAL.  Exits with 77 if the kernel cannot filter
 * system calls, 127 if COMMAND cannot be run.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __NR_fcntl64
#define FCNTL __NR_fcntl64
#else
#define FCNTL __NR_fcntl
#endif

/* The half of an argument that has the command of fcntl(2). */
#define LOW (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)

/* F_OFD_GETLK, F_OFD_SETLK and F_OFD_SETLKW are 36 to 38 everywhere. */
static struct sock_filter filter[] = {
	LOAD(offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FCNTL, 0, 4),
	LOAD(offsetof(struct seccomp_data, args[1]) + LOW),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 36, 0, 2),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 38, 1, 0),
	RETURN(SECCOMP_RET_ERRNO | EINVAL),
	RETURN(SECCOMP_RET_ALLOW),
};

int main(int argc, char **argv)
{
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	if (argc < 2)
		return 64;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return 77;
	execvp(argv[1], argv + 1);
	fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
	return 127;
}
