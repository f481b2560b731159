/*
 * Finding frames when few are free.
 *
 * A page of an object is on one of three queues, from its insertion to its removal:
 *
 *             used again, or mapped and used twice
 *   inactive ------------------------------------> active      pages of files and disks
 *      |     <------------------------------------
 *      |          not used since it was last seen
 *      v
 *    freed, if clean and idle; a dirty one is written first    anonymous: shared memory, tmpfs
 *
 * New pages are inactive, and what is read once goes from there, so a long sequential read does not
 * push out what is used again and again. The active queue gives its oldest pages back while it is
 * the longer one. Private anonymous pages are on no queue: evict.c finds them by way of the address
 * spaces, when there is room in the swap areas, as it does those of the anonymous queue. Before all
 * others go those that a program has offered with MADV_FREE.
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
#include "vm/vm.h"

#define SCAN_FACTOR   8u
#define PASSES        6u
#define WRITE_WAIT    200000000ull   /* nanoseconds: how long to wait for a write in one pass */
#define LOCK_WAIT     10000000ull    /* ... for those who hold a lock */
#define PATIENCE      10000000000ull /* ... altogether, for writes in flight and locks to be let go */
#define IDLE_WAIT     100000000ull   /* ... for anything to change, when nothing could be freed */
#define RECLAIM_BATCH 32u

struct queue {
    struct list pages; /* the oldest first */
    uint64_t length;
};

static struct spinlock queue_lock = {.rank = RANK_QUEUES, .name = "reclaim queues"};
static struct queue inactive = {.pages = LIST_INITIALIZER(inactive.pages)};
static struct queue active = {.pages = LIST_INITIALIZER(active.pages)};
static struct queue anonymous = {.pages = LIST_INITIALIZER(anonymous.pages)};

/* The reclaim thread sleeps here; it may be woken before it exists. */
static struct wait_queue few_free = {.lock = {.rank = RANK_WAIT, .name = "reclaim"},
                                     .waiters = LIST_INITIALIZER(few_free.waiters)};
static uint32_t woken; /* atomic */

/* The queues; all with queue_lock held */

static struct queue *queue_of(const struct page *page)
{
    const struct object *object = page->owner;

    if (object->anonymous)
        return &anonymous;
    return page_is(page, PAGE_ACTIVE) ? &active : &inactive;
}

static void push(struct page *page)
{
    struct queue *queue = queue_of(page);

    list_push_back(&queue->pages, &page->link);
    queue->length++;
}

static void take_out(struct page *page)
{
    list_remove(&page->link);
    queue_of(page)->length--;
}

void reclaim_insert(struct page *page)
{
    spin_lock(&queue_lock);
    push(page);
    spin_unlock(&queue_lock);
}

void reclaim_remove(struct page *page)
{
    spin_lock(&queue_lock);
    if (!list_empty(&page->link))
        take_out(page);
    page_clear(page, PAGE_ACTIVE);
    spin_unlock(&queue_lock);
}

/* Put the page on the active queue, or back on the inactive one. The object is locked, so that the
 * page stays in its index. */
static void move(struct page *page, bool to_active)
{
    spin_lock(&queue_lock);
    take_out(page);
    if (to_active)
        page_set(page, PAGE_ACTIVE);
    else
        page_clear(page, PAGE_ACTIVE);
    push(page);
    spin_unlock(&queue_lock);
}

void reclaim_count(struct reclaim_counts *counts)
{
    counts->active = __atomic_load_n(&active.length, __ATOMIC_RELAXED);
    counts->inactive = __atomic_load_n(&inactive.length, __ATOMIC_RELAXED);
    counts->shared = __atomic_load_n(&anonymous.length, __ATOMIC_RELAXED);
}

uint64_t reclaim_queue_length(void)
{
    struct reclaim_counts counts;

    reclaim_count(&counts);
    return counts.active + counts.inactive;
}

/*
 * The page at the front, moved to the back, with references to it and its object. On a queue a page
 * is in its object's index, so both exist while the queues are locked; later it may have another
 * owner.
 */
static struct page *next_candidate(struct queue *queue, struct object **object)
{
    struct page *page = NULL;

    spin_lock(&queue_lock);
    for (uint64_t left = queue->length; !page && left > 0; left--) {
        struct list *link = list_first(&queue->pages);
        list_remove(link);
        list_push_back(&queue->pages, link);
        *object = container_of(link, struct page, link)->owner;
        if (object_try_reference(*object)) { /* else it is being taken apart */
            page = container_of(link, struct page, link);
            page_reference(page);
        }
    }
    spin_unlock(&queue_lock);
    return page;
}

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
        move(page, true);
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
        move(page, false);
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

/* How many of count pages a pass looks at: all of them, twice, when the first passes were in vain.
 */
static uint64_t scan_limit(unsigned wanted, unsigned pass, uint64_t count)
{
    return pass < 2 ? wanted * SCAN_FACTOR : 2 * count;
}

/* Look at the next inactive page: 1 if it was freed, 0 if not, -1 if there is none. *dirty counts
 * pages to be written. */
static int scan_inactive(unsigned *dirty)
{
    struct object *object;
    struct page *page = next_candidate(&inactive, &object);
    struct tlb_gather gather;
    bool freed = false;

    if (!page)
        return -1;
    if (page_is(page, PAGE_DIRTY | PAGE_WRITEBACK)) {
        (*dirty)++;
    } else if (mutex_trylock(&object->lock)) {
        tlb_gather_init(&gather, NULL, FLUSH_RECLAIM);
        freed = try_free(object, page, &gather);
        mutex_unlock(&object->lock);
        tlb_flush(&gather);
    }
    release_candidate(page, object);
    return freed;
}

/* Look at the next active page: it becomes inactive if it was not used lately. */
static void scan_active(void)
{
    struct object *object;
    struct page *page = next_candidate(&active, &object);
    struct tlb_gather gather;

    if (!page)
        return;
    if (mutex_trylock(&object->lock)) {
        tlb_gather_init(&gather, NULL, FLUSH_RECLAIM);
        if (is_current(object, page) && !page_is(page, PAGE_BUSY)) {
            bool mapped = back_list_harvest(object, page->index, &gather);
            uint32_t used = page_clear(page, PAGE_REFERENCED | PAGE_REUSED);
            if (!mapped && !(used & (PAGE_REFERENCED | PAGE_REUSED)))
                move(page, false);
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
    if (step > active.length)
        step = active.length;
    for (uint64_t i = 0; i < step && active.length > inactive.length; i++)
        scan_active();
}

/* Look at up to limit inactive pages, to free so many: how many were. */
static unsigned shrink_files(unsigned wanted, uint64_t limit, unsigned *dirty)
{
    unsigned freed = 0;

    balance(2ul * wanted);
    for (uint64_t i = 0; i < limit && freed < wanted; i++) {
        int result = scan_inactive(dirty);
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
        struct page *page = next_candidate(&anonymous, &object);
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
    uint64_t others = page_count_free() + reclaim_queue_length() + anonymous.length;

    return page_count_total() > others ? page_count_total() - others : 0;
}

/* Move anonymous pages to swap areas, to be written there and then freed: how many. Of what is
 * wanted, in the first pass, the part is asked of each kind that it has in memory. */
static unsigned shrink_anonymous(unsigned wanted, unsigned pass, bool *contended)
{
    uint64_t private = count_private(), total = page_count_total();
    unsigned of_private = wanted, of_shared = wanted;

    if (!evict_is_possible())
        return 0;
    if (pass == 0) {
        of_private = (unsigned)(wanted * private / total);
        of_shared = (unsigned)(wanted * anonymous.length / total);
    }
    return evict_private(of_private, scan_limit(wanted, pass, private), contended) +
           shrink_shared(of_shared, scan_limit(wanted, pass, anonymous.length));
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
    unsigned dirty = 0, moved = 0;
    bool contended = false;
    unsigned freed = evict_offered(wanted);

    if (freed < wanted)
        freed += shrink_files(wanted - freed, scan_limit(wanted, pass, inactive.length), &dirty);
    if (freed < wanted)
        moved = shrink_anonymous(wanted - freed, pass, &contended);
    if (freed < wanted)
        freed += vnode_cache_shrink(wanted);
    if (!freed)
        freed += drop_caches();
    if (dirty || moved)
        write_back_hurry();
    *result = PROGRESS;
    if (!freed) {
        enum pass_result waited = wait_for_others(dirty || moved, contended);
        *result = moved ? PROGRESS : waited;
    }
    return freed;
}

/* As long as there is progress, some pages will be clean and unused, and be freed. A slow disk, or
 * harts that are slow to let a lock go, are no reason to give up soon: a process would be ended. */
bool reclaim_pages(unsigned wanted)
{
    uint64_t deadline = time_now() + PATIENCE;
    unsigned freed = 0, pass = 0;
    enum pass_result result;

    if (wanted < RECLAIM_BATCH)
        wanted = RECLAIM_BATCH;
    while (!freed && pass < PASSES) {
        freed = reclaim_pass(wanted, pass, &result);
        bool last = pass + 1 == PASSES;
        if (result == NOTHING || (result == BLOCKED && !(last && time_now() < deadline)))
            pass++;
    }
    return freed;
}

/* Each round takes what the one before marked as unused. */
void reclaim_files(void)
{
    uint64_t before = UINT64_MAX;
    unsigned dirty = 0;

    while (reclaim_queue_length() < before) {
        before = reclaim_queue_length();
        for (uint64_t i = active.length; i > 0; i--)
            scan_active();
        shrink_files(UINT32_MAX, 2 * inactive.length, &dirty);
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
