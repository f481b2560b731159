/*
 * mount(2), umount2(2) and pivot_root(2).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/mount.h"
#include "core/process.h"
#include "core/user.h"
#include "sys/at.h"
#include "sys/table.h"
#include "vm/kmem.h"
#include "vm/page.h"

#define TYPE_SIZE 32

/* Copy the source, which may be missing. */
static int take_source(struct at *source, uint64_t address)
{
    if (address)
        return at_begin(source, AT_FDCWD, address);
    *source = (struct at){0};
    return 0;
}

/* Copy the data of mount(2): a string, of a page at most. NULL: no memory. */
static char *take_options(uint64_t address, int *error)
{
    char *options = kmalloc_zeroed(PAGE_SIZE);

    *error = options ? 0 : -ENOMEM;
    if (options && address && !copy_from_user_partly(options, address, PAGE_SIZE - 1)) {
        *error = -EFAULT;
        kfree(options);
    }
    return options;
}

/* Mount with the type and options taken. */
static int mount_with(const uint64_t argument[6], const char *type, uint64_t flags,
                      const char *options)
{
    struct at source, target;
    int error = take_source(&source, argument[0]);

    if (error)
        return error;
    error = at_begin(&target, AT_FDCWD, argument[1]);
    if (!error) {
        error = path_mount(source.path, target.path, type, flags, options);
        at_end(&target);
    }
    at_end(&source);
    return error;
}

long sys_mount(const uint64_t argument[6])
{
    uint64_t flags = argument[3];
    char type[TYPE_SIZE] = "";
    int error;

    if (!credentials_capable(CAP_SYS_ADMIN))
        return -EPERM;
    if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
        flags &= ~(uint64_t)MS_MGC_MSK;
    if (argument[2]) {
        long length = copy_string_from_user(type, argument[2], sizeof(type));
        if (length < 0)
            return length == -ENAMETOOLONG ? -ENODEV : length;
    }
    char *options = take_options(argument[4], &error);
    if (error)
        return error;
    error = mount_with(argument, argument[2] ? type : NULL, flags, options);
    kfree(options);
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

long sys_pivot_root(const uint64_t argument[6])
{
    struct at new, old;
    int error = at_begin(&new, AT_FDCWD, argument[0]);

    if (error)
        return error;
    error = at_begin(&old, AT_FDCWD, argument[1]);
    if (!error) {
        error = path_pivot_root(new.path, old.path);
        at_end(&old);
    }
    at_end(&new);
    return error;
}
