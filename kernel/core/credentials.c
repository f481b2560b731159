/*
 * Credentials of threads (credentials.h).
 *
 * A change is always: copy, change the copy, commit. The old ones are given back after the new ones
 * are in place, so that a reader with process_tree_lock never sees what is freed.
 */
#include "core/credentials.h"
#include "abi/errno.h"
#include "abi/resource.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "fs/mount.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define ACCOUNT_HASHES 64

static struct spinlock account_lock = {.name = "user accounts", .rank = RANK_SIGNAL};
static struct account root_account = {.references = 1};
static struct account *accounts[ACCOUNT_HASHES] = {&root_account}; /* (account_lock) */

/* Of the kernel's own threads, and of the first process. */
static struct credentials first_credentials = {
    .references = 1,
    .permitted = CAP_ALL,
    .effective = CAP_ALL,
    .bounding = CAP_ALL,
    .account = &root_account,
};

/* Accounts */

static struct account **account_slot(uint32_t uid)
{
    struct account **slot = &accounts[uid % ACCOUNT_HASHES];
    while (*slot && (*slot)->uid != uid)
        slot = &(*slot)->next;
    return slot;
}

/* The account of a user, referenced; NULL: no memory. */
static struct account *account_get(uint32_t uid)
{
    struct account *new = kmalloc_zeroed(sizeof(*new)), *account;
    spin_lock(&account_lock);
    struct account **slot = account_slot(uid);
    if (!*slot && new) {
        new->uid = uid;
        *slot = new;
        new = NULL;
    }
    account = *slot;
    if (account)
        account->references++;
    spin_unlock(&account_lock);
    kfree(new);
    return account;
}

static void account_release(struct account *account)
{
    spin_lock(&account_lock);
    bool last = --account->references == 0;
    if (last)
        *account_slot(account->uid) = account->next;
    spin_unlock(&account_lock);
    if (last)
        kfree(account);
}

static void account_reference(struct account *account)
{
    spin_lock(&account_lock);
    account->references++;
    spin_unlock(&account_lock);
}

int credentials_check_threads(void)
{
    const struct credentials *self = credentials_current();
    uint64_t limit = process_limit(RLIMIT_NPROC);
    if (process_count_threads() >= __atomic_load_n(&threads_max, __ATOMIC_RELAXED))
        return -EAGAIN;
    if (self->uid == 0 || credentials_capable(CAP_SYS_RESOURCE) ||
        credentials_capable(CAP_SYS_ADMIN))
        return 0;
    return __atomic_load_n(&self->account->threads, __ATOMIC_RELAXED) >= limit ? -EAGAIN : 0;
}

/* Life */

struct credentials *credentials_reference(const struct credentials *credentials)
{
    struct credentials *counted = (struct credentials *)credentials;
    __atomic_fetch_add(&counted->references, 1, __ATOMIC_RELAXED);
    return counted;
}

void credentials_release(struct credentials *credentials)
{
    if (credentials && __atomic_sub_fetch(&credentials->references, 1, __ATOMIC_ACQ_REL) == 0) {
        account_release(credentials->account);
        kfree(credentials);
    }
}

const struct credentials *credentials_current(void)
{
    const struct credentials *credentials = current_thread()->credentials;
    return credentials ? credentials : &first_credentials;
}

static struct credentials *copy(const struct credentials *model, uint32_t group_count)
{
    size_t groups = group_count * sizeof(model->groups[0]);
    struct credentials *result = kmalloc(sizeof(*result) + groups);
    if (!result)
        return NULL;
    memcpy(result, model, sizeof(*result));
    result->references = 1;
    result->group_count = group_count;
    account_reference(result->account);
    return result;
}

struct credentials *credentials_copy_without_groups(uint32_t group_count)
{
    return copy(credentials_current(), group_count);
}

struct credentials *credentials_copy(void)
{
    const struct credentials *model = credentials_current();
    struct credentials *result = copy(model, model->group_count);
    if (result)
        memcpy(result->groups, model->groups, model->group_count * sizeof(model->groups[0]));
    return result;
}

int credentials_set_user(struct credentials *credentials, uint32_t uid)
{
    struct account *account;
    if (uid == credentials->uid)
        return 0;
    account = account_get(uid);
    if (!account)
        return -ENOMEM;
    account_release(credentials->account);
    credentials->account = account;
    credentials->uid = uid;
    return 0;
}

static void count_thread(const struct credentials *credentials, int64_t change)
{
    __atomic_fetch_add(&credentials->account->threads, (uint64_t)change, __ATOMIC_RELAXED);
}

static void count_signals(const struct credentials *credentials, uint64_t change)
{
    __atomic_fetch_add(&credentials->account->signals, change, __ATOMIC_RELAXED);
}

void credentials_inherit(struct thread *thread)
{
    thread->credentials = credentials_reference(credentials_current());
    count_thread(thread->credentials, 1);
}

void credentials_give_back(struct thread *thread)
{
    if (!thread->credentials)
        return;
    count_thread(thread->credentials, -1);
    credentials_release(thread->credentials);
    thread->credentials = NULL;
}

/* Does the change make others lose sight of the process? */
static bool is_privileging(const struct credentials *old, const struct credentials *new)
{
    return old->euid != new->euid || old->egid != new->egid || old->fsuid != new->fsuid ||
           old->fsgid != new->fsgid || (new->permitted & ~old->permitted);
}

void credentials_commit(struct credentials *credentials)
{
    struct thread *thread = current_thread();
    struct process *process = thread->process;
    struct credentials *old = thread->credentials, *old_first = NULL;
    mutex_lock(&process_tree_lock);
    if (is_privileging(old, credentials)) {
        process->dumpable = false;
        process->parent_death_signal = 0;
    }
    count_thread(credentials, 1);
    count_thread(old, -1);
    thread->credentials = credentials;
    if (thread->id == process->pid) {
        old_first = process->credentials;
        spin_lock(&process->signal_lock);
        count_signals(process->credentials, -process->charged_signals);
        process->credentials = credentials_reference(credentials);
        count_signals(process->credentials, process->charged_signals);
        spin_unlock(&process->signal_lock);
    }
    mutex_unlock(&process_tree_lock);
    credentials_release(old);
    credentials_release(old_first);
}

int credentials_forbid_privileges(void)
{
    struct credentials *new = credentials_copy();
    if (!new)
        return -ENOMEM;
    new->no_new_privileges = true;
    credentials_commit(new);
    return 0;
}

/* Questions */

bool credentials_capable(unsigned capability)
{
    return credentials_have(credentials_current(), capability);
}

bool credentials_have_group(const struct credentials *credentials, uint32_t gid)
{
    uint32_t low = 0, high = credentials->group_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (credentials->groups[middle] == gid)
            return true;
        if (credentials->groups[middle] < gid)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool credentials_in_group(const struct credentials *credentials, uint32_t gid)
{
    return credentials->fsgid == gid || credentials_have_group(credentials, gid);
}

bool credentials_may_inspect(const struct process *process, bool real)
{
    const struct credentials *self = credentials_current(), *other = process->credentials;
    uint32_t uid = real ? self->uid : self->fsuid, gid = real ? self->gid : self->fsgid;
    if (process == current_process() || credentials_have(self, CAP_SYS_PTRACE))
        return true;
    return uid == other->uid && uid == other->euid && uid == other->suid && gid == other->gid &&
           gid == other->egid && gid == other->sgid && process->dumpable &&
           !(other->permitted & ~self->permitted);
}

bool credentials_may_be_traced_by(const struct process *process)
{
    const struct credentials *other = process->credentials;
    return !(credentials_current()->permitted & ~other->permitted) ||
           credentials_have(other, CAP_SYS_PTRACE);
}

bool credentials_may_signal(const struct process *process)
{
    const struct credentials *self = credentials_current(), *other = process->credentials;
    return self->euid == other->uid || self->euid == other->suid || self->uid == other->uid ||
           self->uid == other->suid || credentials_have(self, CAP_KILL);
}

/* execve(2) */

/* The file's set-id bits, unless they do not count: there, or for this thread. */
static void take_program_ids(const struct place *place, struct credentials *credentials)
{
    const struct vnode *program = place->vnode;

    if (mount_has_flag(place->mount, MS_NOSUID) || seccomp_forbids_privileges(current_thread()))
        return;
    if (trace_forbids_privileges())
        return;
    if (program->mode & S_ISUID)
        credentials->euid = program->uid;
    if ((program->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        credentials->egid = program->gid;
}

int credentials_for_program(const struct place *program, struct credentials **result, bool *secure)
{
    struct credentials *new = credentials_copy();
    if (!new)
        return -ENOMEM;
    take_program_ids(program, new);
    bool set_id = new->euid != new->uid || new->egid != new->gid;
    bool root_rules = !(new->secure_bits &SECBIT_NOROOT);
    uint64_t permitted = new->permitted;
    new->suid = new->fsuid = new->euid;
    new->sgid = new->fsgid = new->egid;
    if (set_id)
        new->ambient = 0;
    new->permitted = new->ambient;
    new->effective = new->ambient;
    /* capabilities(7), "Capabilities and execution of programs by root" */
    if (root_rules && (new->euid == 0 || new->uid == 0))
        new->permitted |= new->bounding | new->inheritable;
    if (seccomp_forbids_privileges(current_thread()))
        new->permitted &= permitted;
    if (root_rules && new->euid == 0)
        new->effective = new->permitted;
    new->secure_bits &= ~SECBIT_KEEP_CAPS;
    *secure = set_id || (new->uid != 0 && (new->permitted & ~new->ambient));
    *result = new;
    return 0;
}
