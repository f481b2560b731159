/* Which bytes of a file have space on the disk (extents.h). */
#include "fs/extents.h"
#include "abi/errno.h"
#include "abi/fiemap.h"
#include "core/user.h"
#include "core/thread.h"
#include "fs/vnode.h"

#define EXTENTS_MOST (UINT32_MAX / sizeof(struct fiemap_extent))

/* Where the program is told of extents. */
struct listing {
    uint64_t address;
    uint32_t room; /* 0: they are only counted */
    uint32_t count;
    bool full;
};

static int tell(struct listing *listing, const struct file_extent *extent, uint32_t flags)
{
    struct fiemap_extent told = {
        .logical = extent->start,
        .physical = extent->physical,
        .length = extent->end - extent->start,
        .flags = flags | (extent->placed ? FIEMAP_EXTENT_MERGED
                                         : FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_UNKNOWN),
    };

    listing->full = listing->room && listing->count == listing->room;
    if (listing->full)
        return 0;
    uint64_t address = listing->address + listing->count * sizeof(told);
    if (listing->room && copy_to_user(address, &told, sizeof(told)))
        return -EFAULT;
    listing->count++;
    return 0;
}

/* Does the second extent go on where the first ends? Then it becomes part of it. */
static bool join(struct file_extent *first, const struct file_extent *second)
{
    if (first->end != second->start || !first->placed || !second->placed ||
        first->physical + (first->end - first->start) != second->physical)
        return false;
    first->end = second->end;
    return true;
}

/* Tell of the extents in [start, end), each when it is known whether it is the last. */
static int list_extents(struct vnode *vnode, uint64_t start, uint64_t end, struct listing *listing)
{
    struct file_extent last = {0}, next;
    int error = 0;

    while (!error && !listing->full && start < end && !thread_killed()) {
        error = vnode->operations->find_extent(vnode, start, end, &next);
        if (error)
            break;
        start = next.end;
        if (last.end && join(&last, &next))
            continue;
        if (last.end)
            error = tell(listing, &last, 0);
        last = next;
    }
    if (error == -ENXIO || (error == -EFBIG && last.end))
        error = 0;
    if (!error && last.end && !listing->full)
        error = tell(listing, &last, FIEMAP_EXTENT_LAST);
    return error;
}

/* Check the request, whose flags become those that are unknown, and perform it. */
static int perform(struct vnode *vnode, struct fiemap *request, struct listing *listing)
{
    if (request->length == 0)
        return -EINVAL;
    if (request->start >= INT64_MAX)
        return -EFBIG;
    if (request->flags & ~FIEMAP_FLAG_SYNC) {
        request->flags &= ~FIEMAP_FLAG_SYNC;
        return -EBADR;
    }
    uint64_t left = INT64_MAX - request->start;
    uint64_t end = request->start + (request->length < left ? request->length : left);
    int error = 0;
    if (request->flags & FIEMAP_FLAG_SYNC)
        error = object_write_back(&vnode->object, 0, UINT64_MAX, true);
    return error ? error : list_extents(vnode, request->start, end, listing);
}

long extents_control(struct file *file, uint64_t address)
{
    struct vnode *vnode = file->vnode;
    struct fiemap request;

    if ((vnode_type(vnode) != S_IFREG && vnode_type(vnode) != S_IFDIR) ||
        !vnode->operations->find_extent)
        return -EOPNOTSUPP;
    if (copy_from_user(&request, address, sizeof(request)))
        return -EFAULT;
    if (request.extent_count > EXTENTS_MOST)
        return -EINVAL;
    struct listing listing = {.address = address + sizeof(request), .room = request.extent_count};
    int error = perform(vnode, &request, &listing);
    request.mapped_extents = listing.count;
    return copy_to_user(address, &request, sizeof(request)) ? -EFAULT : error;
}
