/* Event counters (eventfd(2)): a number that writes add to, and reads take away. */
#include "fs/event.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "fs/anonymous.h"
#include "fs/text.h"
#include "vm/kmem.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct event {
    struct spinlock lock;
    uint64_t count; /* (lock) also read without it */
    bool semaphore;
    struct wait_queue changed;
};

static struct slab_cache event_cache;

void event_init(void)
{
    slab_cache_init(&event_cache, "event counter", sizeof(struct event), 8);
}

static uint64_t count_of(const struct event *event)
{
    return __atomic_load_n(&event->count, __ATOMIC_RELAXED);
}

/* Take what a read gets: 0 if there is nothing. */
static uint64_t take(struct event *event)
{
    spin_lock(&event->lock);
    uint64_t taken = event->semaphore && event->count ? 1 : event->count;
    event->count -= taken;
    spin_unlock(&event->lock);
    return taken;
}

static long event_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct event *event = file->state;
    uint64_t taken;

    (void)offset;
    if (transfer->remaining < sizeof(taken))
        return -EINVAL;
    while (!(taken = take(event))) {
        if (file_flags(file, transfer) & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event_interruptible(&event->changed, count_of(event)))
            return -EINTR;
    }
    wake_events(&event->changed, POLLOUT);
    return transfer_give(transfer, &taken, sizeof(taken)) == sizeof(taken) ? (long)sizeof(taken)
                                                                           : -EFAULT;
}

/* Add a number, if it fits. */
static bool add(struct event *event, uint64_t number)
{
    spin_lock(&event->lock);
    bool fits = number <= COUNT_MAX - event->count;
    if (fits)
        event->count += number;
    spin_unlock(&event->lock);
    return fits;
}

static long event_write(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct event *event = file->state;
    uint64_t number;

    (void)offset;
    if (transfer->remaining != sizeof(number))
        return -EINVAL;
    if (transfer_take(transfer, &number, sizeof(number)) < sizeof(number))
        return -EFAULT;
    if (number > COUNT_MAX)
        return -EINVAL;
    while (!add(event, number)) {
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event_interruptible(&event->changed, number <= COUNT_MAX - count_of(event)))
            return -EINTR;
    }
    wake_events(&event->changed, POLLIN);
    return sizeof(number);
}

static unsigned event_poll(struct file *file, struct wait_queue **queue)
{
    struct event *event = file->state;
    uint64_t count = count_of(event);

    *queue = &event->changed;
    return (count ? POLLIN : 0) | (count < COUNT_MAX ? POLLOUT : 0);
}

static void event_describe(struct file *file, struct text *text)
{
    const struct event *event = file->state;

    text_format(text, "eventfd-count: %16lx\neventfd-semaphore: %d\n", count_of(event),
                event->semaphore);
}

static void event_release(struct file *file)
{
    slab_free(&event_cache, file->state);
}

static const struct file_operations event_operations = {.read = event_read,
                                                        .stays = true,
                                                        .read_nowait = true,
                                                        .write = event_write,
                                                        .poll = event_poll,
                                                        .describe = event_describe,
                                                        .release = event_release};

struct file *event_create(uint64_t count, bool semaphore, uint32_t flags)
{
    struct event *event = slab_allocate_zeroed(&event_cache);

    if (!event)
        return NULL;
    spin_init(&event->lock, "event counter", RANK_DEVICE);
    wait_queue_init(&event->changed, "event counter");
    event->count = count;
    event->semaphore = semaphore;
    struct file *file = anonymous_file(ANONYMOUS_EVENT, &event_operations, event, O_RDWR | flags);
    if (!file)
        slab_free(&event_cache, event);
    return file;
}

bool file_is_event(const struct file *file)
{
    return file->operations == &event_operations;
}

void event_count(struct file *file)
{
    struct event *event = file->state;

    if (add(event, 1))
        wake_events(&event->changed, POLLIN);
}
