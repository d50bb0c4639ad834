/* Shared by fcntl.c and ofd.c: one fcntl(2) call for all record locks. */
#ifndef PORT_FCNTL_H
#define PORT_FCNTL_H

#include "port/os.h"

int fcntl_lock(int fd, int command, enum os_lock, struct os_range);
int fcntl_lock_wait(int fd, int command, enum os_lock, struct os_range);
int fcntl_test(int fd, int command, enum os_lock, struct os_range *,
	       pid_t *pid);

#endif
