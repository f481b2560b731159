/*
 * System calls that keep memory from being taken away: mlock, mlock2, munlock, mlockall,
 * munlockall.
 */
#include "abi/errno.h"
#include "abi/madvise.h"
#include "core/process.h"
#include "sys/table.h"
#include "vm/aspace.h"
#include "vm/region.h"

static bool may_lock(void)
{
    return aspace_may_lock_any(current_thread()->aspace);
}

/* Lock or unlock the pages that hold [address, address + length). */
static long change_range(vaddr_t address, uint64_t length, unsigned flags)
{
    vaddr_t start = page_round_down(address);

    length = page_round_up(length + (address & PAGE_MASK));
    return length ? aspace_lock(current_thread()->aspace, start, length, flags) : 0;
}

long sys_mlock(const uint64_t argument[6])
{
    return may_lock() ? change_range(argument[0], argument[1], REGION_LOCKED) : -EPERM;
}

long sys_mlock2(const uint64_t argument[6])
{
    if (argument[2] & ~(uint64_t)MLOCK_ONFAULT)
        return -EINVAL;
    unsigned flags = argument[2] ? REGION_LOCKED_FLAGS : REGION_LOCKED;
    return may_lock() ? change_range(argument[0], argument[1], flags) : -EPERM;
}

long sys_munlock(const uint64_t argument[6])
{
    return change_range(argument[0], argument[1], 0);
}

long sys_mlockall(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[0];
    unsigned wanted = flags & MCL_ONFAULT ? REGION_LOCKED_FLAGS : REGION_LOCKED;

    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return -EINVAL;
    if (!may_lock())
        return -EPERM;
    return aspace_lock_all(current_thread()->aspace, flags & MCL_CURRENT, wanted,
                           flags & MCL_FUTURE ? wanted : 0);
}

long sys_munlockall(const uint64_t argument[6])
{
    (void)argument;
    return aspace_lock_all(current_thread()->aspace, true, 0, 0);
}
