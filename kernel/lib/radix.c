/*
 * The radix tree of lib/radix.h.
 *
 * A node with shift s covers the 2^(s+6) keys that agree with its prefix above bit s+6, 2^s of them
 * per slot; s is a multiple of 6. The slots of a node with shift 0 (a leaf node) hold the entries,
 * those of others hold nodes with a smaller shift, not necessarily the next: only the root may have
 * fewer than two slots in use, and it only as a leaf. So an insertion needs two new nodes at most,
 * the leaf and one that joins it with what is there, and the depth is at most 11.
 *
 *   keys 5, 7 and 2^40:   join (shift 36)
 *                         slot 0 -> leaf [5, 7]   slot 16 -> leaf [2^40]
 */
#include "lib/radix.h"
#include "abi/errno.h"
#include <stddef.h>

#define SLOT_BITS 6
#define SLOTS     RADIX_RUN
#define DEPTH_MAX 11 /* ceil(64 / SLOT_BITS) */

struct radix_node {
    uint64_t prefix; /* first key covered */
    uint64_t used;   /* bit n: slot n is in use */
    uint64_t tagged; /* bit n: slot n is a tagged entry, or has one below */
    unsigned shift;
    void *slots[SLOTS]; /* NULL when not in use */
};

const unsigned long radix_node_size = sizeof(struct radix_node);

/* The nodes from the root to the leaf node of a key. */
struct path {
    struct radix_node *nodes[DEPTH_MAX];
    unsigned depth;
};

/* The first key of the 2^(shift+6) around key. */
static uint64_t prefix_of(uint64_t key, unsigned shift)
{
    unsigned bits = shift + SLOT_BITS;
    return bits < 64 ? key >> bits << bits : 0;
}

static bool covers(const struct radix_node *node, uint64_t key)
{
    return prefix_of(key, node->shift) == node->prefix;
}

static unsigned slot_of(const struct radix_node *node, uint64_t key)
{
    return key >> node->shift & (SLOTS - 1);
}

static uint64_t bit(unsigned slot)
{
    return (uint64_t)1 << slot;
}

/* The leaf node that covers key, or NULL. The leaf's prefix tells alone whether the way there was
 * right: what one further up does not cover, none below it does. */
static inline struct radix_node *find_leaf(const struct radix *radix, uint64_t key)
{
    struct radix_node *node = radix->root;
    while (node && node->shift)
        node = node->slots[slot_of(node, key)];
    return node && covers(node, key) ? node : NULL;
}

/* As radix_lookup, with the way to it in path. */
static void *find_path(const struct radix *radix, uint64_t key, struct path *path)
{
    struct radix_node *node = radix->root;
    path->depth = 0;
    while (node && covers(node, key)) {
        path->nodes[path->depth++] = node;
        if (node->shift == 0)
            return node->slots[slot_of(node, key)];
        node = node->slots[slot_of(node, key)];
    }
    return NULL;
}

void *radix_lookup(const struct radix *radix, uint64_t key)
{
    struct radix_node *leaf = find_leaf(radix, key);
    return leaf ? leaf->slots[slot_of(leaf, key)] : NULL;
}

void radix_lookup_range(const struct radix *radix, uint64_t first, unsigned count, void **items)
{
    uint64_t key = first;
    unsigned done = 0;
    while (done < count) {
        const struct radix_node *leaf = find_leaf(radix, key);
        for (unsigned slot = key & (SLOTS - 1); slot < SLOTS && done < count; slot++)
            items[done++] = leaf ? leaf->slots[slot] : NULL;
        key = (key | (SLOTS - 1)) + 1;
        if (key == 0) /* there are no keys above; the rest stays empty */
            break;
    }
    while (done < count)
        items[done++] = NULL;
}

static struct radix_node *create_node(uint64_t key, unsigned shift)
{
    struct radix_node *node = radix_node_allocate();
    if (node) {
        node->shift = shift;
        node->prefix = prefix_of(key, shift);
    }
    return node;
}

static void set_slot(struct radix_node *node, uint64_t key, void *value)
{
    node->slots[slot_of(node, key)] = value;
    node->used |= bit(slot_of(node, key));
}

/* A node over node and leaf, which do not cover each other. NULL: no memory. */
static struct radix_node *create_join(struct radix_node *node, struct radix_node *leaf)
{
    unsigned highest = 63 - (unsigned)__builtin_clzll(node->prefix ^ leaf->prefix);
    struct radix_node *join = create_node(leaf->prefix, highest / SLOT_BITS * SLOT_BITS);
    if (!join)
        return NULL;
    set_slot(join, node->prefix, node);
    set_slot(join, leaf->prefix, leaf);
    if (node->tagged)
        join->tagged = bit(slot_of(join, node->prefix));
    return join;
}

/* Where the way to a key ends: at node, its leaf node, or one that does not cover it (NULL: none),
 * below above (NULL: at the root). */
struct place {
    struct radix_node *above, *node;
};

static struct place find_place(const struct radix *radix, uint64_t key)
{
    struct place place = {NULL, radix->root};
    while (place.node && place.node->shift && covers(place.node, key)) {
        place.above = place.node;
        place.node = place.node->slots[slot_of(place.node, key)];
    }
    return place;
}

/* Put leaf at the place of key, which no leaf node covers: false: no memory, nothing changed. */
static bool link_leaf(struct radix *radix, struct place place, uint64_t key,
                      struct radix_node *leaf)
{
    struct radix_node *top = place.node ? create_join(place.node, leaf) : leaf;
    if (!top)
        return false;
    if (place.above)
        set_slot(place.above, key, top);
    else
        radix->root = top;
    return true;
}

/* The leaf node that covers key, made if there is none; NULL: no memory, nothing changed. */
static struct radix_node *need_leaf(struct radix *radix, uint64_t key)
{
    struct place place = find_place(radix, key);
    if (place.node && covers(place.node, key))
        return place.node;
    struct radix_node *leaf = create_node(key, 0);
    if (leaf && !link_leaf(radix, place, key, leaf)) {
        radix_node_free(leaf);
        leaf = NULL;
    }
    return leaf;
}

int radix_insert(struct radix *radix, uint64_t key, void *item)
{
    struct radix_node *leaf = need_leaf(radix, key);
    if (!leaf)
        return -ENOMEM;
    if (leaf->slots[slot_of(leaf, key)])
        return -EEXIST;
    set_slot(leaf, key, item);
    radix->count++;
    return 0;
}

int radix_insert_run(struct radix *radix, const struct radix_run *run)
{
    struct radix_node *leaf = need_leaf(radix, run->first);
    if (!leaf)
        return -ENOMEM;
    radix_run_for_each (slot, run) {
        leaf->slots[slot] = run->items[slot];
        radix->count++;
    }
    leaf->used |= run->used;
    return 0;
}

/* The leaf node that a run was found in. */
static struct radix_node *node_of(const struct radix_run *run)
{
    return (struct radix_node *)((char *)run->items - offsetof(struct radix_node, slots));
}

int radix_share_run(struct radix *radix, const struct radix_run *run)
{
    struct radix_node *leaf = node_of(run);
    struct place place = find_place(radix, run->first);
    if (leaf->used != run->used || (place.node && covers(place.node, run->first))) {
        if (radix_insert_run(radix, run))
            return -ENOMEM;
    } else {
        if (!link_leaf(radix, place, run->first, leaf))
            return -ENOMEM;
        radix->count += (unsigned)__builtin_popcountll(run->used);
    }
    for (uint64_t left = leaf->tagged & run->used; left; left &= left - 1)
        radix_tag(radix, run->first + (unsigned)__builtin_ctzll(left));
    return 0;
}

void *radix_replace(struct radix *radix, uint64_t key, void *item)
{
    struct radix_node *leaf = find_leaf(radix, key);
    void *old = leaf ? leaf->slots[slot_of(leaf, key)] : NULL;
    if (old)
        leaf->slots[slot_of(leaf, key)] = item;
    return old;
}

/* Clear the tag of key in the first nodes of its path, from the last of them up, as far as no other
 * entry needs it. */
static void untag_path(const struct path *path, unsigned nodes, uint64_t key)
{
    for (unsigned i = nodes; i-- > 0;) {
        struct radix_node *node = path->nodes[i];
        node->tagged &= ~bit(slot_of(node, key));
        if (node->tagged)
            break;
    }
}

/* Take the leaf node at the end of path out of the tree, and free the node above it when that has
 * only one other child, which takes its place. */
static void unlink_leaf(struct radix *radix, const struct path *path, uint64_t key)
{
    struct radix_node *above;
    if (path->depth == 1) {
        radix->root = NULL;
        return;
    }
    above = path->nodes[path->depth - 2];
    above->slots[slot_of(above, key)] = NULL;
    above->used &= ~bit(slot_of(above, key));
    if (above->used & (above->used - 1))
        return;
    if (path->depth == 2)
        radix->root = above->slots[__builtin_ctzll(above->used)];
    else
        set_slot(path->nodes[path->depth - 3], key, above->slots[__builtin_ctzll(above->used)]);
    radix_node_free(above);
}

/* The last entry of the leaf node at the end of path is gone. */
static void remove_leaf(struct radix *radix, const struct path *path, uint64_t key)
{
    unlink_leaf(radix, path, key);
    radix_node_free(path->nodes[path->depth - 1]);
}

void *radix_remove(struct radix *radix, uint64_t key)
{
    struct path path;
    struct radix_node *leaf;
    void *item = find_path(radix, key, &path);
    if (!item)
        return NULL;
    untag_path(&path, path.depth, key);
    leaf = path.nodes[path.depth - 1];
    leaf->slots[slot_of(leaf, key)] = NULL;
    leaf->used &= ~bit(slot_of(leaf, key));
    radix->count--;
    if (!leaf->used)
        remove_leaf(radix, &path, key);
    return item;
}

void radix_remove_run(struct radix *radix, const struct radix_run *run)
{
    struct path path;
    find_path(radix, run->first, &path);
    struct radix_node *leaf = path.nodes[path.depth - 1];
    radix_run_for_each (slot, run) {
        if (leaf->tagged & bit(slot))
            untag_path(&path, path.depth, run->first + slot);
        leaf->slots[slot] = NULL;
        radix->count--;
    }
    leaf->used &= ~run->used;
    if (!leaf->used)
        remove_leaf(radix, &path, run->first);
}

void radix_leave_run(struct radix *radix, const struct radix_run *run, const struct radix *other)
{
    struct path path;
    if (find_leaf(other, run->first) != node_of(run)) {
        radix_remove_run(radix, run);
        return;
    }
    find_path(radix, run->first, &path);
    untag_path(&path, path.depth - 1, run->first);
    unlink_leaf(radix, &path, run->first);
    radix->count -= (unsigned)__builtin_popcountll(run->used);
}

void radix_tag(struct radix *radix, uint64_t key)
{
    struct path path;
    if (!find_path(radix, key, &path))
        return;
    for (unsigned i = 0; i < path.depth; i++)
        path.nodes[i]->tagged |= bit(slot_of(path.nodes[i], key));
}

void radix_untag(struct radix *radix, uint64_t key)
{
    struct path path;
    if (find_path(radix, key, &path))
        untag_path(&path, path.depth, key);
}

bool radix_tagged(const struct radix *radix, uint64_t key)
{
    const struct radix_node *leaf = find_leaf(radix, key);
    return leaf && (leaf->tagged & bit(slot_of(leaf, key)));
}

/* The slots of node, among those in bits, that may hold keys from first on. */
static uint64_t slots_from(const struct radix_node *node, uint64_t bits, uint64_t first)
{
    if (covers(node, first))
        return bits & (~(uint64_t)0 << slot_of(node, first));
    return first < node->prefix ? bits : 0;
}

/*
 * The leaf node with the first entry from first on, and all its slots from there on in *found. Go
 * down towards first. Where a node has further slots behind the one taken, the nearest of them is
 * kept in later: the place to go on if the slot taken has nothing from first on.
 */
static const struct radix_node *next_leaf(const struct radix *radix, uint64_t first, bool tagged,
                                          uint64_t *found)
{
    const struct radix_node *node = radix->root, *later = NULL;
    while (node) {
        uint64_t bits = slots_from(node, tagged ? node->tagged : node->used, first);
        if (!bits) {
            node = later;
            later = NULL;
            continue;
        }
        if (node->shift == 0) {
            *found = bits;
            return node;
        }
        unsigned slot = (unsigned)__builtin_ctzll(bits);
        bits &= bits - 1;
        if (bits)
            later = node->slots[__builtin_ctzll(bits)];
        node = node->slots[slot];
    }
    return NULL;
}

static void *find_next(const struct radix *radix, uint64_t first, uint64_t last, uint64_t *key,
                       bool tagged)
{
    uint64_t found;
    const struct radix_node *leaf = next_leaf(radix, first, tagged, &found);
    unsigned slot = leaf ? (unsigned)__builtin_ctzll(found) : 0;
    if (!leaf || leaf->prefix + slot > last)
        return NULL;
    *key = leaf->prefix + slot;
    return leaf->slots[slot];
}

void *radix_next(const struct radix *radix, uint64_t first, uint64_t last, uint64_t *key)
{
    return find_next(radix, first, last, key, false);
}

void *radix_next_tagged(const struct radix *radix, uint64_t first, uint64_t last, uint64_t *key)
{
    return find_next(radix, first, last, key, true);
}

bool radix_next_run(const struct radix *radix, uint64_t first, uint64_t last, struct radix_run *run)
{
    uint64_t used;
    const struct radix_node *leaf = next_leaf(radix, first, false, &used);
    if (!leaf || leaf->prefix > last)
        return false;
    if (last - leaf->prefix < SLOTS - 1)
        used &= bit((unsigned)(last - leaf->prefix) + 1) - 1;
    *run = (struct radix_run){leaf->prefix, used, leaf->slots};
    return used != 0;
}

/* Free node and all below it; recursive, DEPTH_MAX deep. */
static void free_nodes(struct radix_node *node)
{
    for (uint64_t left = node->shift ? node->used : 0; left; left &= left - 1)
        free_nodes(node->slots[__builtin_ctzll(left)]);
    radix_node_free(node);
}

void radix_clear(struct radix *radix)
{
    if (radix->root)
        free_nodes(radix->root);
    radix_init(radix);
}
