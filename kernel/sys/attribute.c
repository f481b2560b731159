/*
 * System calls that change the attributes and sizes of files.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/time.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/file.h"
#include "fs/inode_flags.h"
#include "fs/lease.h"
#include "fs/mount.h"
#include "fs/vfs.h"
#include "sys/at.h"
#include "sys/table.h"

#define KEEP UINT32_MAX /* an owner that chown(2) leaves */

static long change_mode(const struct place *place, uint32_t mode)
{
    struct attributes attributes = {.valid = ATTRIBUTE_MODE, .mode = mode & 07777};

    if (vnode_type(place->vnode) == S_IFLNK)
        return -EOPNOTSUPP;
    return vnode_is_owner(place->vnode) ? vfs_set_attributes(place, &attributes) : -EPERM;
}

static long change_mode_at(const uint64_t argument[6], unsigned flags)
{
    struct place place;
    long result = at_lookup_place((int)argument[0], argument[1], flags, &place);

    if (result)
        return result;
    result = change_mode(&place, (uint32_t)argument[2]);
    place_release(&place);
    return result;
}

long sys_fchmodat(const uint64_t argument[6])
{
    return change_mode_at(argument, 0);
}

long sys_fchmodat2(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[3];

    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return change_mode_at(argument, flags);
}

long sys_fchmod(const uint64_t argument[6])
{
    struct file *file;
    long result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    struct place place = file_place(file);
    result = change_mode(&place, (uint32_t)argument[1]);
    file_release(file);
    return result;
}

static long change_owner(const struct place *place, uint32_t uid, uint32_t gid)
{
    const struct vnode *vnode = place->vnode;
    struct attributes attributes = {.uid = uid, .gid = gid};
    bool privileged = credentials_capable(CAP_CHOWN);

    if (uid != KEEP)
        attributes.valid |= ATTRIBUTE_UID;
    if (gid != KEEP)
        attributes.valid |= ATTRIBUTE_GID;
    /* chown(2): an owner may keep the user, and choose among the groups of the process. */
    bool owner = credentials_current()->fsuid == vnode->uid;
    if (!privileged && attributes.valid && !owner)
        return -EPERM;
    /* One that leaves both takes these bits away all the same. */
    if (!attributes.valid && (vnode->mode & (S_ISUID | S_ISGID)) && !vnode_is_owner(vnode))
        return -EPERM;
    if (!privileged && uid != KEEP && uid != vnode->uid)
        return -EPERM;
    if (!privileged && gid != KEEP && gid != vnode->gid &&
        !credentials_in_group(credentials_current(), gid))
        return -EPERM;
    return vfs_set_attributes(place, &attributes);
}

long sys_fchownat(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[4];
    struct place place;

    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    long result = at_lookup_place((int)argument[0], argument[1], flags, &place);
    if (result)
        return result;
    result = change_owner(&place, (uint32_t)argument[2], (uint32_t)argument[3]);
    place_release(&place);
    return result;
}

long sys_fchown(const uint64_t argument[6])
{
    struct file *file;
    long result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    struct place place = file_place(file);
    result = change_owner(&place, (uint32_t)argument[1], (uint32_t)argument[2]);
    file_release(file);
    return result;
}

/* What one of utimensat's two times asks for: 0, or -EINVAL. *now: the current time. */
static int decode_time(const struct timespec *time, unsigned bit, struct timestamp *stamp,
                       struct attributes *attributes, bool *now)
{
    *now = time->nanoseconds == UTIME_NOW;
    if (time->nanoseconds == UTIME_OMIT)
        return 0;
    if (!*now && (time->nanoseconds < 0 || time->nanoseconds > 999999999))
        return -EINVAL;
    attributes->valid |= bit;
    if (*now)
        *stamp = time_stamp();
    else
        *stamp = (struct timestamp){time->seconds, (uint32_t)time->nanoseconds};
    return 0;
}

static long change_times(const struct place *place, const struct timespec times[2])
{
    const struct vnode *vnode = place->vnode;
    struct attributes attributes = {0};
    bool atime_now, mtime_now;
    int error = decode_time(&times[0], ATTRIBUTE_ATIME, &attributes.atime, &attributes, &atime_now);

    if (!error)
        error = decode_time(&times[1], ATTRIBUTE_MTIME, &attributes.mtime, &attributes, &mtime_now);
    if (error || !attributes.valid)
        return error;
    if (vnode_is_immutable(vnode) || (vnode_is_fixed(vnode) && !(atime_now && mtime_now)))
        return mount_is_read_only(place->mount) ? -EROFS : -EPERM;
    /* utimensat(2): both times to now needs write permission, all else the owner. */
    if (!vnode_is_owner(vnode)) {
        if (!atime_now || !mtime_now)
            return -EPERM;
        error = vnode_permission(vnode, 2);
    }
    return error ? error : vfs_set_attributes(place, &attributes);
}

/* The file of utimensat(2): without a path, that of the descriptor. */
static long find_for_times(int descriptor, uint64_t path, unsigned flags, struct place *place)
{
    if (path || descriptor == AT_FDCWD)
        return at_lookup_place(descriptor, path, flags, place);
    struct file *file;
    long result = flags ? -EINVAL : file_get_usable(descriptor, &file);
    if (!result) {
        *place = file_place(file);
        place_reference(place);
        file_release(file);
    }
    return result;
}

long sys_utimensat(const uint64_t argument[6])
{
    struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
    unsigned flags = (unsigned)argument[3];
    struct place place;

    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (argument[2] && copy_from_user(times, argument[2], sizeof(times)))
        return -EFAULT;
    if (times[0].nanoseconds == UTIME_OMIT && times[1].nanoseconds == UTIME_OMIT)
        return 0; /* utimensat(2): nothing is looked at */
    long result = find_for_times((int)argument[0], argument[1], flags, &place);
    if (result)
        return result;
    result = change_times(&place, times);
    place_release(&place);
    return result;
}

/* truncate(2) of a file that is not open. */
static long truncate_place(const struct place *place, uint64_t size)
{
    struct vnode *vnode = place->vnode;

    if (vnode_type(vnode) == S_IFDIR)
        return -EISDIR;
    if (vnode_type(vnode) != S_IFREG)
        return -EINVAL;
    long result = mount_is_read_only(place->mount) ? -EROFS : vnode_permission(vnode, 2);
    if (!result && vnode_is_fixed(vnode))
        result = -EPERM;
    if (!result)
        result = vnode_write_begin(vnode);
    if (result)
        return result;
    result = lease_break(vnode, O_WRONLY);
    if (!result)
        result = vfs_resize(vnode, size);
    vnode_write_end(vnode);
    return result;
}

long sys_truncate(const uint64_t argument[6])
{
    struct place place;

    if ((int64_t)argument[1] < 0)
        return -EINVAL;
    long result = at_lookup_place(AT_FDCWD, argument[0], 0, &place);
    if (result)
        return result;
    result = truncate_place(&place, argument[1]);
    place_release(&place);
    return result;
}

long sys_ftruncate(const uint64_t argument[6])
{
    struct file *file;

    if ((int64_t)argument[1] < 0)
        return -EINVAL;
    long result = file_get_usable((int)argument[0], &file);
    if (result)
        return result;
    if (vnode_type(file->vnode) != S_IFREG || (file->flags & O_ACCMODE) == O_RDONLY)
        result = -EINVAL;
    else if (vnode_has_flag(file->vnode, FS_APPEND_FL))
        result = -EPERM;
    else
        result = vfs_resize(file->vnode, argument[1]);
    file_release(file);
    return result;
}

/* A range is punched with the size kept, or zeroed, or moved, or given space. */
static bool is_allocation_mode(unsigned mode)
{
    switch (mode) {
    case 0:
    case FALLOC_FL_KEEP_SIZE:
    case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
    case FALLOC_FL_COLLAPSE_RANGE:
    case FALLOC_FL_ZERO_RANGE:
    case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
    case FALLOC_FL_INSERT_RANGE:
    case FALLOC_FL_UNSHARE_RANGE:
    case FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_KEEP_SIZE:
        return true;
    default:
        return false;
    }
}

long sys_fallocate(const uint64_t argument[6])
{
    int64_t offset = (int64_t)argument[2], length = (int64_t)argument[3];
    struct file *file;
    long result = file_get_usable((int)argument[0], &file);

    if (result)
        return result;
    if (offset < 0 || length <= 0)
        result = -EINVAL;
    else if (!is_allocation_mode((unsigned)argument[1]))
        result = -EOPNOTSUPP;
    else if ((file->flags & O_ACCMODE) == O_RDONLY)
        result = -EBADF;
    else
        result =
            vfs_allocate(file->vnode, (unsigned)argument[1], (uint64_t)offset, (uint64_t)length);
    file_release(file);
    return result;
}
