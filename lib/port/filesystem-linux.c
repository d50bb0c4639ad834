/* SPDX-License-Identifier: 0BSD */
/* The kind of a file system by its magic number: fstatfs(2) of Linux. */
#include "config.h"

#include "port/os.h"

#include <sys/vfs.h>

#define FUSE 0x65735546u

/* From <linux/magic.h> and the sources of the file systems themselves. */
static const unsigned network[] = {
	0x00006969u, /* NFS */
	0xFF534D42u, /* CIFS */
	0xFE534D42u, /* SMB 2 and later */
	0x0000517Bu, /* SMB 1 */
	0x00C36400u, /* Ceph */
	0x0BD00BD0u, /* Lustre */
	0x47504653u, /* GPFS */
	0x19830326u, /* BeeGFS */
	0x20030528u, /* OrangeFS */
	0x5346414Fu, /* OpenAFS */
	0x6B414653u, /* kAFS */
	0x73757245u, /* Coda */
	0x01161970u, /* GFS2 */
	0x7461636Fu, /* OCFS2 */
	0x01021997u, /* 9P */
	0x786F4256u, /* VirtualBox shared folders */
	0x0000564Cu, /* NCP */
};

enum lf_filesystem lf_filesystem(int fd)
{
	struct statfs fs;

	/* Unknown: the marks of a network file system need least. */
	if (fstatfs(fd, &fs) < 0)
		return LF_FS_NETWORK;
	if ((unsigned)fs.f_type == FUSE)
		return LF_FS_FUSE;
	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++)
		if ((unsigned)fs.f_type == network[i])
			return LF_FS_NETWORK;
	return LF_FS_LOCAL;
}
