/*
 * epoll(7).
 *
 *   file's queue --wake--> listener of the item --> ready list --wake--> sleepers in epoll_wait
 *                                                              --wake--> pollers: poll(2), or
 *                                                                        another epoll
 *
 * An item is one watched file at one descriptor. It listens to the file's wait queue for good, so a
 * wait costs what is ready, not what is watched. A wake only puts the item on the ready list;
 * whether there really is something is asked of the file by who takes the item off the list:
 *
 *   off the list, then ask: nothing            it stays off
 *                           edge-triggered     report; it stays off until the next wake
 *                           level-triggered    report; back on the list: the next wait asks it
 *                           one-shot           report; nothing more, until it is modified
 *
 * A wake between "off" and "ask" puts it on the list once more: nothing is lost.
 *
 * The list and waiting are in epoll_ready.c; which files are in which set is here.
 *
 * Locks: watch_lock covers which file is in which set: adding, removing, a file's last close, a
 * set's. It is taken first. epoll->lock is held while files are asked and while items come and go,
 * so an item that is being asked stays, and so does its file, whose release waits in epoll_forget.
 * Asking an epoll takes its lock under that of the one which watches it: sets form no cycle, and no
 * chain longer than CHAIN_MAX (epoll_chain.c). ready_lock is a leaf.
 */
#include "fs/epoll_internal.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "fs/anonymous.h"
#include "fs/text.h"
#include "fs/volume.h"
#include "vm/kmem.h"
#include "vm/page.h"

#define ALWAYS        (POLLERR | POLLHUP)
#define ITEM_COST     192u /* Linux's: the items of a user may take a 25th of memory */
#define ITEMS_SHARE   25u
#define EXCLUSIVE_MAY (POLLIN | POLLOUT | ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

static struct slab_cache epoll_cache, item_cache;
static struct mutex watch_lock;

uint32_t epoll_items_limit;

void epoll_init(void)
{
    slab_cache_init(&epoll_cache, "epoll", sizeof(struct epoll), 8);
    slab_cache_init(&item_cache, "epoll item", sizeof(struct item), 8);
    mutex_init(&watch_lock, "watched files", RANK_NONE);
    uint64_t items = page_count_total() * PAGE_SIZE / ITEMS_SHARE / ITEM_COST;
    epoll_items_limit = items < INT32_MAX ? (uint32_t)items : INT32_MAX;
}

/* Items */

/* The item of a file at a descriptor, or NULL and the place for it. */
static struct item *find_item(struct epoll *epoll, const struct file *file, int descriptor,
                              struct tree_node **parent, bool *left)
{
    struct tree_node *node = epoll->items.root;

    *parent = NULL;
    *left = false;
    while (node) {
        struct item *item = item_of_node(node);
        if (item->file == file && item->descriptor == descriptor)
            return item;
        *left = file != item->file ? file < item->file : descriptor < item->descriptor;
        *parent = node;
        node = *left ? node->left : node->right;
    }
    return NULL;
}

/* Memory for an item of the user's, if there may be one more: *error. */
static struct item *allocate_item(const struct account *account, int *error)
{
    uint32_t limit = __atomic_load_n(&epoll_items_limit, __ATOMIC_RELAXED);

    *error = -ENOSPC;
    if (__atomic_load_n(&account->epoll_items, __ATOMIC_RELAXED) >= limit)
        return NULL;
    *error = -ENOMEM;
    return slab_allocate_zeroed(&item_cache);
}

/* watch_lock held. */
static struct item *add_item(struct epoll *epoll, struct file *file, int descriptor,
                             const struct epoll_event *event, int *error)
{
    struct tree_node *parent;
    bool left;

    *error = -EEXIST;
    if (find_item(epoll, file, descriptor, &parent, &left))
        return NULL;
    struct item *item = allocate_item(epoll->maker->account, error);
    if (!item)
        return NULL;
    __atomic_fetch_add(&epoll->maker->account->epoll_items, 1, __ATOMIC_RELAXED);
    item->epoll = epoll;
    item->file = file;
    item->descriptor = descriptor;
    item->events = event->events | ALWAYS;
    item->data = event->data;
    list_init(&item->ready_link);
    mutex_lock(&epoll->lock);
    tree_insert(&epoll->items, parent, left, &item->node);
    list_push_back(&file->watches, &item->watch_link);
    file->watched = true;
    mutex_unlock(&epoll->lock);
    return item;
}

/* watch_lock held, and lock. */
static void remove_item(struct item *item)
{
    struct epoll *epoll = item->epoll;

    if (item->queue)
        wait_ignore(item->queue, &item->waiter);
    spin_lock(&epoll->ready_lock);
    list_remove(&item->ready_link);
    spin_unlock(&epoll->ready_lock);
    tree_remove(&epoll->items, &item->node);
    list_remove(&item->watch_link);
    __atomic_fetch_sub(&epoll->maker->account->epoll_items, 1, __ATOMIC_RELAXED);
    slab_free(&item_cache, item);
}

bool file_is_epoll(const struct file *file)
{
    return file->operations->poll == epoll_poll;
}

/* What epoll_ctl does */

int epoll_add(struct file *set, struct file *file, int descriptor, const struct epoll_event *event)
{
    struct epoll *epoll = set->state;
    struct item *item = NULL;

    if ((event->events & EPOLLEXCLUSIVE) &&
        ((event->events & ~EXCLUSIVE_MAY) || file_is_epoll(file)))
        return -EINVAL;
    mutex_lock(&watch_lock);
    int error = epoll_check_chain(epoll, file);
    if (!error)
        item = add_item(epoll, file, descriptor, event, &error);
    if (item) {
        epoll_listen(item);
        error = 0;
    }
    mutex_unlock(&watch_lock);
    return error;
}

int epoll_modify(struct file *set, struct file *file, int descriptor,
                 const struct epoll_event *event)
{
    struct epoll *epoll = set->state;
    struct tree_node *parent;
    int error = 0;
    bool left;

    if (event->events & EPOLLEXCLUSIVE)
        return -EINVAL;
    mutex_lock(&epoll->lock);
    struct item *item = find_item(epoll, file, descriptor, &parent, &left);
    if (!item) {
        error = -ENOENT;
    } else if (item->events & EPOLLEXCLUSIVE) {
        error = -EINVAL;
    } else {
        spin_lock(&epoll->ready_lock);
        item->events = event->events | ALWAYS;
        spin_unlock(&epoll->ready_lock);
        item->data = event->data;
        epoll_look(item);
    }
    mutex_unlock(&epoll->lock);
    return error;
}

int epoll_remove(struct file *set, struct file *file, int descriptor)
{
    struct epoll *epoll = set->state;
    struct tree_node *parent;
    bool left;

    mutex_lock(&watch_lock);
    mutex_lock(&epoll->lock);
    struct item *item = find_item(epoll, file, descriptor, &parent, &left);
    if (item)
        remove_item(item);
    mutex_unlock(&epoll->lock);
    mutex_unlock(&watch_lock);
    return item ? 0 : -ENOENT;
}

void epoll_forget(struct file *file)
{
    struct list *link;

    mutex_lock(&watch_lock);
    while ((link = list_first(&file->watches))) {
        struct item *item = container_of(link, struct item, watch_link);
        struct epoll *epoll = item->epoll;
        mutex_lock(&epoll->lock);
        remove_item(item);
        mutex_unlock(&epoll->lock);
    }
    mutex_unlock(&watch_lock);
}

/* The file */

static void epoll_release(struct file *file)
{
    struct epoll *epoll = file->state;
    struct tree_node *node;

    mutex_lock(&watch_lock);
    mutex_lock(&epoll->lock);
    while ((node = tree_first(&epoll->items)))
        remove_item(item_of_node(node));
    mutex_unlock(&epoll->lock);
    mutex_unlock(&watch_lock);
    credentials_release(epoll->maker);
    slab_free(&epoll_cache, epoll);
}

const struct file *epoll_target(struct file *set, int descriptor, unsigned number)
{
    struct epoll *epoll = set->state;
    const struct file *target = NULL;

    mutex_lock(&epoll->lock);
    tree_for_each (node, &epoll->items) {
        const struct item *item = item_of_node(node);
        if (item->descriptor == descriptor && number-- == 0) {
            target = item->file;
            break;
        }
    }
    mutex_unlock(&epoll->lock);
    return target;
}

/* A line for each file that it watches. */
static void epoll_describe(struct file *file, struct text *text)
{
    struct epoll *epoll = file->state;

    mutex_lock(&epoll->lock);
    tree_for_each (node, &epoll->items) {
        const struct item *item = item_of_node(node);
        const struct vnode *vnode = item->file->vnode;
        text_format(text, "tfd: %8d events: %8x data: %16lx  pos:%ld ino:%lx sdev:%lx\n",
                    item->descriptor, __atomic_load_n(&item->events, __ATOMIC_RELAXED), item->data,
                    (int64_t)item->file->offset, vnode->number,
                    vnode->volume ? vnode->volume->device_number : 0);
    }
    mutex_unlock(&epoll->lock);
}

static const struct file_operations epoll_operations = {
    .poll = epoll_poll, .stays = true, .describe = epoll_describe, .release = epoll_release};

struct file *epoll_create(void)
{
    struct epoll *epoll = slab_allocate_zeroed(&epoll_cache);

    if (!epoll)
        return NULL;
    mutex_init(&epoll->lock, "epoll", RANK_NONE);
    spin_init(&epoll->ready_lock, "ready list", RANK_READY);
    wait_queue_init_chained(&epoll->sleepers, "epoll_wait");
    wait_queue_init_chained(&epoll->pollers, "epoll");
    list_init(&epoll->ready);
    tree_init(&epoll->items, NULL);
    epoll->maker = credentials_reference(credentials_current());
    epoll->file = anonymous_file(ANONYMOUS_EPOLL, &epoll_operations, epoll, O_RDWR);
    struct file *file = epoll->file;
    if (!file) {
        credentials_release(epoll->maker);
        slab_free(&epoll_cache, epoll);
    }
    return file;
}
