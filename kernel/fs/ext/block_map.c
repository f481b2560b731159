/*
 * The block map of a file: where its blocks are on the device.
 *
 *   block[0..11]   data
 *   block[12]   -> leaf: pointers to data
 *   block[13]   -> pointers to leaves
 *   block[14]   -> pointers to those
 *
 * A pointer of 0 is a hole, of as many blocks as there are below it. Runs of contiguous blocks are
 * found in one leaf at a time; the leaf used last is remembered. All is under map_lock.
 */
#include "abi/errno.h"
#include "fs/ext/ext.h"

#define DEPTH_MAX 4u

/* The way to a block: which pointer at each level, the first one in the inode. */
struct path {
    unsigned depth; /* levels, 1..4 */
    uint32_t index[DEPTH_MAX];
};

static uint32_t pointers(const struct ext *ext)
{
    return 1u << ext->pointer_shift;
}

uint64_t ext_map_size_limit(const struct ext *ext)
{
    unsigned shift = ext->pointer_shift;
    uint64_t blocks = EXT_DIRECT + (1ull << shift) + (1ull << 2 * shift) + (1ull << 3 * shift);
    /* The inode counts sectors in 32 bits. */
    uint64_t most = (uint64_t)UINT32_MAX * SECTOR_SIZE >> ext->block_shift;
    most -= most >> (shift - 1);
    return (blocks < most ? blocks : most) << ext->block_shift;
}

static int find_path(const struct ext *ext, uint64_t logical, struct path *path)
{
    unsigned shift = ext->pointer_shift;

    path->depth = 1;
    path->index[0] = (uint32_t)logical;
    if (logical < EXT_DIRECT)
        return 0;
    logical -= EXT_DIRECT;
    while (++path->depth <= DEPTH_MAX && logical >> shift * (path->depth - 1))
        logical -= 1ull << shift * (path->depth - 1);
    if (path->depth > DEPTH_MAX)
        return -EFBIG;
    path->index[0] = EXT_DIRECT + path->depth - 2;
    for (unsigned level = path->depth - 1; level > 0; level--) {
        path->index[level] = (uint32_t)logical & (pointers(ext) - 1);
        logical >>= shift;
    }
    return 0;
}

/* Blocks from the path's on that are below the pointer at this level. */
static uint64_t blocks_below(const struct ext *ext, const struct path *path, unsigned level)
{
    uint64_t before = 0;

    for (unsigned i = level + 1; i < path->depth; i++)
        before = before << ext->pointer_shift | path->index[i];
    return (1ull << ext->pointer_shift * (path->depth - 1 - level)) - before;
}

/* Pointers from the path's on in its leaf. */
static uint32_t leaf_left(const struct ext *ext, const struct path *path)
{
    uint32_t size = path->depth == 1 ? EXT_DIRECT : pointers(ext);
    return size - path->index[path->depth - 1];
}

static int get_pointers(struct ext *ext, uint32_t number, struct ext_block *block)
{
    if (!ext_blocks_valid(ext, number, 1))
        return ext_error(ext, "an indirect block's number is wrong", number);
    return ext_block_get(ext, number, block);
}

/*
 * Follow the path as far as there are blocks: *slot is the pointer at *level, which is the last
 * level, or is 0. block holds it, unless level is 0.
 */
static int descend(struct ext_inode *inode, const struct path *path, unsigned *level,
                   uint32_t **slot, struct ext_block *block)
{
    struct ext *ext = ext_of(inode);
    struct ext_block next;

    block->page = NULL;
    *slot = &inode->block[path->index[0]];
    for (*level = 0; *level < path->depth - 1 && **slot; (*level)++) {
        int error = get_pointers(ext, **slot, &next);
        ext_block_put(block);
        if (error)
            return error;
        *block = next;
        *slot = (uint32_t *)block->data + path->index[*level + 1];
    }
    return 0;
}

/* The run that begins with this pointer, of at most limit. */
static uint32_t run_length(const uint32_t *slot, uint64_t limit)
{
    uint32_t count = 1, step = slot[0] ? 1 : 0;

    while (count < limit && slot[count] == slot[0] + count * step)
        count++;
    return count;
}

/* The leaf of the path, if it is the one used last; false: go down from the inode. */
static bool use_latest_leaf(struct ext_inode *inode, uint64_t logical, const struct path *path,
                            struct ext_block *block)
{
    block->page = NULL;
    return path->depth > 1 && inode->leaf_block &&
           logical - path->index[path->depth - 1] == inode->leaf_first &&
           !ext_block_get(ext_of(inode), inode->leaf_block, block);
}

int ext_map_find(struct ext_inode *inode, uint64_t logical, uint64_t most, uint32_t *physical,
                 uint32_t *count)
{
    struct ext *ext = ext_of(inode);
    struct ext_block block;
    struct path path;
    uint32_t *slot;
    unsigned level;
    int error = find_path(ext, logical, &path);

    if (error)
        return error;
    level = path.depth - 1;
    if (use_latest_leaf(inode, logical, &path, &block))
        slot = (uint32_t *)block.data + path.index[level];
    else
        error = descend(inode, &path, &level, &slot, &block);
    if (error)
        return error;
    uint64_t limit =
        level < path.depth - 1 ? blocks_below(ext, &path, level) : leaf_left(ext, &path);
    if (most > UINT32_MAX)
        most = UINT32_MAX;
    if (limit > most)
        limit = most;
    *physical = *slot;
    *count = level < path.depth - 1 ? (uint32_t)limit : run_length(slot, limit);
    if (level > 0 && level == path.depth - 1) {
        inode->leaf_first = logical - path.index[level];
        inode->leaf_block = block.number;
    }
    ext_block_put(&block);
    if (*physical && !ext_blocks_valid(ext, *physical, *count))
        return ext_error(ext, "a file has blocks that cannot be its own", inode->vnode.number);
    return 0;
}

/* What an allocation adds to the map: indirect blocks, from the top, and data. */
struct addition {
    unsigned missing; /* indirect blocks */
    uint32_t chain[DEPTH_MAX];
    uint32_t first, count;
};

static void free_addition(struct ext_operation *operation, const struct addition *addition,
                          unsigned chain)
{
    for (unsigned i = 0; i < chain; i++) {
        ext_block_forget(operation->ext, addition->chain[i]);
        ext_free_blocks(operation, addition->chain[i], 1);
    }
    if (addition->count)
        ext_free_blocks(operation, addition->first, addition->count);
}

/* Allocate what is missing; nothing is left on failure. */
static int allocate_addition(struct ext_operation *operation, struct addition *addition,
                             uint32_t goal, uint32_t wanted)
{
    uint32_t count;
    int error = 0;
    unsigned i;

    for (i = 0; i < addition->missing && !error; i++) {
        error = ext_allocate_blocks(operation, goal, 1, &addition->chain[i], &count);
        if (error)
            break;
        goal = addition->chain[i] + 1;
    }
    addition->count = 0;
    if (!error)
        error = ext_allocate_blocks(operation, goal, wanted, &addition->first, &addition->count);
    if (error) {
        addition->count = 0;
        free_addition(operation, addition, i);
    }
    return error;
}

static void fill_pointers(uint32_t *slot, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        slot[i] = first + i;
}

/* Fill the new indirect blocks, the lowest one first; nothing refers to the first yet. now: they
 * are on the disk before anything there can refer to them. */
static int write_chain(struct ext_operation *operation, const struct addition *addition,
                       const struct path *path, bool now)
{
    unsigned top = path->depth - addition->missing; /* level of the pointers in chain[0] */
    struct ext *ext = operation->ext;
    struct ext_block block;

    for (unsigned i = addition->missing; i-- > 0;) {
        int error = ext_block_get_new(ext, addition->chain[i], &block);
        if (error)
            return error;
        uint32_t *slot = (uint32_t *)block.data + path->index[top + i];
        if (i + 1 < addition->missing)
            *slot = addition->chain[i + 1];
        else
            fill_pointers(slot, addition->first, addition->count);
        if (now)
            error = ext_io_write_tail(ext, block.data, ext->block_size, block.number);
        ext_block_changed(operation, &block);
        ext_block_put(&block);
        if (error)
            return error;
    }
    return now && addition->missing ? block_flush(ext->device) : 0;
}

static uint32_t choose_goal(const struct ext_inode *inode, uint64_t logical, const uint32_t *slot,
                            bool has_previous)
{
    if (inode->next_physical && logical == inode->next_logical)
        return inode->next_physical;
    if (has_previous && slot[-1])
        return slot[-1] + 1;
    return ext_inode_goal(ext_of(inode), inode->vnode.number);
}

/* The blocks are allocated: enter them. slot is the pointer that was 0, in block or the inode. */
static void link_addition(struct ext_operation *operation, struct ext_inode *inode,
                          const struct addition *addition, uint64_t logical, uint32_t *slot,
                          struct ext_block *block)
{
    if (addition->missing)
        *slot = addition->chain[0];
    else
        fill_pointers(slot, addition->first, addition->count);
    if (block->page)
        ext_block_changed(operation, block);
    inode->vnode.blocks +=
        (uint64_t)(addition->count + addition->missing) * ext_sectors(operation->ext);
    inode->next_logical = logical + addition->count;
    inode->next_physical = addition->first + addition->count;
    ext_operation_inode(operation, inode);
}

int ext_map_allocate(struct ext_operation *operation, struct ext_inode *inode, uint64_t logical,
                     uint32_t wanted, bool zero, uint32_t *physical, uint32_t *count)
{
    struct ext *ext = operation->ext;
    struct addition addition;
    struct ext_block block;
    struct path path;
    uint32_t *slot;
    unsigned level;
    int error = find_path(ext, logical, &path);

    if (!error && inode->vnode.blocks + (uint64_t)wanted * ext_sectors(ext) >
                      UINT32_MAX - DEPTH_MAX * ext_sectors(ext))
        error = -EFBIG;
    if (!error)
        error = descend(inode, &path, &level, &slot, &block);
    if (error)
        return error;
    addition.missing = path.depth - 1 - level;
    if (wanted > leaf_left(ext, &path))
        wanted = leaf_left(ext, &path);
    bool has_previous = !addition.missing && path.index[level] > 0;
    error = allocate_addition(operation, &addition, choose_goal(inode, logical, slot, has_previous),
                              wanted);
    if (!error) {
        error = zero ? ext_io_zero(ext, addition.first, addition.count) : 0;
        if (!error)
            error = write_chain(operation, &addition, &path, ext_inode_is_durable(inode));
        if (error)
            free_addition(operation, &addition, addition.missing);
    }
    if (!error) {
        link_addition(operation, inode, &addition, logical, slot, &block);
        *physical = addition.first;
        *count = addition.count;
    }
    ext_block_put(&block);
    return error;
}

/* Freed blocks are gathered into runs. */
struct trim {
    struct ext_operation *operation;
    bool metadata;         /* what the file holds: a directory */
    bool later;            /* the file stays: free indirect blocks at the end of the operation */
    uint32_t first, count; /* run of data blocks to be freed */
    uint64_t freed;        /* blocks, indirect ones included */
    int error;             /* the first: an indirect block could not be read */
};

static void flush_run(struct trim *trim)
{
    if (trim->count)
        ext_free_blocks(trim->operation, trim->first, trim->count);
    trim->count = 0;
}

static void free_data(struct trim *trim, uint32_t number)
{
    if (trim->count && number != trim->first + trim->count)
        flush_run(trim);
    if (trim->metadata)
        ext_block_forget(trim->operation->ext, number);
    if (!trim->count)
        trim->first = number;
    trim->count++;
    trim->freed++;
}

static void trim_pointer(struct trim *trim, uint32_t *slot, unsigned height, uint64_t first,
                         uint64_t end);

static void free_indirect(struct trim *trim, uint32_t *slot)
{
    flush_run(trim);
    if (trim->later) {
        ext_operation_free_later(trim->operation, *slot);
    } else {
        ext_block_forget(trim->operation->ext, *slot);
        ext_free_blocks(trim->operation, *slot, 1);
    }
    trim->freed++;
    *slot = 0;
}

static bool is_empty(const struct ext *ext, const uint32_t *pointer)
{
    for (uint32_t i = 0; i < pointers(ext); i++) {
        if (pointer[i])
            return false;
    }
    return true;
}

/* Free the blocks [first, end) under an indirect block of this height, and it too if all go; whole:
 * they are all there are. */
static void trim_indirect(struct trim *trim, uint32_t *slot, unsigned height, uint64_t first,
                          uint64_t end, bool whole)
{
    struct ext *ext = trim->operation->ext;
    unsigned shift = ext->pointer_shift * (height - 1);
    struct ext_block block;
    int error = get_pointers(ext, *slot, &block);

    if (error) {
        trim->error = trim->error ? trim->error : error;
        if (whole)
            *slot = 0; /* what is below is lost until a check */
        return;
    }
    uint32_t *pointer = block.data;
    for (uint64_t i = first >> shift; i <= (end - 1) >> shift; i++) {
        uint64_t start = i << shift;
        trim_pointer(trim, &pointer[i], height - 1, first > start ? first - start : 0, end - start);
    }
    bool empty = whole || is_empty(ext, pointer);
    if (!empty)
        ext_block_changed(trim->operation, &block);
    ext_block_put(&block);
    if (empty)
        free_indirect(trim, slot);
}

/* Free the blocks [first, end) of those under a pointer; height 0: it points to data. */
static void trim_pointer(struct trim *trim, uint32_t *slot, unsigned height, uint64_t first,
                         uint64_t end)
{
    uint64_t span = 1ull << trim->operation->ext->pointer_shift * height;

    if (end > span)
        end = span;
    if (!*slot || first >= end)
        return;
    if (height) {
        trim_indirect(trim, slot, height, first, end, first == 0 && end == span);
    } else {
        free_data(trim, *slot);
        *slot = 0;
    }
}

int ext_map_free(struct ext_operation *operation, struct ext_inode *inode, uint64_t first,
                 uint64_t end)
{
    struct ext *ext = ext_of(inode);
    bool stays = first > 0 || end < UINT64_MAX;
    struct trim trim = {.operation = operation,
                        .metadata = vnode_type(&inode->vnode) != S_IFREG,
                        .later = stays && ext_inode_is_durable(inode)};
    uint64_t start = 0;

    for (uint32_t i = 0; i < EXT_POINTERS && start < end; i++) {
        unsigned height = i < EXT_DIRECT ? 0 : i - EXT_DIRECT + 1;
        trim_pointer(&trim, &inode->block[i], height, first > start ? first - start : 0,
                     end - start);
        start += 1ull << ext->pointer_shift * height;
    }
    flush_run(&trim);
    uint64_t freed = trim.freed * ext_sectors(ext);
    inode->vnode.blocks -= freed < inode->vnode.blocks ? freed : inode->vnode.blocks;
    inode->leaf_block = 0;
    inode->next_physical = 0;
    ext_operation_inode(operation, inode);
    return trim.error;
}

void ext_map_truncate(struct ext_operation *operation, struct ext_inode *inode, uint64_t logical)
{
    ext_map_free(operation, inode, logical, UINT64_MAX); /* what cannot be read is lost */
}
