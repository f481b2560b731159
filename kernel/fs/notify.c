/*
 * inotify(7) (notify.h).
 *
 *   vnode --watches--> watch --> queue of an inotify file: events, in order
 *
 * All of it is under notify_lock: that nothing sleeps under it, and that events of several files
 * keep their order, is worth more here than harts that notify at the same time.
 */
#include "fs/notify.h"
#include "abi/device.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "arch/riscv/hart.h"
#include "core/credentials.h"
#include "fs/anonymous.h"
#include "fs/name_cache.h"
#include "fs/path.h"
#include "fs/text.h"
#include "fs/volume.h"
#include "lib/string.h"
#include "vm/kmem.h"

struct event {
    struct list link;
    struct inotify_event header;
    char name[]; /* header.length bytes, padded with NUL */
};

struct notify {
    struct credentials *maker; /* whose account is charged */
    struct list watches;       /* (notify_lock), like all the rest */
    struct list events;        /* the oldest one first */
    unsigned count, limit;     /* of events */
    uint64_t size;             /* of what they are when they are read */
    int last_number;           /* of a watch */
    struct event overflow;     /* queued when events are lost */
    struct wait_queue arrived; /* events is not empty */
};

struct watch {
    struct list vnode_link;  /* vnode->watches */
    struct list notify_link; /* notify->watches */
    struct notify *notify;
    struct vnode *vnode;
    int number;
    uint32_t mask;
};

uint32_t notify_watches, notify_events_limit = 16384, notify_files_limit = 128,
                         notify_watches_limit;
static struct spinlock notify_lock;
static struct slab_cache notify_cache, watch_cache;
static uint32_t last_cookie; /* atomic */

/* Watches of a user, as Linux has it: so many that they take a hundredth of memory. */
#define WATCH_COST    1024u
#define WATCHES_LEAST 8192u
#define WATCHES_MOST  1048576u

void notify_init(void)
{
    spin_init(&notify_lock, "inotify", RANK_DEVICE);
    slab_cache_init(&notify_cache, "inotify", sizeof(struct notify), 8);
    slab_cache_init(&watch_cache, "watch", sizeof(struct watch), 8);
    uint64_t watches = page_count_total() * PAGE_SIZE / 100 / WATCH_COST;
    if (watches < WATCHES_LEAST)
        watches = WATCHES_LEAST;
    notify_watches_limit = watches < WATCHES_MOST ? (uint32_t)watches : WATCHES_MOST;
}

/* One more of what a user has: false: there are as many as there may be. */
static bool count_one(uint32_t *number, const uint32_t *limit)
{
    if (__atomic_add_fetch(number, 1, __ATOMIC_RELAXED) <= __atomic_load_n(limit, __ATOMIC_RELAXED))
        return true;
    __atomic_fetch_sub(number, 1, __ATOMIC_RELAXED);
    return false;
}

static struct event *event_of(struct list *link)
{
    return container_of(link, struct event, link);
}

/* Events. notify_lock is held. */

static size_t event_size(const struct event *event)
{
    return sizeof(event->header) + event->header.length;
}

static struct event *new_event(const struct watch *watch, uint32_t mask, uint32_t cookie,
                               const struct name *name)
{
    uint32_t unit = sizeof(struct inotify_event), length = 0;

    if (name)
        length = (name->length + 1 + unit - 1) / unit * unit;
    struct event *event = kmalloc_zeroed(sizeof(*event) + length);
    if (!event)
        return NULL;
    event->header = (struct inotify_event){watch->number, mask, cookie, length};
    if (name)
        memcpy(event->name, name->bytes, name->length);
    return event;
}

static bool is_same(const struct event *a, const struct event *b)
{
    return a->header.mask == b->header.mask && a->header.watch == b->header.watch &&
           a->header.length == b->header.length && memcmp(a->name, b->name, a->header.length) == 0;
}

/* Is the last event the same, so that a reader need not be told once more? */
static bool is_repeated(const struct notify *notify, const struct event *event)
{
    if (list_empty(&notify->events) || (event->header.mask & IN_IGNORED))
        return false;
    return is_same(event_of(notify->events.previous), event);
}

static void append(struct notify *notify, struct event *event)
{
    list_push_back(&notify->events, &event->link);
    notify->count++;
    notify->size += event_size(event);
}

/* Queue an event; instead of what finds no place, one event tells that some are lost. */
static void queue_event(struct watch *watch, uint32_t mask, uint32_t cookie,
                        const struct name *name)
{
    struct notify *notify = watch->notify;
    struct event *event = NULL;

    if (notify->count < notify->limit)
        event = new_event(watch, mask, cookie, name);
    if (event && is_repeated(notify, event)) {
        kfree(event);
        return;
    }
    if (event)
        append(notify, event);
    else if (list_empty(&notify->overflow.link))
        append(notify, &notify->overflow);
    wake_events(&notify->arrived, POLLIN | POLLRDNORM);
}

static void end_watch(struct watch *watch)
{
    queue_event(watch, IN_IGNORED, 0, NULL);
    list_remove(&watch->vnode_link);
    list_remove(&watch->notify_link);
    __atomic_fetch_sub(&watch->notify->maker->account->watches, 1, __ATOMIC_RELAXED);
    slab_free(&watch_cache, watch);
    __atomic_fetch_sub(&notify_watches, 1, __ATOMIC_RELEASE);
}

/* Tell those who watch the vnode, and want to know. removed: it is said of a name that is gone. */
static void tell_watches(struct vnode *vnode, uint32_t mask, uint32_t cookie,
                         const struct name *name, bool removed)
{
    list_for_each_safe (link, &vnode->watches) {
        struct watch *watch = container_of(link, struct watch, vnode_link);
        if (!(watch->mask & mask & IN_ALL_EVENTS))
            continue;
        if (removed && (watch->mask & IN_EXCL_UNLINK))
            continue;
        queue_event(watch, mask, cookie, name);
        if (watch->mask & IN_ONESHOT)
            end_watch(watch);
    }
}

/* What others call. notify_lock is not held. */

static uint32_t with_type(const struct vnode *vnode, uint32_t mask)
{
    return vnode_type(vnode) == S_IFDIR ? mask | IN_ISDIR : mask;
}

static void tell(struct vnode *vnode, uint32_t mask, uint32_t cookie, const struct name *name,
                 bool removed)
{
    spin_lock(&notify_lock);
    tell_watches(vnode, mask, cookie, name, removed);
    spin_unlock(&notify_lock);
}

void notify_self(struct vnode *vnode, unsigned event)
{
    if (notify_anybody())
        tell(vnode, with_type(vnode, event), 0, NULL, false);
}

void notify_happened(struct vnode *vnode, unsigned event)
{
    char bytes[NAME_MAX];
    struct name name = {bytes, 0};
    uint32_t mask = with_type(vnode, event);
    bool removed = false;
    struct vnode *parent = NULL;

    if (vnode->volume)
        parent = name_cache_reverse(vnode, bytes, &name.length, &removed);
    if (parent) {
        tell(parent, mask, 0, &name, removed);
        vnode_release(parent);
    }
    tell(vnode, mask, 0, NULL, false);
}

void notify_name_changed(struct vnode *directory, const struct name *name, struct vnode *target,
                         unsigned event, uint32_t cookie)
{
    tell(directory, target ? with_type(target, event) : event, cookie, name, false);
}

void notify_moved(struct vnode *from, const struct name *from_name, struct vnode *to,
                  const struct name *to_name, struct vnode *source, struct vnode *target)
{
    if (!notify_anybody())
        return;
    uint32_t cookie = __atomic_add_fetch(&last_cookie, 1, __ATOMIC_RELAXED);
    notify_name_changed(from, from_name, source, IN_MOVED_FROM, cookie);
    notify_name_changed(to, to_name, source, IN_MOVED_TO, cookie);
    if (target)
        notify_self(target, IN_ATTRIB);
    tell(source, IN_MOVE_SELF, 0, NULL, false);
}

void notify_gone(struct vnode *vnode)
{
    struct list *link;

    spin_lock(&notify_lock);
    while ((link = list_first(&vnode->watches))) {
        struct watch *watch = container_of(link, struct watch, vnode_link);
        uint32_t event = vnode->links ? IN_UNMOUNT : watch->mask & IN_DELETE_SELF;
        if (event)
            queue_event(watch, event, 0, NULL);
        end_watch(watch);
    }
    spin_unlock(&notify_lock);
}

/* The file */

static bool has_events(const struct notify *notify)
{
    return __atomic_load_n(&notify->count, __ATOMIC_RELAXED);
}

/* Take the first event if it is not larger than size: NULL and 0: there is none, -EINVAL: it is. */
static struct event *take_event(struct notify *notify, size_t size, int *error)
{
    struct event *event = NULL;

    *error = 0;
    spin_lock(&notify_lock);
    if (has_events(notify)) {
        event = event_of(notify->events.next);
        if (event_size(event) <= size) {
            list_remove(&event->link);
            notify->count--;
            notify->size -= event_size(event);
        } else {
            event = NULL;
            *error = -EINVAL;
        }
    }
    spin_unlock(&notify_lock);
    return event;
}

/* Give the event to the reader, and free it: bytes, or -EFAULT. */
static long give_event(struct notify *notify, struct event *event, struct transfer *transfer)
{
    size_t size = event_size(event);
    bool whole = transfer_give(transfer, &event->header, size) == size;

    if (event != &notify->overflow)
        kfree(event);
    return whole ? (long)size : -EFAULT;
}

static long notify_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct notify *notify = file->state;
    long done = 0, given;
    int error;

    (void)offset;
    for (;;) {
        struct event *event = take_event(notify, transfer->remaining, &error);
        if (event) {
            given = give_event(notify, event, transfer);
            if (given < 0)
                return done ? done : given;
            done += given;
        } else if (done || error) {
            return done ? done : error;
        } else if (file->flags & O_NONBLOCK) {
            return -EAGAIN;
        } else if (wait_event_interruptible(&notify->arrived, has_events(notify))) {
            return -EINTR;
        }
    }
}

static long notify_control(struct file *file, unsigned request, uint64_t argument)
{
    struct notify *notify = file->state;
    int size = (int)__atomic_load_n(&notify->size, __ATOMIC_RELAXED);

    return request == FIONREAD ? copy_to_user(argument, &size, sizeof(size)) : -ENOTTY;
}

static unsigned notify_poll(struct file *file, struct wait_queue **queue)
{
    struct notify *notify = file->state;

    *queue = &notify->arrived;
    return has_events(notify) ? POLLIN | POLLRDNORM : 0;
}

static void free_notify(struct notify *notify)
{
    __atomic_fetch_sub(&notify->maker->account->notifies, 1, __ATOMIC_RELAXED);
    credentials_release(notify->maker);
    slab_free(&notify_cache, notify);
}

static void notify_release(struct file *file)
{
    struct notify *notify = file->state;
    struct list *link;

    spin_lock(&notify_lock);
    while ((link = list_first(&notify->watches)))
        end_watch(container_of(link, struct watch, notify_link));
    spin_unlock(&notify_lock);
    while ((link = list_pop_front(&notify->events))) {
        if (event_of(link) != &notify->overflow)
            kfree(event_of(link));
    }
    free_notify(notify);
}

/* What is shown of a watch. */
struct watch_info {
    int number;
    uint32_t mask, device;
    uint64_t inode;
};

/* Linux's own form of a device number. */
static uint32_t long_device(uint64_t device)
{
    return device_major(device) << 20 | device_minor(device);
}

/* Tell of up to capacity watches, the newest first: how many there are. */
static unsigned list_watches(struct notify *notify, struct watch_info *list, unsigned capacity)
{
    unsigned count = 0;

    spin_lock(&notify_lock);
    list_for_each (link, &notify->watches) {
        const struct watch *watch = container_of(link, struct watch, notify_link);
        const struct volume *volume = watch->vnode->volume;
        if (count++ < capacity)
            list[capacity - count] = (struct watch_info){
                watch->number, watch->mask, volume ? long_device(volume->device_number) : 0,
                watch->vnode->number};
    }
    spin_unlock(&notify_lock);
    return count;
}

static void notify_describe(struct file *file, struct text *text)
{
    unsigned capacity = list_watches(file->state, NULL, 0);
    struct watch_info *list = kmalloc(capacity * sizeof(*list) + 1);

    if (!list) {
        text->error = -ENOMEM;
        return;
    }
    unsigned count = list_watches(file->state, list, capacity);
    for (unsigned n = count < capacity ? capacity - count : 0; n < capacity; n++)
        text_format(text, "inotify wd:%x ino:%lx sdev:%x mask:%x ignored_mask:0 \n",
                    (unsigned)list[n].number, list[n].inode, list[n].device, list[n].mask);
    kfree(list);
}

static const struct file_operations notify_operations = {.read = notify_read,
                                                         .stays = true,
                                                         .control = notify_control,
                                                         .poll = notify_poll,
                                                         .describe = notify_describe,
                                                         .release = notify_release,
                                                         .tells = true};

bool file_is_notify(const struct file *file)
{
    return file->operations == &notify_operations;
}

int notify_create(uint32_t flags, struct file **file)
{
    const struct credentials *maker = credentials_current();
    struct notify *notify = slab_allocate_zeroed(&notify_cache);

    if (!notify)
        return -ENOMEM;
    if (!count_one(&maker->account->notifies, &notify_files_limit)) {
        slab_free(&notify_cache, notify);
        return -EMFILE;
    }
    notify->maker = credentials_reference(maker);
    list_init(&notify->watches);
    notify->limit = __atomic_load_n(&notify_events_limit, __ATOMIC_RELAXED);
    list_init(&notify->events);
    list_init(&notify->overflow.link);
    notify->overflow.header = (struct inotify_event){-1, IN_Q_OVERFLOW, 0, 0};
    wait_queue_init(&notify->arrived, "inotify");
    *file = anonymous_file(ANONYMOUS_NOTIFY, &notify_operations, notify, O_RDONLY | flags);
    if (*file)
        return 0;
    free_notify(notify);
    return -ENOMEM;
}

/* Watches */

static struct watch *find_watch(struct notify *notify, const struct vnode *vnode)
{
    list_for_each (link, &vnode->watches) {
        struct watch *watch = container_of(link, struct watch, vnode_link);
        if (watch->notify == notify)
            return watch;
    }
    return NULL;
}

/* Make spare the watch, or change the one that there is: its number, -EEXIST, -ENOSPC. *spare
 * becomes NULL if it is used. */
static int set_watch(struct notify *notify, struct vnode *vnode, uint32_t mask,
                     struct watch **spare)
{
    struct watch *watch = find_watch(notify, vnode);
    uint32_t kept = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);

    if (watch && (mask & IN_MASK_CREATE))
        return -EEXIST;
    if (watch) {
        watch->mask = mask & IN_MASK_ADD ? watch->mask | kept : kept;
        return watch->number;
    }
    if (!count_one(&notify->maker->account->watches, &notify_watches_limit))
        return -ENOSPC;
    watch = *spare;
    *spare = NULL;
    watch->notify = notify;
    watch->vnode = vnode;
    watch->mask = kept;
    watch->number = ++notify->last_number;
    list_push_back(&vnode->watches, &watch->vnode_link);
    list_push_back(&notify->watches, &watch->notify_link);
    __atomic_fetch_add(&notify_watches, 1, __ATOMIC_RELAXED);
    return watch->number;
}

int notify_add_watch(struct file *file, struct vnode *vnode, uint32_t mask)
{
    struct watch *spare = slab_allocate_zeroed(&watch_cache);

    if (!spare)
        return -ENOMEM;
    spin_lock(&notify_lock);
    int number = set_watch(file->state, vnode, mask, &spare);
    spin_unlock(&notify_lock);
    if (spare)
        slab_free(&watch_cache, spare);
    return number;
}

int notify_remove_watch(struct file *file, int number)
{
    struct notify *notify = file->state;
    int error = -EINVAL;

    spin_lock(&notify_lock);
    list_for_each_safe (link, &notify->watches) {
        struct watch *watch = container_of(link, struct watch, notify_link);
        if (watch->number == number) {
            end_watch(watch);
            error = 0;
            break;
        }
    }
    spin_unlock(&notify_lock);
    return error;
}
