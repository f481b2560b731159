/* The file system of walk_store.h. */
#include "walk_store.h"
#include "abi/errno.h"
#include "check.h"
#include "lib/list.h"
#include "shim.h"
#include "vm/kmem.h"
#include <string.h>

struct store_name {
    struct list link;
    struct name name;
    uint64_t number;
    char bytes[];
};

/* A file as the disk has it. */
struct inode {
    struct list link; /* of its store */
    uint64_t number, parent;
    uint32_t mode, uid, gid, links;
    char *target;
    struct list names;
};

struct store {
    struct list inodes;
    bool changing;
};

struct store_vnode {
    struct vnode vnode;
    struct inode *inode;
    struct list link; /* of all vnodes */
};

static const struct vnode_operations operations, changing_operations;
static struct list vnodes = LIST_INITIALIZER(vnodes);
static uint64_t files;
uint64_t store_next_number;
void (*store_link_read)(void);

void store_start(void)
{
    list_init(&vnodes);
    files = 0;
    store_next_number = 1;
}

uint64_t store_files(void)
{
    return files;
}

static struct store_vnode *of(struct vnode *vnode)
{
    return container_of(vnode, struct store_vnode, vnode);
}

static struct store *store_of(struct vnode *vnode)
{
    return vnode->volume->state;
}

struct vnode *store_next_vnode(struct vnode *vnode)
{
    struct list *next = vnode ? of(vnode)->link.next : vnodes.next;
    return next == &vnodes ? NULL : &container_of(next, struct store_vnode, link)->vnode;
}

static struct inode *find_inode(struct store *store, uint64_t number)
{
    list_for_each (link, &store->inodes) {
        struct inode *inode = container_of(link, struct inode, link);
        if (inode->number == number)
            return inode;
    }
    REQUIRE(!"there is no file of that number");
    return NULL;
}

static struct store_name *find_name(struct inode *inode, const struct name *name)
{
    list_for_each (link, &inode->names) {
        struct store_name *entry = container_of(link, struct store_name, link);
        if (entry->name.length == name->length && !memcmp(entry->bytes, name->bytes, name->length))
            return entry;
    }
    return NULL;
}

uint64_t store_number_of(struct vnode *directory, const struct name *name)
{
    struct store_name *entry = find_name(of(directory)->inode, name);
    return entry ? entry->number : 0;
}

void store_set_mode(struct vnode *vnode, uint32_t mode)
{
    vnode->mode = of(vnode)->inode->mode = (vnode->mode & S_IFMT) | mode;
}

/* Vnodes */

/* A vnode without its file, which nobody has seen. */
static struct store_vnode *allocate_vnode(void)
{
    return kmalloc_zeroed(sizeof(struct store_vnode));
}

static struct vnode *set_up(struct store_vnode *node, struct volume *volume, struct inode *inode)
{
    struct store *store = volume->state;

    vnode_init(&node->vnode, volume, store->changing ? &changing_operations : &operations,
               inode->number, inode->mode);
    node->vnode.uid = inode->uid;
    node->vnode.gid = inode->gid;
    node->vnode.links = inode->links;
    node->inode = inode;
    list_push_back(&vnodes, &node->link);
    REQUIRE(vnode_cache_insert(&node->vnode) == &node->vnode);
    return &node->vnode;
}

static int get_vnode(struct volume *volume, uint64_t number, struct vnode **result)
{
    *result = vnode_cache_find(volume, number);
    if (*result)
        return 0;
    struct store_vnode *node = allocate_vnode();
    if (!node)
        return -ENOMEM;
    *result = set_up(node, volume, find_inode(volume->state, number));
    return 0;
}

static void free_inode(struct inode *inode)
{
    struct list *link;

    while ((link = list_pop_front(&inode->names)))
        free(container_of(link, struct store_name, link));
    list_remove(&inode->link);
    free(inode->target);
    free(inode);
    files--;
}

static void remove_file(struct vnode *vnode)
{
    struct inode *inode = of(vnode)->inode;

    REQUIRE(!vnode->links && !inode->links && list_empty(&inode->names));
    free_inode(inode);
}

static void free_vnode(struct vnode *vnode)
{
    REQUIRE(vnode->references == 0 || !vnode->links);
    REQUIRE(list_empty(&vnode->names) && list_empty(&vnode->children));
    list_remove(&of(vnode)->link);
    kfree(of(vnode));
}

/* Names */

static void check_directory(struct vnode *directory, const struct name *name)
{
    REQUIRE(shim_lock_is_held(&directory->lock));
    REQUIRE(vnode_type(directory) == S_IFDIR);
    REQUIRE(name->length > 0 && name->length <= 255);
    REQUIRE(!memchr(name->bytes, '/', name->length));
}

static void check_change(struct vnode *directory, const struct name *name)
{
    check_directory(directory, name);
    REQUIRE(directory->links && of(directory)->inode->links);
    REQUIRE(name->bytes[0] != '.');
}

static void add_name(struct vnode *directory, const struct name *name, uint64_t number)
{
    struct store_name *entry = malloc(sizeof(*entry) + name->length);

    REQUIRE(!find_name(of(directory)->inode, name));
    memcpy(entry->bytes, name->bytes, name->length);
    entry->name = (struct name){entry->bytes, name->length};
    entry->number = number;
    list_init(&entry->link);
    list_push_back(&of(directory)->inode->names, &entry->link);
}

static void remove_name(struct vnode *directory, const struct name *name, struct vnode *vnode)
{
    struct store_name *entry = find_name(of(directory)->inode, name);

    REQUIRE(entry && entry->number == vnode->number);
    list_remove(&entry->link);
    free(entry);
}

static int look_up(struct vnode *directory, const struct name *name, struct vnode **result)
{
    check_directory(directory, name);
    if (name->length == 2 && !memcmp(name->bytes, "..", 2))
        return get_vnode(directory->volume, of(directory)->inode->parent, result);
    uint64_t number = store_number_of(directory, name);
    return number ? get_vnode(directory->volume, number, result) : -ENOENT;
}

static struct inode *make_inode(struct store *store, const struct creation *creation)
{
    struct inode *inode = calloc(1, sizeof(*inode));

    *inode = (struct inode){.number = store_next_number++,
                            .mode = creation->mode,
                            .uid = creation->uid,
                            .gid = creation->gid,
                            .links = 1};
    inode->parent = inode->number;
    if (creation->target)
        inode->target = strdup(creation->target);
    list_init(&inode->names);
    list_init(&inode->link);
    list_push_back(&store->inodes, &inode->link);
    files++;
    return inode;
}

static int create(struct vnode *directory, const struct name *name, const struct creation *creation,
                  struct vnode **result)
{
    struct store_vnode *node = allocate_vnode();

    check_change(directory, name);
    if (!node)
        return -ENOMEM;
    struct inode *inode = make_inode(store_of(directory), creation);
    inode->parent = directory->number;
    add_name(directory, name, inode->number);
    *result = set_up(node, directory->volume, inode);
    return 0;
}

static void change_links(struct vnode *vnode, int by)
{
    vnode->links += (uint32_t)by;
    of(vnode)->inode->links = vnode->links;
}

static int link_file(struct vnode *directory, const struct name *name, struct vnode *target)
{
    check_change(directory, name);
    REQUIRE(shim_lock_is_held(&target->lock) && vnode_type(target) != S_IFDIR && target->links);
    add_name(directory, name, target->number);
    change_links(target, 1);
    return 0;
}

static bool is_empty(struct vnode *directory)
{
    return list_empty(&of(directory)->inode->names);
}

static int unlink_file(struct vnode *directory, const struct name *name, struct vnode *target)
{
    check_change(directory, name);
    REQUIRE(shim_lock_is_held(&target->lock));
    if (!is_empty(target))
        return -ENOTEMPTY;
    remove_name(directory, name, target);
    change_links(target, -1);
    return 0;
}

static void check_move(struct vnode *from, const struct name *from_name, struct vnode *source,
                       struct vnode *to, const struct name *to_name, struct vnode *target)
{
    check_change(from, from_name);
    check_change(to, to_name);
    REQUIRE(source != target && source->volume == from->volume && to->volume == from->volume);
    REQUIRE(from == to || vnode_type(source) != S_IFDIR || shim_lock_is_held(&source->lock));
    REQUIRE(!target || (target->volume == from->volume && shim_lock_is_held(&target->lock)));
}

static int rename_file(struct vnode *from, const struct name *from_name, struct vnode *source,
                       struct vnode *to, const struct name *to_name, struct vnode *target,
                       const struct creation *whiteout)
{
    check_move(from, from_name, source, to, to_name, target);
    REQUIRE(!whiteout);
    if (target && !is_empty(target))
        return -ENOTEMPTY;
    if (target) {
        REQUIRE((vnode_type(source) == S_IFDIR) == (vnode_type(target) == S_IFDIR));
        remove_name(to, to_name, target);
        change_links(target, -1);
    }
    remove_name(from, from_name, source);
    add_name(to, to_name, source->number);
    of(source)->inode->parent = to->number;
    return 0;
}

static int exchange(struct vnode *from, const struct name *from_name, struct vnode *source,
                    struct vnode *to, const struct name *to_name, struct vnode *target)
{
    check_move(from, from_name, source, to, to_name, target);
    remove_name(from, from_name, source);
    remove_name(to, to_name, target);
    add_name(from, from_name, target->number);
    add_name(to, to_name, source->number);
    of(source)->inode->parent = to->number;
    of(target)->inode->parent = from->number;
    return 0;
}

static int read_directory(struct vnode *directory, int64_t offset, directory_entry_sink *sink,
                          void *context)
{
    REQUIRE(offset == 0 && shim_lock_is_held(&directory->lock));
    list_for_each (link, &of(directory)->inode->names) {
        struct store_name *entry = container_of(link, struct store_name, link);
        if (!sink(context, &entry->name, entry->number, 0, 1))
            break;
    }
    return 0;
}

static long read_link(struct vnode *vnode, char *buffer, size_t size)
{
    size_t length = strlen(of(vnode)->inode->target);

    if (length > size)
        length = size;
    memcpy(buffer, of(vnode)->inode->target, length);
    REQUIRE(!shim_lock_is_held(&vnode->lock));
    if (store_link_read)
        store_link_read();
    return (long)length;
}

#define OPERATIONS                                                                                 \
    .lookup = look_up, .create = create, .link = link_file, .unlink = unlink_file,                 \
    .rename = rename_file, .exchange = exchange, .read_directory = read_directory,                 \
    .read_link = read_link, .remove = remove_file, .free = free_vnode

static const struct vnode_operations operations = {OPERATIONS};
static const struct vnode_operations changing_operations = {OPERATIONS, .names_change = true};

/* Mounts */

static void unmount(struct volume *volume)
{
    struct store *store = volume->state;

    while (!list_empty(&store->inodes))
        free_inode(container_of(list_first(&store->inodes), struct inode, link));
    for (struct vnode *vnode = NULL; (vnode = store_next_vnode(vnode));)
        REQUIRE(vnode->volume != volume);
    kfree(store);
}

static const struct volume_operations volume_operations = {.unmount = unmount};

static int mount_store(struct volume *volume, const char *options)
{
    const struct creation creation = {.mode = S_IFDIR | 0777};
    struct store *store = kmalloc_zeroed(sizeof(*store));
    struct store_vnode *root = allocate_vnode();

    if (!store || !root) {
        kfree(store);
        kfree(root);
        return -ENOMEM;
    }
    list_init(&store->inodes);
    store->changing = !strcmp(options, "changing");
    volume->operations = &volume_operations;
    volume->state = store;
    volume->root = set_up(root, volume, make_inode(store, &creation));
    return 0;
}

struct file_system store_type = {.name = "store", .mount = mount_store};
