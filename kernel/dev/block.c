/*
 * Block devices: the registry, and the pages of a device's own object.
 *
 * A page of a device holds four blocks of 1024 bytes. A file system that uses the device's object
 * as its metadata cache owns some blocks of a page, while others belong to file data, which is
 * cached elsewhere: what this page has of them is stale. So page->block_flags tells which blocks
 * were changed, and only these are written; none, if the file system took the flags back because
 * it freed the blocks.
 *
 * Reads and writes go in runs of pages:
 *
 *   run      the pages, and a count of requests in flight, with one more while they are made
 *   request  consecutive sectors; a run of whole pages needs one, holes in it make it several
 *
 * The last request to finish finishes the pages. Without memory for a run or a request, those on
 * the stack are used, and waited for: memory that is short is what the write is to free.
 */
#include "dev/block.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/printk.h"
#include "core/thread.h"
#include "core/time.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define UNIT           1024u /* bytes per bit of block_flags */
#define UNITS_PER_PAGE (PAGE_SIZE / UNIT)
#define ALL_UNITS      ((1u << UNITS_PER_PAGE) - 1)
#define RUN_MAX        BLOCK_SEGMENTS_MAX

struct run {
    struct object *object;
    bool write;
    bool on_stack; /* every request is waited for */
    unsigned count;
    uint32_t pending; /* atomic */
    int error;        /* atomic: the last one */
    struct page *pages[RUN_MAX];
};

static struct list devices = LIST_INITIALIZER(devices); /* complete before the first process */
static struct wait_queue performed; /* a request that is waited for has finished */
static bool ready;
static const struct pager block_pager;

/* The registry */

void block_register(struct block_device *device)
{
    if (!ready)
        wait_queue_init(&performed, "block request");
    ready = true;
    spin_init(&device->count_lock, "disk counts", RANK_DEVICE);
    object_init(&device->object, &block_pager, device->sectors * SECTOR_SIZE);
    list_push_back(&devices, &device->link);
    if (device->sectors)
        printk("%s: %lu MiB%s\n", device->name, device->sectors / 2048,
               device->read_only ? ", read-only" : "");
}

void block_hold(struct block_device *device)
{
    __atomic_fetch_add(&device->users, 1, __ATOMIC_RELAXED);
}

void block_let_go(struct block_device *device)
{
    if (__atomic_fetch_sub(&device->users, 1, __ATOMIC_ACQ_REL) == 1 && device->unused)
        device->unused(device);
}

uint64_t block_users(const struct block_device *device)
{
    return __atomic_load_n(&device->users, __ATOMIC_ACQUIRE);
}

struct block_device *block_next(struct block_device *previous)
{
    struct list *link = previous ? previous->link.next : devices.next;
    return link == &devices ? NULL : container_of(link, struct block_device, link);
}

struct block_device *block_find(const char *name)
{
    struct block_device *device = NULL;

    while ((device = block_next(device)) && strcmp(device->name, name) != 0)
        ;
    return device;
}

struct block_device *block_find_number(uint64_t number)
{
    struct block_device *device = NULL;

    while ((device = block_next(device)) && device->number != number)
        ;
    return device;
}

/* Requests */

/* Are the segments well-formed, and the sectors on the device? */
static bool request_is_valid(const struct block_request *request)
{
    const struct block_device *device = request->device;
    uint64_t sectors = 0;

    if (request->operation == BLOCK_FLUSH)
        return request->count == 0;
    if (request->operation == BLOCK_WRITE && device->read_only)
        return false;
    if (request->count == 0 || request->count > BLOCK_SEGMENTS_MAX)
        return false;
    for (unsigned i = 0; i < request->count; i++) {
        const struct block_segment *segment = &request->segments[i];
        if (segment->length == 0 || segment->length % SECTOR_SIZE ||
            segment->offset + segment->length > PAGE_SIZE)
            return false;
        sectors += segment->length / SECTOR_SIZE;
    }
    return request->sector <= device->sectors && sectors <= device->sectors - request->sector;
}

/* Statistics */

uint64_t block_cached_pages(void)
{
    struct block_device *device = NULL;
    uint64_t pages = 0;

    while ((device = block_next(device)))
        pages += object_resident(&device->object);
    return pages;
}

static uint64_t sectors_of(const struct block_request *request)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < request->count; i++)
        bytes += request->segments[i].length;
    return bytes / SECTOR_SIZE;
}

static void count_start(struct block_request *request)
{
    struct block_device *device = request->device;
    struct block_counts *counts = &device->counts;

    request->started = time_now();
    spin_lock(&device->count_lock);
    if (counts->in_flight++ == 0)
        counts->busy_since = request->started;
    spin_unlock(&device->count_lock);
}

void block_finish(struct block_request *request, int error)
{
    struct block_device *device = request->device;
    struct block_counts *counts = &device->counts;
    uint64_t now = time_now();

    spin_lock(&device->count_lock);
    counts->requests[request->operation]++;
    counts->sectors[request->operation] += sectors_of(request);
    counts->time[request->operation] += now - request->started;
    if (--counts->in_flight == 0)
        counts->busy_time += now - counts->busy_since;
    spin_unlock(&device->count_lock);
    request->done(request, error);
}

void block_get_counts(struct block_device *device, struct block_counts *counts)
{
    spin_lock(&device->count_lock);
    *counts = device->counts;
    spin_unlock(&device->count_lock);
    if (counts->in_flight)
        counts->busy_time += time_now() - counts->busy_since;
}

void block_submit(struct block_request *request)
{
    if (request_is_valid(request)) {
        count_start(request);
        if (request->operation == BLOCK_READ)
            current_thread()->traffic.fetched += sectors_of(request) * SECTOR_SIZE;
        request->device->submit(request->device, request);
    } else {
        uint64_t state = interrupts_disable();
        request->done(request, -EIO);
        interrupts_restore(state);
    }
}

/* What a waiter and the completion of its request share. */
struct outcome {
    int error;
    bool finished; /* atomic; the waiter may be gone once it is set */
};

static void perform_done(struct block_request *request, int error)
{
    struct outcome *outcome = request->context;

    outcome->error = error;
    __atomic_store_n(&outcome->finished, true, __ATOMIC_RELEASE);
    wake_all(&performed);
}

int block_perform(struct block_request *request)
{
    struct outcome outcome = {0};

    request->done = perform_done;
    request->context = &outcome;
    block_submit(request);
    wait_event(&performed, __atomic_load_n(&outcome.finished, __ATOMIC_ACQUIRE));
    return outcome.error;
}

int block_flush(struct block_device *device)
{
    struct block_request request = {.device = device, .operation = BLOCK_FLUSH};
    return block_perform(&request);
}

/* Runs */

static void note_error(struct run *run, int error)
{
    if (error)
        __atomic_store_n(&run->error, error, __ATOMIC_RELAXED);
}

/* One request less, or all have been made: the last one finishes the pages. */
static void run_release(struct run *run)
{
    if (__atomic_sub_fetch(&run->pending, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    int error = __atomic_load_n(&run->error, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < run->count; i++) {
        if (run->write) {
            object_page_written(run->object, run->pages[i], error);
        } else {
            page_set(run->pages[i], PAGE_BACKED);
            object_page_filled(run->object, run->pages[i], error);
        }
    }
    if (!run->on_stack)
        kfree(run);
}

static void request_done(struct block_request *request, int error)
{
    struct run *run = request->context;

    note_error(run, error);
    kfree(request);
    run_release(run);
}

/* A request that is being gathered. */
struct gather {
    struct block_request request;
    uint64_t next; /* the sector behind it */
};

/* Submit what is gathered, and begin anew. */
static void run_submit(struct run *run, struct gather *gather)
{
    struct block_request *copy = NULL;

    if (gather->request.count == 0)
        return;
    if (!run->on_stack)
        copy = kmalloc(sizeof(*copy));
    if (copy) {
        *copy = gather->request;
        copy->done = request_done;
        copy->context = run;
        __atomic_fetch_add(&run->pending, 1, __ATOMIC_RELAXED);
        block_submit(copy);
    } else {
        note_error(run, block_perform(&gather->request));
    }
    gather->request.count = 0;
}

/* Add bytes [offset, offset + length) of a page; what is gathered is submitted before if they do
 * not continue it. */
static void run_add(struct run *run, struct gather *gather, struct page *page, uint32_t offset,
                    uint32_t length)
{
    struct block_request *request = &gather->request;
    uint64_t sector = ((page->index << PAGE_SHIFT) + offset) / SECTOR_SIZE;

    if (gather->next != sector || request->count == BLOCK_SEGMENTS_MAX)
        run_submit(run, gather);
    if (request->count == 0)
        request->sector = sector;
    request->segments[request->count++] = (struct block_segment){page, offset, length};
    gather->next = sector + length / SECTOR_SIZE;
}

/* Which blocks of a page are to be written; none are flagged afterwards. */
static uint32_t take_block_flags(struct object *object, struct page *page)
{
    uint32_t flags;

    mutex_lock(&object->lock);
    flags = page->block_flags & ALL_UNITS;
    page->block_flags = 0;
    mutex_unlock(&object->lock);
    return flags;
}

/* Add what has to be moved of a page, as far as the device reaches; what a read leaves is zeros. */
static void run_add_page(struct run *run, struct gather *gather, struct page *page)
{
    uint32_t flags = run->write ? take_block_flags(run->object, page) : ALL_UNITS;
    uint64_t start = page->index << PAGE_SHIFT;
    uint64_t left = run->object->size > start ? run->object->size - start : 0;
    uint32_t end = left < PAGE_SIZE ? left : PAGE_SIZE, offset = 0;

    if (!run->write)
        memset((char *)page_data(page) + end, 0, PAGE_SIZE - end);
    while (offset < end) {
        uint32_t stop = offset;
        while (stop < end && (flags & (1u << (stop / UNIT))))
            stop += UNIT;
        if (stop > offset)
            run_add(run, gather, page, offset, (stop < end ? stop : end) - offset);
        offset = stop + UNIT; /* the block at stop, if there is one, is not to be moved */
    }
}

/* Start the transfers of a run that has one reference; finished by the last of them. */
static void run_start(struct run *run)
{
    struct gather gather;

    gather.request.device = container_of(run->object, struct block_device, object);
    gather.request.operation = run->write ? BLOCK_WRITE : BLOCK_READ;
    gather.request.count = 0;
    gather.next = UINT64_MAX;
    for (unsigned i = 0; i < run->count; i++)
        run_add_page(run, &gather, run->pages[i]);
    run_submit(run, &gather);
    run_release(run);
}

static void run_fill(struct run *run, struct object *object, bool write, struct page **pages,
                     unsigned count)
{
    run->object = object;
    run->write = write;
    run->count = count;
    run->pending = 1;
    run->error = 0;
    memcpy(run->pages, pages, count * sizeof(pages[0]));
}

static void move_pages(struct object *object, bool write, struct page **pages, unsigned count)
{
    while (count > 0) {
        unsigned now = count < RUN_MAX ? count : RUN_MAX;
        struct run local, *run = kmalloc(sizeof(*run));
        bool on_stack = !run;
        if (on_stack)
            run = &local;
        run->on_stack = on_stack;
        run_fill(run, object, write, pages, now);
        run_start(run);
        pages += now;
        count -= now;
    }
}

/* The pager of a device's object */

static void block_get(struct object *object, struct page **pages, unsigned count)
{
    move_pages(object, false, pages, count);
}

static void block_put(struct object *object, struct page **pages, unsigned count)
{
    move_pages(object, true, pages, count);
}

/* Every page of a device has its place. */
static int block_reserve(struct object *object, uint64_t index)
{
    (void)object;
    (void)index;
    return 0;
}

/* Devices stay. */
static void block_release(struct object *object)
{
    (void)object;
}

static const struct pager block_pager = {
    .get = block_get,
    .put = block_put,
    .reserve = block_reserve,
    .release = block_release,
};
