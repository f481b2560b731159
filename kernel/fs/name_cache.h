/*
 * The name cache: which vnode a name in a directory leads to, or that there is no such name.
 *
 * An entry is entered, replaced and removed with its directory locked, so under that lock it agrees
 * with the directory. Look-ups take no lock but the cache's. Entries hold no reference; they go
 * when either of their vnodes leaves the vnode cache. All of it is under vnode_cache_lock.
 */
#ifndef MAPIX_FS_NAME_CACHE_H
#define MAPIX_FS_NAME_CACHE_H

#include "fs/vnode.h"

/* The lock of the vnode cache and the name cache. */
extern struct spinlock vnode_cache_lock;

/* Is the name known? Then *result is its vnode, referenced, or NULL: there is none. */
bool name_cache_lookup(struct vnode *parent, const struct name *name, struct vnode **result);

/* The name leads to vnode (NULL: nowhere) from now on. */
void name_cache_enter(struct vnode *parent, const struct name *name, struct vnode *vnode);

/* The name is not known any more. If its vnode has lost its last link, the name stays with it for
 * vnode_path. */
void name_cache_remove(struct vnode *parent, const struct name *name);

/* A file without links is shown to vnode_path under this name, as if it had been removed. */
void name_cache_enter_removed(struct vnode *parent, const struct name *name, struct vnode *vnode);

/* The directory in which a vnode has a name, referenced; NULL: not known. */
struct vnode *name_cache_parent(struct vnode *vnode);

/* A path that is made from its end to its beginning. */
struct reverse_path {
    char *buffer;
    size_t start; /* of the text in buffer, which ends with the buffer */
    bool deleted; /* one of the names has been removed */
};

/* Put the text in front: 0, -ENAMETOOLONG. */
int reverse_path_put(struct reverse_path *path, const char *text, size_t length);

/* Go up from *vnode, as far as names are known, but not beyond the directories root and top (NULL:
 * none); the names go in front, the reference moves along. As reverse_path_put. */
int name_cache_climb(struct reverse_path *path, struct vnode **vnode, const struct vnode *root,
                     const struct vnode *top);

/* As name_cache_parent of the name that was used last, and that name (at most NAME_MAX bytes) and
 * whether it has been removed. */
struct vnode *name_cache_reverse(struct vnode *vnode, char *name, uint32_t *length, bool *deleted);

/* With vnode_cache_lock held: forget all entries of a vnode and in it; does it have children? */
void name_cache_purge(struct vnode *vnode);
bool name_cache_has_children(const struct vnode *vnode);

/* Forget up to wanted names that lead nowhere, the least recently used first: how many.
 * vnode_cache_lock held. */
unsigned name_cache_shrink(unsigned wanted);

/* Take a reference, of a vnode in the cache that may have none. vnode_cache_lock held. */
void vnode_reference_locked(struct vnode *vnode);

/* Set up the cache. Boot only. */
void name_cache_init(void);

#endif
