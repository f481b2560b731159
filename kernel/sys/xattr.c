/*
 * System calls of extended attributes, each in three forms: of a path, of a path whose last
 * symbolic link is not followed, of a descriptor.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/xattr.h"
#include "sys/at.h"
#include "sys/table.h"
#include "vm/kmem.h"

enum form { BY_PATH, BY_LINK, BY_DESCRIPTOR };

/* The file that the first argument names, referenced. */
static long find(enum form form, uint64_t argument, struct place *place)
{
    struct file *file;

    if (form != BY_DESCRIPTOR)
        return at_lookup_place(AT_FDCWD, argument, form == BY_LINK ? AT_SYMLINK_NOFOLLOW : 0,
                               place);
    long result = file_get_usable((int)argument, &file);
    if (!result) {
        *place = file_place(file);
        place_reference(place);
        file_release(file);
    }
    return result;
}

/* As find, of a file that is to be changed. */
static long find_to_change(enum form form, uint64_t argument, struct place *place)
{
    long result = find(form, argument, place);

    if (result || !mount_is_read_only(place->mount))
        return result;
    place_release(place);
    return -EROFS;
}

static long take_name(char name[XATTR_NAME_MAX + 1], uint64_t address)
{
    long length = copy_string_from_user(name, address, XATTR_NAME_MAX + 1);

    if (length == 1 || length == -ENAMETOOLONG)
        return -ERANGE;
    return length < 0 ? length : 0;
}

/* Memory for a value or names; size 0: none is needed. */
static void *buffer_create(size_t size, long *error)
{
    void *buffer = size ? kmalloc(size) : NULL;

    *error = size && !buffer ? -ENOMEM : 0;
    return buffer;
}

static long set(enum form form, const uint64_t argument[6])
{
    size_t size = argument[3];
    unsigned flags = (unsigned)argument[4];
    char name[XATTR_NAME_MAX + 1];
    struct place place;
    long result = take_name(name, argument[1]);

    if (flags & ~(unsigned)(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    if (result)
        return result;
    if (size > XATTR_SIZE_MAX)
        return -E2BIG;
    void *value = buffer_create(size, &result);
    if (!result && size)
        result = copy_from_user(value, argument[2], size);
    if (!result)
        result = find_to_change(form, argument[0], &place);
    if (!result) {
        result = xattr_set(place.vnode, name, value, size, flags);
        place_release(&place);
    }
    kfree(value);
    return result;
}

/* Get or list into a buffer, and give it to the user. */
static long get(enum form form, uint64_t object, const char *name, uint64_t address, size_t size)
{
    struct place place;
    long result;

    if (size > XATTR_SIZE_MAX)
        size = XATTR_SIZE_MAX;
    char *buffer = buffer_create(size, &result);
    if (!result)
        result = find(form, object, &place);
    if (!result) {
        result = name ? xattr_get(place.vnode, name, buffer, size)
                      : xattr_list(place.vnode, buffer, size);
        place_release(&place);
    }
    if (result > 0 && size && copy_to_user(address, buffer, (size_t)result))
        result = -EFAULT;
    kfree(buffer);
    return result;
}

static long get_named(enum form form, const uint64_t argument[6])
{
    char name[XATTR_NAME_MAX + 1];
    long result = take_name(name, argument[1]);

    return result ? result : get(form, argument[0], name, argument[2], argument[3]);
}

static long list(enum form form, const uint64_t argument[6])
{
    return get(form, argument[0], NULL, argument[1], argument[2]);
}

static long remove(enum form form, const uint64_t argument[6])
{
    char name[XATTR_NAME_MAX + 1];
    struct place place;
    long result = take_name(name, argument[1]);

    if (!result)
        result = find_to_change(form, argument[0], &place);
    if (!result) {
        result = xattr_remove(place.vnode, name);
        place_release(&place);
    }
    return result;
}

long sys_setxattr(const uint64_t argument[6])
{
    return set(BY_PATH, argument);
}

long sys_lsetxattr(const uint64_t argument[6])
{
    return set(BY_LINK, argument);
}

long sys_fsetxattr(const uint64_t argument[6])
{
    return set(BY_DESCRIPTOR, argument);
}

long sys_getxattr(const uint64_t argument[6])
{
    return get_named(BY_PATH, argument);
}

long sys_lgetxattr(const uint64_t argument[6])
{
    return get_named(BY_LINK, argument);
}

long sys_fgetxattr(const uint64_t argument[6])
{
    return get_named(BY_DESCRIPTOR, argument);
}

long sys_listxattr(const uint64_t argument[6])
{
    return list(BY_PATH, argument);
}

long sys_llistxattr(const uint64_t argument[6])
{
    return list(BY_LINK, argument);
}

long sys_flistxattr(const uint64_t argument[6])
{
    return list(BY_DESCRIPTOR, argument);
}

long sys_removexattr(const uint64_t argument[6])
{
    return remove(BY_PATH, argument);
}

long sys_lremovexattr(const uint64_t argument[6])
{
    return remove(BY_LINK, argument);
}

long sys_fremovexattr(const uint64_t argument[6])
{
    return remove(BY_DESCRIPTOR, argument);
}
