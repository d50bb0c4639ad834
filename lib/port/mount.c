/* SPDX-License-Identifier: 0BSD */
/* The system does not list its mounts in a way that this library reads. */
#include "config.h"

#include "port/os.h"

#include <errno.h>
#include <stddef.h>

int lf_mount_read(int fd, struct lf_mount *mount)
{
	(void)fd;
	*mount = (struct lf_mount){ .type = NULL };
	return -ENOTSUP;
}

void lf_mount_free(struct lf_mount *mount)
{
	(void)mount;
}
