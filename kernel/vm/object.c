/*
 * Objects: the page cache. See object.h for the life of a page.
 *
 * A failed read leaves its page in the index with PAGE_ERROR; whoever finds it there takes it out
 * and reads anew, and those who waited for it see the error on the page itself.
 */
#include "vm/object.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/printk.h"
#include "core/thread.h"
#include "core/wait.h"
#include "lib/string.h"
#include "vm/back_list.h"
#include "vm/commit.h"
#include "vm/page_queue.h"
#include "vm/vm.h"

#define READ_AHEAD_INITIAL 4u
#define READ_AHEAD_MAX     64u
#define ADVISED_MAX        1024u /* pages that one advice may bring in, as Linux has such a limit */

void object_init(struct object *object, const struct pager *pager, uint64_t size)
{
    memset(object, 0, sizeof(*object));
    mutex_init(&object->lock, "object", RANK_OBJECT);
    radix_init(&object->pages);
    radix_init(&object->swapped);
    list_init(&object->swapped_link);
    wait_queue_init(&object->written, "object written");
    back_list_init(object);
    list_init(&object->dirty_link);
    object->pager = pager;
    object->size = size;
    object->references = 1;
    object->anonymous = pager && pager->get == anonymous_pager.get;
}

void object_reference(struct object *object)
{
    __atomic_fetch_add(&object->references, 1, __ATOMIC_RELAXED);
}

bool object_try_reference(struct object *object)
{
    uint64_t count = __atomic_load_n(&object->references, __ATOMIC_RELAXED);

    while (count && !__atomic_compare_exchange_n(&object->references, &count, count + 1, true,
                                                 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        ;
    return count;
}

void object_release(struct object *object)
{
    if (__atomic_fetch_sub(&object->references, 1, __ATOMIC_ACQ_REL) == 1)
        object->pager->release(object);
}

/* One page more in the index: false: the quota is used up. */
static bool charge(struct object *object)
{
    struct page_quota *quota = object->quota;

    if (!quota)
        return true;
    if (__atomic_add_fetch(&quota->used, 1, __ATOMIC_RELAXED) <=
        __atomic_load_n(&quota->limit, __ATOMIC_RELAXED)) {
        commit_change(1);
        return true;
    }
    __atomic_fetch_sub(&quota->used, 1, __ATOMIC_RELAXED);
    return false;
}

void object_uncharge(struct object *object)
{
    if (!object->quota)
        return;
    __atomic_fetch_sub(&object->quota->used, 1, __ATOMIC_RELAXED);
    commit_change(-1);
}

void object_forget_page(struct object *object, struct page *page)
{
    radix_remove(&object->pages, page->index);
    page_queue_remove(page);
    object_uncharge(object);
    if ((page_clear(page, PAGE_DIRTY | PAGE_SWAP) & PAGE_DIRTY) && !object->anonymous) {
        write_back_count(-1);
        current_thread()->traffic.cancelled += PAGE_SIZE;
    }
}

/* Take the first page out of the index, waiting until nobody reads or writes it; false: there is
 * none. */
static bool drop_first_page(struct object *object)
{
    uint64_t index;

    mutex_lock(&object->lock);
    struct page *page = radix_next(&object->pages, 0, UINT64_MAX, &index);
    if (page && !page_is(page, PAGE_BUSY | PAGE_WRITEBACK)) {
        object_forget_page(object, page);
    } else if (page) {
        page_reference(page);
    }
    mutex_unlock(&object->lock);
    if (!page)
        return false;
    page_wait(page, PAGE_BUSY | PAGE_WRITEBACK);
    page_release(page);
    return true;
}

void object_destroy(struct object *object)
{
    assert(!object->regions.root);
    write_back_forget(object);
    while (drop_first_page(object))
        ;
    object_forget_swapped(object);
    /* The reclaimer may hold a reference that it took while a page was still on its queue. */
    while (__atomic_load_n(&object->references, __ATOMIC_ACQUIRE) > 1)
        thread_yield();
}

void object_remove_page(struct object *object, struct page *page, struct tlb_gather *gather)
{
    object_forget_page(object, page);
    tlb_gather_page(gather, page);
}

/* Take a page whose read failed out of the index: it was never mapped. Object locked. */
static void drop_failed_page(struct object *object, struct page *page)
{
    object_forget_page(object, page);
    page_release(page);
}

/* The page at index, referenced, if it is there and valid, else NULL. Object locked. */
static inline struct page *find_valid(struct object *object, uint64_t index)
{
    struct page *page = radix_lookup(&object->pages, index);
    uint32_t flags = page ? page_flags(page) : PAGE_BUSY;

    if (flags & (PAGE_BUSY | PAGE_ERROR))
        return NULL;
    page_queue_used(page, flags, index != object->last_found);
    object->last_found = index;
    page_reference(page);
    return page;
}

struct page *object_find_page(struct object *object, uint64_t index, struct page **busy)
{
    struct page *valid = find_valid(object, index), *page;

    *busy = NULL;
    if (valid)
        return valid;
    page = radix_lookup(&object->pages, index);
    if (page && (page_flags(page) & (PAGE_BUSY | PAGE_ERROR)) == PAGE_ERROR) {
        drop_failed_page(object, page);
    } else if (page) {
        page_reference(page); /* if its filler is done by now, there is no wait */
        *busy = page;
    }
    return NULL;
}

/* How many pages to read from index on: doubles while the reads are sequential. The reserve of
 * those who free memory is not for pages that nobody asked for. Object locked. */
static unsigned read_ahead_window(struct object *object, uint64_t index)
{
    uint64_t pages = object_pages(object);
    uint64_t window;

    if (object->anonymous || current_thread()->frees_memory)
        return 1;
    if (index == object->read_ahead_next && object->read_ahead_size)
        window = object->read_ahead_size * 2;
    else
        window = READ_AHEAD_INITIAL;
    if (window > READ_AHEAD_MAX)
        window = READ_AHEAD_MAX;
    object->read_ahead_size = window;
    if (index + window > pages)
        window = pages > index ? pages - index : 1;
    object->read_ahead_next = index + window;
    return (unsigned)window;
}

/* Insert a new BUSY page at index with references for the index and the pager: 0, -EEXIST, -ENOMEM,
 * -ENOSPC. Object locked. */
static int insert_busy(struct object *object, uint64_t index, struct page *page)
{
    page->owner = object;
    page->index = index;
    int error = radix_insert(&object->pages, index, page);
    if (error)
        return error;
    if (!charge(object)) {
        radix_remove(&object->pages, index);
        return -ENOSPC;
    }
    page_set(page, PAGE_BUSY); /* the object's lock keeps it from sight until then */
    page_reference(page);
    page_queue_insert(page);
    return 0;
}

/* Insert pages behind the first as far as the window, memory and absence allow. Object locked. */
static unsigned insert_ahead(struct object *object, uint64_t index, unsigned window,
                             struct page **pages)
{
    unsigned count = 1;

    while (count < window && !radix_lookup(&object->pages, index + count)) {
        struct page *page = page_allocate(0, PAGE_NOWAIT | PAGE_USER);
        if (!page)
            break;
        if (insert_busy(object, index + count, page)) {
            page_release(page);
            break;
        }
        pages[count++] = page;
    }
    return count;
}

int object_start_read(struct object *object, uint64_t index, struct page **page)
{
    struct page *pages[READ_AHEAD_MAX];
    unsigned count = 0;
    struct page *first = page_allocate(0, 0);

    if (!first)
        return -ENOMEM;
    mutex_lock(&object->lock);
    int error = insert_busy(object, index, first);
    if (!error) {
        page_reference(first);
        pages[0] = first;
        count = insert_ahead(object, index, read_ahead_window(object, index), pages);
    } else if (error == -EEXIST) {
        *page = radix_lookup(&object->pages, index);
        page_reference(*page);
    }
    mutex_unlock(&object->lock);
    if (!error) {
        object->pager->get(object, pages, count);
        *page = first;
        return 0;
    }
    page_release(first);
    return error == -EEXIST ? 0 : error;
}

/* The first page from *index on, up to last, that the store has and memory has not; what shared
 * memory has is in swap areas. */
static bool find_needed(struct object *object, uint64_t *index, uint64_t last)
{
    uint64_t pages = object_pages(object);

    mutex_lock(&object->lock);
    bool found = object->anonymous && radix_next(&object->swapped, *index, last, index);
    if (!object->anonymous) {
        while (*index <= last && *index < pages && radix_lookup(&object->pages, *index))
            ++*index;
        found = *index <= last && *index < pages;
    }
    mutex_unlock(&object->lock);
    return found;
}

void object_will_need(struct object *object, uint64_t first, uint64_t last)
{
    uint64_t index = first;
    struct page *page;

    if (!object->anonymous && last - first >= ADVISED_MAX)
        last = first + ADVISED_MAX - 1;
    while (find_needed(object, &index, last) && !thread_killed()) {
        if (object_start_read(object, index, &page))
            return;
        page_release(page);
        if (index++ == last)
            return;
    }
}

/* object_get_page of a page that was not there, or not valid. */
static __attribute__((noinline)) int wait_for_page(struct object *object, uint64_t index,
                                                   struct page **page)
{
    struct page *busy;

    for (;;) {
        mutex_lock(&object->lock);
        *page = object_find_page(object, index, &busy);
        mutex_unlock(&object->lock);
        if (*page)
            return 0;
        if (!busy) {
            int error = object_start_read(object, index, &busy);
            if (error)
                return error;
        }
        page_wait(busy, PAGE_BUSY);
        bool failed = page_is(busy, PAGE_ERROR);
        page_release(busy);
        if (failed)
            return -EIO;
    }
}

int object_get_page(struct object *object, uint64_t index, struct page **page)
{
    mutex_lock(&object->lock);
    *page = find_valid(object, index);
    mutex_unlock(&object->lock);
    return *page ? 0 : wait_for_page(object, index, page);
}

unsigned object_find_pages(struct object *object, uint64_t first, unsigned count,
                           struct page **pages)
{
    unsigned found = 0;

    mutex_lock(&object->lock);
    while (found < count && (pages[found] = find_valid(object, first + found)))
        found++;
    mutex_unlock(&object->lock);
    return found;
}

int object_get_page_to_fill(struct object *object, uint64_t index, struct page **page, bool *fresh)
{
    struct page *busy, *new_page;

    *fresh = false;
    mutex_lock(&object->lock);
    *page = object_find_page(object, index, &busy);
    mutex_unlock(&object->lock);
    if (*page)
        return 0;
    if (busy) {
        page_release(busy);
        return object_get_page(object, index, page);
    }
    new_page = page_allocate(0, 0);
    if (!new_page)
        return -ENOMEM;
    mutex_lock(&object->lock);
    /* A page in a swap area is brought back, so that its entry goes. */
    int error =
        radix_lookup(&object->swapped, index) ? -EEXIST : insert_busy(object, index, new_page);
    if (!error)
        page_reference(new_page);
    mutex_unlock(&object->lock);
    if (!error) {
        *page = new_page;
        *fresh = true;
        return 0;
    }
    page_release(new_page);
    return error == -EEXIST ? object_get_page(object, index, page) : error;
}

int object_supply(struct object *object, uint64_t index, const struct page *source)
{
    struct page *page = page_allocate(0, 0);
    int error = -EEXIST;

    if (!page)
        return -ENOMEM;
    page_copy(page_data(page), page_data(source));
    mutex_lock(&object->lock);
    if (index >= object_pages(object))
        error = -EFAULT;
    else if (!radix_lookup(&object->swapped, index))
        error = insert_busy(object, index, page);
    if (!error) {
        page_set(page, PAGE_BACKED);
        object_dirty_locked(object, page);
    }
    mutex_unlock(&object->lock);
    if (error)
        page_release(page);
    else
        object_page_filled(object, page, 0);
    return error;
}

void object_page_filled(struct object *object, struct page *page, int error)
{
    (void)object;
    if (error)
        page_set(page, PAGE_ERROR);
    page_clear(page, PAGE_CODE);
    page_finish(page, PAGE_BUSY);
    page_release(page);
}

bool object_dirty_locked(struct object *object, struct page *page)
{
    if (page_is(page, PAGE_CODE))
        page_clear(page, PAGE_CODE);
    if (page_is(page, PAGE_DIRTY))
        return false;
    page_set(page, PAGE_DIRTY);
    radix_tag(&object->pages, page->index);
    if (!object->anonymous) {
        write_back_count(1);
        write_back_note_dirty(object);
        current_thread()->traffic.dirtied += PAGE_SIZE;
    }
    return true;
}

void object_dirty_page(struct object *object, struct page *page, uint32_t block_flags)
{
    mutex_lock(&object->lock);
    /* It may have been truncated meanwhile: then its contents no longer matter. */
    if (radix_lookup(&object->pages, page->index) == page) {
        page->block_flags |= block_flags;
        object_dirty_locked(object, page);
    }
    mutex_unlock(&object->lock);
}

bool object_next_dirty(struct object *object, uint64_t first, uint64_t last, uint64_t *index)
{
    mutex_lock(&object->lock);
    uint64_t swapped;
    bool found = radix_next_tagged(&object->pages, first, last, index);
    if (radix_next(&object->swapped, first, last, &swapped) && (!found || swapped < *index)) {
        *index = swapped;
        found = true;
    }
    mutex_unlock(&object->lock);
    return found;
}

uint64_t object_resident(const struct object *object)
{
    return object->pages.count;
}

uint64_t object_stored(const struct object *object)
{
    return object->pages.count + object->swapped.count;
}

/* How many entries there are of keys [first, end). */
static uint64_t count_entries(const struct radix *radix, uint64_t first, uint64_t end)
{
    uint64_t count = 0;

    while (first < end && radix_next(radix, first, end - 1, &first)) {
        count++;
        first++;
    }
    return count;
}

uint64_t object_stored_range(struct object *object, uint64_t first, uint64_t end)
{
    mutex_lock(&object->lock);
    uint64_t count =
        count_entries(&object->pages, first, end) + count_entries(&object->swapped, first, end);
    mutex_unlock(&object->lock);
    return count;
}

uint32_t object_error_sample(const struct object *object)
{
    uint32_t sequence = __atomic_load_n(&object->error_sequence, __ATOMIC_ACQUIRE);
    bool told = __atomic_load_n(&object->error_reported, __ATOMIC_RELAXED) == sequence;

    return told ? sequence : sequence - 1;
}

int object_error_check(struct object *object, uint32_t *seen)
{
    uint32_t sequence = __atomic_load_n(&object->error_sequence, __ATOMIC_ACQUIRE);

    if (sequence == *seen)
        return 0;
    *seen = sequence;
    __atomic_store_n(&object->error_reported, sequence, __ATOMIC_RELAXED);
    return __atomic_load_n(&object->error, __ATOMIC_RELAXED);
}
