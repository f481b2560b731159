/*
 * Seals: what may not be done any more to a file in memory (fcntl(2), "File Sealing"). They only
 * become more. A new file of tmpfs has F_SEAL_SEAL, one of memfd_create(2) may have none.
 */
#ifndef MAPIX_FS_SEAL_H
#define MAPIX_FS_SEAL_H

#include "abi/fcntl.h"
#include "fs/file.h"
#include "fs/vnode.h"

#define SEALS_OF_WRITING (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* Has the file any of these? */
static inline bool vnode_is_sealed(const struct vnode *vnode, uint32_t seals)
{
    return __atomic_load_n(&vnode->seals, __ATOMIC_ACQUIRE) & seals;
}

/* F_GET_SEALS: the seals, or -EINVAL; F_ADD_SEALS: 0, -EINVAL, -EPERM (sealed against that, or not
 * open for writing), -EBUSY (F_SEAL_WRITE, and there is a shared mapping that may store to it). */
long seal_get(const struct file *file);
long seal_add(struct file *file, uint32_t seals);

/* What the seals say to a write of so many bytes at offset: how many are allowed, or -EPERM. The
 * vnode is locked, as in the next. */
long seal_check_write(const struct vnode *vnode, uint64_t offset, size_t size);

/* ... and to a new size: 0, -EPERM. */
int seal_check_size(const struct vnode *vnode, uint64_t size);

#endif
