/* Queues of pending signals (signal_queue.h). */
#include "core/signal_queue.h"
#include "vm/kmem.h"

static struct slab_cache entry_cache;

void signal_queue_setup(void)
{
    slab_cache_init(&entry_cache, "signal", sizeof(struct signal_entry), 16);
}

void signal_queue_init(struct signal_queue *queue)
{
    queue->set = 0;
    list_init(&queue->entries);
}

static struct signal_entry *entry_of(struct list *link)
{
    return container_of(link, struct signal_entry, link);
}

void signal_entry_init(struct signal_entry *entry)
{
    list_init(&entry->link);
    entry->queue = NULL;
    entry->taken_overrun = 0;
    entry->taken = NULL;
    entry->preallocated = true;
}

struct signal_entry *signal_entry_allocate(void)
{
    struct signal_entry *entry = slab_allocate(&entry_cache);
    if (entry) {
        signal_entry_init(entry);
        entry->preallocated = false;
    }
    return entry;
}

void signal_entries_free(struct list *entries)
{
    struct list *link;
    while ((link = list_pop_front(entries)))
        slab_free(&entry_cache, entry_of(link));
}

void signal_queue_add(struct signal_queue *queue, int number, struct signal_entry *entry)
{
    if (entry) {
        entry->queue = queue;
        list_push_back(&queue->entries, &entry->link);
    }
    __atomic_store_n(&queue->set, queue->set | signal_bit(number), __ATOMIC_SEQ_CST);
}

static void clear(struct signal_queue *queue, uint64_t mask)
{
    __atomic_store_n(&queue->set, queue->set & ~mask, __ATOMIC_RELAXED);
}

/* The first entry of a signal, or NULL. */
static struct signal_entry *find(struct signal_queue *queue, int number)
{
    list_for_each (link, &queue->entries) {
        struct signal_entry *entry = entry_of(link);
        if (entry->information.number == number)
            return entry;
    }
    return NULL;
}

static void unlink(struct signal_entry *entry, struct list *freed)
{
    list_remove(&entry->link);
    entry->queue = NULL;
    if (!entry->preallocated)
        list_push_back(freed, &entry->link);
}

void signal_queue_take(struct signal_queue *queue, int number,
                       struct signal_information *information, struct list *freed)
{
    struct signal_entry *entry = find(queue, number);
    if (entry) {
        *information = entry->information;
        unlink(entry, freed);
        if (entry->taken)
            entry->taken(entry, information);
    } else {
        *information = (struct signal_information){.number = number, .code = SI_USER};
    }
    if (!find(queue, number))
        clear(queue, signal_bit(number));
}

void signal_queue_withdraw(struct signal_entry *entry)
{
    struct signal_queue *queue = entry->queue;
    int number = entry->information.number;
    if (!queue)
        return;
    list_remove(&entry->link);
    entry->queue = NULL;
    if (!find(queue, number))
        clear(queue, signal_bit(number));
}

void signal_queue_remove(struct signal_queue *queue, uint64_t mask, struct list *freed)
{
    if (!(queue->set & mask))
        return;
    list_for_each_safe (link, &queue->entries) {
        struct signal_entry *entry = entry_of(link);
        if (!(mask & signal_bit(entry->information.number)))
            continue;
        unlink(entry, freed);
        if (entry->taken)
            entry->taken(entry, NULL);
    }
    clear(queue, mask);
}
