/*
 * pipe2(2).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/pipe.h"
#include "sys/table.h"

long sys_pipe2(const uint64_t argument[6])
{
    uint32_t flags = (uint32_t)argument[1];
    struct file *ends[2];
    int descriptors[2];

    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL; /* pipe2(2) */
    int error = pipe_create(flags & (O_NONBLOCK | O_DIRECT), &ends[0], &ends[1]);
    if (error)
        return error;
    descriptors[0] = file_install(ends[0], 0, flags & O_CLOEXEC);
    if (descriptors[0] < 0) {
        file_release(ends[0]);
        file_release(ends[1]);
        return descriptors[0];
    }
    descriptors[1] = file_install(ends[1], 0, flags & O_CLOEXEC);
    if (descriptors[1] < 0) {
        file_close(descriptors[0]);
        file_release(ends[1]);
        return descriptors[1];
    }
    error = copy_to_user(argument[0], descriptors, sizeof(descriptors));
    if (error) {
        file_close(descriptors[0]);
        file_close(descriptors[1]);
    }
    return error;
}
