/*
 * Allocation of inodes. A file goes to its directory's group, so that an inode, its data and its
 * neighbours are near each other; a directory to a group with much room.
 */
#include "abi/errno.h"
#include "fs/ext/ext.h"
#include "lib/bitmap.h"

/* The group with the most free blocks of those that have at least the average of free inodes. (a)
 */
static uint32_t group_for_directory(const struct ext *ext, uint32_t parent)
{
    uint32_t best = parent, average = (uint32_t)(ext->free_inodes / ext->group_count);
    uint64_t best_free = 0;

    for (uint32_t i = 0; i < ext->group_count; i++) {
        uint32_t group = (parent + i) % ext->group_count;
        const struct ext_group *g = &ext->groups[group];
        if (g->free_inodes && g->free_inodes >= average && g->free_blocks > best_free) {
            best = group;
            best_free = g->free_blocks;
        }
    }
    return best;
}

/* Take a free inode of a group. (a) */
static int allocate_in_group(struct ext_operation *operation, uint32_t group, bool directory,
                             uint64_t *number)
{
    struct ext *ext = operation->ext;
    struct ext_group *g = &ext->groups[group];
    size_t first = group == 0 ? ext->first_inode - 1 : 0, size = ext->inodes_per_group;
    struct ext_block block;
    int error = ext_block_get(ext, g->inode_bitmap, &block);

    if (error)
        return error;
    size_t bit = first < size ? bitmap_find_clear(block.data, first, size) : size;
    if (bit < size) {
        bitmap_set(block.data, bit);
        ext_block_changed(operation, &block);
        g->free_inodes--;
        g->directories += directory;
        ext->free_inodes--;
        ext_group_changed(operation, group);
        *number = (uint64_t)group * ext->inodes_per_group + bit + 1;
    } else {
        g->free_inodes = 0;
        error = ext_error(ext, "a group has fewer free inodes than it says", group);
    }
    ext_block_put(&block);
    return error;
}

int ext_allocate_inode(struct ext_operation *operation, uint64_t parent, bool directory,
                       uint64_t *number)
{
    struct ext *ext = operation->ext;
    uint32_t group = (uint32_t)((parent - 1) / ext->inodes_per_group);
    int error = -ENOSPC;

    mutex_lock(&ext->allocation_lock);
    if (directory)
        group = group_for_directory(ext, group);
    for (uint32_t i = 0; error && i < ext->group_count; i++) {
        if (ext->groups[group].free_inodes)
            error = allocate_in_group(operation, group, directory, number);
        group = group + 1 == ext->group_count ? 0 : group + 1;
    }
    mutex_unlock(&ext->allocation_lock);
    return error;
}

void ext_free_inode(struct ext_operation *operation, uint64_t number, bool directory)
{
    struct ext *ext = operation->ext;
    uint32_t group = (uint32_t)((number - 1) / ext->inodes_per_group);
    uint32_t bit = (uint32_t)((number - 1) % ext->inodes_per_group);
    struct ext_group *g = &ext->groups[group];
    struct ext_block block;

    mutex_lock(&ext->allocation_lock);
    if (ext_block_get(ext, g->inode_bitmap, &block)) {
        ext_error(ext, "an inode bitmap cannot be read", group);
    } else if (!bitmap_test(block.data, bit)) {
        ext_error(ext, "a free inode is freed", number);
    } else {
        bitmap_clear(block.data, bit);
        ext_block_changed(operation, &block);
        g->free_inodes++;
        g->directories -= directory && g->directories;
        ext->free_inodes++;
        ext_group_changed(operation, group);
    }
    ext_block_put(&block);
    mutex_unlock(&ext->allocation_lock);
}
