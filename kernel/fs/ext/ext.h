/*
 * ext2: what its files share.
 *
 *   super.c                         the mount: checking the superblock, state, sync
 *   operation.c                     grouping of metadata changes
 *   block.c                         metadata blocks
 *   balloc.c, ialloc.c              allocation of blocks and inodes
 *   inode.c                         inodes
 *   orphan.c                        those that are removed, but open
 *   block_map.c                     from a file's blocks to the device's
 *   io.c                            requests
 *   pager.c                         pages of files
 *   file.c, hole.c                  write, resize; holes in files
 *   directory.c, directory_index.c  entries
 *   name.c                          create to rename
 *
 * Metadata blocks are in the pages of the device's object, file data in those of each file's. A
 * block belongs to one of the two at a time: when a metadata block is freed, its dirty state is
 * forgotten (ext_block_forget); when a file is truncated, its pages go before its blocks.
 *
 * Every change of a metadata block goes through ext_block_changed, inside an operation, which is
 * what a journal makes atomic.
 *
 * Locks: vnode lock, orphan_lock or load_lock or punch_lock, map_lock of one inode,
 * allocation_lock, locks of objects. Letters: (c) constant after the mount, (a) allocation_lock,
 * (o) orphan_lock, (m) map_lock.
 */
#ifndef MAPIX_FS_EXT_EXT_H
#define MAPIX_FS_EXT_EXT_H

#include "dev/block.h"
#include "fs/ext/format.h"
#include "fs/volume.h"

struct ext_group {
    uint32_t block_bitmap, inode_bitmap, inode_table;
    uint32_t free_blocks, free_inodes, directories;
};

struct ext {
    struct volume *volume;
    struct block_device *device;
    struct page *super_page; /* (c) referenced */
    struct ext_super *super; /* in it; (a) */
    uint32_t block_size;     /* (c) bytes, and the rest of these as well */
    uint32_t block_shift;    /* its logarithm */
    uint32_t pointer_shift;  /* logarithm of the pointers in a block */
    uint32_t blocks_count, first_data_block, blocks_per_group;
    uint32_t inodes_count, inodes_per_group, inode_size, first_inode;
    uint32_t inode_table_blocks; /* per group */
    uint32_t group_count, descriptor_pages;
    uint64_t descriptors_offset; /* (c) bytes, on the device */
    struct page **descriptors;   /* (c) pages of the group descriptors, referenced */
    bool has_types;              /* (c) directory entries tell the type of the file */
    uint32_t writable;           /* atomic; operations are refused otherwise */
    bool clean_at_mount;         /* (c) the state to be left behind */
    uint32_t errors;             /* atomic: damage found */
    uint64_t syncs;              /* atomic: of the whole file system; from 1 */

    struct mutex allocation_lock;
    struct ext_group *groups;          /* (a); where things are: (c) */
    uint64_t free_blocks, free_inodes; /* (a) */
    struct mutex load_lock;            /* reading of inodes into the vnode cache */
    struct mutex orphan_lock;
    struct list orphans;    /* (o) first: the one that the superblock names */
    struct mutex tail_lock; /* of tail */
    struct page *tail;      /* for a last block with rubbish behind the file's end */
};

struct ext_index;

struct ext_inode {
    struct vnode vnode;
    struct mutex punch_lock; /* a hole is being made; no space is reserved meanwhile */
    struct mutex map_lock;   /* also: the copy of all fields to the disk's inode; vnode.blocks */
    uint64_t hole_first, hole_end; /* (m) blocks of that hole, which read as zeros already */
    uint32_t block[EXT_POINTERS];  /* (m) */
    uint64_t leaf_first;           /* (m) first logical block of the latest leaf of the map */
    uint32_t leaf_block;           /* (m) and its place; 0: none */
    uint64_t next_logical;         /* (m) behind the latest allocation, */
    uint32_t next_physical;        /* (m) and its place: the goal of the next */
    uint32_t attribute_block;
    uint32_t dtime;          /* deletion time, or the number of the next orphan */
    bool is_new;             /* the disk's inode is to be written wholly */
    uint64_t created;        /* atomic: syncs at its creation; 0: before, or it was synced itself */
    struct list orphan_link; /* (o) */
    struct ext_index *index; /* (vnode lock) of a large directory, or NULL */
};

static inline struct ext_inode *ext_inode_of(struct vnode *vnode)
{
    return container_of(vnode, struct ext_inode, vnode);
}

static inline struct ext *ext_of(const struct ext_inode *inode)
{
    return inode->vnode.volume->state;
}

/* 512-byte sectors per block. */
static inline uint32_t ext_sectors(const struct ext *ext)
{
    return ext->block_size / SECTOR_SIZE;
}

/* super.c */
void ext_init(void); /* register the type; boot only */

/* Damage was found: say so once, and mark the file system. Returns -EUCLEAN. */
int ext_error(struct ext *ext, const char *what, uint64_t where);
/* Where group descriptors are; a group's counts have changed: copy them there. (a) */
struct ext_operation;
void ext_group_changed(struct ext_operation *operation, uint32_t group);
void ext_super_changed(struct ext *ext);

/* operation.c: changes of metadata that belong together. */
#define EXT_OPERATION_INODES 6

struct ext_deferred;

struct ext_operation {
    struct ext *ext;
    struct ext_deferred *deferred; /* blocks to be freed at the end */
    unsigned count;
    struct ext_inode *inodes[EXT_OPERATION_INODES]; /* changed; referenced by the caller */
};

/* Begin: -EROFS. No nesting: a thread is in one operation at a time. */
int ext_operation_begin(struct ext_operation *operation, struct ext *ext);
/* The inode has changed: end copies it to its block. */
void ext_operation_inode(struct ext_operation *operation, struct ext_inode *inode);
/* What has been changed so far is on the disk before what is changed from now on. Waits. */
void ext_operation_settle(struct ext_operation *operation);
/* Free a metadata block, but not before what refers to it no more is on the disk. */
void ext_operation_free_later(struct ext_operation *operation, uint32_t number);
/* Waits if blocks are to be freed later. */
void ext_operation_end(struct ext_operation *operation);

/* block.c: metadata blocks. */
struct ext_block {
    struct page *page; /* referenced; NULL: none */
    void *data;
    uint32_t number;
};

/* The block, read if necessary: -EUCLEAN (no such block), -EIO, -ENOMEM. */
int ext_block_get(struct ext *ext, uint32_t number, struct ext_block *block);
/* A newly allocated block, filled with zeros (the caller marks it changed). */
int ext_block_get_new(struct ext *ext, uint32_t number, struct ext_block *block);
/* The caller has changed the block's contents: it will be written. */
void ext_block_changed(struct ext_operation *operation, struct ext_block *block);
void ext_block_put(struct ext_block *block);
/* The block is about to be freed: its contents will not be written any more. */
void ext_block_forget(struct ext *ext, uint32_t number);
/* Are the blocks on the device, and not those of superblocks, descriptors, bitmaps and inodes? */
bool ext_blocks_valid(const struct ext *ext, uint32_t first, uint32_t count);

/* balloc.c */

/*
 * Allocate up to wanted contiguous blocks, near the goal: their first and number, at least 1.
 * -ENOSPC, -EUCLEAN, -EIO.
 */
int ext_allocate_blocks(struct ext_operation *operation, uint32_t goal, uint32_t wanted,
                        uint32_t *first, uint32_t *count);
void ext_free_blocks(struct ext_operation *operation, uint32_t first, uint32_t count);
/* The first block of the group that an inode belongs to. */
uint32_t ext_inode_goal(const struct ext *ext, uint64_t number);

/* ialloc.c */
int ext_allocate_inode(struct ext_operation *operation, uint64_t parent, bool directory,
                       uint64_t *number);
void ext_free_inode(struct ext_operation *operation, uint64_t number, bool directory);

/* inode.c */

/* The inode of that number, referenced: -EUCLEAN, -EIO, -ENOMEM. orphan: it has no links. */
int ext_inode_get(struct ext *ext, uint64_t number, bool orphan, struct ext_inode **result);
/* For volume_operations. */
int ext_find(struct volume *volume, uint64_t number, struct vnode **result);
/* A new one, in the cache, with one reference; nothing is on the disk yet. -ENOMEM, -EUCLEAN. */
int ext_inode_create(struct ext *ext, uint64_t number, const struct creation *creation,
                     struct ext_inode **result);
/* Copy it to its block on the disk: -EIO, -ENOMEM. */
int ext_inode_store(struct ext_operation *operation, struct ext_inode *inode);
/* Its last name went: it belongs to the orphans until it is deleted. */
void ext_inode_delete(struct ext_inode *inode);
void ext_inode_free(struct vnode *vnode);
int ext_write_back(struct vnode *vnode);
int ext_set_attributes(struct vnode *vnode, const struct attributes *attributes);
extern const struct vnode_operations ext_operations;
extern struct slab_cache ext_inode_cache;

/* May it be on the disk for good, so that a power cut must not lose it? */
bool ext_inode_is_durable(const struct ext_inode *inode);
/* Is it a symbolic link whose target is in the inode? */
bool ext_inode_is_fast_link(const struct ext_inode *inode);

/* orphan.c */
void ext_orphan_add(struct ext_operation *operation, struct ext_inode *inode);
void ext_orphan_remove(struct ext_operation *operation, struct ext_inode *inode);
void ext_orphans_recover(struct ext *ext); /* at mount: delete what an unclean stop left */
void ext_orphans_delete(struct ext *ext);  /* at the end, while they are still open */

/* block_map.c; map_lock held. */

/* Where the file's blocks from logical on are: *count (1..most) blocks at *physical, or a hole of
 * so many (*physical 0). -EIO, -EUCLEAN, -ENOMEM, -EFBIG. */
int ext_map_find(struct ext_inode *inode, uint64_t logical, uint64_t most, uint32_t *physical,
                 uint32_t *count);
/* Give a hole at logical, that has wanted blocks, space: *count (1..wanted) blocks. zero: their
 * contents on the device become zeros before. -ENOSPC and the same errors; nothing changed then. */
int ext_map_allocate(struct ext_operation *operation, struct ext_inode *inode, uint64_t logical,
                     uint32_t wanted, bool zero, uint32_t *physical, uint32_t *count);
/* Free the blocks [first, end). -EIO, -EUCLEAN, -ENOMEM: some are left. */
int ext_map_free(struct ext_operation *operation, struct ext_inode *inode, uint64_t first,
                 uint64_t end);
/* Free all blocks from logical on. */
void ext_map_truncate(struct ext_operation *operation, struct ext_inode *inode, uint64_t logical);
/* The largest file size. */
uint64_t ext_map_size_limit(const struct ext *ext);

/* io.c */

/* Pages of a file that are being read or written; see there. */
struct ext_io;
#define EXT_IO_PAGES 32u

struct ext_io *ext_io_create(struct ext *ext, struct object *object, bool write,
                             struct page **pages, unsigned count, uint64_t size,
                             struct ext_io *spare);
struct page *ext_io_page(struct ext_io *io, unsigned n);
/* Move count blocks of the file from logical on, in these pages, from or to the device. */
void ext_io_add(struct ext_io *io, uint64_t logical, uint32_t physical, uint32_t count);
void ext_io_fail(struct ext_io *io, unsigned n, int error); /* the n-th page cannot be moved */
void ext_io_finish(struct ext_io *io);                      /* all is added */
/* Write one block of a page, with zeros behind the first keep bytes. Waits. */
int ext_io_write_tail(struct ext *ext, const char *data, uint32_t keep, uint32_t physical);
/* Fill blocks on the device with zeros. Waits. */
int ext_io_zero(struct ext *ext, uint32_t first, uint32_t count);

/* pager.c */
extern const struct pager ext_pager;

/* file.c */
long ext_write(struct vnode *vnode, uint64_t offset, struct transfer *transfer);
int ext_resize(struct vnode *vnode, uint64_t size);
int ext_allocate(struct vnode *vnode, uint64_t offset, uint64_t length, bool keep_size);
int ext_punch(struct vnode *vnode, uint64_t offset, uint64_t length);
int ext_zero(struct vnode *vnode, uint64_t offset, uint64_t length, bool keep_size);
int ext_seek(struct vnode *vnode, uint64_t offset, bool hole, uint64_t *result);
int ext_find_extent(struct vnode *vnode, uint64_t offset, uint64_t end, struct file_extent *extent);
int ext_sync(struct vnode *vnode, bool data_only);
/* Space for every block of [first, end) that has none. (m) *reached: the first without. */
int ext_fill_holes(struct ext_operation *operation, struct ext_inode *inode, uint64_t first,
                   uint64_t end, bool zero, uint64_t *reached);

/* directory.c; the directory is locked. */
struct ext_place {
    uint64_t logical;          /* block of the directory */
    uint32_t offset, previous; /* of the entry and the one before it; equal: it is the first */
    uint32_t number, hash;
};

int ext_directory_find(struct ext_inode *directory, const struct name *name,
                       struct ext_place *place); /* -ENOENT */
int ext_directory_add(struct ext_operation *operation, struct ext_inode *directory,
                      const struct name *name, uint64_t number, uint32_t mode);
int ext_directory_remove(struct ext_operation *operation, struct ext_inode *directory,
                         const struct ext_place *place);
/* Let an existing entry name another file; ".." of a moved directory too. */
int ext_directory_replace(struct ext_operation *operation, struct ext_inode *directory,
                          const struct ext_place *place, uint64_t number, uint32_t mode);
int ext_directory_make(struct ext_operation *operation, struct ext_inode *directory,
                       uint64_t parent);
int ext_directory_check_empty(struct ext_inode *directory); /* -ENOTEMPTY */
int ext_read_directory(struct vnode *vnode, int64_t offset, directory_entry_sink *sink,
                       void *context);
/* The metadata block that holds a directory's block. */
int ext_directory_block(struct ext_inode *directory, uint64_t logical, struct ext_block *block);
/* The entry at an offset of a block, checked: -EUCLEAN. */
int ext_entry_at(struct ext *ext, const struct ext_block *block, uint32_t offset,
                 struct ext_entry **entry);
uint32_t ext_hash_name(const struct name *name);
/* The largest room for a new entry in a block. */
int ext_directory_room(struct ext *ext, const struct ext_block *block, uint32_t *room);

/* directory_index.c: names to places, for large directories. */

/* Make the index if the directory is large and has none; no memory: there is none. -EUCLEAN, -EIO.
 */
int ext_index_prepare(struct ext_inode *directory);
void ext_index_free(struct ext_inode *directory);
/* Positions (bytes / 4 in the directory) of names with this hash: *probe is 0 at first. false: no
 * more. */
bool ext_index_next(const struct ext_index *index, uint32_t hash, uint32_t *probe,
                    uint32_t *position);
/* These drop the index when memory is short. */
void ext_index_insert(struct ext_inode *directory, uint32_t hash, uint32_t position);
void ext_index_remove(struct ext_inode *directory, uint32_t hash, uint32_t position);
void ext_index_set_room(struct ext_inode *directory, uint64_t logical, uint32_t room);
/* The first block with that much room; false: none. */
bool ext_index_find_room(struct ext_inode *directory, uint32_t room, uint64_t *logical);

/* name.c */
int ext_lookup(struct vnode *directory, const struct name *name, struct vnode **result);
int ext_create(struct vnode *directory, const struct name *name, const struct creation *creation,
               struct vnode **result);
int ext_create_unnamed(struct vnode *directory, const struct creation *creation,
                       struct vnode **result);
int ext_link(struct vnode *directory, const struct name *name, struct vnode *target);
int ext_unlink(struct vnode *directory, const struct name *name, struct vnode *target);
int ext_rename(struct vnode *from, const struct name *from_name, struct vnode *source,
               struct vnode *to, const struct name *to_name, struct vnode *target,
               const struct creation *whiteout);
int ext_exchange(struct vnode *from, const struct name *from_name, struct vnode *source,
                 struct vnode *to, const struct name *to_name, struct vnode *target);
long ext_read_link(struct vnode *link, char *buffer, size_t size);

#endif
