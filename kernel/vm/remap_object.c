/*
 * remap_file_pages: as on Linux since 4.0, a shared mapping is replaced, in a part, by a new one of
 * other pages of the same object.
 */
#include "abi/errno.h"
#include "fs/seal.h"
#include "fs/vnode.h"
#include "vm/vm.h"

/* Is [start, end) covered, without holes, by regions of the same kind as region? Locked. */
static bool is_uniform(const struct region *region, vaddr_t end)
{
    for (const struct region *next; region->end < end; region = next) {
        next = region_next(region);
        if (!next || next->start != region->end || next->object != region->object ||
            next->access != region->access || next->flags != region->flags || !next->shared)
            return false;
    }
    return true;
}

/* A file that was sealed meanwhile is mapped as a new mapping would be: 0, -EPERM. */
static int obey_seals(struct map_request *request)
{
    if (!request->vnode || !vnode_is_sealed(request->vnode, SEALS_OF_WRITING))
        return 0;
    request->max_access &= ~ACCESS_WRITE;
    return request->access & ACCESS_WRITE ? -EPERM : 0;
}

int aspace_remap_object(struct aspace *aspace, vaddr_t start, uint64_t length, uint64_t index,
                        bool populate)
{
    struct map_request request = {
        .address = start, .length = length, .flags = MAPPING_SHARED | MAPPING_FIXED};
    vaddr_t address;

    rwlock_read(&aspace->lock);
    const struct region *region = region_find(aspace, start);
    bool possible = region && region->shared && (region->max_access & ACCESS_WRITE) &&
                    is_uniform(region, start + length);
    if (possible) {
        request.access = region->access;
        request.max_access = region->max_access;
        request.object = region->object;
        request.vnode = region->vnode;
        request.writer = region->writer;
        request.name = region->name;
        request.offset = index * PAGE_SIZE;
        request.flags |= (populate ? MAPPING_POPULATE : 0) |
                         (region->flags & REGION_LOCKED ? MAPPING_LOCKED : 0);
        object_reference(request.object);
        if (request.vnode)
            vnode_reference(request.vnode);
        if (request.writer)
            vnode_write_begin(request.vnode); /* cannot fail: the region holds it as well */
    }
    rwlock_read_done(&aspace->lock);
    if (!possible)
        return -EINVAL;
    int error = obey_seals(&request);
    if (!error)
        error = aspace_map(aspace, &request, &address);
    if (request.writer)
        vnode_write_end(request.vnode);
    object_release(request.object);
    if (request.vnode)
        vnode_release(request.vnode);
    return error;
}
