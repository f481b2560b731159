/*
 * tmpfs: files in memory.
 *
 * The pages of a file are those of its vnode's object, whose pager has no store. Entries of
 * directories hold no references: vnodes stay in the vnode cache without one, because they are
 * marked dirty for ever, until their last link goes or the mount.
 */
#include "fs/tmpfs_internal.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/random.h"
#include "core/thread.h"
#include "fs/devfs.h"
#include "fs/inode_flags.h"
#include "lib/string.h"
#include "vm/kmem.h"
#include "vm/object.h"

#define FLAGS_SETTABLE (FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL)

static struct slab_cache node_cache;
static const struct vnode_operations tmpfs_operations;
static struct pager pager; /* (c) that of shared anonymous memory, but that files have times */

void tmpfs_nodes_init(void)
{
    pager = anonymous_pager;
    pager.stored = vnode_stored;
    slab_cache_init(&node_cache, "tmpfs", sizeof(struct tmpfs_node), 8);
}

bool tmpfs_take_space(struct tmpfs *tmpfs, uint64_t bytes)
{
    if (__atomic_add_fetch(&tmpfs->space, bytes, __ATOMIC_RELAXED) <=
        __atomic_load_n(&tmpfs->space_max, __ATOMIC_RELAXED))
        return true;
    tmpfs_give_space(tmpfs, bytes);
    return false;
}

void tmpfs_give_space(struct tmpfs *tmpfs, uint64_t bytes)
{
    __atomic_fetch_sub(&tmpfs->space, bytes, __ATOMIC_RELAXED);
}

/* What extended attributes take has changed (vnode_operations). */
static bool charge_xattrs(struct vnode *vnode, int64_t change)
{
    if (change > 0)
        return tmpfs_take_space(tmpfs_of(vnode), (uint64_t)change);
    if (tmpfs_of(vnode)) /* else it is not mounted any more */
        tmpfs_give_space(tmpfs_of(vnode), (uint64_t)-change);
    return true;
}

int tmpfs_create_node(struct volume *volume, const struct creation *creation,
                      struct tmpfs_node **result)
{
    struct tmpfs *tmpfs = volume->state;

    *result = NULL;
    if (!tmpfs_take_space(tmpfs, FILE_SPACE))
        return -ENOSPC;
    struct tmpfs_node *node = slab_allocate_zeroed(&node_cache);
    if (!node) {
        tmpfs_give_space(tmpfs, FILE_SPACE);
        return -ENOMEM;
    }
    uint64_t number = __atomic_add_fetch(&tmpfs->next_number, 1, __ATOMIC_RELAXED);
    vnode_init(&node->vnode, volume, &tmpfs_operations, number, creation->mode);
    object_init(&node->vnode.object, &pager, 0);
    node->vnode.object.quota = &tmpfs->pages;
    node->vnode.uid = creation->uid;
    node->vnode.gid = creation->gid;
    node->vnode.device = creation->device;
    node->vnode.dirty = true; /* stays in the cache */
    node->vnode.seals = F_SEAL_SEAL;
    node->vnode.inode_flags = creation->inode_flags;
    random_bytes(&node->vnode.generation, sizeof(node->vnode.generation));
    tree_init(&node->by_name, NULL);
    tree_init(&node->by_age, NULL);
    node->next_age = DOT_ENTRIES;
    node->parent = number;
    if (vnode_type(&node->vnode) == S_IFDIR)
        node->vnode.links = 2;
    vnode_cache_insert(&node->vnode);
    *result = node;
    return 0;
}

static void free_node(struct vnode *vnode)
{
    struct tmpfs_node *node = tmpfs_node_of(vnode);

    tmpfs_free_entries(node);
    if (tmpfs_of(vnode))
        tmpfs_give_space(tmpfs_of(vnode), FILE_SPACE);
    kfree(node->target);
    slab_free(&node_cache, node);
}

/* Files */

static int tmpfs_resize(struct vnode *vnode, uint64_t size)
{
    int error = 0;

    if (size >= vnode->object.size)
        object_grow(&vnode->object, size);
    else
        error = object_truncate(&vnode->object, size);
    if (!error)
        tmpfs_touch(vnode, true);
    return error;
}

static long tmpfs_write(struct vnode *vnode, uint64_t offset, struct transfer *transfer)
{
    long result = object_write(&vnode->object, offset, transfer);

    if (result > 0)
        tmpfs_touch(vnode, true);
    return result;
}

/* Is there room for the pages [first, end) that the file does not have? */
static bool has_room(struct vnode *vnode, uint64_t first, uint64_t end)
{
    const struct page_quota *pages = &tmpfs_of(vnode)->pages;
    uint64_t used = __atomic_load_n(&pages->used, __ATOMIC_RELAXED);
    uint64_t limit = __atomic_load_n(&pages->limit, __ATOMIC_RELAXED);

    if (limit == UINT64_MAX)
        return true;
    return end - first <= limit && end - first - object_stored_range(&vnode->object, first, end) <=
                                       (used < limit ? limit - used : 0);
}

/* A page of zeros, where there is none. */
static int allocate_page(struct object *object, uint64_t index)
{
    struct page *page;
    bool fresh;
    int error = object_get_page_to_fill(object, index, &page, &fresh);

    if (error)
        return error;
    if (fresh) {
        memset(page_data(page), 0, PAGE_SIZE);
        page_set(page, PAGE_BACKED);
        object_page_filled(object, page, 0);
    }
    page_release(page);
    return 0;
}

static int tmpfs_allocate(struct vnode *vnode, uint64_t offset, uint64_t length, bool keep_size)
{
    uint64_t end = offset + length, last = (end - 1) >> PAGE_SHIFT;
    int error = has_room(vnode, offset >> PAGE_SHIFT, last + 1) ? 0 : -ENOSPC;

    for (uint64_t index = offset >> PAGE_SHIFT; index <= last && !error; index++)
        error = thread_signalled() ? -EINTR : allocate_page(&vnode->object, index);
    if (!error && !keep_size && end > vnode->object.size)
        object_grow(&vnode->object, end);
    tmpfs_touch(vnode, !error);
    return error;
}

static int tmpfs_punch(struct vnode *vnode, uint64_t offset, uint64_t length)
{
    int error = object_punch(&vnode->object, offset, offset + length);

    tmpfs_touch(vnode, !error);
    return error;
}

/* Data is what was stored; a page that was only allocated, or read through a mapping, is clean. */
static int tmpfs_seek(struct vnode *vnode, uint64_t offset, bool hole, uint64_t *result)
{
    struct object *object = &vnode->object;
    uint64_t size = object->size, index = offset >> PAGE_SHIFT, last = (size - 1) >> PAGE_SHIFT,
             next;

    if (!hole) {
        if (!object_next_dirty(object, index, last, &next))
            return -ENXIO;
        *result = next == index ? offset : next << PAGE_SHIFT;
        return 0;
    }
    for (next = index; next <= last; next++) {
        uint64_t found;
        if (!object_next_dirty(object, next, last, &found) || found != next)
            break;
    }
    *result = next == index ? offset : next << PAGE_SHIFT;
    if (*result > size)
        *result = size;
    return 0;
}

static int tmpfs_sync(struct vnode *vnode, bool data_only)
{
    (void)data_only;
    /* There is nothing more durable than memory here, but for what a node of a disk stands for. */
    return vnode_type(vnode) == S_IFBLK ? device_sync(vnode) : 0;
}

static const struct vnode_operations tmpfs_operations = {
    .inode_flags_shown = FLAGS_SETTABLE,
    .inode_flags_settable = FLAGS_SETTABLE,
    .lookup = tmpfs_lookup,
    .create = tmpfs_create,
    .create_unnamed = tmpfs_create_unnamed,
    .link = tmpfs_link,
    .unlink = tmpfs_unlink,
    .rename = tmpfs_rename,
    .exchange = tmpfs_exchange,
    .read_directory = tmpfs_read_directory,
    .read_link = tmpfs_read_link,
    .set_attributes = vnode_take_attributes,
    .resize = tmpfs_resize,
    .write = tmpfs_write,
    .allocate = tmpfs_allocate,
    .punch = tmpfs_punch,
    .seek = tmpfs_seek,
    .sync = tmpfs_sync,
    .has_seals = true,
    .charge_xattrs = charge_xattrs,
    .free = free_node,
};
