/*
 * Memory: mapping, touching, protecting and moving it.
 */
#include "beside.h"

#include <signal.h>

static char *memory;

static void call(void)
{
    syscall(SYS_getppid);
}

static void map_unmap(void)
{
    munmap(map(PAGE), PAGE);
}

static void map_store(size_t size)
{
    char *start = map(size);
    store_each(start, size);
    munmap(start, size);
}

static void map_store_1(void)
{
    map_store(PAGE);
}

static void map_store_64(void)
{
    map_store(64 * PAGE);
}

static void map_store_1024(void)
{
    map_store(1024 * PAGE);
}

static void prepare_memory(void)
{
    memory = map(64 * MIB);
    store_each(memory, MIB);
}

static void discard(void)
{
    store_each(memory, MIB);
    MUST(madvise(memory, MIB, MADV_DONTNEED));
}

static void protect(void)
{
    MUST(mprotect(memory, MIB, PROT_READ));
    MUST(mprotect(memory, MIB, PROT_READ | PROT_WRITE));
    store_each(memory, MIB);
}

static void residence(void)
{
    static unsigned char there[MIB / PAGE];
    MUST(mincore(memory, MIB, there));
}

static void unprotect(int number, siginfo_t *information, void *unused)
{
    uintptr_t address = (uintptr_t)information->si_addr & ~(PAGE - 1);
    (void)number;
    (void)unused;
    mprotect((void *)address, PAGE, PROT_READ | PROT_WRITE);
}

static void prepare_handler(void)
{
    struct sigaction action = {.sa_sigaction = unprotect, .sa_flags = SA_SIGINFO};
    MUST(sigaction(SIGSEGV, &action, NULL));
    prepare_memory();
}

static void caught_faults(void)
{
    MUST(mprotect(memory, 64 * PAGE, PROT_READ));
    store_each(memory, 64 * PAGE);
}

static void prepare_move(void)
{
    prepare_memory();
    store_each(memory, 64 * MIB);
}

static void move(void)
{
    void *place = MUST(mmap(NULL, 64 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memory = MUST(mremap(memory, 64 * MIB, 64 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED, place));
}

static void protect_one(void)
{
    char *page = memory + 32 * PAGE;
    MUST(mprotect(page, PAGE, PROT_READ));
    MUST(mprotect(page, PAGE, PROT_READ | PROT_WRITE));
}

/* Among 10,000 others that do not merge. */
static void prepare_regions(void)
{
    memory = map(10000 * PAGE);
    for (size_t i = 0; i < 10000; i += 2)
        MUST(mprotect(memory + i * PAGE, PAGE, PROT_READ));
}

static void map_among(void)
{
    char *place = memory + 5001 * PAGE;
    MUST(munmap(place, PAGE));
    MUST(mmap(place, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    *(volatile char *)place = 1;
}

static void grow_heap(void)
{
    char *end = MUST(sbrk(64 * PAGE));
    store_each(end, 64 * PAGE);
    MUST(sbrk(-64 * (long)PAGE));
}

static void share_store(void)
{
    char *start =
        MUST(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    store_each(start, 64 * PAGE);
    munmap(start, 64 * PAGE);
}

static void populate(void)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
    munmap(MUST(mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0)), 64 * PAGE);
}

static void grow_by_remap(void)
{
    char *start = map(PAGE);
    for (size_t pages = 1; pages < 64; pages *= 2) {
        start = MUST(mremap(start, pages * PAGE, 2 * pages * PAGE, MREMAP_MAYMOVE));
        store_each(start + pages * PAGE, pages * PAGE);
    }
    munmap(start, 64 * PAGE);
}

const struct operation memory_operations[] = {
    {"call", NULL, call, "a system call that does nothing"},
    {"map", NULL, map_unmap, "map a page, unmap it"},
    {"map-store-1", NULL, map_store_1, "map a page, store to it, unmap it"},
    {"map-store-64", NULL, map_store_64, "the same with 64 pages"},
    {"map-store-1024", NULL, map_store_1024, "the same with 4 MiB"},
    {"discard", prepare_memory, discard, "store to 256 pages, MADV_DONTNEED"},
    {"protect", prepare_memory, protect, "mprotect 256 pages twice, store to each"},
    {"caught-faults", prepare_handler, caught_faults, "64 stores that a SIGSEGV handler permits"},
    {"mincore", prepare_memory, residence, "mincore of 256 pages"},
    {"move", prepare_move, move, "mremap of 64 MiB to another place"},
    {"protect-1", prepare_memory, protect_one, "mprotect a page of a mapping twice"},
    {"map-among", prepare_regions, map_among, "replace a page between 10,000 regions, store to it"},
    {"heap", NULL, grow_heap, "grow the heap by 64 pages with brk, store to each, shrink it"},
    {"share-store", NULL, share_store, "map 64 pages shared, store to each, unmap"},
    {"populate", NULL, populate, "map 64 pages with MAP_POPULATE, unmap"},
    {"remap-grow", NULL, grow_by_remap,
     "mremap a page to 64, twice as large each time, storing to each"},
    {0},
};
