/*
 * Generated file systems: their vnodes are made when a name is looked up, and forgotten with the
 * last reference; texts are made when a file is read from its beginning.
 *
 * What there is is told by types. A node is a type and a key; the key says which process, which
 * descriptor and so on, and is 0 where there is only one node of a type. A directory has fixed
 * entries, which have its own key, and may have others, with keys of their own.
 */
#ifndef MAPIX_FS_PSEUDO_H
#define MAPIX_FS_PSEUDO_H

#include "fs/mount.h"
#include "fs/text.h"

struct pseudo_type;

/* The longest name that is not a fixed one: a number. */
#define PSEUDO_NAME_MAX 20

struct pseudo_entry {
    const char *name; /* NULL: the end of the table */
    const struct pseudo_type *type;
};

struct pseudo_type {
    unsigned number; /* 1..255, another one for each type of a file system */
    uint32_t mode;
    const struct pseudo_type *parent; /* of a directory; NULL: the root */
    bool keyed;                       /* the key tells nodes apart */

    /* Regular file: write the text. 0 or an error of read(2). */
    int (*write_text)(uint64_t key, struct text *text);

    /* Symbolic link: its text, up to size bytes: the length or an error of readlink(2). */
    long (*read_link)(uint64_t key, char *buffer, size_t size);

    /* Symbolic link that leads to a file, whatever its text says: the file's vnode, referenced. */
    int (*follow)(uint64_t key, struct vnode **target);

    /* Directory: the fixed entries; and of the others, of type other: the key of one by its number
     * (-ENOENT), and the key of the first whose number is >= *number, which is set to it (false:
     * none). */
    const struct pseudo_entry *entries;
    const struct pseudo_type *other;
    int (*find)(uint64_t key, uint64_t number, uint64_t *other_key);
    bool (*next)(uint64_t key, uint64_t *number, uint64_t *other_key);

    /* Does what the key names still exist, and whose is it? -ENOENT. NULL: always, root's. */
    int (*owner)(uint64_t key, uint32_t *uid, uint32_t *gid);
};

/* The mount operation of a file system with this root. -ENOMEM. */
int pseudo_mount(struct mount *mount, const struct pseudo_type *root,
                 const struct mount_operations *operations);

/* Set up the memory for nodes. Boot only. */
void pseudo_init(void);

#endif
