/*
 * System calls of scheduling: affinity, policies and priorities (sched(7)).
 *
 * SCHED_BATCH and SCHED_IDLE run as SCHED_OTHER does, and the real-time policies by priority. There
 * is no SCHED_DEADLINE.
 */
#include "abi/errno.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmap.h"
#include "core/process.h"
#include "core/scheduler.h"
#include "core/user.h"
#include "lib/string.h"
#include "sys/convert.h"
#include "sys/priority.h"
#include "sys/table.h"
#include "vm/aspace.h"

#define NICE_LEAST (-20)
#define NICE_MOST  19

long sys_sched_yield(const uint64_t argument[6])
{
    (void)argument;
    thread_yield();
    return 0;
}

/* The thread with this identifier, 0: the caller. process_tree_lock held. */
static struct thread *find_thread(int id)
{
    return id ? process_find_thread(id) : current_thread();
}

/* May the caller change how the thread is scheduled? */
static bool may_schedule(const struct thread *thread)
{
    const struct credentials *self = credentials_current();
    const struct credentials *other = thread->process->credentials;
    return self->euid == other->euid || self->euid == other->uid ||
           credentials_capable(CAP_SYS_NICE);
}

/* Affinity */

long sys_sched_getaffinity(const uint64_t argument[6])
{
    const struct thread *thread;
    uint64_t mask = 0;
    if (argument[1] < sizeof(mask) || argument[1] % sizeof(mask))
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    thread = find_thread((int)argument[0]);
    if (thread)
        mask = __atomic_load_n(&thread->affinity, __ATOMIC_RELAXED) & all_harts();
    mutex_unlock(&process_tree_lock);
    if (!thread)
        return -ESRCH;
    return copy_to_user(argument[2], &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}

/* A thread that is not the caller moves when it comes into the kernel the next time. */
static int set_affinity(int id, uint64_t mask)
{
    struct thread *thread;
    int result = 0;
    mutex_lock(&process_tree_lock);
    thread = find_thread(id);
    if (!thread)
        result = -ESRCH;
    else if (!may_schedule(thread))
        result = -EPERM;
    else if (!(mask & all_harts()))
        result = -EINVAL;
    else
        thread_reference(thread);
    mutex_unlock(&process_tree_lock);
    if (result)
        return result;
    scheduler_set_affinity(thread, mask & all_harts());
    thread_release(thread);
    return 0;
}

long sys_sched_setaffinity(const uint64_t argument[6])
{
    uint64_t mask = 0, size = argument[1] < sizeof(mask) ? argument[1] : sizeof(mask);
    if (copy_from_user(&mask, argument[2], size))
        return -EFAULT;
    return set_affinity((int)argument[0], mask);
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

/* Policies */

static bool is_real_time(int policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_policy(int policy)
{
    return is_real_time(policy) || policy == SCHED_OTHER || policy == SCHED_BATCH ||
           policy == SCHED_IDLE;
}

/* May the caller give the thread this priority? Without the capability, up to RLIMIT_RTPRIO, or
 * lower than it has. process_tree_lock held. */
static bool may_prioritize(const struct thread *thread, int policy, unsigned priority)
{
    uint64_t limit = thread->process->limits[RLIMIT_RTPRIO].soft;
    if (credentials_capable(CAP_SYS_NICE))
        return true;
    if (!may_schedule(thread))
        return false;
    return !is_real_time(policy) || priority <= thread->inherit.own_priority || priority <= limit;
}

/* How the thread is to be scheduled: nice matters without a real-time priority only. */
struct policy {
    int policy, nice; /* policy below 0: the one that it has */
    bool set_nice;
    unsigned priority;
};

static int set_policy_locked(struct thread *thread, const struct policy *wanted)
{
    int policy = wanted->policy < 0 ? thread->policy : wanted->policy;
    int base = policy & ~SCHED_RESET_ON_FORK;
    unsigned priority = wanted->priority;
    bool set_nice = wanted->set_nice && !is_real_time(base);
    if (!is_policy(base) || priority > SCHED_PRIORITY_MAX || is_real_time(base) != (priority != 0))
        return -EINVAL;
    if (!may_prioritize(thread, base, priority) ||
        (set_nice && !priority_may_set_nice(thread, wanted->nice)))
        return -EPERM;
    thread->policy = policy;
    inherit_set_priority(thread, priority);
    if (set_nice)
        scheduler_set_nice(thread, wanted->nice);
    return 0;
}

static int set_policy(int id, const struct policy *wanted)
{
    struct thread *thread;
    int result = -ESRCH;
    mutex_lock(&process_tree_lock);
    thread = find_thread(id);
    if (thread)
        result = set_policy_locked(thread, wanted);
    mutex_unlock(&process_tree_lock);
    return result;
}

/* *slice, if it is asked for, is how long the thread runs while others of its priority wait. */
static int get_policy(int id, struct policy *found, uint64_t *slice)
{
    const struct thread *thread;
    if (id < 0)
        return -EINVAL;
    mutex_lock(&process_tree_lock);
    thread = find_thread(id);
    if (thread) {
        *found = (struct policy){.policy = thread->policy,
                                 .nice = thread->nice,
                                 .priority = thread->inherit.own_priority};
        if (slice)
            *slice = thread->slice;
    }
    mutex_unlock(&process_tree_lock);
    return thread ? 0 : -ESRCH;
}

static long set_scheduler(int id, int policy, vaddr_t parameter)
{
    int priority;
    if (id < 0 || !parameter)
        return -EINVAL;
    if (copy_from_user(&priority, parameter, sizeof(priority)))
        return -EFAULT;
    if (priority < 0)
        return -EINVAL;
    return set_policy(id, &(struct policy){.policy = policy, .priority = (unsigned)priority});
}

long sys_sched_setscheduler(const uint64_t argument[6])
{
    int policy = (int)argument[1];
    return policy < 0 ? -EINVAL : set_scheduler((int)argument[0], policy, argument[2]);
}

long sys_sched_setparam(const uint64_t argument[6])
{
    return set_scheduler((int)argument[0], -1, argument[1]);
}

long sys_sched_getscheduler(const uint64_t argument[6])
{
    struct policy found;
    int result = get_policy((int)argument[0], &found, NULL);
    return result ? result : found.policy;
}

long sys_sched_getparam(const uint64_t argument[6])
{
    struct policy found;
    int result;
    if (!argument[1])
        return -EINVAL;
    result = get_policy((int)argument[0], &found, NULL);
    return result ? result : copy_to_user(argument[1], &found.priority, sizeof(found.priority));
}

/* sched_setattr(2): what lies behind the structure as this kernel knows it must be 0. */
static int read_attributes(vaddr_t address, struct sched_attr *attributes)
{
    uint32_t size;
    if (copy_from_user(&size, address, sizeof(size)))
        return -EFAULT;
    if (size == 0)
        size = SCHED_ATTR_SIZE_FIRST;
    if (size < SCHED_ATTR_SIZE_FIRST || size > sizeof(*attributes))
        return -E2BIG;
    memset(attributes, 0, sizeof(*attributes));
    return copy_from_user(attributes, address, size);
}

/* Leave the thread the policy that it has, or all three. */
static int keep(int id, uint64_t flags, struct policy *wanted)
{
    struct policy found;
    int result = get_policy(id, &found, NULL);
    if (result)
        return result;
    if (flags & SCHED_FLAG_KEEP_POLICY)
        wanted->policy = found.policy;
    if (flags & SCHED_FLAG_KEEP_PARAMS) {
        if (is_real_time(wanted->policy) != is_real_time(found.policy))
            return -EINVAL;
        wanted->policy = found.policy;
        wanted->priority = found.priority;
        wanted->nice = found.nice;
    }
    return 0;
}

long sys_sched_setattr(const uint64_t argument[6])
{
    struct sched_attr attributes;
    struct policy wanted = {.set_nice = true};
    int result;
    if ((int)argument[0] < 0 || !argument[1] || argument[2])
        return -EINVAL;
    result = read_attributes(argument[1], &attributes);
    if (result)
        return result;
    if (attributes.flags & ~(uint64_t)(SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_ALL) ||
        attributes.policy >= SCHED_RESET_ON_FORK)
        return -EINVAL;
    wanted.policy = (int)attributes.policy;
    wanted.priority = attributes.priority;
    wanted.nice = attributes.nice < NICE_LEAST  ? NICE_LEAST
                  : attributes.nice > NICE_MOST ? NICE_MOST
                                                : attributes.nice;
    if (attributes.flags & SCHED_FLAG_RESET_ON_FORK)
        wanted.policy |= SCHED_RESET_ON_FORK;
    if (attributes.flags & SCHED_FLAG_KEEP_ALL)
        result = keep((int)argument[0], attributes.flags, &wanted);
    return result ? result : set_policy((int)argument[0], &wanted);
}

long sys_sched_getattr(const uint64_t argument[6])
{
    struct sched_attr attributes = {.size = sizeof(attributes)};
    uint64_t size = (uint32_t)argument[2], slice;
    struct policy found;
    int result;
    if (!argument[1] || argument[3] || size < SCHED_ATTR_SIZE_FIRST || size > PAGE_SIZE)
        return -EINVAL;
    result = get_policy((int)argument[0], &found, &slice);
    if (result)
        return result;
    if (found.policy & SCHED_RESET_ON_FORK)
        attributes.flags = SCHED_FLAG_RESET_ON_FORK;
    attributes.policy = (uint32_t)found.policy & ~(uint32_t)SCHED_RESET_ON_FORK;
    attributes.priority = found.priority;
    if (!is_real_time((int)attributes.policy)) {
        attributes.nice = found.nice;
        attributes.runtime = slice;
    }
    if (size > sizeof(attributes))
        size = sizeof(attributes);
    attributes.size = (uint32_t)size;
    return copy_to_user(argument[1], &attributes, size);
}

static long priority_limit(int policy, long most)
{
    if (is_real_time(policy))
        return most;
    return is_policy(policy) ? 0 : -EINVAL;
}

long sys_sched_get_priority_max(const uint64_t argument[6])
{
    return priority_limit((int)argument[0], SCHED_PRIORITY_MAX);
}

long sys_sched_get_priority_min(const uint64_t argument[6])
{
    return priority_limit((int)argument[0], 1);
}

long sys_sched_rr_get_interval(const uint64_t argument[6])
{
    struct policy found;
    uint64_t slice;
    int result = get_policy((int)argument[0], &found, &slice);
    if (result)
        return result;
    return timespec_to_user(argument[1], found.policy == SCHED_FIFO ? 0 : slice);
}
