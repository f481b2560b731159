/*
 * Metadata blocks, in the pages of the device's object.
 *
 * With blocks smaller than a page, a page may hold blocks of metadata next to blocks of file data,
 * which are stale there; page->block_flags (a bit for each KiB) keeps them from being written.
 */
#include "abi/errno.h"
#include "core/lock.h"
#include "fs/ext/ext.h"
#include "lib/string.h"

#define FLAG_UNIT 1024u /* bytes per bit of block_flags (dev/block.h) */

static uint64_t page_index(const struct ext *ext, uint32_t number)
{
    return (uint64_t)number << ext->block_shift >> PAGE_SHIFT;
}

static uint32_t offset_in_page(const struct ext *ext, uint32_t number)
{
    return (uint32_t)(((uint64_t)number << ext->block_shift) & PAGE_MASK);
}

static uint32_t flags_of(const struct ext *ext, uint32_t number)
{
    uint32_t bits = (1u << (ext->block_size / FLAG_UNIT)) - 1;
    return bits << (offset_in_page(ext, number) / FLAG_UNIT);
}

static void set_block(struct ext *ext, uint32_t number, struct page *page, struct ext_block *block)
{
    block->page = page;
    block->number = number;
    block->data = (char *)page_data(page) + offset_in_page(ext, number);
}

int ext_block_get(struct ext *ext, uint32_t number, struct ext_block *block)
{
    struct page *page;

    block->page = NULL;
    if (number < ext->first_data_block || number >= ext->blocks_count)
        return ext_error(ext, "a block number is out of range", number);
    int error = object_get_page(&ext->device->object, page_index(ext, number), &page);
    if (!error)
        set_block(ext, number, page, block);
    return error;
}

int ext_block_get_new(struct ext *ext, uint32_t number, struct ext_block *block)
{
    struct object *object = &ext->device->object;
    struct page *page;
    bool fresh = false;
    int error;

    block->page = NULL;
    if (ext->block_size == PAGE_SIZE)
        error = object_get_page_to_fill(object, page_index(ext, number), &page, &fresh);
    else
        error = object_get_page(object, page_index(ext, number), &page);
    if (error)
        return error;
    set_block(ext, number, page, block);
    memset(block->data, 0, ext->block_size);
    if (fresh) {
        page_set(page, PAGE_BACKED);
        object_page_filled(object, page, 0);
    }
    return 0;
}

void ext_block_changed(struct ext_operation *operation, struct ext_block *block)
{
    struct ext *ext = operation->ext;
    object_dirty_page(&ext->device->object, block->page, flags_of(ext, block->number));
}

void ext_block_put(struct ext_block *block)
{
    if (block->page)
        page_release(block->page);
    block->page = NULL;
}

void ext_block_forget(struct ext *ext, uint32_t number)
{
    struct object *object = &ext->device->object;

    mutex_lock(&object->lock);
    struct page *page = radix_lookup(&object->pages, page_index(ext, number));
    if (page) {
        page_reference(page);
        page->block_flags &= ~flags_of(ext, number);
    }
    mutex_unlock(&object->lock);
    if (page) {
        /* A write that took the flags before must be over when the block is used again. */
        page_wait(page, PAGE_WRITEBACK);
        page_release(page);
    }
}

/* Does [first, first + count) touch [other, other + others)? */
static bool overlaps(uint32_t first, uint32_t count, uint32_t other, uint32_t others)
{
    return first < other + others && other < first + count;
}

bool ext_blocks_valid(const struct ext *ext, uint32_t first, uint32_t count)
{
    uint32_t descriptors =
        (ext->group_count * (uint32_t)sizeof(struct ext_descriptor) + ext->block_size - 1) >>
        ext->block_shift;

    if (first <= ext->first_data_block || first >= ext->blocks_count ||
        count > ext->blocks_count - first)
        return false;
    if (overlaps(first, count, ext->first_data_block, 1 + descriptors))
        return false;
    uint32_t group = (first - ext->first_data_block) / ext->blocks_per_group;
    uint32_t last = (first + count - 1 - ext->first_data_block) / ext->blocks_per_group;
    for (; group <= last; group++) {
        const struct ext_group *g = &ext->groups[group];
        if (overlaps(first, count, g->block_bitmap, 1) ||
            overlaps(first, count, g->inode_bitmap, 1) ||
            overlaps(first, count, g->inode_table, ext->inode_table_blocks))
            return false;
    }
    return true;
}
