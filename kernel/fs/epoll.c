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
 * Locks: watch_lock covers which file is in which set: adding, removing, a file's last close, a
 * set's. It is taken first. epoll->lock is held while files are asked and while items come and go,
 * so an item that is being asked stays, and so does its file, whose release waits in epoll_forget.
 * Asking an epoll takes its lock under that of the one which watches it: sets form no cycle, and no
 * chain longer than CHAIN_MAX (add_allowed). ready_lock is a leaf.
 */
#include "fs/epoll.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "core/process.h"
#include "core/time.h"
#include "fs/anonymous.h"
#include "fs/text.h"
#include "fs/volume.h"
#include "lib/tree.h"
#include "arch/riscv/pmap.h"
#include "vm/kmem.h"

#define CHAIN_MAX     5 /* epolls that watch each other, as in Linux */
#define ALWAYS        (POLLERR | POLLHUP)
#define MODES         (EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET)
#define ITEM_COST     192u /* Linux's: the items of a user may take a 25th of memory */
#define ITEMS_SHARE   25u
#define EXCLUSIVE_MAY (POLLIN | POLLOUT | ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

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

static struct slab_cache epoll_cache, item_cache;
static struct mutex watch_lock;
static uint64_t searches; /* (watch_lock) so far */

uint32_t epoll_items_limit;

void epoll_init(void)
{
    slab_cache_init(&epoll_cache, "epoll", sizeof(struct epoll), 8);
    slab_cache_init(&item_cache, "epoll item", sizeof(struct item), 8);
    mutex_init(&watch_lock, "watched files", RANK_NONE);
    uint64_t items = page_count_total() * PAGE_SIZE / ITEMS_SHARE / ITEM_COST;
    epoll_items_limit = items < INT32_MAX ? (uint32_t)items : INT32_MAX;
}

static struct item *item_of_node(struct tree_node *node)
{
    return container_of(node, struct item, node);
}

/* Ready items */

static bool may_be_ready(struct epoll *epoll)
{
    return __atomic_load_n(&epoll->ready.next, __ATOMIC_RELAXED) != &epoll->ready ||
           __atomic_load_n(&epoll->reporting, __ATOMIC_RELAXED);
}

/* Put the item on the ready list, if it wants any of the events. */
static bool note_ready(struct item *item, unsigned events)
{
    struct epoll *epoll = item->epoll;

    spin_lock(&epoll->ready_lock);
    bool wanted = item->events & ~MODES & events;
    if (wanted && list_empty(&item->ready_link))
        list_push_back(&epoll->ready, &item->ready_link);
    spin_unlock(&epoll->ready_lock);
    return wanted;
}

/* Something has become ready: was there somebody in epoll_wait? */
static bool tell(struct epoll *epoll)
{
    bool waited = wake_one(&epoll->sleepers);

    wake_events(&epoll->pollers, POLLIN | POLLRDNORM);
    return waited;
}

/* The listener (wait_function). */
static bool item_woken(struct waiter *waiter, unsigned events)
{
    struct item *item = container_of(waiter, struct item, waiter);

    return note_ready(item, events) && tell(item->epoll);
}

/* What the file of an item has of the events that are wanted. lock held. */
static unsigned ask(struct item *item)
{
    struct wait_queue *queue = NULL;
    unsigned events = item->file->operations->poll(item->file, &queue);

    return events & item->events & ~MODES;
}

/* Take the first item off a list of ready ones; NULL: it is empty. */
static struct item *take_ready(struct epoll *epoll, struct list *list)
{
    spin_lock(&epoll->ready_lock);
    struct list *link = list_pop_front(list);
    spin_unlock(&epoll->ready_lock);
    return link ? container_of(link, struct item, ready_link) : NULL;
}

/* Put an item back: nothing has been reported, or it is level-triggered. */
static void put_back(struct item *item)
{
    struct epoll *epoll = item->epoll;

    spin_lock(&epoll->ready_lock);
    if (list_empty(&item->ready_link))
        list_push_back(&epoll->ready, &item->ready_link);
    spin_unlock(&epoll->ready_lock);
}

/* An item has been reported: what becomes of it depends on its mode. */
static void reported(struct item *item)
{
    struct epoll *epoll = item->epoll;

    if (item->events & EPOLLONESHOT) {
        spin_lock(&epoll->ready_lock);
        item->events &= MODES;
        spin_unlock(&epoll->ready_lock);
    } else if (!(item->events & EPOLLET)) {
        put_back(item);
    }
}

/* The poll operation: is there really something? Items that have nothing leave the list. */
static unsigned epoll_poll(struct file *file, struct wait_queue **queue)
{
    struct epoll *epoll = file->state;
    struct item *item;
    unsigned events = 0;

    *queue = &epoll->pollers;
    mutex_lock(&epoll->lock);
    while (!events && (item = take_ready(epoll, &epoll->ready))) {
        events = ask(item);
        if (events)
            put_back(item);
    }
    mutex_unlock(&epoll->lock);
    return events ? POLLIN | POLLRDNORM : 0;
}

/* Waiting */

/* Report up to count of the items on batch: how many. It stops where user memory is not mapped, for
 * nothing may be faulted in under the lock. lock held. */
static unsigned report_batch(struct epoll *epoll, struct list *batch, vaddr_t address,
                             unsigned count)
{
    struct item *item;
    unsigned done = 0;

    while (done < count && (item = take_ready(epoll, batch))) {
        struct epoll_event event = {.events = ask(item), .data = item->data};
        vaddr_t place = address + done * sizeof(event);
        if (!event.events)
            continue;
        if (copy_to_user_resident(place, &event, sizeof(event)) < sizeof(event)) {
            put_back(item);
            break;
        }
        reported(item);
        done++;
    }
    return done;
}

/* Report what is ready now: how many events. */
static unsigned report_resident(struct epoll *epoll, vaddr_t address, unsigned count)
{
    struct list batch = LIST_INITIALIZER(batch);

    mutex_lock(&epoll->lock);
    spin_lock(&epoll->ready_lock);
    list_splice_back(&batch, &epoll->ready);
    epoll->reporting = true;
    spin_unlock(&epoll->ready_lock);
    unsigned done = report_batch(epoll, &batch, address, count);
    spin_lock(&epoll->ready_lock);
    list_splice_back(&batch, &epoll->ready); /* the rest first */
    list_splice_back(&epoll->ready, &batch);
    epoll->reporting = false;
    bool more = may_be_ready(epoll);
    spin_unlock(&epoll->ready_lock);
    mutex_unlock(&epoll->lock);
    if (more)
        wake_one(&epoll->sleepers);
    return done;
}

/* The same, and there may be nothing, 0, or -EFAULT. */
static long report(struct epoll *epoll, vaddr_t address, unsigned count)
{
    while (may_be_ready(epoll)) {
        unsigned done = report_resident(epoll, address, count);
        if (done)
            return done;
        if (user_fault_in(address, ACCESS_WRITE) ||
            user_fault_in(address + sizeof(struct epoll_event) - 1, ACCESS_WRITE))
            return -EFAULT;
    }
    return 0;
}

/* A thread that a wake has taken off the queue looks at the list, whatever else ended its sleep:
 * the wake was for it alone. */
long epoll_wait(struct file *set, vaddr_t events, unsigned count, uint64_t deadline)
{
    struct epoll *epoll = set->state;
    struct waiter waiter;
    int error = 0;

    for (;;) {
        long done = report(epoll, events, count);
        if (done)
            return done;
        if (error == -EINTR)
            return -EINTR;
        if (error || deadline <= time_now())
            return 0;
        wait_prepare_exclusive(&epoll->sleepers, &waiter, WAIT_INTERRUPTIBLE);
        if (!may_be_ready(epoll))
            error = wait_sleep(&waiter, WAIT_INTERRUPTIBLE, deadline);
        wait_done(&epoll->sleepers, &waiter);
    }
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

/* It may be ready already, or with other events than before: ask, once it listens. lock held. */
static void look(struct item *item)
{
    if (ask(item)) {
        put_back(item);
        tell(item->epoll);
    }
}

static void start_listening(struct item *item)
{
    struct epoll *epoll = item->epoll;

    mutex_lock(&epoll->lock);
    item->file->operations->poll(item->file, &item->queue);
    if (item->queue)
        wait_listen(item->queue, &item->waiter, item_woken, item->events & EPOLLEXCLUSIVE);
    look(item);
    mutex_unlock(&epoll->lock);
}

bool file_is_epoll(const struct file *file)
{
    return file->operations->poll == epoll_poll;
}

/* Chains of sets. watch_lock is held, so none changes; each set is looked at once a search. */

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

/* May the set watch the file? -ELOOP: a cycle, or too long a chain. */
static int add_allowed(struct epoll *epoll, struct file *file)
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

/* What epoll_ctl does */

int epoll_add(struct file *set, struct file *file, int descriptor, const struct epoll_event *event)
{
    struct epoll *epoll = set->state;
    struct item *item = NULL;

    if ((event->events & EPOLLEXCLUSIVE) && ((event->events & ~EXCLUSIVE_MAY) || epoll_of(file)))
        return -EINVAL;
    mutex_lock(&watch_lock);
    int error = add_allowed(epoll, file);
    if (!error)
        item = add_item(epoll, file, descriptor, event, &error);
    if (item) {
        start_listening(item);
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
        look(item);
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
