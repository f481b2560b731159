/*
 * Handles of files: name_to_handle_at(2) and open_by_handle_at(2). A handle is the generation and
 * the number of a file, so it outlives the vnode, and leads to no other file that gets the number.
 */
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/credentials.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "sys/at.h"
#include "sys/table.h"

struct handle {
    uint32_t size; /* of what follows the type */
    int32_t type;
    uint32_t generation, number_low, number_high;
};

#define HEADER_SIZE   8u
#define CONTENTS_SIZE 12u
#define HANDLE_TYPE   1
#define SIZE_MAX_USER 128u /* MAX_HANDLE_SZ */

/* The file system of a vnode, if its files have handles, or NULL. */
static struct volume *volume_of(const struct vnode *vnode)
{
    return vnode->volume && vnode->volume->operations->find ? vnode->volume : NULL;
}

static long put_handle(const struct place *place, uint64_t address, uint64_t mount_address)
{
    const struct vnode *vnode = place->vnode;
    const struct mount *mount = place->mount;
    struct handle handle;

    if (!mount || !volume_of(vnode))
        return -EOPNOTSUPP;
    if (copy_from_user(&handle, address, HEADER_SIZE))
        return -EFAULT;
    if (handle.size > SIZE_MAX_USER)
        return -EINVAL;
    bool fits = handle.size >= CONTENTS_SIZE;
    handle = (struct handle){
        .size = CONTENTS_SIZE,
        .type = HANDLE_TYPE,
        .generation = __atomic_load_n(&vnode->generation, __ATOMIC_RELAXED),
        .number_low = (uint32_t)vnode->number,
        .number_high = (uint32_t)(vnode->number >> 32),
    };
    if (copy_to_user(mount_address, &mount->id, sizeof(mount->id)) ||
        copy_to_user(address, &handle, fits ? sizeof(handle) : HEADER_SIZE))
        return -EFAULT;
    return fits ? 0 : -EOVERFLOW;
}

long sys_name_to_handle_at(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[4];
    struct place place;

    if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    unsigned lookup =
        (flags & AT_EMPTY_PATH) | (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW);
    long result = at_lookup_place((int)argument[0], argument[1], lookup, &place);
    if (result)
        return result;
    result = put_handle(&place, argument[2], argument[3]);
    place_release(&place);
    return result;
}

static long get_handle(uint64_t address, struct handle *handle)
{
    if (copy_from_user(handle, address, HEADER_SIZE))
        return -EFAULT;
    if (handle->size == 0 || handle->size > SIZE_MAX_USER || handle->type < 0)
        return -EINVAL;
    if (handle->size != CONTENTS_SIZE || handle->type != HANDLE_TYPE)
        return -ESTALE;
    return copy_from_user(handle, address, sizeof(*handle)) ? -EFAULT : 0;
}

/* The file that the handle stands for, in the file system of vnode; referenced. */
static int find(const struct vnode *vnode, const struct handle *handle, struct vnode **result)
{
    struct volume *volume = volume_of(vnode);
    uint64_t number = handle->number_low | (uint64_t)handle->number_high << 32;

    if (!volume)
        return -ESTALE;
    int error = volume->operations->find(volume, number, result);
    if (!error && ((*result)->links == 0 || (*result)->generation != handle->generation)) {
        vnode_release(*result);
        error = -ESTALE;
    }
    return error;
}

/* Open the handle's file as the mount of the place shows it. */
static long open_handle(const struct place *place, uint64_t address, uint32_t flags)
{
    struct handle handle;
    struct place found = *place;
    struct file *file;
    long error = get_handle(address, &handle);

    if (!error)
        error = find(place->vnode, &handle, &found.vnode);
    if (error)
        return error;
    mount_hold(found.mount);
    error = place_open(&found, flags, &file);
    return error ? error : file_install_new(file, flags & O_CLOEXEC);
}

static long place_of_mount(int descriptor, struct place *place)
{
    struct file *file;

    if (descriptor == AT_FDCWD) {
        *place = walk_working_directory();
        return 0;
    }
    long error = file_get_usable(descriptor, &file);
    if (error)
        return error;
    *place = file_place(file);
    place_reference(place);
    file_release(file);
    return 0;
}

long sys_open_by_handle_at(const uint64_t argument[6])
{
    uint32_t flags = (uint32_t)argument[2];
    struct place place;
    long result = place_of_mount((int)argument[0], &place);

    if (result)
        return result;
    if (!credentials_capable(CAP_DAC_READ_SEARCH))
        result = -EPERM;
    else
        result = open_handle(&place, argument[1], flags);
    place_release(&place);
    return result;
}
