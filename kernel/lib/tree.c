/*
 * The balanced ordered tree (AVL): the heights of two siblings differ by at most one.
 *
 * After a change, settle() goes from the lowest node that changed up to the root, restores the
 * balance by rotation, and calls update where the contents of a subtree are different now.
 */
#include "lib/tree.h"

static int height(const struct tree_node *node)
{
    return node ? node->height : 0;
}

/* Compute anew what node keeps about its subtree; its children are right, and lean to the left by
 * that much. */
static inline void refresh_leaning(const struct tree *tree, struct tree_node *node, int lean)
{
    node->height = 1 + (lean > 0 ? height(node->left) : height(node->right));
    if (tree->update)
        tree->update(node);
}

static void refresh(const struct tree *tree, struct tree_node *node)
{
    refresh_leaning(tree, node, height(node->left) - height(node->right));
}

/* Let parent (NULL: the root) point to node, where it pointed to old. */
static void replace_child(struct tree *tree, struct tree_node *parent, struct tree_node *old,
                          struct tree_node *node)
{
    if (!parent)
        tree->root = node;
    else if (parent->left == old)
        parent->left = node;
    else
        parent->right = node;
    if (node)
        node->parent = parent;
}

static void set_left(struct tree_node *node, struct tree_node *child)
{
    node->left = child;
    if (child)
        child->parent = node;
}

static void set_right(struct tree_node *node, struct tree_node *child)
{
    node->right = child;
    if (child)
        child->parent = node;
}

/*
 *      node           child
 *     /    \         /     \
 *  child    C  -->  A      node
 *  /   \                  /    \
 * A     B                B      C
 */
static void rotate_right(struct tree *tree, struct tree_node *node)
{
    struct tree_node *child = node->left;
    replace_child(tree, node->parent, node, child);
    set_left(node, child->right);
    set_right(child, node);
    refresh(tree, node);
    refresh(tree, child);
}

/* The mirror image. */
static void rotate_left(struct tree *tree, struct tree_node *node)
{
    struct tree_node *child = node->right;
    replace_child(tree, node->parent, node, child);
    set_right(node, child->left);
    set_left(child, node);
    refresh(tree, node);
    refresh(tree, child);
}

/* Restore the balance at node, whose subtrees are in balance, and its values. */
static void balance(struct tree *tree, struct tree_node *node)
{
    int lean = height(node->left) - height(node->right);
    if (lean > 1) {
        if (height(node->left->left) < height(node->left->right))
            rotate_left(tree, node->left);
        rotate_right(tree, node);
    } else if (lean < -1) {
        if (height(node->right->right) < height(node->right->left))
            rotate_right(tree, node->right);
        rotate_left(tree, node);
    } else {
        refresh_leaning(tree, node, lean);
    }
}

/* The subtree of node has changed: put right all above. */
static void settle(struct tree *tree, struct tree_node *node)
{
    while (node) {
        struct tree_node *parent = node->parent;
        int before = node->height;
        balance(tree, node);
        /* After a rotation node is lower than before, so this is no early end. */
        if (node->height == before && !tree->update)
            return;
        node = parent;
    }
}

void tree_insert(struct tree *tree, struct tree_node *parent, bool as_left, struct tree_node *node)
{
    node->parent = parent;
    node->left = node->right = NULL;
    node->height = 0;
    if (!parent)
        tree->root = node;
    else if (as_left)
        parent->left = node;
    else
        parent->right = node;
    settle(tree, node);
}

void tree_insert_after(struct tree *tree, struct tree_node *previous, struct tree_node *node)
{
    struct tree_node *next = previous ? previous->right : tree->root;
    if (!next) {
        tree_insert(tree, previous, false, node);
        return;
    }
    while (next->left)
        next = next->left;
    tree_insert(tree, next, true, node);
}

/* Take out a node with two children: its successor, which has no left child, takes its place.
 * Returns the lowest node whose subtree has changed. */
static struct tree_node *remove_inner(struct tree *tree, struct tree_node *node)
{
    struct tree_node *successor = node->right, *lowest;
    while (successor->left)
        successor = successor->left;
    lowest = successor;
    if (successor != node->right) {
        lowest = successor->parent;
        set_left(lowest, successor->right);
        set_right(successor, node->right);
    }
    set_left(successor, node->left);
    replace_child(tree, node->parent, node, successor);
    successor->height = node->height;
    return lowest;
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
    struct tree_node *child = node->left ? node->left : node->right, *lowest = node->parent;
    if (node->left && node->right) {
        lowest = remove_inner(tree, node);
    } else {
        replace_child(tree, node->parent, node, child);
        if (child && tree->update)
            tree->update(child);
    }
    settle(tree, lowest);
}

/* A left child goes up by a rotation, until the root has none: each node goes up once at most. */
struct tree_node *tree_dismantle(struct tree *tree)
{
    struct tree_node *node = tree->root, *left;
    if (!node)
        return NULL;
    while ((left = node->left)) {
        node->left = left->right;
        left->right = node;
        node = left;
    }
    tree->root = node->right;
    return node;
}

void tree_replace(struct tree *tree, struct tree_node *old, struct tree_node *node)
{
    replace_child(tree, old->parent, old, node);
    set_left(node, old->left);
    set_right(node, old->right);
    node->height = old->height;
    tree_updated(tree, node);
}

void tree_updated(struct tree *tree, struct tree_node *node)
{
    if (!tree->update)
        return;
    for (; node; node = node->parent)
        tree->update(node);
}

struct tree_node *tree_first(const struct tree *tree)
{
    struct tree_node *node = tree->root;
    while (node && node->left)
        node = node->left;
    return node;
}

struct tree_node *tree_last(const struct tree *tree)
{
    struct tree_node *node = tree->root;
    while (node && node->right)
        node = node->right;
    return node;
}

struct tree_node *tree_next(const struct tree_node *node)
{
    struct tree_node *next = node->right;
    if (next) {
        while (next->left)
            next = next->left;
        return next;
    }
    next = node->parent;
    while (next && next->right == node) {
        node = next;
        next = next->parent;
    }
    return next;
}

struct tree_node *tree_previous(const struct tree_node *node)
{
    struct tree_node *previous = node->left;
    if (previous) {
        while (previous->right)
            previous = previous->right;
        return previous;
    }
    previous = node->parent;
    while (previous && previous->left == node) {
        node = previous;
        previous = previous->parent;
    }
    return previous;
}
