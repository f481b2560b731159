/*
 * System calls of scheduling. There is one policy, round-robin, on all harts.
 */
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/user.h"
#include "sys/table.h"

long sys_sched_yield(const uint64_t argument[6])
{
    (void)argument;
    thread_yield();
    return 0;
}

static uint64_t all_harts(void)
{
    return hart_count() == 64 ? UINT64_MAX : (1ul << hart_count()) - 1;
}

static int check_process(int pid)
{
    int result = 0;
    mutex_lock(&process_tree_lock);
    if (pid && !process_find(pid))
        result = -ESRCH;
    mutex_unlock(&process_tree_lock);
    return result;
}

long sys_sched_getaffinity(const uint64_t argument[6])
{
    uint64_t mask = all_harts();
    int result;
    if (argument[1] < sizeof(mask) || argument[1] % sizeof(mask))
        return -EINVAL;
    result = check_process((int)argument[0]);
    if (result == 0)
        result = copy_to_user(argument[2], &mask, sizeof(mask));
    return result ? result : (long)sizeof(mask);
}

/* Threads are not bound to harts: a set that leaves one out is refused. */
long sys_sched_setaffinity(const uint64_t argument[6])
{
    uint64_t mask = 0, size = argument[1] < sizeof(mask) ? argument[1] : sizeof(mask);
    int result = check_process((int)argument[0]);
    if (result)
        return result;
    if (copy_from_user(&mask, argument[2], size))
        return -EFAULT;
    return (mask & all_harts()) == all_harts() ? 0 : -EINVAL;
}

long sys_getcpu(const uint64_t argument[6])
{
    uint32_t hart, node = 0;
    uint64_t state = interrupts_disable();
    hart = hart_index();
    interrupts_restore(state);
    if (argument[0] && copy_to_user(argument[0], &hart, sizeof(hart)))
        return -EFAULT;
    if (argument[1] && copy_to_user(argument[1], &node, sizeof(node)))
        return -EFAULT;
    return 0;
}
