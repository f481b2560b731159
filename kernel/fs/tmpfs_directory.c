/*
 * Directories of a tmpfs. A directory keeps its entries in two trees, by name and by age; the age
 * is the offset that read_directory gives. An entry names its vnode by number, and holds no
 * reference.
 */
#include "abi/dirent.h"
#include "abi/errno.h"
#include "fs/tmpfs_internal.h"
#include "lib/string.h"
#include "vm/kmem.h"

struct tmpfs_entry {
    struct tree_node name_node, age_node;
    int64_t age;
    uint64_t number;
    unsigned type; /* DT_* */
    uint32_t length;
    char bytes[];
};

static struct tmpfs_entry *entry_of_name(struct tree_node *node)
{
    return container_of(node, struct tmpfs_entry, name_node);
}

static struct tmpfs_entry *entry_of_age(struct tree_node *node)
{
    return container_of(node, struct tmpfs_entry, age_node);
}

static int compare(const struct tmpfs_entry *entry, const struct name *name)
{
    uint32_t shorter = entry->length < name->length ? entry->length : name->length;
    int order = memcmp(entry->bytes, name->bytes, shorter);

    return order ? order : (int)entry->length - (int)name->length;
}

/* The entry of that name, or NULL, and the place for one. */
static struct tmpfs_entry *find_entry(struct tmpfs_node *directory, const struct name *name,
                                      struct tree_node **parent, bool *left)
{
    struct tree_node *node = directory->by_name.root;

    *parent = NULL;
    *left = false;
    while (node) {
        int order = compare(entry_of_name(node), name);
        if (order == 0)
            return entry_of_name(node);
        *parent = node;
        *left = order > 0;
        node = *left ? node->left : node->right;
    }
    return NULL;
}

static struct tmpfs_entry *find_name(struct tmpfs_node *directory, const struct name *name)
{
    struct tree_node *parent;
    bool left;

    return find_entry(directory, name, &parent, &left);
}

/* Memory for an entry that leads to vnode; NULL: no memory. */
static struct tmpfs_entry *allocate_entry(const struct name *name, const struct vnode *vnode)
{
    struct tmpfs_entry *entry = kmalloc(sizeof(*entry) + name->length);

    if (!entry)
        return NULL;
    entry->number = vnode->number;
    entry->type = DT_OF_MODE(vnode->mode);
    entry->length = name->length;
    memcpy(entry->bytes, name->bytes, name->length);
    return entry;
}

/* Add an entry whose name is absent. */
static void insert_entry(struct tmpfs_node *directory, struct tmpfs_entry *entry)
{
    struct name name = {entry->bytes, entry->length};
    struct tree_node *parent;
    bool left;

    find_entry(directory, &name, &parent, &left);
    tree_insert(&directory->by_name, parent, left, &entry->name_node);
    entry->age = directory->next_age++;
    tree_insert_after(&directory->by_age, tree_last(&directory->by_age), &entry->age_node);
    tmpfs_touch(&directory->vnode, true);
}

static void remove_entry(struct tmpfs_node *directory, struct tmpfs_entry *entry)
{
    tree_remove(&directory->by_name, &entry->name_node);
    tree_remove(&directory->by_age, &entry->age_node);
    kfree(entry);
    tmpfs_touch(&directory->vnode, true);
}

/* Directories */

static int find_vnode(struct volume *volume, uint64_t number, struct vnode **result)
{
    *result = vnode_cache_find(volume, number);
    return *result ? 0 : -ENOENT;
}

int tmpfs_lookup(struct vnode *directory, const struct name *name, struct vnode **result)
{
    struct tmpfs_node *node = tmpfs_node_of(directory);

    if (name->length == 2 && name->bytes[0] == '.' && name->bytes[1] == '.')
        return find_vnode(directory->volume, node->parent, result);
    struct tmpfs_entry *entry = find_name(node, name);
    return entry ? find_vnode(directory->volume, entry->number, result) : -ENOENT;
}

/* What a kind of file needs beyond its vnode: 0, -ENOMEM. */
static int complete_node(struct tmpfs_node *node, struct vnode *directory,
                         const struct creation *creation)
{
    if (vnode_type(&node->vnode) == S_IFDIR)
        node->parent = directory->number;
    if (!creation->target)
        return 0;
    size_t length = strlen(creation->target);
    node->target = kmalloc(length + 1);
    if (!node->target)
        return -ENOMEM;
    memcpy(node->target, creation->target, length + 1);
    node->vnode.object.size = length;
    return 0;
}

int tmpfs_create(struct vnode *directory, const struct name *name, const struct creation *creation,
                 struct vnode **result)
{
    struct tmpfs_node *node;
    int error = tmpfs_create_node(directory->volume, creation, &node);

    if (error)
        return error;
    struct tmpfs_entry *entry = allocate_entry(name, &node->vnode);
    if (!entry || complete_node(node, directory, creation)) {
        kfree(entry);
        node->vnode.links = 0;
        vnode_release(&node->vnode);
        return -ENOMEM;
    }
    insert_entry(tmpfs_node_of(directory), entry);
    if (vnode_type(&node->vnode) == S_IFDIR)
        directory->links++;
    *result = &node->vnode;
    return 0;
}

int tmpfs_create_unnamed(struct vnode *directory, const struct creation *creation,
                         struct vnode **result)
{
    struct tmpfs_node *node;
    int error = tmpfs_create_node(directory->volume, creation, &node);

    if (error)
        return error;
    node->vnode.links = 0;
    *result = &node->vnode;
    return 0;
}

int tmpfs_link(struct vnode *directory, const struct name *name, struct vnode *target)
{
    uint64_t space = target->links ? FILE_SPACE : 0;

    if (!tmpfs_take_space(tmpfs_of(directory), space))
        return -ENOSPC;
    struct tmpfs_entry *entry = allocate_entry(name, target);
    if (!entry) {
        tmpfs_give_space(tmpfs_of(directory), space);
        return -ENOMEM;
    }
    insert_entry(tmpfs_node_of(directory), entry);
    target->links++;
    tmpfs_touch(target, false);
    return 0;
}

/* One link of target less; a directory is empty and loses both. */
static void drop_link(struct vnode *directory, struct vnode *target)
{
    if (vnode_type(target) == S_IFDIR) {
        target->links = 0;
        directory->links--;
    } else {
        if (--target->links)
            tmpfs_give_space(tmpfs_of(directory), FILE_SPACE);
    }
    tmpfs_touch(target, false);
}

static bool is_full_directory(struct vnode *vnode)
{
    return vnode_type(vnode) == S_IFDIR && tmpfs_node_of(vnode)->by_name.root;
}

int tmpfs_unlink(struct vnode *directory, const struct name *name, struct vnode *target)
{
    struct tmpfs_entry *entry = find_name(tmpfs_node_of(directory), name);

    if (!entry)
        return -ENOENT;
    if (is_full_directory(target))
        return -ENOTEMPTY;
    remove_entry(tmpfs_node_of(directory), entry);
    drop_link(directory, target);
    return 0;
}

/* An entry leads to another file from now on, whose parent it is. */
static void redirect(struct vnode *directory, struct tmpfs_entry *entry, struct vnode *vnode)
{
    entry->number = vnode->number;
    entry->type = DT_OF_MODE(vnode->mode);
    if (vnode_type(vnode) == S_IFDIR)
        tmpfs_node_of(vnode)->parent = directory->number;
    tmpfs_touch(directory, true);
    tmpfs_touch(vnode, false);
}

int tmpfs_exchange(struct vnode *from, const struct name *from_name, struct vnode *source,
                   struct vnode *to, const struct name *to_name, struct vnode *target)
{
    struct tmpfs_entry *old = find_name(tmpfs_node_of(from), from_name);
    struct tmpfs_entry *new = find_name(tmpfs_node_of(to), to_name);
    bool moves = vnode_type(source) == S_IFDIR, comes = vnode_type(target) == S_IFDIR;

    if (!old || !new)
        return -ENOENT;
    redirect(from, old, target);
    redirect(to, new, source);
    from->links += (uint32_t)comes - (uint32_t)moves;
    to->links += (uint32_t)moves - (uint32_t)comes;
    return 0;
}

/* All is there that may be missing: move the entry old. */
static void move_entry(struct vnode *from, struct tmpfs_entry *old, struct vnode *source,
                       struct vnode *to, struct tmpfs_entry *new, struct vnode *target)
{
    struct name name = {new->bytes, new->length};

    if (target) {
        remove_entry(tmpfs_node_of(to), find_name(tmpfs_node_of(to), &name));
        drop_link(to, target);
    }
    if (old)
        remove_entry(tmpfs_node_of(from), old);
    insert_entry(tmpfs_node_of(to), new);
    if (vnode_type(source) == S_IFDIR) {
        from->links--;
        to->links++;
        tmpfs_node_of(source)->parent = to->number;
    }
    tmpfs_touch(source, false);
}

int tmpfs_rename(struct vnode *from, const struct name *from_name, struct vnode *source,
                 struct vnode *to, const struct name *to_name, struct vnode *target,
                 const struct creation *whiteout)
{
    struct tmpfs_entry *old = find_name(tmpfs_node_of(from), from_name);
    struct tmpfs_node *left = NULL;

    if (!old)
        return -ENOENT;
    if (target && is_full_directory(target))
        return -ENOTEMPTY;
    struct tmpfs_entry *entry = allocate_entry(to_name, source);
    int error = entry ? 0 : -ENOMEM;
    if (!error && whiteout)
        error = tmpfs_create_node(from->volume, whiteout, &left);
    if (error) {
        kfree(entry);
        return error;
    }
    if (left) {
        redirect(from, old, &left->vnode);
        vnode_release(&left->vnode);
        old = NULL;
    }
    move_entry(from, old, source, to, entry, target);
    return 0;
}

/* The first entry at least as old as age, or NULL. */
static struct tree_node *find_age(const struct tree *tree, int64_t age)
{
    struct tree_node *node = tree->root, *best = NULL;

    while (node) {
        bool left = entry_of_age(node)->age >= age;
        if (left)
            best = node;
        node = left ? node->left : node->right;
    }
    return best;
}

int tmpfs_read_directory(struct vnode *directory, int64_t offset, directory_entry_sink *sink,
                         void *context)
{
    static const struct name dots[] = {{".", 1}, {"..", 2}};
    struct tmpfs_node *node = tmpfs_node_of(directory);

    for (; offset >= 0 && offset < DOT_ENTRIES; offset++) {
        uint64_t number = offset == 0 ? directory->number : node->parent;
        if (!sink(context, &dots[offset], number, DT_DIR, offset + 1))
            return 0;
    }
    struct tree_node *next = find_age(&node->by_age, offset);
    for (; next; next = tree_next(next)) {
        struct tmpfs_entry *entry = entry_of_age(next);
        struct name name = {entry->bytes, entry->length};
        if (!sink(context, &name, entry->number, entry->type, entry->age + 1))
            break;
    }
    return 0;
}

long tmpfs_read_link(struct vnode *link, char *buffer, size_t size)
{
    const char *target = tmpfs_node_of(link)->target;
    size_t length = strlen(target);

    if (length > size)
        length = size;
    memcpy(buffer, target, length);
    return (long)length;
}

void tmpfs_free_entries(struct tmpfs_node *directory)
{
    struct tree_node *link;

    while ((link = tree_first(&directory->by_name))) {
        tree_remove(&directory->by_name, link);
        kfree(entry_of_name(link));
    }
}
