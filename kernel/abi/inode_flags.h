/* Flags of files that FS_IOC_GETFLAGS and FS_IOC_SETFLAGS carry (ioctl_iflags(2)). */
#ifndef MAPIX_ABI_INODE_FLAGS_H
#define MAPIX_ABI_INODE_FLAGS_H

#define FS_SECRM_FL     0x00000001
#define FS_UNRM_FL      0x00000002
#define FS_COMPR_FL     0x00000004
#define FS_SYNC_FL      0x00000008
#define FS_IMMUTABLE_FL 0x00000010
#define FS_APPEND_FL    0x00000020
#define FS_NODUMP_FL    0x00000040
#define FS_NOATIME_FL   0x00000080
#define FS_NOTAIL_FL    0x00008000
#define FS_DIRSYNC_FL   0x00010000
#define FS_TOPDIR_FL    0x00020000

/* What a new file has of its directory. */
#define FS_INHERITED_FL                                                                            \
    (FS_SECRM_FL | FS_UNRM_FL | FS_COMPR_FL | FS_SYNC_FL | FS_NODUMP_FL | FS_NOATIME_FL |          \
     FS_NOTAIL_FL | FS_DIRSYNC_FL)

#endif
