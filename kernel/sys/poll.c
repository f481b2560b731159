/*
 * ppoll(2) and pselect6(2).
 *
 * Each file is asked what is ready. If nothing is, the call listens to the wait queues of all of
 * them, asks once more, so that nothing that came in between is missed, and sleeps until a listener
 * is called for an event that is wanted.
 */
#include "abi/errno.h"
#include "abi/personality.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "fs/file.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "sys/convert.h"
#include "sys/table.h"
#include "sys/wait_mask.h"
#include "vm/kmem.h"

#define ALWAYS       (POLLERR | POLLHUP)
#define ALWAYS_READY (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

#define COPIED_AT_ONCE 32u /* struct pollfd */
#define PIECE_ENTRIES  32u

/* What each set of pselect6 asks for. */
#define READ_EVENTS      (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define WRITE_EVENTS     (POLLWRNORM | POLLWRBAND | POLLOUT | POLLERR)
#define EXCEPTION_EVENTS POLLPRI

/* A call that waits: any of its entries may end the wait. */
struct poll {
    struct thread *thread;
    bool triggered;             /* atomic: something may have come since the files were asked */
    struct poll_entry **pieces; /* of entries: for many there is no memory in one place */
    struct poll_entry *only;    /* the piece, if one is enough */
    unsigned piece_count;
    unsigned count; /* entries that have been opened */
};

struct poll_entry {
    struct file *file; /* referenced; NULL: none, returned is set already */
    int descriptor;
    unsigned events, returned;
    struct poll *poll;
    struct wait_queue *queue; /* where waiter listens, or NULL */
    struct waiter waiter;
};

static struct poll_entry *entry_at(const struct poll *poll, unsigned index)
{
    return &poll->pieces[index / PIECE_ENTRIES][index % PIECE_ENTRIES];
}

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

static void ask_entry(struct poll_entry *entry)
{
    const struct file_operations *operations = entry->file->operations;
    struct wait_queue *queue = NULL;
    unsigned events = operations->poll ? operations->poll(entry->file, &queue) : ALWAYS_READY;

    entry->returned = events & (entry->events | ALWAYS);
}

/* Ask all files: how many have something. */
static unsigned ask(struct poll *poll)
{
    unsigned ready = 0;

    for (unsigned i = 0; i < poll->count; i++) {
        struct poll_entry *entry = entry_at(poll, i);
        if (entry->file)
            ask_entry(entry);
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
        if (entry_at(poll, i)->file)
            listen_to(poll, entry_at(poll, i));
    }
}

static void stop_listening(struct poll *poll)
{
    for (unsigned i = 0; i < poll->count; i++) {
        struct poll_entry *entry = entry_at(poll, i);
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

/* Wait until something is ready: how many entries, 0 after the deadline, or -EINTR. */
static long wait_for_events(struct poll *poll, uint64_t deadline)
{
    unsigned ready = ask(poll);
    int error = 0;

    if (ready || deadline <= time_now())
        return ready;
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

/* Memory for count entries, which is not zeroed: each is filled in when it is opened. What was had
 * is given back by close_entries. */
static int reserve_entries(struct poll *poll, unsigned count)
{
    unsigned pieces = (count + PIECE_ENTRIES - 1) / PIECE_ENTRIES;

    poll->pieces = pieces > 1 ? kmalloc(pieces * sizeof(struct poll_entry *)) : &poll->only;
    if (!poll->pieces)
        return -ENOMEM;
    for (; poll->piece_count < pieces; poll->piece_count++) {
        unsigned left = count - poll->piece_count * PIECE_ENTRIES;
        unsigned size = left < PIECE_ENTRIES ? left : PIECE_ENTRIES;
        struct poll_entry *piece = kmalloc(size * sizeof(*piece));
        if (!piece)
            return -ENOMEM;
        poll->pieces[poll->piece_count] = piece;
    }
    return 0;
}

static struct poll_entry *open_entry(struct poll *poll, int descriptor, unsigned events)
{
    struct poll_entry *entry = entry_at(poll, poll->count++);

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

static void close_entries(struct poll *poll)
{
    for (unsigned i = 0; i < poll->count; i++) {
        if (entry_at(poll, i)->file)
            file_release(entry_at(poll, i)->file);
    }
    for (unsigned i = 0; i < poll->piece_count; i++)
        kfree(poll->pieces[i]);
    if (poll->pieces != &poll->only)
        kfree(poll->pieces);
}

/* Deadlines */

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

    if (!timeout || (current_process()->personality & STICKY_TIMEOUTS))
        return;
    if (result == -EINTR)
        current_thread()->sleep_deadline = deadline;
    /* Where it cannot be written, there is nobody to tell. */
    (void)timespec_to_user(timeout, deadline > now ? deadline - now : 0);
}

static long wait_with_mask(struct poll *poll, uint64_t deadline, struct wait_mask *mask)
{
    wait_mask_begin(mask);
    long result = wait_for_events(poll, deadline);
    wait_mask_end(mask, result);
    return result;
}

/* ppoll */

static int open_poll_entries(vaddr_t address, unsigned count, struct poll *poll)
{
    struct pollfd asked[COPIED_AT_ONCE];

    for (unsigned first = 0; first < count; first += COPIED_AT_ONCE) {
        unsigned part = count - first < COPIED_AT_ONCE ? count - first : COPIED_AT_ONCE;
        if (copy_from_user(asked, address + first * sizeof(*asked), part * sizeof(*asked)))
            return -EFAULT;
        for (unsigned i = 0; i < part; i++) {
            int descriptor = asked[i].descriptor;
            struct poll_entry *entry = open_entry(poll, descriptor, (uint16_t)asked[i].events);
            if (!entry->file && descriptor >= 0)
                entry->returned = POLLNVAL;
        }
    }
    return 0;
}

static int return_poll_entries(vaddr_t address, unsigned count, const struct poll *poll)
{
    int16_t returned[COPIED_AT_ONCE];

    for (unsigned first = 0; first < count; first += COPIED_AT_ONCE) {
        unsigned part = count - first < COPIED_AT_ONCE ? count - first : COPIED_AT_ONCE;
        vaddr_t place = address + first * sizeof(struct pollfd) + offsetof(struct pollfd, returned);
        for (unsigned i = 0; i < part; i++)
            returned[i] = (int16_t)entry_at(poll, first + i)->returned;
        if (copy_halves_to_user(place, sizeof(struct pollfd), returned, part))
            return -EFAULT;
    }
    return 0;
}

long sys_ppoll(const uint64_t argument[6])
{
    unsigned count = (unsigned)argument[1];
    struct poll poll = {.count = 0};
    vaddr_t address = argument[0], timeout = argument[2];
    struct wait_mask mask;
    uint64_t deadline;
    long result = read_deadline(timeout, &deadline);

    if (!result)
        result = wait_mask_read(&mask, argument[3], argument[4]);
    if (!result && count > process_limit(RLIMIT_NOFILE))
        result = -EINVAL;
    if (result)
        return result;
    result = reserve_entries(&poll, count);
    if (!result)
        result = open_poll_entries(address, count, &poll);
    if (!result) {
        result = wait_with_mask(&poll, deadline, &mask);
        if (result >= 0 && return_poll_entries(address, count, &poll))
            result = -EFAULT;
        write_rest(timeout, deadline, result);
    }
    close_entries(&poll);
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
    struct poll poll;
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

/* The descriptors of a word that any set has. */
static uint64_t wanted_word(const struct select *select, unsigned word)
{
    uint64_t bits = select->sets[0][word] | select->sets[1][word] | select->sets[2][word];
    unsigned behind = select->limit - word * 64;

    return behind < 64 ? bits & ((1ul << behind) - 1) : bits;
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
    unsigned count = 0;
    for (unsigned i = 0; i < select->words; i++) {
        for (uint64_t bits = wanted_word(select, i); bits; bits &= bits - 1)
            count++;
    }
    return reserve_entries(&select->poll, count);
}

static int open_select_entries(struct select *select)
{
    for (unsigned i = 0; i < select->words; i++) {
        unsigned descriptor = i * 64;
        for (uint64_t bits = wanted_word(select, i); bits; bits >>= 1, descriptor++) {
            if (!(bits & 1))
                continue;
            unsigned events = wanted_events(select, descriptor);
            if (!open_entry(&select->poll, (int)descriptor, events)->file)
                return -EBADF;
        }
    }
    return 0;
}

/* Make the sets those of what is ready, and copy them out: how many bits are set. */
static long return_sets(struct select *select)
{
    long bits = 0;

    memset(select->sets[0], 0, SETS * select->words * sizeof(uint64_t));
    for (unsigned i = 0; i < select->poll.count; i++) {
        const struct poll_entry *entry = entry_at(&select->poll, i);
        for (unsigned set = 0; set < SETS && entry->returned; set++) {
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

static long perform_select(struct select *select, uint64_t deadline, struct wait_mask *mask)
{
    long result = read_sets(select);

    if (!result)
        result = open_select_entries(select);
    if (!result)
        result = wait_with_mask(&select->poll, deadline, mask);
    if (result >= 0)
        result = return_sets(select);
    close_entries(&select->poll);
    kfree(select->sets[0]);
    return result;
}

long sys_pselect6(const uint64_t argument[6])
{
    struct select select = {.addresses = {argument[1], argument[2], argument[3]}};
    uint64_t deadline, mask_argument[2] = {0, 0}, limit = process_limit(RLIMIT_NOFILE);
    struct wait_mask mask;
    int error = read_deadline(argument[4], &deadline);

    if (!error && argument[5])
        error = copy_from_user(mask_argument, argument[5], sizeof(mask_argument));
    if (!error)
        error = wait_mask_read(&mask, mask_argument[0], mask_argument[1]);
    if (!error && (int)argument[0] < 0)
        error = -EINVAL;
    if (error)
        return error;
    select.limit = (unsigned)argument[0] < limit ? (unsigned)argument[0] : (unsigned)limit;
    long result = perform_select(&select, deadline, &mask);
    write_rest(argument[4], deadline, result);
    return result;
}
