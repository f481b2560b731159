/*
 * Generated file systems: their vnodes are made when a name is looked up, and forgotten with the
 * last reference; texts are made when a file is read from its beginning, long ones piece by piece.
 *
 * What there is is told by types. A node is a type and a key; the key says which process, which
 * descriptor, which of several files of one type and so on, and is 0 where there is only one node
 * of a type. A directory has fixed entries, with its own key and the bits that the entry adds, and
 * may have others, with keys of their own.
 */
#ifndef MAPIX_FS_PSEUDO_H
#define MAPIX_FS_PSEUDO_H

#include "fs/volume.h"
#include "fs/text.h"

struct name;
struct place;
struct pseudo_type;

/* The longest name that is not a fixed one: a word and a number. */
#define PSEUDO_NAME_MAX 31

/* The most that is written into a file at once. */
#define PSEUDO_WRITE_MAX 4096u

/* How much of a long text there is at one time, and the cursor behind its last piece. */
#define PSEUDO_PIECE 16384u
#define PSEUDO_END   UINT64_MAX

struct pseudo_entry {
    const char *name; /* NULL: the end of the table */
    const struct pseudo_type *type;
    uint64_t key; /* bits added to those of the directory's key */
};

struct pseudo_type {
    unsigned number; /* 1..255, another one for each type of a file system */
    uint32_t mode;
    const struct pseudo_type *parent; /* of a directory; NULL: the root */
    bool keyed;                       /* the key tells nodes apart */
    bool strict;                      /* what the mode gives to nobody, nobody has */

    /* Of a directory whose parent is keyed: the parent's key. NULL: the same key. */
    uint64_t (*parent_key)(uint64_t key);

    /* Regular file: may it be opened? 0 or an error of open(2). NULL: the mode says. */
    int (*check_open)(uint64_t key);

    /* Regular file: write the text. 0 or an error of read(2). */
    int (*write_text)(uint64_t key, struct text *text);

    /* Of a file with a long text, in its place: write the piece that begins at *cursor (0: the
     * first), of some PSEUDO_PIECE bytes; *cursor is then where the next begins, or PSEUDO_END. */
    int (*write_piece)(uint64_t key, uint64_t *cursor, struct text *text);

    /* Regular file: take what was written, up to PSEUDO_WRITE_MAX bytes and a NUL; the text may be
     * changed. 0 or an error of write(2). NULL: it cannot be written. */
    int (*take_text)(uint64_t key, char *text, size_t length);

    /* Regular file that is no text, in place of the two above: as the operations of files. */
    long (*read)(uint64_t key, uint64_t offset, struct transfer *transfer);
    long (*write)(uint64_t key, uint64_t offset, struct transfer *transfer);
    long (*control)(uint64_t key, unsigned request, uint64_t argument);

    /* Symbolic link: its text, up to size bytes: the length or an error of readlink(2). */
    long (*read_link)(uint64_t key, char *buffer, size_t size);

    /* Symbolic link that leads to a file, whatever its text says: the file's place, referenced. */
    int (*follow)(uint64_t key, struct place *target);

    /* Directory: the fixed entries; and of the others, of type other: the key of one by its name
     * (-ENOENT), and the key and the name of the first whose number is >= *number, which is set to
     * it (false: none). */
    const struct pseudo_entry *entries;
    const struct pseudo_type *other;
    int (*find)(uint64_t key, const struct name *name, uint64_t *other_key);
    bool (*next)(uint64_t key, uint64_t *number, uint64_t *other_key,
                 char name[PSEUDO_NAME_MAX + 1]);

    /* The permissions, where they are not the same for all of the type. NULL: those of mode. */
    uint32_t (*permissions)(uint64_t key);

    /* Does what the key names still exist, and whose is it? -ENOENT. NULL: always, root's. */
    int (*owner)(uint64_t key, uint32_t *uid, uint32_t *gid);
};

/* The number in a name that is prefix and a decimal number: false: it is another name. */
bool pseudo_parse_name(const struct name *name, const char *prefix, uint64_t *number);

/* Is it a node of this type, and with which key? */
bool pseudo_is(const struct vnode *vnode, const struct pseudo_type *type, uint64_t *key);

/* What read_link does for a text that is there: copy up to size bytes. */
long pseudo_copy_link(const char *text, char *buffer, size_t size);

/* The mount operation of a file system with this root. -ENOMEM. */
int pseudo_mount(struct volume *volume, const struct pseudo_type *root,
                 const struct volume_operations *operations);

/* Set up the memory for nodes. Boot only. */
void pseudo_init(void);

#endif
