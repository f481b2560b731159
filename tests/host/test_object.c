// sources: kernel/vm/region.c kernel/vm/merge.c kernel/vm/userfault.c kernel/vm/amap.c kernel/vm/object.c kernel/vm/anonymous.c kernel/vm/object_io.c kernel/vm/back_list.c kernel/vm/aspace.c kernel/vm/map.c kernel/vm/populate.c kernel/vm/unmap.c kernel/vm/fault.c kernel/vm/fault_resolve.c kernel/vm/grow.c kernel/vm/mark.c kernel/vm/around.c kernel/vm/commit.c kernel/vm/truncate.c kernel/vm/write_back.c kernel/vm/reclaim.c kernel/vm/page_queue.c kernel/vm/evict.c kernel/vm/swap.c kernel/vm/swap_slot.c kernel/vm/swap_area.c kernel/vm/swap_object.c kernel/vm/page_wait.c kernel/vm/check.c kernel/lib/tree.c kernel/lib/string_copy.c kernel/lib/radix.c kernel/vm/radix_node.c kernel/arch/riscv/pmap.c kernel/arch/riscv/pmap_move.c kernel/arch/riscv/pmap_look.c kernel/arch/riscv/gather.c kernel/arch/riscv/table.c tests/host/machine.c tests/host/shim/memory.c tests/host/shim/shim.c
/* Objects with a pager that completes late: reading, waiting, errors, writing back, truncation. */
#include "abi/errno.h"
#include "check.h"
#include "machine.h"
#include "shim.h"
#include "vm/reclaim.h"
#include "vm/vm.h"
#include <string.h>

#define PAGES 64

static struct object object;
static uint8_t store[PAGES][PAGE_SIZE];
static struct request {
    struct page *page;
    bool write;
} queue[PAGES];
static unsigned queued, gets, puts_done;
static int next_error;

static void get(struct object *from, struct page **pages, unsigned count)
{
    (void)from;
    gets++;
    for (unsigned i = 0; i < count; i++)
        queue[queued++] = (struct request){pages[i], false};
}

static void put(struct object *to, struct page **pages, unsigned count)
{
    (void)to;
    for (unsigned i = 0; i < count; i++)
        queue[queued++] = (struct request){pages[i], true};
}

static int reserve(struct object *in, uint64_t index)
{
    (void)in;
    (void)index;
    return 0;
}

static const struct pager pager = {.get = get, .put = put, .reserve = reserve};

/* The device finishes its oldest request, with next_error. */
static bool complete(void)
{
    struct request request = queue[0];
    int error = next_error;

    if (!queued)
        return false;
    memmove(queue, queue + 1, --queued * sizeof(*queue));
    next_error = 0;
    if (request.write) {
        if (!error)
            memcpy(store[request.page->index], page_data(request.page), PAGE_SIZE);
        puts_done++;
        object_page_written(&object, request.page, error);
    } else {
        memcpy(page_data(request.page), store[request.page->index], PAGE_SIZE);
        object_page_filled(&object, request.page, error);
    }
    return true;
}

static void begin(uint64_t size)
{
    shim_memory_start(2048);
    machine_start();
    shim_wait_hook = complete;
    queued = gets = puts_done = 0;
    next_error = 0;
    for (unsigned i = 0; i < PAGES; i++)
        memset(store[i], (int)i + 1, PAGE_SIZE);
    object_init(&object, &pager, size);
}

static void end(void)
{
    while (complete())
        ;
    object_destroy(&object);
    machine_end();
    REQUIRE(!shim_locks_held() && !shim_live_frames() && !shim_live_objects());
    shim_end();
}

static long read_at(uint64_t offset, void *buffer, size_t size)
{
    struct transfer_piece piece;
    struct transfer transfer;

    machine_transfer(&transfer, &piece, buffer, size);
    return object_read(&object, offset, &transfer);
}

static long write_at(uint64_t offset, const void *buffer, size_t size)
{
    struct transfer_piece piece;
    struct transfer transfer;

    machine_transfer(&transfer, &piece, (void *)(uintptr_t)buffer, size);
    return object_write(&object, offset, &transfer);
}

static void reading(void)
{
    uint8_t buffer[3 * PAGE_SIZE];

    begin(5 * PAGE_SIZE + 10);
    CHECK(read_at(PAGE_SIZE - 1, buffer, 2) == 2 && buffer[0] == 1 && buffer[1] == 2);
    CHECK(read_at(5 * PAGE_SIZE, buffer, sizeof(buffer)) == 10);
    CHECK(read_at(5 * PAGE_SIZE + 10, buffer, 1) == 0);
    unsigned before = gets;
    CHECK(read_at(0, buffer, sizeof(buffer)) == sizeof(buffer) && gets == before);
    end();
}

/* Sequential reads ask for more and more at once, and never for what is behind the end. */
static void read_ahead(void)
{
    uint8_t byte;

    begin(40 * PAGE_SIZE);
    for (uint64_t i = 0; i < 40; i++)
        CHECK(read_at(i * PAGE_SIZE, &byte, 1) == 1 && byte == i + 1);
    CHECK(gets < 8 && object_resident(&object) == 40);
    end();
}

static void read_error(void)
{
    uint8_t byte;

    begin(PAGE_SIZE);
    next_error = -EIO;
    CHECK(read_at(0, &byte, 1) == -EIO);
    CHECK(read_at(0, &byte, 1) == 1 && byte == 1); /* it is tried again */
    end();
}

static void writing(void)
{
    uint8_t page[PAGE_SIZE], byte;

    begin(2 * PAGE_SIZE);
    memset(page, 77, sizeof(page));
    CHECK(write_at(0, page, PAGE_SIZE) == PAGE_SIZE && gets == 0); /* wholly: not read first */
    CHECK(write_at(PAGE_SIZE + 5, page, 1) == 1 && gets == 1);
    CHECK(read_at(PAGE_SIZE + 4, &byte, 1) == 1 && byte == 2);
    CHECK(store[0][0] == 1);
    CHECK(object_write_back(&object, 0, UINT64_MAX, true) == 0);
    CHECK(store[0][0] == 77 && store[1][5] == 77 && store[1][4] == 2 && puts_done == 2);
    CHECK(object_write_back(&object, 0, UINT64_MAX, true) == 0 && puts_done == 2);
    end();
}

/* A write whose buffer is mapped only in part: the page is read after all, no stale byte is left.
 */
static void short_copy(void)
{
    uint8_t page[PAGE_SIZE], byte;

    begin(PAGE_SIZE);
    memset(page, 77, sizeof(page));
    machine_limit_transfers(100, true);
    CHECK(write_at(0, page, PAGE_SIZE) == PAGE_SIZE);
    CHECK(read_at(PAGE_SIZE - 1, &byte, 1) == 1 && byte == 77);
    end();

    begin(PAGE_SIZE);
    machine_limit_transfers(100, false);
    CHECK(write_at(0, page, PAGE_SIZE) == -EFAULT);
    machine_limit_transfers(SIZE_MAX, true);
    CHECK(read_at(50, &byte, 1) == 1 && byte == 1);
    end();

    begin(0);
    machine_limit_transfers(100, false);
    CHECK(write_at(0, page, PAGE_SIZE) == 100 && object.size == 100);
    end();
}

static void write_error(void)
{
    uint32_t first = 0, second = 0;

    begin(PAGE_SIZE);
    CHECK(write_at(0, "x", 1) == 1);
    while (complete())
        ;
    next_error = -EIO;
    CHECK(object_write_back(&object, 0, UINT64_MAX, true) == -EIO);
    uint32_t opened = object_error_sample(&object); /* nobody has been told yet */
    CHECK(object_error_check(&object, &first) == -EIO && object_error_check(&object, &first) == 0);
    CHECK(object_error_check(&object, &second) == -EIO);
    CHECK(object_error_check(&object, &opened) == -EIO);
    uint32_t later = object_error_sample(&object);
    CHECK(object_error_check(&object, &later) == 0);
    end();
}

/* A page dirtied while it is being written is written again. */
static void dirty_in_flight(void)
{
    begin(PAGE_SIZE);
    CHECK(write_at(0, "a", 1) == 1);
    CHECK(object_write_back(&object, 0, UINT64_MAX, false) == 0 && queued == 1);
    CHECK(write_at(0, "b", 1) == 1);
    complete();
    CHECK(object_write_back(&object, 0, UINT64_MAX, true) == 0);
    CHECK(store[0][0] == 'b' && puts_done == 2);
    end();
}

static void truncation(void)
{
    uint8_t byte;

    begin(8 * PAGE_SIZE);
    for (uint64_t i = 0; i < 8; i++)
        CHECK(read_at(i * PAGE_SIZE, &byte, 1) == 1);
    CHECK(write_at(7 * PAGE_SIZE, "x", 1) == 1);
    CHECK(object_write_back(&object, 0, UINT64_MAX, false) == 0 && queued == 1);
    CHECK(object_truncate(&object, 2 * PAGE_SIZE + 100) == 0);
    CHECK(queued == 0 && object_resident(&object) == 3); /* waited for the write in flight */
    object_grow(&object, 4 * PAGE_SIZE);
    CHECK(read_at(2 * PAGE_SIZE + 99, &byte, 1) == 1 && byte == 3);
    CHECK(read_at(2 * PAGE_SIZE + 100, &byte, 1) == 1 && byte == 0);
    end();

    begin(8 * PAGE_SIZE);
    next_error = -EIO;
    CHECK(object_truncate(&object, 100) == -EIO && object.size == 8 * PAGE_SIZE);
    end();
}

static void punching(void)
{
    uint8_t byte;

    begin(4 * PAGE_SIZE);
    CHECK(read_at(0, &byte, 1) == 1 && read_at(3 * PAGE_SIZE, &byte, 1) == 1);
    CHECK(object_punch(&object, PAGE_SIZE / 2, 3 * PAGE_SIZE + PAGE_SIZE / 2) == 0);
    CHECK(object_resident(&object) == 2 && object.size == 4 * PAGE_SIZE);
    CHECK(read_at(PAGE_SIZE / 2 - 1, &byte, 1) == 1 && byte != 0);
    CHECK(read_at(PAGE_SIZE / 2, &byte, 1) == 1 && byte == 0);
    CHECK(read_at(3 * PAGE_SIZE + PAGE_SIZE / 2 - 1, &byte, 1) == 1 && byte == 0);
    CHECK(read_at(3 * PAGE_SIZE + PAGE_SIZE / 2, &byte, 1) == 1 && byte != 0);
    end();
}

static void reclaiming(void)
{
    uint8_t byte;

    begin(20 * PAGE_SIZE);
    for (uint64_t i = 0; i < 20; i++)
        CHECK(read_at(i * PAGE_SIZE, &byte, 1) == 1);
    while (complete())
        ;
    CHECK(write_at(3 * PAGE_SIZE, "x", 1) == 1);
    CHECK(reclaim_pages(10));
    while (reclaim_pages(1))
        ;
    CHECK(object_resident(&object) == 1); /* the dirty one */
    CHECK(read_at(3 * PAGE_SIZE, &byte, 1) == 1 && byte == 'x');
    end();
}

static void memory_failures(void)
{
    uint8_t page[2 * PAGE_SIZE];
    bool failed = true;

    for (uint64_t n = 1; failed; n++) {
        begin(3 * PAGE_SIZE);
        shim_fail_allocation(n);
        long done = write_at(100, page, sizeof(page));
        CHECK(done == -ENOMEM || done > 0);
        CHECK(read_at(0, page, 50) == 50 || shim_allocation_failed());
        failed = shim_allocation_failed();
        end();
    }
}

int main(void)
{
    check_case("reads cross pages and stop at the end", reading);
    check_case("sequential reads are read ahead", read_ahead);
    check_case("a failed read is reported and tried again", read_error);
    check_case("writes reach the store when written back", writing);
    check_case("a write from memory that is not there", short_copy);
    check_case("a write error is reported once to everyone", write_error);
    check_case("a page dirtied while written is written again", dirty_in_flight);
    check_case("truncation", truncation);
    check_case("punching a hole", punching);
    check_case("reclaim frees clean pages only", reclaiming);
    check_case("no memory for a write", memory_failures);
    return check_done();
}
