/*
 * place: a file, and the mount by which it is seen. A bind mount shows files of a file system that
 * is mounted elsewhere; what ".." leads to from its root, and the path of a file, depend on the way
 * by which one came.
 */
#ifndef MAPIX_FS_PLACE_H
#define MAPIX_FS_PLACE_H

struct mount;
struct vnode;

struct place {
    struct mount *mount; /* NULL: of a file without one, a pipe */
    struct vnode *vnode;
};

/* One reference more, to both; and one less, which may sleep. A place of NULLs has none. */
void place_reference(const struct place *place);
void place_release(const struct place *place);

/* A place where a mount of its volume shows the vnode; takes over the reference of vnode. */
struct place place_of_vnode(struct vnode *vnode);

/* Keep a mount, without a file of it; NULL is none. */
void mount_hold(struct mount *mount);
void mount_let_go(struct mount *mount);

#endif
