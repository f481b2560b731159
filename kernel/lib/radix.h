/*
 * A radix tree: a sparse array from 64-bit keys to non-NULL pointers, with one tag per entry.
 *
 * Nodes have 64 slots. A node covers an aligned span of keys, as small as what is below it allows:
 * levels with a single child are left out, so that a few neighbouring keys anywhere cost one node,
 * an insertion allocates two at most, and nodes that become empty are freed at once. Each node has
 * a bitmap of its occupied slots and one of the slots below which an entry is tagged, so that
 * ordered scans skip what is empty or untagged. The caller serialises all calls on one tree.
 */
#ifndef MAPIX_LIB_RADIX_H
#define MAPIX_LIB_RADIX_H

#include <stdbool.h>
#include <stdint.h>

struct radix_node;

struct radix {
    struct radix_node *root;
    uint64_t count; /* entries */
};

static inline void radix_init(struct radix *radix)
{
    radix->root = (struct radix_node *)0;
    radix->count = 0;
}

/* The entry at key, or NULL. */
void *radix_lookup(const struct radix *radix, uint64_t key);

/* Store item (not NULL) at key, untagged. -ENOMEM: nothing changed. -EEXIST: the key has an entry.
 */
int radix_insert(struct radix *radix, uint64_t key, void *item);

/* Replace the entry at key, which exists; its tag stays. The old entry is returned. */
void *radix_replace(struct radix *radix, uint64_t key, void *item);

/* Remove the entry at key and return it, or NULL if there was none. */
void *radix_remove(struct radix *radix, uint64_t key);

/* The entry with the smallest key >= first and <= last, its key in *key; NULL if there is none. */
void *radix_next(const struct radix *radix, uint64_t first, uint64_t last, uint64_t *key);

/* As radix_next, for tagged entries only. */
void *radix_next_tagged(const struct radix *radix, uint64_t first, uint64_t last, uint64_t *key);

/* Set, clear or read the tag of the entry at key (no entry: no effect, false). */
void radix_tag(struct radix *radix, uint64_t key);
void radix_untag(struct radix *radix, uint64_t key);
bool radix_tagged(const struct radix *radix, uint64_t key);

/*
 * Look up up to count consecutive keys from first into items (NULL where there is no entry), in
 * about the time of one look-up per 64 keys.
 */
void radix_lookup_range(const struct radix *radix, uint64_t first, unsigned count, void **items);

/* Entries of one node, good until the tree changes: bit n of used says that items[n] is the one at
 * key first + n. */
#define RADIX_RUN 64u

struct radix_run {
    uint64_t first, used;
    void *const *items;
};

/* The first slot in use from slot on; RADIX_RUN: there is none. Most runs have no gaps. */
static inline unsigned radix_run_slot(const struct radix_run *run, unsigned slot)
{
    uint64_t left = slot < RADIX_RUN ? run->used >> slot : 0;

    if (left & 1)
        return slot;
    return left ? slot + (unsigned)__builtin_ctzll(left) : RADIX_RUN;
}

#define radix_run_for_each(slot, run)                                                              \
    for (unsigned slot = radix_run_slot(run, 0); slot < RADIX_RUN;                                 \
         slot = radix_run_slot(run, slot + 1))

/* The first entries >= first and <= last, those that one node has; false if there are none. */
bool radix_next_run(const struct radix *radix, uint64_t first, uint64_t last,
                    struct radix_run *run);

/* Store the entries of a run of another tree at the same keys, which are free. -ENOMEM: nothing
 * changed. */
int radix_insert_run(struct radix *radix, const struct radix_run *run);

/* Remove the entries of a run of this tree. */
void radix_remove_run(struct radix *radix, const struct radix_run *run);

/*
 * Move entries from one tree to another in two steps, the second of which needs no memory: store
 * those of a run of another tree in this one, with their tags, at the same keys, which are free
 * (-ENOMEM: nothing changed); and remove those of a run from this tree, which other has as well. If
 * the run is all that a node has, the node belongs to both trees in between, when neither may
 * change otherwise.
 */
int radix_share_run(struct radix *radix, const struct radix_run *run);
void radix_leave_run(struct radix *radix, const struct radix_run *run, const struct radix *other);

/* Give all nodes back; the entries are the caller's. */
void radix_clear(struct radix *radix);

/* Provided by the program around: zeroed memory for one node of radix_node_size bytes, or NULL. */
extern const unsigned long radix_node_size;
void *radix_node_allocate(void);
void radix_node_free(void *node);

#endif
