/* statfs(2): its structure, and the types of file systems it names. */
#ifndef MAPIX_ABI_STATFS_H
#define MAPIX_ABI_STATFS_H

#include <stdint.h>

struct statfs {
    uint64_t type;
    uint64_t block_size;
    uint64_t blocks, blocks_free, blocks_available;
    uint64_t files, files_free;
    int32_t identifier[2];
    uint64_t name_length;
    uint64_t fragment_size;
    uint64_t flags; /* ST_*: ST_VALID and the mount flags */
    uint64_t spare[4];
};

#define ST_VALID       0x0020
#define ST_RELATIME    0x1000
#define ST_NOSYMFOLLOW 0x2000

#define EXT2_SUPER_MAGIC   0xef53
#define DEVPTS_SUPER_MAGIC 0x1cd1
#define PROC_SUPER_MAGIC   0x9fa0
#define SYSFS_MAGIC        0x62656572
#define TMPFS_MAGIC        0x01021994
#define PIPEFS_MAGIC       0x50495045
#define SOCKFS_MAGIC       0x534f434b
#define NSFS_MAGIC         0x6e736673
#define ANON_INODE_MAGIC   0x09041934

#endif
