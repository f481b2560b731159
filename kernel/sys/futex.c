/*
 * System calls of futexes: futex(2), and the lists of set_robust_list(2).
 */
#include "core/futex.h"
#include "abi/errno.h"
#include "abi/futex.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/syscall.h"
#include "core/time.h"
#include "core/user.h"
#include "sys/convert.h"
#include "sys/table.h"

/* When a wait ends: relative for FUTEX_WAIT, where a repeated call goes on to the same moment;
 * absolute by one of two clocks for the others. */
static int read_deadline(int command, bool real, vaddr_t timeout, uint64_t *deadline)
{
    struct thread *thread = current_thread();
    uint64_t time, now = time_now(), repeated = thread->sleep_deadline;
    int error;
    thread->sleep_deadline = 0;
    *deadline = WAIT_FOREVER;
    if (!timeout)
        return 0;
    error = timespec_from_user(timeout, &time);
    if (error)
        return error;
    if (command != FUTEX_WAIT) {
        uint64_t clock = real ? time_real() : now;
        time = time > clock ? time - clock : 0;
    }
    *deadline = time < WAIT_FOREVER - now ? now + time : WAIT_FOREVER;
    if (command == FUTEX_WAIT && repeated)
        *deadline = repeated;
    return 0;
}

static long wait(const uint64_t argument[6], int command, bool shared, bool real)
{
    uint32_t bits = command == FUTEX_WAIT ? FUTEX_BITSET_MATCH_ANY : (uint32_t)argument[5];
    uint64_t deadline;
    int result = read_deadline(command, real, argument[3], &deadline);
    if (result)
        return result;
    result = futex_wait(argument[0], shared, (uint32_t)argument[2], bits, deadline);
    if (result != -EINTR || !argument[3])
        return result;
    current_thread()->sleep_deadline = command == FUTEX_WAIT ? deadline : 0;
    return -EINTR_HANDLER;
}

static long requeue(const uint64_t argument[6], bool compare, bool shared)
{
    const vaddr_t address[2] = {argument[0], argument[4]};
    uint32_t expected = (uint32_t)argument[5];
    int wake = (int)argument[2], count = (int)argument[3];
    if (wake < 0 || count < 0)
        return -EINVAL;
    return futex_requeue(address, shared, wake, count, compare ? &expected : NULL);
}

static long lock(const uint64_t argument[6], int command, bool shared, bool real)
{
    uint64_t deadline;
    int result = read_deadline(command, real, argument[3], &deadline);
    if (result)
        return result;
    result = futex_lock(argument[0], shared, false, deadline);
    return result == -EINTR ? -EINTR_REPEAT : result;
}

static long wait_for_lock(const uint64_t argument[6], bool shared, bool real)
{
    const vaddr_t address[2] = {argument[0], argument[4]};
    uint64_t deadline;
    int result = read_deadline(FUTEX_WAIT_REQUEUE_PI, real, argument[3], &deadline);
    if (result)
        return result;
    return futex_wait_for_lock(address, shared, (uint32_t)argument[2], deadline);
}

static long requeue_to_lock(const uint64_t argument[6], bool shared)
{
    const vaddr_t address[2] = {argument[0], argument[4]};
    int wake = (int)argument[2], count = (int)argument[3];
    if (wake != 1 || count < 0)
        return -EINVAL;
    return futex_requeue_to_lock(address, shared, count, (uint32_t)argument[5]);
}

/* The operations on locks with priority inheritance. FUTEX_LOCK_PI has always meant real time. */
static long inheriting(const uint64_t argument[6], int command, bool shared, bool real)
{
    switch (command) {
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return lock(argument, command, shared, real || command == FUTEX_LOCK_PI);
    case FUTEX_TRYLOCK_PI:
        return futex_lock(argument[0], shared, true, 0);
    case FUTEX_UNLOCK_PI:
        return futex_unlock(argument[0], shared);
    case FUTEX_WAIT_REQUEUE_PI:
        return wait_for_lock(argument, shared, real);
    case FUTEX_CMP_REQUEUE_PI:
        return requeue_to_lock(argument, shared);
    default:
        return -ENOSYS;
    }
}

/* With those that have an absolute deadline, a flag says by which clock. */
static bool has_clock(int command)
{
    return command == FUTEX_WAIT_BITSET || command == FUTEX_WAIT_REQUEUE_PI ||
           command == FUTEX_LOCK_PI2;
}

long sys_futex(const uint64_t argument[6])
{
    const vaddr_t address[2] = {argument[0], argument[4]};
    int operation = (int)argument[1];
    int command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    bool shared = !(operation & FUTEX_PRIVATE_FLAG), real = operation & FUTEX_CLOCK_REALTIME;
    int count = (int)argument[2];
    if (real && !has_clock(command))
        return -ENOSYS;
    switch (command) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
        return wait(argument, command, shared, real);
    case FUTEX_WAKE:
        return futex_wake(argument[0], shared, count, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return futex_wake(argument[0], shared, count, (uint32_t)argument[5]);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        return requeue(argument, command == FUTEX_CMP_REQUEUE, shared);
    case FUTEX_WAKE_OP:
        return futex_wake_operation(address, shared, count, (int)argument[3],
                                    (uint32_t)argument[5]);
    default:
        return inheriting(argument, command, shared, real);
    }
}

long sys_set_robust_list(const uint64_t argument[6])
{
    if (argument[1] != sizeof(struct robust_list_head))
        return -EINVAL;
    current_thread()->robust_list = argument[0];
    return 0;
}

/* The list of a thread, 0: the caller: -ESRCH, -EPERM. */
static int find_robust_list(int id, uint64_t *list)
{
    const struct thread *thread;
    int result = 0;
    mutex_lock(&process_tree_lock);
    thread = id ? process_find_thread(id) : current_thread();
    if (!thread)
        result = -ESRCH;
    else if (!credentials_may_inspect(thread->process, true))
        result = -EPERM;
    else
        *list = __atomic_load_n(&thread->robust_list, __ATOMIC_RELAXED);
    mutex_unlock(&process_tree_lock);
    return result;
}

long sys_get_robust_list(const uint64_t argument[6])
{
    uint64_t list, size = sizeof(struct robust_list_head);
    int result = find_robust_list((int)argument[0], &list);
    if (result)
        return result;
    if (copy_to_user(argument[2], &size, sizeof(size)) ||
        copy_to_user(argument[1], &list, sizeof(list)))
        return -EFAULT;
    return 0;
}
