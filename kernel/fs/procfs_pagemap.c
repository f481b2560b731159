/*
 * /proc/PID/pagemap: what there is at each page of an address space (proc_pid_pagemap(5)), and the
 * search for pages of some categories (PAGEMAP_SCAN).
 */
#include "abi/errno.h"
#include "core/credentials.h"
#include "core/user.h"
#include "fs/procfs.h"
#include "vm/aspace.h"
#include "vm/kmem.h"
#include "vm/scan.h"

/* 64 bits for each page */

#define PAGEMAP_FRAME     ((1ul << 55) - 1) /* told to the privileged, and so are areas and slots */
#define PAGEMAP_AREA_BITS 5
#define PAGEMAP_EXCLUSIVE (1ul << 56)
#define PAGEMAP_PROTECTED (1ul << 57) /* a userfault is told of the next store */
#define PAGEMAP_OF_OBJECT (1ul << 61)
#define PAGEMAP_SWAPPED   (1ul << 62)
#define PAGEMAP_PRESENT   (1ul << 63)
#define PAGEMAP_CHUNK     32u /* entries */

static uint64_t pagemap_entry(const struct page_info *info, bool privileged)
{
    uint64_t entry = 0, place = info->slot << PAGEMAP_AREA_BITS | info->area;

    if (info->present)
        entry |= PAGEMAP_PRESENT;
    if (info->swapped)
        entry |= PAGEMAP_SWAPPED;
    if (info->of_object)
        entry |= PAGEMAP_OF_OBJECT;
    if (info->exclusive)
        entry |= PAGEMAP_EXCLUSIVE;
    if (info->is_protected)
        entry |= PAGEMAP_PROTECTED;
    if (privileged)
        entry |= (info->present ? info->frame / PAGE_SIZE : place) & PAGEMAP_FRAME;
    return entry;
}

/* The entries of count pages from that of number first on. */
static void pagemap_entries(struct aspace *aspace, uint64_t first, unsigned count,
                            uint64_t *entries)
{
    struct page_info pages[PAGEMAP_CHUNK];
    bool privileged = credentials_capable(CAP_SYS_ADMIN);

    aspace_page_info(aspace, first * PAGE_SIZE, count, pages);
    for (unsigned i = 0; i < count; i++)
        entries[i] = pagemap_entry(&pages[i], privileged);
}

long procfs_read_pagemap(uint64_t key, uint64_t offset, struct transfer *transfer)
{
    uint64_t entries[PAGEMAP_CHUNK], first = offset / sizeof(uint64_t);
    uint64_t end = user_end / PAGE_SIZE;
    struct aspace *aspace;
    size_t done = 0;

    if (offset % sizeof(uint64_t) || transfer->remaining % sizeof(uint64_t))
        return -EINVAL;
    int error = procfs_aspace(key, true, &aspace);
    if (error || !aspace)
        return error;
    while (transfer->remaining && first < end) {
        uint64_t count = transfer->remaining / sizeof(uint64_t);
        if (count > PAGEMAP_CHUNK)
            count = PAGEMAP_CHUNK;
        if (count > end - first)
            count = end - first;
        pagemap_entries(aspace, first, (unsigned)count, entries);
        size_t given = transfer_give(transfer, entries, count * sizeof(uint64_t));
        done += given;
        first += count;
        if (given < count * sizeof(uint64_t)) {
            error = -EFAULT;
            break;
        }
    }
    aspace_release(aspace);
    return done ? (long)done : error;
}

/* PAGEMAP_SCAN */

#define SCAN_RUNS (PAGE_SIZE / sizeof(struct page_region)) /* told at once */
#define SCAN_END  (1ul << 63)                              /* behind all addresses of a range */

static bool is_range(uint64_t start, uint64_t length)
{
    return length <= SCAN_END && start <= SCAN_END - length;
}

static int check_request(const struct pm_scan_arg *request)
{
    uint64_t categories = request->category_inverted | request->category_mask |
                          request->category_anyof_mask | request->return_mask;

    if (request->size != sizeof(*request) ||
        (request->flags & ~(PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC)) ||
        (categories & ~PAGE_IS_ANY) || (request->start & PAGE_MASK))
        return -EINVAL;
    if (!is_range(request->start, request->end - request->start))
        return -EFAULT;
    if (!request->vec)
        return request->vec_len ? -EINVAL : 0;
    if (request->vec_len > SCAN_END / sizeof(struct page_region) ||
        !is_range(request->vec, request->vec_len * sizeof(struct page_region)))
        return -EFAULT;
    return 0;
}

/* Scan, telling the program of some runs after the other, which have room in scan->runs: how many
 * there were, or -EFAULT, -EPERM, -ENOMEM, -EINTR. */
static long scan_all(struct aspace *aspace, struct page_scan *scan,
                     const struct pm_scan_arg *request)
{
    uint64_t told = 0;
    int error;

    do {
        uint64_t left = request->vec_len - told;
        scan->room = left < SCAN_RUNS ? (unsigned)left : SCAN_RUNS;
        scan->count = 0;
        error = aspace_scan(aspace, scan);
        if (copy_to_user(request->vec + told * sizeof(*scan->runs), scan->runs,
                         scan->count * sizeof(*scan->runs)))
            return -EFAULT;
        told += scan->count;
    } while (error == -ENOSPC && told < request->vec_len && scan->most);
    return error && error != -ENOSPC ? error : (long)told;
}

static long scan_pages(struct aspace *aspace, uint64_t address)
{
    struct pm_scan_arg request;
    int error = copy_from_user(&request, address, sizeof(request)) ? -EFAULT : 0;

    if (!error)
        error = check_request(&request);
    if (error)
        return error;
    struct page_scan scan = {.address = request.start,
                             .end = page_round_up(request.end),
                             .inverted = request.category_inverted,
                             .mask = request.category_mask,
                             .any = request.category_anyof_mask,
                             .told = request.return_mask,
                             .protects = request.flags & PM_SCAN_WP_MATCHING,
                             .must_protect = request.flags & PM_SCAN_CHECK_WPASYNC,
                             .most = request.max_pages ? request.max_pages : UINT64_MAX,
                             .runs = kmalloc(PAGE_SIZE)};
    if (!scan.runs)
        return -ENOMEM;
    long result = scan_all(aspace, &scan, &request);
    kfree(scan.runs);
    if (copy_to_user(address + offsetof(struct pm_scan_arg, walk_end), &scan.address,
                     sizeof(scan.address)))
        return -EFAULT;
    return result;
}

long procfs_control_pagemap(uint64_t key, unsigned request, uint64_t argument)
{
    struct aspace *aspace;

    if (request != PAGEMAP_SCAN)
        return -EINVAL;
    int error = procfs_aspace(key, true, &aspace);
    if (error || !aspace)
        return error;
    long result = scan_pages(aspace, argument);
    aspace_release(aspace);
    return result;
}
