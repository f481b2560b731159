/*
 * prctl(2), PR_SET_MM: where a process says that its program, heap, stack, arguments and
 * environment are. /proc shows it; brk(2) goes by it.
 */
#include "abi/errno.h"
#include "abi/prctl.h"
#include "arch/riscv/hart.h"
#include "core/credentials.h"
#include "core/thread.h"
#include "core/user.h"
#include "sys/prctl.h"
#include "vm/aspace.h"
#include "vm/region.h"

static struct prctl_mm_map get_places(const struct aspace *aspace)
{
    return (struct prctl_mm_map){
        .start_code = aspace->code_start,
        .end_code = aspace->code_end,
        .start_data = aspace->data_start,
        .end_data = aspace->data_end,
        .start_brk = aspace->brk_start,
        .brk = aspace->brk,
        .start_stack = aspace->stack_top,
        .arg_start = aspace->argument_start,
        .arg_end = aspace->argument_end,
        .env_start = aspace->environment_start,
        .env_end = aspace->environment_end,
    };
}

static void set_places(struct aspace *aspace, const struct prctl_mm_map *places)
{
    aspace->code_start = places->start_code;
    aspace->code_end = places->end_code;
    aspace->data_start = places->start_data;
    aspace->data_end = places->end_data;
    aspace->brk_start = places->start_brk;
    aspace->brk = places->brk;
    aspace->stack_top = places->start_stack;
    aspace->argument_start = places->arg_start;
    aspace->argument_end = places->arg_end;
    aspace->environment_start = places->env_start;
    aspace->environment_end = places->env_end;
}

/* The place that an option is about, or NULL. */
static uint64_t *place_of(struct prctl_mm_map *places, uint64_t option)
{
    uint64_t *const all[] = {
        [PR_SET_MM_START_CODE] = &places->start_code,
        [PR_SET_MM_END_CODE] = &places->end_code,
        [PR_SET_MM_START_DATA] = &places->start_data,
        [PR_SET_MM_END_DATA] = &places->end_data,
        [PR_SET_MM_START_STACK] = &places->start_stack,
        [PR_SET_MM_START_BRK] = &places->start_brk,
        [PR_SET_MM_BRK] = &places->brk,
        [PR_SET_MM_ARG_START] = &places->arg_start,
        [PR_SET_MM_ARG_END] = &places->arg_end,
        [PR_SET_MM_ENV_START] = &places->env_start,
        [PR_SET_MM_ENV_END] = &places->env_end,
    };

    return option < sizeof(all) / sizeof(all[0]) ? all[option] : NULL;
}

static bool is_address(uint64_t address)
{
    return address >= MAPPING_LOWEST && address < user_end;
}

/* Are all places addresses, in order, and is the data within its limit? */
static bool are_valid(const struct aspace *aspace, const struct prctl_mm_map *places)
{
    struct prctl_mm_map copy = *places;
    uint64_t limit = aspace->data_limit;

    for (uint64_t option = PR_SET_MM_START_CODE; option <= PR_SET_MM_ENV_END; option++) {
        if (!is_address(*place_of(&copy, option)))
            return false;
    }
    return places->start_code < places->end_code && places->start_data <= places->end_data &&
           places->start_brk <= places->brk && places->arg_start <= places->arg_end &&
           places->env_start <= places->env_end &&
           places->brk - places->start_brk + (places->end_data - places->start_data) <= limit;
}

/* The stack, the arguments and the environment must be mapped. */
static bool must_be_mapped(uint64_t option)
{
    return option == PR_SET_MM_START_STACK ||
           (option >= PR_SET_MM_ARG_START && option <= PR_SET_MM_ENV_END);
}

static long set_one(struct aspace *aspace, uint64_t option, vaddr_t address)
{
    long result = 0;

    if (!is_address(address))
        return -EINVAL;
    rwlock_write(&aspace->lock);
    struct prctl_mm_map places = get_places(aspace);
    uint64_t *place = place_of(&places, option);
    if (place)
        *place = address;
    if (!place || !are_valid(aspace, &places))
        result = -EINVAL;
    else if (must_be_mapped(option) && !region_find_above(aspace, address))
        result = -EFAULT;
    else
        set_places(aspace, &places);
    rwlock_write_done(&aspace->lock);
    return result;
}

/* All at once, for which no privilege is needed; but neither another auxiliary vector nor another
 * executable can be set. */
static long set_all(struct aspace *aspace, vaddr_t address, uint64_t size)
{
    struct prctl_mm_map places;
    long result = -EINVAL;

    if (size != sizeof(places))
        return -EINVAL;
    if (copy_from_user(&places, address, sizeof(places)))
        return -EFAULT;
    rwlock_write(&aspace->lock);
    if (are_valid(aspace, &places) && places.auxv_size == 0 && places.exe_fd == UINT32_MAX) {
        set_places(aspace, &places);
        result = 0;
    }
    rwlock_write_done(&aspace->lock);
    return result;
}

long prctl_memory(const uint64_t argument[6])
{
    struct aspace *aspace = current_thread()->aspace;
    uint64_t option = argument[1];
    uint32_t size = sizeof(struct prctl_mm_map);

    if (argument[4] || (argument[3] && option != PR_SET_MM_AUXV && option != PR_SET_MM_MAP &&
                        option != PR_SET_MM_MAP_SIZE))
        return -EINVAL;
    if (option == PR_SET_MM_MAP_SIZE)
        return copy_to_user(argument[2], &size, sizeof(size));
    if (option == PR_SET_MM_MAP)
        return set_all(aspace, argument[2], argument[3]);
    return credentials_capable(CAP_SYS_RESOURCE) ? set_one(aspace, option, argument[2]) : -EPERM;
}
