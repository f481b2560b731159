/*
 * What /proc/PID tells of memory: maps, smaps, statm, cmdline, environ (proc(5)).
 */
#include "abi/device.h"
#include "abi/errno.h"
#include "fs/path.h"
#include "fs/procfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vm/aspace.h"
#include "vm/kmem.h"

#define PATH_COLUMN 73 /* of maps, where paths begin */
#define CHUNK       512u
#define KIB(pages)  ((pages) * (PAGE_SIZE / 1024))

/* The first line of a region, the one of maps. path is PATH_MAX bytes to work in. */
static void write_region(struct text *text, const struct region_info *info, char *path)
{
    struct stat status = {0};
    char line[128];
    const char *name = info->name;

    if (info->vnode) {
        vnode_status(info->vnode, &status);
        if (vnode_path(info->vnode, path, PATH_MAX) >= 0)
            name = path;
    }
    size_t length = format(
        line, sizeof(line), "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", info->start, info->end,
        info->access & ACCESS_READ ? 'r' : '-', info->access & ACCESS_WRITE ? 'w' : '-',
        info->access & ACCESS_EXECUTE ? 'x' : '-', info->shared ? 's' : 'p', info->offset,
        device_major(status.device), device_minor(status.device), status.number);
    text_add(text, line, length);
    for (; name && length < PATH_COLUMN; length++)
        text_add(text, " ", 1);
    for (; name && *name; name++) {
        if (*name == '\n')
            text_format(text, "\\012");
        else
            text_add(text, name, 1);
    }
    text_add(text, "\n", 1);
}

static void write_counts(struct text *text, const struct region_info *info)
{
    uint64_t private_dirty = info->dirty - info->shared_dirty;

    text_format(text,
                "Size:           %8lu kB\n"
                "KernelPageSize: %8lu kB\n"
                "MMUPageSize:    %8lu kB\n"
                "Rss:            %8lu kB\n"
                "Shared_Clean:   %8lu kB\n"
                "Shared_Dirty:   %8lu kB\n"
                "Private_Clean:  %8lu kB\n"
                "Private_Dirty:  %8lu kB\n"
                "Anonymous:      %8lu kB\n",
                (info->end - info->start) / 1024, KIB(1), KIB(1), KIB(info->resident),
                KIB(info->shared_pages - info->shared_dirty), KIB(info->shared_dirty),
                KIB(info->private_pages - private_dirty), KIB(private_dirty), KIB(info->anonymous));
}

static int write_regions(uint64_t key, struct text *text, bool counts)
{
    struct region_info info;
    struct aspace *aspace;
    int error = procfs_aspace(key, true, &aspace);

    if (error || !aspace)
        return error;
    char *path = kmalloc(PATH_MAX);
    vaddr_t address = 0;
    while (path && !text->error && aspace_region_info(aspace, address, counts, &info)) {
        write_region(text, &info, path);
        if (counts)
            write_counts(text, &info);
        if (info.vnode)
            vnode_release(info.vnode);
        address = info.end;
    }
    aspace_release(aspace);
    kfree(path);
    return path ? 0 : -ENOMEM;
}

int procfs_write_maps(uint64_t key, struct text *text)
{
    return write_regions(key, text, false);
}

int procfs_write_smaps(uint64_t key, struct text *text)
{
    return write_regions(key, text, true);
}

int procfs_write_statm(uint64_t key, struct text *text)
{
    struct region_info info;
    struct aspace *aspace;
    uint64_t resident = 0, anonymous = 0;
    int error = procfs_aspace(key, false, &aspace);

    if (error)
        return error;
    if (!aspace) {
        text_format(text, "0 0 0 0 0 0 0\n");
        return 0;
    }
    for (vaddr_t address = 0; aspace_region_info(aspace, address, true, &info);
         address = info.end) {
        resident += info.resident;
        anonymous += info.anonymous;
        if (info.vnode)
            vnode_release(info.vnode);
    }
    text_format(text, "%lu %lu %lu %lu 0 %lu 0\n", aspace->mapped_pages, resident,
                resident - anonymous,
                (page_round_up(aspace->code_end) - page_round_down(aspace->code_start)) / PAGE_SIZE,
                aspace->data_pages);
    aspace_release(aspace);
    return 0;
}

/* The bytes [start, end) of the process's memory, as far as they are there. */
static void write_memory(struct aspace *aspace, vaddr_t start, vaddr_t end, struct text *text)
{
    char chunk[CHUNK];

    while (start < end && !text->error) {
        size_t size = end - start < CHUNK ? end - start : CHUNK;
        size_t count = aspace_read(aspace, start, chunk, size);
        text_add(text, chunk, count);
        if (count < size)
            break;
        start += count;
    }
}

int procfs_write_command_line(uint64_t key, struct text *text)
{
    struct aspace *aspace;
    int error = procfs_aspace(key, false, &aspace);

    if (error || !aspace)
        return error;
    write_memory(aspace, aspace->argument_start, aspace->argument_end, text);
    aspace_release(aspace);
    return 0;
}

int procfs_write_environment(uint64_t key, struct text *text)
{
    struct aspace *aspace;
    int error = procfs_aspace(key, true, &aspace);

    if (error || !aspace)
        return error;
    write_memory(aspace, aspace->environment_start, aspace->environment_end, text);
    aspace_release(aspace);
    return 0;
}

int procfs_write_auxiliary(uint64_t key, struct text *text)
{
    struct aspace *aspace;
    int error = procfs_aspace(key, true, &aspace);

    if (error || !aspace)
        return error;
    write_memory(aspace, aspace->auxiliary_start, aspace->auxiliary_end, text);
    aspace_release(aspace);
    return 0;
}

/* /proc/PID/mem: offsets are addresses. */

long procfs_read_memory(uint64_t key, uint64_t offset, struct transfer *transfer)
{
    struct aspace *aspace;
    char chunk[CHUNK];
    size_t wanted = transfer->remaining, done = 0;
    int error = procfs_aspace(key, true, &aspace);

    if (error || !aspace)
        return error;
    while (transfer->remaining) {
        size_t size = transfer->remaining < CHUNK ? transfer->remaining : CHUNK;
        size_t count = aspace_read(aspace, offset + done, chunk, size);
        size_t given = transfer_give(transfer, chunk, count);
        done += given;
        if (given < count && !done)
            error = -EFAULT;
        if (given < size)
            break;
    }
    aspace_release(aspace);
    if (error)
        return error;
    return done || !wanted ? (long)done : -EIO;
}

long procfs_change_memory(uint64_t key, uint64_t offset, struct transfer *transfer)
{
    struct aspace *aspace;
    char chunk[CHUNK];
    size_t wanted = transfer->remaining, done = 0;
    int error = procfs_aspace(key, true, &aspace);

    if (error || !aspace)
        return error;
    while (transfer->remaining) {
        size_t size = transfer->remaining < CHUNK ? transfer->remaining : CHUNK;
        size_t taken = transfer_take(transfer, chunk, size);
        size_t count = aspace_write(aspace, offset + done, chunk, taken);
        done += count;
        if (taken < size && !done)
            error = -EFAULT;
        if (count < size)
            break;
    }
    aspace_release(aspace);
    if (error)
        return error;
    return done || !wanted ? (long)done : -EIO;
}
