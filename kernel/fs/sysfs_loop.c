/*
 * /sys/block/loopN/loop: which file a loop device is, as losetup(8) reads it. The directory is
 * there while there is a file.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "dev/loop.h"
#include "fs/path.h"
#include "fs/sysfs_disk.h"
#include "fs/vnode.h"
#include "vm/kmem.h"

#define NUMBER(key) ((uint32_t)(key))

static int get_status(uint64_t key, struct loop_info64 *info)
{
    struct block_device *device = sysfs_disk(NUMBER(key));

    return device && block_is_loop(device) && !loop_status(device, info) ? 0 : -ENOENT;
}

static int owner(uint64_t key, uint32_t *uid, uint32_t *gid)
{
    struct loop_info64 info;

    *uid = *gid = 0;
    return get_status(key, &info);
}

static int write_file(uint64_t key, struct text *text)
{
    char *path = kmalloc(PATH_MAX);

    if (!path)
        return -ENOMEM;
    long length = loop_file_path(sysfs_disk(NUMBER(key)), path, PATH_MAX);
    if (length >= 0)
        text_format(text, "%s\n", path);
    kfree(path);
    return length < 0 ? (int)length : 0;
}

#define NUMBER_FILE(name, expression)                                                              \
    static int write_##name(uint64_t key, struct text *text)                                       \
    {                                                                                              \
        struct loop_info64 info;                                                                   \
        int error = get_status(key, &info);                                                        \
        if (!error)                                                                                \
            text_format(text, "%lu\n", (uint64_t)(expression));                                    \
        return error;                                                                              \
    }
NUMBER_FILE(offset, info.offset)
NUMBER_FILE(limit, info.size_limit)
NUMBER_FILE(clearing, (info.flags & LO_FLAGS_AUTOCLEAR) != 0)
NUMBER_FILE(nothing, 0) /* partitions, and reading without the page cache, are not here */

#define FILE_TYPE(name, offset, function)                                                          \
    static const struct pseudo_type name = {.number = SYSFS_LOOP_TYPES + 1 + (offset),             \
                                            .mode = S_IFREG | 0444,                                \
                                            .keyed = true,                                         \
                                            .strict = true,                                        \
                                            .write_text = function}
FILE_TYPE(clearing, 0, write_clearing);
FILE_TYPE(file, 1, write_file);
FILE_TYPE(direct, 2, write_nothing);
FILE_TYPE(offset, 3, write_offset);
FILE_TYPE(partitions, 4, write_nothing);
FILE_TYPE(limit, 5, write_limit);

static const struct pseudo_entry entries[] = {
    {"autoclear", &clearing, 0},
    {"backing_file", &file, 0},
    {"dio", &direct, 0},
    {"offset", &offset, 0},
    {"partscan", &partitions, 0},
    {"sizelimit", &limit, 0},
    {NULL, NULL, 0},
};

const struct pseudo_type sysfs_loop = {.number = SYSFS_LOOP_TYPES,
                                       .mode = S_IFDIR | 0555,
                                       .keyed = true,
                                       .parent = &sysfs_disk_directory,
                                       .entries = entries,
                                       .owner = owner};
