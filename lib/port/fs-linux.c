/* Which file systems have their locks kept by a server: statfs(2) of Linux. */
#include "config.h"

#include "port/os.h"

#include <sys/vfs.h>

/* From <linux/magic.h> and the sources of the file systems themselves. */
enum {
	AFS = 0x5346414F,
	BEEGFS = 0x19830326,
	CEPH = 0x00C36400,
	CIFS = 0xFF534D42,
	CODA = 0x73757245,
	FUSE = 0x65735546,
	GFS2 = 0x01161970,
	GPFS = 0x47504653,
	KAFS = 0x6B414653,
	LUSTRE = 0x0BD00BD0,
	NCP = 0x564C,
	NFS = 0x6969,
	OCFS2 = 0x7461636F,
	ORANGEFS = 0x20030528,
	SMB = 0x517B,
	SMB2 = 0xFE534D42,
	V9FS = 0x01021997,
	VBOXSF = 0x786F4256,
};

enum os_filesystem os_filesystem(int fd)
{
	struct statfs fs;

	/* Not told: the marks that need least of a server. */
	if (fstatfs(fd, &fs) < 0)
		return OS_FS_NETWORK;
	switch ((unsigned)fs.f_type) {
	case FUSE:
		return OS_FS_FUSE;
	case AFS:
	case BEEGFS:
	case CEPH:
	case CIFS:
	case CODA:
	case GFS2:
	case GPFS:
	case KAFS:
	case LUSTRE:
	case NCP:
	case NFS:
	case OCFS2:
	case ORANGEFS:
	case SMB:
	case SMB2:
	case V9FS:
	case VBOXSF:
		return OS_FS_NETWORK;
	default:
		return OS_FS_LOCAL;
	}
}
