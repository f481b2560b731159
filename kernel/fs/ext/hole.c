/*
 * Holes in files: making one, filling a range with zeros, and finding one.
 *
 * A page of the range must not come back with what its blocks still hold, nor be stored to and
 * written to blocks that are about to be others':
 *
 *   1. hole_first and hole_end are set: from now on the pager reads the blocks as zeros
 *   2. the pages leave the cache and the mappings (object_punch), writes under way are waited for
 *   3. the blocks are freed, and hole_first and hole_end are cleared
 *
 * From 1 to 3 punch_lock is held, so that a store through a mapping, which needs space for a page
 * that has come back, waits. write(2) is kept out by the vnode lock.
 */
#include "abi/errno.h"
#include "fs/ext/ext.h"

static void announce(struct ext_inode *inode, uint64_t first, uint64_t end)
{
    mutex_lock(&inode->map_lock);
    inode->hole_first = first;
    inode->hole_end = end;
    mutex_unlock(&inode->map_lock);
}

static int free_blocks(struct ext_inode *inode, uint64_t first, uint64_t end)
{
    struct ext_operation operation;
    int error = ext_operation_begin(&operation, ext_of(inode));

    if (error)
        return error;
    mutex_lock(&inode->map_lock);
    error = ext_map_free(&operation, inode, first, end);
    mutex_unlock(&inode->map_lock);
    ext_operation_end(&operation);
    return error;
}

static int make_hole(struct ext_inode *inode, uint64_t start, uint64_t end)
{
    unsigned shift = PAGE_SHIFT - ext_of(inode)->block_shift;
    uint64_t first = (start + PAGE_MASK) >> PAGE_SHIFT, behind = end >> PAGE_SHIFT;
    bool whole_pages = first < behind;

    mutex_lock(&inode->punch_lock);
    if (whole_pages)
        announce(inode, first << shift, behind << shift);
    int error = object_punch(&inode->vnode.object, start, end);
    if (!error && whole_pages)
        error = free_blocks(inode, first << shift, behind << shift);
    if (whole_pages)
        announce(inode, 0, 0);
    mutex_unlock(&inode->punch_lock);
    return error;
}

static void touch(struct vnode *vnode)
{
    vnode->mtime = vnode->ctime = time_stamp();
    vnode_set_dirty(vnode);
}

int ext_punch(struct vnode *vnode, uint64_t offset, uint64_t length)
{
    int error = make_hole(ext_inode_of(vnode), offset, offset + length);

    touch(vnode);
    return error;
}

int ext_zero(struct vnode *vnode, uint64_t offset, uint64_t length, bool keep_size)
{
    uint64_t end = offset + length, size = vnode->object.size;
    int error = 0;

    if (offset < size)
        error = make_hole(ext_inode_of(vnode), offset, end < size ? end : size);
    return error ? error : ext_allocate(vnode, offset, length, keep_size);
}

/* Of count blocks without a place, from logical on: those of a page that was stored to through a
 * mapping have data all the same, and get a place when they are written. Cuts the run off where
 * that changes; true: its blocks have data. */
static bool is_stored(struct ext_inode *inode, uint64_t logical, uint32_t *count)
{
    unsigned shift = PAGE_SHIFT - ext_of(inode)->block_shift;
    uint64_t found;

    if (!object_next_dirty(&inode->vnode.object, logical >> shift, (logical + *count - 1) >> shift,
                           &found))
        return false;
    bool stored = found == logical >> shift;
    *count = stored ? 1 : (uint32_t)((found << shift) - logical);
    return stored;
}

/* The run of blocks from block on, which ends at end at the latest: where it begins on the disk (0:
 * nowhere), how long it is, and whether it has data. */
static int run_at(struct ext_inode *inode, uint64_t block, uint64_t end, uint32_t *physical,
                  uint32_t *count, bool *data)
{
    mutex_lock(&inode->map_lock);
    int error = ext_map_find(inode, block, end - block, physical, count);
    mutex_unlock(&inode->map_lock);
    *data = !error && (*physical || is_stored(inode, block, count));
    return error;
}

/* The next of the blocks [*block, end) that have data, or none: *block is the first, *count how
 * many there are in a row, *physical as above. -ENXIO: there is none. */
static int next_run(struct ext_inode *inode, bool with_data, uint64_t *block, uint64_t end,
                    uint32_t *physical, uint32_t *count)
{
    bool data;

    for (; *block < end; *block += *count) {
        int error = run_at(inode, *block, end, physical, count, &data);
        if (error || data == with_data)
            return error;
    }
    return -ENXIO;
}

int ext_seek(struct vnode *vnode, uint64_t offset, bool hole, uint64_t *result)
{
    struct ext_inode *inode = ext_inode_of(vnode);
    struct ext *ext = ext_of(inode);
    uint64_t size = vnode->object.size, end = (size + ext->block_size - 1) >> ext->block_shift;
    uint64_t block = offset >> ext->block_shift;
    uint32_t physical, count;
    int error = next_run(inode, !hole, &block, end, &physical, &count);

    if (error && !(error == -ENXIO && hole)) /* the end of the file is one */
        return error;
    *result = block << ext->block_shift;
    if (*result < offset)
        *result = offset;
    if (*result > size)
        *result = size;
    return 0;
}

int ext_find_extent(struct vnode *vnode, uint64_t offset, uint64_t end, struct file_extent *extent)
{
    struct ext_inode *inode = ext_inode_of(vnode);
    uint64_t limit = ext_map_size_limit(ext_of(inode));
    unsigned shift = ext_of(inode)->block_shift;

    if (offset >= limit)
        return -EFBIG;
    if (end > limit)
        end = limit;
    uint64_t block = offset >> shift;
    uint32_t physical, count;
    int error = next_run(inode, true, &block, ((end - 1) >> shift) + 1, &physical, &count);
    if (error)
        return error;
    *extent = (struct file_extent){.start = block << shift,
                                   .end = (block + count) << shift,
                                   .physical = (uint64_t)physical << shift,
                                   .placed = physical};
    return 0;
}
