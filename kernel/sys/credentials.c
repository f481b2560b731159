/*
 * System calls of credentials: user and group identifiers (credentials(7)).
 *
 * -1 leaves an identifier as it is. A privileged thread may take any; another only one that it has
 * already. The file system's identifiers follow the effective ones, and the capabilities follow
 * the user identifiers as capabilities(7) says.
 */
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/user.h"
#include "fs/path_context.h"
#include "lib/string.h"
#include "sys/table.h"
#include "vm/kmem.h"

#define KEEP UINT32_MAX

/* A set of new identifiers, user or group, by the same rules. */
struct change {
    bool user;
    uint32_t real, effective, saved, file_system;
};

static struct change current_ids(bool user)
{
    const struct credentials *c = credentials_current();
    if (user)
        return (struct change){true, c->uid, c->euid, c->suid, c->fsuid};
    return (struct change){false, c->gid, c->egid, c->sgid, c->fsgid};
}

static bool is_privileged(const struct change *change)
{
    return credentials_capable(change->user ? CAP_SETUID : CAP_SETGID);
}

static bool has_root(const struct credentials *c)
{
    return c->uid == 0 || c->euid == 0 || c->suid == 0;
}

/* capabilities(7), "Effect of user ID changes on capabilities"; old: before the change. */
static void follow_user(struct credentials *new, const struct credentials *old)
{
    if (new->secure_bits & SECBIT_NO_SETUID_FIXUP)
        return;
    if (has_root(old) && !has_root(new)) {
        if (!(new->secure_bits &SECBIT_KEEP_CAPS))
            new->permitted = new->effective = 0;
        new->ambient = 0;
    }
    if (old->euid == 0 && new->euid != 0)
        new->effective = 0;
    if (old->euid != 0 && new->euid == 0)
        new->effective = new->permitted;
}

static void follow_file_user(struct credentials *new, const struct credentials *old)
{
    if (new->secure_bits & SECBIT_NO_SETUID_FIXUP)
        return;
    if (old->fsuid == 0 && new->fsuid != 0)
        new->effective &= ~CAP_FILE_SET;
    if (old->fsuid != 0 && new->fsuid == 0)
        new->effective |= new->permitted &CAP_FILE_SET;
}

static int set_users(struct credentials *new, const struct change *change)
{
    int error = credentials_set_user(new, change->real);
    if (error)
        return error;
    new->euid = change->effective;
    new->suid = change->saved;
    new->fsuid = change->file_system;
    return 0;
}

static void set_groups(struct credentials *new, const struct change *change)
{
    new->gid = change->real;
    new->egid = change->effective;
    new->sgid = change->saved;
    new->fsgid = change->file_system;
}

/* Make the change: 0, or -EAGAIN as setuid(2) calls a lack of memory. */
static long take(const struct change *change, bool only_file_system)
{
    const struct credentials *old = credentials_current();
    struct credentials *new = credentials_copy();
    if (!new)
        return -EAGAIN;
    if (!change->user) {
        set_groups(new, change);
    } else if (set_users(new, change)) {
        credentials_release(new);
        return -EAGAIN;
    } else if (only_file_system) {
        follow_file_user(new, old);
    } else {
        follow_user(new, old);
    }
    credentials_commit(new);
    return 0;
}

static long take_all(bool user, uint32_t real, uint32_t effective, uint32_t saved)
{
    struct change change = {user, real, effective, saved, effective};
    return take(&change, false);
}

/* setuid(2), setgid(2). */
static long set_one(bool user, uint32_t id)
{
    struct change now = current_ids(user);
    if (id == KEEP)
        return -EINVAL;
    if (is_privileged(&now))
        return take_all(user, id, id, id);
    if (id == now.real || id == now.saved)
        return take_all(user, now.real, id, now.saved);
    return -EPERM;
}

/* setreuid(2): the saved identifier follows if the real one is set, or the effective one to
 * something else than the real. */
static long set_two(bool user, const uint64_t argument[6])
{
    uint32_t real = (uint32_t)argument[0], effective = (uint32_t)argument[1];
    struct change now = current_ids(user);
    bool follows = real != KEEP || (effective != KEEP && effective != now.real);
    bool real_allowed = real == KEEP || real == now.real || real == now.effective;
    bool effective_allowed = effective == KEEP || effective == now.real ||
                             effective == now.effective || effective == now.saved;
    if (!(real_allowed && effective_allowed) && !is_privileged(&now))
        return -EPERM;
    if (real == KEEP)
        real = now.real;
    if (effective == KEEP)
        effective = now.effective;
    return take_all(user, real, effective, follows ? effective : now.saved);
}

static bool is_one_of(uint32_t id, const struct change *now)
{
    return id == KEEP || id == now->real || id == now->effective || id == now->saved;
}

static long set_three(bool user, const uint64_t argument[6])
{
    uint32_t real = (uint32_t)argument[0], effective = (uint32_t)argument[1];
    uint32_t saved = (uint32_t)argument[2];
    struct change now = current_ids(user);
    if (!(is_one_of(real, &now) && is_one_of(effective, &now) && is_one_of(saved, &now)) &&
        !is_privileged(&now))
        return -EPERM;
    return take_all(user, real == KEEP ? now.real : real,
                    effective == KEEP ? now.effective : effective,
                    saved == KEEP ? now.saved : saved);
}

static long get_three(bool user, const uint64_t argument[6])
{
    struct change now = current_ids(user);
    if (copy_to_user(argument[0], &now.real, sizeof(uint32_t)) ||
        copy_to_user(argument[1], &now.effective, sizeof(uint32_t)) ||
        copy_to_user(argument[2], &now.saved, sizeof(uint32_t)))
        return -EFAULT;
    return 0;
}

/* setfsuid(2): returns the old value, whether it was changed or not. */
static long set_file_system(bool user, uint32_t id)
{
    struct change now = current_ids(user);
    uint32_t old = now.file_system;
    if (id != old && id != KEEP && (is_one_of(id, &now) || is_privileged(&now))) {
        now.file_system = id;
        (void)take(&now, true); /* without memory it stays as it is, which the next call tells */
    }
    return old;
}

long sys_getuid(const uint64_t argument[6])
{
    (void)argument;
    return credentials_current()->uid;
}

long sys_geteuid(const uint64_t argument[6])
{
    (void)argument;
    return credentials_current()->euid;
}

long sys_getgid(const uint64_t argument[6])
{
    (void)argument;
    return credentials_current()->gid;
}

long sys_getegid(const uint64_t argument[6])
{
    (void)argument;
    return credentials_current()->egid;
}

long sys_setuid(const uint64_t argument[6])
{
    return set_one(true, (uint32_t)argument[0]);
}

long sys_setgid(const uint64_t argument[6])
{
    return set_one(false, (uint32_t)argument[0]);
}

long sys_setreuid(const uint64_t argument[6])
{
    return set_two(true, argument);
}

long sys_setregid(const uint64_t argument[6])
{
    return set_two(false, argument);
}

long sys_setresuid(const uint64_t argument[6])
{
    return set_three(true, argument);
}

long sys_setresgid(const uint64_t argument[6])
{
    return set_three(false, argument);
}

long sys_getresuid(const uint64_t argument[6])
{
    return get_three(true, argument);
}

long sys_getresgid(const uint64_t argument[6])
{
    return get_three(false, argument);
}

long sys_setfsuid(const uint64_t argument[6])
{
    return set_file_system(true, (uint32_t)argument[0]);
}

long sys_setfsgid(const uint64_t argument[6])
{
    return set_file_system(false, (uint32_t)argument[0]);
}

long sys_getgroups(const uint64_t argument[6])
{
    const struct credentials *credentials = credentials_current();
    int size = (int)argument[0];
    uint32_t count = credentials->group_count;
    if (size < 0 || (size && (uint32_t)size < count))
        return -EINVAL;
    if (size && copy_to_user(argument[1], credentials->groups, count * sizeof(uint32_t)))
        return -EFAULT;
    return count;
}

static void sift_down(uint32_t *ids, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && ids[child + 1] > ids[child])
            child++;
        if (ids[root] >= ids[child])
            return;
        uint32_t id = ids[root];
        ids[root] = ids[child];
        ids[child] = id;
    }
}

/* Heapsort: no memory, and no order of the input that makes it slow. */
static void sort(uint32_t *ids, size_t count)
{
    for (size_t i = count / 2; i > 0; i--)
        sift_down(ids, i - 1, count);
    for (size_t end = count; end > 1; end--) {
        uint32_t id = ids[0];
        ids[0] = ids[end - 1];
        ids[end - 1] = id;
        sift_down(ids, 0, end - 1);
    }
}

long sys_setgroups(const uint64_t argument[6])
{
    uint32_t count = (uint32_t)argument[0];
    struct credentials *new;
    if (!credentials_capable(CAP_SETGID))
        return -EPERM;
    if (count > GROUPS_MAX)
        return -EINVAL;
    new = credentials_copy_without_groups(count);
    if (!new)
        return -ENOMEM;
    if (copy_from_user(new->groups, argument[1], count * sizeof(uint32_t))) {
        credentials_release(new);
        return -EFAULT;
    }
    sort(new->groups, count);
    credentials_commit(new);
    return 0;
}

long sys_umask(const uint64_t argument[6])
{
    return path_context_set_umask(current_thread()->path_context, (uint32_t)argument[0] & 0777);
}
