/*
 * An ordered set as a height-balanced (AVL) binary search tree, linked through a member of the
 * element. The set does not know its keys: a search is a loop of its user over left and right, an
 * insertion is made at the place that such a search found. A user that keeps a value per subtree
 * (the largest gap, the highest end) gives an update function, called for each node whose subtree
 * has changed, children first.
 */
#ifndef MAPIX_LIB_TREE_H
#define MAPIX_LIB_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct tree_node {
    struct tree_node *parent, *left, *right;
    int height;
};

struct tree {
    struct tree_node *root;
    void (*update)(struct tree_node *node); /* NULL: nothing is kept per subtree */
};

static inline void tree_init(struct tree *tree, void (*update)(struct tree_node *node))
{
    tree->root = NULL;
    tree->update = update;
}

/*
 * Insert node where a search ended: as the left or the right child of parent, which has none there
 * (parent NULL: the tree is empty). O(log n). The next one in order may change its own value just
 * before: it is above the new node, so update is called for it as well.
 */
void tree_insert(struct tree *tree, struct tree_node *parent, bool as_left, struct tree_node *node);

/* Insert node directly after previous in order; previous NULL: before all others. O(log n). */
void tree_insert_after(struct tree *tree, struct tree_node *previous, struct tree_node *node);

/* Remove node. O(log n). Here too the next one in order may change its own value just before: it is
 * on the way on which update is called. */
void tree_remove(struct tree *tree, struct tree_node *node);

/* Take the first node out of a tree that is given up: what is left is ordered, but in no balance,
 * and its parents are wrong. NULL: it is empty. All n of them cost O(n). */
struct tree_node *tree_dismantle(struct tree *tree);

/* Put node, which is in no tree, in the place of old, whose key is equal or has equal order. */
void tree_replace(struct tree *tree, struct tree_node *old, struct tree_node *node);

/* The element's own value changed (its order did not): call update from it up to the root. */
void tree_updated(struct tree *tree, struct tree_node *node);

/* First, last, next and previous in order; NULL when there is none. */
struct tree_node *tree_first(const struct tree *tree);
struct tree_node *tree_last(const struct tree *tree);
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_previous(const struct tree_node *node);

#define tree_for_each(node, tree)                                                                  \
    for (struct tree_node *node = tree_first(tree); node; node = tree_next(node))

#endif
