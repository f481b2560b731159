/*
 * System calls that make event files: eventfd2(2).
 */
#include "abi/errno.h"
#include "abi/eventfd.h"
#include "fs/event.h"
#include "sys/table.h"

long sys_eventfd2(const uint64_t argument[6])
{
    uint32_t flags = (uint32_t)argument[1];

    if (flags & ~(uint32_t)(EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC))
        return -EINVAL;
    return file_install_new(
        event_create((uint32_t)argument[0], flags & EFD_SEMAPHORE, flags & EFD_NONBLOCK),
        flags & EFD_CLOEXEC);
}
