/*
 * The calls of futexes that say the size of the word: futex_waitv, futex_wake, futex_wait and
 * futex_requeue. There are words of 32 bits.
 */
#include "abi/errno.h"
#include "abi/futex.h"
#include "abi/time.h"
#include "core/futex.h"
#include "core/time.h"
#include "core/user.h"
#include "core/wait.h"
#include "sys/convert.h"
#include "sys/table.h"
#include "vm/kmem.h"

static bool are_flags(uint64_t flags)
{
    return (flags & ~(uint64_t)FUTEX2_PRIVATE) == FUTEX2_SIZE_U32;
}

/* A moment of one of two clocks; none: for ever. */
static int read_moment(vaddr_t timeout, uint32_t clock, uint64_t *deadline)
{
    uint64_t time, now = time_now(), base;
    int error;
    *deadline = WAIT_FOREVER;
    if (!timeout)
        return 0;
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
        return -EINVAL;
    error = timespec_from_user(timeout, &time);
    if (error)
        return error;
    base = clock == CLOCK_REALTIME ? time_real() : now;
    time = time > base ? time - base : 0;
    *deadline = time < WAIT_FOREVER - now ? now + time : WAIT_FOREVER;
    return 0;
}

static int read_words(vaddr_t address, unsigned count, struct futex_word *words)
{
    struct futex_waitv entry;
    for (unsigned i = 0; i < count; i++) {
        if (copy_from_user(&entry, address + i * sizeof(entry), sizeof(entry)))
            return -EFAULT;
        if (!are_flags(entry.flags) || entry.reserved || entry.value > UINT32_MAX)
            return -EINVAL;
        words[i] = (struct futex_word){.address = entry.address,
                                       .value = (uint32_t)entry.value,
                                       .shared = !(entry.flags & FUTEX2_PRIVATE)};
    }
    return 0;
}

long sys_futex_waitv(const uint64_t argument[6])
{
    uint32_t count = (uint32_t)argument[1];
    struct futex_word *words;
    uint64_t deadline;
    int result;
    if ((uint32_t)argument[2] || !count || count > FUTEX_WAITV_MAX || !argument[0])
        return -EINVAL;
    result = read_moment(argument[3], (uint32_t)argument[4], &deadline);
    if (result)
        return result;
    words = kmalloc(count * sizeof(*words));
    if (!words)
        return -ENOMEM;
    result = read_words(argument[0], count, words);
    if (result == 0)
        result = futex_wait_many(words, count, deadline);
    kfree(words);
    return result;
}

long sys_futex_wake(const uint64_t argument[6])
{
    uint64_t mask = argument[1];
    uint32_t flags = (uint32_t)argument[3];
    bool shared = !(flags & FUTEX2_PRIVATE);
    int count = (int)argument[2];
    if (!are_flags(flags) || mask > UINT32_MAX || mask == 0)
        return -EINVAL;
    if (count == 0) {
        struct futex_key key;
        int result = futex_key_get(&key, argument[0], shared);
        if (result == 0)
            futex_key_release(&key);
        return result;
    }
    return futex_wake(argument[0], shared, count, (uint32_t)mask);
}

long sys_futex_wait(const uint64_t argument[6])
{
    uint64_t value = argument[1], mask = argument[2], deadline;
    uint32_t flags = (uint32_t)argument[3];
    int result;
    if (!are_flags(flags) || value > UINT32_MAX || mask > UINT32_MAX)
        return -EINVAL;
    result = read_moment(argument[4], (uint32_t)argument[5], &deadline);
    if (result)
        return result;
    return futex_wait(argument[0], !(flags & FUTEX2_PRIVATE), (uint32_t)value, (uint32_t)mask,
                      deadline);
}

long sys_futex_requeue(const uint64_t argument[6])
{
    struct futex_word words[2];
    int wake = (int)argument[2], count = (int)argument[3], result;
    if ((uint32_t)argument[1] || !argument[0])
        return -EINVAL;
    result = read_words(argument[0], 2, words);
    if (result)
        return result;
    if (wake < 0 || count < 0 || words[0].shared != words[1].shared)
        return -EINVAL;
    const vaddr_t address[2] = {words[0].address, words[1].address};
    return futex_requeue(address, words[0].shared, wake, count, &words[0].value);
}
