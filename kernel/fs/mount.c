/*
 * Mounts: making them, the list of them, what is said of them.
 */
#include "abi/errno.h"
#include "dev/block.h"
#include "fs/mount_internal.h"
#include "fs/mount_namespace.h"
#include "fs/name_cache.h"
#include "fs/path.h"
#include "fs/path_context.h"
#include "lib/string.h"
#include "vm/kmem.h"

struct mutex mount_lock;
struct list mount_list = LIST_INITIALIZER(mount_list);
static unsigned next_id = 1; /* (mount_lock) */

void mounts_init(void)
{
    mutex_init(&mount_lock, "mounts", RANK_NONE);
    mount_namespaces_init();
    path_contexts_init();
}

struct place mount_root_place(void)
{
    return mount_namespace_root(&mount_namespace_first);
}

struct mount *mount_create(struct vnode *root, const char *source, uint64_t flags)
{
    size_t size = strlen(source) + 1;
    struct mount *mount = kmalloc_zeroed(sizeof(*mount));
    char *copy = kmalloc(size);

    if (!mount || !copy) {
        kfree(mount);
        kfree(copy);
        return NULL;
    }
    memcpy(copy, source, size);
    vnode_reference(root);
    *mount = (struct mount){.volume = root->volume,
                            .root = root,
                            .flags = flags & MOUNT_FLAGS,
                            .id = next_id++,
                            .source = copy};
    list_push_back(&mount_list, &mount->link);
    spin_lock(&vnode_cache_lock);
    list_push_back(&mount->volume->mounts, &mount->volume_link);
    spin_unlock(&vnode_cache_lock);
    return mount;
}

/* A volume of the type, and a mount of it that covers nothing. NULL: it cannot be. */
static struct mount *create(const char *type, struct block_device *device, const char *source,
                            uint64_t flags, const char *options)
{
    struct volume *volume;
    struct mount *mount = NULL;

    mutex_lock(&mount_lock);
    if (!volume_get(file_system_find(type), device, flags, options, &volume)) {
        mount = mount_create(volume->root, source, MS_RELATIME);
        volume_drop_unshown(volume);
    }
    mutex_unlock(&mount_lock);
    return mount;
}

struct mount *mount_nowhere(const char *type, const char *options)
{
    return create(type, NULL, type, 0, options);
}

bool mount_make_root(const char *type, struct block_device *device, const char *source)
{
    uint64_t flags = device && device->read_only ? MS_RDONLY : 0;

    struct mount *root = create(type, device, source, flags, "");
    if (root)
        root->space = &mount_namespace_first;
    mount_namespace_first.root = root;
    return root;
}

bool mount_is_seen(const struct mount *mount)
{
    return mount && mount->space == mount_namespace_current();
}

int mount_of_root(const struct place *place, struct mount **mount)
{
    struct mount *shown_by = place->mount;

    if (!mount_is_seen(shown_by) || shown_by->root != place->vnode)
        return -EINVAL;
    *mount = shown_by;
    return 0;
}

struct mount *mount_child(const struct mount *mount)
{
    list_for_each (link, &mount_list) {
        struct mount *child = container_of(link, struct mount, link);
        if (!child->detached && child->parent == mount)
            return child;
    }
    return NULL;
}

/* The order of the two steps, and that in mount_set_flags, lets one of both see the other. */
int mount_write_begin(struct mount *mount)
{
    if (!mount)
        return 0;
    __atomic_fetch_add(&mount->writers, 1, __ATOMIC_SEQ_CST);
    if (!mount_is_read_only(mount))
        return 0;
    mount_write_end(mount);
    return -EROFS;
}

void mount_write_end(struct mount *mount)
{
    if (mount)
        __atomic_fetch_sub(&mount->writers, 1, __ATOMIC_SEQ_CST);
}

int mount_set_flags(struct mount *mount, uint64_t flags)
{
    uint64_t old = __atomic_exchange_n(&mount->flags, flags & MOUNT_FLAGS, __ATOMIC_SEQ_CST);

    if (!(flags & ~old & MS_RDONLY) || !__atomic_load_n(&mount->writers, __ATOMIC_SEQ_CST))
        return 0;
    __atomic_store_n(&mount->flags, old, __ATOMIC_SEQ_CST);
    return -EBUSY;
}

/* As struct statfs has them: most have the same values there. */
static uint64_t status_flags(const struct mount *mount)
{
    uint64_t flags = mount->flags | (mount->volume->flags & (MS_RDONLY | MS_SYNCHRONOUS));
    uint64_t result = flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_SYNCHRONOUS |
                               MS_NOATIME | MS_NODIRATIME);

    if (flags & MS_RELATIME)
        result |= ST_RELATIME;
    if (flags & MS_NOSYMFOLLOW)
        result |= ST_NOSYMFOLLOW;
    return result | ST_VALID;
}

void mount_status(const struct mount *mount, struct statfs *status)
{
    struct volume *volume = mount->volume;

    *status = (struct statfs){.block_size = PAGE_SIZE, .name_length = NAME_MAX};
    if (volume->operations->status)
        volume->operations->status(volume, status);
    if (!status->fragment_size)
        status->fragment_size = status->block_size;
    status->flags = status_flags(mount);
}

/* Call visit for one mount, if it can be reached. */
static void visit_one(struct mount *mount, const struct place *root, char *path,
                      mount_visitor *visit, void *context)
{
    struct volume *volume = mount->volume;
    struct place place = {mount, mount->root};
    char options[VOLUME_OPTION_SIZE] = "";

    if (mount->detached || place_path_below(&place, root, path, PATH_MAX) < 0)
        return;
    if (volume->operations->describe)
        volume->operations->describe(volume, options, sizeof(options));
    visit(mount, path, options, context);
}

int mount_visit(const struct place *root, mount_visitor *visit, void *context)
{
    char *path = kmalloc(PATH_MAX);

    if (!path)
        return -ENOMEM;
    mutex_lock(&mount_lock);
    list_for_each (link, &mount_list)
        visit_one(container_of(link, struct mount, link), root, path, visit, context);
    mutex_unlock(&mount_lock);
    kfree(path);
    return 0;
}
