/*
 * Vnodes: the cache by mount and number, references, what is idle and what is dirty.
 *
 *   new --vnode_cache_insert--> in use <--last release / found again--> idle --shrink--> freed
 *                                  |
 *                                  +-- last release without links: remove, freed
 *
 * The last reference goes with vnode_cache_lock held, so that nobody finds a vnode that is about to
 * be freed: it has left the hash table and the name cache by then. The dirty list holds no
 * references.
 */
#include "fs/vnode.h"
#include "abi/errno.h"
#include "core/printk.h"
#include "core/process.h"
#include "fs/file_lock.h"
#include "fs/mount.h"
#include "fs/name_cache.h"
#include "fs/notify.h"
#include "fs/xattr.h"

#define BUCKETS 2048u

static struct list buckets[BUCKETS];
static struct list idle;  /* unreferenced vnodes, the longest first */
static struct list dirty; /* those with vnode->dirty set */

void vnode_cache_init(void)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        list_init(&buckets[i]);
    list_init(&idle);
    list_init(&dirty);
}

void vnode_init(struct vnode *vnode, struct volume *volume,
                const struct vnode_operations *operations, uint64_t number, uint32_t mode)
{
    bool directory = (mode & S_IFMT) == S_IFDIR;

    vnode->operations = operations;
    vnode->volume = volume;
    mutex_init(&vnode->lock, directory ? "directory" : "vnode",
               directory ? RANK_DIRECTORY : RANK_VNODE);
    vnode->number = number;
    vnode->mode = mode;
    vnode->uid = vnode->gid = 0;
    vnode->links = 1;
    vnode->device = 0;
    vnode->blocks = 0;
    vnode->atime = vnode->mtime = vnode->ctime = vnode->birth = time_stamp();
    vnode->dirty = false;
    object_init(&vnode->object, NULL, 0);
    vnode->references = 1;
    vnode->writers = 0;
    vnode->inode_flags = 0;
    vnode->generation = 0;
    vnode->opens = 0;
    vnode->write_hint = 0;
    vnode->removed_from = NULL;
    vnode->linkable = false;
    vnode->seals = 0;
    list_init(&vnode->xattrs);
    vnode->locks = NULL;
    vnode->mounted = NULL;
    list_init(&vnode->hash_link);
    list_init(&vnode->idle_link);
    list_init(&vnode->dirty_link);
    list_init(&vnode->names);
    list_init(&vnode->watches);
    list_init(&vnode->children);
}

static struct list *bucket_of(const struct volume *volume, uint64_t number)
{
    return &buckets[(number * 31 + ((uintptr_t)volume >> 6)) % BUCKETS];
}

void vnode_reference(struct vnode *vnode)
{
    __atomic_fetch_add(&vnode->references, 1, __ATOMIC_RELAXED);
}

void vnode_reference_locked(struct vnode *vnode)
{
    if (__atomic_fetch_add(&vnode->references, 1, __ATOMIC_RELAXED) == 0)
        list_remove(&vnode->idle_link);
}

static struct vnode *find_locked(struct volume *volume, uint64_t number)
{
    list_for_each (link, bucket_of(volume, number)) {
        struct vnode *vnode = container_of(link, struct vnode, hash_link);
        if (vnode->volume == volume && vnode->number == number) {
            vnode_reference_locked(vnode);
            return vnode;
        }
    }
    return NULL;
}

struct vnode *vnode_cache_find(struct volume *volume, uint64_t number)
{
    spin_lock(&vnode_cache_lock);
    struct vnode *vnode = find_locked(volume, number);
    spin_unlock(&vnode_cache_lock);
    return vnode;
}

struct vnode *vnode_cache_insert(struct vnode *vnode)
{
    spin_lock(&vnode_cache_lock);
    struct vnode *other = find_locked(vnode->volume, vnode->number);
    if (!other)
        list_push_front(bucket_of(vnode->volume, vnode->number), &vnode->hash_link);
    spin_unlock(&vnode_cache_lock);
    return other ? other : vnode;
}

/* Take a vnode out of everything through which it can be found. vnode_cache_lock held. */
static void unhash(struct vnode *vnode)
{
    list_remove(&vnode->hash_link);
    list_remove(&vnode->idle_link);
    name_cache_purge(vnode);
}

/* Free a vnode that cannot be found any more. */
static void destroy(struct vnode *vnode)
{
    if (notify_anybody())
        notify_gone(vnode);
    object_destroy(&vnode->object);
    file_locks_free(vnode);
    xattrs_free(vnode);
    spin_lock(&vnode_cache_lock);
    list_remove(&vnode->dirty_link); /* a late store through a mapping may have put it there */
    spin_unlock(&vnode_cache_lock);
    vnode->operations->free(vnode);
}

void vnode_discard(struct vnode *vnode)
{
    destroy(vnode);
}

/* Give back what may be the last reference: the directory that the vnode was removed from, if that
 * is to be released now, or NULL. */
static struct vnode *release_last(struct vnode *vnode)
{
    spin_lock(&vnode_cache_lock);
    bool last = __atomic_sub_fetch(&vnode->references, 1, __ATOMIC_ACQ_REL) == 0;
    bool removed = last && vnode->links == 0;
    bool kept = !vnode->operations->names_change && !list_empty(&vnode->hash_link);
    bool gone = removed || (last && !kept);
    if (gone)
        unhash(vnode);
    else if (last)
        list_push_back(&idle, &vnode->idle_link);
    spin_unlock(&vnode_cache_lock);
    if (!gone)
        return NULL;
    struct vnode *removed_from = vnode->removed_from;
    if (removed && vnode->operations->remove)
        vnode->operations->remove(vnode);
    destroy(vnode);
    return removed_from;
}

/* As vnode_release, but for what release_last returns. */
static struct vnode *release_one(struct vnode *vnode)
{
    uint64_t references = __atomic_load_n(&vnode->references, __ATOMIC_RELAXED);

    while (references > 1) {
        if (__atomic_compare_exchange_n(&vnode->references, &references, references - 1, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return NULL;
    }
    return release_last(vnode);
}

/* A loop, because a removed tree of any depth may hang on its lowest directory. */
void vnode_release(struct vnode *vnode)
{
    while (vnode)
        vnode = release_one(vnode);
}

struct vnode *vnode_of_object(struct object *object)
{
    return container_of(object, struct vnode, object);
}

/* Dirty attributes */

void vnode_set_dirty(struct vnode *vnode)
{
    if (__atomic_exchange_n(&vnode->dirty, true, __ATOMIC_ACQ_REL))
        return;
    spin_lock(&vnode_cache_lock);
    if (list_empty(&vnode->dirty_link))
        list_push_back(&dirty, &vnode->dirty_link);
    spin_unlock(&vnode_cache_lock);
}

void vnode_stored(struct object *object)
{
    struct vnode *vnode = vnode_of_object(object);

    /* Without the vnode lock, which a fault must not take: whoever is later leaves the later time.
     */
    vnode->mtime = vnode->ctime = time_stamp();
    vnode_set_dirty(vnode);
}

/* The first vnode of the batch, clean from now on, referenced; NULL: none is left. */
static struct vnode *take_dirty(struct list *batch)
{
    struct vnode *vnode = NULL;
    struct list *link;

    spin_lock(&vnode_cache_lock);
    while (!vnode && (link = list_pop_front(batch))) {
        vnode = container_of(link, struct vnode, dirty_link);
        if (list_empty(&vnode->hash_link)) {
            vnode = NULL; /* it is being freed */
        } else {
            vnode_reference_locked(vnode);
            __atomic_store_n(&vnode->dirty, false, __ATOMIC_RELEASE);
        }
    }
    spin_unlock(&vnode_cache_lock);
    return vnode;
}

void vnode_write_back_all(bool wait)
{
    struct list batch;
    struct vnode *vnode;

    list_init(&batch);
    spin_lock(&vnode_cache_lock);
    list_splice_back(&batch, &dirty);
    spin_unlock(&vnode_cache_lock);
    while ((vnode = take_dirty(&batch))) {
        if (vnode->operations->write_back && vnode->operations->write_back(vnode) == -ENOMEM)
            vnode_set_dirty(vnode);
        vnode_release(vnode);
    }
    if (wait)
        object_write_back_all(true);
}

/* Idle vnodes */

/* May it be freed without waiting for anything? vnode_cache_lock held. */
static bool is_disposable(const struct vnode *vnode)
{
    return !__atomic_load_n(&vnode->dirty, __ATOMIC_RELAXED) && list_empty(&vnode->watches) &&
           object_resident(&vnode->object) == 0 &&
           __atomic_load_n(&vnode->object.references, __ATOMIC_ACQUIRE) == 1 &&
           !name_cache_has_children(vnode);
}

uint64_t vnode_cache_count(uint64_t *unused)
{
    uint64_t count = 0;

    *unused = 0;
    spin_lock(&vnode_cache_lock);
    for (unsigned i = 0; i < BUCKETS; i++) {
        list_for_each (link, &buckets[i])
            count++;
    }
    list_for_each (link, &idle)
        ++*unused;
    spin_unlock(&vnode_cache_lock);
    return count;
}

unsigned vnode_cache_shrink(unsigned wanted)
{
    unsigned freed = 0;
    struct list doomed, *link;

    list_init(&doomed);
    spin_lock(&vnode_cache_lock);
    list_for_each_safe (candidate, &idle) {
        struct vnode *vnode = container_of(candidate, struct vnode, idle_link);
        if (freed == wanted)
            break;
        if (!is_disposable(vnode))
            continue;
        unhash(vnode);
        list_push_back(&doomed, &vnode->idle_link);
        freed++;
    }
    freed += name_cache_shrink(wanted - freed);
    spin_unlock(&vnode_cache_lock);
    while ((link = list_pop_front(&doomed)))
        destroy(container_of(link, struct vnode, idle_link));
    return freed;
}

/* The references that the volume and the last mount have to the vnode, by their roots; that of the
 * mount may be a directory that has been removed, and keep those above it. */
static uint64_t count_of_roots(const struct vnode *vnode, const struct volume *volume,
                               const struct mount *last)
{
    uint64_t count = vnode == volume->root;

    for (const struct vnode *root = last ? last->root : NULL; root; root = root->removed_from)
        count += vnode == root;
    return count;
}

/* Is any vnode of the volume in use, but the roots by it and by the last mount? vnode_cache_lock
 * held. */
static bool volume_is_busy(const struct volume *volume, const struct mount *last)
{
    if (last && __atomic_load_n(&last->users, __ATOMIC_ACQUIRE))
        return true;
    for (unsigned i = 0; i < BUCKETS; i++) {
        list_for_each (link, &buckets[i]) {
            struct vnode *vnode = container_of(link, struct vnode, hash_link);
            if (vnode->volume == volume && (__atomic_load_n(&vnode->references, __ATOMIC_ACQUIRE) !=
                                                count_of_roots(vnode, volume, last) ||
                                            vnode->mounted))
                return true;
        }
    }
    return false;
}

bool vnode_cache_has_writers(struct volume *volume)
{
    bool found = false;

    spin_lock(&vnode_cache_lock);
    for (unsigned i = 0; i < BUCKETS && !found; i++) {
        list_for_each (link, &buckets[i]) {
            struct vnode *vnode = container_of(link, struct vnode, hash_link);
            found |=
                vnode->volume == volume && __atomic_load_n(&vnode->writers, __ATOMIC_ACQUIRE) > 0;
        }
    }
    spin_unlock(&vnode_cache_lock);
    return found;
}

/* The next idle vnode of the volume, unhashed; NULL: none is left. */
static struct vnode *take_idle(const struct volume *volume)
{
    struct vnode *found = NULL;

    spin_lock(&vnode_cache_lock);
    list_for_each (link, &idle) {
        struct vnode *vnode = container_of(link, struct vnode, idle_link);
        if (vnode->volume == volume) {
            found = vnode;
            unhash(vnode);
            break;
        }
    }
    spin_unlock(&vnode_cache_lock);
    return found;
}

bool vnode_cache_drop_volume(struct volume *volume, struct mount *last)
{
    struct vnode *vnode;

    spin_lock(&vnode_cache_lock);
    bool busy = volume_is_busy(volume, last);
    if (!busy && last)
        mount_uncover(last);
    spin_unlock(&vnode_cache_lock);
    if (busy)
        return false;
    vnode_release(volume->root);
    if (last)
        vnode_release(last->root);
    while ((vnode = take_idle(volume))) {
        if (__atomic_exchange_n(&vnode->dirty, false, __ATOMIC_ACQ_REL) &&
            vnode->operations->write_back)
            vnode->operations->write_back(vnode);
        object_write_back(&vnode->object, 0, UINT64_MAX, true);
        destroy(vnode);
    }
    return true;
}

/* Writing excludes executing */

int vnode_write_begin(struct vnode *vnode)
{
    int64_t writers = __atomic_load_n(&vnode->writers, __ATOMIC_RELAXED);

    do {
        if (writers < 0)
            return -ETXTBSY;
    } while (!__atomic_compare_exchange_n(&vnode->writers, &writers, writers + 1, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return 0;
}

void vnode_write_end(struct vnode *vnode)
{
    __atomic_fetch_sub(&vnode->writers, 1, __ATOMIC_ACQ_REL);
}

int vnode_execute_begin(struct vnode *vnode)
{
    int64_t writers = __atomic_load_n(&vnode->writers, __ATOMIC_RELAXED);

    do {
        if (writers > 0)
            return -ETXTBSY;
    } while (!__atomic_compare_exchange_n(&vnode->writers, &writers, writers - 1, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return 0;
}

void vnode_execute_end(struct vnode *vnode)
{
    __atomic_fetch_add(&vnode->writers, 1, __ATOMIC_ACQ_REL);
}

int vnode_take_attributes(struct vnode *vnode, const struct attributes *attributes)
{
    if (attributes->valid & ATTRIBUTE_MODE)
        vnode->mode = (vnode->mode & S_IFMT) | (attributes->mode & ~S_IFMT);
    if (attributes->valid & ATTRIBUTE_UID)
        vnode->uid = attributes->uid;
    if (attributes->valid & ATTRIBUTE_GID)
        vnode->gid = attributes->gid;
    if (attributes->valid & ATTRIBUTE_ATIME)
        vnode->atime = attributes->atime;
    if (attributes->valid & ATTRIBUTE_MTIME)
        vnode->mtime = attributes->mtime;
    vnode->ctime = time_stamp();
    return 0;
}

/* 512-byte units that a file takes; pages of one without a store come by mappings too. */
static uint64_t blocks_of(const struct vnode *vnode)
{
    return vnode->object.anonymous ? object_stored(&vnode->object) * (PAGE_SIZE / 512)
                                   : __atomic_load_n(&vnode->blocks, __ATOMIC_RELAXED);
}

void vnode_status(struct vnode *vnode, struct stat *status)
{
    *status = (struct stat){
        .device = vnode->volume ? vnode->volume->device_number : 0,
        .number = vnode->number,
        .mode = vnode->mode,
        .links = vnode->links,
        .uid = vnode->uid,
        .gid = vnode->gid,
        .special_device = vnode->device,
        .size = (int64_t)__atomic_load_n(&vnode->object.size, __ATOMIC_RELAXED),
        .block_size = PAGE_SIZE,
        .blocks = (int64_t)blocks_of(vnode),
        .atime = vnode->atime.seconds,
        .atime_nanoseconds = vnode->atime.nanoseconds,
        .mtime = vnode->mtime.seconds,
        .mtime_nanoseconds = vnode->mtime.nanoseconds,
        .ctime = vnode->ctime.seconds,
        .ctime_nanoseconds = vnode->ctime.nanoseconds,
    };
}
