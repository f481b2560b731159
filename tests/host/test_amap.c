// sources: kernel/vm/region.c kernel/vm/merge.c kernel/vm/userfault.c kernel/vm/amap.c kernel/vm/object.c kernel/vm/anonymous.c kernel/vm/object_io.c kernel/vm/back_list.c kernel/vm/aspace.c kernel/vm/map.c kernel/vm/populate.c kernel/vm/unmap.c kernel/vm/fault.c kernel/vm/fault_resolve.c kernel/vm/grow.c kernel/vm/mark.c kernel/vm/around.c kernel/vm/commit.c kernel/vm/truncate.c kernel/vm/write_back.c kernel/vm/reclaim.c kernel/vm/page_queue.c kernel/vm/evict.c kernel/vm/swap.c kernel/vm/swap_slot.c kernel/vm/swap_area.c kernel/vm/swap_object.c kernel/vm/page_wait.c kernel/vm/check.c kernel/lib/tree.c kernel/lib/string_copy.c kernel/lib/radix.c kernel/vm/radix_node.c kernel/arch/riscv/pmap.c kernel/arch/riscv/pmap_move.c kernel/arch/riscv/pmap_look.c kernel/arch/riscv/gather.c kernel/arch/riscv/table.c tests/host/machine.c tests/host/shim/memory.c tests/host/shim/shim.c
/* Amaps: slots, references, copies at fork, and removal through a gather. */
#include "check.h"
#include "machine.h"
#include "shim.h"
#include "vm/amap.h"
#include "vm/vm.h"

static struct amap *amap;
static uint64_t swapped;

static void begin(void)
{
    shim_memory_start(2048);
    machine_start();
    amap = amap_create(&swapped);
}

static void end(void)
{
    amap_release(amap);
    machine_end();
    REQUIRE(!shim_locks_held() && !shim_live_frames() && !shim_live_objects());
    shim_end();
}

/* Put a new page into a slot; NULL: no memory. */
static struct page *put(struct amap *into, uint64_t slot)
{
    struct page *page = page_allocate(0, 0);

    if (!page)
        return NULL;
    mutex_lock(&into->lock);
    int error = amap_insert(into, slot, page);
    mutex_unlock(&into->lock);
    if (error)
        page_release(page);
    return error ? NULL : page;
}

static struct page *at(struct amap *from, uint64_t slot)
{
    mutex_lock(&from->lock);
    struct page *page = amap_page(from, slot);
    mutex_unlock(&from->lock);
    return page;
}

static void empty_slots(struct amap *from, uint64_t first, uint64_t last)
{
    struct tlb_gather gather;

    tlb_gather_init(&gather, NULL, FLUSH_UNMAP);
    mutex_lock(&from->lock);
    amap_remove(from, first, last, &gather);
    mutex_unlock(&from->lock);
    tlb_flush(&gather);
}

static void slots(void)
{
    begin();
    struct page *low = put(amap, 7), *high = put(amap, UINT64_MAX);
    CHECK(at(amap, 7) == low && at(amap, UINT64_MAX) == high && !at(amap, 8));
    CHECK(page_is(low, PAGE_ANONYMOUS) && low->index == 7 && amap_owns(low));
    empty_slots(amap, 8, UINT64_MAX - 1);
    CHECK(at(amap, 7) && at(amap, UINT64_MAX));
    empty_slots(amap, 8, UINT64_MAX);
    CHECK(at(amap, 7) && !at(amap, UINT64_MAX));
    end();
}

/*
 *   parent  A B . D        copy of [1, 3]
 *   child   . B . D        B and D have two references, A has one
 */
static void copying(void)
{
    begin();
    struct page *pages[4] = {put(amap, 0), put(amap, 1), NULL, put(amap, 3)};
    struct amap *child = amap_create(&swapped);
    CHECK(amap_copy(amap, child, 1, 3) == 0);
    CHECK(!at(child, 0) && at(child, 1) == pages[1] && !at(child, 2) && at(child, 3) == pages[3]);
    CHECK(amap_owns(pages[0]) && !amap_owns(pages[1]) && !amap_owns(pages[3]));
    empty_slots(amap, 1, 1);
    CHECK(amap_owns(pages[1]) && at(child, 1) == pages[1]);
    amap_release(child);
    CHECK(amap_owns(pages[3]));
    end();
}

static void replacing(void)
{
    struct tlb_gather gather;

    begin();
    struct page *old = put(amap, 5), *copy = page_allocate(0, 0);
    struct amap *child = amap_create(&swapped);
    CHECK(amap_copy(amap, child, 5, 5) == 0);
    tlb_gather_init(&gather, NULL, FLUSH_COPY);
    mutex_lock(&amap->lock);
    amap_replace(amap, 5, copy, &gather);
    mutex_unlock(&amap->lock);
    CHECK(!amap_owns(old)); /* until the flush, the reference is not given up */
    tlb_flush(&gather);
    CHECK(amap_owns(old) && at(amap, 5) == copy && at(child, 5) == old);
    amap_release(child);
    end();
}

/* More shared pages than a gather holds: it flushes in between, and loses none. */
static void many_shared(void)
{
    begin();
    struct amap *child = amap_create(&swapped);
    for (uint64_t slot = 0; slot < 5 * GATHER_SHARED; slot++)
        CHECK(put(amap, slot * 3));
    CHECK(amap_copy(amap, child, 0, UINT64_MAX) == 0);
    empty_slots(child, 0, UINT64_MAX);
    for (uint64_t slot = 0; slot < 5 * GATHER_SHARED; slot++)
        CHECK(amap_owns(at(amap, slot * 3)));
    amap_release(child);
    end();
}

static void no_memory(void)
{
    bool failed = true;

    for (uint64_t n = 1; failed; n++) {
        begin();
        for (uint64_t slot = 0; slot < 10; slot++)
            put(amap, slot << 20);
        struct amap *child = amap_create(&swapped);
        shim_fail_allocation(n);
        int error = amap_copy(amap, child, 0, UINT64_MAX);
        failed = shim_allocation_failed();
        CHECK((error != 0) == failed);
        amap_release(child);
        for (uint64_t slot = 0; slot < 10; slot++)
            CHECK(amap_owns(at(amap, slot << 20)));
        end();
    }
}

/* Twenty nodes of pages go into an amap that has one already; where that fails, nothing is there.
 */
static void moving(void)
{
    bool failed = true;

    for (uint64_t n = 1; failed; n++) {
        begin();
        struct amap *other = amap_create(&swapped);
        put(other, 0);
        for (uint64_t slot = 10; slot < 1300; slot++)
            put(amap, slot);
        shim_fail_allocation(n);
        int error = amap_share(amap, other, 20, 1279);
        failed = shim_allocation_failed();
        CHECK((error != 0) == failed);
        if (!error)
            amap_leave(amap, other, 20, 1279);
        for (uint64_t slot = 0; slot < 1300; slot++) {
            bool moved = slot == 0 || (!error && slot >= 20 && slot < 1280);
            struct page *page = at(moved ? other : amap, slot);
            CHECK(!at(moved ? amap : other, slot));
            CHECK(slot > 0 && slot < 10 ? !page : amap_owns(page));
        }
        amap_release(other);
        end();
    }
}

int main(void)
{
    check_case("slots at both ends of the range", slots);
    check_case("a copy shares the pages of its range", copying);
    check_case("replacing a page gives up its reference after the flush", replacing);
    check_case("a gather with more shared pages than it holds", many_shared);
    check_case("a copy without memory fails and leaks nothing", no_memory);
    check_case("pages move to another amap", moving);
    return check_done();
}
