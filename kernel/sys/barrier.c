/*
 * membarrier(2), and rseq(2), whose sequences it can end.
 */
#include "abi/errno.h"
#include "abi/rseq.h"
#include "abi/sched.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/process.h"
#include "core/rseq.h"
#include "sys/table.h"

#define REGISTRATIONS                                                                              \
    (MEMBARRIER_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_REGISTER_PRIVATE_EXPEDITED |                \
     MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE | MEMBARRIER_REGISTER_PRIVATE_RSEQ)
#define PRIVATE_BARRIERS                                                                           \
    (MEMBARRIER_PRIVATE_EXPEDITED | MEMBARRIER_PRIVATE_SYNC_CORE | MEMBARRIER_PRIVATE_RSEQ)
#define BARRIERS (MEMBARRIER_GLOBAL | MEMBARRIER_GLOBAL_EXPEDITED | PRIVATE_BARRIERS)

/* As Linux tells it: any private one counts as that of memory as well. */
static long tell_registrations(uint32_t registered)
{
    if (registered & (MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE | MEMBARRIER_REGISTER_PRIVATE_RSEQ))
        registered |= MEMBARRIER_REGISTER_PRIVATE_EXPEDITED;
    return registered;
}

/* The fence of instructions, for which each hart takes an interrupt and answers, orders memory as
 * well. The sequences that end may be those of one hart only, which need not be there. */
static void perform(int command, bool one, unsigned hart)
{
    if (command != MEMBARRIER_PRIVATE_RSEQ)
        instruction_fence_all();
    else if (!one)
        rseq_interrupt_harts(UINT64_MAX);
    else if (hart < hart_count())
        rseq_interrupt_harts(1ul << hart);
}

/* The private barriers have to be registered for. */
long sys_membarrier(const uint64_t argument[6])
{
    struct process *process = current_process();
    int command = (int)argument[0];
    uint32_t flags = (uint32_t)argument[1], needed = (uint32_t)command << 1, registered;
    if (flags & ~(command == MEMBARRIER_PRIVATE_RSEQ ? MEMBARRIER_FLAG_CPU : 0u))
        return -EINVAL;
    registered = __atomic_load_n(&process->barriers_registered, __ATOMIC_RELAXED);
    if (command == MEMBARRIER_QUERY)
        return REGISTRATIONS | BARRIERS | MEMBARRIER_GET_REGISTRATIONS;
    if (command == MEMBARRIER_GET_REGISTRATIONS)
        return tell_registrations(registered);
    if (command < 0 || command & (command - 1) || !(command & (REGISTRATIONS | BARRIERS)))
        return -EINVAL;
    if (command & REGISTRATIONS) {
        __atomic_fetch_or(&process->barriers_registered, (uint32_t)command, __ATOMIC_RELAXED);
        return 0;
    }
    if (command & PRIVATE_BARRIERS && !(registered & needed))
        return -EPERM;
    perform(command, flags & MEMBARRIER_FLAG_CPU, (uint32_t)argument[2]);
    return 0;
}

long sys_rseq(const uint64_t argument[6])
{
    uint32_t size = (uint32_t)argument[1], flags = (uint32_t)argument[2];
    uint32_t signature = (uint32_t)argument[3];
    if (flags & ~(uint32_t)RSEQ_FLAG_UNREGISTER)
        return -EINVAL;
    return flags ? rseq_unregister(argument[0], size, signature)
                 : rseq_register(argument[0], size, signature);
}
