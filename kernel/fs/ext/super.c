/*
 * The mount of an ext2 file system: checking what the superblock says, the state that it is left
 * in, and the counts that are in the superblock and the group descriptors.
 */
#include "abi/errno.h"
#include "core/printk.h"
#include "fs/ext/ext.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define ERRORS_PRINTED 10u
#define FLAG_UNIT      1024u /* bytes per bit of block_flags (dev/block.h) */

int ext_error(struct ext *ext, const char *what, uint64_t where)
{
    if (__atomic_fetch_add(&ext->errors, 1, __ATOMIC_RELAXED) < ERRORS_PRINTED)
        printk("%s: ext2: %s (%lu); run e2fsck\n", ext->device->name, what, where);
    if (!__atomic_load_n(&ext->writable, __ATOMIC_ACQUIRE))
        return -EUCLEAN;
    if (!(ext->super->state & EXT_STATE_ERROR)) {
        ext->super->state |= EXT_STATE_ERROR;
        ext_super_changed(ext);
    }
    if (ext->super->errors > EXT_ERRORS_CONTINUE) {
        __atomic_store_n(&ext->writable, false, __ATOMIC_RELEASE);
        __atomic_fetch_or(&ext->volume->flags, MS_RDONLY, __ATOMIC_RELAXED);
    }
    return -EUCLEAN;
}

void ext_super_changed(struct ext *ext)
{
    object_dirty_page(&ext->device->object, ext->super_page, 1u << (EXT_SUPER_OFFSET / FLAG_UNIT));
}

/* The descriptor of a group, and the page and block_flags for it. */
static struct ext_descriptor *descriptor_of(const struct ext *ext, uint32_t group,
                                            struct page **page, uint32_t *flags)
{
    uint64_t offset = ext->descriptors_offset + group * sizeof(struct ext_descriptor);
    uint64_t first = ext->descriptors_offset >> PAGE_SHIFT;

    *page = ext->descriptors[(offset >> PAGE_SHIFT) - first];
    *flags = 1u << ((offset & PAGE_MASK) / FLAG_UNIT);
    return (void *)((char *)page_data(*page) + (offset & PAGE_MASK));
}

void ext_group_changed(struct ext_operation *operation, uint32_t group)
{
    struct ext *ext = operation->ext;
    const struct ext_group *g = &ext->groups[group];
    struct page *page;
    uint32_t flags;
    struct ext_descriptor *descriptor = descriptor_of(ext, group, &page, &flags);

    descriptor->free_blocks = (uint16_t)g->free_blocks;
    descriptor->free_inodes = (uint16_t)g->free_inodes;
    descriptor->directories = (uint16_t)g->directories;
    object_dirty_page(&ext->device->object, page, flags);
}

/* What the kernel cannot handle, or NULL. */
static const char *find_unsupported(const struct ext_super *super)
{
    if (super->magic != EXT_MAGIC)
        return "no ext2 superblock";
    if (super->revision > 1)
        return "unknown revision";
    if (super->log_block_size > 2)
        return "unsupported block size";
    if (super->revision == 0)
        return NULL;
    if (super->feature_compatible & EXT_COMPATIBLE_JOURNAL)
        return "journals are not supported";
    if (super->feature_incompatible & ~(uint32_t)EXT_INCOMPATIBLE_FILETYPE)
        return "unsupported incompatible feature";
    if (super->feature_ro_compatible & ~(uint32_t)(EXT_RO_SPARSE_SUPER | EXT_RO_LARGE_FILE))
        return "unsupported read-only compatible feature";
    return NULL;
}

/* The figures that the rest of the code relies on. */
static void read_geometry(struct ext *ext)
{
    const struct ext_super *super = ext->super;
    bool old = super->revision == 0;

    ext->block_shift = 10 + super->log_block_size;
    ext->block_size = 1u << ext->block_shift;
    ext->pointer_shift = ext->block_shift - 2;
    ext->blocks_count = super->blocks_count;
    ext->first_data_block = super->first_data_block;
    ext->blocks_per_group = super->blocks_per_group;
    ext->inodes_count = super->inodes_count;
    ext->inodes_per_group = super->inodes_per_group;
    ext->inode_size = old ? EXT_INODE_SIZE_OLD : super->inode_size;
    ext->first_inode = old ? EXT_FIRST_INODE : super->first_inode;
    ext->has_types = !old && (super->feature_incompatible & EXT_INCOMPATIBLE_FILETYPE);
}

/* Does the geometry hang together? */
static bool check_geometry(struct ext *ext)
{
    uint32_t bits = ext->block_size * 8, inode_size = ext->inode_size;
    uint64_t bytes = (uint64_t)ext->blocks_count << ext->block_shift;

    if (ext->first_data_block != (ext->block_size == 1024) ||
        ext->blocks_count <= ext->first_data_block + 1 ||
        bytes > ext->device->sectors * SECTOR_SIZE)
        return false;
    if (ext->blocks_per_group < 8 || ext->blocks_per_group > bits || ext->inodes_per_group < 8 ||
        ext->inodes_per_group > bits)
        return false;
    if (inode_size < EXT_INODE_SIZE_OLD || inode_size > ext->block_size ||
        (inode_size & (inode_size - 1)))
        return false;
    ext->inode_table_blocks =
        (ext->inodes_per_group * inode_size + ext->block_size - 1) >> ext->block_shift;
    uint64_t blocks = ext->blocks_count - ext->first_data_block;
    ext->group_count = (uint32_t)((blocks + ext->blocks_per_group - 1) / ext->blocks_per_group);
    if ((uint64_t)ext->group_count * ext->inodes_per_group != ext->inodes_count ||
        ext->first_inode < EXT_FIRST_INODE || ext->first_inode > ext->inodes_count)
        return false;
    uint64_t descriptors = (uint64_t)ext->group_count * sizeof(struct ext_descriptor);
    return ext->super->reserved_blocks <= ext->blocks_count &&
           descriptors <= (uint64_t)(ext->blocks_per_group - 1) << ext->block_shift &&
           descriptors + 2 * ext->block_size < bytes;
}

/* Get and keep the pages of the group descriptors. */
static int keep_descriptors(struct ext *ext)
{
    uint64_t start = (uint64_t)(ext->first_data_block + 1) << ext->block_shift;
    uint64_t end = start + ext->group_count * sizeof(struct ext_descriptor);
    uint64_t first = start >> PAGE_SHIFT, count = ((end - 1) >> PAGE_SHIFT) - first + 1;
    int error = 0;

    ext->descriptors_offset = start;
    ext->descriptors = kmalloc_zeroed(count * sizeof(struct page *));
    if (!ext->descriptors)
        return -ENOMEM;
    for (uint64_t i = 0; i < count && !error; i++) {
        error = object_get_page(&ext->device->object, first + i, &ext->descriptors[i]);
        if (!error)
            ext->descriptor_pages++;
    }
    return error;
}

static bool in_range(const struct ext *ext, uint32_t first, uint32_t count)
{
    return first > ext->first_data_block && first < ext->blocks_count &&
           count <= ext->blocks_count - first;
}

/* Read the descriptors into groups, checked: -EUCLEAN. */
static int read_groups(struct ext *ext)
{
    struct page *page;
    uint32_t flags;

    ext->groups = kmalloc_zeroed(ext->group_count * sizeof(struct ext_group));
    if (!ext->groups)
        return -ENOMEM;
    for (uint32_t i = 0; i < ext->group_count; i++) {
        const struct ext_descriptor *descriptor = descriptor_of(ext, i, &page, &flags);
        struct ext_group *group = &ext->groups[i];
        group->block_bitmap = descriptor->block_bitmap;
        group->inode_bitmap = descriptor->inode_bitmap;
        group->inode_table = descriptor->inode_table;
        group->free_blocks = descriptor->free_blocks;
        group->free_inodes = descriptor->free_inodes;
        group->directories = descriptor->directories;
        if (!in_range(ext, group->block_bitmap, 1) || !in_range(ext, group->inode_bitmap, 1) ||
            !in_range(ext, group->inode_table, ext->inode_table_blocks) ||
            group->free_blocks > ext->blocks_per_group ||
            group->free_inodes > ext->inodes_per_group) {
            printk("%s: ext2: the descriptor of group %u is damaged\n", ext->device->name, i);
            return -EUCLEAN;
        }
        ext->free_blocks += group->free_blocks;
        ext->free_inodes += group->free_inodes;
    }
    return 0;
}

/* Free everything but what is in the vnode cache. */
static void destroy(struct ext *ext)
{
    for (uint32_t i = 0; i < ext->descriptor_pages; i++)
        page_release(ext->descriptors[i]);
    kfree(ext->descriptors);
    kfree(ext->groups);
    if (ext->tail)
        page_release(ext->tail);
    if (ext->super_page)
        page_release(ext->super_page);
    kfree(ext);
}

/* Read and check superblock and descriptors. */
static int load(struct ext *ext)
{
    const char *problem;
    int error;

    if (ext->device->sectors * SECTOR_SIZE < 2 * PAGE_SIZE)
        return -EINVAL;
    error = object_get_page(&ext->device->object, 0, &ext->super_page);
    if (error)
        return error;
    ext->super = (void *)((char *)page_data(ext->super_page) + EXT_SUPER_OFFSET);
    problem = find_unsupported(ext->super);
    if (!problem) {
        read_geometry(ext);
        if (!check_geometry(ext))
            problem = "the superblock is damaged";
    }
    if (problem) {
        printk("%s: ext2: %s\n", ext->device->name, problem);
        return -EINVAL;
    }
    ext->tail = page_allocate(0, 0);
    if (!ext->tail)
        return -ENOMEM;
    error = keep_descriptors(ext);
    return error ? error : read_groups(ext);
}

static int write_metadata(struct ext *ext)
{
    int error = object_write_back(&ext->device->object, 0, UINT64_MAX, true);
    int flushed = block_flush(ext->device);
    return error ? error : flushed;
}

/* Bring the superblock's counts up to date. */
static void update_counts(struct ext *ext)
{
    struct ext_super *super = ext->super;

    mutex_lock(&ext->allocation_lock);
    if (super->free_blocks != ext->free_blocks || super->free_inodes != ext->free_inodes) {
        super->free_blocks = (uint32_t)ext->free_blocks;
        super->free_inodes = (uint32_t)ext->free_inodes;
        super->write_time = (uint32_t)time_stamp().seconds;
        ext_super_changed(ext);
    }
    mutex_unlock(&ext->allocation_lock);
}

/* From now on the disk says that it is in use. */
static int begin_writing(struct ext *ext)
{
    struct ext_super *super = ext->super;

    super->state &= (uint16_t)~EXT_STATE_VALID;
    super->mount_count++;
    super->mount_time = super->write_time = (uint32_t)time_stamp().seconds;
    ext_super_changed(ext);
    int error = write_metadata(ext);
    if (!error)
        __atomic_store_n(&ext->writable, true, __ATOMIC_RELEASE);
    return error;
}

/* The disk takes no more changes, and is as clean as it was at the mount. */
static int end_writing(struct ext *ext)
{
    if (!__atomic_exchange_n(&ext->writable, false, __ATOMIC_ACQ_REL))
        return 0;
    update_counts(ext);
    int error = write_metadata(ext); /* all that the state speaks of comes first */
    if (ext->clean_at_mount && !ext->errors)
        ext->super->state |= EXT_STATE_VALID;
    ext->super->write_time = (uint32_t)time_stamp().seconds;
    ext_super_changed(ext);
    int last = write_metadata(ext);
    return error ? error : last;
}

static const struct volume_operations ext_volume_operations;

/* The rest of a mount, when the disk is known to be good. */
static int start(struct ext *ext)
{
    struct volume *volume = ext->volume;
    struct ext_inode *root = NULL;
    int error = ext_inode_get(ext, EXT_ROOT_INODE, false, &root);

    if (error)
        return error;
    if (vnode_type(&root->vnode) != S_IFDIR)
        error = ext_error(ext, "the root is no directory", EXT_ROOT_INODE);
    ext->clean_at_mount = ext->super->state == EXT_STATE_VALID;
    if (!error && !(volume->flags & MS_RDONLY)) {
        if (!ext->clean_at_mount)
            printk("%s: ext2: not unmounted cleanly; e2fsck is recommended\n", ext->device->name);
        error = begin_writing(ext);
        if (!error)
            ext_orphans_recover(ext);
    }
    volume->root = &root->vnode;
    return error;
}

static int ext_mount(struct volume *volume, const char *options)
{
    struct ext *ext = *options ? NULL : kmalloc_zeroed(sizeof(*ext));

    if (*options)
        return -EINVAL; /* there are none */
    if (!ext)
        return -ENOMEM;
    ext->volume = volume;
    ext->device = volume->device;
    mutex_init(&ext->allocation_lock, "allocation", RANK_ALLOCATION);
    mutex_init(&ext->load_lock, "inode load", RANK_FILE_SYSTEM);
    mutex_init(&ext->orphan_lock, "orphans", RANK_FILE_SYSTEM);
    mutex_init(&ext->tail_lock, "last block", RANK_ALLOCATION);
    list_init(&ext->orphans);
    ext->syncs = 1;
    volume->state = ext;
    volume->operations = &ext_volume_operations;
    int error = load(ext);
    if (!error) {
        volume->size_limit = ext_map_size_limit(ext);
        error = start(ext);
    }
    if (error) {
        if (volume->root)
            vnode_cache_drop_volume(volume, NULL);
        destroy(ext);
    }
    return error;
}

static int ext_mount_sync(struct volume *volume)
{
    struct ext *ext = volume->state;

    if (!__atomic_load_n(&ext->writable, __ATOMIC_ACQUIRE))
        return 0;
    __atomic_fetch_add(&ext->syncs, 1, __ATOMIC_RELAXED);
    update_counts(ext);
    return write_metadata(ext);
}

static int ext_remount(struct volume *volume, uint64_t flags)
{
    struct ext *ext = volume->state;

    if (flags & MS_RDONLY)
        return end_writing(ext);
    if (ext->errors)
        return -EROFS;
    ext->clean_at_mount = ext->super->state == EXT_STATE_VALID;
    return begin_writing(ext);
}

static void ext_unmount(struct volume *volume)
{
    struct ext *ext = volume->state;

    if (end_writing(ext))
        printk("%s: ext2: the last changes could not be written\n", ext->device->name);
    destroy(ext);
}

static void ext_shut_down(struct volume *volume)
{
    struct ext *ext = volume->state;

    if (__atomic_load_n(&ext->writable, __ATOMIC_ACQUIRE))
        ext_orphans_delete(ext);
    if (end_writing(ext))
        printk("%s: ext2: the last changes could not be written\n", ext->device->name);
    __atomic_fetch_or(&volume->flags, MS_RDONLY, __ATOMIC_RELAXED);
}

/* Does a group hold copies of superblock and descriptors? */
static bool has_super(const struct ext *ext, uint32_t group)
{
    if (group <= 1 || !(ext->super->feature_ro_compatible & EXT_RO_SPARSE_SUPER))
        return true;
    for (uint32_t base = 3; base <= 7; base += 2) {
        uint64_t power = base;
        while (power < group)
            power *= base;
        if (power == group)
            return true;
    }
    return false;
}

/* Blocks that hold no file's data. */
static uint64_t overhead(const struct ext *ext)
{
    uint64_t per_group = 2 + ext->inode_table_blocks, blocks = ext->first_data_block;
    uint64_t descriptors =
        (ext->group_count * sizeof(struct ext_descriptor) + ext->block_size - 1) >>
        ext->block_shift;

    descriptors += ext->super->reserved_descriptors;
    for (uint32_t i = 0; i < ext->group_count; i++)
        blocks += per_group + (has_super(ext, i) ? 1 + descriptors : 0);
    return blocks < ext->blocks_count ? blocks : 0;
}

static void ext_status(struct volume *volume, struct statfs *status)
{
    struct ext *ext = volume->state;

    mutex_lock(&ext->allocation_lock);
    uint64_t reserved = ext->super->reserved_blocks;
    status->type = EXT2_SUPER_MAGIC;
    status->block_size = status->fragment_size = ext->block_size;
    status->blocks = ext->blocks_count - overhead(ext);
    status->blocks_free = ext->free_blocks;
    status->blocks_available = ext->free_blocks > reserved ? ext->free_blocks - reserved : 0;
    status->files = ext->inodes_count;
    status->files_free = ext->free_inodes;
    memcpy(status->identifier, ext->super->uuid, sizeof(status->identifier));
    mutex_unlock(&ext->allocation_lock);
}

static const struct volume_operations ext_volume_operations = {
    .status = ext_status,
    .find = ext_find,
    .sync = ext_mount_sync,
    .remount = ext_remount,
    .unmount = ext_unmount,
    .shut_down = ext_shut_down,
};

void ext_init(void)
{
    static struct file_system type = {.name = "ext2", .needs_device = true, .mount = ext_mount};

    slab_cache_init(&ext_inode_cache, "ext inode", sizeof(struct ext_inode), 8);
    file_system_register(&type);
}
