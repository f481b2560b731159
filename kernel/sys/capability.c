/*
 * System calls of capabilities: capget(2), capset(2), and their half of prctl(2).
 *
 * A set has 41 bits. Version 1 of the interface carries the lower 32 of each set, versions 2 and 3
 * all of them in two halves.
 */
#include "abi/capability.h"
#include "abi/errno.h"
#include "abi/prctl.h"
#include "arch/riscv/hart.h"
#include "core/process.h"
#include "core/user.h"
#include "sys/prctl.h"
#include "sys/table.h"

#define HALF_BITS 32

/* The header, and how many halves of the sets it announces; an unknown version is answered with the
 * one to use: -EINVAL. */
static int read_header(vaddr_t address, struct capability_header *header, unsigned *halves)
{
    if (copy_from_user(header, address, sizeof(*header)))
        return -EFAULT;
    *halves = header->version == CAPABILITY_VERSION_1 ? 1 : 2;
    if (header->version == CAPABILITY_VERSION_1 || header->version == CAPABILITY_VERSION_2 ||
        header->version == CAPABILITY_VERSION_3)
        return 0;
    header->version = CAPABILITY_VERSION_3;
    return copy_to_user(address, &header->version, sizeof(header->version)) ? -EFAULT : -EINVAL;
}

static void split(const struct credentials *from, struct capability_data data[2])
{
    for (unsigned i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(from->effective >> i * HALF_BITS);
        data[i].permitted = (uint32_t)(from->permitted >> i * HALF_BITS);
        data[i].inheritable = (uint32_t)(from->inheritable >> i * HALF_BITS);
    }
}

static int get_sets(int pid, struct capability_data data[2])
{
    struct process *process;
    if (pid < 0)
        return -EINVAL;
    if (pid == 0 || pid == current_thread()->id) {
        split(credentials_current(), data);
        return 0;
    }
    mutex_lock(&process_tree_lock);
    process = process_find(pid);
    if (process)
        split(process->credentials, data);
    mutex_unlock(&process_tree_lock);
    return process ? 0 : -ESRCH;
}

long sys_capget(const uint64_t argument[6])
{
    struct capability_header header;
    struct capability_data data[2];
    unsigned halves;
    int error = read_header(argument[0], &header, &halves);
    if (error == -EINVAL && !argument[1])
        return 0; /* only the version was asked for */
    if (!error)
        error = get_sets(header.pid, data);
    if (error || !argument[1])
        return error;
    return copy_to_user(argument[1], data, halves * sizeof(data[0]));
}

/* The rules of capset(2): nothing new in the permitted set; the effective one within it; the
 * inheritable one within what one has, or may give, and the bounding set. */
static bool may_set(const struct credentials *old, const struct credentials *new)
{
    uint64_t gained = new->inheritable & ~old->inheritable;
    if (gained & ~old->permitted && !credentials_capable(CAP_SETPCAP))
        return false;
    return !(gained & ~old->bounding) && !(new->permitted & ~old->permitted) &&
           !(new->effective & ~new->permitted);
}

static uint64_t join(uint32_t low, uint32_t high)
{
    return ((uint64_t)high << HALF_BITS | low) & CAP_ALL;
}

long sys_capset(const uint64_t argument[6])
{
    struct capability_header header;
    struct capability_data data[2] = {0};
    struct credentials *new;
    unsigned halves;
    int error = read_header(argument[0], &header, &halves);
    if (error)
        return error;
    if (header.pid && header.pid != current_thread()->id)
        return -EPERM;
    if (copy_from_user(data, argument[1], halves * sizeof(data[0])))
        return -EFAULT;
    new = credentials_copy();
    if (!new)
        return -ENOMEM;
    new->effective = join(data[0].effective, data[1].effective);
    new->permitted = join(data[0].permitted, data[1].permitted);
    new->inheritable = join(data[0].inheritable, data[1].inheritable);
    new->ambient &= new->permitted &new->inheritable;
    if (!may_set(credentials_current(), new)) {
        credentials_release(new);
        return -EPERM;
    }
    credentials_commit(new);
    return 0;
}

/* Commit a copy whose secure bits, bounding and ambient sets are these. */
static long set_rules(uint32_t secure_bits, uint64_t bounding, uint64_t ambient)
{
    struct credentials *new = credentials_copy();
    if (!new)
        return -ENOMEM;
    new->secure_bits = secure_bits;
    new->bounding = bounding;
    new->ambient = ambient;
    credentials_commit(new);
    return 0;
}

static long set_keep(const struct credentials *self, uint64_t keep)
{
    uint32_t bits = self->secure_bits & ~SECBIT_KEEP_CAPS;
    if (keep > 1)
        return -EINVAL;
    if (self->secure_bits & SECBIT_KEEP_CAPS_LOCKED)
        return -EPERM;
    return set_rules(keep ? bits | SECBIT_KEEP_CAPS : bits, self->bounding, self->ambient);
}

/* A locked bit stays, and so does a lock. */
static long set_secure_bits(const struct credentials *self, uint64_t bits)
{
    uint32_t locks = SECBIT_LOCKED(SECBIT_ALL_BITS), locked = (self->secure_bits & locks) >> 1;
    if ((locked & (self->secure_bits ^ bits)) || (self->secure_bits & locks & ~bits) ||
        (bits & ~(uint64_t)(SECBIT_ALL_BITS | locks)) || !credentials_capable(CAP_SETPCAP))
        return -EPERM;
    return set_rules((uint32_t)bits, self->bounding, self->ambient);
}

static long drop_bounding(const struct credentials *self, uint64_t capability)
{
    if (!credentials_capable(CAP_SETPCAP))
        return -EPERM;
    if (capability > CAP_LAST_CAP)
        return -EINVAL;
    return set_rules(self->secure_bits, self->bounding & ~CAP_BIT(capability), self->ambient);
}

static long change_ambient(const struct credentials *self, const uint64_t argument[6])
{
    uint64_t bit;
    if (argument[1] == PR_CAP_AMBIENT_CLEAR_ALL) {
        if (argument[2] || argument[3] || argument[4])
            return -EINVAL;
        return set_rules(self->secure_bits, self->bounding, 0);
    }
    if (argument[3] || argument[4] || argument[2] > CAP_LAST_CAP)
        return -EINVAL;
    bit = CAP_BIT(argument[2]);
    switch (argument[1]) {
    case PR_CAP_AMBIENT_IS_SET:
        return (self->ambient & bit) != 0;
    case PR_CAP_AMBIENT_RAISE:
        if (!(self->permitted & self->inheritable & bit) ||
            (self->secure_bits & SECBIT_NO_CAP_AMBIENT_RAISE))
            return -EPERM;
        return set_rules(self->secure_bits, self->bounding, self->ambient | bit);
    case PR_CAP_AMBIENT_LOWER:
        return set_rules(self->secure_bits, self->bounding, self->ambient & ~bit);
    default:
        return -EINVAL;
    }
}

long prctl_capabilities(const uint64_t argument[6])
{
    const struct credentials *self = credentials_current();
    switch (argument[0]) {
    case PR_GET_KEEPCAPS:
        return (self->secure_bits & SECBIT_KEEP_CAPS) != 0;
    case PR_SET_KEEPCAPS:
        return set_keep(self, argument[1]);
    case PR_CAPBSET_READ:
        if (argument[1] > CAP_LAST_CAP)
            return -EINVAL;
        return (self->bounding & CAP_BIT(argument[1])) != 0;
    case PR_CAPBSET_DROP:
        return drop_bounding(self, argument[1]);
    case PR_GET_SECUREBITS:
        return self->secure_bits;
    case PR_SET_SECUREBITS:
        return set_secure_bits(self, argument[1]);
    default:
        return change_ambient(self, argument);
    }
}
