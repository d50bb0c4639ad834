/* SPDX-License-Identifier: 0BSD */
/* No list of locks, and no way to see those of a process. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <stddef.h>

int lf_list_locks(struct lf_lock_list *list)
{
	*list = (struct lf_lock_list){ .count = 0 };
	return -ENOTSUP;
}

int lf_list_leases(struct lf_lock_list *list)
{
	return lf_list_locks(list);
}

void lf_lock_list_free(struct lf_lock_list *list)
{
	(void)list;
}

int lf_pin(const char *path, struct stat *st)
{
	(void)path, (void)st;
	return -ENOTSUP;
}

void lf_pin_path(int pin, char path[LF_PIN_PATH])
{
	(void)pin;
	path[0] = '\0';
}

int lf_inode_of(int pin, const struct lf_file_id *file,
		struct lf_inode *inode, unsigned long long *mount)
{
	(void)pin, (void)file, (void)inode, (void)mount;
	return -ENOTSUP;
}

int lf_inode_find_device(struct lf_inode *inode, unsigned long long mount,
			 struct lf_mounts *mounts)
{
	(void)inode, (void)mount, (void)mounts;
	return -ENOTSUP;
}

void lf_mounts_free(struct lf_mounts *mounts)
{
	(void)mounts;
}

unsigned long long lf_ticks(void)
{
	return 0;
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

int lf_process_parent(int process, pid_t *parent,
		      unsigned long long *start_time)
{
	(void)process, (void)parent, (void)start_time;
	return -ENOTSUP;
}

int lf_process_state(pid_t pid, struct lf_activity *activity)
{
	(void)pid, (void)activity;
	return -ENOTSUP;
}

pid_t lf_thread_pid(void)
{
	return -1;
}

int lf_thread_state(pid_t pid, unsigned long long *sleeps)
{
	(void)pid, (void)sleeps;
	return -ENOTSUP;
}

void lf_dying_find(struct lf_dying *dying)
{
	*dying = (struct lf_dying){ .count = 0 };
}

bool lf_dying_remain(struct lf_dying *dying)
{
	(void)dying;
	return false;
}

void lf_dying_free(struct lf_dying *dying)
{
	(void)dying;
}

bool lf_shows_descriptors(void)
{
	return false;
}

int lf_process_read(struct lf_process *process, pid_t pid,
		    const struct lf_file_id *files, size_t file_count,
		    lf_lock_filter *is_body, bool wants_start)
{
	(void)files, (void)file_count, (void)is_body, (void)wants_start;
	*process = (struct lf_process){ .pid = pid, .error = -ENOTSUP };
	return 0;
}

void lf_process_free(struct lf_process *process)
{
	(void)process;
}

int lf_process_has_lock(pid_t pid, const struct stat *file,
			lf_lock_filter *is_body)
{
	(void)pid, (void)file, (void)is_body;
	return -ENOTSUP;
}

int lf_list_processes(pid_t **pids, size_t *count)
{
	*pids = NULL;
	*count = 0;
	return -ENOTSUP;
}

bool lf_is_initial_pid_namespace(void)
{
	return true;
}

bool lf_some_are_hidden(const pid_t *pids, size_t count)
{
	(void)pids, (void)count;
	return true;
}

int lf_find_paths(const unsigned long long *numbers, size_t count,
		  lf_path_found *found, void *argument)
{
	(void)numbers, (void)count, (void)found, (void)argument;
	return -ENOTSUP;
}

int lf_same_description(pid_t a, int fd_a, pid_t b, int fd_b)
{
	(void)a, (void)fd_a, (void)b, (void)fd_b;
	return -ENOSYS;
}
