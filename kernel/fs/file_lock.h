/*
 * Advisory locks on files: record locks of processes (fcntl(2), F_SETLK) and of open files
 * (F_OFD_SETLK), and locks of whole files (flock(2)).
 *
 * Record locks of both kinds exclude one another; those of flock(2) only themselves. An owner never
 * conflicts with itself. The owner of a process's locks is its table of descriptors, that of the
 * others the open file.
 */
#ifndef MAPIX_FS_FILE_LOCK_H
#define MAPIX_FS_FILE_LOCK_H

#include "fs/vnode.h"

enum file_lock_kind { LOCK_OF_PROCESS, LOCK_OF_FILE, LOCK_WHOLE };
enum file_lock_mode { LOCK_NONE, LOCK_SHARED, LOCK_EXCLUSIVE };

/* A lock that is held, or asked for; LOCK_NONE: to be given up. */
struct file_lock {
    enum file_lock_kind kind;
    enum file_lock_mode mode;
    const void *owner;
    const void *file;     /* the open file by which it was asked for: only shown */
    int pid;              /* who asked; -1 for LOCK_OF_FILE */
    uint64_t start, last; /* bytes; last INT64_MAX: to the end, wherever that is */
    struct list link;     /* used by file_lock.c */
    struct list all_link; /* the same */
    struct vnode *vnode;  /* the same */
};

/* Take, change or give up a lock: 0, -EAGAIN (not wait: somebody else has it), -EINTR, -EDEADLK,
 * -ENOMEM. */
int file_lock_set(struct vnode *vnode, const struct file_lock *request, bool wait);

/* Would somebody's lock keep this one from being taken? Then it is copied to *conflict. LOCK_NONE
 * asks for a lock that the owner itself has there. */
bool file_lock_test(struct vnode *vnode, const struct file_lock *request,
                    struct file_lock *conflict);

/* The owner's locks of this kind go, if there are any. */
void file_lock_drop(struct vnode *vnode, enum file_lock_kind kind, const void *owner);

/* A lock that is held, or waited for: the numbers are those of the held ones, and a lock that is
 * waited for has that of the one in its way. */
struct file_lock_info {
    enum file_lock_kind kind;
    enum file_lock_mode mode;
    const void *owner, *file;
    int pid;
    uint64_t start, last;
    uint64_t device, inode;
    unsigned number;
    bool waits;
};

/* Tell of up to capacity locks: how many there are. */
size_t file_locks_list(struct file_lock_info *list, size_t capacity);

/* The vnode is about to be freed. */
void file_locks_free(struct vnode *vnode);

/* Set up. Boot only. */
void file_locks_init(void);

#endif
