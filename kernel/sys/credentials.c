/*
 * System calls of credentials: user and group identifiers (credentials(7)).
 *
 * -1 leaves an identifier as it is. A privileged process may take any; another only one that it has
 * already. The file system's identifiers follow the effective ones.
 */
#include "abi/errno.h"
#include "core/process.h"
#include "core/user.h"
#include "lib/string.h"
#include "sys/table.h"

#define KEEP UINT32_MAX

/* One kind of identifier, user or group, with the same rules. */
struct identity {
    uint32_t *real, *effective, *saved, *file_system;
};

static struct identity user_identity(void)
{
    struct credentials *c = &current_process()->credentials;
    return (struct identity){&c->uid, &c->euid, &c->suid, &c->fsuid};
}

static struct identity group_identity(void)
{
    struct credentials *c = &current_process()->credentials;
    return (struct identity){&c->gid, &c->egid, &c->sgid, &c->fsgid};
}

static bool may_take(const struct identity *identity, uint32_t id)
{
    return id == KEEP || process_is_privileged() || id == *identity->real ||
           id == *identity->effective || id == *identity->saved;
}

static void take(struct identity *identity, uint32_t real, uint32_t effective, uint32_t saved)
{
    if (saved != KEEP)
        *identity->saved = saved;
    if (real != KEEP)
        *identity->real = real;
    if (effective != KEEP)
        *identity->effective = effective;
    *identity->file_system = *identity->effective;
}

/* setuid(2), setgid(2). */
static long set_one(struct identity identity, uint32_t id)
{
    if (id == KEEP)
        return -EINVAL;
    if (process_is_privileged())
        take(&identity, id, id, id);
    else if (id == *identity.real || id == *identity.saved)
        take(&identity, KEEP, id, KEEP);
    else
        return -EPERM;
    return 0;
}

/* setreuid(2): the saved identifier follows if the real one is set, or the effective one to
 * something else than the real. */
static long set_two(struct identity identity, uint32_t real, uint32_t effective)
{
    uint32_t saved = KEEP, old_real = *identity.real;
    if (!process_is_privileged() && real != KEEP && real != *identity.real &&
        real != *identity.effective)
        return -EPERM;
    if (!may_take(&identity, effective))
        return -EPERM;
    if (real != KEEP || (effective != KEEP && effective != old_real))
        saved = effective != KEEP ? effective : *identity.effective;
    take(&identity, real, effective, saved);
    return 0;
}

static long set_three(struct identity identity, const uint64_t argument[6])
{
    uint32_t real = (uint32_t)argument[0], effective = (uint32_t)argument[1];
    uint32_t saved = (uint32_t)argument[2];
    if (!may_take(&identity, real) || !may_take(&identity, effective) ||
        !may_take(&identity, saved))
        return -EPERM;
    take(&identity, real, effective, saved);
    return 0;
}

static long get_three(struct identity identity, const uint64_t argument[6])
{
    if (copy_to_user(argument[0], identity.real, sizeof(uint32_t)) ||
        copy_to_user(argument[1], identity.effective, sizeof(uint32_t)) ||
        copy_to_user(argument[2], identity.saved, sizeof(uint32_t)))
        return -EFAULT;
    return 0;
}

/* setfsuid(2): returns the old value, whether it was changed or not. */
static long set_file_system(struct identity identity, uint32_t id)
{
    uint32_t old = *identity.file_system;
    if (id != KEEP && (may_take(&identity, id) || id == old))
        *identity.file_system = id;
    return old;
}

long sys_getuid(const uint64_t argument[6])
{
    (void)argument;
    return current_process()->credentials.uid;
}

long sys_geteuid(const uint64_t argument[6])
{
    (void)argument;
    return current_process()->credentials.euid;
}

long sys_getgid(const uint64_t argument[6])
{
    (void)argument;
    return current_process()->credentials.gid;
}

long sys_getegid(const uint64_t argument[6])
{
    (void)argument;
    return current_process()->credentials.egid;
}

long sys_setuid(const uint64_t argument[6])
{
    return set_one(user_identity(), (uint32_t)argument[0]);
}

long sys_setgid(const uint64_t argument[6])
{
    return set_one(group_identity(), (uint32_t)argument[0]);
}

long sys_setreuid(const uint64_t argument[6])
{
    return set_two(user_identity(), (uint32_t)argument[0], (uint32_t)argument[1]);
}

long sys_setregid(const uint64_t argument[6])
{
    return set_two(group_identity(), (uint32_t)argument[0], (uint32_t)argument[1]);
}

long sys_setresuid(const uint64_t argument[6])
{
    return set_three(user_identity(), argument);
}

long sys_setresgid(const uint64_t argument[6])
{
    return set_three(group_identity(), argument);
}

long sys_getresuid(const uint64_t argument[6])
{
    return get_three(user_identity(), argument);
}

long sys_getresgid(const uint64_t argument[6])
{
    return get_three(group_identity(), argument);
}

long sys_setfsuid(const uint64_t argument[6])
{
    return set_file_system(user_identity(), (uint32_t)argument[0]);
}

long sys_setfsgid(const uint64_t argument[6])
{
    return set_file_system(group_identity(), (uint32_t)argument[0]);
}

long sys_getgroups(const uint64_t argument[6])
{
    const struct credentials *credentials = &current_process()->credentials;
    int size = (int)argument[0];
    uint32_t count = credentials->group_count;
    if (size < 0 || (size && (uint32_t)size < count))
        return -EINVAL;
    if (size && copy_to_user(argument[1], credentials->groups, count * sizeof(uint32_t)))
        return -EFAULT;
    return count;
}

long sys_setgroups(const uint64_t argument[6])
{
    struct credentials *credentials = &current_process()->credentials;
    uint32_t groups[GROUPS_MAX];
    if (!process_is_privileged())
        return -EPERM;
    if (argument[0] > GROUPS_MAX)
        return -EINVAL;
    if (copy_from_user(groups, argument[1], argument[0] * sizeof(uint32_t)))
        return -EFAULT;
    memcpy(credentials->groups, groups, argument[0] * sizeof(uint32_t));
    credentials->group_count = (uint32_t)argument[0];
    return 0;
}

long sys_umask(const uint64_t argument[6])
{
    struct process *process = current_process();
    uint32_t old;
    mutex_lock(&process->context_lock);
    old = process->umask;
    process->umask = (uint32_t)argument[0] & 0777;
    mutex_unlock(&process->context_lock);
    return old;
}
