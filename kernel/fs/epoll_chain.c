/*
 * Chains of epolls that watch each other: no cycles, and none longer than CHAIN_MAX. watch_lock is
 * held, so none changes; each set is looked at once a search.
 */
#include "abi/errno.h"
#include "fs/epoll_internal.h"

#define CHAIN_MAX 5 /* as in Linux */

static uint64_t searches; /* (watch_lock) so far */

static struct epoll *epoll_of(const struct file *file)
{
    return file_is_epoll(file) ? file->state : NULL;
}

static unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* The number of sets in the longest chain down from here. */
static unsigned chain_below(struct epoll *epoll)
{
    unsigned height = 1;

    if (epoll->search == searches)
        return epoll->height;
    epoll->search = searches;
    tree_for_each (node, &epoll->items) {
        struct epoll *inner = epoll_of(item_of_node(node)->file);
        if (inner)
            height = larger(height, 1 + chain_below(inner));
    }
    return epoll->height = height;
}

/* And up. */
static unsigned chain_above(struct epoll *epoll)
{
    unsigned height = 1;

    if (epoll->search == searches)
        return epoll->height;
    epoll->search = searches;
    list_for_each (link, &epoll->file->watches) {
        struct item *item = container_of(link, struct item, watch_link);
        height = larger(height, 1 + chain_above(item->epoll));
    }
    return epoll->height = height;
}

int epoll_check_chain(struct epoll *epoll, struct file *file)
{
    struct epoll *inner = epoll_of(file);

    if (!inner)
        return 0;
    searches++;
    unsigned below = chain_below(inner);
    if (epoll->search == searches)
        return -ELOOP;
    searches++;
    return below + chain_above(epoll) > CHAIN_MAX ? -ELOOP : 0;
}
