/*
 * System calls that advise about memory and ask about it: madvise, mincore, mseal, and
 * prctl(PR_SET_VMA).
 */
#include "abi/errno.h"
#include "abi/prctl.h"
#include "core/process.h"
#include "core/user.h"
#include "lib/string.h"
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

long sys_madvise(const uint64_t argument[6])
{
    int advice = (int)argument[2], some = check_range(argument[0], argument[1]);

    if (!aspace_knows_advice(advice))
        return -EINVAL;
    if (some <= 0)
        return some;
    return aspace_advise(current_thread()->aspace, argument[0], page_round_up(argument[1]), advice);
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
