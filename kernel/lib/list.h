/*
 * Doubly linked circular lists, linked through a member of the element. A list head and a link are
 * the same structure; an empty head, and a link on no list, point at themselves.
 */
#ifndef MAPIX_LIB_LIST_H
#define MAPIX_LIB_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

struct list {
    struct list *next, *previous;
};

#define LIST_INITIALIZER(list)                                                                     \
    {                                                                                              \
        &(list), &(list)                                                                           \
    }

static inline void list_init(struct list *list)
{
    list->next = list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

/* Insert node just after position (at the front, when position is the head). */
static inline void list_insert_after(struct list *position, struct list *node)
{
    node->next = position->next;
    node->previous = position;
    position->next->previous = node;
    position->next = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_after(head, node);
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_after(head->previous, node);
}

/* Unlink node; it may be removed again, or tested with list_empty. */
static inline void list_remove(struct list *node)
{
    node->next->previous = node->previous;
    node->previous->next = node->next;
    list_init(node);
}

/* Move all of source to the back of head, leaving source empty. */
static inline void list_splice_back(struct list *head, struct list *source)
{
    if (list_empty(source))
        return;
    source->next->previous = head->previous;
    head->previous->next = source->next;
    source->previous->next = head;
    head->previous = source->previous;
    list_init(source);
}

/* The first link, or NULL when the list is empty. */
static inline struct list *list_first(const struct list *head)
{
    return head->next == head ? NULL : head->next;
}

/* Unlink and return the first link, or NULL when the list is empty. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *node = list_first(head);
    if (node)
        list_remove(node);
    return node;
}

#define list_for_each(node, head)                                                                  \
    for (struct list *node = (head)->next; node != (head); node = node->next)

/* As list_for_each, and node may be removed meanwhile. */
#define list_for_each_safe(node, head)                                                             \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)

#endif
