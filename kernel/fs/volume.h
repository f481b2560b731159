/*
 * Volumes: file systems in use. A volume is the store and the vnodes of one file system; which
 * directories show it, and by which rules it may be used there, is a matter of its mounts
 * (fs/mount.h). It lives as long as any mount shows it.
 */
#ifndef MAPIX_FS_VOLUME_H
#define MAPIX_FS_VOLUME_H

#include "abi/mount.h"
#include "abi/statfs.h"
#include "fs/vnode.h"

struct block_device;
struct volume;

/* What a file system does as a whole. A NULL operation has nothing to do. */
struct volume_operations {
    void (*status)(struct volume *volume, struct statfs *status); /* sizes; all is zero before */
    /* The file of this number, referenced, for handles: -ESTALE (there is none), -EIO, -ENOMEM.
     * NULL: files have no handles. */
    int (*find)(struct volume *volume, uint64_t number, struct vnode **result);
    /* Write everything that the file system keeps in memory to the device and flush it: 0, -EIO. */
    int (*sync)(struct volume *volume);
    /* Change between read-only and writable, to what flags says: 0, -EROFS, -EIO. */
    int (*remount)(struct volume *volume, uint64_t flags);
    /* Take new options, as file_system.mount does: 0, -EINVAL with nothing changed. */
    int (*configure)(struct volume *volume, const char *options);
    /* The options in force, each with a comma before it, as /proc/mounts shows them: the length as
     * format() gives it. */
    size_t (*describe)(struct volume *volume, char *buffer, size_t size);
    /* Leave the store clean and free volume->state; no vnode of the volume is left. */
    void (*unmount)(struct volume *volume);
    /* The machine is about to stop, files may still be open: leave the store clean all the same. */
    void (*shut_down)(struct volume *volume);
};

/* A type of file system, registered once at boot. */
struct file_system {
    const char *name;
    bool needs_device;
    bool single; /* all mounts of it show one volume */
    /*
     * Begin to use the store: set volume->operations, volume->state and volume->root (referenced).
     * volume->device is set if one is needed, volume->flags may gain MS_RDONLY. options is the last
     * argument of mount(2): names, some with '=' and a value, with commas between them; -EINVAL for
     * one that is not known. On failure nothing is left.
     */
    int (*mount)(struct volume *volume, const char *options);
    struct list link;
};

struct volume {
    const struct file_system *type;             /* (c) */
    const struct volume_operations *operations; /* (c) */
    struct vnode *root;                         /* (c) referenced */
    struct block_device *device;                /* (c) */
    uint64_t device_number;                     /* (c) st_dev of its files */
    uint64_t flags;                             /* VOLUME_FLAGS; changed by remounting only */
    uint64_t size_limit;                        /* (c) the largest size of a file; 0: none */
    void *state;                                /* (c) of the file system */
    struct list mounts;                         /* (v) that show it */
    struct list link;                           /* (m) list of all volumes; m: mount_lock */
};

/* The flags of mount(2) that are of the volume, all its mounts have them in common. */
#define VOLUME_FLAGS (MS_RDONLY | MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME)

/* Make a type known. Boot only. */
void file_system_register(struct file_system *type);

/* The type after previous, or the first (NULL); NULL: no more. */
const struct file_system *file_system_next(const struct file_system *previous);

/* NULL, of a file without a volume, is never read-only. */
static inline bool volume_is_read_only(const struct volume *volume)
{
    return volume && (__atomic_load_n(&volume->flags, __ATOMIC_RELAXED) & MS_RDONLY);
}

/* The root of the volume that a vnode is in; NULL: it is in none. */
static inline struct vnode *volume_root(const struct vnode *vnode)
{
    return vnode->volume ? vnode->volume->root : NULL;
}

/* Is the vnode the root of its volume? */
static inline bool volume_is_root(const struct vnode *vnode)
{
    return volume_root(vnode) == vnode;
}

/* Write all of one volume, or of every volume, to the devices: 0 or the first error. */
int volume_sync(struct volume *volume);
int volume_sync_all(void);

/*
 * Take the next of the options: *name and *value point into buffer, *value is NULL without '='.
 * false: there is no more. *options moves on. -EINVAL goes into *error for one that is too long.
 */
#define VOLUME_OPTION_SIZE 128
bool volume_next_option(const char **options, char buffer[VOLUME_OPTION_SIZE], const char **value,
                        int *error);

/* The whole value of an option is the number of a user or group, or a mode in octal. */
bool volume_option_identifier(const char *value, uint64_t *number);
bool volume_option_mode(const char *value, uint64_t *mode);

#endif
