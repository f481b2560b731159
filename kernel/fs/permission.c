/*
 * File permissions (path_resolution(7), "Permissions").
 */
#include "abi/errno.h"
#include "core/process.h"
#include "fs/inode_flags.h"

/* As whom, and with which capabilities, the file is asked for. */
struct asker {
    uint32_t uid, gid;
    uint64_t capabilities;
};

static unsigned allowed(const struct vnode *vnode, const struct asker *asker)
{
    uint32_t mode = vnode->mode;
    if (asker->uid == vnode->uid)
        return mode >> 6 & 7;
    if (asker->gid == vnode->gid || credentials_have_group(credentials_current(), vnode->gid))
        return mode >> 3 & 7;
    return mode & 7;
}

/* capabilities(7), CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH. */
static bool overrides(const struct vnode *vnode, unsigned access, uint64_t capabilities)
{
    bool directory = vnode_type(vnode) == S_IFDIR;
    bool any_execute = directory || (vnode->mode & (S_IXUSR | S_IXGRP | S_IXOTH));

    if (capabilities & CAP_BIT(CAP_DAC_OVERRIDE))
        return !(access & 1) || any_execute;
    return (capabilities & CAP_BIT(CAP_DAC_READ_SEARCH)) && !(access & ~(directory ? 5u : 4u));
}

static int check(const struct vnode *vnode, unsigned access, const struct asker *asker)
{
    if ((access & 2) && vnode_is_immutable(vnode))
        return -EPERM;
    if (!(access & ~allowed(vnode, asker)) || overrides(vnode, access, asker->capabilities))
        return 0;
    return -EACCES;
}

int vnode_permission(const struct vnode *vnode, unsigned access)
{
    const struct credentials *self = credentials_current();
    struct asker asker = {self->fsuid, self->fsgid, self->effective};
    return check(vnode, access, &asker);
}

int vnode_permission_real(const struct vnode *vnode, unsigned access)
{
    const struct credentials *self = credentials_current();
    struct asker asker = {self->uid, self->gid, self->uid ? 0 : self->permitted};
    if (self->secure_bits & SECBIT_NO_SETUID_FIXUP)
        asker.capabilities = self->effective;
    return check(vnode, access, &asker);
}

bool vnode_is_owner(const struct vnode *vnode)
{
    return credentials_current()->fsuid == vnode->uid || credentials_capable(CAP_FOWNER);
}
