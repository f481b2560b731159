/*
 * The ext2 revision 1 format on the disk. All numbers are little-endian, as the machine is.
 */
#ifndef MAPIX_FS_EXT_FORMAT_H
#define MAPIX_FS_EXT_FORMAT_H

#include <stdint.h>

#define EXT_SUPER_OFFSET 1024u /* bytes from the beginning of the device */
#define EXT_SUPER_SIZE   1024u
#define EXT_MAGIC        0xef53u
#define EXT_ROOT_INODE   2u
#define EXT_FIRST_INODE  11u /* revision 0 */
#define EXT_NAME_MAX     255u
#define EXT_LINKS_MAX    32000u

enum { EXT_STATE_VALID = 1, EXT_STATE_ERROR = 2 };       /* super.state */
enum { EXT_ERRORS_CONTINUE = 1, EXT_ERRORS_RO = 2 };     /* super.errors */
enum { EXT_RO_SPARSE_SUPER = 1, EXT_RO_LARGE_FILE = 2 }; /* super.feature_ro_compatible */
enum { EXT_INCOMPATIBLE_FILETYPE = 2 };                  /* super.feature_incompatible */
enum { EXT_COMPATIBLE_JOURNAL = 4 };                     /* super.feature_compatible */
enum { EXT_FLAG_INDEX = 0x1000 };                        /* inode; the others: abi/inode_flags.h */
#define EXT_FLAGS_SHOWN    0x0003dfffu                   /* by FS_IOC_GETFLAGS */
#define EXT_FLAGS_SETTABLE 0x000380ffu

struct ext_super {
    uint32_t inodes_count, blocks_count, reserved_blocks, free_blocks, free_inodes;
    uint32_t first_data_block, log_block_size, log_fragment_size;
    uint32_t blocks_per_group, fragments_per_group, inodes_per_group;
    uint32_t mount_time, write_time;
    uint16_t mount_count;
    int16_t mount_count_max;
    uint16_t magic, state, errors, minor_revision;
    uint32_t check_time, check_interval, creator, revision;
    uint16_t reserved_uid, reserved_gid;
    /* revision 1 */
    uint32_t first_inode;
    uint16_t inode_size, group_number;
    uint32_t feature_compatible, feature_incompatible, feature_ro_compatible;
    uint8_t uuid[16];
    char volume_name[16], last_mounted[64];
    uint32_t compression;
    uint8_t preallocate, preallocate_directory;
    uint16_t reserved_descriptors;
    uint8_t journal_uuid[16];
    uint32_t journal_inode, journal_device, last_orphan;
    uint32_t hash_seed[4];
    uint8_t hash_version, journal_backup;
    uint16_t descriptor_size;
    uint32_t default_options, first_meta_group, make_time, journal_blocks[17];
    uint32_t blocks_high, reserved_high, free_high;
    uint16_t extra_size_minimum, extra_size_wanted;
    uint32_t flags, unused[167];
};

struct ext_descriptor {
    uint32_t block_bitmap, inode_bitmap, inode_table;
    uint16_t free_blocks, free_inodes, directories, flags;
    uint32_t unused[3];
};

#define EXT_DIRECT    12u /* blocks named by the inode itself */
#define EXT_POINTERS  15u /* and single, double and triple indirect ones */
#define EXT_FAST_LINK 60u /* bytes of a symbolic link's target that fit in their place */

struct ext_disk_inode {
    uint16_t mode, uid;
    uint32_t size, atime, ctime, mtime;
    uint32_t dtime; /* when it was deleted; of an orphan: the number of the next one */
    uint16_t gid, links;
    uint32_t sectors; /* of 512 bytes, indirect blocks included */
    uint32_t flags, version;
    uint32_t block[EXT_POINTERS]; /* or a short link's target, or a device number */
    uint32_t generation, attribute_block, size_high, fragment;
    uint16_t sectors_high, attribute_block_high, uid_high, gid_high, checksum, reserved;
    /* what follows is there if the inode is larger than 128 bytes, as far as extra_size says */
    uint16_t extra_size, checksum_high;
    uint32_t ctime_extra, mtime_extra, atime_extra, birth_time, birth_time_extra;
    uint32_t version_high, project;
};

#define EXT_INODE_SIZE_OLD 128u
#define EXT_EXTRA_SIZE     ((uint16_t)(sizeof(struct ext_disk_inode) - EXT_INODE_SIZE_OLD))

_Static_assert(sizeof(struct ext_super) == EXT_SUPER_SIZE, "superblock");
_Static_assert(sizeof(struct ext_descriptor) == 32, "group descriptor");
_Static_assert(sizeof(struct ext_disk_inode) == 160, "inode");

/* A directory entry; the entries of a block fill it, each a multiple of 4 bytes long. */
struct ext_entry {
    uint32_t number; /* 0: no entry, only space */
    uint16_t length;
    uint8_t name_length, type;
    char name[];
};

#define EXT_ENTRY_HEADER 8u

/* The bytes that an entry with such a name takes at least. */
#define EXT_ENTRY_SIZE(name_length) (((name_length) + EXT_ENTRY_HEADER + 3u) & ~3u)

/* The beginning of a block of extended attributes, which several inodes may share. */
struct ext_attribute_header {
    uint32_t magic, references;
};

#define EXT_ATTRIBUTE_MAGIC 0xea020000u

#endif
