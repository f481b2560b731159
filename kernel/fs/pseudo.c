/*
 * Generated file systems (pseudo.h).
 *
 * In a directory, offsets 0 and 1 are "." and "..", then come the fixed entries, and the other
 * entry of number n is at the offset behind them plus n.
 */
#include "fs/pseudo.h"
#include "abi/dirent.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/thread.h"
#include "fs/file.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define KEY_SHIFT   8 /* vnode number: the key, and the type below */
#define DOT_ENTRIES 2

struct pseudo_node {
    struct vnode vnode;
    const struct pseudo_type *type;
    uint64_t key;
    struct vnode *directory; /* of a file: where it was found, referenced; else NULL */
};

static struct slab_cache node_cache;
static const struct vnode_operations directory_vnode_operations, file_vnode_operations,
    link_vnode_operations, followed_vnode_operations;

static struct pseudo_node *node_of(const struct vnode *vnode)
{
    return container_of(vnode, struct pseudo_node, vnode);
}

static uint64_t node_number(const struct pseudo_type *type, uint64_t key)
{
    return key << KEY_SHIFT | type->number;
}

/* Vnodes */

static const struct vnode_operations *operations_of(const struct pseudo_type *type)
{
    switch (type->mode & S_IFMT) {
    case S_IFDIR:
        return &directory_vnode_operations;
    case S_IFLNK:
        return type->follow ? &followed_vnode_operations : &link_vnode_operations;
    default:
        return &file_vnode_operations;
    }
}

static struct vnode *create_vnode(struct volume *volume, struct vnode *directory,
                                  const struct pseudo_type *type, uint64_t key)
{
    struct pseudo_node *node = slab_allocate(&node_cache);

    if (!node)
        return NULL;
    vnode_init(&node->vnode, volume, operations_of(type), node_number(type, key), type->mode);
    /* Names are looked up among processes, whose lock comes before those of directories. */
    mutex_init(&node->vnode.lock, "generated vnode", RANK_NONE);
    if ((type->mode & S_IFMT) == S_IFDIR)
        node->vnode.links = 2;
    node->type = type;
    node->key = key;
    node->directory = (type->mode & S_IFMT) == S_IFDIR ? NULL : directory;
    if (node->directory)
        vnode_reference(directory);
    struct vnode *vnode = vnode_cache_insert(&node->vnode);
    if (vnode != &node->vnode)
        vnode_discard(&node->vnode);
    return vnode;
}

/* The vnode of a node, referenced: 0, -ENOENT: what it stands for is gone, -ENOMEM. */
static int get_vnode(struct vnode *directory, const struct pseudo_type *type, uint64_t key,
                     struct vnode **result)
{
    uint32_t uid = 0, gid = 0;
    int error = type->owner ? type->owner(key, &uid, &gid) : 0;

    if (error)
        return error;
    struct vnode *vnode = vnode_cache_find(directory->volume, node_number(type, key));
    if (!vnode)
        vnode = create_vnode(directory->volume, directory, type, key);
    if (!vnode)
        return -ENOMEM;
    __atomic_store_n(&vnode->uid, uid, __ATOMIC_RELAXED);
    __atomic_store_n(&vnode->gid, gid, __ATOMIC_RELAXED);
    if (type->permissions)
        __atomic_store_n(&vnode->mode, (type->mode & S_IFMT) | type->permissions(key),
                         __ATOMIC_RELAXED);
    *result = vnode;
    return 0;
}

static void free_vnode(struct vnode *vnode)
{
    struct pseudo_node *node = node_of(vnode);

    if (node->directory)
        vnode_release(node->directory);
    slab_free(&node_cache, node);
}

bool pseudo_is(const struct vnode *vnode, const struct pseudo_type *type, uint64_t *key)
{
    if (vnode->operations != operations_of(type) || node_of(vnode)->type != type)
        return false;
    *key = node_of(vnode)->key;
    return true;
}

/* Directories */

static uint64_t parent_key(const struct pseudo_node *node)
{
    const struct pseudo_type *type = node->type;
    if (!type->parent || !type->parent->keyed)
        return 0;
    return type->parent_key ? type->parent_key(node->key) : node->key;
}

static bool is_dot_dot(const struct name *name)
{
    return name->length == 2 && name->bytes[0] == '.' && name->bytes[1] == '.';
}

bool pseudo_parse_name(const struct name *name, const char *prefix, uint64_t *number)
{
    size_t length = strlen(prefix);
    return name->length > length && !memcmp(name->bytes, prefix, length) &&
           parse_whole_decimal(name->bytes + length, name->length - length, number);
}

static int lookup(struct vnode *directory, const struct name *name, struct vnode **result)
{
    const struct pseudo_node *node = node_of(directory);
    const struct pseudo_type *type = node->type;
    uint64_t key;
    int error = -ENOENT;

    if (is_dot_dot(name))
        return get_vnode(directory, type->parent ? type->parent : type, parent_key(node), result);
    for (const struct pseudo_entry *entry = type->entries; entry && entry->name; entry++) {
        if (!strncmp(entry->name, name->bytes, name->length) && !entry->name[name->length])
            return get_vnode(directory, entry->type, node->key | entry->key, result);
    }
    if (type->find)
        error = type->find(node->key, name, &key);
    return error ? error : get_vnode(directory, type->other, key, result);
}

/* For the path of a file: where it was found. */
static struct vnode *find_directory(struct vnode *file)
{
    struct vnode *directory = node_of(file)->directory;

    vnode_reference(directory);
    return directory;
}

/* A directory that is being listed. */
struct listing {
    const struct pseudo_node *node;
    directory_entry_sink *sink;
    void *context;
    int64_t offset;
};

/* Hand an entry over; false: the reader has enough. */
static bool list_entry(struct listing *listing, const char *text, const struct pseudo_type *type,
                       uint64_t key, int64_t offset)
{
    struct name name = {text, (uint32_t)strlen(text)};

    listing->offset = offset + 1;
    return listing->sink(listing->context, &name, node_number(type, key), DT_OF_MODE(type->mode),
                         offset + 1);
}

static bool list_dots(struct listing *listing)
{
    const struct pseudo_node *node = listing->node;
    const struct pseudo_type *parent = node->type->parent ? node->type->parent : node->type;

    if (listing->offset <= 0 && !list_entry(listing, ".", node->type, node->key, 0))
        return false;
    return listing->offset > 1 || list_entry(listing, "..", parent, parent_key(node), 1);
}

/* Is there what an entry stands for? */
static bool is_there(const struct pseudo_entry *entry, uint64_t key)
{
    uint32_t uid, gid;

    return !entry->type->owner || entry->type->owner(key | entry->key, &uid, &gid) == 0;
}

/* The fixed entries; *end is the offset behind them. */
static bool list_fixed(struct listing *listing, int64_t *end)
{
    const struct pseudo_node *node = listing->node;
    const struct pseudo_entry *entry = node->type->entries;
    bool more = true;

    *end = DOT_ENTRIES;
    for (; entry && entry->name; entry++, ++*end) {
        if (more && listing->offset <= *end && is_there(entry, node->key))
            more = list_entry(listing, entry->name, entry->type, node->key | entry->key, *end);
    }
    return more;
}

static void list_others(struct listing *listing, int64_t base)
{
    const struct pseudo_node *node = listing->node;
    uint64_t number = listing->offset > base ? (uint64_t)(listing->offset - base) : 0, key;
    char name[PSEUDO_NAME_MAX + 1];
    bool more = node->type->next;

    while (more && node->type->next(node->key, &number, &key, name)) {
        more = list_entry(listing, name, node->type->other, key, base + (int64_t)number);
        number++;
    }
}

static int read_directory(struct vnode *directory, int64_t offset, directory_entry_sink *sink,
                          void *context)
{
    struct listing listing = {node_of(directory), sink, context, offset};
    int64_t end;

    if (list_dots(&listing) && list_fixed(&listing, &end))
        list_others(&listing, end);
    return 0;
}

/* Links */

long pseudo_copy_link(const char *text, char *buffer, size_t size)
{
    size_t length = strlen(text);
    if (length > size)
        length = size;
    memcpy(buffer, text, length);
    return (long)length;
}

static long read_link(struct vnode *link, char *buffer, size_t size)
{
    const struct pseudo_node *node = node_of(link);
    return node->type->read_link(node->key, buffer, size);
}

static int follow(struct vnode *link, struct place *target)
{
    const struct pseudo_node *node = node_of(link);
    return node->type->follow(node->key, target);
}

/* Files. The text is made anew by a read at offset 0, and stays for those behind it. Of a long one
 * stays the piece that was read last: a read behind it makes those that follow, one before it
 * begins anew. */

struct made_text {
    struct text text;
    uint64_t start;  /* the offset of its first byte in the file */
    uint64_t cursor; /* where the next piece begins */
};

static void forget_text(struct made_text *made)
{
    text_free(&made->text);
    *made = (struct made_text){0};
}

/* Make the text, or its next piece in place of the one that there is. */
static int make_text(const struct pseudo_node *node, struct made_text *made)
{
    int error;

    made->start += made->text.length;
    text_free(&made->text);
    if (node->type->write_piece) {
        error = node->type->write_piece(node->key, &made->cursor, &made->text);
    } else {
        error = node->type->write_text(node->key, &made->text);
        made->cursor = PSEUDO_END;
    }
    if (!error)
        error = made->text.error;
    if (error)
        forget_text(made);
    return error;
}

static long read_made_text(const struct pseudo_node *node, struct made_text *made, uint64_t offset,
                           struct transfer *transfer)
{
    long done = 0, result = 0;

    if (offset < made->start || offset == 0)
        forget_text(made);
    while (transfer->remaining && result >= 0) {
        if (offset < made->start + made->text.length) {
            result = text_read(&made->text, offset - made->start, transfer);
        } else {
            if (made->cursor == PSEUDO_END || thread_killed())
                break;
            result = make_text(node, made);
        }
        if (result > 0) {
            offset += (uint64_t)result;
            done += result;
        }
    }
    return done ? done : result;
}

static long file_read_text(struct file *file, uint64_t offset, struct transfer *transfer)
{
    const struct pseudo_node *node = node_of(file->vnode);

    if (!node->type->write_text && !node->type->write_piece)
        return -EIO;
    mutex_lock(&file->vnode->lock);
    long result = read_made_text(node, file->state, offset, transfer);
    mutex_unlock(&file->vnode->lock);
    return result;
}

/* What is written is one text, wherever the file's offset is. */
static long file_take_text(struct file *file, uint64_t offset, struct transfer *transfer)
{
    const struct pseudo_node *node = node_of(file->vnode);
    size_t length = transfer->remaining;

    (void)offset;
    if (!node->type->take_text)
        return -EIO;
    if (length > PSEUDO_WRITE_MAX)
        return -EINVAL;
    char *text = kmalloc(length + 1);
    if (!text)
        return -ENOMEM;
    int error = transfer_take(transfer, text, length) == length ? 0 : -EFAULT;
    text[length] = '\0';
    if (!error)
        error = node->type->take_text(node->key, text, length);
    kfree(text);
    return error ? error : (long)length;
}

static void file_free_text(struct file *file)
{
    forget_text(file->state);
    kfree(file->state);
}

static long file_read_bytes(struct file *file, uint64_t offset, struct transfer *transfer)
{
    const struct pseudo_node *node = node_of(file->vnode);
    return node->type->read ? node->type->read(node->key, offset, transfer) : -EIO;
}

static long file_write_bytes(struct file *file, uint64_t offset, struct transfer *transfer)
{
    const struct pseudo_node *node = node_of(file->vnode);
    return node->type->write ? node->type->write(node->key, offset, transfer) : -EIO;
}

static long file_control_bytes(struct file *file, unsigned request, uint64_t argument)
{
    const struct pseudo_node *node = node_of(file->vnode);
    return node->type->control ? node->type->control(node->key, request, argument) : -ENOTTY;
}

static const struct file_operations text_operations = {
    .read = file_read_text,
    .write = file_take_text,
    .release = file_free_text,
    .seekable = true,
};

static const struct file_operations byte_operations = {
    .read = file_read_bytes,
    .write = file_write_bytes,
    .control = file_control_bytes,
    .seekable = true,
};

/* Permissions that privilege does not replace: of kernel settings, and those the type asks for. */
static int check_open(const struct pseudo_node *node, uint32_t flags)
{
    const struct pseudo_type *type = node->type;
    uint32_t mode = flags & O_ACCMODE;

    if (type->strict &&
        ((mode != O_WRONLY && !(type->mode & 0444)) || (mode != O_RDONLY && !(type->mode & 0222))))
        return -EACCES;
    return type->check_open ? type->check_open(node->key) : 0;
}

static int open_file(struct vnode *vnode, struct file *file)
{
    const struct pseudo_node *node = node_of(vnode);
    int error = check_open(node, file->flags);

    if (error)
        return error;
    if (node->type->read || node->type->write) {
        file->operations = &byte_operations;
        return 0;
    }
    struct made_text *made = kmalloc(sizeof(*made));
    if (!made)
        return -ENOMEM;
    *made = (struct made_text){0};
    file->state = made;
    file->operations = &text_operations;
    return 0;
}

/* open(2) with O_TRUNC: there is nothing to be cut off. */
static int resize(struct vnode *vnode, uint64_t size)
{
    (void)vnode;
    (void)size;
    return 0;
}

static const struct vnode_operations directory_vnode_operations = {
    .lookup = lookup,
    .read_directory = read_directory,
    .names_change = true,
    .free = free_vnode,
};

static const struct vnode_operations file_vnode_operations = {
    .find_directory = find_directory,
    .open = open_file,
    .resize = resize,
    .names_change = true,
    .free = free_vnode,
};

static const struct vnode_operations link_vnode_operations = {
    .find_directory = find_directory,
    .read_link = read_link,
    .names_change = true,
    .free = free_vnode,
};

static const struct vnode_operations followed_vnode_operations = {
    .find_directory = find_directory,
    .read_link = read_link,
    .follow = follow,
    .names_change = true,
    .free = free_vnode,
};

int pseudo_mount(struct volume *volume, const struct pseudo_type *root,
                 const struct volume_operations *operations)
{
    volume->operations = operations;
    volume->root = create_vnode(volume, NULL, root, 0);
    return volume->root ? 0 : -ENOMEM;
}

void pseudo_init(void)
{
    slab_cache_init(&node_cache, "generated vnode", sizeof(struct pseudo_node), 8);
}
