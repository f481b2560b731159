/*
 * System calls of limits and accounting.
 */
#include "abi/resource.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/timer.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/time.h"
#include "core/user.h"
#include "fs/file.h"
#include "sys/convert.h"
#include "sys/table.h"
#include "vm/aspace.h"

#define DEFAULT_NICE 20 /* getpriority(2) returns 20 - nice */
#define TICK         (NANOSECONDS_PER_SECOND / CLOCK_TICKS_PER_SECOND)

/* The limits that the address space checks by itself. */
static void pass_to_aspace(struct process *process, unsigned resource, uint64_t value)
{
    struct aspace *aspace = process->aspace;
    if (!aspace)
        return;
    if (resource == RLIMIT_STACK)
        __atomic_store_n(&aspace->stack_limit, value, __ATOMIC_RELAXED);
    if (resource == RLIMIT_AS)
        __atomic_store_n(&aspace->address_limit, value, __ATOMIC_RELAXED);
    if (resource == RLIMIT_DATA)
        __atomic_store_n(&aspace->data_limit, value, __ATOMIC_RELAXED);
    if (resource == RLIMIT_MEMLOCK)
        __atomic_store_n(&aspace->lock_limit, value, __ATOMIC_RELAXED);
}

static int check_limit(const struct rlimit *old, const struct rlimit *new, unsigned resource)
{
    if (new->soft > new->hard)
        return -EINVAL;
    if (new->hard > old->hard && !credentials_capable(CAP_SYS_RESOURCE))
        return -EPERM;
    if (resource == RLIMIT_NOFILE && new->hard > FILES_MOST)
        return -EPERM;
    return 0;
}

static int change_limit(struct process *process, unsigned resource, const struct rlimit *new,
                        struct rlimit *old)
{
    int result = 0;
    spin_lock(&process->signal_lock);
    *old = process->limits[resource];
    if (new) {
        result = check_limit(old, new, resource);
        if (result == 0) {
            process->limits[resource] = *new;
            pass_to_aspace(process, resource, new->soft);
            if (resource == RLIMIT_CPU || resource == RLIMIT_RTTIME)
                process_timers_limit_changed(process);
        }
    }
    spin_unlock(&process->signal_lock);
    return result;
}

/* prlimit(2): the process is the caller, or all its identifiers are the caller's real ones. */
static bool may_limit(const struct process *process)
{
    const struct credentials *self = credentials_current(), *other = process->credentials;
    if (process == current_process() || credentials_have(self, CAP_SYS_RESOURCE))
        return true;
    return self->uid == other->uid && self->uid == other->euid && self->uid == other->suid &&
           self->gid == other->gid && self->gid == other->egid && self->gid == other->sgid;
}

/* prlimit(2): of oneself, or of a process of the same user. */
static int change_limit_of(int pid, unsigned resource, const struct rlimit *new, struct rlimit *old)
{
    struct process *process;
    int result = -ESRCH;
    mutex_lock(&process_tree_lock);
    process = pid ? process_find(pid) : current_process();
    if (process && !may_limit(process))
        result = -EPERM;
    else if (process)
        result = change_limit(process, resource, new, old);
    mutex_unlock(&process_tree_lock);
    return result;
}

static long limit_call(int pid, unsigned resource, vaddr_t new_address, vaddr_t old_address)
{
    struct rlimit new, old;
    int result;
    if (resource >= RLIMIT_COUNT)
        return -EINVAL;
    if (new_address && copy_from_user(&new, new_address, sizeof(new)))
        return -EFAULT;
    result = change_limit_of(pid, resource, new_address ? &new : NULL, &old);
    if (result == 0 && old_address && copy_to_user(old_address, &old, sizeof(old)))
        return -EFAULT;
    return result;
}

long sys_prlimit64(const uint64_t argument[6])
{
    return limit_call((int)argument[0], (unsigned)argument[1], argument[2], argument[3]);
}

long sys_getrlimit(const uint64_t argument[6])
{
    struct rlimit old;
    if (argument[0] >= RLIMIT_COUNT)
        return -EINVAL;
    change_limit(current_process(), (unsigned)argument[0], NULL, &old);
    return copy_to_user(argument[1], &old, sizeof(old));
}

long sys_setrlimit(const uint64_t argument[6])
{
    struct rlimit new, old;
    if (copy_from_user(&new, argument[1], sizeof(new)))
        return -EFAULT;
    if (argument[0] >= RLIMIT_COUNT)
        return -EINVAL;
    return change_limit(current_process(), (unsigned)argument[0], &new, &old);
}

long sys_getrusage(const uint64_t argument[6])
{
    struct resource_usage usage, own;
    struct rusage rusage;
    switch ((int)argument[0]) {
    case RUSAGE_SELF:
        process_usage(current_process(), &usage);
        break;
    case RUSAGE_THREAD:
        process_usage(current_process(), &own);
        thread_usage(current_thread(), &usage);
        usage.max_resident = own.max_resident;
        break;
    case RUSAGE_CHILDREN:
        mutex_lock(&process_tree_lock);
        usage = current_process()->children_usage;
        mutex_unlock(&process_tree_lock);
        break;
    default:
        return -EINVAL;
    }
    convert_usage(&usage, &rusage);
    return copy_to_user(argument[1], &rusage, sizeof(rusage));
}

long sys_times(const uint64_t argument[6])
{
    struct resource_usage own, children;
    struct tms times;
    process_usage(current_process(), &own);
    mutex_lock(&process_tree_lock);
    children = current_process()->children_usage;
    mutex_unlock(&process_tree_lock);
    times = (struct tms){
        .user = (int64_t)(own.user_time / TICK),
        .system = (int64_t)(own.system_time / TICK),
        .children_user = (int64_t)(children.user_time / TICK),
        .children_system = (int64_t)(children.system_time / TICK),
    };
    if (argument[0] && copy_to_user(argument[0], &times, sizeof(times)))
        return -EFAULT;
    return (long)(time_now() / TICK);
}
