// sources: tests/host/model_mmu.c tests/host/shim/shim.c tests/host/shim/memory.c kernel/arch/riscv/pmap.c kernel/arch/riscv/pmap_move.c kernel/arch/riscv/pmap_look.c kernel/arch/riscv/gather.c kernel/arch/riscv/table.c
/*
 * Page tables (kernel/arch/riscv/pmap*.c, gather.c, table.c) against a naive model: for each page
 * of a few clusters of addresses, the page and the permissions that it should have. The clusters
 * lie across the ends of tables:
 *
 *   level 0 (2 MiB)   level 1 (1 GiB)   level 2 (512 GiB, Sv48)   first pages, last pages
 *      aaaa|aaaa         bbbb|bbbb           cccc|cccc              dddd     eeee
 *
 * Harts load and use the address spaces meanwhile, with the TLBs of model_mmu.h.
 */
#include <string.h>
#include "abi/errno.h"
#include "arch/riscv/pte.h"
#include "arch/riscv/table.h"
#include "check.h"
#include "model_mmu.h"
#include "shim.h"

#define FRAMES    1024
#define SPACES    2
#define CLUSTER   8
#define CLUSTERS  5
#define ADDRESSES (CLUSTER * CLUSTERS)
#define STEPS     30000

struct expected {
    struct page *page; /* NULL: no entry */
    unsigned access;
    bool accessed; /* used, or entered, since the last harvest */
};

static struct space {
    struct pmap pmap;
    struct expected pages[ADDRESSES];
} spaces[SPACES];

static vaddr_t addresses[ADDRESSES]; /* rising */
static struct tlb_gather gather;
static unsigned levels;

static void add_cluster(unsigned cluster, vaddr_t first)
{
    for (unsigned i = 0; i < CLUSTER; i++)
        addresses[cluster * CLUSTER + i] = first + i * PAGE_SIZE;
}

static void choose_addresses(void)
{
    vaddr_t half = CLUSTER / 2 * PAGE_SIZE;
    add_cluster(0, 0);
    add_cluster(1, level_size(1) - half);
    add_cluster(2, level_size(2) - half);
    add_cluster(3, (levels == 4 ? level_size(3) : 77 * level_size(2)) - half);
    add_cluster(4, user_end - CLUSTER * PAGE_SIZE);
}

static void must_be_unreachable(struct page *page)
{
    REQUIRE(!model_mmu_reaches(page_address(page)));
}

static void start(unsigned wanted_levels)
{
    levels = wanted_levels;
    shim_memory_start(FRAMES);
    model_mmu_start(levels);
    model_mmu_free_hook = must_be_unreachable;
    choose_addresses();
    memset(spaces, 0, sizeof(spaces));
    for (unsigned i = 0; i < SPACES; i++)
        REQUIRE(pmap_init(&spaces[i].pmap) == 0);
    tlb_gather_init(&gather, NULL, FLUSH_UNMAP);
}

/* Invariants */

/* Count the tables below one of this level, checking each one's count of entries. */
static unsigned check_tables(uint64_t *table, unsigned level, unsigned *leaves)
{
    unsigned valid = 0, tables = 1;
    bool root = level == pmap_levels - 1;
    unsigned count =
        root ? (pmap_levels == 4 ? TABLE_ENTRIES - 1 : TABLE_ENTRIES / 2) : TABLE_ENTRIES;
    for (unsigned i = 0; i < count; i++) {
        if (!table[i])
            continue;
        REQUIRE(table[i] & ENTRY_VALID);
        REQUIRE(entry_is_leaf(table[i]) == (level == 0));
        REQUIRE(!(table[i] & ENTRY_GLOBAL));
        valid++;
        if (level > 0)
            tables += check_tables(entry_table(table[i]), level - 1, leaves);
    }
    REQUIRE(table_of(table)->index == valid);
    REQUIRE(root || valid > 0);
    if (level == 0)
        *leaves += valid;
    return tables;
}

static void check_space(struct space *space)
{
    unsigned leaves = 0, expected = 0, count;
    uint64_t *root = physical_to_virtual(space->pmap.root);

    for (unsigned i = 0; i < ADDRESSES; i++) {
        paddr_t frame = 0;
        unsigned access = 0;
        bool found = pmap_query(&space->pmap, addresses[i], &frame, &access);
        REQUIRE(found == (space->pages[i].page != NULL));
        expected += found;
        if (found) {
            REQUIRE(frame == page_address(space->pages[i].page));
            REQUIRE(access == space->pages[i].access);
        }
    }
    count = expected;
    for (vaddr_t at = 0; (at = pmap_next(&space->pmap, at, user_end)) < user_end; at += PAGE_SIZE)
        expected--;
    REQUIRE(expected == 0);
    REQUIRE(check_tables(root, pmap_levels - 1, &leaves) == space->pmap.tables);
    REQUIRE(leaves == count && space->pmap.resident == count);
    REQUIRE(root[TABLE_ENTRIES - 1] == make_entry(SHIM_MEMORY, ENTRY_VALID));
}

static void flush(void)
{
    vaddr_t address = 0;
    tlb_flush(&gather);
    REQUIRE(gather.invalidated == 0 && list_empty(&gather.pages) && list_empty(&gather.tables));
    for (unsigned i = 0; i < SPACES; i++)
        REQUIRE(model_mmu_check(&spaces[i].pmap, &address));
}

/* Operations, on both sides */

static unsigned random_below(unsigned limit)
{
    return (unsigned)(check_random() % limit);
}

static unsigned random_access(void)
{
    static const unsigned choices[] = {ACCESS_READ, ACCESS_READ | ACCESS_WRITE,
                                       ACCESS_READ | ACCESS_EXECUTE, ACCESS_EXECUTE,
                                       ACCESS_READ | ACCESS_WRITE | ACCESS_EXECUTE};
    return choices[random_below(5)];
}

/* The page is expected no longer: give up what the model holds. */
static void drop(struct expected *expected)
{
    if (expected->page)
        tlb_gather_page(&gather, expected->page);
    *expected = (struct expected){0};
}

static void enter(struct space *space, unsigned i, struct page *page, unsigned access)
{
    struct expected old = space->pages[i];
    int result = pmap_enter(&space->pmap, addresses[i], page, access, NULL, &gather);

    if (result) {
        REQUIRE(result == -ENOMEM && shim_allocation_failed());
        check_space(space);
        if (page != old.page)
            page_release(page);
        return;
    }
    space->pages[i] = (struct expected){page, access, true};
    if (old.page && old.page != page)
        drop(&old);
}

static void do_enter(struct space *space, unsigned i)
{
    struct page *page = space->pages[i].page;
    unsigned kind = random_below(4);

    if (kind == 0 && page) {
        enter(space, i, page, random_access());
    } else if (kind == 1 && spaces[0].pages[i].page && space != &spaces[0] && !page) {
        page_reference(spaces[0].pages[i].page);
        enter(space, i, spaces[0].pages[i].page, ACCESS_READ);
    } else {
        page = page_allocate(0, PAGE_NOWAIT);
        REQUIRE(page);
        if (random_below(8) == 0)
            shim_fail_allocation(1 + random_below(3));
        enter(space, i, page, random_access());
        shim_fail_allocation(0);
    }
}

/* A neighbour replaces nothing, and takes no permission. */
static void do_enter_neighbour(struct space *space, unsigned i)
{
    struct expected *old = &space->pages[i];
    bool again = old->page && random_below(2) == 0;
    struct page *page = again ? old->page : page_allocate(0, PAGE_NOWAIT);
    struct pmap_neighbour neighbour = {page, random_access()};

    REQUIRE(page);
    pmap_enter_neighbours(&space->pmap, addresses[i], &neighbour, 1, NULL);
    if (!old->page)
        *old = (struct expected){page, neighbour.access, true};
    else if (!again)
        page_release(page);
    else if (old->access != neighbour.access && !(old->access & ~neighbour.access))
        *old = (struct expected){page, neighbour.access, true};
}

/* A range between two of the addresses, or all there is. */
static void random_range(unsigned *first, unsigned *behind, vaddr_t *start, vaddr_t *end)
{
    unsigned a = random_below(ADDRESSES), b = random_below(ADDRESSES);
    bool near = random_below(3) != 0, all = random_below(16) == 0;

    if (near)
        b = a + random_below(CLUSTER) < ADDRESSES ? a + random_below(CLUSTER) : a;
    if (b >= ADDRESSES)
        b = ADDRESSES - 1;
    *first = all ? 0 : a < b ? a : b;
    *behind = all ? ADDRESSES : (a < b ? b : a) + 1;
    *start = all ? 0 : addresses[*first];
    *end = all ? user_end : addresses[*behind - 1] + PAGE_SIZE;
}

static void do_remove(struct space *space)
{
    unsigned first, behind;
    vaddr_t begin, end;

    random_range(&first, &behind, &begin, &end);
    pmap_remove(&space->pmap, begin, end, &gather);
    for (unsigned i = first; i < behind; i++)
        drop(&space->pages[i]);
}

static void do_protect(struct space *space)
{
    unsigned first, behind, access = random_access();
    vaddr_t begin, end;

    random_range(&first, &behind, &begin, &end);
    pmap_protect(&space->pmap, begin, end, access, &gather);
    for (unsigned i = first; i < behind; i++) {
        struct expected *expected = &space->pages[i];
        if (!expected->page)
            continue;
        if (access & ACCESS_READ)
            expected->access &= access;
        else
            drop(expected);
        /* An entry that allowed nothing would be one of a table. */
        if (expected->page && !expected->access)
            drop(expected);
    }
}

static void do_harvest(struct space *space, unsigned i)
{
    struct expected *expected = &space->pages[i];
    bool used = pmap_harvest(&space->pmap, addresses[i], &gather);
    REQUIRE(used == (expected->page && expected->accessed));
    expected->accessed = false;
}

static void do_activate(struct space *space)
{
    model_hart = random_below(MODEL_HARTS);
    pmap_activate(random_below(4) ? &space->pmap : NULL);
}

/* A use by the program of any hart, and the kernel's view of the same. */
static void do_access(void)
{
    unsigned i = random_below(ADDRESSES), access = 1u << random_below(3);
    model_hart = random_below(MODEL_HARTS);
    for (unsigned s = 0; s < SPACES; s++) {
        struct expected *expected = &spaces[s].pages[i];
        paddr_t frame;
        if (!(spaces[s].pmap.active_harts >> model_hart & 1))
            continue;
        if (model_mmu_access(addresses[i] + 5, access, &frame)) {
            REQUIRE(expected->page && frame == page_address(expected->page));
            REQUIRE((expected->access & access) == access);
            expected->accessed = true;
        } else {
            REQUIRE(!expected->page || !(expected->access & access));
        }
    }
}

static void do_user_byte(struct space *space, unsigned i)
{
    const struct expected *expected = &space->pages[i];
    unsigned access = random_below(2) ? ACCESS_READ : ACCESS_WRITE;
    bool allowed = expected->page && expected->accessed && (expected->access & access) &&
                   (expected->access & ACCESS_READ);
    char *byte = pmap_user_byte(&space->pmap, addresses[i] + 77, access);
    REQUIRE(byte == (allowed ? (char *)page_data(expected->page) + 77 : NULL));
    REQUIRE(!pmap_user_byte(&space->pmap, user_end + addresses[i], access));
}

static void step(void)
{
    struct space *space = &spaces[random_below(SPACES)];
    unsigned i = random_below(ADDRESSES);

    switch (random_below(16)) {
    case 0 ... 4:
        do_enter(space, i);
        break;
    case 5:
        do_enter_neighbour(space, i);
        break;
    case 6:
        do_remove(space);
        break;
    case 7:
        do_protect(space);
        break;
    case 8:
        do_harvest(space, i);
        break;
    case 9:
        do_activate(space);
        break;
    case 10:
        do_user_byte(space, i);
        break;
    default:
        flush();
        do_access();
        break;
    }
}

static void finish(void)
{
    for (unsigned s = 0; s < SPACES; s++) {
        pmap_remove(&spaces[s].pmap, 0, user_end, &gather);
        for (unsigned i = 0; i < ADDRESSES; i++)
            drop(&spaces[s].pages[i]);
    }
    flush();
    for (unsigned s = 0; s < SPACES; s++) {
        REQUIRE(spaces[s].pmap.tables == 1 && spaces[s].pmap.resident == 0);
        pmap_destroy(&spaces[s].pmap);
    }
    pmap_drop_tables();
    model_mmu_end();
    REQUIRE(shim_live_frames() == 0);
    shim_end();
}

static void random_operations(unsigned wanted_levels)
{
    start(wanted_levels);
    for (unsigned i = 0; i < STEPS; i++) {
        step();
        if (i % 16 == 0) {
            check_space(&spaces[0]);
            check_space(&spaces[1]);
        }
    }
    finish();
}

static void random_sv39(void)
{
    random_operations(3);
}

static void random_sv48(void)
{
    random_operations(4);
}

/* One page in and out costs nobody a table after the first time, and one page's flush. */
static void loop_uses_cached_tables(void)
{
    start(4);
    struct pmap *pmap = &spaces[0].pmap;
    struct page *page = page_allocate(0, 0);
    paddr_t frame;
    uint64_t before;

    pmap_activate(pmap);
    for (unsigned i = 0; i < 3; i++) {
        before = shim_allocations;
        CHECK(pmap_enter(pmap, 0x10000, page, ACCESS_READ, NULL, &gather) == 0);
        CHECK(model_mmu_access(0x10000, ACCESS_READ, &frame) && frame == page_address(page));
        pmap_remove(pmap, 0x10000, 0x11000, &gather);
        flush();
        CHECK(!model_mmu_access(0x10000, ACCESS_READ, &frame));
        CHECK(i == 0 || shim_allocations == before);
    }
    page_release(page);
    finish();
}

/* A frame of which another holds a reference survives the flush; many of them fit no table. */
static void shared_frames_wait(void)
{
    struct page *pages[3 * GATHER_SHARED / 2];
    unsigned count = sizeof(pages) / sizeof(pages[0]);

    start(3);
    for (unsigned i = 0; i < count; i++) {
        pages[i] = page_allocate(0, 0);
        page_reference(pages[i]);
        tlb_gather_page(&gather, pages[i]);
        CHECK(pages[i]->references == 2);
        CHECK(i < GATHER_SHARED || pages[i - GATHER_SHARED]->references == 1);
    }
    flush();
    for (unsigned i = 0; i < count; i++) {
        CHECK(pages[i]->references == 1);
        page_release(pages[i]);
    }
    finish();
}

/* A hart that ran the address space once is not interrupted, but flushes when it comes back. */
static void idle_hart_is_marked_stale(void)
{
    start(4);
    struct pmap *pmap = &spaces[0].pmap;
    struct page *page = page_allocate(0, 0);
    paddr_t frame;

    CHECK(pmap_enter(pmap, 0x10000, page, ACCESS_READ, NULL, &gather) == 0);
    model_hart = 1;
    pmap_activate(pmap);
    CHECK(model_mmu_access(0x10000, ACCESS_READ, &frame));
    pmap_activate(NULL);
    pmap_remove(pmap, 0x10000, 0x11000, &gather);
    CHECK(gather.harts == 0 && pmap->stale_harts == 1 << 1);
    flush();
    pmap_activate(pmap);
    CHECK(!model_mmu_access(0x10000, ACCESS_READ, &frame));
    page_release(page);
    finish();
}

/* Raising permissions, and entering the same again, need no flush. */
static void permitting_needs_no_flush(void)
{
    start(3);
    struct pmap *pmap = &spaces[0].pmap;
    struct page *page = page_allocate(0, 0);

    pmap_activate(pmap);
    CHECK(pmap_enter(pmap, 0, page, ACCESS_READ, NULL, &gather) == 0 && gather.harts == 0);
    CHECK(pmap_enter(pmap, 0, page, ACCESS_READ | ACCESS_WRITE, NULL, &gather) == 0);
    CHECK(pmap_enter(pmap, 0, page, ACCESS_READ | ACCESS_WRITE, NULL, &gather) == 0);
    CHECK(gather.invalidated == 0 && gather.harts == 0);
    CHECK(pmap_enter(pmap, 0, page, ACCESS_READ, NULL, &gather) == 0);
    CHECK(gather.invalidated == 1 && gather.harts == 1);
    spaces[0].pages[0] = (struct expected){page, ACCESS_READ, true};
    flush();
    finish();
}

/* Tables full of entries go with the address space. */
static void destroy_frees_what_is_mapped(void)
{
    struct page *page;

    start(4);
    page = page_allocate(0, 0);
    for (unsigned i = 0; i < ADDRESSES; i++)
        CHECK(pmap_enter(&spaces[1].pmap, addresses[i], page, ACCESS_READ, NULL, &gather) == 0);
    CHECK(spaces[1].pmap.tables > 10);
    pmap_destroy(&spaces[1].pmap);
    CHECK(pmap_init(&spaces[1].pmap) == 0);
    check_space(&spaces[1]);

    /* The tables are used again. */
    CHECK(pmap_enter(&spaces[1].pmap, addresses[3], page, ACCESS_READ, NULL, &gather) == 0);
    spaces[1].pages[3] = (struct expected){page, ACCESS_READ, true};
    check_space(&spaces[1]);
    finish();
}

int main(void)
{
    check_case("random operations, Sv39", random_sv39);
    check_case("random operations, Sv48", random_sv48);
    check_case("a loop of map and unmap uses cached tables", loop_uses_cached_tables);
    check_case("shared frames wait for the flush", shared_frames_wait);
    check_case("an idle hart is marked stale", idle_hart_is_marked_stale);
    check_case("permitting needs no flush", permitting_needs_no_flush);
    check_case("destroy frees what is mapped", destroy_frees_what_is_mapped);
    return check_done();
}
