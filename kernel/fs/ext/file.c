/*
 * Regular files: write, resize, preallocation, fsync.
 *
 * A write goes in pieces. For each: pages inside the file that have holes under the piece are
 * brought into the cache (as zeros) and kept there; then the holes get space; then the bytes are
 * copied; then the kept pages are made dirty, so that the new blocks are written whatever has been
 * copied. Pages behind the end need no such care: nobody reads there.
 */
#include "abi/errno.h"
#include "fs/ext/ext.h"
#include "fs/inode_flags.h"

#define PIECE_PAGES 32u

/* Pages that stay in the cache while their holes get space. */
struct kept {
    struct page *pages[PIECE_PAGES];
    unsigned count;
};

static uint64_t block_behind(const struct ext *ext, uint64_t offset)
{
    return (offset + ext->block_size - 1) >> ext->block_shift;
}

int ext_fill_holes(struct ext_operation *operation, struct ext_inode *inode, uint64_t first,
                   uint64_t end, bool zero, uint64_t *reached)
{
    uint32_t physical, count;
    int error = 0;

    for (*reached = first; *reached < end; *reached += count) {
        error = ext_map_find(inode, *reached, end - *reached, &physical, &count);
        if (!error && !physical)
            error = ext_map_allocate(operation, inode, *reached, count, zero, &physical, &count);
        if (error)
            break;
    }
    return error;
}

/* Is there a hole in [first, end)? *hole is its first block. */
static int find_hole(struct ext_inode *inode, uint64_t first, uint64_t end, uint64_t *hole)
{
    uint32_t physical = 1, count;
    int error = 0;

    mutex_lock(&inode->map_lock);
    for (*hole = first; *hole < end; *hole += count) {
        error = ext_map_find(inode, *hole, end - *hole, &physical, &count);
        if (error || !physical)
            break;
    }
    mutex_unlock(&inode->map_lock);
    return error;
}

static void release_kept(struct ext_inode *inode, struct kept *kept, bool dirty)
{
    for (unsigned i = 0; i < kept->count; i++) {
        if (dirty)
            object_dirty_page(&inode->vnode.object, kept->pages[i], UINT32_MAX);
        page_release(kept->pages[i]);
    }
}

/* Bring the pages of [offset, end) that are inside the file and have holes into the cache. */
static int keep_pages(struct ext_inode *inode, uint64_t offset, uint64_t end, struct kept *kept)
{
    struct ext *ext = ext_of(inode);
    uint64_t size = inode->vnode.object.size, behind = block_behind(ext, end), hole;
    unsigned shift = PAGE_SHIFT - ext->block_shift;
    uint64_t block = offset >> ext->block_shift;
    int error = 0;

    kept->count = 0;
    if (behind > block_behind(ext, size))
        behind = block_behind(ext, size);
    while (block < behind) {
        error = find_hole(inode, block, behind, &hole);
        if (error || hole >= behind)
            break;
        error = object_get_page(&inode->vnode.object, hole >> shift, &kept->pages[kept->count]);
        if (error)
            break;
        kept->count++;
        block = ((hole >> shift) + 1) << shift;
    }
    if (error)
        release_kept(inode, kept, false);
    return error;
}

/* Space for [offset, end): *reached is where it ends, *fresh the first block behind the file that
 * had none (or UINT64_MAX). */
static int make_space(struct ext_inode *inode, uint64_t offset, uint64_t end, uint64_t *reached,
                      uint64_t *fresh)
{
    struct ext *ext = ext_of(inode);
    struct ext_operation operation;
    uint64_t first = offset >> ext->block_shift, behind = block_behind(ext, end), block;
    uint64_t outside = block_behind(ext, inode->vnode.object.size), hole;

    *reached = offset;
    *fresh = UINT64_MAX;
    if (outside < first)
        outside = first;
    if (outside < behind) {
        int error = find_hole(inode, outside, behind, &hole);
        if (error)
            return error;
        if (hole < behind)
            *fresh = hole;
    }
    int error = ext_operation_begin(&operation, ext);
    if (error)
        return error;
    mutex_lock(&inode->map_lock);
    error = ext_fill_holes(&operation, inode, first, behind, false, &block);
    mutex_unlock(&inode->map_lock);
    ext_operation_end(&operation);
    *reached = block << ext->block_shift;
    if (*reached > end)
        *reached = end;
    if (*reached < offset)
        *reached = offset;
    return error;
}

/* Free the blocks that were allocated behind the file and not written to. */
static void trim(struct ext_inode *inode, uint64_t fresh)
{
    struct ext *ext = ext_of(inode);
    struct ext_operation operation;
    uint64_t behind = block_behind(ext, inode->vnode.object.size);

    if (ext_operation_begin(&operation, ext))
        return;
    mutex_lock(&inode->map_lock);
    ext_map_truncate(&operation, inode, behind > fresh ? behind : fresh);
    mutex_unlock(&inode->map_lock);
    ext_operation_end(&operation);
}

/* Write one piece, up to end: bytes, or an error if there are none. */
static long write_piece(struct ext_inode *inode, uint64_t offset, uint64_t end,
                        struct transfer *transfer)
{
    struct kept kept;
    uint64_t reached, fresh;
    size_t wanted = transfer->remaining;
    int error = keep_pages(inode, offset, end, &kept);

    if (error)
        return error;
    error = make_space(inode, offset, end, &reached, &fresh);
    long result = error;
    if (reached > offset) {
        transfer->remaining = reached - offset;
        result = object_write(&inode->vnode.object, offset, transfer);
        size_t done = result > 0 ? (size_t)result : 0;
        transfer->remaining = wanted - done;
    }
    release_kept(inode, &kept, true);
    if (fresh != UINT64_MAX && (result < 0 || (uint64_t)result < end - offset))
        trim(inode, fresh);
    return result;
}

/* A file of more than 2 GiB is a feature of the format, to be named in the superblock. */
static void require_large_file(struct ext_inode *inode)
{
    struct ext *ext = ext_of(inode);

    if (inode->vnode.object.size <= INT32_MAX)
        return;
    mutex_lock(&ext->allocation_lock);
    if (!(ext->super->feature_ro_compatible & EXT_RO_LARGE_FILE)) {
        ext->super->feature_ro_compatible |= EXT_RO_LARGE_FILE;
        ext_super_changed(ext);
    }
    mutex_unlock(&ext->allocation_lock);
}

static void touch(struct vnode *vnode)
{
    vnode->mtime = vnode->ctime = time_stamp();
    require_large_file(ext_inode_of(vnode));
    vnode_set_dirty(vnode);
}

long ext_write(struct vnode *vnode, uint64_t offset, struct transfer *transfer)
{
    struct ext_inode *inode = ext_inode_of(vnode);
    long result = 0;
    size_t done = 0;

    if (vnode_is_immutable(vnode))
        return -EPERM;
    while (transfer->remaining) {
        uint64_t end = page_round_down(offset) + PIECE_PAGES * PAGE_SIZE;
        if (end > offset + transfer->remaining)
            end = offset + transfer->remaining;
        result = write_piece(inode, offset, end, transfer);
        if (result <= 0)
            break;
        done += (size_t)result;
        offset += (size_t)result;
        if (offset < end)
            break;
    }
    if (done)
        touch(vnode);
    return done ? (long)done : result;
}

/* Make the file shorter. */
static int shrink(struct ext_inode *inode, uint64_t size)
{
    struct ext *ext = ext_of(inode);
    struct object *object = &inode->vnode.object;
    struct ext_operation operation;
    struct page *tail = NULL;
    int error = 0;

    if (size & PAGE_MASK)
        error = object_get_page(object, size >> PAGE_SHIFT, &tail);
    if (!error)
        error = object_truncate(object, size);
    if (!error && tail) {
        /* The rest of the last block is zeros on the disk too, and no write of the page is under
         * way to blocks that are to be freed. */
        page_wait(tail, PAGE_WRITEBACK);
        object_dirty_page(object, tail, UINT32_MAX);
    }
    if (tail)
        page_release(tail);
    if (error)
        return error;
    error = ext_operation_begin(&operation, ext);
    if (error)
        return error;
    mutex_lock(&inode->map_lock);
    ext_map_truncate(&operation, inode, block_behind(ext, size));
    mutex_unlock(&inode->map_lock);
    ext_operation_end(&operation);
    return 0;
}

int ext_resize(struct vnode *vnode, uint64_t size)
{
    struct ext_inode *inode = ext_inode_of(vnode);
    int error = 0;

    if (size > ext_map_size_limit(ext_of(inode)))
        return -EFBIG;
    /* Also for an equal size: space that was allocated behind the end is freed. */
    if (size <= vnode->object.size)
        error = shrink(inode, size);
    else
        object_grow(&vnode->object, size);
    if (!error)
        touch(vnode);
    return error;
}

int ext_allocate(struct vnode *vnode, uint64_t offset, uint64_t length, bool keep_size)
{
    struct ext_inode *inode = ext_inode_of(vnode);
    struct ext *ext = ext_of(inode);
    struct ext_operation operation;
    uint64_t end = offset + length, reached;
    int error = end > ext_map_size_limit(ext) ? -EFBIG : ext_operation_begin(&operation, ext);

    if (error)
        return error;
    mutex_lock(&inode->map_lock);
    error = ext_fill_holes(&operation, inode, offset >> ext->block_shift, block_behind(ext, end),
                           true, &reached);
    mutex_unlock(&inode->map_lock);
    ext_operation_end(&operation);
    if (error)
        trim(inode, 0);
    else if (!keep_size && end > vnode->object.size)
        object_grow(&vnode->object, end);
    touch(vnode);
    return error;
}

int ext_sync(struct vnode *vnode, bool data_only)
{
    struct ext *ext = ext_of(ext_inode_of(vnode));
    struct object *metadata = &ext->device->object;

    __atomic_store_n(&ext_inode_of(vnode)->created, 0, __ATOMIC_RELAXED);
    (void)data_only; /* sizes and block maps are needed to find the data again */
    int error = object_write_back(&vnode->object, 0, UINT64_MAX, true);
    int result = volume_is_read_only(vnode->volume) ? 0 : ext_write_back(vnode);
    if (!error)
        error = result;
    result = object_write_back(metadata, 0, UINT64_MAX, true);
    if (!error)
        error = result;
    result = block_flush(ext->device);
    return error ? error : result;
}
