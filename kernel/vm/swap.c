/*
 * Swap areas and their slots; see swap.h.
 *
 * swap_lock covers the areas, the counts of their slots, and whether a page with PAGE_SWAP is in an
 * area's object. It comes before the object's own lock. What an area's object holds at a free slot
 * is rubbish: read-ahead brings it, or a write was in flight when the slot became free. Then the
 * page may still be in an amap, with PAGE_SWAP, and is not the slot's any more; so it is thrown
 * away before the slot is taken, and before the area is given up.
 */
#include "vm/swap.h"
#include "abi/errno.h"
#include "core/thread.h"
#include "fs/vnode.h"
#include "lib/string.h"
#include "vm/evict.h"
#include "vm/kmem.h"
#include "vm/reclaim.h"
#include "vm/vm.h"

#define AREAS_MAX    16u
#define CHUNK_SLOTS  1024u /* slots whose counts are in one page */
#define AREA_BITS    5
#define BAD          UINT32_MAX
#define TRIES        64u  /* slots to try when rubbish in flight is in the way */
#define FIRST_CHOICE (-2) /* priority of the first area that does not ask for one, as on Linux */

struct chunk {
    uint32_t *counts; /* entries that name each slot; BAD: never to be used */
    uint32_t free;
};

struct area {
    struct object *object; /* NULL: the area is not in use; referenced */
    struct vnode *vnode;   /* referenced */
    bool is_disk, leaving;
    int priority;
    uint64_t slots, used, bad;
    uint64_t cursor; /* where to look for a free slot */
    struct chunk *chunks;
};

static struct mutex swap_lock;
static struct mutex adding_lock; /* one swapon at a time */
static struct area areas[AREAS_MAX];
static int next_priority = FIRST_CHOICE;
static unsigned turn; /* areas of equal priority take turns */
static uint64_t slots_total, slots_free, pages_in, pages_out; /* atomic */

void swap_init(void)
{
    mutex_init(&swap_lock, "swap", RANK_SWAP);
    mutex_init(&adding_lock, "swapon", RANK_NONE);
}

/* Entries */

static void *make_entry_of(const struct area *area, uint64_t slot)
{
    uint64_t number = slot << AREA_BITS | (uint64_t)(area - areas);
    return (void *)(number << 1 | 1);
}

static struct area *area_of(const void *entry)
{
    return &areas[(uintptr_t)entry >> 1 & ((1u << AREA_BITS) - 1)];
}

static uint64_t slot_of(const void *entry)
{
    return (uintptr_t)entry >> (AREA_BITS + 1);
}

static uint32_t *count_of(const struct area *area, uint64_t slot)
{
    return &area->chunks[slot / CHUNK_SLOTS].counts[slot % CHUNK_SLOTS];
}

/* Slots; swap_lock held */

static void use_slot(struct area *area, uint64_t slot)
{
    *count_of(area, slot) = 1;
    area->chunks[slot / CHUNK_SLOTS].free--;
    area->used++;
    __atomic_fetch_sub(&slots_free, 1, __ATOMIC_RELAXED);
}

static void free_slot(struct area *area, uint64_t slot)
{
    *count_of(area, slot) = 0;
    area->chunks[slot / CHUNK_SLOTS].free++;
    area->used--;
    if (!area->leaving)
        __atomic_fetch_add(&slots_free, 1, __ATOMIC_RELAXED);
}

/* The first free slot of [start, end), or end. */
static uint64_t find_free(const struct area *area, uint64_t start, uint64_t end)
{
    for (uint64_t slot = start; slot < end; slot++) {
        if (area->chunks[slot / CHUNK_SLOTS].free == 0)
            slot |= CHUNK_SLOTS - 1;
        else if (*count_of(area, slot) == 0)
            return slot;
    }
    return end;
}

/* Take the next free slot from the cursor on, so that what goes out together lies together. */
static bool take_slot(struct area *area, uint64_t *slot)
{
    *slot = find_free(area, area->cursor, area->slots);
    if (*slot >= area->slots)
        *slot = find_free(area, 1, area->cursor);
    if (*slot >= area->slots || *count_of(area, *slot) != 0)
        return false;
    use_slot(area, *slot);
    area->cursor = *slot + 1;
    return true;
}

/* The area to use next: of the highest priority that has room. */
static struct area *choose_area(void)
{
    struct area *best = NULL;

    for (unsigned i = 0; i < AREAS_MAX; i++) {
        struct area *area = &areas[(turn + i) % AREAS_MAX];
        if (area->object && !area->leaving && area->used + area->bad < area->slots &&
            (!best || area->priority > best->priority))
            best = area;
    }
    if (best)
        turn = (unsigned)(best - areas) + 1;
    return best;
}

static struct area *find_area(const struct object *object)
{
    for (unsigned i = 0; i < AREAS_MAX; i++) {
        if (areas[i].object == object)
            return &areas[i];
    }
    return NULL;
}

/* Pages in an area's object; swap_lock and the object's lock held */

static void forget_page(struct object *object, struct page *page)
{
    object_forget_page(object, page);
    page_clear(page, PAGE_SWAP | PAGE_BACKED | PAGE_REFERENCED | PAGE_REUSED);
    page->owner = NULL;
    page_release(page);
}

/* Throw away what is at a slot that no entry names; false: it is in flight. */
static bool clear_slot(struct object *object, uint64_t slot)
{
    struct page *page = radix_lookup(&object->pages, slot);

    if (page && page_is(page, PAGE_BUSY | PAGE_WRITEBACK))
        return false;
    if (page)
        forget_page(object, page);
    return true;
}

/* Put page into the object at slot: 0, -EAGAIN (rubbish in flight is in the way), -ENOMEM. */
static int insert_page(struct object *object, uint64_t slot, struct page *page)
{
    int error = -EAGAIN;

    mutex_lock(&object->lock);
    if (clear_slot(object, slot))
        error = radix_insert(&object->pages, slot, page);
    if (!error) {
        page_reference(page);
        page->owner = object;
        page->index = slot;
        page->block_flags = UINT32_MAX;
        page_clear(page, PAGE_DIRTY | PAGE_REFERENCED | PAGE_REUSED);
        page_set(page, PAGE_SWAP | PAGE_BACKED);
        reclaim_insert(page);
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
        struct area *area = choose_area();
        uint64_t slot;
        if (!area || !take_slot(area, &slot))
            return -ENOSPC;
        error = insert_page(area->object, slot, page);
        if (error)
            free_slot(area, slot);
        else
            *entry = make_entry_of(area, slot);
    }
    return error == -EAGAIN ? -ENOSPC : error;
}

/* Another amap has moved the page to its slot already: one entry more for that; false: no entry
 * names the slot any more. swap_lock held. */
static bool join_slot(const struct page *page, void **entry)
{
    struct area *area = find_area(page->owner);
    uint32_t *count = count_of(area, page->index);

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
    bool left = clear_slot(object, page->index);
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
        __atomic_fetch_add(&pages_out, 1, __ATOMIC_RELAXED);
    return error;
}

/* As take_slot, for one with nothing in flight. swap_lock held. */
static bool reserve_slot(struct area *area, uint64_t *slot)
{
    if (!take_slot(area, slot))
        return false;
    mutex_lock(&area->object->lock);
    bool clear = clear_slot(area->object, *slot);
    mutex_unlock(&area->object->lock);
    if (!clear)
        free_slot(area, *slot);
    return clear;
}

int swap_reserve(void **entry)
{
    int error = -ENOSPC;

    mutex_lock(&swap_lock);
    for (unsigned i = 0; i < TRIES && error; i++) {
        struct area *area = choose_area();
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
    struct area *area = area_of(entry);

    mutex_lock(&swap_lock);
    int error = insert_page(area->object, slot_of(entry), page);
    if (error)
        free_slot(area, slot_of(entry));
    mutex_unlock(&swap_lock);
    if (!error)
        __atomic_fetch_add(&pages_out, 1, __ATOMIC_RELAXED);
    return error;
}

/* Counting */

void swap_entry_reference(void *entry)
{
    mutex_lock(&swap_lock);
    ++*count_of(area_of(entry), slot_of(entry));
    mutex_unlock(&swap_lock);
}

uint32_t swap_entry_count(void *entry)
{
    mutex_lock(&swap_lock);
    uint32_t count = *count_of(area_of(entry), slot_of(entry));
    mutex_unlock(&swap_lock);
    return count;
}

void swap_entry_place(const void *entry, unsigned *area, uint64_t *slot)
{
    *area = (unsigned)(area_of(entry) - areas);
    *slot = slot_of(entry);
}

/* One entry less. swap_lock held. */
static void release_entry(void *entry)
{
    struct area *area = area_of(entry);
    uint64_t slot = slot_of(entry);

    if (--*count_of(area, slot) > 0)
        return;
    mutex_lock(&area->object->lock);
    clear_slot(area->object, slot);
    mutex_unlock(&area->object->lock);
    free_slot(area, slot);
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
static struct page *claim(struct area *area, uint64_t slot)
{
    struct page *page = radix_lookup(&area->object->pages, slot);

    if (!page || page_is(page, PAGE_BUSY | PAGE_WRITEBACK | PAGE_ERROR))
        return NULL;
    page_reference(page);
    page_set(page, PAGE_ANONYMOUS);
    if (*count_of(area, slot) == 1)
        forget_page(area->object, page);
    else
        page_set(page, PAGE_SWAP);
    return page;
}

struct page *swap_claim(void *entry)
{
    struct area *area = area_of(entry);
    uint64_t slot = slot_of(entry);

    mutex_lock(&swap_lock);
    mutex_lock(&area->object->lock);
    struct page *page = claim(area, slot);
    mutex_unlock(&area->object->lock);
    if (page && --*count_of(area, slot) == 0)
        free_slot(area, slot);
    mutex_unlock(&swap_lock);
    if (page)
        __atomic_fetch_add(&pages_in, 1, __ATOMIC_RELAXED);
    return page;
}

bool swap_is_leaving(void *entry)
{
    return __atomic_load_n(&area_of(entry)->leaving, __ATOMIC_ACQUIRE);
}

/* Areas */

static void free_chunks(struct chunk *chunks, uint64_t slots)
{
    for (uint64_t i = 0; chunks && i * CHUNK_SLOTS < slots; i++)
        kfree(chunks[i].counts);
    kfree(chunks);
}

/* Counts of 0 for so many slots, and BAD for the header and behind the end; NULL: no memory. */
static struct chunk *make_chunks(uint64_t slots)
{
    uint64_t count = (slots + CHUNK_SLOTS - 1) / CHUNK_SLOTS;
    struct chunk *chunks = kmalloc_zeroed(count * sizeof(*chunks));

    for (uint64_t i = 0; chunks && i < count; i++) {
        chunks[i].counts = kmalloc_zeroed(CHUNK_SLOTS * sizeof(uint32_t));
        chunks[i].free = CHUNK_SLOTS;
        if (!chunks[i].counts) {
            free_chunks(chunks, slots);
            return NULL;
        }
    }
    for (uint64_t slot = slots; chunks && slot < count * CHUNK_SLOTS; slot++) {
        chunks[count - 1].counts[slot % CHUNK_SLOTS] = BAD;
        chunks[count - 1].free--;
    }
    return chunks;
}

static void mark_bad(struct area *area, uint64_t slot)
{
    if (slot >= area->slots || *count_of(area, slot) == BAD)
        return;
    *count_of(area, slot) = BAD;
    area->chunks[slot / CHUNK_SLOTS].free--;
    area->bad++;
}

/* Nothing of the file stays in memory: its pages are those of the slots from now on. */
static int empty(struct object *object, uint64_t slots)
{
    int error = object_write_back(object, 0, slots * PAGE_SIZE, true);
    return error ? error : object_punch(object, 0, slots * PAGE_SIZE);
}

/* Where the area would be: 0, -EBUSY, -EPERM. swap_lock held. */
static int find_place(const struct object *object, struct area **area)
{
    if (find_area(object))
        return -EBUSY;
    *area = find_area(NULL);
    return *area ? 0 : -EPERM;
}

static void set_up(struct area *area, const struct swap_description *description,
                   struct chunk *chunks)
{
    *area = (struct area){.object = description->object,
                          .vnode = description->vnode,
                          .is_disk = description->is_disk,
                          .slots = description->slots,
                          .cursor = 1,
                          .chunks = chunks};
    area->priority = description->priority < 0 ? next_priority-- : description->priority;
    object_reference(area->object);
    vnode_reference(area->vnode);
    mark_bad(area, 0);
    for (unsigned i = 0; i < description->bad_count; i++)
        mark_bad(area, description->bad[i]);
    __atomic_fetch_add(&slots_total, area->slots - area->bad, __ATOMIC_RELAXED);
    __atomic_fetch_add(&slots_free, area->slots - area->bad, __ATOMIC_RELAXED);
}

/* As swap_on, with adding_lock held: the object that is emptied is not that of an area. */
static int add(const struct swap_description *description, struct chunk *chunks)
{
    struct area *area;

    mutex_lock(&swap_lock);
    int error = find_place(description->object, &area);
    mutex_unlock(&swap_lock);
    if (!error)
        error = empty(description->object, description->slots);
    if (error)
        return error;
    mutex_lock(&swap_lock);
    set_up(area, description, chunks);
    mutex_unlock(&swap_lock);
    return 0;
}

int swap_on(const struct swap_description *description)
{
    struct chunk *chunks = make_chunks(description->slots);

    if (!chunks)
        return -ENOMEM;
    mutex_lock(&adding_lock);
    int error = add(description, chunks);
    mutex_unlock(&adding_lock);
    if (error)
        free_chunks(chunks, description->slots);
    return error;
}

/* Begin or stop to give an area up: no slot is taken from it meanwhile. swap_lock held. */
static void set_leaving(struct area *area, bool leaving)
{
    uint64_t free = area->slots - area->bad - area->used;

    __atomic_store_n(&area->leaving, leaving, __ATOMIC_RELEASE);
    if (leaving)
        __atomic_fetch_sub(&slots_free, free, __ATOMIC_RELAXED);
    else
        __atomic_fetch_add(&slots_free, free, __ATOMIC_RELAXED);
}

/* Throw away what is left in an area that no entry names, the first page in flight excepted: that
 * is returned, referenced. swap_lock held. */
static struct page *drop_idle(struct area *area)
{
    struct object *object = area->object;
    struct page *page;
    uint64_t slot = 0;

    mutex_lock(&object->lock);
    while ((page = radix_next(&object->pages, slot, area->slots - 1, &slot)) &&
           clear_slot(object, slot))
        slot++;
    if (page)
        page_reference(page);
    mutex_unlock(&object->lock);
    return page;
}

/* ... all of it. swap_lock held on entry and return; unlocked to wait. */
static void drop_all(struct area *area)
{
    struct page *page;

    while ((page = drop_idle(area))) {
        mutex_unlock(&swap_lock);
        page_wait(page, PAGE_BUSY | PAGE_WRITEBACK);
        page_release(page);
        mutex_lock(&swap_lock);
    }
}

int swap_off(struct object *object)
{
    mutex_lock(&swap_lock);
    struct area *area = find_area(object), old = {0};
    int error = area && !area->leaving ? 0 : -EINVAL;
    if (!error)
        set_leaving(area, true);
    mutex_unlock(&swap_lock);
    while (!error && __atomic_load_n(&area->used, __ATOMIC_ACQUIRE) > 0)
        error = evict_bring_back();
    if (error == -EINVAL)
        return error;
    mutex_lock(&swap_lock);
    if (error) {
        set_leaving(area, false);
    } else {
        drop_all(area);
        old = *area;
        __atomic_fetch_sub(&slots_total, area->slots - area->bad, __ATOMIC_RELAXED);
        *area = (struct area){0};
    }
    mutex_unlock(&swap_lock);
    if (error)
        return error;
    free_chunks(old.chunks, old.slots);
    vnode_release(old.vnode);
    object_release(object);
    return 0;
}

/* Figures */

bool swap_has_room(void)
{
    return __atomic_load_n(&slots_free, __ATOMIC_RELAXED) > 0;
}

uint64_t swap_and_memory_pages(void)
{
    return page_count_total() + __atomic_load_n(&slots_total, __ATOMIC_RELAXED);
}

void swap_count(struct swap_counts *counts)
{
    *counts = (struct swap_counts){.total = __atomic_load_n(&slots_total, __ATOMIC_RELAXED),
                                   .free = __atomic_load_n(&slots_free, __ATOMIC_RELAXED),
                                   .in = __atomic_load_n(&pages_in, __ATOMIC_RELAXED),
                                   .out = __atomic_load_n(&pages_out, __ATOMIC_RELAXED)};
    mutex_lock(&swap_lock);
    for (unsigned i = 0; i < AREAS_MAX; i++) {
        if (areas[i].object)
            counts->cached += object_resident(areas[i].object);
    }
    mutex_unlock(&swap_lock);
}

bool swap_area_info(unsigned n, struct swap_area_info *info)
{
    bool found = false;

    mutex_lock(&swap_lock);
    for (unsigned i = 0; i < AREAS_MAX && !found; i++) {
        const struct area *area = &areas[i];
        if (!area->object || n-- > 0)
            continue;
        found = true;
        vnode_reference(area->vnode);
        *info = (struct swap_area_info){.vnode = area->vnode,
                                        .is_disk = area->is_disk,
                                        .size = area->slots - area->bad,
                                        .used = area->used,
                                        .priority = area->priority};
    }
    mutex_unlock(&swap_lock);
    return found;
}
