/*
 * What the files of epoll share: epoll.c (sets, and what is in them), epoll_ready.c (what is ready,
 * and waiting for it), epoll_chain.c (sets that watch each other). The essay is in epoll.c.
 */
#ifndef MAPIX_FS_EPOLL_INTERNAL_H
#define MAPIX_FS_EPOLL_INTERNAL_H

#include "abi/poll.h"
#include "core/wait.h"
#include "fs/epoll.h"
#include "fs/file.h"
#include "lib/tree.h"

#define EPOLL_MODES (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)

/* Letters: (w) watch_lock and lock, either for reading, (l) lock, (r) ready_lock, (c) constant. */
struct epoll {
    struct mutex lock;
    struct spinlock ready_lock;
    struct list ready;          /* (r) items about which something may be reported */
    bool reporting;             /* (r) report has taken the list away, and may bring some back */
    struct wait_queue sleepers; /* in epoll_wait, exclusive */
    struct wait_queue pollers;  /* other files' poll */
    struct tree items;          /* (w) by file and descriptor */
    struct file *file;          /* (c) its own; no reference */
    struct credentials *maker;  /* (c) whose account is charged */
    uint64_t search;            /* (watch_lock) the search that saw it last, */
    unsigned height;            /* (watch_lock) and what that found */
};

struct item {
    struct tree_node node;    /* (w) */
    struct epoll *epoll;      /* (c) */
    struct file *file;        /* (c) no reference: its release takes the item away */
    int descriptor;           /* (c) */
    struct list watch_link;   /* (watch_lock) file->watches */
    struct list ready_link;   /* (r), or of the list that report has taken */
    struct waiter waiter;     /* on queue */
    struct wait_queue *queue; /* (c) of the file; NULL: its events never change */
    uint32_t events;          /* (r) asked for, with the modes */
    uint64_t data;            /* (l) */
};

static inline struct item *item_of_node(struct tree_node *node)
{
    return container_of(node, struct item, node);
}

/* The poll operation of a set. */
unsigned epoll_poll(struct file *file, struct wait_queue **queue);

/* Listen to what the item's file has from now on. watch_lock held. */
void epoll_listen(struct item *item);

/* The item may be ready already, or with other events than before: ask. lock held. */
void epoll_look(struct item *item);

/* May the set watch the file? -ELOOP: a cycle, or too long a chain. watch_lock held. */
int epoll_check_chain(struct epoll *epoll, struct file *file);

#endif
