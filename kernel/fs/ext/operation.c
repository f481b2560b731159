/*
 * Operations: the changes of metadata that belong together, such as those of one rename.
 *
 * Blocks are changed in place, in memory, as the operation goes; the inodes it has changed are
 * copied to their blocks when it ends.
 */
#include "abi/errno.h"
#include "core/printk.h"
#include "fs/ext/ext.h"

int ext_operation_begin(struct ext_operation *operation, struct ext *ext)
{
    operation->ext = ext;
    operation->count = 0;
    return __atomic_load_n(&ext->writable, __ATOMIC_ACQUIRE) ? 0 : -EROFS;
}

void ext_operation_inode(struct ext_operation *operation, struct ext_inode *inode)
{
    for (unsigned i = 0; i < operation->count; i++) {
        if (operation->inodes[i] == inode)
            return;
    }
    assert(operation->count < EXT_OPERATION_INODES);
    operation->inodes[operation->count++] = inode;
}

void ext_operation_end(struct ext_operation *operation)
{
    for (unsigned i = 0; i < operation->count; i++) {
        /* What could not be copied now is tried again by the write-back thread. */
        if (ext_inode_store(operation, operation->inodes[i]))
            vnode_set_dirty(&operation->inodes[i]->vnode);
    }
    operation->count = 0;
}
