/*
 * The index of a large directory, in memory: a hash table from names to positions, and for each
 * block the largest room for a new entry. Made at the first look-up, gone with the vnode.
 *
 * The table has open addressing and is cut into pieces of one page, so that it needs no large
 * contiguous memory. A slot holds the hash of the name and its position (bytes / 4) plus one.
 */
#include "abi/errno.h"
#include "fs/ext/ext.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define BLOCKS_MIN  3u /* directories with fewer blocks are searched from end to end */
#define PIECE_SLOTS ((uint32_t)(PAGE_SIZE / sizeof(struct slot)))
#define SLOTS_MAX   (1u << 22)
#define DEAD        UINT32_MAX

struct slot {
    uint32_t hash, position; /* 0: free; DEAD: was in use */
};

struct table {
    uint32_t slots; /* a power of two, at least PIECE_SLOTS */
    uint32_t used;  /* slots that are not free */
    struct slot **pieces;
};

struct ext_index {
    struct table table;
    uint32_t entries;
    uint16_t *rooms;
    uint64_t blocks, blocks_max; /* of rooms */
};

static struct slot *slot_at(const struct table *table, uint32_t n)
{
    n &= table->slots - 1;
    return &table->pieces[n / PIECE_SLOTS][n % PIECE_SLOTS];
}

static void table_free(struct table *table)
{
    for (uint32_t i = 0; table->pieces && i < table->slots / PIECE_SLOTS; i++)
        kfree(table->pieces[i]);
    kfree(table->pieces);
    table->pieces = NULL;
}

static bool table_create(struct table *table, uint32_t slots)
{
    uint32_t pieces = slots / PIECE_SLOTS;

    table->slots = slots;
    table->used = 0;
    table->pieces = slots <= SLOTS_MAX ? kmalloc_zeroed(pieces * sizeof(struct slot *)) : NULL;
    if (!table->pieces)
        return false;
    for (uint32_t i = 0; i < pieces; i++) {
        table->pieces[i] = kmalloc_zeroed(PAGE_SIZE);
        if (!table->pieces[i]) {
            table_free(table);
            return false;
        }
    }
    return true;
}

static void table_put(struct table *table, uint32_t hash, uint32_t position)
{
    uint32_t n = hash;

    while (slot_at(table, n)->position)
        n++;
    *slot_at(table, n) = (struct slot){hash, position};
    table->used++;
}

/* A table for so many entries, with those of the old one. */
static bool table_renew(struct ext_index *index)
{
    struct table renewed;
    uint32_t slots = PIECE_SLOTS;

    while (slots < index->entries * 2 + 2)
        slots *= 2;
    if (!table_create(&renewed, slots))
        return false;
    for (uint32_t i = 0; i < index->table.slots; i++) {
        const struct slot *slot = slot_at(&index->table, i);
        if (slot->position && slot->position != DEAD)
            table_put(&renewed, slot->hash, slot->position);
    }
    table_free(&index->table);
    index->table = renewed;
    return true;
}

void ext_index_free(struct ext_inode *directory)
{
    struct ext_index *index = directory->index;

    if (!index)
        return;
    table_free(&index->table);
    kfree(index->rooms);
    kfree(index);
    directory->index = NULL;
}

static struct ext_index *create(uint64_t blocks)
{
    struct ext_index *index = kmalloc_zeroed(sizeof(*index));

    if (!index)
        return NULL;
    index->blocks_max = blocks + blocks / 4 + 16;
    index->rooms = kmalloc_zeroed(index->blocks_max * sizeof(index->rooms[0]));
    if (!index->rooms || !table_create(&index->table, PIECE_SLOTS)) {
        kfree(index->rooms);
        kfree(index);
        return NULL;
    }
    return index;
}

/* Enter what is in one block. */
static int read_block(struct ext_inode *directory, uint64_t logical)
{
    struct ext *ext = ext_of(directory);
    struct ext_entry *entry;
    struct ext_block block;
    uint32_t room = 0;
    int error = ext_directory_block(directory, logical, &block);

    if (error)
        return error;
    for (uint32_t offset = 0; offset < ext->block_size; offset += entry->length) {
        error = ext_entry_at(ext, &block, offset, &entry);
        if (error)
            break;
        if (!entry->number)
            continue;
        struct name name = {entry->name, entry->name_length};
        uint64_t position = ((logical << ext->block_shift) + offset) / 4;
        ext_index_insert(directory, ext_hash_name(&name), (uint32_t)position);
    }
    if (!error)
        error = ext_directory_room(ext, &block, &room);
    ext_index_set_room(directory, logical, room);
    ext_block_put(&block);
    return error;
}

int ext_index_prepare(struct ext_inode *directory)
{
    uint64_t blocks = directory->vnode.object.size >> ext_of(directory)->block_shift;
    int error = 0;

    if (directory->index || blocks < BLOCKS_MIN)
        return 0;
    directory->index = create(blocks);
    for (uint64_t logical = 0; logical < blocks && directory->index && !error; logical++)
        error = read_block(directory, logical);
    if (error)
        ext_index_free(directory);
    return error;
}

bool ext_index_next(const struct ext_index *index, uint32_t hash, uint32_t *probe,
                    uint32_t *position)
{
    for (; *probe < index->table.slots; (*probe)++) {
        const struct slot *slot = slot_at(&index->table, hash + *probe);
        if (!slot->position)
            return false;
        if (slot->hash == hash && slot->position != DEAD) {
            *position = slot->position - 1;
            (*probe)++;
            return true;
        }
    }
    return false;
}

void ext_index_insert(struct ext_inode *directory, uint32_t hash, uint32_t position)
{
    struct ext_index *index = directory->index;

    if (!index)
        return;
    if ((index->table.used + 1) * 4ull > index->table.slots * 3ull && !table_renew(index)) {
        ext_index_free(directory);
        return;
    }
    table_put(&index->table, hash, position + 1);
    index->entries++;
}

void ext_index_remove(struct ext_inode *directory, uint32_t hash, uint32_t position)
{
    struct ext_index *index = directory->index;
    uint32_t probe = 0, found;

    if (!index)
        return;
    while (ext_index_next(index, hash, &probe, &found)) {
        if (found == position) {
            slot_at(&index->table, hash + probe - 1)->position = DEAD;
            index->entries--;
            return;
        }
    }
}

void ext_index_set_room(struct ext_inode *directory, uint64_t logical, uint32_t room)
{
    struct ext_index *index = directory->index;

    if (!index)
        return;
    if (logical >= index->blocks_max) {
        uint64_t blocks_max = logical * 2;
        uint16_t *rooms = kmalloc_zeroed(blocks_max * sizeof(rooms[0]));
        if (!rooms) {
            ext_index_free(directory);
            return;
        }
        memcpy(rooms, index->rooms, index->blocks * sizeof(rooms[0]));
        kfree(index->rooms);
        index->rooms = rooms;
        index->blocks_max = blocks_max;
    }
    index->rooms[logical] = (uint16_t)room;
    if (logical >= index->blocks)
        index->blocks = logical + 1;
}

bool ext_index_find_room(struct ext_inode *directory, uint32_t room, uint64_t *logical)
{
    const struct ext_index *index = directory->index;

    for (uint64_t i = 0; i < index->blocks; i++) {
        if (index->rooms[i] >= room) {
            *logical = i;
            return true;
        }
    }
    return false;
}
