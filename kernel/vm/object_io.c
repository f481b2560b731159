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

#define PAGES_AT_ONCE 16u

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

/* The same without waiting for the store, from which it is asked, with those that follow: -EAGAIN.
 */
static int get_cached_page(struct object *object, uint64_t index, struct page **page)
{
    struct page *busy = NULL;
    int error = 0;

    mutex_lock(&object->lock);
    *page = object_find_page(object, index, &busy);
    mutex_unlock(&object->lock);
    if (*page)
        return 0;
    if (!busy)
        error = object_start_read(object, index, &busy);
    if (error)
        return error;
    uint32_t flags = page_flags(busy); /* it may be filled at any moment */
    if (!(flags & (PAGE_BUSY | PAGE_ERROR))) {
        *page = busy;
        return 0;
    }
    page_release(busy);
    return flags & PAGE_BUSY ? -EAGAIN : -EIO;
}

typedef int page_getter(struct object *object, uint64_t index, struct page **page);

/* The pages to read from index on, count at the most: how many, or an error. */
static int get_pages_to_read(struct object *object, uint64_t index, unsigned count,
                             struct page **pages, page_getter *get_page)
{
    unsigned found = object_find_pages(object, index, count, pages);

    if (found)
        return (int)found;
    int error = get_page(object, index, &pages[0]);
    return error ? error : 1;
}

/* How many pages size bytes from offset on are in, as far as they are looked at together. */
static unsigned count_pages(uint64_t offset, size_t size)
{
    size_t count = ((offset & PAGE_MASK) + size + PAGE_MASK) >> PAGE_SHIFT;
    return count < PAGES_AT_ONCE ? (unsigned)count : PAGES_AT_ONCE;
}

/* Give size bytes from offset on in the first page, and release the pages: bytes given. */
static size_t give_pages(struct page **pages, unsigned count, uint64_t offset, size_t size,
                         struct transfer *transfer)
{
    size_t start = offset & PAGE_MASK, done = 0;
    bool fault = false;

    for (unsigned i = 0; i < count; i++) {
        size_t piece = rest_of_page(start, size - done);
        if (!fault) {
            size_t copied =
                transfer_give_resident(transfer, (const char *)page_data(pages[i]) + start, piece);
            done += copied;
            fault = copied < piece;
        }
        page_release(pages[i]);
        start = 0;
    }
    return done;
}

/* How many bytes there are at offset, of those wanted. */
static size_t bytes_there(const struct object *object, uint64_t offset, size_t wanted)
{
    uint64_t size = __atomic_load_n(&object->size, __ATOMIC_ACQUIRE);

    if (offset >= size)
        return 0;
    return size - offset < wanted ? size - offset : wanted;
}

/* Give size bytes at offset, which are in one page: bytes given (fewer: the user's memory must be
 * faulted in) or an error. */
static long read_page(struct object *object, uint64_t offset, size_t size,
                      struct transfer *transfer, page_getter *get_page)
{
    struct page *page;
    int error = get_page(object, offset >> PAGE_SHIFT, &page);

    if (error)
        return error;
    const char *data = page_data(page);
    size_t given = transfer_give_resident(transfer, data + (offset & PAGE_MASK), size);
    page_release(page);
    return (long)given;
}

/* The same with several pages; *size is cut to those that are looked at together. */
static long read_pages(struct object *object, uint64_t offset, size_t *size,
                       struct transfer *transfer, page_getter *get_page)
{
    struct page *pages[PAGES_AT_ONCE];
    unsigned wanted = count_pages(offset, *size);
    int count = get_pages_to_read(object, offset >> PAGE_SHIFT, wanted, pages, get_page);

    if (count < 0)
        return count;
    size_t there = (size_t)count * PAGE_SIZE - (offset & PAGE_MASK);
    *size = *size < there ? *size : there;
    return (long)give_pages(pages, (unsigned)count, offset, *size, transfer);
}

static inline long read_with(struct object *object, uint64_t offset, struct transfer *transfer,
                             page_getter *get_page)
{
    size_t done = 0, size;
    long result = 0;

    while (result >= 0 && (size = bytes_there(object, offset, transfer->remaining))) {
        result = rest_of_page(offset, size) == size
                     ? read_page(object, offset, size, transfer, get_page)
                     : read_pages(object, offset, &size, transfer, get_page);
        if (result < 0)
            break;
        offset += (size_t)result;
        done += (size_t)result;
        if ((size_t)result < size)
            result = transfer_fault_in(transfer, ACCESS_WRITE);
    }
    return done ? (long)done : result;
}

long object_read(struct object *object, uint64_t offset, struct transfer *transfer)
{
    return read_with(object, offset, transfer, get_page_to_read);
}

long object_read_cached(struct object *object, uint64_t offset, struct transfer *transfer)
{
    return read_with(object, offset, transfer, get_cached_page);
}

int object_borrow(struct object *object, uint64_t offset, size_t size, struct page_piece *pieces,
                  unsigned most)
{
    struct page *pages[PAGES_AT_ONCE];
    unsigned done = 0;

    size = bytes_there(object, offset, size);
    while (size && done < most) {
        unsigned wanted = count_pages(offset, size);
        wanted = wanted < most - done ? wanted : most - done;
        int count =
            get_pages_to_read(object, offset >> PAGE_SHIFT, wanted, pages, get_page_to_read);
        if (count < 0)
            return done ? (int)done : count;
        for (int i = 0; i < count; i++) {
            uint32_t piece = (uint32_t)rest_of_page(offset, size);
            pieces[done++] = (struct page_piece){pages[i], (uint32_t)(offset & PAGE_MASK), piece};
            offset += piece;
            size -= piece;
        }
    }
    return (int)done;
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
        size_t count = rest_of_page(offset, transfer->remaining);
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
