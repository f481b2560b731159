/*
 * msync: write the dirty pages of shared mappings back to their files. A mapping is looked up, its
 * object referenced, and written with the lock dropped; then the next one is looked up.
 */
#include "abi/errno.h"
#include "fs/vnode.h"
#include "vm/vm.h"

/* What to write for one region. */
struct piece {
    struct object *object; /* referenced, NULL: nothing */
    struct vnode *vnode;   /* referenced, or NULL */
    uint64_t start, end;   /* bytes */
};

/*
 * Find the region at or above *address, below end: its piece, and *address behind it. 1 if there
 * was a hole before it, 2 if there is no region left; -EBUSY: it is locked and must not be.
 */
static int next_piece(struct aspace *aspace, vaddr_t *address, vaddr_t end, bool unlocked,
                      struct piece *piece)
{
    int hole = 0;

    *piece = (struct piece){0};
    rwlock_read(&aspace->lock);
    struct region *region = region_find_above(aspace, *address);
    if (!region || region->start >= end) {
        hole = 2;
    } else if (unlocked && (region->flags & REGION_LOCKED)) {
        hole = -EBUSY;
    } else {
        vaddr_t start = region->start > *address ? region->start : *address;
        vaddr_t stop = region->end < end ? region->end : end;
        hole = region->start > *address;
        if (region->shared) {
            piece->object = region->object;
            piece->start = region_object_index(region, start) << PAGE_SHIFT;
            piece->end = piece->start + (stop - start);
            piece->vnode = region->vnode;
            object_reference(piece->object);
            if (piece->vnode)
                vnode_reference(piece->vnode);
        }
        *address = stop;
    }
    rwlock_read_done(&aspace->lock);
    return hole;
}

/* Write a piece and make it durable. */
static int write_piece(const struct piece *piece)
{
    int error = object_write_back(piece->object, piece->start, piece->end, true);

    if (piece->vnode && piece->vnode->operations->sync) {
        int sync_error = piece->vnode->operations->sync(piece->vnode, false);
        error = error ? error : sync_error;
    }
    return error;
}

int aspace_sync(struct aspace *aspace, vaddr_t start, uint64_t length, bool wait, bool invalidate)
{
    vaddr_t address = start, end = start + page_round_up(length);
    bool holes = false;
    int error = 0;

    /* One cache: every mapping sees the file as it is, and there is nothing to invalidate. */
    while (address < end && !error) {
        struct piece piece;
        int hole = next_piece(aspace, &address, end, invalidate, &piece);
        if (hole < 0)
            return hole;
        if (hole)
            holes = true;
        if (hole == 2)
            break;
        if (piece.object && wait)
            error = write_piece(&piece);
        if (piece.object)
            object_release(piece.object);
        if (piece.vnode)
            vnode_release(piece.vnode);
    }
    return error ? error : holes ? -ENOMEM : 0;
}
