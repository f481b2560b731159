/*
 * pselect6(2).
 */
#include "abi/errno.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/time.h"
#include "core/user.h"
#include "fs/file.h"
#include "lib/bitmap.h"
#include "lib/string.h"
#include "sys/poll_wait.h"
#include "sys/table.h"
#include "sys/wait_mask.h"
#include "vm/kmem.h"

/* What each set asks for. */
#define READ_EVENTS      (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define WRITE_EVENTS     (POLLWRNORM | POLLWRBAND | POLLOUT | POLLERR)
#define EXCEPTION_EVENTS POLLPRI

enum { SETS = 3 };

static const unsigned set_events[SETS] = {READ_EVENTS, WRITE_EVENTS, EXCEPTION_EVENTS};

struct select {
    unsigned limit;          /* descriptors below */
    unsigned words;          /* of each set */
    vaddr_t addresses[SETS]; /* 0: not given */
    uint64_t *sets[SETS];    /* what is asked for */
    uint64_t *ready[SETS];
    long bits; /* in ready */
    struct poll poll;
};

/* The events that a bit of a word asks for. */
static inline unsigned wanted_events(const struct select *select, unsigned word, uint64_t bit)
{
    return (select->sets[0][word] & bit ? set_events[0] : 0) |
           (select->sets[1][word] & bit ? set_events[1] : 0) |
           (select->sets[2][word] & bit ? set_events[2] : 0);
}

/* The descriptors of a word that any set has. */
static uint64_t wanted_word(const struct select *select, unsigned word)
{
    uint64_t bits = select->sets[0][word] | select->sets[1][word] | select->sets[2][word];
    unsigned behind = select->limit - word * 64;

    return behind < 64 ? bits & ((1ul << behind) - 1) : bits;
}

/* Something of what a bit asks for has come. */
static void note_ready(struct select *select, unsigned word, uint64_t bit, unsigned returned)
{
    for (unsigned i = 0; i < SETS; i++) {
        if ((select->sets[i][word] & bit) && (returned & set_events[i])) {
            select->ready[i][word] |= bit;
            select->bits++;
        }
    }
}

/* Memory for the sets, and those of the caller: 0, -ENOMEM, -EFAULT. */
static int read_sets(struct select *select)
{
    select->words = BITMAP_WORDS(select->limit);
    uint64_t *words = kmalloc_zeroed(2 * SETS * select->words * sizeof(uint64_t) + 1);
    if (!words)
        return -ENOMEM;
    for (unsigned i = 0; i < SETS; i++) {
        select->sets[i] = words + i * select->words;
        select->ready[i] = words + (SETS + i) * select->words;
    }
    for (unsigned i = 0; i < SETS; i++) {
        if (select->addresses[i] &&
            copy_from_user(select->sets[i], select->addresses[i], select->words * sizeof(uint64_t)))
            return -EFAULT;
    }
    return 0;
}

/* Ask the files of a word's descriptors once: 0 or -EBADF. */
static int ask_word(struct select *select, unsigned word)
{
    bool own = file_table_is_own();
    int descriptor = (int)(word * 64);

    for (uint64_t left = wanted_word(select, word), bit = 1; left;
         left >>= 1, bit <<= 1, descriptor++) {
        if (!(left & 1))
            continue;
        unsigned returned = poll_ask(descriptor, wanted_events(select, word, bit), own);
        if (returned & POLLNVAL)
            return -EBADF;
        if (returned)
            note_ready(select, word, bit, returned);
    }
    return 0;
}

/* Ask all files once: how many bits are set in the sets of what is ready, or -EBADF. */
static long ask_all(struct select *select)
{
    for (unsigned word = 0; word < select->words; word++) {
        if (ask_word(select, word))
            return -EBADF;
    }
    return select->bits;
}

static int open_entries(struct select *select)
{
    unsigned count = 0;

    for (unsigned i = 0; i < select->words; i++) {
        for (uint64_t left = wanted_word(select, i); left; left &= left - 1)
            count++;
    }
    int error = poll_reserve(&select->poll, count);
    for (unsigned descriptor = 0; descriptor < select->limit && !error; descriptor++) {
        uint64_t bit = 1ul << descriptor % 64;
        unsigned events = wanted_events(select, descriptor / 64, bit);
        if (events && !poll_open(&select->poll, (int)descriptor, events)->file)
            error = -EBADF;
    }
    return error;
}

/* Nothing has come yet: wait until something does. How many bits are set then, or an error. */
static long wait_for_all(struct select *select, uint64_t deadline)
{
    long result = open_entries(select);

    if (!result)
        result = poll_wait(&select->poll, deadline);
    for (unsigned i = 0; i < select->poll.count && result > 0; i++) {
        const struct poll_entry *entry = poll_entry_at(&select->poll, i);
        unsigned descriptor = (unsigned)entry->descriptor;
        note_ready(select, descriptor / 64, 1ul << descriptor % 64, entry->returned);
    }
    poll_close(&select->poll);
    return result < 0 ? result : select->bits;
}

static int write_sets(const struct select *select)
{
    for (unsigned i = 0; i < SETS; i++) {
        if (select->addresses[i] &&
            copy_to_user(select->addresses[i], select->ready[i], select->words * sizeof(uint64_t)))
            return -EFAULT;
    }
    return 0;
}

static long find_ready(struct select *select, uint64_t deadline)
{
    long result = ask_all(select);

    if (result)
        return result;
    if (thread_signalled())
        return -EINTR;
    return deadline && deadline > time_now() ? wait_for_all(select, deadline) : 0;
}

static long perform(struct select *select, uint64_t deadline, const struct wait_mask *mask)
{
    long result = read_sets(select);

    if (!result) {
        wait_mask_begin(mask);
        result = find_ready(select, deadline);
        wait_mask_end(mask, result);
    }
    if (result >= 0 && write_sets(select))
        result = -EFAULT;
    kfree(select->sets[0]);
    return result;
}

long sys_pselect6(const uint64_t argument[6])
{
    struct select select = {.addresses = {argument[1], argument[2], argument[3]}};
    uint64_t deadline, mask_argument[2] = {0, 0}, limit = process_limit(RLIMIT_NOFILE);
    struct wait_mask mask;
    int error = poll_read_deadline(argument[4], &deadline);

    if (!error && argument[5])
        error = copy_from_user(mask_argument, argument[5], sizeof(mask_argument));
    if (!error)
        error = wait_mask_read(&mask, mask_argument[0], mask_argument[1]);
    if (!error && (int)argument[0] < 0)
        error = -EINVAL;
    if (error)
        return error;
    select.limit = (unsigned)argument[0] < limit ? (unsigned)argument[0] : (unsigned)limit;
    long result = perform(&select, deadline, &mask);
    poll_write_rest(argument[4], deadline, result);
    return result;
}
