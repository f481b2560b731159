/*
 * Extended attributes (xattr.h). The list of a vnode is protected by its lock.
 */
#include "fs/xattr.h"
#include "abi/errno.h"
#include "core/credentials.h"
#include "fs/inode_flags.h"
#include "fs/mount.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* Bytes of names and values of one file, as where one block holds them. */
#define TOTAL_MAX 65536u

struct xattr {
    struct list link;
    size_t size;
    char *value; /* behind the name */
    char name[];
};

static bool has_prefix(const char *name, const char *prefix)
{
    return !strncmp(name, prefix, strlen(prefix));
}

/* May the attribute be read or changed? none: the error for what the asker is not to know of. */
static int check(const struct vnode *vnode, const char *name, bool change, int none)
{
    unsigned type = vnode_type(vnode);

    if (change && vnode_is_fixed(vnode))
        return -EPERM;
    if (has_prefix(name, "trusted."))
        return credentials_capable(CAP_SYS_ADMIN) ? 0 : none;
    if (has_prefix(name, "security."))
        return change && !credentials_capable(CAP_SYS_ADMIN) ? -EPERM : 0;
    if (!has_prefix(name, "user."))
        return -EOPNOTSUPP;
    if (type != S_IFREG && type != S_IFDIR)
        return none;
    if (change && type == S_IFDIR && (vnode->mode & S_ISVTX) && !vnode_is_owner(vnode))
        return -EPERM;
    return vnode_permission(vnode, change ? 2 : 4);
}

/* As check, where there are attributes at all; a name that is a prefix only is none. */
static int check_supported(const struct vnode *vnode, const char *name, bool change, int none)
{
    int error = check(vnode, name, change, none);
    const char *dot = strchr(name, '.');

    if (!error && (!dot || !dot[1]))
        error = -EINVAL;
    return !error && !vnode->operations->charge_xattrs ? -EOPNOTSUPP : error;
}

/* Locked. NULL: there is none. */
static struct xattr *find(const struct vnode *vnode, const char *name)
{
    list_for_each (link, &vnode->xattrs) {
        struct xattr *xattr = container_of(link, struct xattr, link);
        if (!strcmp(xattr->name, name))
            return xattr;
    }
    return NULL;
}

static struct xattr *create(const char *name, const void *value, size_t size)
{
    size_t length = strlen(name) + 1;
    struct xattr *xattr = kmalloc(sizeof(*xattr) + length + size);

    if (!xattr)
        return NULL;
    xattr->size = size;
    xattr->value = xattr->name + length;
    memcpy(xattr->name, name, length);
    if (size)
        memcpy(xattr->value, value, size);
    return xattr;
}

static size_t size_of(const struct xattr *xattr)
{
    return strlen(xattr->name) + 1 + xattr->size;
}

/* Bytes of all attributes. Locked. */
static size_t total_size(const struct vnode *vnode)
{
    size_t total = 0;

    list_for_each (link, &vnode->xattrs)
        total += size_of(container_of(link, struct xattr, link));
    return total;
}

/* What it counts for where the file is: only who may do as he likes sets others than the user's. */
static int64_t charge_of(const struct xattr *xattr)
{
    return has_prefix(xattr->name, "user.") ? (int64_t)(sizeof(*xattr) + size_of(xattr)) : 0;
}

static void drop(struct vnode *vnode, struct xattr *xattr)
{
    vnode->operations->charge_xattrs(vnode, -charge_of(xattr));
    list_remove(&xattr->link);
    kfree(xattr);
}

/* Put a new one in the place of the old one of that name. Locked. */
static int replace(struct vnode *vnode, struct xattr *xattr, unsigned flags)
{
    struct xattr *old = find(vnode, xattr->name);

    if (old && (flags & XATTR_CREATE))
        return -EEXIST;
    if (!old && (flags & XATTR_REPLACE))
        return -ENODATA;
    if (total_size(vnode) - (old ? size_of(old) : 0) + size_of(xattr) > TOTAL_MAX)
        return -ENOSPC;
    if (!vnode->operations->charge_xattrs(vnode, charge_of(xattr)))
        return -ENOSPC;
    if (old)
        drop(vnode, old);
    list_push_back(&vnode->xattrs, &xattr->link);
    vnode->ctime = time_stamp();
    return 0;
}

int xattr_set(struct vnode *vnode, const char *name, const void *value, size_t size, unsigned flags)
{
    int error = check_supported(vnode, name, true, -EPERM);

    if (error)
        return error;
    struct xattr *xattr = create(name, value, size);
    if (!xattr)
        return -ENOMEM;
    mutex_lock(&vnode->lock);
    error = replace(vnode, xattr, flags);
    mutex_unlock(&vnode->lock);
    if (error)
        kfree(xattr);
    return error;
}

long xattr_get(struct vnode *vnode, const char *name, void *value, size_t size)
{
    long result = check_supported(vnode, name, false, -ENODATA);

    if (result)
        return result;
    mutex_lock(&vnode->lock);
    const struct xattr *xattr = find(vnode, name);
    result = xattr ? (long)xattr->size : -ENODATA;
    if (result >= 0 && size && (size_t)result > size)
        result = -ERANGE;
    if (result > 0 && size)
        memcpy(value, xattr->value, (size_t)result);
    mutex_unlock(&vnode->lock);
    return result;
}

long xattr_list(struct vnode *vnode, char *names, size_t size)
{
    bool all = credentials_capable(CAP_SYS_ADMIN);
    size_t done = 0;

    mutex_lock(&vnode->lock);
    list_for_each (link, &vnode->xattrs) {
        const struct xattr *xattr = container_of(link, struct xattr, link);
        size_t length = strlen(xattr->name) + 1;
        if (!all && has_prefix(xattr->name, "trusted."))
            continue;
        if (size && done + length <= size)
            memcpy(names + done, xattr->name, length);
        done += length;
    }
    mutex_unlock(&vnode->lock);
    return size && done > size ? -ERANGE : (long)done;
}

int xattr_remove(struct vnode *vnode, const char *name)
{
    int error = check_supported(vnode, name, true, -EPERM);

    if (error)
        return error;
    mutex_lock(&vnode->lock);
    struct xattr *xattr = find(vnode, name);
    if (xattr) {
        drop(vnode, xattr);
        vnode->ctime = time_stamp();
    }
    mutex_unlock(&vnode->lock);
    return xattr ? 0 : -ENODATA;
}

void xattrs_free(struct vnode *vnode)
{
    struct list *link;

    while ((link = list_first(&vnode->xattrs)))
        drop(vnode, container_of(link, struct xattr, link));
}
