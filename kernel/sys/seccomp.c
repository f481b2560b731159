/* seccomp(2), and prctl(2) PR_SET_SECCOMP: which calls the thread may make. */
#include "abi/seccomp.h"
#include "abi/errno.h"
#include "abi/prctl.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/seccomp.h"
#include "core/user.h"
#include "sys/prctl.h"
#include "sys/table.h"

#define FLAGS                                                                                      \
    (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW |        \
     SECCOMP_FILTER_FLAG_TSYNC_ESRCH)

/* Copy the instructions, and install the filter. */
static int fill_and_install(struct seccomp_filter *filter, vaddr_t instructions, unsigned flags)
{
    int result = copy_from_user(filter->program, instructions,
                                filter->length * sizeof(struct bpf_instruction));
    return result ? result : seccomp_install(filter, flags);
}

static int set_filter(vaddr_t address, unsigned flags)
{
    struct bpf_program program;

    if (flags & ~FLAGS)
        return -EINVAL;
    if (copy_from_user(&program, address, sizeof(program)))
        return -EFAULT;
    if (!program.instructions || program.length == 0 || program.length > BPF_INSTRUCTIONS_MAX)
        return -EINVAL;
    if (!seccomp_forbids_privileges(current_thread()) && !credentials_capable(CAP_SYS_ADMIN))
        return -EACCES;
    struct seccomp_filter *filter = seccomp_filter_create(program.length);
    if (!filter)
        return -ENOMEM;
    int result = fill_and_install(filter, program.instructions, flags);
    if (result)
        seccomp_filter_release(filter);
    return result;
}

static int find_action(vaddr_t address)
{
    uint32_t action;

    if (copy_from_user(&action, address, sizeof(action)))
        return -EFAULT;
    switch (action) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ALLOW:
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

long prctl_seccomp(const uint64_t argument[6])
{
    if (argument[0] == PR_GET_SECCOMP)
        return current_thread()->seccomp.mode;
    switch (argument[1]) {
    case SECCOMP_MODE_STRICT:
        return seccomp_set_strict();
    case SECCOMP_MODE_FILTER:
        return set_filter(argument[2], 0);
    default:
        return -EINVAL;
    }
}

long sys_seccomp(const uint64_t argument[6])
{
    unsigned flags = (unsigned)argument[1];

    switch ((unsigned)argument[0]) {
    case SECCOMP_SET_MODE_STRICT:
        return flags || argument[2] ? -EINVAL : seccomp_set_strict();
    case SECCOMP_SET_MODE_FILTER:
        return set_filter(argument[2], flags);
    case SECCOMP_GET_ACTION_AVAIL:
        return flags ? -EINVAL : find_action(argument[2]);
    default:
        return -EINVAL;
    }
}
