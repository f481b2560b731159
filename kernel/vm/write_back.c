/*
 * Writing dirty pages to the store.
 *
 *   collect   under the object's lock a run of dirty pages becomes WRITEBACK, write-protected
 *   flush     no hart can store to them unseen any more
 *   put       the pager writes them; a store from now on faults and makes the page dirty again
 *
 * Objects with dirty pages are on one list, oldest first, each with a reference of the list. The
 * write-back thread wakes up every WAKE_INTERVAL and writes what has been dirty for longer than
 * DIRTY_AGE. Who makes pages dirty, by write(2) or in a mapping, waits when too many are.
 */
#include "abi/errno.h"
#include "core/printk.h"
#include "core/thread.h"
#include "core/time.h"
#include "fs/vnode.h"
#include "vm/back_list.h"
#include "vm/page_queue.h"
#include "vm/reclaim.h"
#include "vm/vm.h"

#define RUN_MAX       32u
#define WAKE_INTERVAL 1000000000ull
#define DIRTY_AGE     5000000000ull

#define DIRTY_SHARE     5u          /* a fifth of free and cached pages may be dirty, as on Linux */
#define DIRTY_MIN       64u         /* ... and so many more */
#define THROTTLE_WAIT   10000000ull /* nanoseconds */
#define THROTTLE_ROUNDS 100u        /* a disk that does not write must not stop writers for ever */

static struct spinlock dirty_lock;
static struct list dirty_objects = LIST_INITIALIZER(dirty_objects);
static struct wait_queue write_back_queue;
static uint32_t hurry;         /* atomic */
static uint64_t writing_total; /* atomic: pages in WRITEBACK */
static struct wait_queue all_written;
static uint64_t written_total; /* atomic: pages, so far */
static struct wait_queue some_written;
static int64_t dirty_total;    /* atomic: dirty pages of objects with a store */
static struct mutex pass_lock; /* one pass over the dirty objects at a time */

void write_back_note_dirty(struct object *object)
{
    if (!list_empty(&object->dirty_link))
        return;
    spin_lock(&dirty_lock);
    if (list_empty(&object->dirty_link)) {
        object_reference(object);
        object->dirty_since = time_now();
        list_push_back(&dirty_objects, &object->dirty_link);
    }
    spin_unlock(&dirty_lock);
}

void write_back_forget(struct object *object)
{
    spin_lock(&dirty_lock);
    bool listed = !list_empty(&object->dirty_link);
    if (listed)
        list_remove(&object->dirty_link);
    spin_unlock(&dirty_lock);
    if (listed)
        __atomic_fetch_sub(&object->references, 1, __ATOMIC_ACQ_REL);
}

/* The next dirty page of [first, last] that can be written now; waits for writes in flight if told
 * to. Object locked on entry and return, unlocked in between. */
static struct page *next_dirty(struct object *object, uint64_t first, uint64_t last, bool wait)
{
    struct page *page;
    uint64_t index = first;

    while ((page = radix_next_tagged(&object->pages, index, last, &index))) {
        if (!page_is(page, PAGE_WRITEBACK))
            return page;
        if (wait) {
            page_reference(page);
            mutex_unlock(&object->lock);
            page_wait(page, PAGE_WRITEBACK);
            page_release(page);
            mutex_lock(&object->lock);
        } else if (index++ == last) {
            break;
        }
    }
    return NULL;
}

static void begin_write(struct object *object, struct page *page)
{
    page_reference(page);
    page_set(page, PAGE_WRITEBACK);
    page_clear(page, PAGE_DIRTY);
    if (!object->anonymous)
        write_back_count(-1);
    radix_untag(&object->pages, page->index);
    __atomic_fetch_add(&object->writing, 1, __ATOMIC_ACQ_REL);
    __atomic_fetch_add(&writing_total, 1, __ATOMIC_ACQ_REL);
}

/*
 * Collect a run of consecutive dirty pages of [first, last], at most RUN_MAX, and write-protect it:
 * how many, 0 when there are none.
 */
static unsigned collect_run(struct object *object, uint64_t first, uint64_t last, bool wait,
                            struct page **pages)
{
    struct tlb_gather gather;
    unsigned count = 0;

    tlb_gather_init(&gather, NULL, FLUSH_CLEAN);
    mutex_lock(&object->lock);
    struct page *page = next_dirty(object, first, last, wait);
    while (page && count < RUN_MAX && page_is(page, PAGE_DIRTY) && !page_is(page, PAGE_WRITEBACK)) {
        pages[count++] = page;
        begin_write(object, page);
        page = page->index < last ? radix_lookup(&object->pages, page->index + 1) : NULL;
    }
    if (count)
        back_list_write_protect(object, pages[0]->index, pages[count - 1]->index, &gather);
    mutex_unlock(&object->lock);
    tlb_flush(&gather);
    return count;
}

void object_page_written(struct object *object, struct page *page, int error)
{
    if (error) {
        __atomic_store_n(&object->error, error, __ATOMIC_RELAXED);
        __atomic_fetch_add(&object->error_sequence, 1, __ATOMIC_RELEASE);
    }
    if (error && page_is(page, PAGE_SWAP)) { /* there is no other copy: it stays in memory */
        page_set(page, PAGE_DIRTY);
        write_back_count(1);
    }
    if (__atomic_sub_fetch(&object->writing, 1, __ATOMIC_ACQ_REL) == 0)
        wake_all(&object->written);
    if (__atomic_sub_fetch(&writing_total, 1, __ATOMIC_ACQ_REL) == 0)
        wake_all(&all_written);
    __atomic_fetch_add(&written_total, 1, __ATOMIC_RELEASE);
    wake_all(&some_written);
    /* Last: object_destroy waits for this flag, and then the object may go. */
    page_finish(page, PAGE_WRITEBACK);
    page_release(page);
}

int object_write_back(struct object *object, uint64_t start, uint64_t end, bool wait)
{
    uint32_t before = __atomic_load_n(&object->error_sequence, __ATOMIC_ACQUIRE);
    uint64_t index = start >> PAGE_SHIFT, last = (end - 1) >> PAGE_SHIFT;
    struct page *pages[RUN_MAX];
    unsigned count;

    if (start >= end || object->anonymous)
        return 0;
    while (index <= last && (count = collect_run(object, index, last, wait, pages)) > 0) {
        index = pages[count - 1]->index + 1;
        object->pager->put(object, pages, count);
        if (index == 0)
            break;
    }
    if (!wait)
        return 0;
    wait_event(&object->written, __atomic_load_n(&object->writing, __ATOMIC_ACQUIRE) == 0);
    /* Whoever asked is told now; the open files are told all the same. */
    return __atomic_load_n(&object->error_sequence, __ATOMIC_ACQUIRE) == before
               ? 0
               : __atomic_load_n(&object->error, __ATOMIC_RELAXED);
}

/* Take the object off the list of dirty ones if it has no dirty page left; the list's reference
 * goes. */
static void unlist_if_clean(struct object *object)
{
    uint64_t index;

    mutex_lock(&object->lock);
    bool clean = !radix_next_tagged(&object->pages, 0, UINT64_MAX, &index);
    if (clean)
        write_back_forget(object);
    mutex_unlock(&object->lock);
}

/* The oldest dirty object that became dirty before the time, moved to the end of the list,
 * referenced. */
static struct object *oldest_dirty(uint64_t before)
{
    struct object *object = NULL;

    spin_lock(&dirty_lock);
    struct list *link = list_first(&dirty_objects);
    if (link) {
        object = container_of(link, struct object, dirty_link);
        if (object->dirty_since <= before) {
            object_reference(object);
            object->dirty_since = time_now();
            list_remove(link);
            list_push_back(&dirty_objects, link);
        } else {
            object = NULL;
        }
    }
    spin_unlock(&dirty_lock);
    return object;
}

/* Begin to write what has been dirty since before the time. */
static void write_back_old(uint64_t before)
{
    struct object *object;

    mutex_lock(&pass_lock);
    while ((object = oldest_dirty(before))) {
        object_write_back(object, 0, UINT64_MAX, false);
        unlist_if_clean(object);
        object_release(object);
    }
    mutex_unlock(&pass_lock);
}

void object_write_back_all(bool wait)
{
    write_back_old(time_now());
    if (wait)
        wait_event(&all_written, __atomic_load_n(&writing_total, __ATOMIC_ACQUIRE) == 0);
}

void write_back_hurry(void)
{
    __atomic_store_n(&hurry, 1, __ATOMIC_RELEASE);
    wake_all(&write_back_queue);
}

bool write_back_wait(uint64_t nanoseconds)
{
    uint64_t before = __atomic_load_n(&written_total, __ATOMIC_ACQUIRE);

    if (!write_back_dirty() && !__atomic_load_n(&writing_total, __ATOMIC_ACQUIRE))
        return false;

    return wait_event_until(&some_written,
                            __atomic_load_n(&written_total, __ATOMIC_ACQUIRE) != before,
                            WAIT_UNINTERRUPTIBLE, time_now() + nanoseconds) == 0;
}

void write_back_count(int change)
{
    __atomic_fetch_add(&dirty_total, change, __ATOMIC_RELAXED);
}

uint64_t write_back_dirty(void)
{
    int64_t dirty = __atomic_load_n(&dirty_total, __ATOMIC_RELAXED);
    return dirty > 0 ? (uint64_t)dirty : 0;
}

uint64_t write_back_writing(void)
{
    return __atomic_load_n(&writing_total, __ATOMIC_RELAXED);
}

static uint64_t count_unwritten(void)
{
    return write_back_dirty() + write_back_writing();
}

/* Half of what a writer may use up before it has to wait is written in the background. */
void write_back_throttle(void)
{
    if (count_unwritten() <= DIRTY_MIN / 2)
        return;
    uint64_t limit = DIRTY_MIN + (page_count_free() + page_queue_files()) / DIRTY_SHARE;
    if (count_unwritten() > limit / 2)
        write_back_hurry();
    for (unsigned i = 0; i < THROTTLE_ROUNDS && count_unwritten() > limit && !thread_killed(); i++)
        write_back_wait(THROTTLE_WAIT);
}

static void write_back_thread(void *argument)
{
    (void)argument;
    reclaim_exempt_begin();
    for (;;) {
        wait_event_until(&write_back_queue, __atomic_load_n(&hurry, __ATOMIC_ACQUIRE),
                         WAIT_UNINTERRUPTIBLE, time_now() + WAKE_INTERVAL);
        uint32_t now = __atomic_exchange_n(&hurry, 0, __ATOMIC_ACQ_REL);
        uint64_t time = time_now();
        vnode_write_back_all(false);
        if (now)
            write_back_old(time);
        else if (time > DIRTY_AGE)
            write_back_old(time - DIRTY_AGE);
    }
}

void write_back_init(void)
{
    spin_init(&dirty_lock, "dirty objects", RANK_QUEUES);
    mutex_init(&pass_lock, "write-back pass", RANK_NONE);
    wait_queue_init(&write_back_queue, "write-back");
    wait_queue_init(&all_written, "all written");
    wait_queue_init(&some_written, "some written");
    if (kernel_thread_start("write-back", write_back_thread, NULL))
        panic("no memory for the write-back thread");
}
