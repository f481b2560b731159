/* Waiting for one of many files (poll_wait.h). */
#include "sys/poll_wait.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/personality.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "fs/file.h"
#include "sys/convert.h"
#include "vm/kmem.h"

#define ALWAYS       (POLLERR | POLLHUP)
#define ALWAYS_READY (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

/* Waiting */

/* What an entry wants has come: the listener on its file's queue (wait_function). */
static bool entry_woken(struct waiter *waiter, unsigned events)
{
    struct poll_entry *entry = container_of(waiter, struct poll_entry, waiter);

    if (!(events & (entry->events | ALWAYS)))
        return false;
    __atomic_store_n(&entry->poll->triggered, true, __ATOMIC_SEQ_CST);
    scheduler_wake(entry->poll->thread);
    return true;
}

static inline unsigned ask_file(struct file *file, unsigned events)
{
    const struct file_operations *operations = file->operations;
    struct wait_queue *queue;
    unsigned ready = operations->poll ? operations->poll(file, &queue) : ALWAYS_READY;

    return ready & (events | ALWAYS);
}

/* Not inlined, so that poll_ask saves no registers for it. */
static __attribute__((noinline)) unsigned ask_held(int descriptor, unsigned events)
{
    struct file *file = file_get(descriptor);

    if (!file)
        return POLLNVAL;
    unsigned ready = file->flags & O_PATH ? POLLNVAL : ask_file(file, events);
    file_release(file);
    return ready;
}

unsigned poll_ask(int descriptor, unsigned events, bool own)
{
    if (!own)
        return ask_held(descriptor, events);
    struct file *file = file_look(descriptor);
    return file && !(file->flags & O_PATH) ? ask_file(file, events) : POLLNVAL;
}

/* Ask all files: how many have something. */
static unsigned ask(struct poll *poll)
{
    unsigned ready = 0;

    for (unsigned i = 0; i < poll->count; i++) {
        struct poll_entry *entry = poll_entry_at(poll, i);
        if (entry->file)
            entry->returned = ask_file(entry->file, entry->events);
        ready += entry->returned != 0;
    }
    return ready;
}

static void listen_to(struct poll *poll, struct poll_entry *entry)
{
    const struct file_operations *operations = entry->file->operations;

    entry->poll = poll;
    if (operations->poll)
        operations->poll(entry->file, &entry->queue);
    if (entry->queue)
        wait_listen(entry->queue, &entry->waiter, entry_woken, false);
}

static void start_listening(struct poll *poll)
{
    for (unsigned i = 0; i < poll->count; i++) {
        if (poll_entry_at(poll, i)->file)
            listen_to(poll, poll_entry_at(poll, i));
    }
}

static void stop_listening(struct poll *poll)
{
    for (unsigned i = 0; i < poll->count; i++) {
        struct poll_entry *entry = poll_entry_at(poll, i);
        if (entry->queue)
            wait_ignore(entry->queue, &entry->waiter);
    }
}

/* Sleep until a listener is called: 0, -EINTR or -ETIMEDOUT. The wake may be used up by a lock that
 * was waited for since, so triggered tells. */
static int sleep_until_triggered(struct poll *poll, uint64_t deadline)
{
    int error = 0;

    while (!error && !__atomic_load_n(&poll->triggered, __ATOMIC_SEQ_CST))
        error = wait_sleep(NULL, WAIT_INTERRUPTIBLE, deadline);
    return error;
}

long poll_wait(struct poll *poll, uint64_t deadline)
{
    unsigned ready;
    int error = 0;

    poll->thread = current_thread();
    start_listening(poll);
    while (!(ready = ask(poll)) && !error) {
        error = sleep_until_triggered(poll, deadline);
        __atomic_store_n(&poll->triggered, false, __ATOMIC_SEQ_CST);
    }
    stop_listening(poll);
    return ready || error != -EINTR ? (long)ready : -EINTR;
}

/* Entries */

/* It is not zeroed: an entry is filled in when it is opened. */
int poll_reserve(struct poll *poll, unsigned count)
{
    unsigned pieces = (count + POLL_PIECE - 1) / POLL_PIECE;

    poll->pieces = pieces > 1 ? kmalloc(pieces * sizeof(struct poll_entry *)) : &poll->only;
    if (!poll->pieces)
        return -ENOMEM;
    for (; poll->piece_count < pieces; poll->piece_count++) {
        unsigned left = count - poll->piece_count * POLL_PIECE;
        unsigned size = left < POLL_PIECE ? left : POLL_PIECE;
        struct poll_entry *piece = kmalloc(size * sizeof(*piece));
        if (!piece)
            return -ENOMEM;
        poll->pieces[poll->piece_count] = piece;
    }
    return 0;
}

struct poll_entry *poll_open(struct poll *poll, int descriptor, unsigned events)
{
    struct poll_entry *entry = poll_entry_at(poll, poll->count++);

    entry->descriptor = descriptor;
    entry->events = events;
    entry->returned = 0;
    entry->queue = NULL;
    entry->file = file_get(descriptor);
    if (entry->file && (entry->file->flags & O_PATH)) {
        file_release(entry->file);
        entry->file = NULL;
    }
    return entry;
}

void poll_close(struct poll *poll)
{
    for (unsigned i = 0; i < poll->count; i++) {
        if (poll_entry_at(poll, i)->file)
            file_release(poll_entry_at(poll, i)->file);
    }
    for (unsigned i = 0; i < poll->piece_count; i++)
        kfree(poll->pieces[i]);
    if (poll->pieces != &poll->only)
        kfree(poll->pieces);
}

/* Deadlines */

/* The clock need not be read for a call that does not wait. */
static uint64_t deadline_after(uint64_t duration)
{
    uint64_t now = duration ? time_now() : 0;
    return duration < WAIT_FOREVER - now ? now + duration : WAIT_FOREVER;
}

int poll_read_deadline(vaddr_t timeout, uint64_t *deadline)
{
    struct thread *thread = current_thread();
    uint64_t duration, repeated = thread->sleep_deadline;
    int error = 0;

    thread->sleep_deadline = 0;
    *deadline = WAIT_FOREVER;
    if (timeout)
        error = timespec_from_user(timeout, &duration);
    if (timeout && !error)
        *deadline = deadline_after(duration);
    if (repeated && !error)
        *deadline = repeated;
    return error;
}

void poll_write_rest(vaddr_t timeout, uint64_t deadline, long result)
{
    if (!timeout || (current_process()->personality & STICKY_TIMEOUTS))
        return;
    uint64_t now = deadline ? time_now() : 0;
    if (result == -EINTR)
        current_thread()->sleep_deadline = deadline;
    /* Where it cannot be written, there is nobody to tell. */
    (void)timespec_to_user(timeout, deadline > now ? deadline - now : 0);
}
