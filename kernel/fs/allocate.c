/*
 * fallocate(2): space for a part of a file, or none.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/resource.h"
#include "core/process.h"
#include "fs/inode_flags.h"
#include "fs/mount.h"
#include "fs/seal.h"
#include "fs/vfs.h"

/* May the file have space, or a hole, up to end? */
static int check(const struct vnode *vnode, uint64_t end)
{
    if (vnode_type(vnode) == S_IFIFO)
        return -ESPIPE;
    if (vnode_type(vnode) == S_IFDIR)
        return -EISDIR;
    if (vnode_type(vnode) != S_IFREG)
        return -ENODEV;
    if (end > INT64_MAX ||
        (vnode->volume && vnode->volume->size_limit && end > vnode->volume->size_limit))
        return -EFBIG;
    return volume_is_read_only(vnode->volume) ? -EROFS : 0;
}

/* Can the file system do what mode says? */
static bool is_supported(const struct vnode_operations *operations, unsigned mode)
{
    switch (mode & ~(unsigned)FALLOC_FL_KEEP_SIZE) {
    case 0:
        return operations->allocate;
    case FALLOC_FL_PUNCH_HOLE:
        return operations->punch;
    case FALLOC_FL_ZERO_RANGE:
        return operations->zero;
    default:
        return false; /* ranges cannot be moved, and nothing is shared among files */
    }
}

/* What the seals say; the vnode is locked. */
static int check_seals(const struct vnode *vnode, unsigned mode, uint64_t end)
{
    if (mode & FALLOC_FL_PUNCH_HOLE)
        return vnode_is_sealed(vnode, SEALS_OF_WRITING) ? -EPERM : 0;
    return end > vnode->object.size && vnode_is_sealed(vnode, F_SEAL_GROW) ? -EPERM : 0;
}

/* Do what mode says; the vnode is locked. */
static int allocate(struct vnode *vnode, unsigned mode, uint64_t offset, uint64_t length)
{
    const struct vnode_operations *operations = vnode->operations;
    bool keep_size = mode & FALLOC_FL_KEEP_SIZE;

    if (mode & FALLOC_FL_PUNCH_HOLE)
        return operations->punch(vnode, offset, length);
    if (mode & FALLOC_FL_ZERO_RANGE)
        return operations->zero(vnode, offset, length, keep_size);
    return operations->allocate(vnode, offset, length, keep_size);
}

int vfs_allocate(struct vnode *vnode, unsigned mode, uint64_t offset, uint64_t length)
{
    struct process *process = current_process();
    uint64_t end = offset + length;
    int error = check(vnode, end);

    if (!error &&
        (vnode_is_immutable(vnode) || ((mode & ~FALLOC_FL_KEEP_SIZE) && vnode_is_fixed(vnode))))
        error = -EPERM;
    if (!error && !is_supported(vnode->operations, mode))
        error = -EOPNOTSUPP;
    if (error)
        return error;
    mutex_lock(&vnode->lock);
    bool limited = !(mode & FALLOC_FL_KEEP_SIZE) && end > vnode->object.size && process &&
                   end > process_limit(RLIMIT_FSIZE);
    error = limited ? -EFBIG : check_seals(vnode, mode, end);
    if (!error)
        error = vfs_drop_privilege(vnode);
    if (!error)
        error = allocate(vnode, mode, offset, length);
    mutex_unlock(&vnode->lock);
    if (limited)
        signal_send(process, SIGXFSZ); /* setrlimit(2) */
    return error;
}
