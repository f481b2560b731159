/*
 * System calls that move mappings: mremap, remap_file_pages.
 */
#include "abi/errno.h"
#include "abi/madvise.h"
#include "abi/mman.h"
#include "core/credentials.h"
#include "core/process.h"
#include "sys/table.h"
#include "vm/aspace.h"

#define MREMAP_KNOWN (MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)

/* Do the old and the new range have a page in common? */
static bool overlap(const struct remap_request *request)
{
    return request->address + request->old_length > request->new_address &&
           request->new_address + request->new_length > request->address;
}

/* The checks of mremap(2) of a new place, in the order of Linux. */
static int check_new_place(const struct remap_request *request, unsigned flags)
{
    if (request->new_address > user_end - request->new_length)
        return -EINVAL;
    if ((request->new_address & PAGE_MASK) || !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((flags & MREMAP_DONTUNMAP) && request->old_length != request->new_length)
        return -EINVAL; /* mremap(2): resizing with MREMAP_DONTUNMAP */
    if (overlap(request))
        return -EINVAL; /* mremap(2): the new range overlaps the old one */
    if ((flags & MREMAP_FIXED) && request->new_address < MAPPING_LOWEST &&
        !credentials_capable(CAP_SYS_RAWIO))
        return -EPERM;
    return 0;
}

long sys_mremap(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[3];
    struct remap_request request = {
        .address = argument[0],
        .old_length = page_round_up(argument[1]),
        .new_length = page_round_up(argument[2]),
        .new_address = argument[4],
        .flags = (flags & MREMAP_MAYMOVE ? REMAP_MAY_MOVE : 0) |
                 (flags & MREMAP_FIXED ? REMAP_FIXED : 0) |
                 (flags & MREMAP_DONTUNMAP ? REMAP_KEEP : 0),
    };
    vaddr_t result;
    int error = 0;

    if ((argument[3] & ~(uint64_t)MREMAP_KNOWN) || (request.address & PAGE_MASK))
        return -EINVAL;
    if (request.new_length == 0 || request.new_length > user_end)
        return -EINVAL; /* mremap(2): new_size was zero */
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
        error = check_new_place(&request, flags);
    if (!error)
        error = aspace_remap(current_thread()->aspace, &request, &result);
    return error ? error : (long)result;
}

long sys_remap_file_pages(const uint64_t argument[6])
{
    vaddr_t start = page_round_down(argument[0]);
    uint64_t length = page_round_down(argument[1]), index = argument[3], end;

    if (argument[2] || start + length <= start ||
        __builtin_add_overflow(index, length >> PAGE_SHIFT, &end) || end > UINT64_MAX >> PAGE_SHIFT)
        return -EINVAL;
    return aspace_remap_object(current_thread()->aspace, start, length, index,
                               !(argument[4] & MAP_NONBLOCK));
}
