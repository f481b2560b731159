/* Flags of clone(2), the structure of clone3(2), and scheduling policies (sched(7)). */
#ifndef MAPIX_ABI_SCHED_H
#define MAPIX_ABI_SCHED_H

#include <stdint.h>

#define CLONE_SIGNAL_MASK    0x000000ffu /* the signal sent to the parent at exit */
#define CLONE_VM             0x00000100u
#define CLONE_FS             0x00000200u
#define CLONE_FILES          0x00000400u
#define CLONE_SIGHAND        0x00000800u
#define CLONE_PIDFD          0x00001000u
#define CLONE_PTRACE         0x00002000u
#define CLONE_VFORK          0x00004000u
#define CLONE_PARENT         0x00008000u
#define CLONE_THREAD         0x00010000u
#define CLONE_NEWNS          0x00020000u
#define CLONE_SYSVSEM        0x00040000u
#define CLONE_SETTLS         0x00080000u
#define CLONE_PARENT_SETTID  0x00100000u
#define CLONE_CHILD_CLEARTID 0x00200000u
#define CLONE_DETACHED       0x00400000u
#define CLONE_UNTRACED       0x00800000u
#define CLONE_CHILD_SETTID   0x01000000u
#define CLONE_IO             0x80000000u
#define CLONE_CLEAR_SIGHAND  0x100000000ul /* clone3 only */

struct clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    uint64_t set_tid, set_tid_size; /* since version 1 */
    uint64_t cgroup;                /* since version 2 */
};

#define CLONE_ARGS_SIZE_FIRST 64

#define SCHED_OTHER         0
#define SCHED_FIFO          1
#define SCHED_RR            2
#define SCHED_BATCH         3
#define SCHED_IDLE          5
#define SCHED_RESET_ON_FORK 0x40000000

#define SCHED_PRIORITY_MAX 99

#define SCHED_FLAG_RESET_ON_FORK 0x01
#define SCHED_FLAG_KEEP_POLICY   0x08
#define SCHED_FLAG_KEEP_PARAMS   0x10
#define SCHED_FLAG_KEEP_ALL      (SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS)

struct sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t utilization_min, utilization_max; /* since version 1 */
};

#define SCHED_ATTR_SIZE_FIRST 48

/* membarrier(2) */
#define MEMBARRIER_QUERY                      0
#define MEMBARRIER_GLOBAL                     (1 << 0)
#define MEMBARRIER_GLOBAL_EXPEDITED           (1 << 1)
#define MEMBARRIER_REGISTER_GLOBAL_EXPEDITED  (1 << 2)
#define MEMBARRIER_PRIVATE_EXPEDITED          (1 << 3)
#define MEMBARRIER_REGISTER_PRIVATE_EXPEDITED (1 << 4)
#define MEMBARRIER_PRIVATE_SYNC_CORE          (1 << 5)
#define MEMBARRIER_REGISTER_PRIVATE_SYNC_CORE (1 << 6)
#define MEMBARRIER_PRIVATE_RSEQ               (1 << 7)
#define MEMBARRIER_REGISTER_PRIVATE_RSEQ      (1 << 8)
#define MEMBARRIER_GET_REGISTRATIONS          (1 << 9)
#define MEMBARRIER_FLAG_CPU                   1

#endif
