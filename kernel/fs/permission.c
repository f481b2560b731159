/*
 * File permissions (path_resolution(7), "Permissions").
 */
#include "abi/errno.h"
#include "core/process.h"
#include "fs/vnode.h"

static bool in_group(const struct credentials *credentials, uint32_t group, uint32_t gid)
{
    if (group == gid)
        return true;
    for (uint32_t i = 0; i < credentials->group_count; i++) {
        if (credentials->groups[i] == gid)
            return true;
    }
    return false;
}

static int check(const struct vnode *vnode, unsigned access, const struct credentials *credentials,
                 uint32_t user, uint32_t group)
{
    uint32_t mode = vnode->mode;
    unsigned allowed = mode & 7;

    if (user == 0) {
        bool any_execute = mode & (S_IXUSR | S_IXGRP | S_IXOTH);
        bool executes = (access & 1) && vnode_type(vnode) != S_IFDIR;
        return executes && !any_execute ? -EACCES : 0;
    }
    if (user == vnode->uid)
        allowed = mode >> 6 & 7;
    else if (in_group(credentials, group, vnode->gid))
        allowed = mode >> 3 & 7;
    return access & ~allowed ? -EACCES : 0;
}

int vnode_permission(const struct vnode *vnode, unsigned access)
{
    struct process *process = current_process();

    if (!process)
        return 0; /* the kernel's own threads */
    const struct credentials *credentials = &process->credentials;
    return check(vnode, access, credentials, credentials->fsuid, credentials->fsgid);
}

int vnode_permission_real(const struct vnode *vnode, unsigned access)
{
    const struct credentials *credentials = &current_process()->credentials;
    return check(vnode, access, credentials, credentials->uid, credentials->gid);
}

bool vnode_is_owner(const struct vnode *vnode)
{
    struct process *process = current_process();
    return !process || process->credentials.fsuid == 0 || process->credentials.fsuid == vnode->uid;
}
