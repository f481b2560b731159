/*
 * tmpfs: files in memory.
 *
 * The pages of a file are those of its vnode's object, whose pager has no store. A directory keeps
 * its entries in two trees, by name and by age; the age is the offset that read_directory gives. An
 * entry names its vnode by number, and holds no reference: vnodes stay in the vnode cache without
 * one, because they are marked dirty for ever, until their last link goes or the mount.
 *
 * Letters: (l) lock of the vnode, (a) atomic.
 */
#include "fs/tmpfs.h"
#include "abi/dirent.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/thread.h"
#include "fs/devfs.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "lib/tree.h"
#include "vm/kmem.h"
#include "vm/object.h"

#define NAME_LENGTH_MAX 255
#define DOT_ENTRIES     2 /* offsets 0 and 1 are "." and ".." */

/* A whole tmpfs: mount->state. */
struct tmpfs {
    uint64_t next_number;      /* (a) */
    uint64_t files, files_max; /* (a) vnodes */
    struct page_quota pages;   /* of all files */
};

struct tmpfs_node {
    struct vnode vnode;
    struct tree by_name, by_age; /* (l) directory: its entries */
    int64_t next_age;            /* (l) */
    uint64_t parent;             /* (l) directory: number of the one it is in */
    char *target;                /* symbolic link */
};

struct tmpfs_entry {
    struct tree_node name_node, age_node;
    int64_t age;
    uint64_t number;
    unsigned type; /* DT_* */
    uint32_t length;
    char bytes[];
};

static struct slab_cache node_cache;
static const struct vnode_operations tmpfs_operations;

static struct tmpfs_node *node_of(struct vnode *vnode)
{
    return container_of(vnode, struct tmpfs_node, vnode);
}

static struct tmpfs *tmpfs_of(const struct vnode *vnode)
{
    return vnode->mount->state;
}

/* What a tmpfs may have without options, of pages and of files: as many as half of memory. */
static uint64_t default_limit(void)
{
    return page_count_total() / 2;
}

static struct tmpfs_entry *entry_of_name(struct tree_node *node)
{
    return container_of(node, struct tmpfs_entry, name_node);
}

static struct tmpfs_entry *entry_of_age(struct tree_node *node)
{
    return container_of(node, struct tmpfs_entry, age_node);
}

static void touch(struct vnode *vnode, bool contents)
{
    vnode->ctime = time_stamp();
    if (contents)
        vnode->mtime = vnode->ctime;
}

/* Vnodes */

/* Count one file more: false: there are as many as there may be. */
static bool count_file(struct tmpfs *tmpfs)
{
    if (__atomic_add_fetch(&tmpfs->files, 1, __ATOMIC_RELAXED) <=
        __atomic_load_n(&tmpfs->files_max, __ATOMIC_RELAXED))
        return true;
    __atomic_fetch_sub(&tmpfs->files, 1, __ATOMIC_RELAXED);
    return false;
}

/* A vnode in the cache, with one reference: 0, -ENOSPC, -ENOMEM. */
static int create_node(struct mount *mount, const struct creation *creation,
                       struct tmpfs_node **result)
{
    struct tmpfs *tmpfs = mount->state;

    *result = NULL;
    if (!count_file(tmpfs))
        return -ENOSPC;
    struct tmpfs_node *node = slab_allocate_zeroed(&node_cache);
    if (!node) {
        __atomic_fetch_sub(&tmpfs->files, 1, __ATOMIC_RELAXED);
        return -ENOMEM;
    }
    uint64_t number = __atomic_add_fetch(&tmpfs->next_number, 1, __ATOMIC_RELAXED);
    vnode_init(&node->vnode, mount, &tmpfs_operations, number, creation->mode);
    object_init(&node->vnode.object, &anonymous_pager, 0);
    node->vnode.object.quota = &tmpfs->pages;
    node->vnode.uid = creation->uid;
    node->vnode.gid = creation->gid;
    node->vnode.device = creation->device;
    node->vnode.dirty = true; /* stays in the cache */
    node->vnode.seals = F_SEAL_SEAL;
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
    struct tmpfs_node *node = node_of(vnode);
    struct tree_node *link;

    while ((link = tree_first(&node->by_name))) {
        tree_remove(&node->by_name, link);
        kfree(entry_of_name(link));
    }
    if (tmpfs_of(vnode))
        __atomic_fetch_sub(&tmpfs_of(vnode)->files, 1, __ATOMIC_RELAXED);
    kfree(node->target);
    slab_free(&node_cache, node);
}

/* Entries */

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
    touch(&directory->vnode, true);
}

static void remove_entry(struct tmpfs_node *directory, struct tmpfs_entry *entry)
{
    tree_remove(&directory->by_name, &entry->name_node);
    tree_remove(&directory->by_age, &entry->age_node);
    kfree(entry);
    touch(&directory->vnode, true);
}

/* Directories */

static int find_vnode(struct mount *mount, uint64_t number, struct vnode **result)
{
    *result = vnode_cache_find(mount, number);
    return *result ? 0 : -ENOENT;
}

static int tmpfs_lookup(struct vnode *directory, const struct name *name, struct vnode **result)
{
    struct tmpfs_node *node = node_of(directory);

    if (name->length == 2 && name->bytes[0] == '.' && name->bytes[1] == '.')
        return find_vnode(directory->mount, node->parent, result);
    struct tmpfs_entry *entry = find_name(node, name);
    return entry ? find_vnode(directory->mount, entry->number, result) : -ENOENT;
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

static int tmpfs_create(struct vnode *directory, const struct name *name,
                        const struct creation *creation, struct vnode **result)
{
    struct tmpfs_node *node;
    int error = create_node(directory->mount, creation, &node);

    if (error)
        return error;
    struct tmpfs_entry *entry = allocate_entry(name, &node->vnode);
    if (!entry || complete_node(node, directory, creation)) {
        kfree(entry);
        node->vnode.links = 0;
        vnode_release(&node->vnode);
        return -ENOMEM;
    }
    insert_entry(node_of(directory), entry);
    if (vnode_type(&node->vnode) == S_IFDIR)
        directory->links++;
    *result = &node->vnode;
    return 0;
}

static int tmpfs_create_unnamed(struct vnode *directory, const struct creation *creation,
                                struct vnode **result)
{
    struct tmpfs_node *node;
    int error = create_node(directory->mount, creation, &node);

    if (error)
        return error;
    node->vnode.links = 0;
    *result = &node->vnode;
    return 0;
}

static int tmpfs_link(struct vnode *directory, const struct name *name, struct vnode *target)
{
    struct tmpfs_entry *entry = allocate_entry(name, target);

    if (!entry)
        return -ENOMEM;
    insert_entry(node_of(directory), entry);
    target->links++;
    touch(target, false);
    return 0;
}

/* One link of target less; a directory is empty and loses both. */
static void drop_link(struct vnode *directory, struct vnode *target)
{
    if (vnode_type(target) == S_IFDIR) {
        target->links = 0;
        directory->links--;
    } else {
        target->links--;
    }
    touch(target, false);
}

static bool is_full_directory(struct vnode *vnode)
{
    return vnode_type(vnode) == S_IFDIR && node_of(vnode)->by_name.root;
}

static int tmpfs_unlink(struct vnode *directory, const struct name *name, struct vnode *target)
{
    struct tmpfs_entry *entry = find_name(node_of(directory), name);

    if (!entry)
        return -ENOENT;
    if (is_full_directory(target))
        return -ENOTEMPTY;
    remove_entry(node_of(directory), entry);
    drop_link(directory, target);
    return 0;
}

static int tmpfs_rename(struct vnode *from, const struct name *from_name, struct vnode *source,
                        struct vnode *to, const struct name *to_name, struct vnode *target)
{
    struct tmpfs_entry *old = find_name(node_of(from), from_name);

    if (!old)
        return -ENOENT;
    if (target && is_full_directory(target))
        return -ENOTEMPTY;
    struct tmpfs_entry *entry = allocate_entry(to_name, source);
    if (!entry)
        return -ENOMEM;
    if (target) {
        remove_entry(node_of(to), find_name(node_of(to), to_name));
        drop_link(to, target);
    }
    remove_entry(node_of(from), old);
    insert_entry(node_of(to), entry);
    if (vnode_type(source) == S_IFDIR) {
        from->links--;
        to->links++;
        node_of(source)->parent = to->number;
    }
    touch(source, false);
    return 0;
}

/* An entry leads to another file from now on, whose parent it is. */
static void redirect(struct vnode *directory, struct tmpfs_entry *entry, struct vnode *vnode)
{
    entry->number = vnode->number;
    entry->type = DT_OF_MODE(vnode->mode);
    if (vnode_type(vnode) == S_IFDIR)
        node_of(vnode)->parent = directory->number;
    touch(directory, true);
    touch(vnode, false);
}

static int tmpfs_exchange(struct vnode *from, const struct name *from_name, struct vnode *source,
                          struct vnode *to, const struct name *to_name, struct vnode *target)
{
    struct tmpfs_entry *old = find_name(node_of(from), from_name);
    struct tmpfs_entry *new = find_name(node_of(to), to_name);
    bool moves = vnode_type(source) == S_IFDIR, comes = vnode_type(target) == S_IFDIR;

    if (!old || !new)
        return -ENOENT;
    redirect(from, old, target);
    redirect(to, new, source);
    from->links += (uint32_t)comes - (uint32_t)moves;
    to->links += (uint32_t)moves - (uint32_t)comes;
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

static int tmpfs_read_directory(struct vnode *directory, int64_t offset, directory_entry_sink *sink,
                                void *context)
{
    static const struct name dots[] = {{".", 1}, {"..", 2}};
    struct tmpfs_node *node = node_of(directory);

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

static long tmpfs_read_link(struct vnode *link, char *buffer, size_t size)
{
    const char *target = node_of(link)->target;
    size_t length = strlen(target);

    if (length > size)
        length = size;
    memcpy(buffer, target, length);
    return (long)length;
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
        touch(vnode, true);
    return error;
}

static long tmpfs_write(struct vnode *vnode, uint64_t offset, struct transfer *transfer)
{
    long result = object_write(&vnode->object, offset, transfer);

    if (result > 0)
        touch(vnode, true);
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
    touch(vnode, !error);
    return error;
}

static int tmpfs_punch(struct vnode *vnode, uint64_t offset, uint64_t length)
{
    int error = object_punch(&vnode->object, offset, offset + length);

    touch(vnode, !error);
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
    .has_xattrs = true,
    .free = free_node,
};

/* Mounts */

static void tmpfs_status(struct mount *mount, struct statfs *status)
{
    const struct tmpfs *tmpfs = mount->state;
    uint64_t used = __atomic_load_n(&tmpfs->pages.used, __ATOMIC_RELAXED);
    uint64_t limit = __atomic_load_n(&tmpfs->pages.limit, __ATOMIC_RELAXED);
    uint64_t files = __atomic_load_n(&tmpfs->files, __ATOMIC_RELAXED);
    uint64_t files_max = __atomic_load_n(&tmpfs->files_max, __ATOMIC_RELAXED);

    status->type = TMPFS_MAGIC;
    status->block_size = status->fragment_size = PAGE_SIZE;
    if (limit != UINT64_MAX) {
        status->blocks = limit;
        status->blocks_free = used < limit ? limit - used : 0;
        status->blocks_available = status->blocks_free;
    }
    if (files_max != UINT64_MAX) {
        status->files = files_max;
        status->files_free = files < files_max ? files_max - files : 0;
    }
    status->name_length = NAME_LENGTH_MAX;
}

/* Options (tmpfs(5)) */

enum { HAS_SIZE = 1, HAS_INODES = 2, HAS_MODE = 4, HAS_UID = 8, HAS_GID = 16 };

struct tmpfs_options {
    unsigned given; /* HAS_* */
    uint64_t pages, inodes, mode, uid, gid;
};

/* The whole text is a number, with a unit or in percent of memory: pages. 0: no limit. */
static bool parse_pages(const char *text, uint64_t *pages)
{
    uint64_t size;

    if (!parse_size(&text, &size))
        return false;
    if (*text == '%') {
        text++;
        *pages = page_count_total() / 100 * size;
    } else {
        *pages = size / PAGE_SIZE + (size % PAGE_SIZE != 0);
    }
    if (!*pages)
        *pages = UINT64_MAX;
    return *text == '\0';
}

static bool parse_count(const char *text, uint64_t *count)
{
    if (!parse_size(&text, count) || *text != '\0')
        return false;
    if (!*count)
        *count = UINT64_MAX;
    return true;
}

static int parse_option(struct tmpfs_options *options, const char *name, const char *value)
{
    static const struct {
        const char *name;
        unsigned bit;
        bool (*parse)(const char *text, uint64_t *number);
        size_t offset;
    } known[] = {
        {"size", HAS_SIZE, parse_pages, offsetof(struct tmpfs_options, pages)},
        {"nr_blocks", HAS_SIZE, parse_count, offsetof(struct tmpfs_options, pages)},
        {"nr_inodes", HAS_INODES, parse_count, offsetof(struct tmpfs_options, inodes)},
        {"mode", HAS_MODE, mount_option_mode, offsetof(struct tmpfs_options, mode)},
        {"uid", HAS_UID, mount_option_identifier, offsetof(struct tmpfs_options, uid)},
        {"gid", HAS_GID, mount_option_identifier, offsetof(struct tmpfs_options, gid)},
    };

    if (!value) /* numbers of files have 64 bits, and there is no other swap than what is needed */
        return strcmp(name, "inode64") && strcmp(name, "noswap") ? -EINVAL : 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name))
            continue;
        options->given |= known[i].bit;
        return known[i].parse(value, (uint64_t *)((char *)options + known[i].offset)) ? 0 : -EINVAL;
    }
    return -EINVAL;
}

static int parse_options(const char *text, struct tmpfs_options *options)
{
    char name[MOUNT_OPTION_SIZE];
    const char *value;
    int error = 0;

    *options = (struct tmpfs_options){0};
    while (mount_next_option(&text, name, &value, &error))
        error = parse_option(options, name, value);
    return error;
}

/* Limits may not become lower than what is used: -EINVAL. */
static int set_limits(struct tmpfs *tmpfs, const struct tmpfs_options *options)
{
    if (((options->given & HAS_SIZE) &&
         options->pages < __atomic_load_n(&tmpfs->pages.used, __ATOMIC_RELAXED)) ||
        ((options->given & HAS_INODES) &&
         options->inodes < __atomic_load_n(&tmpfs->files, __ATOMIC_RELAXED)))
        return -EINVAL;
    if (options->given & HAS_SIZE)
        __atomic_store_n(&tmpfs->pages.limit, options->pages, __ATOMIC_RELAXED);
    if (options->given & HAS_INODES)
        __atomic_store_n(&tmpfs->files_max, options->inodes, __ATOMIC_RELAXED);
    return 0;
}

static int tmpfs_configure(struct mount *mount, const char *text)
{
    struct tmpfs_options options;
    int error = parse_options(text, &options);

    return error ? error : set_limits(mount->state, &options);
}

static size_t tmpfs_describe(struct mount *mount, char *buffer, size_t size)
{
    const struct tmpfs *tmpfs = mount->state;
    uint64_t limit = __atomic_load_n(&tmpfs->pages.limit, __ATOMIC_RELAXED);
    uint64_t files = __atomic_load_n(&tmpfs->files_max, __ATOMIC_RELAXED);
    uint32_t mode = mount->root->mode & 07777;
    size_t length = 0;

    buffer[0] = '\0';
    if (limit != UINT64_MAX && limit != default_limit())
        length = format(buffer, size, ",size=%luk", limit * (PAGE_SIZE / 1024));
    if (files != UINT64_MAX && files != default_limit())
        length += format(buffer + length, size - length, ",nr_inodes=%lu", files);
    if (mode != (S_ISVTX | 0777))
        length += format(buffer + length, size - length, ",mode=%o", mode);
    return length;
}

/* Mounts */

static void tmpfs_unmount(struct mount *mount)
{
    kfree(mount->state);
    mount->state = NULL;
}

static const struct mount_operations tmpfs_mount_operations = {
    .status = tmpfs_status,
    .configure = tmpfs_configure,
    .describe = tmpfs_describe,
    .unmount = tmpfs_unmount,
};

int tmpfs_mount(struct mount *mount, uint32_t mode, const char *text)
{
    struct creation creation = {.mode = S_IFDIR | mode};
    struct tmpfs_options options;
    int error = parse_options(text, &options);

    if (error)
        return error;
    struct tmpfs *tmpfs = kmalloc_zeroed(sizeof(*tmpfs));
    if (!tmpfs)
        return -ENOMEM;
    tmpfs->pages.limit = tmpfs->files_max = default_limit();
    mount->state = tmpfs;
    mount->operations = &tmpfs_mount_operations;
    error = set_limits(tmpfs, &options);
    if (options.given & HAS_MODE)
        creation.mode = S_IFDIR | (uint32_t)options.mode;
    creation.uid = (uint32_t)options.uid;
    creation.gid = (uint32_t)options.gid;
    struct tmpfs_node *root;
    if (!error)
        error = create_node(mount, &creation, &root);
    if (error) {
        tmpfs_unmount(mount);
        return error;
    }
    mount->root = &root->vnode;
    return 0;
}

void tmpfs_abandon(struct mount *mount)
{
    vnode_cache_drop_mount(mount);
    tmpfs_unmount(mount);
    mount->root = NULL;
}

static int tmpfs_type_mount(struct mount *mount, const char *options)
{
    return tmpfs_mount(mount, S_ISVTX | 0777, options);
}

void tmpfs_init(void)
{
    static struct file_system type = {.name = "tmpfs", .mount = tmpfs_type_mount};

    slab_cache_init(&node_cache, "tmpfs", sizeof(struct tmpfs_node), 8);
    file_system_register(&type);
}
