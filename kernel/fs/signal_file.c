/*
 * Files that signals are read from (signalfd(2)).
 *
 * Whoever reads gets the signals that are pending for itself, so a file that a fork has handed down
 * has another queue to wait on in the child. As an epoll may go on listening when the process is
 * gone, the file keeps a reference to each process that has waited with it.
 */
#include "fs/signal_file.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/signalfd.h"
#include "core/process.h"
#include "core/signal.h"
#include "fs/anonymous.h"
#include "fs/text.h"
#include "vm/kmem.h"

struct signal_file {
    uint64_t set; /* atomic */
    struct mutex lock;
    struct list waiters; /* (lock) */
};

struct waiting_process {
    struct list link;
    struct process *process; /* referenced */
};

static struct slab_cache file_cache;

void signal_files_init(void)
{
    slab_cache_init(&file_cache, "signal file", sizeof(struct signal_file), 8);
}

static uint64_t set_of(const struct signal_file *file)
{
    return __atomic_load_n(&file->set, __ATOMIC_RELAXED);
}

/* Reading */

static bool is_from_process(const struct signal_information *from)
{
    return from->code == SI_USER || from->code == SI_QUEUE || from->code == SI_TKILL ||
           from->code == SI_MESGQ;
}

/* Which members mean something: sigaction(2). */
static void convert(const struct signal_information *from, struct signalfd_siginfo *to)
{
    *to = (struct signalfd_siginfo){
        .number = (uint32_t)from->number, .error = from->error, .code = from->code};
    if (from->code == SI_TIMER) {
        to->timer = (uint32_t)from->timer;
        to->overrun = (uint32_t)from->overrun;
        to->pointer = from->timer_value;
    } else if (from->number == SIGCHLD || is_from_process(from) || from->code < 0) {
        to->pid = (uint32_t)from->pid;
        to->uid = from->uid;
        to->pointer = from->code < 0 ? from->value : 0;
    } else if (from->number == SIGIO) {
        to->band = (uint32_t)from->band;
        to->descriptor = from->descriptor;
    } else {
        to->address = from->address;
    }
    to->value = (int32_t)to->pointer;
    if (from->number == SIGCHLD && from->code > 0) {
        to->status = from->status;
        to->user_time = (uint64_t)from->user_time;
        to->system_time = (uint64_t)from->system_time;
    }
}

/* Wait until a signal of the set is pending: 0, -EAGAIN, -EINTR. */
static int wait_for_signal(const struct file *file, const struct transfer *transfer)
{
    struct signal_file *signals = file->state;

    if (file_flags(file, transfer) & O_NONBLOCK)
        return -EAGAIN;
    return wait_event_interruptible(&current_process()->signal_arrived,
                                    signal_pending() & set_of(signals));
}

static long signal_read(struct file *file, uint64_t offset, struct transfer *transfer)
{
    struct signal_file *signals = file->state;
    struct signal_information information;
    struct signalfd_siginfo record;
    long done = 0;
    int error = 0;

    (void)offset;
    if (transfer->remaining < sizeof(record))
        return -EINVAL;
    while (!error && transfer->remaining >= sizeof(record)) {
        if (signal_take(set_of(signals), &information)) {
            convert(&information, &record);
            if (transfer_give(transfer, &record, sizeof(record)) < sizeof(record))
                error = -EFAULT;
            else
                done += (long)sizeof(record);
        } else if (done) {
            break;
        } else {
            error = wait_for_signal(file, transfer);
        }
    }
    return done ? done : error;
}

/* Waiting */

/* Keep the current process as long as the file. lock held; false: no memory. */
static bool remember_waiter(struct signal_file *signals)
{
    struct process *process = current_process();

    list_for_each (link, &signals->waiters) {
        if (container_of(link, struct waiting_process, link)->process == process)
            return true;
    }
    struct waiting_process *waiting = kmalloc(sizeof(*waiting));
    if (!waiting)
        return false;
    process_reference(process);
    waiting->process = process;
    list_push_back(&signals->waiters, &waiting->link);
    return true;
}

static unsigned signal_poll(struct file *file, struct wait_queue **queue)
{
    struct signal_file *signals = file->state;

    if (!current_process())
        return 0; /* a thread of the kernel that asks for somebody else: nothing is sent to it */
    mutex_lock(&signals->lock);
    bool kept = remember_waiter(signals);
    mutex_unlock(&signals->lock);
    if (!kept)
        return POLLERR; /* it cannot be waited for */
    *queue = &current_process()->signal_arrived;
    return signal_pending() & set_of(signals) ? POLLIN : 0;
}

static void signal_release(struct file *file)
{
    struct signal_file *signals = file->state;
    struct list *link;

    while ((link = list_pop_front(&signals->waiters))) {
        struct waiting_process *waiting = container_of(link, struct waiting_process, link);
        process_release(waiting->process);
        kfree(waiting);
    }
    slab_free(&file_cache, signals);
}

static void signal_describe(struct file *file, struct text *text)
{
    text_format(text, "sigmask:\t%016lx\n", set_of(file->state));
}

static const struct file_operations signal_operations = {.read = signal_read,
                                                         .stays = true,
                                                         .read_nowait = true,
                                                         .poll = signal_poll,
                                                         .describe = signal_describe,
                                                         .release = signal_release};

bool file_is_signal(const struct file *file)
{
    return file->operations == &signal_operations;
}

struct file *signal_file_create(uint64_t set, uint32_t flags)
{
    struct signal_file *signals = slab_allocate(&file_cache);

    if (!signals)
        return NULL;
    signals->set = set;
    mutex_init(&signals->lock, "signal file", RANK_NONE);
    list_init(&signals->waiters);
    struct file *file =
        anonymous_file(ANONYMOUS_SIGNAL, &signal_operations, signals, O_RDWR | flags);
    if (!file)
        slab_free(&file_cache, signals);
    return file;
}

void signal_file_set(struct file *file, uint64_t set)
{
    struct signal_file *signals = file->state;

    __atomic_store_n(&signals->set, set, __ATOMIC_SEQ_CST);
    wake_events(&current_process()->signal_arrived, POLLIN);
}
