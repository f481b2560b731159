/*
 * System calls that make event files: eventfd2(2) and signalfd4(2).
 */
#include "abi/errno.h"
#include "abi/eventfd.h"
#include "abi/signal.h"
#include "abi/signalfd.h"
#include "core/user.h"
#include "fs/event.h"
#include "fs/signal_file.h"
#include "sys/at.h"
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

/* Give the file at a descriptor another set. */
static long change_signals(int descriptor, uint64_t set)
{
    struct file *file;
    long result = file_get_usable(descriptor, &file);

    if (result)
        return result;
    result = -EINVAL;
    if (file_is_signal(file)) {
        signal_file_set(file, set);
        result = descriptor;
    }
    file_release(file);
    return result;
}

long sys_signalfd4(const uint64_t argument[6])
{
    uint32_t flags = (uint32_t)argument[3];
    int descriptor = (int)argument[0];
    uint64_t set;

    if (argument[2] != sizeof(set))
        return -EINVAL;
    if (copy_from_user(&set, argument[1], sizeof(set)))
        return -EFAULT;
    if (flags & ~(uint32_t)(SFD_NONBLOCK | SFD_CLOEXEC))
        return -EINVAL;
    set &= ~(signal_bit(SIGKILL) | signal_bit(SIGSTOP));
    if (descriptor != -1)
        return change_signals(descriptor, set);
    return file_install_new(signal_file_create(set, flags & SFD_NONBLOCK), flags & SFD_CLOEXEC);
}
