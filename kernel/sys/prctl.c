/*
 * prctl(2): what a process says about itself. The options about capabilities are in capability.c.
 */
#include "abi/prctl.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/user.h"
#include "lib/string.h"
#include "sys/prctl.h"
#include "sys/table.h"
#include "vm/aspace.h"

#define TIMER_SLACK_DEFAULT 50000 /* nanoseconds */
#define PR_AUXV_WORDS       64    /* of the auxiliary vector, at the most */

static long set_name(vaddr_t name)
{
    char buffer[THREAD_NAME_SIZE];
    long length = copy_string_from_user(buffer, name, sizeof(buffer));
    if (length == -EFAULT)
        return length;
    buffer[sizeof(buffer) - 1] = '\0';
    memcpy(current_thread()->name, buffer, sizeof(buffer));
    return 0;
}

static long get_name(vaddr_t address)
{
    char name[THREAD_NAME_SIZE] = {0};
    string_copy(name, current_thread()->name, sizeof(name));
    return copy_to_user(address, name, sizeof(name));
}

static long set_death_signal(uint64_t number)
{
    if (number > SIGMAX)
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    current_process()->parent_death_signal = (int)number;
    mutex_unlock(&process_tree_lock);
    return 0;
}

static long set_dumpable(uint64_t dumpable)
{
    if (dumpable > 1)
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    current_process()->dumpable = dumpable;
    mutex_unlock(&process_tree_lock);
    return 0;
}

static long set_subreaper(bool subreaper)
{
    mutex_lock(&process_tree_lock);
    current_process()->child_subreaper = subreaper;
    mutex_unlock(&process_tree_lock);
    return 0;
}

/* Sleeps end at the tick that they ask for; the wish to end them later is kept, not used. */
static long set_timer_slack(int64_t nanoseconds)
{
    current_process()->timer_slack = nanoseconds > 0 ? (uint64_t)nanoseconds : TIMER_SLACK_DEFAULT;
    return 0;
}

static long get_timer_slack(void)
{
    uint64_t slack = current_process()->timer_slack;
    if (slack == 0)
        slack = TIMER_SLACK_DEFAULT;
    return slack > INT32_MAX ? INT32_MAX : (long)slack;
}

static long put_int(vaddr_t address, int value)
{
    return copy_to_user(address, &value, sizeof(value));
}

/* Copy as much of the auxiliary vector as there is room for: its whole size. */
static long get_auxiliary(vaddr_t address, uint64_t room)
{
    const struct aspace *aspace = current_thread()->aspace;
    uint64_t size = aspace->auxiliary_end - aspace->auxiliary_start;
    uint64_t words[PR_AUXV_WORDS];
    if (size > sizeof(words))
        size = sizeof(words);
    if (copy_from_user(words, aspace->auxiliary_start, size) ||
        copy_to_user(address, words, room < size ? room : size))
        return -EFAULT;
    return (long)size;
}

/* Options whose further arguments must be 0. */
static long strict_option(const uint64_t argument[6])
{
    bool one = argument[0] == PR_SET_NO_NEW_PRIVS || argument[0] == PR_SET_THP_DISABLE;
    if ((argument[1] && !one) || argument[2] || argument[3] || argument[4])
        return -EINVAL;
    switch (argument[0]) {
    case PR_SET_NO_NEW_PRIVS:
        return argument[1] == 1 ? credentials_forbid_privileges() : -EINVAL;
    case PR_GET_NO_NEW_PRIVS:
        return seccomp_forbids_privileges(current_thread());
    case PR_SET_THP_DISABLE:
        current_process()->huge_pages_disabled = argument[1];
        return 0;
    default:
        return current_process()->huge_pages_disabled;
    }
}

static long common_option(const uint64_t argument[6])
{
    struct process *process = current_process();
    switch (argument[0]) {
    case PR_SET_PDEATHSIG:
        return set_death_signal(argument[1]);
    case PR_GET_PDEATHSIG:
        return put_int(argument[1], process->parent_death_signal);
    case PR_GET_DUMPABLE:
        return process->dumpable;
    case PR_SET_DUMPABLE:
        return set_dumpable(argument[1]);
    case PR_GET_TIMING:
        return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING:
        return argument[1] == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_SET_NAME:
        return set_name(argument[1]);
    case PR_GET_NAME:
        return get_name(argument[1]);
    case PR_SET_CHILD_SUBREAPER:
        return set_subreaper(argument[1]);
    case PR_GET_CHILD_SUBREAPER:
        return put_int(argument[1], process->child_subreaper);
    case PR_SET_TIMERSLACK:
        return set_timer_slack((int64_t)argument[1]);
    case PR_GET_TIMERSLACK:
        return get_timer_slack();
    case PR_GET_TID_ADDRESS:
        return copy_to_user(argument[1], &current_thread()->clear_child_tid, sizeof(uint64_t));
    case PR_SET_VMA:
        return prctl_name_memory(argument);
    case PR_GET_AUXV:
        return argument[3] || argument[4] ? -EINVAL : get_auxiliary(argument[1], argument[2]);
    case PR_SET_MM:
        return prctl_memory(argument);
    default:
        return -EINVAL;
    }
}

long sys_prctl(const uint64_t argument[6])
{
    switch (argument[0]) {
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_GET_SECUREBITS:
    case PR_SET_SECUREBITS:
    case PR_CAP_AMBIENT:
        return prctl_capabilities(argument);
    case PR_GET_SECCOMP:
    case PR_SET_SECCOMP:
        return prctl_seccomp(argument);
    case PR_SET_NO_NEW_PRIVS:
    case PR_GET_NO_NEW_PRIVS:
    case PR_SET_THP_DISABLE:
    case PR_GET_THP_DISABLE:
        return strict_option(argument);
    default:
        return common_option(argument);
    }
}
