/*
 * Shared memory in swap areas: what object->swapped names (evict.c puts entries there).
 */
#include "abi/errno.h"
#include "core/process.h"
#include "core/thread.h"
#include "lib/string.h"
#include "vm/reclaim.h"
#include "vm/swap.h"
#include "vm/vm.h"

#define DROP_BATCH    32u
#define MEMORY_ROUNDS 200u
#define MEMORY_PAUSE  5000000ul /* nanoseconds */

static struct spinlock list_lock = {.rank = RANK_QUEUES, .name = "swapped objects"};
static struct list swapped_objects = LIST_INITIALIZER(swapped_objects);

void object_note_swapped(struct object *object)
{
    spin_lock(&list_lock);
    if (list_empty(&object->swapped_link))
        list_push_back(&swapped_objects, &object->swapped_link);
    spin_unlock(&list_lock);
}

static void *entry_at(struct object *object, uint64_t index)
{
    mutex_lock(&object->lock);
    void *entry = radix_lookup(&object->swapped, index);
    mutex_unlock(&object->lock);
    return entry;
}

/* Read the page of an entry; memory for that is made by the means that a fault has, for a while. */
static int read_entry(void *entry, struct page **page)
{
    int error = swap_read(entry, page);

    for (unsigned round = 0; error == -ENOMEM && round < MEMORY_ROUNDS; round++) {
        if (!reclaim_pages(1) && !out_of_memory_kill())
            thread_sleep(MEMORY_PAUSE, WAIT_UNINTERRUPTIBLE);
        error = swap_read(entry, page);
    }
    return error;
}

/* While the page is BUSY its entry stays. */
int object_swap_in(struct object *object, struct page *page)
{
    void *entry = entry_at(object, page->index);
    struct page *source;

    if (!entry)
        return -ENOENT;
    int error = read_entry(entry, &source);
    if (error)
        return error;
    page_copy(page_data(page), page_data(source));
    page_release(source);
    mutex_lock(&object->lock);
    radix_remove(&object->swapped, page->index);
    object_uncharge(object); /* the page in memory was charged again */
    object_dirty_locked(object, page);
    mutex_unlock(&object->lock);
    swap_entry_release(entry);
    return 0;
}

/* Take some entries of [*first, last] out of the object; how many. The entry of a page that is on
 * its way in or out is not taken. */
static unsigned take_entries(struct object *object, uint64_t *first, uint64_t last, void **entries)
{
    unsigned count = 0;
    void *entry;

    mutex_lock(&object->lock);
    while (count < DROP_BATCH && (entry = radix_next(&object->swapped, *first, last, first))) {
        struct page *page = radix_lookup(&object->pages, *first);
        if (!page || !page_is(page, PAGE_BUSY)) {
            radix_remove(&object->swapped, *first);
            object_uncharge(object);
            entries[count++] = entry;
        }
        if ((*first)++ == last)
            break;
    }
    mutex_unlock(&object->lock);
    return count;
}

/* Slots are released without the object's lock, which comes behind theirs. */
void object_drop_swapped(struct object *object, uint64_t first, uint64_t last)
{
    void *entries[DROP_BATCH];
    unsigned count;

    if (__atomic_load_n(&object->swapped.count, __ATOMIC_ACQUIRE) == 0)
        return;
    while ((count = take_entries(object, &first, last, entries)) > 0) {
        for (unsigned i = 0; i < count; i++)
            swap_entry_release(entries[i]);
    }
}

void object_forget_swapped(struct object *object)
{
    object_drop_swapped(object, 0, UINT64_MAX);
    spin_lock(&list_lock);
    list_remove(&object->swapped_link);
    spin_unlock(&list_lock);
}

/* Giving areas up */

/* The next object of the list, which goes to its end, referenced; NULL: there is none. */
static struct object *next_object(void)
{
    struct object *object = NULL;

    spin_lock(&list_lock);
    struct list *link = list_first(&swapped_objects);
    if (link) {
        object = container_of(link, struct object, swapped_link);
        list_remove(link);
        list_push_back(&swapped_objects, link);
        object_reference(object);
    }
    spin_unlock(&list_lock);
    return object;
}

static unsigned count_objects(void)
{
    unsigned count = 0;

    spin_lock(&list_lock);
    list_for_each (link, &swapped_objects)
        count++;
    spin_unlock(&list_lock);
    return count;
}

/* The first index from *index on with an entry of an area that is given up. */
static bool find_leaving(struct object *object, uint64_t *index)
{
    bool found = false;
    void *entry;

    mutex_lock(&object->lock);
    while (!found && (entry = radix_next(&object->swapped, *index, UINT64_MAX, index))) {
        found = swap_is_leaving(entry);
        if (!found)
            ++*index;
    }
    mutex_unlock(&object->lock);
    return found;
}

static int bring_back(struct object *object)
{
    uint64_t index = 0;
    int error = 0;

    while (!error && find_leaving(object, &index)) {
        struct page *page;
        error = thread_signalled() ? -EINTR : object_get_page(object, index, &page);
        if (!error)
            page_release(page);
    }
    return error;
}

int object_bring_back_all(void)
{
    int error = 0;

    for (unsigned left = count_objects(); left > 0 && !error; left--) {
        struct object *object = next_object();
        if (!object)
            break;
        error = bring_back(object);
        object_release(object);
    }
    return error;
}
