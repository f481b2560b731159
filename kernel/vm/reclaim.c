/*
 * Finding frames when few are free: a clock over the pages of files.
 *
 * Pages of objects with a store are on one queue from their insertion to their removal. The
 * reclaimer takes them from the front: one used since it last looked goes to the back again; a
 * clean, idle one is unmapped everywhere and freed; a dirty one is left to the write-back thread,
 * which is hurried.
 *
 * The reclaimer runs in whoever needs a frame, who may hold locks of the file system; so it only
 * tries locks, and never calls a pager.
 */
#include "vm/reclaim.h"
#include "arch/riscv/stack.h"
#include "core/thread.h"
#include "core/time.h"
#include "fs/vnode.h"
#include "vm/back_list.h"
#include "vm/vm.h"

#define SCAN_FACTOR   8u
#define WRITE_WAIT    20000000ull /* how long to wait for writes in one call */
#define RECLAIM_BATCH 32u

static struct spinlock queue_lock = {.rank = RANK_QUEUES, .name = "reclaim queue"};
static struct list queue = LIST_INITIALIZER(queue);
static uint64_t queue_length;
static uint64_t unqueued; /* atomic */

void reclaim_insert(struct page *page)
{
    struct object *object = page->owner;

    if (object->anonymous) {
        __atomic_fetch_add(&unqueued, 1, __ATOMIC_RELAXED);
        return;
    }
    spin_lock(&queue_lock);
    list_push_back(&queue, &page->link);
    queue_length++;
    spin_unlock(&queue_lock);
}

void reclaim_remove(struct page *page)
{
    struct object *object = page->owner;

    if (object->anonymous) {
        __atomic_fetch_sub(&unqueued, 1, __ATOMIC_RELAXED);
        return;
    }
    spin_lock(&queue_lock);
    if (!list_empty(&page->link)) {
        list_remove(&page->link);
        queue_length--;
    }
    spin_unlock(&queue_lock);
}

uint64_t reclaim_unqueued(void)
{
    return __atomic_load_n(&unqueued, __ATOMIC_RELAXED);
}

uint64_t reclaim_queue_length(void)
{
    return queue_length;
}

/*
 * The page at the front, moved to the back, with references to it and its object. On the queue a
 * page is in its object's index, so both exist while the queue is locked.
 */
static struct page *next_candidate(void)
{
    struct page *page = NULL;

    spin_lock(&queue_lock);
    struct list *link = list_first(&queue);
    if (link) {
        page = container_of(link, struct page, link);
        list_remove(link);
        list_push_back(&queue, link);
        page_reference(page);
        object_reference(page->owner);
    }
    spin_unlock(&queue_lock);
    return page;
}

/* Is the page in the index, clean, and used by nobody but the index and the reclaimer? Object
 * locked. */
static bool is_idle(struct object *object, struct page *page)
{
    return radix_lookup(&object->pages, page->index) == page &&
           !page_is(page, PAGE_BUSY | PAGE_DIRTY | PAGE_WRITEBACK) &&
           __atomic_load_n(&page->references, __ATOMIC_ACQUIRE) == 2;
}

/* Free the page if it can be; true: freed. Object locked. */
static bool try_free(struct object *object, struct page *page, struct tlb_gather *gather)
{
    if (!is_idle(object, page))
        return false;
    if (page_clear(page, PAGE_REFERENCED) & PAGE_REFERENCED)
        return false;
    if (back_list_harvest(object, page->index, gather))
        return false;
    back_list_unmap(object, page->index, page->index, gather);
    object_remove_page(object, page, gather);
    return true;
}

/* MADV_COLD, MADV_PAGEOUT for one page, which is in the index. Object locked. */
static void let_go(struct object *object, struct page *page, bool drop, struct tlb_gather *gather)
{
    page_reference(page); /* as the clock has one */
    page_clear(page, PAGE_REFERENCED);
    back_list_harvest(object, page->index, gather);
    if (drop)
        try_free(object, page, gather);
    page_release(page);
}

void reclaim_object(struct object *object, uint64_t first, uint64_t last, bool drop)
{
    struct tlb_gather gather;
    uint64_t index = first;
    struct page *page;

    if (object->anonymous)
        return;
    tlb_gather_init(&gather, NULL, FLUSH_RECLAIM);
    mutex_lock(&object->lock);
    while ((page = radix_next(&object->pages, index, last, &index))) {
        let_go(object, page, drop, &gather);
        if (index++ == last)
            break;
    }
    mutex_unlock(&object->lock);
    tlb_flush(&gather);
}

/* Look at one page: 1 if it was freed, 0 if not, -1 if the queue is empty. *dirty counts pages to
 * be written. */
static int scan_one(unsigned *dirty)
{
    struct page *page = next_candidate();
    struct tlb_gather gather;
    bool freed = false;

    if (!page)
        return -1;
    struct object *object = page->owner;
    if (page_is(page, PAGE_DIRTY | PAGE_WRITEBACK))
        (*dirty)++;
    else if (mutex_trylock(&object->lock)) {
        tlb_gather_init(&gather, NULL, FLUSH_RECLAIM);
        freed = try_free(object, page, &gather);
        mutex_unlock(&object->lock);
        tlb_flush(&gather);
    }
    page_release(page);
    object_release(object);
    return freed;
}

/* One pass over up to the given number of pages; how many were freed. */
static unsigned scan(unsigned wanted, uint64_t limit, unsigned *dirty)
{
    unsigned freed = 0;

    for (uint64_t i = 0; i < limit && freed < wanted; i++) {
        int result = scan_one(dirty);
        if (result < 0)
            break;
        freed += (unsigned)result;
    }
    return freed;
}

/* Frames that are kept ready for page tables and kernel stacks. */
static unsigned drop_caches(void)
{
    uint64_t before = page_count_free();

    pmap_drop_tables();
    kernel_stacks_drop();
    return page_count_free() > before;
}

bool reclaim_pages(unsigned wanted)
{
    unsigned freed = 0;

    if (wanted < RECLAIM_BATCH)
        wanted = RECLAIM_BATCH;
    for (unsigned pass = 0; pass < 4 && !freed; pass++) {
        unsigned dirty = 0;
        freed = scan(wanted, pass < 2 ? wanted * SCAN_FACTOR : 2 * queue_length, &dirty);
        freed += vnode_cache_shrink(wanted);
        if (!freed)
            freed += drop_caches();
        if (!freed && dirty) {
            write_back_hurry();
            thread_sleep(WRITE_WAIT, WAIT_UNINTERRUPTIBLE);
        }
    }
    return freed;
}
