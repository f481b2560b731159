/*
 * Moving pages of a file from and to its blocks.
 *
 *   io       up to EXT_IO_PAGES pages of consecutive indices; each has a count of the requests that
 *            still concern it, and one more while requests are being added
 *   request  consecutive sectors, gathered as blocks are added
 *
 * A page is finished when its last request is. Without memory for an io or a request, the caller's
 * spare io is used and each request waited for: memory that is short is what the write is to free.
 */
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/wait.h"
#include "fs/ext/ext.h"
#include "fs/ext/io.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* One request less for the n-th page: the last one finishes it. Any context. */
static void page_done(struct ext_io *io, unsigned n)
{
    struct page *page = io->pages[n];

    if (__atomic_sub_fetch(&io->pending[n], 1, __ATOMIC_ACQ_REL) > 0)
        return;
    int error = __atomic_load_n(&io->errors[n], __ATOMIC_RELAXED);
    if (io->write) {
        object_page_written(io->object, page, error);
        return;
    }
    uint64_t start = page->index << PAGE_SHIFT;
    if (start + PAGE_SIZE > io->size) {
        uint64_t keep = io->size > start ? io->size - start : 0;
        memset((char *)page_data(page) + keep, 0, PAGE_SIZE - keep);
    }
    object_page_filled(io->object, page, error);
}

/* One user of the io less. Any context. */
static void io_release(struct ext_io *io)
{
    bool spare = io->spare;

    if (__atomic_sub_fetch(&io->users, 1, __ATOMIC_ACQ_REL) == 0 && !spare)
        kfree(io);
}

/* Everything that a finished request concerns. Any context. */
static void account(struct ext_io *io, const struct block_request *request, int error)
{
    for (unsigned i = 0; i < request->count; i++) {
        unsigned n = (unsigned)(request->segments[i].page->index - io->first_index);
        if (error)
            __atomic_store_n(&io->errors[n], error, __ATOMIC_RELAXED);
        page_done(io, n);
    }
}

static void request_done(struct block_request *request, int error)
{
    struct ext_io *io = request->context;

    account(io, request, error);
    kfree(request);
    io_release(io);
}

/* Submit what is gathered, and begin anew. */
static void submit(struct ext_io *io)
{
    struct block_request *copy = NULL;

    if (io->request.count == 0)
        return;
    if (!io->spare)
        copy = kmalloc(sizeof(*copy));
    if (copy) {
        *copy = io->request;
        copy->done = request_done;
        copy->context = io;
        __atomic_fetch_add(&io->users, 1, __ATOMIC_RELAXED);
        block_submit(copy);
    } else {
        int error = block_perform(&io->request);
        account(io, &io->request, error);
    }
    io->request.count = 0;
}

struct ext_io *ext_io_create(struct ext *ext, struct object *object, bool write,
                             struct page **pages, unsigned count, uint64_t size,
                             struct ext_io *spare)
{
    struct ext_io *io = kmalloc(sizeof(*io));

    if (!io)
        io = spare;
    io->spare = io == spare;
    io->ext = ext;
    io->object = object;
    io->write = write;
    io->size = size;
    io->users = 1;
    io->count = count;
    io->first_index = pages[0]->index;
    for (unsigned i = 0; i < count; i++) {
        io->pages[i] = pages[i];
        io->pending[i] = 1;
        io->errors[i] = 0;
        io->mapped[i] = 0;
    }
    io->request.device = ext->device;
    io->request.operation = write ? BLOCK_WRITE : BLOCK_READ;
    io->request.count = 0;
    io->next_sector = UINT64_MAX;
    return io;
}

/* Add a part of a page at the sector that comes next. */
static void add_segment(struct ext_io *io, unsigned n, uint32_t offset, uint32_t length)
{
    struct block_request *request = &io->request;

    __atomic_fetch_add(&io->pending[n], 1, __ATOMIC_RELAXED);
    request->segments[request->count++] = (struct block_segment){io->pages[n], offset, length};
    io->next_sector += length / SECTOR_SIZE;
}

void ext_io_add(struct ext_io *io, uint64_t logical, uint32_t physical, uint32_t count)
{
    struct ext *ext = io->ext;
    uint64_t offset = logical << ext->block_shift;
    uint64_t end = offset + ((uint64_t)count << ext->block_shift);
    uint64_t sector = (uint64_t)physical * ext_sectors(ext);

    if (io->next_sector != sector)
        submit(io);
    while (offset < end) {
        unsigned n = (unsigned)((offset >> PAGE_SHIFT) - io->first_index);
        uint32_t in_page = (uint32_t)(offset & PAGE_MASK);
        uint32_t length = PAGE_SIZE - in_page;
        if (length > end - offset)
            length = (uint32_t)(end - offset);
        if (io->request.count == BLOCK_SEGMENTS_MAX)
            submit(io);
        if (io->request.count == 0)
            io->request.sector = io->next_sector = sector;
        add_segment(io, n, in_page, length);
        io->mapped[n] += (uint8_t)(length >> ext->block_shift);
        sector += length / SECTOR_SIZE;
        offset += length;
    }
}

void ext_io_fail(struct ext_io *io, unsigned n, int error)
{
    __atomic_store_n(&io->errors[n], error, __ATOMIC_RELAXED);
}

void ext_io_finish(struct ext_io *io)
{
    submit(io);
    for (unsigned i = 0; i < io->count; i++) {
        if (!io->write && io->mapped[i] == PAGE_SIZE >> io->ext->block_shift)
            page_set(io->pages[i], PAGE_BACKED);
        page_done(io, i);
    }
    io_release(io);
}

int ext_io_write_tail(struct ext *ext, const char *data, uint32_t keep, uint32_t physical)
{
    struct block_request request = {.device = ext->device, .operation = BLOCK_WRITE, .count = 1};

    mutex_lock(&ext->tail_lock);
    char *copy = page_data(ext->tail);
    memcpy(copy, data, keep);
    memset(copy + keep, 0, ext->block_size - keep);
    request.sector = (uint64_t)physical * ext_sectors(ext);
    request.segments[0] = (struct block_segment){ext->tail, 0, ext->block_size};
    int error = block_perform(&request);
    mutex_unlock(&ext->tail_lock);
    return error;
}

int ext_io_zero(struct ext *ext, uint32_t first, uint32_t count)
{
    uint64_t sector = (uint64_t)first * ext_sectors(ext);
    uint64_t left = (uint64_t)count << ext->block_shift;
    struct block_request request = {.device = ext->device, .operation = BLOCK_WRITE};
    int error = 0;

    mutex_lock(&ext->tail_lock);
    memset(page_data(ext->tail), 0, PAGE_SIZE);
    while (left && !error) {
        request.sector = sector;
        for (request.count = 0; left && request.count < BLOCK_SEGMENTS_MAX; request.count++) {
            uint32_t length = left < PAGE_SIZE ? (uint32_t)left : PAGE_SIZE;
            request.segments[request.count] = (struct block_segment){ext->tail, 0, length};
            sector += length / SECTOR_SIZE;
            left -= length;
        }
        error = block_perform(&request);
    }
    mutex_unlock(&ext->tail_lock);
    return error;
}
