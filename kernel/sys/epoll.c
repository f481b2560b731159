/*
 * epoll_create1(2), epoll_ctl(2), epoll_pwait(2) and epoll_pwait2(2).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "core/syscall.h"
#include "core/time.h"
#include "fs/epoll.h"
#include "sys/at.h"
#include "sys/convert.h"
#include "sys/table.h"
#include "sys/wait_mask.h"

#define EVENTS_MAX (INT32_MAX / sizeof(struct epoll_event))

long sys_epoll_create1(const uint64_t argument[6])
{
    uint32_t flags = (uint32_t)argument[0];

    if (flags & ~(uint32_t)EPOLL_CLOEXEC)
        return -EINVAL;
    return file_install_new(epoll_create(), flags & EPOLL_CLOEXEC);
}

static long control(unsigned operation, struct file *set, struct file *file, int descriptor,
                    const struct epoll_event *event)
{
    if ((file->flags & O_PATH) || (set->flags & O_PATH))
        return -EBADF;
    if (!file->operations->poll)
        return -EPERM;
    if (set == file || !file_is_epoll(set))
        return -EINVAL;
    switch (operation) {
    case EPOLL_CTL_ADD:
        return epoll_add(set, file, descriptor, event);
    case EPOLL_CTL_MOD:
        return epoll_modify(set, file, descriptor, event);
    case EPOLL_CTL_DEL:
        return epoll_remove(set, file, descriptor);
    default:
        return -EINVAL;
    }
}

long sys_epoll_ctl(const uint64_t argument[6])
{
    unsigned operation = (unsigned)argument[1];
    struct epoll_event event = {0};

    if (operation != EPOLL_CTL_DEL && copy_from_user(&event, argument[3], sizeof(event)))
        return -EFAULT;
    struct file *set = file_get((int)argument[0]);
    struct file *file = set ? file_get((int)argument[2]) : NULL;
    long result = file ? control(operation, set, file, (int)argument[2], &event) : -EBADF;
    if (file)
        file_release(file);
    if (set)
        file_release(set);
    return result;
}

/* Wait with the mask at argument[4], of argument[5] bytes. */
static long wait(const uint64_t argument[6], uint64_t deadline)
{
    int count = (int)argument[2];
    struct wait_mask mask;
    struct file *set;
    long result = wait_mask_read(&mask, argument[4], argument[5]);

    if (!result && (count <= 0 || (unsigned)count > EVENTS_MAX))
        result = -EINVAL;
    if (!result)
        result = file_get_usable((int)argument[0], &set);
    if (result)
        return result;
    if (file_is_epoll(set)) {
        wait_mask_begin(&mask);
        result = epoll_wait(set, argument[1], (unsigned)count, deadline);
        wait_mask_end(&mask, result);
    } else {
        result = -EINVAL;
    }
    file_release(set);
    return result == -EINTR ? -EINTR_ALWAYS : result; /* signal(7) */
}

long sys_epoll_pwait(const uint64_t argument[6])
{
    int milliseconds = (int)argument[3];

    if (milliseconds < 0)
        return wait(argument, WAIT_FOREVER);
    return wait(argument, time_now() + (uint64_t)milliseconds * 1000000);
}

long sys_epoll_pwait2(const uint64_t argument[6])
{
    uint64_t duration, now = time_now();

    if (!argument[3])
        return wait(argument, WAIT_FOREVER);
    int error = timespec_from_user(argument[3], &duration);
    return error ? error : wait(argument, now + duration);
}
