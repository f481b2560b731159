/*
 * Names that others may have made (untrusted.h). What the settings begin with is what Debian's
 * Linux begins with.
 */
#include "fs/untrusted.h"
#include "abi/errno.h"
#include "core/process.h"

#define EVERYBODY_STICKY (S_ISVTX | S_IWOTH)
#define GROUP_ID         (S_ISGID | S_IXGRP)

unsigned protected_symlinks = 1, protected_hardlinks = 1; /* atomic */
unsigned protected_fifos, protected_regular;              /* atomic */

static unsigned read_setting(const unsigned *setting)
{
    return __atomic_load_n(setting, __ATOMIC_RELAXED);
}

int untrusted_check_link(const struct vnode *directory, const struct vnode *link)
{
    if (!read_setting(&protected_symlinks) || link->uid == credentials_current()->fsuid)
        return 0;
    if ((directory->mode & EVERYBODY_STICKY) != EVERYBODY_STICKY || directory->uid == link->uid)
        return 0;
    return -EACCES;
}

int untrusted_check_source(const struct vnode *vnode)
{
    if (!read_setting(&protected_hardlinks) || vnode_is_owner(vnode))
        return 0;
    if (vnode_type(vnode) != S_IFREG || (vnode->mode & S_ISUID) ||
        (vnode->mode & GROUP_ID) == GROUP_ID)
        return -EPERM;
    return vnode_permission(vnode, 6) ? -EPERM : 0;
}

int untrusted_check_open(uint32_t directory_mode, uint32_t directory_uid, const struct vnode *vnode)
{
    unsigned type = vnode_type(vnode), level = type == S_IFDIR ? 0 : 1;

    if (type == S_IFREG)
        level = read_setting(&protected_regular);
    else if (type == S_IFIFO)
        level = read_setting(&protected_fifos);
    if (!level || !(directory_mode & S_ISVTX) || vnode->uid == directory_uid ||
        vnode->uid == credentials_current()->fsuid)
        return 0;
    if (directory_mode & S_IWOTH)
        return -EACCES;
    return level > 1 && (directory_mode & S_IWGRP) ? -EACCES : 0;
}
