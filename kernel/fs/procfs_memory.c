/*
 * What /proc/PID tells of memory, and shows of it: statm, cmdline, environ, auxv, mem (proc(5)).
 * The list of mappings is in procfs_maps.c, single pages in procfs_pagemap.c.
 */
#include "abi/errno.h"
#include "fs/procfs.h"
#include "fs/vnode.h"
#include "vm/aspace.h"

#define CHUNK        512u
#define STRINGS_MOST (6ul << 20)

/* What a process has in memory, by kind. */
void procfs_count_memory(struct aspace *aspace, struct procfs_memory *memory)
{
    struct region_info info;

    *memory = (struct procfs_memory){0};
    for (vaddr_t address = 0; aspace_region_info(aspace, address, REGION_KINDS, NULL, &info);
         address = info.end) {
        uint64_t pages = (info.end - info.start) / PAGE_SIZE;
        memory->resident += info.resident;
        memory->anonymous += info.anonymous;
        memory->shmem += info.shmem;
        memory->swapped += info.swapped;
        if (info.grows_down)
            memory->stack += pages;
        else if ((info.access & (ACCESS_EXECUTE | ACCESS_WRITE)) == ACCESS_EXECUTE)
            memory->executable += pages;
        if (info.vnode)
            vnode_release(info.vnode);
    }
    memory->code =
        (page_round_up(aspace->code_end) - page_round_down(aspace->code_start)) / PAGE_SIZE;
}

int procfs_write_statm(uint64_t key, struct text *text)
{
    struct procfs_memory memory;
    struct aspace *aspace;
    int error = procfs_aspace(key, false, &aspace);

    if (error)
        return error;
    if (!aspace) {
        text_format(text, "0 0 0 0 0 0 0\n");
        return 0;
    }
    procfs_count_memory(aspace, &memory);
    text_format(text, "%lu %lu %lu %lu 0 %lu 0\n", aspace->mapped_pages, memory.resident,
                memory.resident - memory.anonymous, memory.code, aspace->data_pages + memory.stack);
    aspace_release(aspace);
    return 0;
}

/* The bytes [start, end) of the process's memory, as far as they are there; no more than execve(2)
 * takes, wherever the process says that they are. */
static void write_memory(struct aspace *aspace, vaddr_t start, vaddr_t end, struct text *text)
{
    char chunk[CHUNK];

    if (end > start && end - start > STRINGS_MOST)
        end = start + STRINGS_MOST;
    while (start < end && !text->error) {
        size_t size = end - start < CHUNK ? end - start : CHUNK;
        size_t count = aspace_read(aspace, start, chunk, size);
        text_add(text, chunk, count);
        if (count < size)
            break;
        start += count;
    }
}

/* The bytes from start up to and with the first NUL, a page of them at the most. */
static void write_string(struct aspace *aspace, vaddr_t start, struct text *text)
{
    char chunk[CHUNK];

    for (vaddr_t end = start + PAGE_SIZE; start < end; start += CHUNK) {
        size_t count = aspace_read(aspace, start, chunk, CHUNK), length = 0;
        while (length < count && chunk[length])
            length++;
        text_add(text, chunk, length < count ? length + 1 : length);
        if (length < CHUNK)
            break;
    }
}

/* A program that writes a title over its arguments may go on into the environment behind them:
 * proc(5), cmdline. It is known by the NUL that is missing at the end of the arguments. */
int procfs_write_command_line(uint64_t key, struct text *text)
{
    struct aspace *aspace;
    char last = 0;
    int error = procfs_aspace(key, false, &aspace);

    if (error || !aspace)
        return error;
    if (aspace->argument_end > aspace->argument_start)
        aspace_read(aspace, aspace->argument_end - 1, &last, 1);
    if (last)
        write_string(aspace, aspace->argument_start, text);
    else
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

/* /proc/PID/mem: offsets are addresses. Access is forced: who may inspect the process may read and
 * write all that its user could with mprotect. */

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
        size_t count = aspace_read_forced(aspace, offset + done, chunk, size);
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
        size_t count = aspace_write_forced(aspace, offset + done, chunk, taken);
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

/* /proc/PID/clear_refs. Soft-dirty bits (4) are accepted and do nothing, as on a Linux for this
 * machine, which has none. */

enum { CLEAR_ALL = 1, CLEAR_ANONYMOUS, CLEAR_FILES, CLEAR_SOFT_DIRTY, CLEAR_PEAK };

int procfs_take_clear_references(uint64_t key, char *words, size_t length)
{
    struct aspace *aspace;
    int64_t number;

    (void)length;
    int error = procfs_parse_integer(words, &number);
    if (error || number < CLEAR_ALL || number > CLEAR_PEAK)
        return error ? error : -EINVAL;
    error = procfs_aspace(key, false, &aspace);
    if (error || !aspace)
        return error;
    if (number == CLEAR_ALL)
        aspace_clear_references(aspace, REFERENCES_ALL);
    else if (number == CLEAR_ANONYMOUS)
        aspace_clear_references(aspace, REFERENCES_ANONYMOUS);
    else if (number == CLEAR_FILES)
        aspace_clear_references(aspace, REFERENCES_FILES);
    else if (number == CLEAR_PEAK)
        pmap_forget_peak(&aspace->pmap);
    aspace_release(aspace);
    return 0;
}
