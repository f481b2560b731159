/*
 * Operations: the changes of metadata that belong together, such as those of one rename.
 *
 * Blocks are changed in place, in memory, as the operation goes; the inodes it has changed are
 * copied to their blocks when it ends. Nothing makes them come to the disk together, or in order,
 * but ext_operation_settle: an operation that takes something away which it has put elsewhere
 * before calls it in between, so that a power cut leaves at least one of the two.
 */
#include "abi/errno.h"
#include "core/printk.h"
#include "fs/ext/ext.h"
#include "vm/kmem.h"

#define DEFERRED_MAX 1020u

struct ext_deferred {
    struct ext_deferred *next;
    uint32_t count, numbers[DEFERRED_MAX];
};

int ext_operation_begin(struct ext_operation *operation, struct ext *ext)
{
    operation->ext = ext;
    operation->count = 0;
    operation->deferred = NULL;
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

static void store_inodes(struct ext_operation *operation)
{
    for (unsigned i = 0; i < operation->count; i++) {
        /* What could not be copied now is tried again by the write-back thread. */
        if (ext_inode_store(operation, operation->inodes[i]))
            vnode_set_dirty(&operation->inodes[i]->vnode);
    }
}

void ext_operation_settle(struct ext_operation *operation)
{
    struct block_device *device = operation->ext->device;

    store_inodes(operation);
    /* After an error there is no order; the operation is none the worse in memory. */
    if (!object_write_back(&device->object, 0, UINT64_MAX, true))
        block_flush(device);
}

static void free_block(struct ext_operation *operation, uint32_t number)
{
    ext_block_forget(operation->ext, number);
    ext_free_blocks(operation, number, 1);
}

void ext_operation_free_later(struct ext_operation *operation, uint32_t number)
{
    struct ext_deferred *deferred = operation->deferred;

    if (!deferred || deferred->count == DEFERRED_MAX) {
        deferred = kmalloc(sizeof(*deferred));
        if (!deferred) {
            free_block(operation, number); /* space is worth more than its order */
            return;
        }
        deferred->next = operation->deferred;
        deferred->count = 0;
        operation->deferred = deferred;
    }
    deferred->numbers[deferred->count++] = number;
}

static void free_deferred(struct ext_operation *operation)
{
    struct ext_deferred *deferred;

    while ((deferred = operation->deferred)) {
        operation->deferred = deferred->next;
        for (uint32_t i = 0; i < deferred->count; i++)
            free_block(operation, deferred->numbers[i]);
        kfree(deferred);
    }
}

void ext_operation_end(struct ext_operation *operation)
{
    if (operation->deferred)
        ext_operation_settle(operation);
    else
        store_inodes(operation);
    free_deferred(operation);
    operation->count = 0;
}
