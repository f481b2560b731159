/*
 * Allocation of blocks: a bitmap per group, searched from the goal on.
 */
#include "abi/errno.h"
#include "core/process.h"
#include "fs/ext/ext.h"
#include "lib/bitmap.h"

#define RUN_WANTED 32u /* a free run of so many blocks is preferred to the nearest free block */

uint32_t ext_inode_goal(const struct ext *ext, uint64_t number)
{
    uint32_t group = (uint32_t)((number - 1) / ext->inodes_per_group);
    return ext->first_data_block + group * ext->blocks_per_group;
}

/* The first block of a group, and how many it has. */
static uint32_t group_start(const struct ext *ext, uint32_t group)
{
    return ext->first_data_block + group * ext->blocks_per_group;
}

static uint32_t group_size(const struct ext *ext, uint32_t group)
{
    uint32_t left = ext->blocks_count - group_start(ext, group);
    return left < ext->blocks_per_group ? left : ext->blocks_per_group;
}

/* Blocks that the current process may still take: the last ones are for root and the kernel. (a) */
static uint64_t available(const struct ext *ext)
{
    uint64_t reserved = ext->super->reserved_blocks;

    if (credentials_capable(CAP_SYS_RESOURCE) ||
        credentials_current()->fsuid == ext->super->reserved_uid)
        return ext->free_blocks;
    return ext->free_blocks > reserved ? ext->free_blocks - reserved : 0;
}

/* A free bit of the map: at start, else a run of some length, else any. size: none. */
static size_t find_free(const uint64_t *map, size_t start, size_t size, size_t wanted)
{
    if (!bitmap_test(map, start))
        return start;
    if (wanted > RUN_WANTED)
        wanted = RUN_WANTED;
    size_t bit = bitmap_find_run(map, start, size, wanted);
    if (bit == size)
        bit = bitmap_find_run(map, 0, size, wanted);
    if (bit == size)
        bit = bitmap_find_clear(map, start, size);
    return bit == size ? bitmap_find_clear(map, 0, size) : bit;
}

/* Take up to wanted blocks of a group: *count 0 if it has none. (a) */
static int allocate_in_group(struct ext_operation *operation, uint32_t group, uint32_t start,
                             uint32_t wanted, uint32_t *first, uint32_t *count)
{
    struct ext *ext = operation->ext;
    struct ext_group *g = &ext->groups[group];
    uint32_t size = group_size(ext, group);
    struct ext_block block;

    *count = 0;
    int error = ext_block_get(ext, g->block_bitmap, &block);
    if (error)
        return error;
    uint64_t *map = block.data;
    size_t bit = find_free(map, start < size ? start : 0, size, wanted);
    while (bit + *count < size && *count < wanted && *count < g->free_blocks &&
           !bitmap_test(map, bit + *count))
        (*count)++;
    *first = group_start(ext, group) + (uint32_t)bit;
    if (*count == 0) {
        g->free_blocks = 0; /* the bitmap is right: the group is not looked at again */
        error = ext_error(ext, "a group has fewer free blocks than it says", group);
    } else if (!ext_blocks_valid(ext, *first, *count)) {
        error = ext_error(ext, "a block of the file system's own is marked as free", *first);
    } else {
        bitmap_set_range(map, bit, *count);
        ext_block_changed(operation, &block);
        g->free_blocks -= *count;
        ext->free_blocks -= *count;
        ext_group_changed(operation, group);
    }
    ext_block_put(&block);
    return error;
}

int ext_allocate_blocks(struct ext_operation *operation, uint32_t goal, uint32_t wanted,
                        uint32_t *first, uint32_t *count)
{
    struct ext *ext = operation->ext;
    int error = -ENOSPC;

    if (goal < ext->first_data_block || goal >= ext->blocks_count)
        goal = ext->first_data_block;
    uint32_t group = (goal - ext->first_data_block) / ext->blocks_per_group;
    uint32_t start = (goal - ext->first_data_block) % ext->blocks_per_group;
    mutex_lock(&ext->allocation_lock);
    uint64_t most = available(ext);
    if (wanted > most)
        wanted = (uint32_t)most;
    for (uint32_t i = 0; wanted && i < ext->group_count; i++) {
        if (ext->groups[group].free_blocks) {
            error = allocate_in_group(operation, group, start, wanted, first, count);
            if (!error)
                break;
        }
        group = group + 1 == ext->group_count ? 0 : group + 1;
        start = 0;
    }
    mutex_unlock(&ext->allocation_lock);
    return error;
}

/* Free blocks of one group. (a) */
static void free_in_group(struct ext_operation *operation, uint32_t group, uint32_t bit,
                          uint32_t count)
{
    struct ext *ext = operation->ext;
    struct ext_block block;

    if (ext_block_get(ext, ext->groups[group].block_bitmap, &block)) {
        ext_error(ext, "a block bitmap cannot be read, its blocks stay allocated", group);
        return;
    }
    uint32_t used = (uint32_t)bitmap_count(block.data, bit, bit + count);
    if (used != count)
        ext_error(ext, "free blocks are freed", group_start(ext, group) + bit);
    bitmap_clear_range(block.data, bit, count);
    ext_block_changed(operation, &block);
    ext->groups[group].free_blocks += used;
    ext->free_blocks += used;
    ext_group_changed(operation, group);
    ext_block_put(&block);
}

void ext_free_blocks(struct ext_operation *operation, uint32_t first, uint32_t count)
{
    struct ext *ext = operation->ext;

    if (!ext_blocks_valid(ext, first, count)) {
        ext_error(ext, "blocks that are not a file's are freed", first);
        return;
    }
    mutex_lock(&ext->allocation_lock);
    while (count) {
        uint32_t group = (first - ext->first_data_block) / ext->blocks_per_group;
        uint32_t bit = (first - ext->first_data_block) % ext->blocks_per_group;
        uint32_t now = group_size(ext, group) - bit;
        if (now > count)
            now = count;
        free_in_group(operation, group, bit, now);
        first += now;
        count -= now;
    }
    mutex_unlock(&ext->allocation_lock);
}
