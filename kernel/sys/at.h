/*
 * The path arguments of system calls: a string in user memory, and the descriptor of the directory
 * where it starts.
 */
#ifndef MAPIX_SYS_AT_H
#define MAPIX_SYS_AT_H

#include "fs/path.h"

#define AT_SHORT_PATH 128

struct at {
    const char *path;
    const struct place *directory; /* place, or NULL: the current one */
    struct place place;            /* referenced, if it is that of directory */
    char *buffer;                  /* of a long path */
    char short_path[AT_SHORT_PATH];
};

/* Take the arguments in: -EFAULT, -ENAMETOOLONG, -ENOMEM, -EBADF, -ENOTDIR. What is held then is
 * given back by at_end, which is to be called only after success. */
int at_begin(struct at *at, int descriptor, uint64_t address);
void at_end(struct at *at);

/* Take the directory in, too, if at_begin has not because the path is absolute: for
 * RESOLVE_IN_ROOT. On failure nothing is held any more. */
int at_take_directory(struct at *at, int descriptor);

/* The vnode that the arguments name, referenced; flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
int at_lookup(int descriptor, uint64_t address, unsigned flags, struct vnode **vnode);

int at_lookup_place(int descriptor, uint64_t address, unsigned flags, struct place *place);

/* Is the path the empty string? */
bool at_is_empty(uint64_t address);

/* As at_lookup_place; with AT_EMPTY_PATH no path at all is an empty one: stat(2). */
int at_lookup_or_none(int descriptor, uint64_t address, unsigned flags, struct place *place);

/* The file of a descriptor, referenced, if it is not for its path only: -EBADF. */
struct file;
int file_get_usable(int descriptor, struct file **file);

#endif
