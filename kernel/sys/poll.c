/*
 * ppoll(2) and pselect6(2).
 *
 * Each file is asked what is ready. If nothing is, the thread joins the wait queues of all of them,
 * asks once more, so that nothing that came in between is missed, and sleeps.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/signal.h"
#include "core/time.h"
#include "fs/file.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "sys/convert.h"
#include "sys/table.h"
#include "vm/kmem.h"

#define ALWAYS       (POLLERR | POLLHUP)
#define ALWAYS_READY (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

/* What each set of pselect6 asks for. */
#define READ_EVENTS      (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define WRITE_EVENTS     (POLLWRNORM | POLLWRBAND | POLLOUT | POLLERR)
#define EXCEPTION_EVENTS POLLPRI

struct poll_entry {
    struct file *file; /* referenced; NULL: none, returned is set already */
    int descriptor;
    unsigned events, returned;
    struct wait_queue *queue; /* joined with waiter while sleeping, or NULL */
    struct waiter waiter;
};

/* Waiting */

/* Ask all files: how many have something. */
static unsigned ask(struct poll_entry *entries, unsigned count)
{
    unsigned ready = 0;

    for (unsigned i = 0; i < count; i++) {
        struct poll_entry *entry = &entries[i];
        struct wait_queue *queue = NULL;
        if (entry->file) {
            const struct file_operations *operations = entry->file->operations;
            unsigned events =
                operations->poll ? operations->poll(entry->file, &queue) : ALWAYS_READY;
            entry->returned = events & (entry->events | ALWAYS);
        }
        ready += entry->returned != 0;
    }
    return ready;
}

static void join_queues(struct poll_entry *entries, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct poll_entry *entry = &entries[i];
        entry->queue = NULL;
        if (entry->file && entry->file->operations->poll)
            entry->file->operations->poll(entry->file, &entry->queue);
        if (entry->queue)
            wait_prepare(entry->queue, &entry->waiter, WAIT_INTERRUPTIBLE);
    }
}

static void leave_queues(struct poll_entry *entries, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].queue)
            wait_done(entries[i].queue, &entries[i].waiter);
    }
}

/* Wait until something is ready: how many entries, 0 after the deadline, or -EINTR. */
static long wait_for_events(struct poll_entry *entries, unsigned count, uint64_t deadline)
{
    struct waiter none;
    int error = 0;
    long ready = ask(entries, count);

    while (!ready && !error && deadline > time_now()) {
        join_queues(entries, count);
        ready = ask(entries, count);
        if (!ready)
            error = wait_sleep(&none, WAIT_INTERRUPTIBLE, deadline);
        leave_queues(entries, count);
        if (!ready)
            ready = ask(entries, count);
    }
    return ready || error != -EINTR ? ready : -EINTR;
}

/* Entries */

static void open_entry(struct poll_entry *entry, int descriptor, unsigned events)
{
    entry->descriptor = descriptor;
    entry->events = events;
    entry->returned = 0;
    entry->file = file_get(descriptor);
    if (entry->file && (entry->file->flags & O_PATH)) {
        file_release(entry->file);
        entry->file = NULL;
    }
}

static void close_entries(struct poll_entry *entries, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].file)
            file_release(entries[i].file);
    }
    kfree(entries);
}

/* Deadlines and signal masks */

/* When the wait ends: the deadline of a call that is repeated goes on. */
static int read_deadline(vaddr_t timeout, uint64_t *deadline)
{
    struct thread *thread = current_thread();
    uint64_t duration = 0, repeated = thread->sleep_deadline, now = time_now();
    int error = 0;

    thread->sleep_deadline = 0;
    *deadline = WAIT_FOREVER;
    if (timeout)
        error = timespec_from_user(timeout, &duration);
    if (timeout && !error)
        *deadline = duration < WAIT_FOREVER - now ? now + duration : WAIT_FOREVER;
    if (repeated && !error)
        *deadline = repeated;
    return error;
}

/* Tell how much of the timeout is left, as Linux does. */
static void write_rest(vaddr_t timeout, uint64_t deadline, long result)
{
    uint64_t now = time_now();

    if (!timeout)
        return;
    if (result == -EINTR)
        current_thread()->sleep_deadline = deadline;
    /* Where it cannot be written, there is nobody to tell. */
    (void)timespec_to_user(timeout, deadline > now ? deadline - now : 0);
}

/* Wait with another set of blocked signals, at address (0: the one there is). */
static long wait_with_mask(struct poll_entry *entries, unsigned count, uint64_t deadline,
                           const uint64_t *mask)
{
    struct process *process = current_process();
    uint64_t before = process->blocked;

    if (!mask)
        return wait_for_events(entries, count, deadline);
    signal_block(*mask);
    long result = wait_for_events(entries, count, deadline);
    if (result == -EINTR) {
        /* The signal is acted on with the mask of the wait in force. */
        process->saved_blocked = before;
        process->restore_blocked = true;
    } else {
        signal_block(before);
    }
    return result;
}

/* Read a signal set: 0, -EINVAL, -EFAULT; *mask is NULL if there is none. */
static int read_mask(vaddr_t address, uint64_t size, uint64_t *storage, const uint64_t **mask)
{
    *mask = NULL;
    if (!address)
        return 0;
    if (size != sizeof(*storage))
        return -EINVAL;
    *mask = storage;
    return copy_from_user(storage, address, sizeof(*storage));
}

/* ppoll */

static int open_poll_entries(vaddr_t address, unsigned count, struct poll_entry *entries)
{
    for (unsigned i = 0; i < count; i++) {
        struct pollfd entry;
        if (copy_from_user(&entry, address + i * sizeof(entry), sizeof(entry)))
            return -EFAULT;
        if (entry.descriptor < 0)
            continue;
        open_entry(&entries[i], entry.descriptor, (uint16_t)entry.events);
        if (!entries[i].file)
            entries[i].returned = POLLNVAL;
    }
    return 0;
}

static int return_poll_entries(vaddr_t address, unsigned count, const struct poll_entry *entries)
{
    for (unsigned i = 0; i < count; i++) {
        int16_t returned = (int16_t)entries[i].returned;
        vaddr_t place = address + i * sizeof(struct pollfd) + offsetof(struct pollfd, returned);
        if (copy_to_user(place, &returned, sizeof(returned)))
            return -EFAULT;
    }
    return 0;
}

long sys_ppoll(const uint64_t argument[6])
{
    vaddr_t address = argument[0], timeout = argument[2];
    uint64_t deadline, storage;
    const uint64_t *mask;
    int error = read_deadline(timeout, &deadline);

    if (!error)
        error = read_mask(argument[3], argument[4], &storage, &mask);
    if (!error && argument[1] > process_limit(RLIMIT_NOFILE))
        error = -EINVAL;
    if (error)
        return error;
    unsigned count = (unsigned)argument[1];
    struct poll_entry *entries = kmalloc_zeroed(count ? count * sizeof(*entries) : 1);
    if (!entries)
        return -ENOMEM;
    long result = open_poll_entries(address, count, entries);
    if (!result) {
        result = wait_with_mask(entries, count, deadline, mask);
        if (result >= 0 && return_poll_entries(address, count, entries))
            result = -EFAULT;
        write_rest(timeout, deadline, result);
    }
    close_entries(entries, count);
    return result;
}

/* pselect6 */

enum { SETS = 3 };

static const unsigned set_events[SETS] = {READ_EVENTS, WRITE_EVENTS, EXCEPTION_EVENTS};

struct select {
    unsigned limit;          /* descriptors below */
    unsigned words;          /* of each set */
    vaddr_t addresses[SETS]; /* 0: not given */
    uint64_t *sets[SETS];    /* what is asked for, then what is ready */
    struct poll_entry *entries;
    unsigned count;
};

static unsigned wanted_events(const struct select *select, unsigned descriptor)
{
    unsigned events = 0;

    for (unsigned i = 0; i < SETS; i++) {
        if (bitmap_test(select->sets[i], descriptor))
            events |= set_events[i];
    }
    return events;
}

/* Memory for sets and entries, and the sets of the caller: 0, -ENOMEM, -EFAULT. */
static int read_sets(struct select *select)
{
    select->words = BITMAP_WORDS(select->limit);
    uint64_t *words = kmalloc_zeroed(SETS * select->words * sizeof(uint64_t) + 1);
    if (!words)
        return -ENOMEM;
    for (unsigned i = 0; i < SETS; i++) {
        select->sets[i] = words + i * select->words;
        if (select->addresses[i] &&
            copy_from_user(select->sets[i], select->addresses[i], select->words * sizeof(uint64_t)))
            return -EFAULT;
    }
    for (unsigned i = 0; i < select->limit; i++)
        select->count += wanted_events(select, i) != 0;
    select->entries = kmalloc_zeroed(select->count ? select->count * sizeof(*select->entries) : 1);
    return select->entries ? 0 : -ENOMEM;
}

static int open_select_entries(struct select *select)
{
    unsigned number = 0;

    for (unsigned i = 0; i < select->limit; i++) {
        unsigned events = wanted_events(select, i);
        if (!events)
            continue;
        open_entry(&select->entries[number], (int)i, events);
        if (!select->entries[number++].file)
            return -EBADF;
    }
    return 0;
}

/* Make the sets those of what is ready, and copy them out: how many bits are set. */
static long return_sets(struct select *select)
{
    long bits = 0;

    memset(select->sets[0], 0, SETS * select->words * sizeof(uint64_t));
    for (unsigned i = 0; i < select->count; i++) {
        const struct poll_entry *entry = &select->entries[i];
        for (unsigned set = 0; set < SETS; set++) {
            if (select->addresses[set] && (entry->returned & entry->events & set_events[set])) {
                bitmap_set(select->sets[set], (size_t)entry->descriptor);
                bits++;
            }
        }
    }
    for (unsigned i = 0; i < SETS; i++) {
        if (select->addresses[i] &&
            copy_to_user(select->addresses[i], select->sets[i], select->words * sizeof(uint64_t)))
            return -EFAULT;
    }
    return bits;
}

static long perform_select(struct select *select, uint64_t deadline, const uint64_t *mask)
{
    long result = read_sets(select);

    if (!result)
        result = open_select_entries(select);
    if (!result)
        result = wait_with_mask(select->entries, select->count, deadline, mask);
    if (result >= 0)
        result = return_sets(select);
    if (select->entries)
        close_entries(select->entries, select->count);
    kfree(select->sets[0]);
    return result;
}

long sys_pselect6(const uint64_t argument[6])
{
    struct select select = {.addresses = {argument[1], argument[2], argument[3]}};
    uint64_t deadline, storage, mask_argument[2] = {0, 0}, limit = process_limit(RLIMIT_NOFILE);
    const uint64_t *mask;
    int error = read_deadline(argument[4], &deadline);

    if (!error && argument[5])
        error = copy_from_user(mask_argument, argument[5], sizeof(mask_argument));
    if (!error)
        error = read_mask(mask_argument[0], mask_argument[1], &storage, &mask);
    if (!error && (int)argument[0] < 0)
        error = -EINVAL;
    if (error)
        return error;
    select.limit = (unsigned)argument[0] < limit ? (unsigned)argument[0] : (unsigned)limit;
    long result = perform_select(&select, deadline, mask);
    write_rest(argument[4], deadline, result);
    return result;
}
