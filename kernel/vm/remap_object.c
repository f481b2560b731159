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
            next->origin != region->origin || next->access != region->access ||
            next->max_access != region->max_access || next->flags != region->flags ||
            next->no_reserve != region->no_reserve || !next->shared)
            return false;
    }
    return true;
}

/* Was what is mapped opened, or attached, for writing? A seal may forbid it all the same. */
static bool is_of_writer(const struct region *region)
{
    return region->writer || (region->max_access & ACCESS_WRITE);
}

/* A file that was sealed meanwhile is mapped as a new mapping would be: 0, -EPERM. */
static int obey_seals(struct map_request *request)
{
    if (!request->vnode || !vnode_is_sealed(request->vnode, SEALS_OF_WRITING))
        return 0;
    request->max_access &= ~ACCESS_WRITE;
    return request->access & ACCESS_WRITE ? -EPERM : 0;
}

/* Ask for what region shows, from page index on, with references: request has the place. */
static void request_same(const struct region *region, uint64_t index, struct map_request *request)
{
    request->access = region->access;
    request->max_access = region->max_access;
    request->object = region->object;
    request->vnode = region->vnode;
    request->origin = region->origin;
    request->writer = region->writer;
    request->name = region->name;
    request->offset = index * PAGE_SIZE;
    request->flags |= (region->flags & REGION_LOCKED ? MAPPING_LOCKED : 0) |
                      (region->flags & REGION_SEGMENT ? MAPPING_SEGMENT : 0);
    object_reference(request->object);
    if (request->vnode)
        vnode_reference(request->vnode);
    if (request->writer)
        vnode_write_begin(request->vnode); /* cannot fail: the region holds it as well */
}

static void release_request(const struct map_request *request)
{
    if (request->writer)
        vnode_write_end(request->vnode);
    object_release(request->object);
    if (request->vnode)
        vnode_release(request->vnode);
}

/* A segment of System V that was removed ends with its last attachment, before the new one comes:
 * -EINVAL, and nothing is mapped, as on Linux. -EAGAIN: too much would be locked. */
static int leave_segment(struct aspace *aspace, const struct map_request *request)
{
    int error = aspace_map_check(aspace, request);

    if (!error)
        error = aspace_unmap(aspace, request->address, request->length);
    if (!error && __atomic_load_n(&request->object->references, __ATOMIC_ACQUIRE) == 1)
        error = -EINVAL;
    return error;
}

int aspace_remap_object(struct aspace *aspace, vaddr_t start, uint64_t length, uint64_t index,
                        bool populate)
{
    struct map_request request = {
        .address = start, .length = length, .flags = MAPPING_SHARED | MAPPING_FIXED};
    vaddr_t address;

    if (populate)
        request.flags |= MAPPING_POPULATE;
    rwlock_read(&aspace->lock);
    const struct region *region = region_find(aspace, start);
    bool possible =
        region && region->shared && is_of_writer(region) && is_uniform(region, start + length);
    if (possible)
        request_same(region, index, &request);
    rwlock_read_done(&aspace->lock);
    if (!possible)
        return -EINVAL;
    int error = obey_seals(&request);
    if (!error && (request.flags & MAPPING_SEGMENT))
        error = leave_segment(aspace, &request);
    if (!error)
        error = aspace_map(aspace, &request, &address);
    release_request(&request);
    return error;
}
