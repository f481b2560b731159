/* Mount namespaces (mount_namespace.h). */
#include "fs/mount_namespace.h"
#include "abi/errno.h"
#include "arch/riscv/hart.h"
#include "core/thread.h"
#include "fs/mount_internal.h"
#include "fs/name_cache.h"
#include "fs/namespace.h"
#include "fs/path_context.h"
#include "vm/kmem.h"

#define NUMBER_FIRST 0xeffffff8u /* as on Linux */

struct mount_namespace mount_namespace_first;

/* The last reference is gone: nobody's paths start in it. */
static void free_namespace(struct vnode *vnode)
{
    struct mount_namespace *space = container_of(vnode, struct mount_namespace, vnode);

    mutex_lock(&mount_lock);
    if (space->root)
        mount_detach(space->root);
    mount_reap_detached();
    mutex_unlock(&mount_lock);
    kfree(space);
}

static const struct vnode_operations operations = {
    .label = "mnt:[%lu]", .open = namespace_open, .free = free_namespace};

void mount_namespaces_init(void)
{
    vnode_init(&mount_namespace_first.vnode, NULL, &operations, NUMBER_FIRST, S_IFREG | 0444);
}

struct mount_namespace *mount_namespace_current(void)
{
    const struct path_context *context = current_thread()->path_context;

    return context ? context->mounts : &mount_namespace_first;
}

struct mount_namespace *mount_namespace_of(struct vnode *vnode)
{
    if (vnode->operations != &operations)
        return NULL;
    return container_of(vnode, struct mount_namespace, vnode);
}

struct place mount_namespace_root(struct mount_namespace *space)
{
    spin_lock(&vnode_cache_lock);
    struct place root = {space->root, space->root->root};
    place_reference(&root); /* the mount refers to the vnode, too: it is not idle */
    spin_unlock(&vnode_cache_lock);
    return root;
}

/* Fill a new namespace with copies of the mounts of the old one, and let the context see them.
 * mount_lock held. */
static int fill(struct mount_namespace *space, struct path_context *context)
{
    struct mount *root = context->mounts->root, *copy;
    struct place from = {root, root->root};
    int error = mount_copy_tree(&from, COPY_ALL, &copy);

    if (!error) {
        space->root = copy;
        path_context_enter_copies(context);
    }
    mount_finish_copies(error ? NULL : space);
    if (error && copy)
        mount_detach(copy);
    return error;
}

int mount_namespace_unshare(struct path_context *context)
{
    struct mount_namespace *space = kmalloc_zeroed(sizeof(*space)), *old = context->mounts;

    if (!space)
        return -ENOMEM;
    vnode_init(&space->vnode, NULL, &operations, namespace_new_number(), S_IFREG | 0444);
    mutex_lock(&mount_lock);
    int error = fill(space, context);
    mutex_unlock(&mount_lock);
    if (!error)
        context->mounts = space;
    vnode_release(error ? &space->vnode : &old->vnode);
    return error;
}
