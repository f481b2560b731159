/*
 * System calls that advise about memory and ask about it: madvise, process_madvise, mincore, mseal,
 * and prctl(PR_SET_VMA).
 */
#include "abi/errno.h"
#include "abi/madvise.h"
#include "abi/prctl.h"
#include "core/credentials.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/process_file.h"
#include "lib/string.h"
#include "sys/buffers.h"
#include "sys/prctl.h"
#include "sys/table.h"
#include "vm/aspace.h"
#include "vm/region.h"

#define VECTOR_CHUNK 256u

/* The range of madvise(2) and mseal(2): 1, 0 (nothing to do), or -EINVAL. */
static int check_range(vaddr_t start, uint64_t length)
{
    uint64_t rounded = page_round_up(length);

    if ((start & PAGE_MASK) || (length && !rounded) || start + rounded < start)
        return -EINVAL;
    return rounded != 0;
}

static int advise_one(struct aspace *aspace, vaddr_t start, uint64_t length, int advice)
{
    int some = check_range(start, length);

    if (!aspace_knows_advice(advice))
        return -EINVAL;
    return some <= 0 ? some : aspace_advise(aspace, start, page_round_up(length), advice);
}

long sys_madvise(const uint64_t argument[6])
{
    return advise_one(current_thread()->aspace, argument[0], argument[1], (int)argument[2]);
}

/* The address space of the process that a file stands for, which the caller may inspect: -ESRCH,
 * -EACCES. */
static int get_aspace(const struct file *file, struct aspace **aspace)
{
    struct process *process = process_of_file(file);
    int error = 0;

    mutex_lock(&process_tree_lock);
    if (!(*aspace = process_aspace(process)))
        error = -ESRCH;
    else if (*aspace != current_thread()->aspace && !credentials_may_inspect(process, false))
        error = -EACCES;
    mutex_unlock(&process_tree_lock);
    if (*aspace && error)
        aspace_release(*aspace);
    return error;
}

/* What may be advised about the memory of another process: nothing that changes what it reads. */
static int check_remote(const struct aspace *aspace, int advice)
{
    if (aspace == current_thread()->aspace)
        return 0;
    if (advice != MADV_COLD && advice != MADV_PAGEOUT && advice != MADV_WILLNEED)
        return -EINVAL;
    return credentials_capable(CAP_SYS_NICE) ? 0 : -EPERM;
}

/* Advise about one range after the other: the bytes of those that went well, or the errno of the
 * first. */
static long advise_ranges(struct aspace *aspace, const struct transfer *ranges, int advice)
{
    uint64_t left = ranges->remaining;
    int error = 0;

    for (unsigned i = 0; i < ranges->count && left && !error; i++) {
        uint64_t length = ranges->pieces[i].size < left ? ranges->pieces[i].size : left;
        if (length)
            error = advise_one(aspace, ranges->pieces[i].address, length, advice);
        if (!error)
            left -= length;
    }
    return left < ranges->remaining ? (long)(ranges->remaining - left) : error;
}

long sys_process_madvise(const uint64_t argument[6])
{
    int advice = (int)argument[3];
    struct buffers ranges;
    struct aspace *aspace;
    struct file *file;

    if (argument[4])
        return -EINVAL;
    long result = buffers_several(&ranges, argument[1], argument[2]);
    if (result)
        return result;
    result = process_file_get((int)argument[0], &file);
    if (!result) {
        result = get_aspace(file, &aspace);
        file_release(file);
    }
    if (!result) {
        result = check_remote(aspace, advice);
        if (!result)
            result = advise_ranges(aspace, &ranges.transfer, advice);
        aspace_release(aspace);
    }
    buffers_release(&ranges);
    return result;
}

long sys_mseal(const uint64_t argument[6])
{
    int some = argument[2] ? -EINVAL : check_range(argument[0], argument[1]);

    if (some <= 0)
        return some;
    return aspace_seal(current_thread()->aspace, argument[0], page_round_up(argument[1]));
}

/* A name may have printable characters, but for those that would confuse readers of maps. */
static bool is_good_name(const char *name)
{
    for (; *name; name++) {
        if (*name < ' ' || *name > '~' || strchr("\\`$[]", *name))
            return false;
    }
    return true;
}

long prctl_name_memory(const uint64_t argument[6])
{
    vaddr_t start = argument[2], address = argument[4];
    char name[LABEL_SIZE];

    if (argument[1] != PR_SET_VMA_ANON_NAME)
        return -EINVAL;
    if (address) {
        long length = copy_string_from_user(name, address, sizeof(name));
        if (length < 0)
            return length == -ENAMETOOLONG ? -EINVAL : length;
        if (!is_good_name(name))
            return -EINVAL;
    }
    int some = check_range(start, argument[3]);
    return some <= 0 ? some
                     : aspace_name(current_thread()->aspace, start, page_round_up(argument[3]),
                                   address ? name : NULL);
}

/* Is [start, start + length) in the user's half? */
static bool in_user_space(vaddr_t start, uint64_t length)
{
    return length <= user_end && start <= user_end - length;
}

long sys_mincore(const uint64_t argument[6])
{
    vaddr_t start = argument[0], vector = argument[2];
    uint64_t pages = (argument[1] >> PAGE_SHIFT) + ((argument[1] & PAGE_MASK) != 0);
    uint8_t chunk[VECTOR_CHUNK];

    if (start & PAGE_MASK)
        return -EINVAL;
    if (!in_user_space(start, argument[1]))
        return -ENOMEM;
    if (!in_user_space(vector, pages))
        return -EFAULT;
    while (pages) {
        unsigned count = pages < VECTOR_CHUNK ? (unsigned)pages : VECTOR_CHUNK;
        int error = aspace_resident(current_thread()->aspace, start, count, chunk);
        if (error)
            return error;
        if (copy_to_user(vector, chunk, count))
            return -EFAULT;
        start += count * PAGE_SIZE;
        vector += count;
        pages -= count;
    }
    return 0;
}
