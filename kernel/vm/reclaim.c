/*
 * Finding frames when few are free.
 *
 * Pages that have an object are on three queues (page_queue.c). New ones are inactive, and what is
 * read once goes from there, so a long sequential read does not push out what is used again and
 * again. The active queue gives its oldest pages back while it is the longer one. Private anonymous
 * pages are on no queue: evict.c finds them by way of the address spaces, when there is room in the
 * swap areas, as it does those of the anonymous queue. Before all others go those that a program
 * has offered with MADV_FREE.
 *
 * Three parties reclaim: the reclaim thread, woken when few frames are free, until there are enough
 * again; whoever needs a frame and finds none; and madvise(2). They may hold locks of a file
 * system, so locks are only tried here, and no pager is called: what is dirty is left to the
 * write-back thread, which is hurried.
 */
#include "vm/reclaim.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/stack.h"
#include "core/printk.h"
#include "core/thread.h"
#include "core/time.h"
#include "fs/vnode.h"
#include "vm/back_list.h"
#include "vm/evict.h"
#include "vm/page_queue.h"
#include "vm/vm.h"

#define SCAN_FACTOR   8u
#define PASSES        6u
#define WRITE_WAIT    200000000ull   /* nanoseconds: how long to wait for a write in one pass */
#define LOCK_WAIT     10000000ull    /* ... for those who hold a lock */
#define PATIENCE      10000000000ull /* ... altogether, for writes in flight and locks to be let go */
#define IDLE_WAIT     100000000ull   /* ... for anything to change, when nothing could be freed */
#define RECLAIM_BATCH 32u

/* The reclaim thread sleeps here; it may be woken before it exists. */
static struct wait_queue few_free = {.lock = {.rank = RANK_WAIT, .name = "reclaim"},
                                     .waiters = LIST_INITIALIZER(few_free.waiters)};
static uint32_t woken; /* atomic */

static void release_candidate(struct page *page, struct object *object)
{
    page_release(page);
    object_release(object);
}

/* Pages of files */

static bool is_current(struct object *object, struct page *page)
{
    return radix_lookup(&object->pages, page->index) == page;
}

/* Is the page in the index, clean, and used by nobody but the index and the reclaimer? Object
 * locked. */
static bool is_idle(struct object *object, struct page *page)
{
    return is_current(object, page) && !page_is(page, PAGE_BUSY | PAGE_DIRTY | PAGE_WRITEBACK) &&
           __atomic_load_n(&page->references, __ATOMIC_ACQUIRE) == 2;
}

/* Has the page, which is inactive, been used so that it is worth keeping? Object locked. */
static bool is_worth_keeping(struct object *object, struct page *page, struct tlb_gather *gather)
{
    bool mapped = back_list_harvest(object, page->index, gather);
    uint32_t before = page_clear(page, PAGE_REFERENCED | PAGE_REUSED);

    if ((before & PAGE_REUSED) || (mapped && (before & (PAGE_REFERENCED | PAGE_CODE)))) {
        page_queue_move(page, true);
        return true;
    }
    if (mapped)
        page_set(page, PAGE_REFERENCED);
    return mapped;
}

/* Free the page if it can be; true: freed. Object locked. */
static bool try_free(struct object *object, struct page *page, struct tlb_gather *gather)
{
    if (!is_idle(object, page) || is_worth_keeping(object, page, gather))
        return false;
    back_list_unmap(object, page->index, page->index, gather);
    object_remove_page(object, page, gather);
    return true;
}

/* Does one region map the page, at the most? Others would be slowed down. Object locked. */
static bool is_mapped_once(struct object *object, const struct page *page)
{
    return back_list_mappings(object, page->index) <= 1;
}

static bool may_drop(struct object *object, const struct page *page, enum reclaim_how how)
{
    return how == RECLAIM_MAPPED_ONCE
               ? is_mapped_once(object, page)
               : how == RECLAIM_UNMAPPED && !back_list_mappings(object, page->index);
}

/* MADV_COLD, MADV_PAGEOUT, POSIX_FADV_DONTNEED for one page, which is in the index. Object locked.
 */
static void let_go(struct object *object, struct page *page, enum reclaim_how how,
                   struct tlb_gather *gather)
{
    page_reference(page); /* as a candidate has one */
    page_clear(page, PAGE_REFERENCED | PAGE_REUSED);
    if (!page_is(page, PAGE_BUSY) && page_is(page, PAGE_ACTIVE))
        page_queue_move(page, false);
    back_list_harvest(object, page->index, gather);
    if (may_drop(object, page, how))
        try_free(object, page, gather);
    page_release(page);
}

/* The next page of shared memory in [*index, last] that may go, as unused as can be, referenced; or
 * NULL. */
static struct page *next_to_push(struct object *object, uint64_t *index, uint64_t last)
{
    struct tlb_gather gather;
    struct page *page;

    tlb_gather_init(&gather, NULL, FLUSH_RECLAIM);
    mutex_lock(&object->lock);
    while (*index <= last && (page = radix_next(&object->pages, *index, last, index)) &&
           !is_mapped_once(object, page))
        ++*index;
    page = *index <= last ? radix_lookup(&object->pages, *index) : NULL;
    if (page) {
        page_reference(page);
        page_clear(page, PAGE_REFERENCED | PAGE_REUSED);
        back_list_harvest(object, page->index, &gather);
    }
    mutex_unlock(&object->lock);
    tlb_flush(&gather);
    return page;
}

/* MADV_PAGEOUT for shared memory. */
static void push_out(struct object *object, uint64_t first, uint64_t last)
{
    uint64_t index = first;
    struct page *page;

    while (evict_is_possible() && (page = next_to_push(object, &index, last))) {
        evict_shared(object, page);
        page_release(page);
        index++;
    }
    write_back_hurry();
}

void reclaim_object(struct object *object, uint64_t first, uint64_t last, enum reclaim_how how)
{
    struct tlb_gather gather;
    uint64_t index = first;
    struct page *page;

    if (object->anonymous && how == RECLAIM_MAPPED_ONCE) {
        push_out(object, first, last);
        return;
    }
    tlb_gather_init(&gather, NULL, FLUSH_RECLAIM);
    mutex_lock(&object->lock);
    while ((page = radix_next(&object->pages, index, last, &index))) {
        let_go(object, page, how, &gather);
        if (index++ == last)
            break;
    }
    mutex_unlock(&object->lock);
    tlb_flush(&gather);
}

/* How many of count pages a pass looks at: all of them, twice, when the first passes were in vain;
 * never more, for a look at a page that hundreds of processes map takes long, with a lock held that
 * those want who would go on, or end and free memory. */
static uint64_t scan_limit(unsigned wanted, unsigned pass, uint64_t count)
{
    uint64_t few = wanted * SCAN_FACTOR, all = 2 * count;

    return pass < 2 && few < all ? few : all;
}

/* What a pass finds in its way. */
struct obstacles {
    unsigned dirty; /* pages to be written */
    bool contended; /* a lock was taken */
};

/* Look at the next inactive page: 1 if it was freed, 0 if not, -1 if there is none. */
static int scan_inactive(struct obstacles *obstacles)
{
    struct object *object;
    struct page *page = page_queue_next(QUEUE_INACTIVE, &object);
    struct tlb_gather gather;
    bool freed = false;

    if (!page)
        return -1;
    if (page_is(page, PAGE_DIRTY | PAGE_WRITEBACK)) {
        obstacles->dirty++;
    } else if (mutex_trylock_last(&object->lock)) {
        tlb_gather_init(&gather, NULL, FLUSH_RECLAIM);
        freed = try_free(object, page, &gather);
        mutex_unlock(&object->lock);
        tlb_flush(&gather);
    } else {
        obstacles->contended = true;
    }
    release_candidate(page, object);
    return freed;
}

/* Look at the next active page: it becomes inactive if it was not used lately. */
static void scan_active(void)
{
    struct object *object;
    struct page *page = page_queue_next(QUEUE_ACTIVE, &object);
    struct tlb_gather gather;

    if (!page)
        return;
    if (mutex_trylock_last(&object->lock)) {
        tlb_gather_init(&gather, NULL, FLUSH_RECLAIM);
        if (is_current(object, page) && !page_is(page, PAGE_BUSY)) {
            bool mapped = back_list_harvest(object, page->index, &gather);
            uint32_t used = page_clear(page, PAGE_REFERENCED | PAGE_REUSED);
            if (!mapped && !(used & (PAGE_REFERENCED | PAGE_REUSED)))
                page_queue_move(page, false);
        }
        mutex_unlock(&object->lock);
        tlb_flush(&gather);
    }
    release_candidate(page, object);
}

/* Let the inactive queue have at least as many pages as the active one, by a step; pages in use,
 * and locked ones, stay active, so each is looked at once. */
static void balance(uint64_t step)
{
    uint64_t active = page_queue_length(QUEUE_ACTIVE);

    if (step > active)
        step = active;
    while (step-- > 0 && page_queue_length(QUEUE_ACTIVE) > page_queue_length(QUEUE_INACTIVE))
        scan_active();
}

/* Look at inactive pages, as many as the pass allows, to free so many: how many were. */
static unsigned shrink_files(unsigned wanted, unsigned pass, struct obstacles *obstacles)
{
    unsigned freed = 0;

    balance(2ul * wanted);
    uint64_t limit = scan_limit(wanted, pass, page_queue_length(QUEUE_INACTIVE));
    for (uint64_t i = 0; i < limit && freed < wanted; i++) {
        int result = scan_inactive(obstacles);
        if (result < 0)
            break;
        freed += (unsigned)result;
    }
    return freed;
}

/* Anonymous pages */

/* Put pages of shared memory into a swap area: how many. */
static unsigned shrink_shared(unsigned wanted, uint64_t limit)
{
    unsigned moved = 0;

    for (uint64_t i = 0; i < limit && moved < wanted; i++) {
        struct object *object;
        struct page *page = page_queue_next(QUEUE_ANONYMOUS, &object);
        if (!page)
            break;
        moved += evict_shared(object, page);
        release_candidate(page, object);
    }
    return moved;
}

/* Private anonymous pages, nearly: what is neither free nor on a queue. */
static uint64_t count_private(void)
{
    uint64_t others = page_count_free() + page_queue_files() + page_queue_length(QUEUE_ANONYMOUS);

    return page_count_total() > others ? page_count_total() - others : 0;
}

/* Move anonymous pages to swap areas, to be written there and then freed: how many. Of what is
 * wanted, in the first pass, the part is asked of each kind that it has in memory. */
static unsigned shrink_anonymous(unsigned wanted, unsigned pass, bool *contended)
{
    uint64_t private = count_private(), shared = page_queue_length(QUEUE_ANONYMOUS);
    uint64_t total = page_count_total();
    unsigned of_private = wanted, of_shared = wanted;

    if (!evict_is_possible())
        return 0;
    if (pass == 0) {
        of_private = (unsigned)(wanted * private / total);
        of_shared = (unsigned)(wanted * shared / total);
    }
    return evict_private(of_private, scan_limit(wanted, pass, private), contended) +
           shrink_shared(of_shared, scan_limit(wanted, pass, shared));
}

/* All together */

/* Frames that are kept ready for page tables and kernel stacks. */
static unsigned drop_caches(void)
{
    uint64_t before = page_count_free();

    pmap_drop_tables();
    kernel_stacks_drop();
    return page_count_free() > before;
}

/* What a pass came to, when it freed nothing. */
enum pass_result {
    NOTHING,  /* there is nothing to free */
    BLOCKED,  /* a disk, or the holder of a lock, has to go on first */
    PROGRESS, /* the next pass will find what this one has moved or seen written */
};

/* Wait for what a pass that freed nothing has found in its way. */
static enum pass_result wait_for_others(bool writing, bool contended)
{
    if (writing && write_back_wait(WRITE_WAIT))
        return PROGRESS;
    if (contended)
        thread_sleep(LOCK_WAIT, WAIT_UNINTERRUPTIBLE);
    return writing || contended ? BLOCKED : NOTHING;
}

/* One pass; a later one looks at more. How many were freed, or *result. */
static unsigned reclaim_pass(unsigned wanted, unsigned pass, enum pass_result *result)
{
    struct obstacles obstacles = {0};
    unsigned moved = 0;
    unsigned freed = evict_offered(wanted);

    if (freed < wanted)
        freed += shrink_files(wanted - freed, pass, &obstacles);
    if (freed < wanted)
        moved = shrink_anonymous(wanted - freed, pass, &obstacles.contended);
    if (freed < wanted)
        freed += vnode_cache_shrink(wanted);
    if (!freed)
        freed += drop_caches();
    if (obstacles.dirty || moved)
        write_back_hurry();
    *result = PROGRESS;
    if (!freed) {
        enum pass_result waited = wait_for_others(obstacles.dirty || moved, obstacles.contended);
        *result = moved ? PROGRESS : waited;
    }
    return freed;
}

/* As long as there is progress, some pages will be clean and unused, and be freed. A slow disk, or
 * harts that are slow to let a lock go, are no reason to give up soon: a process would be ended. */
bool reclaim_pages(unsigned wanted)
{
    uint64_t deadline = time_now() + PATIENCE;
    bool few = page_count_is_below_high();
    unsigned freed = 0, pass = 0;
    enum pass_result result;

    if (wanted < RECLAIM_BATCH)
        wanted = RECLAIM_BATCH;
    while (!freed && pass < PASSES) {
        freed = reclaim_pass(wanted, pass, &result);
        if (result == BLOCKED && few && !page_count_is_below_high())
            return true; /* others have freed enough meanwhile */
        bool last = pass + 1 == PASSES && !thread_killed();
        if (result == NOTHING || (result == BLOCKED && !(last && time_now() < deadline)))
            pass++;
    }
    return freed;
}

/* Each round takes what the one before marked as unused. */
void reclaim_files(void)
{
    uint64_t before = UINT64_MAX;
    struct obstacles obstacles = {0};

    while (page_queue_files() < before) {
        before = page_queue_files();
        for (uint64_t i = page_queue_length(QUEUE_ACTIVE); i > 0; i--)
            scan_active();
        shrink_files(UINT32_MAX, PASSES, &obstacles);
    }
}

bool reclaim_exempt_begin(void)
{
    struct thread *thread = current_thread();
    bool before = thread->frees_memory;

    thread->frees_memory = true;
    return before;
}

void reclaim_exempt_end(bool before)
{
    current_thread()->frees_memory = before;
}

/* The thread */

void reclaim_wake(void)
{
    if (__atomic_exchange_n(&woken, 1, __ATOMIC_ACQ_REL) == 0)
        wake_all(&few_free);
}

static void reclaim_thread(void *argument)
{
    (void)argument;
    reclaim_exempt_begin();
    for (;;) {
        wait_event(&few_free, __atomic_load_n(&woken, __ATOMIC_ACQUIRE));
        while (page_count_is_below_high()) {
            if (!reclaim_pages(RECLAIM_BATCH))
                thread_sleep(IDLE_WAIT, WAIT_UNINTERRUPTIBLE);
        }
        __atomic_store_n(&woken, 0, __ATOMIC_RELEASE);
    }
}

void reclaim_init(void)
{
    if (kernel_thread_start("reclaim", reclaim_thread, NULL))
        panic("no memory for the reclaim thread");
}
