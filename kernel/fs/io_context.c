/*
 * Contexts of asynchronous I/O (io_context.h).
 *
 *    page 0:  header | event 0 | event 1 | ...      page 1:  event 127 | ...
 *
 * The kernel writes events from tail on, the program or io_context_take moves head. The program can
 * write anything into the header; the kernel believes it nothing but head, modulo the number of
 * places.
 */
#include "fs/io_context.h"
#include "abi/errno.h"
#include "abi/poll.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/event.h"
#include "fs/file.h"
#include "fs/io_poll.h"
#include "vm/aspace.h"
#include "vm/kmem.h"
#include "vm/object.h"

#define EVENTS_PER_PAGE (PAGE_SIZE / sizeof(struct io_event))
#define REQUESTS_LEAST  16u /* as Linux for four processors: rings are not smaller */
#define REQUESTS_LIMIT  (0x10000000u / sizeof(struct io_event))

uint64_t io_requests, io_requests_most = 65536;

static struct mutex contexts_lock;

void io_context_init(void)
{
    mutex_init(&contexts_lock, "io contexts", RANK_NONE);
    io_poll_init();
}

static struct io_ring *ring_of(const struct io_context *context)
{
    return page_data(context->pages[0]);
}

/* The header takes the place of an event. */
static struct io_event *place(const struct io_context *context, unsigned index)
{
    struct io_event *events = page_data(context->pages[(index + 1) / EVENTS_PER_PAGE]);
    return &events[(index + 1) % EVENTS_PER_PAGE];
}

static unsigned head_of(const struct io_context *context)
{
    return __atomic_load_n(&ring_of(context)->head, __ATOMIC_ACQUIRE) % context->count;
}

static unsigned tail_of(const struct io_context *context)
{
    return __atomic_load_n(&context->tail, __ATOMIC_ACQUIRE);
}

/* Life */

static void free_context(struct io_context *context)
{
    for (unsigned i = 0; context->pages && i < context->page_count && context->pages[i]; i++)
        page_release(context->pages[i]);
    kfree(context->pages);
    if (context->object)
        object_release(context->object);
    kfree(context);
}

void io_context_reference(struct io_context *context)
{
    __atomic_fetch_add(&context->references, 1, __ATOMIC_RELAXED);
}

void io_context_release(struct io_context *context)
{
    if (__atomic_fetch_sub(&context->references, 1, __ATOMIC_ACQ_REL) == 1)
        free_context(context);
}

/* Get the memory of the ring, which stays where it is by the references. */
static int make_ring(struct io_context *context)
{
    context->pages = kmalloc_zeroed(context->page_count * sizeof(*context->pages));
    context->object = object_create_anonymous(context->page_count * PAGE_SIZE, true);
    if (!context->pages || !context->object)
        return -ENOMEM;
    for (unsigned i = 0; i < context->page_count; i++) {
        int error = object_get_page(context->object, i, &context->pages[i]);
        if (error)
            return error;
    }
    *ring_of(context) = (struct io_ring){.count = context->count,
                                         .magic = IO_RING_MAGIC,
                                         .compatible = IO_RING_COMPATIBLE,
                                         .header_length = sizeof(struct io_ring)};
    return 0;
}

/* As Linux: twice as many places as were asked for, and what the last page has room for. */
static struct io_context *make_context(unsigned requests)
{
    struct io_context *context = kmalloc_zeroed(sizeof(*context));
    unsigned count = (requests > REQUESTS_LEAST ? requests : REQUESTS_LEAST) * 2 + 2;
    if (!context)
        return NULL;
    context->page_count = (unsigned)(count / EVENTS_PER_PAGE + 1);
    context->count = (unsigned)(context->page_count * EVENTS_PER_PAGE - 1);
    context->requests = requests;
    context->references = 1;
    list_init(&context->polls);
    mutex_init(&context->taking, "io events", RANK_NONE);
    spin_init(&context->lock, "io context", RANK_DEVICE);
    wait_queue_init(&context->changed, "io events");
    if (make_ring(context)) {
        free_context(context);
        return NULL;
    }
    return context;
}

static int map_ring(struct io_context *context)
{
    const struct map_request request = {
        .length = context->page_count * PAGE_SIZE,
        .access = ACCESS_READ | ACCESS_WRITE,
        .max_access = ACCESS_READ | ACCESS_WRITE,
        .flags = MAPPING_SHARED,
        .object = context->object,
        .name = "/[aio] (deleted)",
    };
    return aspace_map(current_thread()->aspace, &request, &context->address);
}

/* Count the requests of a context, if there may be so many more. */
static bool count_requests(unsigned requests)
{
    uint64_t most = __atomic_load_n(&io_requests_most, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&io_requests, requests, __ATOMIC_RELAXED) <= most)
        return true;
    __atomic_sub_fetch(&io_requests, requests, __ATOMIC_RELAXED);
    return false;
}

int io_context_create(unsigned requests, uint64_t *id)
{
    if (requests == 0 || requests > REQUESTS_LIMIT / 2)
        return -EINVAL;
    if (!count_requests(requests))
        return -EAGAIN;
    struct io_context *context = make_context(requests);
    int error = context ? map_ring(context) : -ENOMEM;
    if (error) {
        if (context)
            free_context(context);
        __atomic_sub_fetch(&io_requests, requests, __ATOMIC_RELAXED);
        return error;
    }
    *id = context->address;
    mutex_lock(&contexts_lock);
    list_push_front(&current_process()->io_contexts, &context->link);
    mutex_unlock(&contexts_lock);
    return 0;
}

struct io_context *io_context_get(uint64_t id)
{
    struct io_context *found = NULL;
    mutex_lock(&contexts_lock);
    list_for_each (link, &current_process()->io_contexts) {
        struct io_context *context = container_of(link, struct io_context, link);
        if (context->address == id) {
            io_context_reference(context);
            found = context;
            break;
        }
    }
    mutex_unlock(&contexts_lock);
    return found;
}

/* Requests */

int io_context_begin(struct io_context *context)
{
    spin_lock(&context->lock);
    unsigned used = (context->tail + context->count - head_of(context)) % context->count;
    bool room = used + context->pending < context->count - 1;
    if (room)
        __atomic_store_n(&context->pending, context->pending + 1, __ATOMIC_RELAXED);
    spin_unlock(&context->lock);
    return room ? 0 : -EAGAIN;
}

void io_context_give_up(struct io_context *context)
{
    spin_lock(&context->lock);
    __atomic_store_n(&context->pending, context->pending - 1, __ATOMIC_RELAXED);
    spin_unlock(&context->lock);
    wake_all(&context->changed);
}

void io_context_complete(const struct io_request *request, int64_t result)
{
    struct io_context *context = request->context;
    spin_lock(&context->lock);
    *place(context, context->tail) = (struct io_event){request->data, request->iocb, result, 0};
    __atomic_store_n(&context->tail, (context->tail + 1) % context->count, __ATOMIC_RELEASE);
    __atomic_store_n(&ring_of(context)->tail, context->tail, __ATOMIC_RELEASE);
    __atomic_store_n(&context->pending, context->pending - 1, __ATOMIC_RELAXED);
    spin_unlock(&context->lock);
    wake_all(&context->changed);
    if (request->event) {
        event_count(request->event);
        file_release(request->event);
    }
    file_release(request->file);
    io_context_release(context);
}

/* Events */

bool io_context_has_events(struct io_context *context)
{
    return __atomic_load_n(&context->dead, __ATOMIC_RELAXED) ||
           head_of(context) != tail_of(context);
}

long io_context_take(struct io_context *context, uint64_t address, unsigned count)
{
    unsigned taken = 0;
    mutex_lock(&context->taking);
    unsigned head = head_of(context), tail = tail_of(context);
    while (taken < count && head != tail &&
           copy_to_user(address + taken * sizeof(struct io_event), place(context, head),
                        sizeof(struct io_event)) == 0) {
        head = (head + 1) % context->count;
        taken++;
    }
    bool fault = taken < count && head != tail;
    if (taken)
        __atomic_store_n(&ring_of(context)->head, head, __ATOMIC_RELEASE);
    mutex_unlock(&context->taking);
    if (taken)
        return taken;
    return fault ? -EFAULT : __atomic_load_n(&context->dead, __ATOMIC_RELAXED) ? -EINVAL : 0;
}

/* The end */

/* The context is on no list any more. Who waits for events is woken; requests that wait for
 * something are ended, others end by themselves. */
static void end(struct io_context *context)
{
    __atomic_store_n(&context->dead, true, __ATOMIC_SEQ_CST);
    io_poll_end_all(context);
    wake_all(&context->changed);
    (void)wait_event_killable(&context->changed,
                              !__atomic_load_n(&context->pending, __ATOMIC_RELAXED));
    __atomic_sub_fetch(&io_requests, context->requests, __ATOMIC_RELAXED);
    io_context_release(context);
}

int io_context_destroy(struct io_context *context)
{
    mutex_lock(&contexts_lock);
    bool first = !list_empty(&context->link);
    list_remove(&context->link);
    mutex_unlock(&contexts_lock);
    if (!first)
        return -EINVAL;
    /* If the program has put something else there, that goes, as on Linux. */
    (void)aspace_unmap(current_thread()->aspace, context->address, context->page_count * PAGE_SIZE);
    end(context);
    return 0;
}

void io_context_end_all(struct process *process)
{
    struct list *link;
    for (;;) {
        mutex_lock(&contexts_lock);
        link = list_pop_front(&process->io_contexts);
        mutex_unlock(&contexts_lock);
        if (!link)
            break;
        end(container_of(link, struct io_context, link));
    }
}
