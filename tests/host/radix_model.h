/*
 * A radix tree beside a naive map (an unsorted array), with a check of one against the other, and
 * the memory for the tree's nodes, which can fail. Shared by the test and the fuzz target.
 */
#ifndef MAPIX_TESTS_RADIX_MODEL_H
#define MAPIX_TESTS_RADIX_MODEL_H

#include <stdlib.h>
#include "abi/errno.h"
#include "check.h"
#include "lib/radix.h"

#define MODEL_MAX 2048

struct entry {
    uint64_t key;
    void *item;
    bool tagged;
};

struct model {
    struct radix radix;
    struct entry entries[MODEL_MAX];
    unsigned count;
};

static unsigned long nodes_live;
static unsigned long fail_node; /* n: the n-th allocation from now fails; 0: none */

void *radix_node_allocate(void)
{
    void *node;
    if (fail_node && --fail_node == 0)
        return NULL;
    node = calloc(1, radix_node_size);
    REQUIRE(node);
    nodes_live++;
    return node;
}

void radix_node_free(void *node)
{
    nodes_live--;
    free(node);
}

static inline void model_init(struct model *model)
{
    radix_init(&model->radix);
    model->count = 0;
}

/* Any distinct non-NULL pointer. */
static inline void *item_for(uint64_t number)
{
    return (void *)(uintptr_t)(number * 8 + 8);
}

static inline struct entry *model_find(struct model *model, uint64_t key)
{
    for (unsigned i = 0; i < model->count; i++) {
        if (model->entries[i].key == key)
            return &model->entries[i];
    }
    return NULL;
}

/* The entry with the smallest key in [first, last]. */
static inline struct entry *model_next(struct model *model, uint64_t first, uint64_t last,
                                       bool tagged)
{
    struct entry *best = NULL;
    for (unsigned i = 0; i < model->count; i++) {
        struct entry *entry = &model->entries[i];
        if (entry->key < first || entry->key > last || (tagged && !entry->tagged))
            continue;
        if (!best || entry->key < best->key)
            best = entry;
    }
    return best;
}

static inline int model_insert(struct model *model, uint64_t key, void *item)
{
    struct entry *entry = model_find(model, key);
    unsigned long before = nodes_live;
    int error;
    if (!entry && model->count == MODEL_MAX)
        return -ENOMEM;
    error = radix_insert(&model->radix, key, item);
    if (entry)
        REQUIRE(error == -EEXIST);
    else
        REQUIRE(error == 0 || error == -ENOMEM);
    if (error)
        REQUIRE(nodes_live == before);
    else
        model->entries[model->count++] = (struct entry){key, item, false};
    return error;
}

static inline void model_remove(struct model *model, uint64_t key)
{
    struct entry *entry = model_find(model, key);
    REQUIRE(radix_remove(&model->radix, key) == (entry ? entry->item : NULL));
    if (entry)
        *entry = model->entries[--model->count];
}

static inline void model_replace(struct model *model, uint64_t key, void *item)
{
    struct entry *entry = model_find(model, key);
    REQUIRE(radix_replace(&model->radix, key, item) == (entry ? entry->item : NULL));
    if (entry)
        entry->item = item;
}

static inline void model_tag(struct model *model, uint64_t key, bool tagged)
{
    struct entry *entry = model_find(model, key);
    if (tagged)
        radix_tag(&model->radix, key);
    else
        radix_untag(&model->radix, key);
    if (entry)
        entry->tagged = tagged;
    REQUIRE(radix_tagged(&model->radix, key) == (entry && tagged));
}

static inline void model_scan(struct model *model, uint64_t first, uint64_t last, bool tagged)
{
    uint64_t key = 0;
    struct entry *entry = model_next(model, first, last, tagged);
    void *item = tagged ? radix_next_tagged(&model->radix, first, last, &key)
                        : radix_next(&model->radix, first, last, &key);
    REQUIRE(item == (entry ? entry->item : NULL));
    REQUIRE(!entry || key == entry->key);
}

static inline void model_range(struct model *model, uint64_t first, unsigned count)
{
    void *items[200];
    REQUIRE(count <= 200);
    for (unsigned i = 0; i < count; i++)
        items[i] = &items;
    radix_lookup_range(&model->radix, first, count, items);
    for (unsigned i = 0; i < count; i++) {
        struct entry *entry = first + i >= first ? model_find(model, first + i) : NULL;
        REQUIRE(items[i] == (entry ? entry->item : NULL));
    }
}

/* The first run in [first, last], copied to another tree, has what the model has there; then, if so
 * wished, it is removed. */
static inline void model_run(struct model *model, uint64_t first, uint64_t last, bool remove)
{
    struct entry *entry = model_next(model, first, last, false);
    struct radix_run run;
    struct radix copy;

    REQUIRE(radix_next_run(&model->radix, first, last, &run) == (entry != NULL));
    if (!entry)
        return;
    REQUIRE(run.first == entry->key / RADIX_RUN * RADIX_RUN);
    radix_init(&copy);
    REQUIRE(radix_insert_run(&copy, &run) == 0);
    for (unsigned i = 0; i < RADIX_RUN; i++) {
        uint64_t key = run.first + i;
        entry = key >= first && key <= last ? model_find(model, key) : NULL;
        REQUIRE(radix_lookup(&copy, key) == (entry ? entry->item : NULL));
        REQUIRE((run.used >> i & 1) == (entry != NULL));
        if (entry && remove)
            *entry = model->entries[--model->count];
    }
    if (remove)
        radix_remove_run(&model->radix, &run);
    radix_clear(&copy);
}

/*
 * Move the run with the first entry in [first, last] to another tree, and back; keep: something is
 * there already, so that no node moves. If one of the allocations fails, nothing has changed.
 */
static inline void model_move(struct model *model, uint64_t first, uint64_t last, bool keep)
{
    struct radix_run run, back;
    struct radix other;

    if (!radix_next_run(&model->radix, first, last, &run))
        return;
    unsigned slot = radix_run_slot(&run, 0);
    uint64_t key = run.first + slot, count = model->radix.count, used = run.used;
    radix_init(&other);
    if (keep)
        REQUIRE(radix_insert(&other, used & 1 ? key ^ (1ul << 40) : run.first, &other) == 0);
    for (int error = -ENOMEM; error;) {
        fail_node = check_random() % 4;
        error = radix_share_run(&other, &run);
        fail_node = 0;
        REQUIRE(error ? !radix_lookup(&other, key) : radix_lookup(&other, key) == run.items[slot]);
    }
    radix_leave_run(&model->radix, &run, &other);
    REQUIRE(model->radix.count + (unsigned)__builtin_popcountll(used) == count);
    REQUIRE(!radix_lookup(&model->radix, key) && !radix_tagged(&model->radix, key));
    REQUIRE(radix_next_run(&other, key, key | (RADIX_RUN - 1), &back) && back.first == run.first);
    back.used = used;
    REQUIRE(radix_share_run(&model->radix, &back) == 0);
    radix_leave_run(&other, &back, &model->radix);
    REQUIRE(other.count == keep);
    radix_clear(&other);
}

/* All entries are found, by key and by scanning, and the tree has no more nodes than it may. */
static inline void model_check(struct model *model)
{
    REQUIRE(model->radix.count == model->count);
    REQUIRE(nodes_live <= 2ul * model->count);
    REQUIRE(model->count > 0 || (nodes_live == 0 && !model->radix.root));
    for (unsigned i = 0; i < model->count; i++) {
        struct entry *entry = &model->entries[i];
        REQUIRE(radix_lookup(&model->radix, entry->key) == entry->item);
        REQUIRE(radix_tagged(&model->radix, entry->key) == entry->tagged);
    }
    for (int tagged = 0; tagged < 2; tagged++) {
        uint64_t first = 0, key;
        unsigned found = 0, expected = 0;
        while (tagged ? radix_next_tagged(&model->radix, first, UINT64_MAX, &key)
                      : radix_next(&model->radix, first, UINT64_MAX, &key)) {
            REQUIRE(key >= first);
            found++;
            first = key + 1;
            if (first == 0)
                break;
        }
        for (unsigned i = 0; i < model->count; i++)
            expected += !tagged || model->entries[i].tagged;
        REQUIRE(found == expected);
    }
}

static inline void model_clear(struct model *model)
{
    radix_clear(&model->radix);
    model->count = 0;
    model_check(model);
}

#endif
