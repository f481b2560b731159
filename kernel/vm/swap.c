/*
 * Anonymous pages go to slots of swap areas, and come back; see swap.h, and swap_area.h for what
 * swap_lock covers.
 */
#include "vm/swap.h"
#include "abi/errno.h"
#include "vm/page_queue.h"
#include "vm/swap_area.h"
#include "vm/vm.h"

#define AREA_BITS 5
#define TRIES     64u /* slots to try when rubbish in flight is in the way */

uint64_t swap_pages_in, swap_pages_out;

/* Entries */

static void *make_entry_of(const struct swap_area *area, uint64_t slot)
{
    uint64_t number = slot << AREA_BITS | (uint64_t)(area - swap_areas);
    return (void *)(number << 1 | 1);
}

static struct swap_area *area_of(const void *entry)
{
    return &swap_areas[(uintptr_t)entry >> 1 & ((1u << AREA_BITS) - 1)];
}

static uint64_t slot_of(const void *entry)
{
    return (uintptr_t)entry >> (AREA_BITS + 1);
}

/* Put page into the object at slot: 0, -EAGAIN (rubbish in flight is in the way), -ENOMEM. */
static int insert_page(struct object *object, uint64_t slot, struct page *page)
{
    int error = -EAGAIN;

    mutex_lock(&object->lock);
    if (swap_slot_clear(object, slot))
        error = radix_insert(&object->pages, slot, page);
    if (!error) {
        page_reference(page);
        page->owner = object;
        page->index = slot;
        page->block_flags = UINT32_MAX;
        page_clear(page, PAGE_DIRTY | PAGE_REFERENCED | PAGE_REUSED);
        page_set(page, PAGE_SWAP | PAGE_BACKED);
        page_queue_insert(page);
        object_dirty_locked(object, page);
    }
    mutex_unlock(&object->lock);
    return error;
}

/* Out */

/* Find a slot for page and put it there. swap_lock held. */
static int put_somewhere(struct page *page, void **entry)
{
    int error = -EAGAIN;

    for (unsigned i = 0; i < TRIES && error == -EAGAIN; i++) {
        struct swap_area *area = swap_area_choose();
        uint64_t slot;
        if (!area || !swap_slot_take(area, &slot))
            return -ENOSPC;
        error = insert_page(area->object, slot, page);
        if (error)
            swap_slot_free(area, slot);
        else
            *entry = make_entry_of(area, slot);
    }
    return error == -EAGAIN ? -ENOSPC : error;
}

/* Another amap has moved the page to its slot already: one entry more for that; false: no entry
 * names the slot any more. swap_lock held. */
static bool join_slot(const struct page *page, void **entry)
{
    struct swap_area *area = swap_area_find(page->owner);
    uint32_t *count = swap_slot_count(area, page->index);

    if (*count == 0)
        return false;
    ++*count;
    *entry = make_entry_of(area, page->index);
    return true;
}

/* Take a page from a slot that became free while the page was in flight; false: it still is.
 * swap_lock held. */
static bool leave_slot(struct page *page)
{
    struct object *object = page->owner;

    mutex_lock(&object->lock);
    bool left = swap_slot_clear(object, page->index);
    mutex_unlock(&object->lock);
    return left;
}

int swap_out(struct page *page, void **entry)
{
    int error = 0;

    mutex_lock(&swap_lock);
    if (!page_is(page, PAGE_SWAP))
        error = put_somewhere(page, entry);
    else if (!join_slot(page, entry))
        error = leave_slot(page) ? put_somewhere(page, entry) : -EAGAIN;
    mutex_unlock(&swap_lock);
    if (!error)
        __atomic_fetch_add(&swap_pages_out, 1, __ATOMIC_RELAXED);
    return error;
}

/* As swap_slot_take, for one with nothing in flight. swap_lock held. */
static bool reserve_slot(struct swap_area *area, uint64_t *slot)
{
    if (!swap_slot_take(area, slot))
        return false;
    mutex_lock(&area->object->lock);
    bool clear = swap_slot_clear(area->object, *slot);
    mutex_unlock(&area->object->lock);
    if (!clear)
        swap_slot_free(area, *slot);
    return clear;
}

int swap_reserve(void **entry)
{
    int error = -ENOSPC;

    mutex_lock(&swap_lock);
    for (unsigned i = 0; i < TRIES && error; i++) {
        struct swap_area *area = swap_area_choose();
        uint64_t slot;
        if (!area)
            break;
        if (reserve_slot(area, &slot)) {
            *entry = make_entry_of(area, slot);
            error = 0;
        }
    }
    mutex_unlock(&swap_lock);
    return error;
}

int swap_put(void *entry, struct page *page)
{
    struct swap_area *area = area_of(entry);

    mutex_lock(&swap_lock);
    int error = insert_page(area->object, slot_of(entry), page);
    if (error)
        swap_slot_free(area, slot_of(entry));
    mutex_unlock(&swap_lock);
    if (!error)
        __atomic_fetch_add(&swap_pages_out, 1, __ATOMIC_RELAXED);
    return error;
}

/* Counting */

void swap_entry_reference(void *entry)
{
    mutex_lock(&swap_lock);
    ++*swap_slot_count(area_of(entry), slot_of(entry));
    mutex_unlock(&swap_lock);
}

uint32_t swap_entry_count(void *entry)
{
    mutex_lock(&swap_lock);
    uint32_t count = *swap_slot_count(area_of(entry), slot_of(entry));
    mutex_unlock(&swap_lock);
    return count;
}

void swap_entry_place(const void *entry, unsigned *area, uint64_t *slot)
{
    *area = (unsigned)(area_of(entry) - swap_areas);
    *slot = slot_of(entry);
}

/* One entry less. swap_lock held. */
static void release_entry(void *entry)
{
    struct swap_area *area = area_of(entry);
    uint64_t slot = slot_of(entry);

    if (--*swap_slot_count(area, slot) > 0)
        return;
    mutex_lock(&area->object->lock);
    swap_slot_clear(area->object, slot);
    mutex_unlock(&area->object->lock);
    swap_slot_free(area, slot);
}

void swap_entry_release(void *entry)
{
    mutex_lock(&swap_lock);
    release_entry(entry);
    mutex_unlock(&swap_lock);
}

/* In */

/* The object of an entry, referenced, so that it outlasts a swap_off meanwhile; or NULL. */
static struct object *get_object(void *entry)
{
    mutex_lock(&swap_lock);
    struct object *object = area_of(entry)->object;
    if (object)
        object_reference(object);
    mutex_unlock(&swap_lock);
    return object;
}

int swap_read(void *entry, struct page **page)
{
    struct object *object = get_object(entry);

    if (!object)
        return -EIO;
    int error = object_get_page(object, slot_of(entry), page);
    if (!error)
        page_wait(*page, PAGE_WRITEBACK);
    object_release(object);
    return error;
}

/* As swap_claim, with swap_lock and the object's lock held. */
static struct page *claim(struct swap_area *area, uint64_t slot)
{
    struct page *page = radix_lookup(&area->object->pages, slot);

    if (!page || page_is(page, PAGE_BUSY | PAGE_WRITEBACK | PAGE_ERROR))
        return NULL;
    page_reference(page);
    page_set_anonymous(page);
    if (*swap_slot_count(area, slot) == 1)
        swap_slot_forget(area->object, page);
    else
        page_set(page, PAGE_SWAP);
    return page;
}

struct page *swap_claim(void *entry)
{
    struct swap_area *area = area_of(entry);
    uint64_t slot = slot_of(entry);

    mutex_lock(&swap_lock);
    mutex_lock(&area->object->lock);
    struct page *page = claim(area, slot);
    mutex_unlock(&area->object->lock);
    if (page && --*swap_slot_count(area, slot) == 0)
        swap_slot_free(area, slot);
    mutex_unlock(&swap_lock);
    if (page)
        __atomic_fetch_add(&swap_pages_in, 1, __ATOMIC_RELAXED);
    return page;
}

bool swap_is_leaving(void *entry)
{
    return __atomic_load_n(&area_of(entry)->leaving, __ATOMIC_ACQUIRE);
}
