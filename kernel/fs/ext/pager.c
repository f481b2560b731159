/*
 * The pager of files: get, put, reserve. None of them takes the vnode lock: a write to the file may
 * wait for them.
 */
#include "abi/errno.h"
#include "core/process.h"
#include "fs/ext/ext.h"
#include "fs/ext/io.h"
#include "lib/string.h"
#include "vm/reclaim.h"

#define MEMORY_ROUNDS 1000u
#define MEMORY_PAUSE  5000000ul /* nanoseconds */

/* A span of blocks in the pages of one io. */
struct span {
    struct ext_inode *inode;
    struct ext_io *io;
    uint64_t first, end; /* logical blocks */
};

/* Where blocks are, but for those of a hole that is being made: they are gone already. (m) */
static int find_unpunched(struct span *span, uint64_t logical, uint32_t *physical, uint32_t *count)
{
    struct ext_inode *inode = span->inode;
    uint64_t end = span->end;

    if (logical < inode->hole_first && end > inode->hole_first)
        end = inode->hole_first;
    if (logical < inode->hole_first || logical >= inode->hole_end)
        return ext_map_find(inode, logical, end - logical, physical, count);
    *physical = 0;
    *count = (uint32_t)((end < inode->hole_end ? end : inode->hole_end) - logical);
    return 0;
}

/* Pages cannot be written while the map is locked: so memory for it is not waited for. */
static int try_find_run(struct span *span, uint64_t logical, uint32_t *physical, uint32_t *count)
{
    bool exempt = reclaim_exempt_begin();

    mutex_lock(&span->inode->map_lock);
    int error = find_unpunched(span, logical, physical, count);
    mutex_unlock(&span->inode->map_lock);
    reclaim_exempt_end(exempt);
    return error;
}

/*
 * Without memory for the map itself, a page in memory would seem to be damaged on the disk, or be
 * lost: so memory is made, by the means that a fault has, for a while.
 */
static int find_run(struct span *span, uint64_t logical, uint32_t *physical, uint32_t *count)
{
    bool exempt = current_thread()->frees_memory; /* others make memory for this one */
    int error = try_find_run(span, logical, physical, count);

    for (unsigned round = 0; error == -ENOMEM && round < MEMORY_ROUNDS; round++) {
        if (exempt || (!reclaim_pages(1) && !out_of_memory_kill()))
            thread_sleep(MEMORY_PAUSE, WAIT_UNINTERRUPTIBLE);
        error = try_find_run(span, logical, physical, count);
    }
    return error;
}

static unsigned blocks_per_page_shift(const struct ext *ext)
{
    return PAGE_SHIFT - ext->block_shift;
}

/* The page of the span's io that a block is in, and the block's bytes there. */
static unsigned page_number(const struct span *span, uint64_t logical)
{
    struct ext *ext = span->io->ext;
    return (unsigned)((logical >> blocks_per_page_shift(ext)) - span->io->first_index);
}

static char *block_bytes(const struct span *span, uint64_t logical)
{
    struct page *page = span->io->pages[page_number(span, logical)];
    return (char *)page_data(page) + ((logical << span->io->ext->block_shift) & PAGE_MASK);
}

/* Let all pages from the one with this block on fail. */
static void fail_from(struct span *span, uint64_t logical, int error)
{
    for (unsigned n = page_number(span, logical); n < span->io->count; n++)
        ext_io_fail(span->io, n, error);
}

/* The span of whole pages, cut off at the file's end; size is what is valid. */
static void set_span(struct span *span, struct object *object, struct ext_io *io)
{
    struct ext *ext = io->ext;
    unsigned shift = blocks_per_page_shift(ext);
    uint64_t behind = (io->size + ext->block_size - 1) >> ext->block_shift;

    span->inode = ext_inode_of(vnode_of_object(object));
    span->io = io;
    span->first = io->first_index << shift;
    span->end = (io->first_index + io->count) << shift;
    if (span->end > behind)
        span->end = behind > span->first ? behind : span->first;
}

static void get_span(struct span *span)
{
    uint32_t physical, count;

    for (uint64_t logical = span->first; logical < span->end; logical += count) {
        int error = find_run(span, logical, &physical, &count);
        if (error) {
            fail_from(span, logical, error);
            return;
        }
        if (physical) {
            ext_io_add(span->io, logical, physical, count);
            continue;
        }
        for (uint32_t i = 0; i < count; i++)
            memset(block_bytes(span, logical + i), 0, span->io->ext->block_size);
    }
}

/* Get or put pages, as many at a time as one request takes. */
static void move_pages(struct object *object, struct page **pages, unsigned count, bool write,
                       void (*move_span)(struct span *span))
{
    struct ext *ext = ext_of(ext_inode_of(vnode_of_object(object)));
    uint64_t size = __atomic_load_n(&object->size, __ATOMIC_ACQUIRE);
    struct ext_io spare;
    struct span span;

    while (count) {
        unsigned now = count < EXT_IO_PAGES ? count : EXT_IO_PAGES;
        struct ext_io *io = ext_io_create(ext, object, write, pages, now, size, &spare);
        set_span(&span, object, io);
        move_span(&span);
        ext_io_finish(io);
        pages += now;
        count -= now;
    }
}

static void ext_get(struct object *object, struct page **pages, unsigned count)
{
    move_pages(object, pages, count, false, get_span);
}

static bool is_zero(const char *bytes, size_t size)
{
    uint64_t word;

    while (size % sizeof(word)) {
        if (bytes[--size])
            return false;
    }
    for (; size; size -= sizeof(word)) {
        memcpy(&word, bytes + size - sizeof(word), sizeof(word));
        if (word)
            return false;
    }
    return true;
}

/*
 * A dirty block without a place: a store through a mapping behind what was the end of the file in
 * its page, before the file grew. Give it one, if there is anything to keep.
 */
static int put_hole(struct span *span, uint64_t logical)
{
    struct ext *ext = span->io->ext;
    struct ext_operation operation;
    uint32_t physical = 0, count;

    if (is_zero(block_bytes(span, logical), ext->block_size))
        return 0;
    int error = ext_operation_begin(&operation, ext);
    if (error)
        return error;
    mutex_lock(&span->inode->map_lock);
    error = ext_map_find(span->inode, logical, 1, &physical, &count);
    if (!error && !physical)
        error = ext_map_allocate(&operation, span->inode, logical, 1, false, &physical, &count);
    mutex_unlock(&span->inode->map_lock);
    ext_operation_end(&operation);
    if (!error)
        ext_io_add(span->io, logical, physical, 1);
    return error;
}

/* The last block of the file, if what is behind the end in it is not zero (a store through a
 * mapping): written from a copy; true: done. */
static bool put_tail(struct span *span, uint64_t logical, uint32_t physical, int *error)
{
    struct ext *ext = span->io->ext;
    uint64_t start = logical << ext->block_shift, size = span->io->size;

    *error = 0;
    if (start + ext->block_size <= size)
        return false;
    uint32_t keep = (uint32_t)(size - start);
    const char *bytes = block_bytes(span, logical);
    /* Not zeroed in place: a write may just be putting data there, and raise the size after. */
    if (is_zero(bytes + keep, ext->block_size - keep))
        return false;
    *error = ext_io_write_tail(ext, bytes, keep, physical);
    return true;
}

static int put_run(struct span *span, uint64_t logical, uint32_t physical, uint32_t count)
{
    int error = 0;

    if (!physical) {
        for (uint32_t i = 0; i < count; i++) {
            int failed = put_hole(span, logical + i);
            if (failed)
                ext_io_fail(span->io, page_number(span, logical + i), failed);
        }
        return 0;
    }
    if (logical + count == span->end &&
        put_tail(span, logical + count - 1, physical + count - 1, &error))
        count--;
    if (count)
        ext_io_add(span->io, logical, physical, count);
    return error;
}

static void put_span(struct span *span)
{
    uint32_t physical, count;

    for (uint64_t logical = span->first; logical < span->end; logical += count) {
        int error = find_run(span, logical, &physical, &count);
        if (!error)
            error = put_run(span, logical, physical, count);
        if (error) {
            fail_from(span, logical, error);
            return;
        }
    }
}

static void ext_put(struct object *object, struct page **pages, unsigned count)
{
    move_pages(object, pages, count, true, put_span);
}

/* Is this page still the object's at its index? */
static bool is_current(struct object *object, struct page *page)
{
    mutex_lock(&object->lock);
    bool current = radix_lookup(&object->pages, page->index) == page;
    mutex_unlock(&object->lock);
    return current;
}

/*
 * Space for a page. The page is there before its blocks, and is made dirty with them, so that
 * nobody reads what the blocks held before. If it is truncated meanwhile, the blocks go as well:
 * truncation frees them with map_lock held, after it has taken the pages.
 */
static int reserve_page(struct ext_operation *operation, struct object *object, struct page *page)
{
    struct ext_inode *inode = ext_inode_of(vnode_of_object(object));
    struct ext *ext = operation->ext;
    unsigned shift = blocks_per_page_shift(ext);
    uint64_t first = page->index << shift, end = (page->index + 1) << shift, reached;
    int error = 0;

    mutex_lock(&inode->map_lock);
    uint64_t size = __atomic_load_n(&object->size, __ATOMIC_ACQUIRE);
    uint64_t behind = (size + ext->block_size - 1) >> ext->block_shift;
    uint64_t before = inode->vnode.blocks;
    if (end > behind)
        end = behind;
    if (first < end && is_current(object, page))
        error = ext_fill_holes(operation, inode, first, end, false, &reached);
    bool filled = inode->vnode.blocks != before;
    if (filled)
        object_dirty_page(object, page, UINT32_MAX);
    mutex_unlock(&inode->map_lock);
    if (filled)
        vnode_stored(object); /* the fault finds a dirty page, and says nothing */
    return error;
}

static int ext_reserve(struct object *object, uint64_t index)
{
    struct ext_inode *inode = ext_inode_of(vnode_of_object(object));
    struct ext_operation operation;
    struct page *page;

    if (index << PAGE_SHIFT >= __atomic_load_n(&object->size, __ATOMIC_ACQUIRE))
        return 0;
    int error = object_get_page(object, index, &page);
    if (error)
        return error;
    mutex_lock(&inode->punch_lock);
    error = ext_operation_begin(&operation, ext_of(inode));
    if (!error)
        error = reserve_page(&operation, object, page);
    ext_operation_end(&operation);
    mutex_unlock(&inode->punch_lock);
    page_release(page);
    return error;
}

/* The vnode holds the object's last reference, and does not give it back this way. */
static void ext_release(struct object *object)
{
    (void)object;
}

const struct pager ext_pager = {
    .get = ext_get,
    .put = ext_put,
    .reserve = ext_reserve,
    .stored = vnode_stored,
    .release = ext_release,
};
