// sources: kernel/vm/region.c kernel/vm/merge.c kernel/vm/userfault.c kernel/vm/amap.c kernel/vm/object.c kernel/vm/anonymous.c kernel/vm/object_io.c kernel/vm/back_list.c kernel/vm/aspace.c kernel/vm/map.c kernel/vm/populate.c kernel/vm/unmap.c kernel/vm/fault.c kernel/vm/fault_resolve.c kernel/vm/grow.c kernel/vm/mark.c kernel/vm/around.c kernel/vm/commit.c kernel/vm/truncate.c kernel/vm/write_back.c kernel/vm/reclaim.c kernel/vm/page_queue.c kernel/vm/evict.c kernel/vm/swap.c kernel/vm/swap_slot.c kernel/vm/swap_area.c kernel/vm/swap_object.c kernel/vm/page_wait.c kernel/vm/check.c kernel/lib/tree.c kernel/lib/string_copy.c kernel/lib/radix.c kernel/vm/radix_node.c kernel/arch/riscv/pmap.c kernel/arch/riscv/pmap_move.c kernel/arch/riscv/pmap_look.c kernel/arch/riscv/gather.c kernel/arch/riscv/table.c tests/host/machine.c tests/host/shim/memory.c tests/host/shim/shim.c
/*
 * The set of regions: look-up, gap search, split and merge against an array with a number per page,
 * and with 100,000 regions.
 */
#include "check.h"
#include "machine.h"
#include "shim.h"
#include "vm/vm.h"
#include <string.h>

#define PAGES 512
#define BASE  0x10000ul

static struct aspace aspace;
static unsigned kinds[PAGES]; /* 0: free, else the access of the region there, plus 1 */

static vaddr_t address_of(unsigned page)
{
    return BASE + page * PAGE_SIZE;
}

static unsigned page_at(vaddr_t address)
{
    return (unsigned)((address - BASE) / PAGE_SIZE);
}

static void begin(void)
{
    shim_memory_start(8192);
    machine_start();
    memset(&aspace, 0, sizeof(aspace));
    memset(kinds, 0, sizeof(kinds));
    rwlock_init(&aspace.lock, "aspace", RANK_ASPACE);
    region_set_init(&aspace);
}

static void end(void)
{
    struct region *dead = NULL;
    struct tree_node *node;

    while ((node = aspace.regions.root)) {
        struct region *region = container_of(node, struct region, node);
        region_remove(&aspace, region);
        region_push_dead(region, &dead);
    }
    region_release_all(dead);
    machine_end();
    REQUIRE(!shim_live_objects() && !shim_live_frames());
    shim_end();
}

static void insert(unsigned first, unsigned count, unsigned access)
{
    struct region *region = region_allocate(), *dead = NULL;

    region->start = address_of(first);
    region->end = address_of(first + count);
    region->access = region->max_access = access;
    region->amap_offset = region->start / PAGE_SIZE;
    region_insert(&aspace, region);
    region_merge(&aspace, region, &dead);
    region_release_all(dead);
    for (unsigned i = first; i < first + count; i++)
        kinds[i] = access + 1;
}

static bool range_free(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++) {
        if (kinds[i])
            return false;
    }
    return true;
}

/* Cut out [first, first + count). */
static void cut(unsigned first, unsigned count)
{
    vaddr_t start = address_of(first), stop = address_of(first + count);
    struct region *dead = NULL, *region = region_find_above(&aspace, start), *next;

    if (region && region->start < start) {
        region_split(&aspace, region, start, region_allocate());
        region = region_next(region);
    }
    for (; region && region->start < stop; region = next) {
        if (region->end > stop)
            region_split(&aspace, region, stop, region_allocate());
        next = region_next(region);
        region_remove(&aspace, region);
        region_push_dead(region, &dead);
    }
    region_release_all(dead);
    memset(&kinds[first], 0, count * sizeof(kinds[0]));
}

/* The set has exactly one region per run of equal pages, as merging demands. */
static void compare_all(void)
{
    uint64_t runs = 0;

    for (unsigned i = 0; i < PAGES; i++) {
        struct region *region = region_find(&aspace, address_of(i) + i);
        CHECK((region != NULL) == (kinds[i] != 0));
        if (region)
            CHECK(region->access + 1 == kinds[i]);
        runs += kinds[i] && (i == 0 || kinds[i - 1] != kinds[i]);
    }
    CHECK(aspace.region_count == runs);
}

/* The highest free run, by brute force. */
static void compare_gap(unsigned count, unsigned low, unsigned high)
{
    vaddr_t address;
    bool found =
        region_find_gap(&aspace, count * PAGE_SIZE, address_of(low), address_of(high), &address);
    int want = -1;

    for (int i = (int)high - (int)count; i >= (int)low && want < 0; i--) {
        if (range_free((unsigned)i, count))
            want = i;
    }
    CHECK(found == (want >= 0));
    if (found)
        CHECK(page_at(address) == (unsigned)want);
}

static void random_operations(void)
{
    begin();
    for (unsigned round = 0; round < 20000 && !check_failed; round++) {
        unsigned first = check_random() % PAGES, count = 1 + check_random() % 12;
        if (first + count > PAGES)
            count = PAGES - first;
        if (check_random() % 3)
            cut(first, count);
        if (range_free(first, count) && check_random() % 4)
            insert(first, count, 1 + check_random() % 2);
        compare_gap(1 + check_random() % 40, check_random() % 64, 64 + check_random() % 448);
        if (round % 16 == 0)
            compare_all();
    }
    end();
}

/* 100,000 regions with alternating access: the tree stays flat, and every gap is found. */
static void many(void)
{
    const unsigned count = 100000;
    unsigned depth = 0;
    vaddr_t address;

    begin();
    for (unsigned i = 0; i < count; i++) {
        struct region *region = region_allocate();
        region->start = address_of(i);
        region->end = region->start + PAGE_SIZE;
        region->access = region->max_access = 1 + i % 2;
        region_insert(&aspace, region);
    }
    for (struct tree_node *node = aspace.regions.root; node; node = node->left)
        depth++;
    CHECK(aspace.region_count == count && depth <= 25); /* 1.44 log2(100,000) = 24 */
    CHECK(!region_find_gap(&aspace, PAGE_SIZE, BASE, address_of(count), &address));
    struct region *hole = region_find(&aspace, address_of(777));
    region_remove(&aspace, hole);
    CHECK(region_find_gap(&aspace, PAGE_SIZE, BASE, address_of(count), &address));
    CHECK(page_at(address) == 777);
    CHECK(!region_find_gap(&aspace, 2 * PAGE_SIZE, BASE, address_of(count), &address));
    region_free(hole);
    end();
}

/* Nothing is placed in the guard gap below a stack. */
static void guard_gap(void)
{
    vaddr_t address;

    begin();
    insert(400, 10, 3);
    region_find(&aspace, address_of(400))->grows_down = true;
    struct region *stack = region_find(&aspace, address_of(400));
    region_set_bounds(&aspace, stack, stack->start, stack->end);
    CHECK(region_find_gap(&aspace, PAGE_SIZE, BASE, address_of(405), &address));
    CHECK(address == address_of(399) - STACK_GUARD_GAP);
    end();
}

int main(void)
{
    check_case("random operations agree with an array of pages", random_operations);
    check_case("100,000 regions", many);
    check_case("the guard gap below a stack stays free", guard_gap);
    return check_done();
}
