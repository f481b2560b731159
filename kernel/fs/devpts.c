/*
 * devpts (devpts.h).
 *
 * Each mount is an instance of its own. Its nodes are those of the pairs whose master is open, in
 * the order of their numbers; a new pair gets the lowest number that is free. The lock of the root
 * directory is that of the list.
 *
 * /dev/ptmx makes pairs in the instance on /dev/pts, as the process sees it; the file ptmx of an
 * instance in that.
 */
#include "fs/devpts.h"
#include "abi/device.h"
#include "abi/dirent.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "core/credentials.h"
#include "dev/pty.h"
#include "fs/volume.h"
#include "fs/name_cache.h"
#include "fs/path.h"
#include "fs/vfs.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define SLAVE_MAJOR 136
#define PTMX_MAJOR  5
#define PTMX_MINOR  2
#define PAIRS_MAX   4096u
#define NAME_SIZE   12

enum { ROOT_NUMBER = 1, PTMX_NUMBER, FIRST_NUMBER }; /* of vnodes */

enum { DOT_ENTRIES = 2, PTMX_OFFSET = 2, FIRST_OFFSET }; /* offsets in the directory */

/* An instance: volume->state. */
struct devpts {
    struct list slaves; /* (lock of the root) by number */
    uint64_t uid, gid, mode, ptmx_mode, max;
    bool uid_given, gid_given;
};

struct devpts_node {
    struct vnode vnode;
    struct list link;
    unsigned number;
    struct pty *pty; /* (lock of the root) NULL: the master is closed */
};

static struct slab_cache node_cache;

static struct devpts_node *node_of(struct vnode *vnode)
{
    return container_of(vnode, struct devpts_node, vnode);
}

static struct devpts *devpts_of(const struct vnode *vnode)
{
    return vnode->volume->state;
}

/* The root directory */

static struct devpts_node *find(struct devpts *devpts, uint64_t number)
{
    list_for_each (link, &devpts->slaves) {
        struct devpts_node *node = container_of(link, struct devpts_node, link);
        if (node->number == number)
            return node;
    }
    return NULL;
}

static bool is_name(const struct name *name, const char *text)
{
    return name->length == strlen(text) && !memcmp(name->bytes, text, name->length);
}

static int root_lookup(struct vnode *directory, const struct name *name, struct vnode **result)
{
    uint64_t number;

    *result = NULL;
    if (is_name(name, "..")) {
        vnode_reference(directory);
        *result = directory;
    } else if (is_name(name, "ptmx")) {
        *result = vnode_cache_find(directory->volume, PTMX_NUMBER);
    } else if (parse_whole_decimal(name->bytes, name->length, &number)) {
        struct devpts_node *node = find(devpts_of(directory), number);
        if (node)
            vnode_reference(&node->vnode);
        *result = node ? &node->vnode : NULL;
    }
    return *result ? 0 : -ENOENT;
}

/* The entries behind "." and "..": ptmx, then those of the pairs. */
static void list_files(struct devpts *devpts, int64_t offset, directory_entry_sink *sink,
                       void *context)
{
    if (offset <= PTMX_OFFSET &&
        !sink(context, &(struct name){"ptmx", 4}, PTMX_NUMBER, DT_CHR, FIRST_OFFSET))
        return;
    list_for_each (link, &devpts->slaves) {
        struct devpts_node *node = container_of(link, struct devpts_node, link);
        int64_t place = FIRST_OFFSET + (int64_t)node->number;
        char text[NAME_SIZE];
        struct name name = {text, (uint32_t)format(text, sizeof(text), "%u", node->number)};
        if (place >= offset && !sink(context, &name, node->vnode.number, DT_CHR, place + 1))
            return;
    }
}

static int root_read_directory(struct vnode *directory, int64_t offset, directory_entry_sink *sink,
                               void *context)
{
    static const struct name dots[] = {{".", 1}, {"..", 2}};

    for (; offset >= 0 && offset < DOT_ENTRIES; offset++) {
        if (!sink(context, &dots[offset], ROOT_NUMBER, DT_DIR, offset + 1))
            return 0;
    }
    list_files(devpts_of(directory), offset, sink, context);
    return 0;
}

static void free_node(struct vnode *vnode)
{
    slab_free(&node_cache, node_of(vnode));
}

static const struct vnode_operations root_operations = {
    .lookup = root_lookup,
    .read_directory = root_read_directory,
    .set_attributes = vnode_take_attributes,
    .free = free_node,
};

/* Pairs */

/* The lowest number that is free, and the place in the list of a node with it. Locked. */
static unsigned free_number(struct devpts *devpts, struct list **before)
{
    unsigned number = 0;

    *before = &devpts->slaves;
    list_for_each (link, &devpts->slaves) {
        if (container_of(link, struct devpts_node, link)->number != number)
            break;
        *before = link;
        number++;
    }
    return number;
}

static int slave_open(struct vnode *vnode, struct file *file)
{
    struct vnode *root = vnode->volume->root;

    mutex_lock(&root->lock);
    struct pty *pty = node_of(vnode)->pty;
    if (pty)
        pty_reference(pty);
    mutex_unlock(&root->lock);
    if (!pty)
        return -EIO;
    int error = pty_open_slave(pty, file);
    pty_release(pty);
    return error;
}

static const struct vnode_operations slave_operations = {
    .set_attributes = vnode_take_attributes,
    .open = slave_open,
    .free = free_node,
};

static struct devpts_node *create_node(struct volume *volume,
                                       const struct vnode_operations *operations, uint64_t number,
                                       uint32_t mode)
{
    struct devpts_node *node = slab_allocate_zeroed(&node_cache);

    if (!node)
        return NULL;
    vnode_init(&node->vnode, volume, operations, number, mode);
    list_init(&node->link);
    vnode_cache_insert(&node->vnode);
    return node;
}

/* A node for a pair of this number, whose vnode is referenced; NULL: no memory. */
static struct devpts_node *create_slave(struct volume *volume, unsigned number)
{
    const struct devpts *devpts = volume->state;
    const struct credentials *credentials = credentials_current();
    struct devpts_node *node = create_node(volume, &slave_operations, FIRST_NUMBER + number,
                                           S_IFCHR | (uint32_t)devpts->mode);

    if (!node)
        return NULL;
    node->number = number;
    node->vnode.device = device_number(SLAVE_MAJOR, number);
    node->vnode.uid = devpts->uid_given ? (uint32_t)devpts->uid : credentials->fsuid;
    node->vnode.gid = devpts->gid_given ? (uint32_t)devpts->gid : credentials->fsgid;
    node->pty = pty_create(number);
    if (node->pty)
        return node;
    node->vnode.links = 0;
    vnode_release(&node->vnode);
    return NULL;
}

/* Make file the master of a new pair in the instance. */
static int open_master(struct volume *volume, struct file *file)
{
    struct devpts *devpts = volume->state;
    struct vnode *root = volume->root;
    struct devpts_node *node = NULL;
    struct list *before;
    char text[NAME_SIZE];

    mutex_lock(&root->lock);
    unsigned number = free_number(devpts, &before);
    bool full = number >= devpts->max;
    if (!full)
        node = create_slave(volume, number);
    if (node) {
        struct name name = {text, (uint32_t)format(text, sizeof(text), "%u", number)};
        list_insert_after(before, &node->link);
        name_cache_enter(root, &name, &node->vnode);
    }
    mutex_unlock(&root->lock);
    if (!node)
        return full ? -ENOSPC : -ENOMEM;
    pty_open_master(node->pty, &node->vnode, file);
    return 0;
}

static int ptmx_open(struct vnode *vnode, struct file *file)
{
    return open_master(vnode->volume, file);
}

static const struct vnode_operations ptmx_operations = {
    .set_attributes = vnode_take_attributes,
    .open = ptmx_open,
    .free = free_node,
};

int devpts_open_master(struct file *file)
{
    struct vnode *root;
    int error = path_lookup(NULL, "/dev/pts", PATH_FOLLOW, &root);

    if (error)
        return -ENODEV;
    if (root->operations == &root_operations)
        error = open_master(root->volume, file);
    else
        error = -ENODEV;
    vnode_release(root);
    return error;
}

void devpts_remove(struct vnode *vnode)
{
    struct devpts_node *node = node_of(vnode);
    struct vnode *root = vnode->volume->root;
    char text[NAME_SIZE];
    struct name name = {text, (uint32_t)format(text, sizeof(text), "%u", node->number)};

    mutex_lock(&root->lock);
    list_remove(&node->link);
    node->pty = NULL;
    vnode->links = 0;
    name_cache_remove(root, &name);
    mutex_unlock(&root->lock);
    vnode_release(vnode);
}

int devpts_open_peer(struct vnode *node, uint32_t flags)
{
    struct file *file;
    int descriptor = file_reserve(flags & O_CLOEXEC);

    if (descriptor < 0)
        return descriptor;
    int error = vnode_open(node, flags, &file);
    file_fill(descriptor, error ? NULL : file);
    return error ? error : descriptor;
}

/* Mounting */

static int parse_option(struct devpts *devpts, const char *name, const char *value)
{
    uint64_t number;

    if (!value)
        return strcmp(name, "newinstance") ? -EINVAL : 0; /* each mount is one */
    if (!strcmp(name, "uid"))
        return (devpts->uid_given = volume_option_identifier(value, &devpts->uid)) ? 0 : -EINVAL;
    if (!strcmp(name, "gid"))
        return (devpts->gid_given = volume_option_identifier(value, &devpts->gid)) ? 0 : -EINVAL;
    if (!strcmp(name, "mode"))
        return volume_option_mode(value, &devpts->mode) ? 0 : -EINVAL;
    if (!strcmp(name, "ptmxmode"))
        return volume_option_mode(value, &devpts->ptmx_mode) ? 0 : -EINVAL;
    if (strcmp(name, "max") || !volume_option_identifier(value, &number) || number > PAIRS_MAX)
        return -EINVAL;
    devpts->max = number;
    return 0;
}

static int parse_options(struct devpts *devpts, const char *text)
{
    char name[VOLUME_OPTION_SIZE];
    const char *value;
    int error = 0;

    while (volume_next_option(&text, name, &value, &error))
        error = parse_option(devpts, name, value);
    devpts->mode &= 0777;
    devpts->ptmx_mode &= 0777;
    return error;
}

static void devpts_status(struct volume *volume, struct statfs *status)
{
    (void)volume;
    status->type = DEVPTS_SUPER_MAGIC;
}

static size_t devpts_describe(struct volume *volume, char *buffer, size_t size)
{
    const struct devpts *devpts = volume->state;
    size_t length = 0;

    if (devpts->uid_given)
        length += format(buffer, size, ",uid=%lu", devpts->uid);
    if (devpts->gid_given)
        length += format(buffer + length, size - length, ",gid=%lu", devpts->gid);
    return length + format(buffer + length, size - length, ",mode=%03lo,ptmxmode=%03lo",
                           devpts->mode, devpts->ptmx_mode);
}

static void devpts_unmount(struct volume *volume)
{
    kfree(volume->state);
}

static const struct volume_operations devpts_volume_operations = {
    .status = devpts_status,
    .describe = devpts_describe,
    .unmount = devpts_unmount,
};

static void set_defaults(struct devpts *devpts)
{
    list_init(&devpts->slaves);
    devpts->mode = 0600;
    devpts->ptmx_mode = 0;
    devpts->max = PAIRS_MAX;
}

/* The root, and ptmx, which stays in the vnode cache like files of a tmpfs: dirty for ever. */
static int create_nodes(struct volume *volume)
{
    const struct devpts *devpts = volume->state;
    struct devpts_node *root = create_node(volume, &root_operations, ROOT_NUMBER, S_IFDIR | 0755);
    struct devpts_node *ptmx =
        create_node(volume, &ptmx_operations, PTMX_NUMBER, S_IFCHR | (uint32_t)devpts->ptmx_mode);

    if (root && ptmx) {
        root->vnode.links = 2;
        ptmx->vnode.device = device_number(PTMX_MAJOR, PTMX_MINOR);
        ptmx->vnode.dirty = true;
        vnode_release(&ptmx->vnode);
        volume->root = &root->vnode;
        return 0;
    }
    struct devpts_node *one = root ? root : ptmx;
    if (one) {
        one->vnode.links = 0;
        vnode_release(&one->vnode);
    }
    return -ENOMEM;
}

static int devpts_mount(struct volume *volume, const char *options)
{
    struct devpts *devpts = kmalloc_zeroed(sizeof(*devpts));

    if (!devpts)
        return -ENOMEM;
    set_defaults(devpts);
    volume->state = devpts;
    volume->operations = &devpts_volume_operations;
    int error = parse_options(devpts, options);
    if (!error)
        error = create_nodes(volume);
    if (error)
        kfree(devpts);
    return error;
}

void devpts_init(void)
{
    static struct file_system type = {.name = "devpts", .mount = devpts_mount};

    slab_cache_init(&node_cache, "devpts", sizeof(struct devpts_node), 8);
    file_system_register(&type);
}
