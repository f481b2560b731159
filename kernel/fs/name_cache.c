/*
 * The name cache (name_cache.h).
 *
 * An entry is in the hash table; in its directory's list of children, those that lead somewhere in
 * front; in its vnode's list of names; and on a list in order of use. The entry of a removed name
 * is in no hash chain. An entry whose vnode is in use, or has children that are known, is not
 * recycled, so that vnode_path finds the way up.
 */
#include "fs/name_cache.h"
#include "abi/errno.h"
#include "core/printk.h"
#include "fs/path.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define BUCKETS     4096u
#define ENTRIES_MAX 32768u
#define SCAN_MAX    8u /* entries looked at to find one to recycle */

struct name_entry {
    struct list hash_link, child_link, name_link, use_link;
    struct vnode *parent, *vnode; /* vnode NULL: the name does not exist */
    uint32_t hash;
    uint32_t length;
    char bytes[];
};

struct spinlock vnode_cache_lock;
static struct list buckets[BUCKETS];
static struct list by_use; /* least recently used first */
static unsigned entry_count;

void name_cache_init(void)
{
    spin_init(&vnode_cache_lock, "vnode cache", RANK_TABLE);
    for (unsigned i = 0; i < BUCKETS; i++)
        list_init(&buckets[i]);
    list_init(&by_use);
    entry_count = 0;
}

static uint32_t hash_name(const struct vnode *parent, const struct name *name)
{
    uint32_t hash = 2166136261u ^ (uint32_t)((uintptr_t)parent >> 5);

    for (uint32_t i = 0; i < name->length; i++)
        hash = (hash ^ (uint8_t)name->bytes[i]) * 16777619u;
    return hash ^ hash >> 16;
}

static struct name_entry *find(const struct vnode *parent, const struct name *name, uint32_t hash)
{
    list_for_each (link, &buckets[hash % BUCKETS]) {
        struct name_entry *entry = container_of(link, struct name_entry, hash_link);
        if (entry->hash == hash && entry->parent == parent && entry->length == name->length &&
            !memcmp(entry->bytes, name->bytes, name->length))
            return entry;
    }
    return NULL;
}

static void free_entry(struct name_entry *entry)
{
    list_remove(&entry->hash_link);
    list_remove(&entry->child_link);
    list_remove(&entry->name_link);
    list_remove(&entry->use_link);
    entry_count--;
    kfree(entry);
}

bool name_cache_has_children(const struct vnode *vnode)
{
    struct list *first = list_first(&vnode->children);
    return first && container_of(first, struct name_entry, child_link)->vnode;
}

static bool is_pinned(const struct name_entry *entry)
{
    return entry->vnode && (__atomic_load_n(&entry->vnode->references, __ATOMIC_RELAXED) ||
                            name_cache_has_children(entry->vnode));
}

/* Free an entry that has not been used for long; one that is pinned gets another round. */
static void recycle(void)
{
    for (unsigned i = 0; i < SCAN_MAX; i++) {
        struct name_entry *entry = container_of(by_use.next, struct name_entry, use_link);
        if (!is_pinned(entry)) {
            free_entry(entry);
            return;
        }
        list_remove(&entry->use_link);
        list_push_back(&by_use, &entry->use_link);
    }
}

bool name_cache_lookup(struct vnode *parent, const struct name *name, struct vnode **result)
{
    uint32_t hash = hash_name(parent, name);

    spin_lock(&vnode_cache_lock);
    struct name_entry *entry = find(parent, name, hash);
    if (entry) {
        *result = entry->vnode;
        if (*result) {
            vnode_reference_locked(*result);
            list_remove(&entry->name_link);
            list_push_front(&(*result)->names, &entry->name_link);
        }
        list_remove(&entry->use_link);
        list_push_back(&by_use, &entry->use_link);
    }
    spin_unlock(&vnode_cache_lock);
    return entry != NULL;
}

/* A new entry, on no list. */
static struct name_entry *create_entry(struct vnode *parent, const struct name *name,
                                       struct vnode *vnode, uint32_t hash)
{
    struct name_entry *entry = kmalloc(sizeof(*entry) + name->length);

    if (!entry)
        return NULL;
    list_init(&entry->hash_link);
    list_init(&entry->child_link);
    list_init(&entry->name_link);
    list_init(&entry->use_link);
    entry->parent = parent;
    entry->vnode = vnode;
    entry->hash = hash;
    entry->length = name->length;
    memcpy(entry->bytes, name->bytes, name->length);
    return entry;
}

static void link_entry(struct name_entry *entry)
{
    list_push_front(&buckets[entry->hash % BUCKETS], &entry->hash_link);
    list_push_back(&by_use, &entry->use_link);
    entry_count++;
    if (entry->vnode) {
        list_push_front(&entry->parent->children, &entry->child_link);
        list_push_front(&entry->vnode->names, &entry->name_link);
    } else {
        list_push_back(&entry->parent->children, &entry->child_link);
    }
}

/* Take an entry out of the hash table; the name of a file without links stays with it. */
static void unlink_entry(struct name_entry *entry)
{
    if (entry->vnode && entry->vnode->links == 0 &&
        __atomic_load_n(&entry->vnode->references, __ATOMIC_RELAXED))
        list_remove(&entry->hash_link);
    else
        free_entry(entry);
}

void name_cache_enter(struct vnode *parent, const struct name *name, struct vnode *vnode)
{
    if (parent->operations->names_change || !parent->links)
        return;
    uint32_t hash = hash_name(parent, name);
    struct name_entry *entry = create_entry(parent, name, vnode, hash);
    spin_lock(&vnode_cache_lock);
    struct name_entry *old = find(parent, name, hash);
    if (old)
        unlink_entry(old);
    if (entry)
        link_entry(entry);
    if (entry_count > ENTRIES_MAX)
        recycle();
    spin_unlock(&vnode_cache_lock);
}

void name_cache_enter_removed(struct vnode *parent, const struct name *name, struct vnode *vnode)
{
    struct name_entry *entry = create_entry(parent, name, vnode, hash_name(parent, name));

    if (!entry)
        return;
    spin_lock(&vnode_cache_lock);
    link_entry(entry);
    list_remove(&entry->hash_link);
    spin_unlock(&vnode_cache_lock);
}

void name_cache_remove(struct vnode *parent, const struct name *name)
{
    spin_lock(&vnode_cache_lock);
    struct name_entry *entry = find(parent, name, hash_name(parent, name));
    if (entry)
        unlink_entry(entry);
    spin_unlock(&vnode_cache_lock);
}

struct vnode *name_cache_reverse(struct vnode *vnode, char *name, uint32_t *length, bool *deleted)
{
    struct vnode *parent = NULL;

    spin_lock(&vnode_cache_lock);
    struct list *link = list_first(&vnode->names);
    if (link) {
        struct name_entry *entry = container_of(link, struct name_entry, name_link);
        parent = entry->parent;
        vnode_reference_locked(parent);
        memcpy(name, entry->bytes, entry->length);
        *length = entry->length;
        *deleted = list_empty(&entry->hash_link);
    }
    spin_unlock(&vnode_cache_lock);
    return parent;
}

struct vnode *name_cache_parent(struct vnode *vnode)
{
    struct vnode *parent = NULL;

    spin_lock(&vnode_cache_lock);
    struct list *link = list_first(&vnode->names);
    if (link) {
        struct name_entry *entry = container_of(link, struct name_entry, name_link);
        if (!list_empty(&entry->hash_link)) {
            parent = entry->parent;
            vnode_reference_locked(parent);
        }
    }
    spin_unlock(&vnode_cache_lock);
    return parent;
}

int reverse_path_put(struct reverse_path *path, const char *text, size_t length)
{
    if (path->start < length)
        return -ENAMETOOLONG;
    path->start -= length;
    memcpy(path->buffer + path->start, text, length);
    return 0;
}

/* The same, and a '/' in front of it. */
static int put_name(struct reverse_path *path, const struct name_entry *entry)
{
    if (path->start <= entry->length)
        return -ENAMETOOLONG;
    path->start -= entry->length + 1ul;
    path->buffer[path->start] = '/';
    memcpy(path->buffer + path->start + 1, entry->bytes, entry->length);
    path->deleted |= list_empty(&entry->hash_link);
    return 0;
}

int name_cache_climb(struct reverse_path *path, struct vnode **vnode, const struct vnode *root,
                     const struct vnode *top)
{
    struct vnode *from = *vnode, *now = from;
    struct list *link;
    int error = 0;

    spin_lock(&vnode_cache_lock);
    while (!error && now != root && now != top && (link = list_first(&now->names))) {
        const struct name_entry *entry = container_of(link, struct name_entry, name_link);
        error = put_name(path, entry);
        now = entry->parent;
    }
    vnode_reference_locked(now);
    spin_unlock(&vnode_cache_lock);
    vnode_release(from);
    *vnode = now;
    return error;
}

void name_cache_purge(struct vnode *vnode)
{
    struct list *link;

    while ((link = list_first(&vnode->names)))
        free_entry(container_of(link, struct name_entry, name_link));
    while ((link = list_first(&vnode->children)))
        free_entry(container_of(link, struct name_entry, child_link));
}

unsigned name_cache_shrink(unsigned wanted)
{
    unsigned freed = 0;

    list_for_each_safe (link, &by_use) {
        struct name_entry *entry = container_of(link, struct name_entry, use_link);
        if (freed == wanted)
            break;
        if (entry->vnode)
            continue;
        free_entry(entry);
        freed++;
    }
    return freed;
}
