/*
 * Directories: blocks that are filled with entries.
 *
 *   | number length type name | number length type name ....slack | 0 length (free) |
 *
 * An entry is put into the slack behind another one or into free space; when it is removed, its
 * space becomes slack of the one before it. Entries never move, so that the offsets that
 * getdents64(2) hands out stay good. Every entry is checked when it is looked at.
 */
#include "abi/dirent.h"
#include "abi/errno.h"
#include "fs/ext/ext.h"
#include "lib/string.h"

uint32_t ext_hash_name(const struct name *name)
{
    uint32_t hash = 2166136261u;

    for (uint32_t i = 0; i < name->length; i++)
        hash = (hash ^ (uint8_t)name->bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}

int ext_directory_block(struct ext_inode *directory, uint64_t logical, struct ext_block *block)
{
    uint32_t physical, count;

    block->page = NULL;
    mutex_lock(&directory->map_lock);
    int error = ext_map_find(directory, logical, 1, &physical, &count);
    mutex_unlock(&directory->map_lock);
    if (error)
        return error;
    if (!physical)
        return ext_error(ext_of(directory), "a directory has a hole", directory->vnode.number);
    return ext_block_get(ext_of(directory), physical, block);
}

static uint64_t block_count(const struct ext_inode *directory)
{
    return directory->vnode.object.size >> ext_of(directory)->block_shift;
}

int ext_entry_at(struct ext *ext, const struct ext_block *block, uint32_t offset,
                 struct ext_entry **result)
{
    struct ext_entry *entry = (void *)((char *)block->data + offset);
    uint32_t left = ext->block_size - offset;

    *result = entry;
    if (left < EXT_ENTRY_HEADER || entry->length < EXT_ENTRY_HEADER || entry->length % 4 ||
        entry->length > left || EXT_ENTRY_HEADER + entry->name_length > entry->length ||
        entry->number > ext->inodes_count || (entry->number && !entry->name_length))
        return ext_error(ext, "a directory block is damaged", block->number);
    return 0;
}

/* The bytes that an entry really takes. */
static uint32_t used_by(const struct ext_entry *entry)
{
    return entry->number ? EXT_ENTRY_SIZE(entry->name_length) : 0;
}

static bool is_name(const struct ext_entry *entry, const struct name *name)
{
    return entry->number && entry->name_length == name->length &&
           !memcmp(entry->name, name->bytes, name->length);
}

int ext_directory_room(struct ext *ext, const struct ext_block *block, uint32_t *room)
{
    struct ext_entry *entry;

    *room = 0;
    for (uint32_t offset = 0; offset < ext->block_size; offset += entry->length) {
        int error = ext_entry_at(ext, block, offset, &entry);
        if (error)
            return error;
        if (entry->length - used_by(entry) > *room)
            *room = entry->length - used_by(entry);
    }
    return 0;
}

/*
 * Look for a name in one block, up to and including the entry at limit: -ENOENT, -EUCLEAN. Also
 * gives the entry before it.
 */
static int find_in_block(struct ext_inode *directory, uint64_t logical, uint32_t limit,
                         const struct name *name, struct ext_place *place)
{
    struct ext *ext = ext_of(directory);
    struct ext_entry *entry;
    struct ext_block block;
    uint32_t previous = 0;
    int error = ext_directory_block(directory, logical, &block);

    if (error)
        return error;
    error = -ENOENT;
    for (uint32_t offset = 0; offset < ext->block_size && offset <= limit;
         offset += entry->length) {
        int damaged = ext_entry_at(ext, &block, offset, &entry);
        if (damaged) {
            error = damaged;
            break;
        }
        if (is_name(entry, name)) {
            place->logical = logical;
            place->offset = offset;
            place->previous = previous;
            place->number = entry->number;
            error = 0;
            break;
        }
        previous = offset;
    }
    ext_block_put(&block);
    return error;
}

/* Is the name at this position, by the index? */
static int check_position(struct ext_inode *directory, uint32_t position, const struct name *name,
                          struct ext_place *place)
{
    struct ext *ext = ext_of(directory);
    uint64_t offset = (uint64_t)position * 4;
    uint64_t logical = offset >> ext->block_shift;
    uint32_t in_block = (uint32_t)(offset & (ext->block_size - 1));
    struct ext_block block;
    int error = ext_directory_block(directory, logical, &block);

    if (error)
        return error;
    const struct ext_entry *entry = (void *)((char *)block.data + in_block);
    bool same =
        in_block + EXT_ENTRY_HEADER + name->length <= ext->block_size && is_name(entry, name);
    ext_block_put(&block);
    /* The entry before it is found by going through the block. */
    return same ? find_in_block(directory, logical, in_block, name, place) : -ENOENT;
}

static int find_by_index(struct ext_inode *directory, const struct name *name,
                         struct ext_place *place)
{
    uint32_t probe = 0, position;
    int error = -ENOENT;

    while (error == -ENOENT && ext_index_next(directory->index, place->hash, &probe, &position))
        error = check_position(directory, position, name, place);
    return error;
}

int ext_directory_find(struct ext_inode *directory, const struct name *name,
                       struct ext_place *place)
{
    uint64_t blocks = block_count(directory);
    int error = ext_index_prepare(directory);

    place->hash = ext_hash_name(name);
    if (error)
        return error;
    if (directory->index)
        return find_by_index(directory, name, place);
    error = -ENOENT;
    for (uint64_t logical = 0; logical < blocks && error == -ENOENT; logical++)
        error = find_in_block(directory, logical, UINT32_MAX, name, place);
    return error;
}

/* The directory is about to be changed by one who does not keep up the tree of hashes. */
static void drop_hash_tree(struct ext_operation *operation, struct ext_inode *directory)
{
    if (directory->vnode.inode_flags & EXT_FLAG_INDEX) {
        directory->vnode.inode_flags &= ~EXT_FLAG_INDEX;
        ext_operation_inode(operation, directory);
    }
}

static void fill_entry(const struct ext *ext, struct ext_entry *entry, const struct name *name,
                       uint64_t number, uint32_t mode)
{
    static const uint8_t types[16] = {[DT_REG] = 1,  [DT_DIR] = 2,  [DT_CHR] = 3, [DT_BLK] = 4,
                                      [DT_FIFO] = 5, [DT_SOCK] = 6, [DT_LNK] = 7};

    entry->number = (uint32_t)number;
    entry->name_length = (uint8_t)name->length;
    entry->type = ext->has_types ? types[DT_OF_MODE(mode)] : 0;
    memmove(entry->name, name->bytes, name->length); /* it may be its own name */
}

/* Bring the index up to date with a change in a block, which may have been lost for want of
 * memory. */
static void note_room(struct ext_inode *directory, uint64_t logical, const struct ext_block *block)
{
    uint32_t room;

    if (directory->index && !ext_directory_room(ext_of(directory), block, &room))
        ext_index_set_room(directory, logical, room);
}

/* Put a new entry behind what is used of an entry, which has room for it. */
static void split_entry(const struct ext *ext, struct ext_entry *entry, uint32_t *offset,
                        const struct name *name, uint64_t number, uint32_t mode)
{
    uint32_t used = used_by(entry);
    uint16_t length = entry->length;

    if (used) {
        entry->length = (uint16_t)used;
        *offset += used;
        entry = (void *)((char *)entry + used);
        entry->length = (uint16_t)(length - used);
    }
    fill_entry(ext, entry, name, number, mode);
}

/* Put the entry into a block, if it has room: -ENOSPC. */
static int add_to_block(struct ext_operation *operation, struct ext_inode *directory,
                        uint64_t logical, const struct name *name, uint64_t number, uint32_t mode)
{
    struct ext *ext = operation->ext;
    uint32_t size = EXT_ENTRY_SIZE(name->length), offset = 0;
    struct ext_entry *entry;
    struct ext_block block;
    int error = ext_directory_block(directory, logical, &block);

    if (error)
        return error;
    for (;; offset += entry->length) {
        error = offset < ext->block_size ? ext_entry_at(ext, &block, offset, &entry) : -ENOSPC;
        if (error || entry->length - used_by(entry) >= size)
            break;
    }
    if (!error) {
        split_entry(ext, entry, &offset, name, number, mode);
        ext_block_changed(operation, &block);
        uint64_t position = ((logical << ext->block_shift) + offset) / 4;
        ext_index_insert(directory, ext_hash_name(name), (uint32_t)position);
    }
    if (!error || error == -ENOSPC)
        note_room(directory, logical, &block);
    ext_block_put(&block);
    return error;
}

/* Give the directory one block more, wholly free. */
static int append_block(struct ext_operation *operation, struct ext_inode *directory)
{
    struct ext *ext = operation->ext;
    uint64_t logical = block_count(directory);
    uint32_t physical, count;
    struct ext_block block;

    if ((logical + 1) << ext->block_shift > UINT32_MAX)
        return -ENOSPC;
    mutex_lock(&directory->map_lock);
    int error = ext_map_allocate(operation, directory, logical, 1, false, &physical, &count);
    if (!error) {
        error = ext_block_get_new(ext, physical, &block);
        if (error)
            ext_map_truncate(operation, directory, logical);
    }
    mutex_unlock(&directory->map_lock);
    if (error)
        return error;
    struct ext_entry *entry = block.data;
    entry->length = (uint16_t)ext->block_size;
    ext_block_changed(operation, &block);
    ext_block_put(&block);
    directory->vnode.object.size += ext->block_size;
    ext_operation_inode(operation, directory);
    ext_index_set_room(directory, logical, ext->block_size);
    return 0;
}

/* A block with room for the name: by the index, or any that has it. */
static int add_anywhere(struct ext_operation *operation, struct ext_inode *directory,
                        const struct name *name, uint64_t number, uint32_t mode)
{
    uint32_t room = EXT_ENTRY_SIZE(name->length);
    uint64_t blocks = block_count(directory), logical;
    int error = -ENOSPC;

    while (error == -ENOSPC && directory->index && ext_index_find_room(directory, room, &logical))
        error = add_to_block(operation, directory, logical, name, number, mode);
    if (error != -ENOSPC || directory->index)
        return error;
    for (logical = 0; logical < blocks && error == -ENOSPC; logical++)
        error = add_to_block(operation, directory, logical, name, number, mode);
    return error;
}

int ext_directory_add(struct ext_operation *operation, struct ext_inode *directory,
                      const struct name *name, uint64_t number, uint32_t mode)
{
    int error = ext_index_prepare(directory);

    if (error)
        return error;
    drop_hash_tree(operation, directory);
    error = add_anywhere(operation, directory, name, number, mode);
    if (error == -ENOSPC) {
        error = append_block(operation, directory);
        if (!error)
            error =
                add_to_block(operation, directory, block_count(directory) - 1, name, number, mode);
    }
    if (!error) {
        directory->vnode.mtime = directory->vnode.ctime = time_stamp();
        ext_operation_inode(operation, directory);
    }
    return error;
}

int ext_directory_remove(struct ext_operation *operation, struct ext_inode *directory,
                         const struct ext_place *place)
{
    struct ext *ext = operation->ext;
    struct ext_entry *entry, *previous;
    struct ext_block block;
    int error = ext_directory_block(directory, place->logical, &block);

    if (!error)
        error = ext_entry_at(ext, &block, place->offset, &entry);
    if (!error)
        error = ext_entry_at(ext, &block, place->previous, &previous);
    if (!error) {
        if (place->previous != place->offset)
            previous->length += entry->length;
        entry->number = 0;
        ext_block_changed(operation, &block);
        uint64_t position = ((place->logical << ext->block_shift) + place->offset) / 4;
        ext_index_remove(directory, place->hash, (uint32_t)position);
        note_room(directory, place->logical, &block);
        drop_hash_tree(operation, directory);
        directory->vnode.mtime = directory->vnode.ctime = time_stamp();
        ext_operation_inode(operation, directory);
    }
    ext_block_put(&block);
    return error;
}

int ext_directory_replace(struct ext_operation *operation, struct ext_inode *directory,
                          const struct ext_place *place, uint64_t number, uint32_t mode)
{
    struct ext_entry *entry;
    struct ext_block block;
    int error = ext_directory_block(directory, place->logical, &block);

    if (!error)
        error = ext_entry_at(operation->ext, &block, place->offset, &entry);
    if (!error) {
        struct name same = {entry->name, entry->name_length};
        fill_entry(operation->ext, entry, &same, number, mode);
        ext_block_changed(operation, &block);
        directory->vnode.mtime = directory->vnode.ctime = time_stamp();
        ext_operation_inode(operation, directory);
    }
    ext_block_put(&block);
    return error;
}

int ext_directory_make(struct ext_operation *operation, struct ext_inode *directory,
                       uint64_t parent)
{
    static const struct name dot = {".", 1}, dot_dot = {"..", 2};
    struct ext *ext = operation->ext;
    struct ext_block block;
    int error = append_block(operation, directory);

    if (!error)
        error = ext_directory_block(directory, 0, &block);
    if (error)
        return error;
    struct ext_entry *entry = block.data;
    fill_entry(ext, entry, &dot, directory->vnode.number, S_IFDIR);
    entry->length = EXT_ENTRY_SIZE(1);
    entry = (void *)((char *)block.data + EXT_ENTRY_SIZE(1));
    fill_entry(ext, entry, &dot_dot, parent, S_IFDIR);
    entry->length = (uint16_t)(ext->block_size - EXT_ENTRY_SIZE(1));
    ext_block_changed(operation, &block);
    ext_block_put(&block);
    return 0;
}

static bool is_dot(const struct ext_entry *entry)
{
    return entry->name[0] == '.' &&
           (entry->name_length == 1 || (entry->name_length == 2 && entry->name[1] == '.'));
}

int ext_directory_check_empty(struct ext_inode *directory)
{
    struct ext *ext = ext_of(directory);
    uint64_t blocks = block_count(directory);
    struct ext_entry *entry;
    struct ext_block block;
    int error = 0;

    for (uint64_t logical = 0; logical < blocks && !error; logical++) {
        error = ext_directory_block(directory, logical, &block);
        if (error)
            break;
        for (uint32_t offset = 0; offset < ext->block_size && !error; offset += entry->length) {
            error = ext_entry_at(ext, &block, offset, &entry);
            if (error)
                break;
            if (entry->number && !is_dot(entry))
                error = -ENOTEMPTY;
        }
        ext_block_put(&block);
    }
    return error;
}

static unsigned type_of(const struct ext *ext, const struct ext_entry *entry)
{
    static const uint8_t types[8] = {DT_UNKNOWN, DT_REG,  DT_DIR,  DT_CHR,
                                     DT_BLK,     DT_FIFO, DT_SOCK, DT_LNK};

    return ext->has_types && entry->type < 8 ? types[entry->type] : DT_UNKNOWN;
}

/* Hand the entries of a block, from offset on, to the sink; *more: it takes more. */
static int read_block(struct ext *ext, const struct ext_block *block, uint64_t start, uint32_t from,
                      directory_entry_sink *sink, void *context, bool *more)
{
    struct ext_entry *entry;

    for (uint32_t offset = 0; offset < ext->block_size && *more; offset += entry->length) {
        int error = ext_entry_at(ext, block, offset, &entry);
        if (error)
            return error;
        /* An offset inside an entry: the one that began there was removed. */
        if (offset < from || !entry->number)
            continue;
        struct name name = {entry->name, entry->name_length};
        if (memchr(name.bytes, '/', name.length) || memchr(name.bytes, '\0', name.length))
            return ext_error(ext, "a directory has a wrong name", block->number);
        *more = sink(context, &name, entry->number, type_of(ext, entry),
                     (int64_t)(start + offset + entry->length));
    }
    return 0;
}

int ext_read_directory(struct vnode *vnode, int64_t offset, directory_entry_sink *sink,
                       void *context)
{
    struct ext_inode *directory = ext_inode_of(vnode);
    struct ext *ext = ext_of(directory);
    uint64_t logical = (uint64_t)offset >> ext->block_shift;
    uint32_t from = (uint32_t)offset & (ext->block_size - 1);
    bool more = offset >= 0;
    struct ext_block block;
    int error = 0;

    for (; more && !error && logical < block_count(directory); logical++, from = 0) {
        error = ext_directory_block(directory, logical, &block);
        if (!error)
            error =
                read_block(ext, &block, logical << ext->block_shift, from, sink, context, &more);
        ext_block_put(&block);
    }
    return error;
}
