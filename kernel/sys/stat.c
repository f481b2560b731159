/*
 * System calls that tell about files and file systems.
 */
#include "abi/device.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/process.h"
#include "core/user.h"
#include "dev/block.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "sys/at.h"
#include "sys/table.h"

long sys_fstat(const uint64_t argument[6])
{
    struct file *file = file_get((int)argument[0]);
    struct stat status;

    if (!file)
        return -EBADF;
    vnode_status(file->vnode, &status);
    file_release(file);
    return copy_to_user(argument[1], &status, sizeof(status));
}

long sys_newfstatat(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[3];
    struct place place;
    struct stat status;

    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return -EINVAL;
    int error = at_lookup_or_none((int)argument[0], argument[1], flags, &place);
    if (error)
        return error;
    vnode_status(place.vnode, &status);
    place_release(&place);
    return copy_to_user(argument[2], &status, sizeof(status));
}

static struct statx_timestamp statx_time(int64_t seconds, int64_t nanoseconds)
{
    return (struct statx_timestamp){.seconds = seconds, .nanoseconds = (uint32_t)nanoseconds};
}

#define STATX_ATTRS_OF_FLAGS (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP)

static void fill_statx(const struct place *place, unsigned mask, struct statx *statx)
{
    struct vnode *vnode = place->vnode;
    struct stat status;

    vnode_status(vnode, &status);
    *statx = (struct statx){
        .mask = STATX_BASIC_STATS | (place->mount ? STATX_MNT_ID : 0),
        .mount_id = place->mount ? place->mount->id : 0,
        .attributes_mask = STATX_ATTR_MOUNT_ROOT,
        .block_size = (uint32_t)status.block_size,
        .links = status.links,
        .uid = status.uid,
        .gid = status.gid,
        .mode = (uint16_t)status.mode,
        .number = status.number,
        .size = (uint64_t)status.size,
        .blocks = (uint64_t)status.blocks,
        .atime = statx_time(status.atime, status.atime_nanoseconds),
        .mtime = statx_time(status.mtime, status.mtime_nanoseconds),
        .ctime = statx_time(status.ctime, status.ctime_nanoseconds),
        .special_major = device_major(status.special_device),
        .special_minor = device_minor(status.special_device),
        .device_major = device_major(status.device),
        .device_minor = device_minor(status.device),
    };
    if (vnode->birth.seconds && vnode->volume) {
        statx->mask |= STATX_BTIME;
        statx->btime = statx_time(vnode->birth.seconds, vnode->birth.nanoseconds);
    }
    if (vnode->operations->inode_flags_shown)
        statx->attributes_mask |= STATX_ATTRS_OF_FLAGS;
    statx->attributes |= vnode->inode_flags & STATX_ATTRS_OF_FLAGS; /* the bits are the same */
    if (place->mount && place->mount->root == vnode)
        statx->attributes |= STATX_ATTR_MOUNT_ROOT;
    if ((mask & STATX_DIOALIGN) && vnode_type(vnode) == S_IFREG && vnode->volume &&
        vnode->volume->device) {
        statx->mask |= STATX_DIOALIGN;
        statx->direct_memory_alignment = statx->direct_offset_alignment = SECTOR_SIZE;
    }
}

long sys_statx(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[2], mask = (unsigned)argument[3];
    struct place place;
    struct statx statx;

    if ((mask & STATX__RESERVED) || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE ||
        (flags &
         ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)))
        return -EINVAL;
    int error = at_lookup_or_none((int)argument[0], argument[1], flags, &place);
    if (error)
        return error;
    fill_statx(&place, mask, &statx);
    place_release(&place);
    return copy_to_user(argument[4], &statx, sizeof(statx));
}

/* The file systems of Linux that a file without a mount would be in. */
static uint32_t unmounted_type(const struct vnode *vnode)
{
    switch (vnode_type(vnode)) {
    case S_IFIFO:
        return PIPEFS_MAGIC;
    case S_IFSOCK:
        return SOCKFS_MAGIC;
    case S_IFREG:
        return NSFS_MAGIC; /* a namespace */
    default:
        return ANON_INODE_MAGIC;
    }
}

static long put_statfs(const struct place *place, uint64_t address)
{
    struct statfs status = {
        .type = unmounted_type(place->vnode), .block_size = 4096, .name_length = NAME_MAX};

    if (place->mount)
        mount_status(place->mount, &status);
    return copy_to_user(address, &status, sizeof(status));
}

long sys_statfs(const uint64_t argument[6])
{
    struct place place;
    long result = at_lookup_place(AT_FDCWD, argument[0], 0, &place);

    if (result)
        return result;
    result = put_statfs(&place, argument[1]);
    place_release(&place);
    return result;
}

long sys_fstatfs(const uint64_t argument[6])
{
    struct file *file = file_get((int)argument[0]);

    if (!file)
        return -EBADF;
    struct place place = file_place(file);
    long result = put_statfs(&place, argument[1]);
    file_release(file);
    return result;
}

static long check_access(int descriptor, uint64_t path, unsigned mode, unsigned flags)
{
    struct place place;

    if ((mode & ~(unsigned)(R_OK | W_OK | X_OK)) ||
        (flags & ~(unsigned)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
        return -EINVAL;
    long error = at_lookup_place(descriptor, path, flags, &place);
    if (error)
        return error;
    const struct vnode *vnode = place.vnode;
    unsigned type = vnode_type(vnode);
    bool stored = type == S_IFREG || type == S_IFDIR || type == S_IFLNK;
    if ((mode & W_OK) && stored && mount_is_read_only(place.mount))
        error = -EROFS;
    else if ((mode & X_OK) && type == S_IFREG && mount_has_flag(place.mount, MS_NOEXEC))
        error = -EACCES;
    else
        error =
            flags & AT_EACCESS ? vnode_permission(vnode, mode) : vnode_permission_real(vnode, mode);
    place_release(&place);
    return error;
}

long sys_faccessat(const uint64_t argument[6])
{
    return check_access((int)argument[0], argument[1], (unsigned)argument[2], 0);
}

long sys_faccessat2(const uint64_t argument[6])
{
    return check_access((int)argument[0], argument[1], (unsigned)argument[2],
                        (unsigned)argument[3]);
}
