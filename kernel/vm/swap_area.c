/*
 * Which swap areas there are: how they come and go, and what they add up to; see swap_area.h.
 */
#include "vm/swap_area.h"
#include "abi/errno.h"
#include "fs/vnode.h"
#include "vm/evict.h"
#include "vm/swap.h"
#include "vm/vm.h"

#define FIRST_CHOICE (-2) /* priority of the first area that does not ask for one, as on Linux */

struct mutex swap_lock;
struct swap_area swap_areas[SWAP_AREAS_MAX];

static struct mutex adding_lock; /* one swapon at a time */
static int next_priority = FIRST_CHOICE;
static unsigned turn;        /* areas of equal priority take turns */
static uint64_t slots_total; /* atomic */

void swap_init(void)
{
    mutex_init(&swap_lock, "swap", RANK_SWAP);
    mutex_init(&adding_lock, "swapon", RANK_NONE);
}

struct swap_area *swap_area_choose(void)
{
    struct swap_area *best = NULL;

    for (unsigned i = 0; i < SWAP_AREAS_MAX; i++) {
        struct swap_area *area = &swap_areas[(turn + i) % SWAP_AREAS_MAX];
        if (area->object && !area->leaving && area->used + area->bad < area->slots &&
            (!best || area->priority > best->priority))
            best = area;
    }
    if (best)
        turn = (unsigned)(best - swap_areas) + 1;
    return best;
}

struct swap_area *swap_area_find(const struct object *object)
{
    for (unsigned i = 0; i < SWAP_AREAS_MAX; i++) {
        if (swap_areas[i].object == object)
            return &swap_areas[i];
    }
    return NULL;
}

/* Nothing of the file stays in memory: its pages are those of the slots from now on. */
static int empty(struct object *object, uint64_t slots)
{
    int error = object_write_back(object, 0, slots * PAGE_SIZE, true);
    return error ? error : object_punch(object, 0, slots * PAGE_SIZE);
}

/* Where the area would be: 0, -EBUSY, -EPERM. swap_lock held. */
static int find_place(const struct object *object, struct swap_area **area)
{
    if (swap_area_find(object))
        return -EBUSY;
    *area = swap_area_find(NULL);
    return *area ? 0 : -EPERM;
}

static void set_up(struct swap_area *area, const struct swap_description *description,
                   struct swap_chunk *chunks)
{
    *area = (struct swap_area){.object = description->object,
                               .vnode = description->vnode,
                               .is_disk = description->is_disk,
                               .slots = description->slots,
                               .cursor = 1,
                               .chunks = chunks};
    area->priority = description->priority < 0 ? next_priority-- : description->priority;
    object_reference(area->object);
    vnode_reference(area->vnode);
    swap_slot_mark_bad(area, 0);
    for (unsigned i = 0; i < description->bad_count; i++)
        swap_slot_mark_bad(area, description->bad[i]);
    __atomic_fetch_add(&slots_total, area->slots - area->bad, __ATOMIC_RELAXED);
    __atomic_fetch_add(&swap_slots_left, area->slots - area->bad, __ATOMIC_RELAXED);
}

/* As swap_on, with adding_lock held: the object that is emptied is not that of an area. */
static int add(const struct swap_description *description, struct swap_chunk *chunks)
{
    struct swap_area *area;

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
    struct swap_chunk *chunks = swap_slots_make(description->slots);

    if (!chunks)
        return -ENOMEM;
    mutex_lock(&adding_lock);
    int error = add(description, chunks);
    mutex_unlock(&adding_lock);
    if (error)
        swap_slots_destroy(chunks, description->slots);
    return error;
}

/* Begin or stop to give an area up: no slot is taken from it meanwhile. swap_lock held. */
static void set_leaving(struct swap_area *area, bool leaving)
{
    uint64_t free = area->slots - area->bad - area->used;

    __atomic_store_n(&area->leaving, leaving, __ATOMIC_RELEASE);
    if (leaving)
        __atomic_fetch_sub(&swap_slots_left, free, __ATOMIC_RELAXED);
    else
        __atomic_fetch_add(&swap_slots_left, free, __ATOMIC_RELAXED);
}

/* Throw away what is left in an area that no entry names, the first page in flight excepted: that
 * is returned, referenced. swap_lock held. */
static struct page *drop_idle(struct swap_area *area)
{
    struct object *object = area->object;
    struct page *page;
    uint64_t slot = 0;

    mutex_lock(&object->lock);
    while ((page = radix_next(&object->pages, slot, area->slots - 1, &slot)) &&
           swap_slot_clear(object, slot))
        slot++;
    if (page)
        page_reference(page);
    mutex_unlock(&object->lock);
    return page;
}

/* ... all of it. swap_lock held on entry and return; unlocked to wait. */
static void drop_all(struct swap_area *area)
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
    struct swap_area *area = swap_area_find(object), old = {0};
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
        *area = (struct swap_area){0};
    }
    mutex_unlock(&swap_lock);
    if (error)
        return error;
    swap_slots_destroy(old.chunks, old.slots);
    vnode_release(old.vnode);
    object_release(object);
    return 0;
}

/* Figures */

bool swap_has_room(void)
{
    return __atomic_load_n(&swap_slots_left, __ATOMIC_RELAXED) > 0;
}

uint64_t swap_and_memory_pages(void)
{
    return page_count_total() + __atomic_load_n(&slots_total, __ATOMIC_RELAXED);
}

void swap_count(struct swap_counts *counts)
{
    *counts = (struct swap_counts){.total = __atomic_load_n(&slots_total, __ATOMIC_RELAXED),
                                   .free = __atomic_load_n(&swap_slots_left, __ATOMIC_RELAXED),
                                   .in = __atomic_load_n(&swap_pages_in, __ATOMIC_RELAXED),
                                   .out = __atomic_load_n(&swap_pages_out, __ATOMIC_RELAXED)};
    mutex_lock(&swap_lock);
    for (unsigned i = 0; i < SWAP_AREAS_MAX; i++) {
        if (swap_areas[i].object)
            counts->cached += object_resident(swap_areas[i].object);
    }
    mutex_unlock(&swap_lock);
}

bool swap_area_info(unsigned n, struct swap_area_info *info)
{
    bool found = false;

    mutex_lock(&swap_lock);
    for (unsigned i = 0; i < SWAP_AREAS_MAX && !found; i++) {
        const struct swap_area *area = &swap_areas[i];
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
