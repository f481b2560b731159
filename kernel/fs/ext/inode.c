/*
 * Inodes: from and to their blocks on the disk, and their end.
 *
 * A copy to the disk is made with map_lock held, from fields that their holders change first: so
 * the last copy made has all changes.
 */
#include "abi/device.h"
#include "abi/errno.h"
#include "core/random.h"
#include "fs/ext/ext.h"
#include "lib/string.h"
#include "vm/kmem.h"

struct slab_cache ext_inode_cache;

/* The disk's inode; the block is to be put. */
static int get_disk_inode(struct ext *ext, uint64_t number, struct ext_block *block,
                          struct ext_disk_inode **result)
{
    uint64_t group = (number - 1) / ext->inodes_per_group;
    uint64_t offset = (number - 1) % ext->inodes_per_group * ext->inode_size;
    uint32_t table = ext->groups[group].inode_table;
    int error = ext_block_get(ext, table + (uint32_t)(offset >> ext->block_shift), block);

    if (!error)
        *result = (void *)((char *)block->data + (offset & (ext->block_size - 1)));
    return error;
}

/* Does the disk's inode have the field that ends so many bytes from its start? */
static bool has_field(const struct ext *ext, const struct ext_disk_inode *disk, size_t end)
{
    return ext->inode_size >= sizeof(*disk) && EXT_INODE_SIZE_OLD + disk->extra_size >= end;
}

#define HAS(ext, disk, field)                                                                      \
    has_field(ext, disk, offsetof(struct ext_disk_inode, field) + sizeof((disk)->field))

/* Times: signed seconds of 32 bits; two more bits, and nanoseconds, in a second word. */
static struct timestamp decode_time(uint32_t low, bool has_extra, uint32_t extra)
{
    struct timestamp time = {.seconds = (int32_t)low};

    if (has_extra) {
        time.seconds += (int64_t)(extra & 3) << 32;
        time.nanoseconds = extra >> 2;
        if (time.nanoseconds > 999999999)
            time.nanoseconds = 0;
    }
    return time;
}

static uint32_t encode_extra(struct timestamp time)
{
    int64_t high = time.seconds - (int32_t)time.seconds;
    return (uint32_t)(high >> 32 & 3) | time.nanoseconds << 2;
}

bool ext_inode_is_durable(const struct ext_inode *inode)
{
    return __atomic_load_n(&inode->created, __ATOMIC_RELAXED) !=
           __atomic_load_n(&ext_of(inode)->syncs, __ATOMIC_RELAXED);
}

bool ext_inode_is_fast_link(const struct ext_inode *inode)
{
    uint64_t own = inode->attribute_block ? ext_sectors(ext_of(inode)) : 0;

    return vnode_type(&inode->vnode) == S_IFLNK && inode->vnode.object.size < EXT_FAST_LINK &&
           inode->vnode.blocks <= own;
}

static bool is_known_type(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        return true;
    default:
        return false;
    }
}

/* Could this be an inode in use? */
static bool is_plausible(const struct ext *ext, const struct ext_disk_inode *disk, bool orphan)
{
    uint64_t size = disk->size;
    uint32_t type = disk->mode & S_IFMT;

    if (!is_known_type(disk->mode) || (disk->links == 0) != orphan)
        return false;
    if (disk->links == 0 && type == S_IFDIR && disk->size % ext->block_size)
        return false;
    if (type == S_IFREG)
        size |= (uint64_t)disk->size_high << 32;
    if (type == S_IFDIR)
        return size % ext->block_size == 0;
    if (type == S_IFLNK)
        return size > 0 && size <= ext->block_size;
    return size <= ext_map_size_limit(ext);
}

static uint64_t decode_device(const struct ext_disk_inode *disk)
{
    if (disk->block[0])
        return device_number(disk->block[0] >> 8 & 0xff, disk->block[0] & 0xff);
    return disk->block[1];
}

static void decode(struct ext_inode *inode, const struct ext_disk_inode *disk)
{
    struct ext *ext = ext_of(inode);
    struct vnode *vnode = &inode->vnode;

    vnode->uid = disk->uid | (uint32_t)disk->uid_high << 16;
    vnode->gid = disk->gid | (uint32_t)disk->gid_high << 16;
    vnode->links = disk->links;
    vnode->blocks = disk->sectors;
    vnode->object.size = disk->size;
    if (vnode_type(vnode) == S_IFREG)
        vnode->object.size |= (uint64_t)disk->size_high << 32;
    if (vnode_type(vnode) == S_IFCHR || vnode_type(vnode) == S_IFBLK)
        vnode->device = decode_device(disk);
    vnode->atime = decode_time(disk->atime, HAS(ext, disk, atime_extra), disk->atime_extra);
    vnode->mtime = decode_time(disk->mtime, HAS(ext, disk, mtime_extra), disk->mtime_extra);
    vnode->ctime = decode_time(disk->ctime, HAS(ext, disk, ctime_extra), disk->ctime_extra);
    vnode->birth = (struct timestamp){0};
    if (HAS(ext, disk, birth_time))
        vnode->birth =
            decode_time(disk->birth_time, HAS(ext, disk, birth_time_extra), disk->birth_time_extra);
    memcpy(inode->block, disk->block, sizeof(inode->block));
    vnode->inode_flags = disk->flags;
    vnode->generation = disk->generation;
    inode->attribute_block = disk->attribute_block;
    inode->dtime = disk->dtime;
}

/* A new structure; NULL: no memory. */
static struct ext_inode *create(struct ext *ext, uint64_t number, uint32_t mode)
{
    struct ext_inode *inode = slab_allocate_zeroed(&ext_inode_cache);

    if (!inode)
        return NULL;
    vnode_init(&inode->vnode, ext->volume, &ext_operations, number, mode);
    inode->vnode.object.pager = &ext_pager;
    mutex_init(&inode->punch_lock, "hole", RANK_FILE_SYSTEM);
    mutex_init(&inode->map_lock, "block map", RANK_BLOCK_MAP);
    list_init(&inode->orphan_link);
    return inode;
}

/* Who looks for an inode, and so what it should be. */
enum { BY_NAME, ORPHAN, BY_HANDLE /* it may be gone: -ESTALE */ };

/* Read an inode into a new structure, not in the cache. */
static int load(struct ext *ext, uint64_t number, int who, struct ext_inode **result)
{
    struct ext_disk_inode *disk;
    struct ext_block block;
    int error = get_disk_inode(ext, number, &block, &disk);

    if (error)
        return error;
    if (who == BY_HANDLE && (disk->links == 0 || !is_known_type(disk->mode))) {
        error = -ESTALE;
    } else if (is_plausible(ext, disk, who == ORPHAN)) {
        *result = create(ext, number, disk->mode);
        if (*result)
            decode(*result, disk);
        else
            error = -ENOMEM;
    } else {
        error = ext_error(ext, "an inode is not what it should be", number);
    }
    ext_block_put(&block);
    return error;
}

static bool is_in_range(const struct ext *ext, uint64_t number)
{
    return number == EXT_ROOT_INODE || (number >= ext->first_inode && number <= ext->inodes_count);
}

static int get(struct ext *ext, uint64_t number, int who, struct ext_inode **result)
{
    struct vnode *vnode;
    int error = 0;

    vnode = vnode_cache_find(ext->volume, number);
    if (!vnode) {
        /* One reader at a time, or a slow one might bring old contents into the cache. */
        mutex_lock(&ext->load_lock);
        vnode = vnode_cache_find(ext->volume, number);
        if (!vnode)
            error = load(ext, number, who, result);
        if (!vnode && !error)
            vnode_cache_insert(&(*result)->vnode);
        mutex_unlock(&ext->load_lock);
    }
    if (vnode)
        *result = ext_inode_of(vnode);
    return error;
}

int ext_inode_get(struct ext *ext, uint64_t number, bool orphan, struct ext_inode **result)
{
    if (!is_in_range(ext, number))
        return ext_error(ext, "an inode number is out of range", number);
    return get(ext, number, orphan ? ORPHAN : BY_NAME, result);
}

int ext_find(struct volume *volume, uint64_t number, struct vnode **result)
{
    struct ext *ext = volume->state;
    struct ext_inode *inode;

    if (!is_in_range(ext, number))
        return -ESTALE;
    int error = get(ext, number, BY_HANDLE, &inode);
    if (!error)
        *result = &inode->vnode;
    return error;
}

int ext_inode_create(struct ext *ext, uint64_t number, const struct creation *creation,
                     struct ext_inode **result)
{
    struct ext_inode *inode = create(ext, number, creation->mode);

    if (!inode)
        return -ENOMEM;
    inode->created = __atomic_load_n(&ext->syncs, __ATOMIC_RELAXED);
    inode->vnode.uid = creation->uid;
    inode->vnode.gid = creation->gid;
    inode->vnode.device = creation->device;
    inode->vnode.inode_flags = creation->inode_flags;
    random_bytes(&inode->vnode.generation, sizeof(inode->vnode.generation));
    inode->is_new = true;
    struct vnode *other = vnode_cache_insert(&inode->vnode);
    if (other != &inode->vnode) {
        vnode_release(other);
        vnode_discard(&inode->vnode);
        return ext_error(ext, "an inode in use is marked as free", number);
    }
    *result = inode;
    return 0;
}

static void encode_device(struct ext_disk_inode *disk, uint64_t device)
{
    uint32_t major = device_major(device), minor = device_minor(device);
    bool small = major < 256 && minor < 256;

    disk->block[0] = small ? major << 8 | minor : 0;
    disk->block[1] = small ? 0 : (uint32_t)device;
}

/* The fields that only large inodes have. */
static void encode_extra_fields(const struct ext_inode *inode, struct ext_disk_inode *disk)
{
    const struct ext *ext = ext_of(inode);
    const struct vnode *vnode = &inode->vnode;

    if (ext->inode_size < sizeof(*disk))
        return;
    if (inode->is_new) {
        disk->extra_size = EXT_EXTRA_SIZE;
        disk->birth_time = (uint32_t)vnode->birth.seconds;
        disk->birth_time_extra = encode_extra(vnode->birth);
    }
    if (HAS(ext, disk, ctime_extra))
        disk->ctime_extra = encode_extra(vnode->ctime);
    if (HAS(ext, disk, mtime_extra))
        disk->mtime_extra = encode_extra(vnode->mtime);
    if (HAS(ext, disk, atime_extra))
        disk->atime_extra = encode_extra(vnode->atime);
}

static void encode(const struct ext_inode *inode, struct ext_disk_inode *disk)
{
    const struct vnode *vnode = &inode->vnode;

    disk->mode = (uint16_t)vnode->mode;
    disk->uid = (uint16_t)vnode->uid;
    disk->uid_high = (uint16_t)(vnode->uid >> 16);
    disk->gid = (uint16_t)vnode->gid;
    disk->gid_high = (uint16_t)(vnode->gid >> 16);
    disk->links = (uint16_t)vnode->links;
    disk->sectors = (uint32_t)vnode->blocks;
    disk->size = (uint32_t)vnode->object.size;
    if (vnode_type(vnode) == S_IFREG)
        disk->size_high = (uint32_t)(vnode->object.size >> 32);
    disk->atime = (uint32_t)vnode->atime.seconds;
    disk->mtime = (uint32_t)vnode->mtime.seconds;
    disk->ctime = (uint32_t)vnode->ctime.seconds;
    disk->dtime = inode->dtime;
    disk->flags = vnode->inode_flags;
    disk->generation = vnode->generation;
    disk->attribute_block = inode->attribute_block;
    memcpy(disk->block, inode->block, sizeof(disk->block));
    if (vnode_type(vnode) == S_IFCHR || vnode_type(vnode) == S_IFBLK)
        encode_device(disk, vnode->device);
    encode_extra_fields(inode, disk);
}

int ext_inode_store(struct ext_operation *operation, struct ext_inode *inode)
{
    struct ext *ext = operation->ext;
    struct ext_disk_inode *disk;
    struct ext_block block;
    int error = get_disk_inode(ext, inode->vnode.number, &block, &disk);

    if (error)
        return error;
    mutex_lock(&inode->map_lock);
    if (inode->is_new)
        memset(disk, 0, ext->inode_size);
    encode(inode, disk);
    inode->is_new = false;
    mutex_unlock(&inode->map_lock);
    ext_block_changed(operation, &block);
    ext_block_put(&block);
    return 0;
}

int ext_write_back(struct vnode *vnode)
{
    struct ext_operation operation;
    struct ext_inode *inode = ext_inode_of(vnode);
    int error = ext_operation_begin(&operation, ext_of(inode));

    if (!error)
        error = ext_inode_store(&operation, inode);
    ext_operation_end(&operation);
    return error;
}

/* The time that inodes can hold and that is nearest. */
static struct timestamp confine(const struct ext *ext, struct timestamp time)
{
    bool has_extra = ext->inode_size > EXT_INODE_SIZE_OLD;
    int64_t first = INT32_MIN, last = has_extra ? first + (INT64_C(1) << 34) - 1 : INT32_MAX;

    if (time.seconds <= first)
        return (struct timestamp){.seconds = first};
    return time.seconds >= last ? (struct timestamp){.seconds = last} : time;
}

int ext_set_attributes(struct vnode *vnode, const struct attributes *attributes)
{
    struct ext_operation operation;
    struct ext_inode *inode = ext_inode_of(vnode);
    struct attributes confined = *attributes;
    int error = ext_operation_begin(&operation, ext_of(inode));

    if (error)
        return error;
    confined.atime = confine(ext_of(inode), attributes->atime);
    confined.mtime = confine(ext_of(inode), attributes->mtime);
    vnode_take_attributes(vnode, &confined);
    ext_operation_inode(&operation, inode);
    ext_operation_end(&operation);
    return 0;
}

/* Give up the block of extended attributes, which others may share. */
static void release_attributes(struct ext_operation *operation, struct ext_inode *inode)
{
    struct ext *ext = operation->ext;
    uint32_t number = inode->attribute_block;
    struct ext_block block;

    inode->attribute_block = 0;
    if (!number || !ext_blocks_valid(ext, number, 1) || ext_block_get(ext, number, &block))
        return;
    struct ext_attribute_header *header = block.data;
    bool valid = header->magic == EXT_ATTRIBUTE_MAGIC && header->references > 0;
    bool last = valid && header->references == 1;
    if (!valid)
        ext_error(ext, "a block of attributes is damaged", number);
    if (valid && !last) {
        header->references--;
        ext_block_changed(operation, &block);
    }
    ext_block_put(&block);
    if (last) {
        ext_block_forget(ext, number);
        ext_free_blocks(operation, number, 1);
    }
}

static bool has_block_map(const struct ext_inode *inode)
{
    unsigned type = vnode_type(&inode->vnode);
    return type == S_IFREG || type == S_IFDIR ||
           (type == S_IFLNK && !ext_inode_is_fast_link(inode));
}

void ext_inode_delete(struct ext_inode *inode)
{
    struct ext_operation operation;
    struct ext *ext = ext_of(inode);
    struct vnode *vnode = &inode->vnode;

    if (has_block_map(inode) && object_truncate(&vnode->object, 0))
        return; /* cannot be: no page is to be read for an end at 0 */
    if (ext_operation_begin(&operation, ext))
        return; /* it stays an orphan until the next mount */
    mutex_lock(&inode->map_lock);
    if (has_block_map(inode))
        ext_map_truncate(&operation, inode, 0);
    release_attributes(&operation, inode);
    vnode->blocks = 0;
    vnode->object.size = 0;
    mutex_unlock(&inode->map_lock);
    ext_orphan_remove(&operation, inode);
    inode->dtime = (uint32_t)time_stamp().seconds;
    if (!inode->dtime)
        inode->dtime = 1;
    if (!ext_inode_store(&operation, inode))
        ext_free_inode(&operation, vnode->number, vnode_type(vnode) == S_IFDIR);
    ext_operation_end(&operation);
}

/* vnode_operations.remove: nobody uses it any more, and it has no links. */
static void remove_inode(struct vnode *vnode)
{
    struct ext_inode *inode = ext_inode_of(vnode);

    if (!inode->dtime || !list_empty(&inode->orphan_link))
        ext_inode_delete(inode);
}

void ext_inode_free(struct vnode *vnode)
{
    struct ext_inode *inode = ext_inode_of(vnode);
    struct ext *ext = ext_of(inode);

    /* One that could not be deleted stays an orphan on the disk. */
    if (!list_empty(&inode->orphan_link)) {
        mutex_lock(&ext->orphan_lock);
        list_remove(&inode->orphan_link);
        mutex_unlock(&ext->orphan_lock);
    }
    ext_index_free(inode);
    slab_free(&ext_inode_cache, inode);
}

const struct vnode_operations ext_operations = {
    .inode_flags_shown = EXT_FLAGS_SHOWN,
    .inode_flags_settable = EXT_FLAGS_SETTABLE,
    .has_versions = true,
    .lookup = ext_lookup,
    .create = ext_create,
    .create_unnamed = ext_create_unnamed,
    .link = ext_link,
    .unlink = ext_unlink,
    .rename = ext_rename,
    .exchange = ext_exchange,
    .read_directory = ext_read_directory,
    .read_link = ext_read_link,
    .set_attributes = ext_set_attributes,
    .resize = ext_resize,
    .write = ext_write,
    .sync = ext_sync,
    .allocate = ext_allocate,
    .punch = ext_punch,
    .zero = ext_zero,
    .seek = ext_seek,
    .find_extent = ext_find_extent,
    .write_back = ext_write_back,
    .remove = remove_inode,
    .free = ext_inode_free,
};
