/*
 * Seals of files in memory (seal.h).
 *
 * They change with the vnode locked. Writing and resizing look with the lock held, and so does
 * mmap(2) from looking until the mapping is there, for F_SEAL_WRITE to find all of them.
 */
#include "fs/seal.h"
#include "abi/errno.h"
#include "vm/page.h"

#define ALL_SEALS                                                                                  \
    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)
#define ANY_EXECUTE 0111u

static bool can_have_seals(const struct vnode *vnode)
{
    return vnode->operations->has_seals && vnode_type(vnode) == S_IFREG;
}

long seal_get(const struct file *file)
{
    return can_have_seals(file->vnode) ? (long)(file->vnode->seals & ALL_SEALS) : -EINVAL;
}

/* With the vnode locked. */
static long add_locked(struct vnode *vnode, uint32_t seals)
{
    if (vnode->seals & F_SEAL_SEAL)
        return -EPERM;
    if ((seals & F_SEAL_WRITE & ~vnode->seals) && object_has_shared_writable(&vnode->object))
        return -EBUSY;
    /* What is to stay executable must stay what it is. */
    if ((seals & F_SEAL_EXEC) && (vnode->mode & ANY_EXECUTE))
        seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
    __atomic_fetch_or(&vnode->seals, seals, __ATOMIC_RELEASE);
    return 0;
}

long seal_add(struct file *file, uint32_t seals)
{
    struct vnode *vnode = file->vnode;

    if ((file->flags & O_ACCMODE) == O_RDONLY)
        return -EPERM;
    if ((seals & ~(uint32_t)ALL_SEALS) || !can_have_seals(vnode))
        return -EINVAL;
    mutex_lock(&vnode->lock);
    long result = add_locked(vnode, seals);
    mutex_unlock(&vnode->lock);
    return result;
}

long seal_check_write(const struct vnode *vnode, uint64_t offset, size_t size)
{
    uint64_t whole = page_round_down(vnode->object.size);

    if (!vnode->seals)
        return (long)size;
    if (vnode->seals & SEALS_OF_WRITING)
        return -EPERM;
    if (!(vnode->seals & F_SEAL_GROW) || offset + size <= vnode->object.size)
        return (long)size;
    return offset < whole ? (long)(whole - offset) : -EPERM; /* page by page, as Linux */
}

int seal_check_size(const struct vnode *vnode, uint64_t size)
{
    uint64_t now = vnode->object.size;

    if ((size < now && (vnode->seals & F_SEAL_SHRINK)) ||
        (size > now && (vnode->seals & F_SEAL_GROW)))
        return -EPERM;
    return 0;
}
