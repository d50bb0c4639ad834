/* SPDX-License-Identifier: 0BSD */
/* The kind of a file system by its magic number: fstatfs(2) of Linux. */
#include "config.h"

#include "port/os.h"

#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define FUSE 0x65735546u

/*
 * Those whose files another machine may open too, or the host of this one: from
 * <linux/magic.h>, and from the sources of the file systems that are not in it.
 * virtiofs has the number of FUSE.  overlayfs keeps locks itself, on this machine,
 * and what it shows is cached here: it counts as local whatever is below.
 */
static const unsigned network[] = {
	0x00006969u, /* NFS */
	0xFF534D42u, /* CIFS */
	0xFE534D42u, /* SMB 2 and later */
	0x0000517Bu, /* SMB 1 */
	0x01021997u, /* 9P */
	0x00C36400u, /* Ceph */
	0x5346414Fu, /* OpenAFS */
	0x6B414653u, /* AFS of the kernel */
	0x73757245u, /* Coda */
	0x0000564Cu, /* NCP */
	0x20030528u, /* OrangeFS, PVFS 2 */
	0x0BD00BD0u, /* Lustre */
	0x47504653u, /* GPFS */
	0x19830326u, /* BeeGFS */
	0xAAD7AAEAu, /* PanFS */
	0x013111A8u, /* Ibrix */
	/* Disks that several machines have. */
	0x01161970u, /* GFS2 */
	0x7461636Fu, /* OCFS2 */
	0x61636673u, /* ACFS */
	0xBEEFDEADu, /* StorNext */
	0xA501FCF5u, /* VxFS */
	/* Directories of the host. */
	0x786F4256u, /* VirtualBox */
	0xBACBACBCu, /* VMware */
	0x7C7C6673u, /* Parallels */
	0x00C0FFEEu, /* User-mode Linux */
};

/* fuseblk is on a device of this machine; any other FUSE has no device. */
static bool has_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && major(st.st_dev) != 0;
}

enum lf_filesystem lf_filesystem(int fd)
{
	struct statfs fs;

	/* Unknown: the marks of a network file system need least. */
	if (fstatfs(fd, &fs) < 0)
		return LF_FILESYSTEM_NETWORK;
	if ((unsigned)fs.f_type == FUSE)
		return has_device(fd) ? LF_FILESYSTEM_FUSE_DISK : LF_FILESYSTEM_FUSE;
	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++)
		if ((unsigned)fs.f_type == network[i])
			return LF_FILESYSTEM_NETWORK;
	return LF_FILESYSTEM_LOCAL;
}
