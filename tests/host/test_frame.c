// sources: kernel/vm/frame.c tests/host/shim/shim.c
/* The frame allocator against a model: what is out, what must be free. */
#include <string.h>
#include "core/thread.h"
#include "check.h"
#include "shim.h"

#define FRAMES  4096
#define ORDERS  11
#define OUT_MAX 4096

static struct {
    struct page *page;
    unsigned order;
    uint64_t stamp; /* written to the first and the last word of each frame */
} out[OUT_MAX];
static unsigned out_count;
static uint64_t out_frames;
static bool owned[FRAMES]; /* the model: frames that are out */

static void start(size_t frames)
{
    paddr_t end = SHIM_MEMORY + frames * PAGE_SIZE;
    size_t array = page_round_up(page_array_size(SHIM_MEMORY, end));
    shim_start(frames);
    page_array_init(SHIM_MEMORY, end, physical_to_virtual(SHIM_MEMORY));
    for (paddr_t frame = SHIM_MEMORY; frame < end; frame += PAGE_SIZE)
        REQUIRE(page_is(page_of(frame), PAGE_RESERVED));
    page_allocator_add(SHIM_MEMORY + array, end);
    REQUIRE(page_count_total() == frames - array / PAGE_SIZE);
    REQUIRE(page_count_free() == page_count_total());
    out_count = 0;
    out_frames = 0;
    memset(owned, 0, sizeof(owned));
}

static uint64_t *word_of(struct page *page, size_t frame, size_t word)
{
    return (uint64_t *)page_data(page + frame) + word;
}

/* Take a block into the model; it must not overlap another. */
static void note_block(struct page *page, unsigned order, unsigned request)
{
    size_t first = (size_t)(page - page_array), size = (size_t)1 << order;
    REQUIRE(page_address(page) % (PAGE_SIZE << order) == 0);
    REQUIRE(page->references == 1 && page->flags == 0 && list_empty(&page->link));
    REQUIRE(!page->owner && !page->index && !page->block_flags);
    out[out_count].page = page;
    out[out_count].order = order;
    out[out_count].stamp = check_random();
    for (size_t i = 0; i < size; i++) {
        REQUIRE(first + i < FRAMES && !owned[first + i]);
        owned[first + i] = true;
        for (size_t word = 0; word < 512 && (request & PAGE_ZERO); word++)
            REQUIRE(*word_of(page, i, word) == 0);
        *word_of(page, i, 0) = *word_of(page, i, 511) = out[out_count].stamp + i;
    }
    out_count++;
    out_frames += size;
}

static bool allocate(unsigned order, unsigned request)
{
    struct page *page = page_allocate(order, request);
    if (page)
        note_block(page, order, request);
    return page != NULL;
}

static void release(unsigned index)
{
    struct page *page = out[index].page;
    size_t size = (size_t)1 << out[index].order;
    for (size_t i = 0; i < size; i++) {
        REQUIRE(*word_of(page, i, 0) == out[index].stamp + i);
        REQUIRE(*word_of(page, i, 511) == out[index].stamp + i);
        owned[(size_t)(page - page_array) + i] = false;
    }
    page->owner = page; /* what the last user left there */
    page_set(page, PAGE_REFERENCED);
    page_free(page, out[index].order);
    out_frames -= size;
    out[index] = out[--out_count];
}

static void release_all(void)
{
    while (out_count)
        release((unsigned)(check_random() % out_count));
}

static bool counts_right(void)
{
    return page_count_free() + out_frames == page_count_total() && shim_locks_held() == 0 &&
           !shim_interrupts_off;
}

/* Everything can be had again in the largest blocks that there were at first. */
static unsigned count_largest(void)
{
    unsigned count = 0;
    while (allocate(ORDERS - 1, PAGE_NOWAIT))
        count++;
    release_all();
    return count;
}

/* Empty the caches of all harts into the buddy lists: a contiguous request that cannot be met does
 * so for its hart. */
static void drain_caches(void)
{
    for (shim_hart = 0; shim_hart < HART_MAX; shim_hart++) {
        while (allocate(ORDERS - 1, PAGE_NOWAIT))
            ;
        release_all();
    }
    shim_hart = 0;
}

static void random_blocks(void)
{
    unsigned largest;
    start(FRAMES);
    largest = count_largest();
    CHECK(largest >= 3);
    for (unsigned step = 0; step < 60000; step++) {
        uint64_t random = check_random();
        unsigned order = random % 4 ? 0 : (unsigned)(random >> 8) % ORDERS;
        shim_hart = (unsigned)(random >> 16) % 4;
        /* Phases that fill memory, and phases that empty it. */
        if (out_count && random >> 32 & (step / 5000 % 2 ? 1 : 3))
            release((unsigned)(random >> 40) % out_count);
        else
            allocate(order, PAGE_NOWAIT | (random >> 60 ? 0 : PAGE_ZERO));
        CHECK(counts_right());
        if (step % 3 == 0)
            allocate(0, PAGE_NOWAIT);
    }
    release_all();
    CHECK(counts_right() && page_count_free() == page_count_total());
    drain_caches();
    CHECK(count_largest() == largest);
    shim_end();
}

/* Take all frames, the whole reserve too. */
static void use_up_memory(void)
{
    shim_thread->frees_memory = true;
    while (allocate(0, PAGE_NOWAIT))
        ;
    shim_thread->frees_memory = false;
}

/* Every single frame can be had, and all merge again. */
static void all_of_memory(void)
{
    unsigned largest;
    start(FRAMES);
    largest = count_largest();
    use_up_memory();
    CHECK(out_frames == page_count_total() && page_count_free() == 0 && counts_right());
    CHECK(!allocate(3, PAGE_NOWAIT));
    release_all();
    drain_caches();
    CHECK(count_largest() == largest);
    shim_end();
}

static unsigned reclaim_calls;

static bool reclaim_one(unsigned wanted)
{
    reclaim_calls++;
    if (wanted == 0 || out_count == 0)
        return false;
    release(0);
    return true;
}

/* Who may wait does not get the reserve, and reclaims instead; who may not wait gets half of it,
 * and who frees memory all. */
static void reserve_and_reclaim(void)
{
    uint64_t left;
    start(FRAMES);
    while (allocate(0, 0))
        ;
    left = page_count_free();
    CHECK(left > 0 && left == page_count_total() / 64);
    shim_reclaim_hook = reclaim_one;
    reclaim_calls = 0;
    for (unsigned i = 0; i < 100; i++)
        CHECK(allocate(0, 0));
    CHECK(reclaim_calls >= 100 && page_count_free() <= left + 1);
    shim_reclaim_hook = NULL;
    CHECK(!allocate(0, 0) && !allocate(0, PAGE_NOWAIT | PAGE_USER));
    while (allocate(0, PAGE_NOWAIT))
        ;
    CHECK(page_count_free() == left / 2);
    use_up_memory();
    CHECK(page_count_free() == 0 && counts_right());
    reclaim_calls = 0;
    shim_reclaim_hook = reclaim_one;
    CHECK(!allocate(0, PAGE_NOWAIT) && reclaim_calls == 0);
    release_all();
    CHECK(counts_right());
    shim_end();
}

/* Reclaiming single frames for a block of several ends, one way or the other. */
static void reclaim_for_contiguous(void)
{
    start(FRAMES);
    while (allocate(0, PAGE_NOWAIT))
        ;
    shim_reclaim_hook = reclaim_one;
    reclaim_calls = 0;
    allocate(9, 0);
    CHECK(reclaim_calls > 0 && reclaim_calls <= 8 && counts_right());
    release_all();
    shim_end();
}

static void references(void)
{
    struct page *page;
    start(256);
    page = page_allocate(0, 0);
    CHECK(page);
    page_reference(page);
    page_release(page);
    CHECK(page->references == 1 && page_count_free() == page_count_total() - 1);
    page_release(page);
    CHECK(page_count_free() == page_count_total());
    shim_end();
}

static void free_page(void *page)
{
    page_free(page, 0);
}

static void release_page(void *page)
{
    page_release(page);
}

static void misuse(void)
{
    struct page *page;
    start(256);
    page = page_allocate(0, 0);
    CHECK(page);
    page_reference(page);
    CHECK(shim_panics(free_page, page)); /* somebody else has a reference */
    page->references = 1;
    page_set(page, PAGE_BUSY);
    CHECK(shim_panics(free_page, page));
    page_clear(page, PAGE_BUSY);
    page->references = 1;
    page_free(page, 0);
    CHECK(shim_panics(free_page, page));
    page->references = 0;
    CHECK(shim_panics(release_page, page));
    shim_end();
}

/*
 * Ranges with holes between them, not aligned to anything:
 *
 *   array . AAAAA .. BB .. C .... DDDDDDDDDDDDDDDDD .
 */
static void ranges_with_holes(void)
{
    static const struct {
        size_t first, end;
    } ranges[] = {{101, 777}, {780, 782}, {790, 791}, {1001, 4095}};
    paddr_t end = SHIM_MEMORY + FRAMES * PAGE_SIZE;
    uint64_t total = 0;
    start(FRAMES);
    page_array_init(SHIM_MEMORY, end, physical_to_virtual(SHIM_MEMORY));
    for (size_t i = 0; i < 4; i++) {
        /* Parts of frames at the ends are not used. */
        page_allocator_add(SHIM_MEMORY + ranges[i].first * PAGE_SIZE - 100,
                           SHIM_MEMORY + ranges[i].end * PAGE_SIZE + 4000);
        total += ranges[i].end - ranges[i].first;
    }
    CHECK(page_count_total() == total && page_count_free() == total);
    use_up_memory();
    for (size_t frame = 0; frame < FRAMES; frame++) {
        bool usable = false;
        for (size_t i = 0; i < 4; i++)
            usable |= frame >= ranges[i].first && frame < ranges[i].end;
        CHECK(owned[frame] == usable);
        CHECK(page_is(&page_array[frame], PAGE_RESERVED) == !usable);
    }
    release_all();
    CHECK(counts_right());
    shim_end();
}

static void injected_failure(void)
{
    start(256);
    shim_fail_allocation(2);
    CHECK(allocate(0, 0) && !allocate(0, 0) && allocate(0, 0));
    CHECK(shim_allocation_failed());
    shim_fail_allocations_from(1);
    CHECK(!allocate(0, 0) && !allocate(1, 0));
    shim_fail_allocation(0);
    CHECK(allocate(0, 0));
    CHECK(!allocate(ORDERS, PAGE_NOWAIT) && !allocate(60, PAGE_NOWAIT));
    release_all();
    shim_end();
}

int main(void)
{
    check_case("random blocks on four harts", random_blocks);
    check_case("all of memory", all_of_memory);
    check_case("the reserve, and reclaiming", reserve_and_reclaim);
    check_case("reclaiming for contiguous frames", reclaim_for_contiguous);
    check_case("references", references);
    check_case("misuse panics", misuse);
    check_case("ranges with holes", ranges_with_holes);
    check_case("injected failures, orders too large", injected_failure);
    return check_done();
}
