/*
 * The queues of pages that may be freed. A page of an object is on one of three, from its insertion
 * to its removal:
 *
 *             used again, or mapped and used twice
 *   inactive ------------------------------------> active      pages of files and disks
 *      |     <------------------------------------
 *      |          not used since it was last seen
 *      v
 *    freed, if clean and idle; a dirty one is written first    anonymous: shared memory, tmpfs
 *
 * Who frees pages (reclaim.c) looks at the oldest of a queue first.
 */
#include "vm/page_queue.h"
#include "core/lock.h"
#include "vm/object.h"

struct queue {
    struct list pages; /* the oldest first */
    uint64_t length;
};

static struct spinlock queue_lock = {.rank = RANK_QUEUES, .name = "reclaim queues"};
static struct queue queues[PAGE_QUEUES] = {
    [QUEUE_INACTIVE] = {.pages = LIST_INITIALIZER(queues[QUEUE_INACTIVE].pages)},
    [QUEUE_ACTIVE] = {.pages = LIST_INITIALIZER(queues[QUEUE_ACTIVE].pages)},
    [QUEUE_ANONYMOUS] = {.pages = LIST_INITIALIZER(queues[QUEUE_ANONYMOUS].pages)},
};

/* With queue_lock held */

static struct queue *queue_of(const struct page *page)
{
    const struct object *object = page->owner;

    if (object->anonymous)
        return &queues[QUEUE_ANONYMOUS];
    return &queues[page_is(page, PAGE_ACTIVE) ? QUEUE_ACTIVE : QUEUE_INACTIVE];
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

/* Without */

void page_queue_insert(struct page *page)
{
    spin_lock(&queue_lock);
    push(page);
    spin_unlock(&queue_lock);
}

void page_queue_remove(struct page *page)
{
    spin_lock(&queue_lock);
    if (!list_empty(&page->link))
        take_out(page);
    page_clear(page, PAGE_ACTIVE);
    spin_unlock(&queue_lock);
}

void page_queue_move(struct page *page, bool to_active)
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

struct page *page_queue_next(enum page_queue number, struct object **object)
{
    struct queue *queue = &queues[number];
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

uint64_t page_queue_length(enum page_queue queue)
{
    return __atomic_load_n(&queues[queue].length, __ATOMIC_RELAXED);
}

uint64_t page_queue_files(void)
{
    return page_queue_length(QUEUE_ACTIVE) + page_queue_length(QUEUE_INACTIVE);
}
