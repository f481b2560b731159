/*
 * A file system for tests of path look-up: files that stay in plain memory, as on a disk, and
 * vnodes that are made from them as they are looked up. It checks what vnode.h promises to a file
 * system: locks, links, names.
 *
 * With the option "changing" names come and go by themselves, as in /proc.
 */
#ifndef MAPIX_TESTS_WALK_STORE_H
#define MAPIX_TESTS_WALK_STORE_H

#include "fs/mount.h"
#include "fs/vnode.h"

/* The next number of a file; each is used once, in the order in which files are made. */
extern uint64_t store_next_number;

/* Called when a link has been read, without locks; NULL: nothing. */
extern void (*store_link_read)(void);

extern struct file_system store_type;

/* Begin with no files. */
void store_start(void);

/* The vnodes there are: the first (NULL), the next; NULL: no more. */
struct vnode *store_next_vnode(struct vnode *vnode);

/* The number that the store has under the name in a directory; 0: none. */
uint64_t store_number_of(struct vnode *directory, const struct name *name);

void store_set_mode(struct vnode *vnode, uint32_t mode);

/* Files, and names, there are in all stores. */
uint64_t store_files(void);

#endif
