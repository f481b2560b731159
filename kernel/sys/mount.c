/*
 * mount(2) and umount2(2).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/mount.h"
#include "core/process.h"
#include "core/user.h"
#include "sys/at.h"
#include "sys/table.h"

#define TYPE_SIZE 32

/* Copy the source, which may be missing. */
static int take_source(struct at *source, uint64_t address)
{
    if (address)
        return at_begin(source, AT_FDCWD, address);
    *source = (struct at){.path = "none"};
    return 0;
}

long sys_mount(const uint64_t argument[6])
{
    uint64_t flags = argument[3];
    char type[TYPE_SIZE] = "";
    struct at source, target;

    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
        flags &= ~(uint64_t)MS_MGC_MSK;
    if (argument[2]) {
        long length = copy_string_from_user(type, argument[2], sizeof(type));
        if (length < 0)
            return length == -ENAMETOOLONG ? -ENODEV : length;
    }
    int error = take_source(&source, argument[0]);
    if (error)
        return error;
    error = at_begin(&target, AT_FDCWD, argument[1]);
    if (!error) {
        error = path_mount(source.path, target.path, type, flags);
        at_end(&target);
    }
    at_end(&source);
    return error;
}

long sys_umount2(const uint64_t argument[6])
{
    struct at target;
    int error = at_begin(&target, AT_FDCWD, argument[0]);

    if (error)
        return error;
    error = path_unmount(target.path, (unsigned)argument[1]);
    at_end(&target);
    return error;
}
