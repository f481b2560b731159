/*
 * Queues of pending signals. A process has one, and each of its threads. set tells which signals
 * are in it. An ordinary signal is queued once at most; of the real-time ones each instance is
 * queued, and keeps its order. Where there was no memory for an entry, an ordinary signal is in the
 * set alone.
 *
 * All under the process's signal_lock. Entries are allocated before it is taken and freed after it
 * is released.
 */
#ifndef MAPIX_CORE_SIGNAL_QUEUE_H
#define MAPIX_CORE_SIGNAL_QUEUE_H

#include "abi/signal.h"
#include "lib/list.h"
#include <stdbool.h>

struct signal_queue {
    uint64_t set;        /* signal_bit of each; also read without the lock, as a hint */
    struct list entries; /* the oldest one first */
};

struct signal_entry {
    struct list link;           /* in a queue, or by itself */
    struct signal_queue *queue; /* which one; NULL: none */
    struct signal_information information;
    int32_t taken_overrun; /* of a timer's entry: information.overrun when it was taken last */
    /* Of an entry that is part of something else, or NULL: it has been taken with this information,
     * or has been dropped (NULL). signal_lock held. */
    void (*taken)(struct signal_entry *entry, struct signal_information *information);
    bool preallocated; /* part of something else, such as a timer: never freed here */
};

void signal_queue_init(struct signal_queue *queue);

/* NULL: no memory. Any context; signal_lock not held. signal_entries_free frees a list of them,
 * but those that are preallocated. */
struct signal_entry *signal_entry_allocate(void);
void signal_entries_free(struct list *entries);

/* For an entry that is part of something else. */
void signal_entry_init(struct signal_entry *entry);

/* Add a signal; entry, whose information is filled in, may be NULL. */
void signal_queue_add(struct signal_queue *queue, int number, struct signal_entry *entry);

/* Take the oldest instance of a signal that is in the set: its information, and the entry, if there
 * was one, goes to the list freed. */
void signal_queue_take(struct signal_queue *queue, int number,
                       struct signal_information *information, struct list *freed);

/* Remove one entry from the queue that it is on, if it is on one. */
void signal_queue_withdraw(struct signal_entry *entry);

/* Remove all signals of the mask; the entries go to the list freed. */
void signal_queue_remove(struct signal_queue *queue, uint64_t mask, struct list *freed);

/* Set up the memory for entries. Boot only. */
void signal_queue_setup(void);

#endif
