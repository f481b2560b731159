/*
 * A set of keys in a tree of lib/tree.h, beside a sorted array of the same keys, with a walker that
 * checks the one against the other. Shared by the test and the fuzz target.
 */
#ifndef MAPIX_TESTS_TREE_MODEL_H
#define MAPIX_TESTS_TREE_MODEL_H

#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "lib/list.h"
#include "lib/tree.h"

#define MODEL_MAX 4096

struct element {
    struct tree_node node;
    uint64_t key;
    uint64_t weight;   /* the element's own value */
    uint64_t heaviest; /* kept per subtree */
    uint64_t count;    /* kept per subtree */
};

struct model {
    struct tree tree;
    uint64_t keys[MODEL_MAX]; /* sorted */
    uint64_t weights[MODEL_MAX];
    unsigned count;
};

static inline struct element *element_of(struct tree_node *node)
{
    return container_of(node, struct element, node);
}

static inline void model_update(struct tree_node *node)
{
    struct element *element = element_of(node);
    element->heaviest = element->weight;
    element->count = 1;
    for (int side = 0; side < 2; side++) {
        struct tree_node *child = side ? node->right : node->left;
        if (!child)
            continue;
        element->count += element_of(child)->count;
        if (element_of(child)->heaviest > element->heaviest)
            element->heaviest = element_of(child)->heaviest;
    }
}

static inline void model_init(struct model *model, bool augmented)
{
    model->count = 0;
    tree_init(&model->tree, augmented ? model_update : NULL);
}

/* The first position in the array with a key not below key. */
static inline unsigned model_position(const struct model *model, uint64_t key)
{
    unsigned low = 0, high = model->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (model->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Search the tree; *parent and *as_left tell where the key would be inserted. */
static inline struct element *model_find(const struct model *model, uint64_t key,
                                         struct tree_node **parent, bool *as_left)
{
    struct tree_node *node = model->tree.root;
    *parent = NULL;
    *as_left = false;
    while (node) {
        if (element_of(node)->key == key)
            return element_of(node);
        *parent = node;
        *as_left = key < element_of(node)->key;
        node = *as_left ? node->left : node->right;
    }
    return NULL;
}

static inline struct element *create_element(uint64_t key, uint64_t weight)
{
    struct element *element = malloc(sizeof(*element));
    REQUIRE(element);
    memset(element, 0x5a, sizeof(*element));
    element->key = key;
    element->weight = weight;
    return element;
}

/* What an insertion or removal allows: the next one's own value changes just before, untold. */
static inline void model_reweigh_untold(struct model *model, struct tree_node *next,
                                        unsigned position)
{
    if (next)
        element_of(next)->weight = model->weights[position] += 1000;
}

/* Insert a new key, by search or behind its predecessor. */
static inline void model_insert(struct model *model, uint64_t key, uint64_t weight, bool by_search)
{
    struct tree_node *parent;
    bool as_left;
    unsigned position = model_position(model, key);
    struct element *element = model_find(model, key, &parent, &as_left);
    bool present = position < model->count && model->keys[position] == key;
    REQUIRE(present == (element != NULL));
    if (present || model->count == MODEL_MAX)
        return;
    element = create_element(key, weight);
    if (by_search) {
        model_reweigh_untold(model, parent && !as_left ? tree_next(parent) : parent, position);
        tree_insert(&model->tree, parent, as_left, &element->node);
    } else {
        struct tree_node *previous = parent && as_left ? tree_previous(parent) : parent;
        tree_insert_after(&model->tree, previous, &element->node);
    }
    memmove(&model->keys[position + 1], &model->keys[position],
            (model->count - position) * sizeof(model->keys[0]));
    memmove(&model->weights[position + 1], &model->weights[position],
            (model->count - position) * sizeof(model->weights[0]));
    model->keys[position] = key;
    model->weights[position] = weight;
    model->count++;
}

static inline struct element *model_at(const struct model *model, unsigned position)
{
    struct tree_node *parent;
    bool as_left;
    struct element *element = model_find(model, model->keys[position], &parent, &as_left);
    REQUIRE(element);
    return element;
}

static inline void model_remove(struct model *model, unsigned position)
{
    struct element *element = model_at(model, position);
    model_reweigh_untold(model, tree_next(&element->node), position + 1);
    tree_remove(&model->tree, &element->node);
    free(element);
    model->count--;
    memmove(&model->keys[position], &model->keys[position + 1],
            (model->count - position) * sizeof(model->keys[0]));
    memmove(&model->weights[position], &model->weights[position + 1],
            (model->count - position) * sizeof(model->weights[0]));
}

/* Another element with the same key takes the place of the old one. */
static inline void model_replace(struct model *model, unsigned position, uint64_t weight)
{
    struct element *old = model_at(model, position);
    struct element *element = create_element(old->key, weight);
    tree_replace(&model->tree, &old->node, &element->node);
    free(old);
    model->weights[position] = weight;
}

static inline void model_reweigh(struct model *model, unsigned position, uint64_t weight)
{
    struct element *element = model_at(model, position);
    element->weight = weight;
    tree_updated(&model->tree, &element->node);
    model->weights[position] = weight;
}

/* Links, heights, balance and kept values of a subtree; returns its number of elements. */
static inline unsigned check_subtree(const struct model *model, struct tree_node *node,
                                     struct tree_node *parent)
{
    int left = 0, right = 0;
    unsigned count;
    if (!node)
        return 0;
    REQUIRE(node->parent == parent);
    count = 1 + check_subtree(model, node->left, node) + check_subtree(model, node->right, node);
    left = node->left ? node->left->height : 0;
    right = node->right ? node->right->height : 0;
    REQUIRE(node->height == 1 + (left > right ? left : right));
    REQUIRE(left - right <= 1 && right - left <= 1);
    if (model->tree.update) {
        struct element kept = *element_of(node);
        model_update(node);
        REQUIRE(kept.heaviest == element_of(node)->heaviest && kept.count == count);
    }
    return count;
}

/* The tree has exactly the model's elements, in order in both directions. */
static inline void model_check(const struct model *model)
{
    struct tree_node *node = tree_last(&model->tree);
    unsigned position = 0;
    REQUIRE(check_subtree(model, model->tree.root, NULL) == model->count);
    tree_for_each (each, &model->tree) {
        REQUIRE(position < model->count);
        REQUIRE(element_of(each)->key == model->keys[position]);
        REQUIRE(element_of(each)->weight == model->weights[position]);
        position++;
    }
    REQUIRE(position == model->count);
    for (; node; node = tree_previous(node))
        REQUIRE(position > 0 && element_of(node)->key == model->keys[--position]);
    REQUIRE(position == 0);
}

/* Take it apart, in order. */
static inline void model_dismantle(struct model *model)
{
    struct tree_node *node;
    unsigned position = 0;
    while ((node = tree_dismantle(&model->tree))) {
        REQUIRE(position < model->count && element_of(node)->key == model->keys[position++]);
        free(element_of(node));
    }
    REQUIRE(position == model->count && !model->tree.root);
    model->count = 0;
}

static inline void model_clear(struct model *model)
{
    while (model->count)
        model_remove(model, model->count - 1);
    REQUIRE(!model->tree.root);
}

#endif
