/*
 * Mounts of tmpfs, their limits and options (tmpfs(5)).
 */
#include "abi/errno.h"
#include "fs/tmpfs.h"
#include "fs/tmpfs_internal.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "vm/kmem.h"

/* What a tmpfs may have without options, of pages and of files: as many as half of memory. */
static uint64_t default_limit(void)
{
    return page_count_total() / 2;
}

static void tmpfs_status(struct volume *volume, struct statfs *status)
{
    const struct tmpfs *tmpfs = volume->state;
    uint64_t used = __atomic_load_n(&tmpfs->pages.used, __ATOMIC_RELAXED);
    uint64_t limit = __atomic_load_n(&tmpfs->pages.limit, __ATOMIC_RELAXED);
    uint64_t space = __atomic_load_n(&tmpfs->space, __ATOMIC_RELAXED);
    uint64_t space_max = __atomic_load_n(&tmpfs->space_max, __ATOMIC_RELAXED);

    status->type = TMPFS_MAGIC;
    status->block_size = status->fragment_size = PAGE_SIZE;
    if (limit != UINT64_MAX) {
        status->blocks = limit;
        status->blocks_free = used < limit ? limit - used : 0;
        status->blocks_available = status->blocks_free;
    }
    if (space_max != UINT64_MAX) {
        status->files = space_max / FILE_SPACE;
        status->files_free = space < space_max ? (space_max - space) / FILE_SPACE : 0;
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
        {"mode", HAS_MODE, volume_option_mode, offsetof(struct tmpfs_options, mode)},
        {"uid", HAS_UID, volume_option_identifier, offsetof(struct tmpfs_options, uid)},
        {"gid", HAS_GID, volume_option_identifier, offsetof(struct tmpfs_options, gid)},
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
    char name[VOLUME_OPTION_SIZE];
    const char *value;
    int error = 0;

    *options = (struct tmpfs_options){0};
    while (volume_next_option(&text, name, &value, &error))
        error = parse_option(options, name, value);
    return error;
}

/* The space of so many files. */
static uint64_t space_of(uint64_t files)
{
    return files < UINT64_MAX / FILE_SPACE ? files * FILE_SPACE : UINT64_MAX;
}

/* Limits may not become lower than what is used: -EINVAL. */
static int set_limits(struct tmpfs *tmpfs, const struct tmpfs_options *options)
{
    if (((options->given & HAS_SIZE) &&
         options->pages < __atomic_load_n(&tmpfs->pages.used, __ATOMIC_RELAXED)) ||
        ((options->given & HAS_INODES) &&
         space_of(options->inodes) < __atomic_load_n(&tmpfs->space, __ATOMIC_RELAXED)))
        return -EINVAL;
    if (options->given & HAS_SIZE)
        __atomic_store_n(&tmpfs->pages.limit, options->pages, __ATOMIC_RELAXED);
    if (options->given & HAS_INODES)
        __atomic_store_n(&tmpfs->space_max, space_of(options->inodes), __ATOMIC_RELAXED);
    return 0;
}

static int tmpfs_configure(struct volume *volume, const char *text)
{
    struct tmpfs_options options;
    int error = parse_options(text, &options);

    return error ? error : set_limits(volume->state, &options);
}

static size_t tmpfs_describe(struct volume *volume, char *buffer, size_t size)
{
    const struct tmpfs *tmpfs = volume->state;
    uint64_t limit = __atomic_load_n(&tmpfs->pages.limit, __ATOMIC_RELAXED);
    uint64_t space = __atomic_load_n(&tmpfs->space_max, __ATOMIC_RELAXED);
    uint32_t mode = volume->root->mode & 07777;
    size_t length = 0;

    buffer[0] = '\0';
    if (limit != UINT64_MAX && limit != default_limit())
        length = format(buffer, size, ",size=%luk", limit * (PAGE_SIZE / 1024));
    if (space != UINT64_MAX && space != space_of(default_limit()))
        length += format(buffer + length, size - length, ",nr_inodes=%lu", space / FILE_SPACE);
    if (mode != (S_ISVTX | 0777))
        length += format(buffer + length, size - length, ",mode=%o", mode);
    return length;
}

/* Mounts */

static void tmpfs_unmount(struct volume *volume)
{
    kfree(volume->state);
    volume->state = NULL;
}

static int tmpfs_find(struct volume *volume, uint64_t number, struct vnode **result)
{
    *result = vnode_cache_find(volume, number);
    return *result ? 0 : -ESTALE;
}

static const struct volume_operations tmpfs_volume_operations = {
    .find = tmpfs_find,
    .status = tmpfs_status,
    .configure = tmpfs_configure,
    .describe = tmpfs_describe,
    .unmount = tmpfs_unmount,
};

int tmpfs_mount(struct volume *volume, uint32_t mode, const char *text)
{
    struct creation creation = {.mode = S_IFDIR | mode};
    struct tmpfs_options options;
    int error = parse_options(text, &options);

    if (error)
        return error;
    struct tmpfs *tmpfs = kmalloc_zeroed(sizeof(*tmpfs));
    if (!tmpfs)
        return -ENOMEM;
    tmpfs->pages.limit = default_limit();
    tmpfs->space_max = space_of(default_limit());
    volume->state = tmpfs;
    volume->operations = &tmpfs_volume_operations;
    error = set_limits(tmpfs, &options);
    if (options.given & HAS_MODE)
        creation.mode = S_IFDIR | (uint32_t)options.mode;
    creation.uid = (uint32_t)options.uid;
    creation.gid = (uint32_t)options.gid;
    struct tmpfs_node *root;
    if (!error)
        error = tmpfs_create_node(volume, &creation, &root);
    if (error) {
        tmpfs_unmount(volume);
        return error;
    }
    volume->root = &root->vnode;
    return 0;
}

void tmpfs_abandon(struct volume *volume)
{
    vnode_cache_drop_volume(volume, NULL);
    tmpfs_unmount(volume);
    volume->root = NULL;
}

static int tmpfs_type_mount(struct volume *volume, const char *options)
{
    return tmpfs_mount(volume, S_ISVTX | 0777, options);
}

void tmpfs_init(void)
{
    static struct file_system type = {.name = "tmpfs", .mount = tmpfs_type_mount};

    tmpfs_nodes_init();
    file_system_register(&type);
}
