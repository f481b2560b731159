/*
 * Inside of tmpfs: what its files share.
 *
 *   tmpfs.c            vnodes and the bytes of files
 *   tmpfs_directory.c  names
 *   tmpfs_mount.c      mounts and their options
 *
 * Letters: (l) lock of the vnode, (a) atomic.
 */
#ifndef MAPIX_FS_TMPFS_INTERNAL_H
#define MAPIX_FS_TMPFS_INTERNAL_H

#include "fs/volume.h"
#include "fs/vnode.h"
#include "lib/tree.h"

#define NAME_LENGTH_MAX 255
#define DOT_ENTRIES     2 /* offsets 0 and 1 are "." and ".." */

/* A whole tmpfs: volume->state. */
struct tmpfs {
    uint64_t next_number;      /* (a) */
    uint64_t space, space_max; /* (a) bytes of what is no page, as Linux counts them: */
    struct page_quota pages;   /* of all files */
};

/* Files, their further links, and extended attributes take space. */
#define FILE_SPACE 1024u

/* Take so many bytes of it: false: there is no room. And give them back. */
bool tmpfs_take_space(struct tmpfs *tmpfs, uint64_t bytes);
void tmpfs_give_space(struct tmpfs *tmpfs, uint64_t bytes);

struct tmpfs_node {
    struct vnode vnode;
    struct tree by_name, by_age; /* (l) directory: its entries */
    int64_t next_age;            /* (l) */
    uint64_t parent;             /* (l) directory: number of the one it is in */
    char *target;                /* symbolic link */
};

static inline struct tmpfs_node *tmpfs_node_of(struct vnode *vnode)
{
    return container_of(vnode, struct tmpfs_node, vnode);
}

static inline struct tmpfs *tmpfs_of(const struct vnode *vnode)
{
    return vnode->volume->state;
}

static inline void tmpfs_touch(struct vnode *vnode, bool contents)
{
    vnode->ctime = time_stamp();
    if (contents)
        vnode->mtime = vnode->ctime;
}

/* A vnode in the cache, with one reference: 0, -ENOSPC, -ENOMEM. */
int tmpfs_create_node(struct volume *volume, const struct creation *creation,
                      struct tmpfs_node **result);

/* Set up the memory for vnodes. Boot only. */
void tmpfs_nodes_init(void);

/* Operations of directories and symbolic links; and the end of a directory's entries. */
int tmpfs_lookup(struct vnode *directory, const struct name *name, struct vnode **result);
int tmpfs_create(struct vnode *directory, const struct name *name, const struct creation *creation,
                 struct vnode **result);
int tmpfs_create_unnamed(struct vnode *directory, const struct creation *creation,
                         struct vnode **result);
int tmpfs_link(struct vnode *directory, const struct name *name, struct vnode *target);
int tmpfs_unlink(struct vnode *directory, const struct name *name, struct vnode *target);
int tmpfs_rename(struct vnode *from, const struct name *from_name, struct vnode *source,
                 struct vnode *to, const struct name *to_name, struct vnode *target,
                 const struct creation *whiteout);
int tmpfs_exchange(struct vnode *from, const struct name *from_name, struct vnode *source,
                   struct vnode *to, const struct name *to_name, struct vnode *target);
int tmpfs_read_directory(struct vnode *directory, int64_t offset, directory_entry_sink *sink,
                         void *context);
long tmpfs_read_link(struct vnode *link, char *buffer, size_t size);
void tmpfs_free_entries(struct tmpfs_node *directory);

#endif
