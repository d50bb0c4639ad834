/* SPDX-License-Identifier: 0BSD */
/* The system lists neither locks nor the descriptors of a process. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <stddef.h>

int lf_list_locks(struct lf_lock_list *list)
{
	*list = (struct lf_lock_list){ .count = 0 };
	return -ENOTSUP;
}

void lf_lock_list_free(struct lf_lock_list *list)
{
	(void)list;
}

int lf_inode_of(const char *path, struct lf_inode *inode)
{
	(void)path, (void)inode;
	return -ENOTSUP;
}

bool lf_proc_is_ours(void)
{
	return false;
}

int lf_process_open(pid_t pid)
{
	(void)pid;
	return -ENOTSUP;
}

unsigned long long lf_start_time(int process)
{
	(void)process;
	return 0;
}

int lf_process_is_runnable(int process, unsigned long long *ticks)
{
	(void)process, (void)ticks;
	return -ENOTSUP;
}

int lf_process_lock_descriptor(int process, const struct stat *file,
			       lf_lock_filter *filter, int *descriptor)
{
	(void)process, (void)file, (void)filter, (void)descriptor;
	return -ENOTSUP;
}

int lf_process_descriptors(int process, const struct stat *file)
{
	(void)process, (void)file;
	return -ENOTSUP;
}

int lf_process_has_lock(pid_t pid, const struct stat *file,
			lf_lock_filter *filter)
{
	(void)pid, (void)file, (void)filter;
	return -ENOTSUP;
}

int lf_list_processes(pid_t **pids, size_t *count)
{
	*pids = NULL;
	*count = 0;
	return -ENOTSUP;
}

bool lf_same_description(pid_t a, int fd_a, pid_t b, int fd_b)
{
	(void)a, (void)fd_a, (void)b, (void)fd_b;
	return false;
}
