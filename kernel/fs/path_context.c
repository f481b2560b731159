/* Where paths start (path_context.h). */
#include "fs/path_context.h"
#include "fs/mount.h"
#include "fs/mount_namespace.h"
#include "vm/kmem.h"

#define UMASK_FIRST 022

/* Of the list: it comes before the locks of contexts. */
static struct mutex contexts_lock;
static struct list contexts = LIST_INITIALIZER(contexts);

void path_contexts_init(void)
{
    mutex_init(&contexts_lock, "path contexts", RANK_NONE);
}

struct path_context *path_context_create(struct place root, struct place directory,
                                         struct mount_namespace *mounts)
{
    struct path_context *context = kmalloc(sizeof(*context));

    if (!context)
        return NULL;
    mutex_init(&context->lock, "path context", RANK_NONE);
    context->references = context->sharers = 1;
    context->root = root;
    context->directory = directory;
    context->mounts = mounts;
    vnode_reference(&mounts->vnode);
    context->umask = UMASK_FIRST;
    mutex_lock(&contexts_lock);
    list_push_back(&contexts, &context->link);
    mutex_unlock(&contexts_lock);
    return context;
}

struct path_context *path_context_copy(struct path_context *context)
{
    const struct place none = {0};
    struct path_context *copy = path_context_create(none, none, context->mounts);

    if (!copy)
        return NULL;
    mutex_lock(&context->lock);
    copy->root = context->root;
    copy->directory = context->directory;
    copy->umask = context->umask;
    place_reference(&copy->root);
    place_reference(&copy->directory);
    mutex_unlock(&context->lock);
    return copy;
}

void path_context_reference(struct path_context *context)
{
    __atomic_fetch_add(&context->references, 1, __ATOMIC_RELAXED);
}

void path_context_release(struct path_context *context)
{
    if (__atomic_sub_fetch(&context->references, 1, __ATOMIC_ACQ_REL))
        return;
    mutex_lock(&contexts_lock);
    list_remove(&context->link);
    mutex_unlock(&contexts_lock);
    place_release(&context->root);
    place_release(&context->directory);
    vnode_release(&context->mounts->vnode);
    kfree(context);
}

void path_context_share(struct path_context *context)
{
    __atomic_fetch_add(&context->sharers, 1, __ATOMIC_RELAXED);
    path_context_reference(context);
}

void path_context_leave(struct path_context *context)
{
    __atomic_fetch_sub(&context->sharers, 1, __ATOMIC_RELEASE);
    path_context_release(context);
}

static struct place get(struct path_context *context, const struct place *from)
{
    mutex_lock(&context->lock);
    struct place place = *from;
    place_reference(&place);
    mutex_unlock(&context->lock);
    return place;
}

static void set(struct path_context *context, struct place *to, struct place place)
{
    mutex_lock(&context->lock);
    struct place old = *to;
    *to = place;
    mutex_unlock(&context->lock);
    place_release(&old);
}

struct place path_context_root(struct path_context *context)
{
    return get(context, &context->root);
}

struct place path_context_directory(struct path_context *context)
{
    return get(context, &context->directory);
}

void path_context_set_root(struct path_context *context, struct place root)
{
    set(context, &context->root, root);
}

void path_context_set_directory(struct path_context *context, struct place directory)
{
    set(context, &context->directory, directory);
}

struct vnode *path_context_namespace(struct path_context *context)
{
    mutex_lock(&context->lock);
    struct vnode *vnode = &context->mounts->vnode;
    vnode_reference(vnode);
    mutex_unlock(&context->lock);
    return vnode;
}

void path_context_set_namespace(struct path_context *context, struct mount_namespace *mounts)
{
    struct mount_namespace *old;

    vnode_reference(&mounts->vnode);
    mutex_lock(&context->lock);
    old = context->mounts;
    context->mounts = mounts;
    mutex_unlock(&context->lock);
    path_context_set_root(context, mount_enter(mount_namespace_root(mounts)));
    path_context_set_directory(context, mount_enter(mount_namespace_root(mounts)));
    vnode_release(&old->vnode);
}

static void enter_copy(struct place *place)
{
    struct mount *old = place->mount;

    if (!old->copy)
        return;
    place->mount = old->copy;
    mount_hold(place->mount);
    mount_let_go(old);
}

void path_context_enter_copies(struct path_context *context)
{
    enter_copy(&context->root);
    enter_copy(&context->directory);
}

/* The old place may have been this one: what is to be released, or a place of NULLs. */
static struct place replace(struct place *place, const struct place *old, const struct place *new)
{
    struct place was = *place;

    if (was.vnode != old->vnode || was.mount != old->mount)
        return (struct place){0};
    place_reference(new);
    *place = *new;
    return was;
}

void path_contexts_replace(const struct place *old, const struct place *new)
{
    mutex_lock(&contexts_lock);
    list_for_each (link, &contexts) {
        struct path_context *context = container_of(link, struct path_context, link);
        mutex_lock(&context->lock);
        struct place root = replace(&context->root, old, new);
        struct place directory = replace(&context->directory, old, new);
        mutex_unlock(&context->lock);
        place_release(&root);
        place_release(&directory);
    }
    mutex_unlock(&contexts_lock);
}

uint32_t path_context_set_umask(struct path_context *context, uint32_t umask)
{
    mutex_lock(&context->lock);
    uint32_t old = context->umask;
    __atomic_store_n(&context->umask, umask, __ATOMIC_RELAXED);
    mutex_unlock(&context->lock);
    return old;
}
