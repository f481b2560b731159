/* Where paths start (path_context.h). */
#include "fs/path_context.h"
#include "vm/kmem.h"

#define UMASK_FIRST 022

struct path_context *path_context_create(struct place root, struct place directory)
{
    struct path_context *context = kmalloc(sizeof(*context));

    if (!context)
        return NULL;
    mutex_init(&context->lock, "path context", RANK_NONE);
    context->references = 1;
    context->root = root;
    context->directory = directory;
    context->umask = UMASK_FIRST;
    return context;
}

struct path_context *path_context_copy(struct path_context *context)
{
    const struct place none = {0};
    struct path_context *copy = path_context_create(none, none);

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
    place_release(&context->root);
    place_release(&context->directory);
    kfree(context);
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

uint32_t path_context_set_umask(struct path_context *context, uint32_t umask)
{
    mutex_lock(&context->lock);
    uint32_t old = context->umask;
    __atomic_store_n(&context->umask, umask, __ATOMIC_RELAXED);
    mutex_unlock(&context->lock);
    return old;
}
