/*
 * read and write through the page cache.
 *
 * User memory is copied to and from a page without faulting, because the buffer may be a mapping of
 * the very page that is being filled; what is missing is faulted in between two attempts, with no
 * page held.
 */
#include "abi/errno.h"
#include "core/user.h"
#include "lib/string.h"
#include "vm/vm.h"

static size_t bytes_in_page(uint64_t offset, size_t remaining)
{
    size_t room = PAGE_SIZE - (offset & PAGE_MASK);
    return remaining < room ? remaining : room;
}

/* The page to read from; one without a store that was never written to does not come into being. */
static int get_page_to_read(struct object *object, uint64_t index, struct page **page)
{
    if (object->anonymous) {
        mutex_lock(&object->lock);
        bool absent =
            !radix_lookup(&object->pages, index) && !radix_lookup(&object->swapped, index);
        mutex_unlock(&object->lock);
        if (absent) {
            page_reference(zero_page);
            *page = zero_page;
            return 0;
        }
    }
    return object_get_page(object, index, page);
}

long object_read(struct object *object, uint64_t offset, struct transfer *transfer)
{
    size_t done = 0;
    int error = 0;

    while (transfer->remaining && !error) {
        uint64_t size = __atomic_load_n(&object->size, __ATOMIC_ACQUIRE);
        if (offset >= size)
            break;
        size_t left = size - offset < transfer->remaining ? size - offset : transfer->remaining;
        size_t count = bytes_in_page(offset, left);
        struct page *page;
        error = get_page_to_read(object, offset >> PAGE_SHIFT, &page);
        if (error)
            break;
        const char *data = page_data(page);
        size_t copied = transfer_give_resident(transfer, data + (offset & PAGE_MASK), count);
        page_release(page);
        offset += copied;
        done += copied;
        if (copied < count)
            error = transfer_fault_in(transfer, ACCESS_WRITE);
    }
    return done ? (long)done : error;
}

/* Zero the stale bytes between the object's end and the end of its last page or limit. Vnode
 * locked, object not. What was stored there through a mapping must not come to light when the file
 * grows. */
static void zero_behind_end(struct object *object, uint64_t limit)
{
    uint64_t size = object->size;
    struct page *busy = NULL;

    if (!(size & PAGE_MASK))
        return;
    uint64_t end = page_round_up(size) < limit ? page_round_up(size) : limit;
    mutex_lock(&object->lock);
    struct page *page = object_find_page(object, size >> PAGE_SHIFT, &busy);
    if (page) {
        memset((char *)page_data(page) + (size & PAGE_MASK), 0, end - size);
        /* The space in the store may have to be made for what lies behind the old end. */
        page_clear(page, PAGE_BACKED);
        page_release(page);
    } else if (busy) {
        page_release(busy); /* the pager zeroes what it reads behind the end */
    }
    mutex_unlock(&object->lock);
}

void object_grow(struct object *object, uint64_t size)
{
    if (size <= object->size)
        return;
    zero_behind_end(object, size);
    mutex_lock(&object->lock);
    __atomic_store_n(&object->size, size, __ATOMIC_RELEASE);
    mutex_unlock(&object->lock);
}

/* Note that bytes up to end of a page were written: it is dirty, and the object reaches at least so
 * far. */
static void written_to(struct object *object, struct page *page, uint64_t end)
{
    mutex_lock(&object->lock);
    if (end > object->size) {
        page_clear(page, PAGE_BACKED);
        __atomic_store_n(&object->size, end, __ATOMIC_RELEASE);
    }
    if (radix_lookup(&object->pages, page->index) == page) {
        page->block_flags = UINT32_MAX;
        object_dirty_locked(object, page);
    }
    mutex_unlock(&object->lock);
}

/*
 * Fill a page that write brought into the cache without reading it. Bytes around the written ones
 * are zeros behind the end of the object; before it the page is overwritten wholly, and read after
 * all if the user's memory gives less. Returns bytes taken; the page is valid, or has failed,
 * afterwards.
 */
static size_t fill_fresh_page(struct object *object, struct page *page, size_t start, size_t count,
                              struct transfer *transfer)
{
    struct transfer before = *transfer;
    char *data = page_data(page);
    size_t copied = transfer_take_resident(transfer, data + start, count);

    if (copied < count && (page->index << PAGE_SHIFT) < object->size) {
        *transfer = before;
        object->pager->get(object, &page, 1);
        page_wait(page, PAGE_BUSY);
        return 0;
    }
    memset(data, 0, start);
    memset(data + start + copied, 0, PAGE_SIZE - start - copied);
    object_page_filled(object, page, 0);
    return copied;
}

/* Write count bytes, inside one page, at offset: bytes written (0: the user's memory must be
 * faulted in) or an error. */
static long write_page(struct object *object, uint64_t offset, size_t count,
                       struct transfer *transfer)
{
    uint64_t index = offset >> PAGE_SHIFT;
    size_t start = offset & PAGE_MASK, copied;
    bool whole = count == PAGE_SIZE || (index << PAGE_SHIFT) >= object->size;
    bool fresh = false;
    struct page *page;
    int error = whole ? object_get_page_to_fill(object, index, &page, &fresh)
                      : object_get_page(object, index, &page);

    if (error)
        return error;
    if (fresh)
        copied = fill_fresh_page(object, page, start, count, transfer);
    else
        copied = transfer_take_resident(transfer, (char *)page_data(page) + start, count);
    if (copied)
        written_to(object, page, offset + copied);
    if (page_is(page, PAGE_ERROR))
        error = -EIO;
    page_release(page);
    return error ? error : (long)copied;
}

long object_write(struct object *object, uint64_t offset, struct transfer *transfer)
{
    size_t done = 0;
    long result = 0;

    if (offset > object->size)
        zero_behind_end(object, offset);
    while (transfer->remaining && result >= 0) {
        size_t count = bytes_in_page(offset, transfer->remaining);
        result = write_page(object, offset, count, transfer);
        if (result < 0)
            break;
        offset += (size_t)result;
        done += (size_t)result;
        if ((size_t)result < count)
            result = transfer_fault_in(transfer, ACCESS_READ);
        if (!object->anonymous)
            write_back_throttle();
    }
    return done ? (long)done : result;
}
