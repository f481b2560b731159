/*
 * Mounts: a file system put on a directory, and the types of file systems there are.
 *
 * The root of a mount covers a directory of another one (vnode->mounted there, mount->covered
 * here); path look-up steps from one to the other. A mount goes only when nobody uses a vnode of
 * it, or at once from the paths, and for good later (MNT_DETACH).
 *
 * A bind mount shows a file or directory of a file system that has a mount of its own, its base.
 * The vnodes are those of the base, and so are the rules by which they may be used; which mount
 * shows them is what a place (fs/place.h) knows.
 */
#ifndef MAPIX_FS_MOUNT_H
#define MAPIX_FS_MOUNT_H

#include "abi/mount.h"
#include "abi/statfs.h"
#include "fs/place.h"
#include "fs/vnode.h"

struct block_device;
struct mount;

/* What a file system does as a whole. A NULL operation has nothing to do. */
struct mount_operations {
    void (*status)(struct mount *mount, struct statfs *status); /* sizes; all is zero before */
    /* The file of this number, referenced, for handles: -ESTALE (there is none), -EIO, -ENOMEM.
     * NULL: files have no handles. */
    int (*find)(struct mount *mount, uint64_t number, struct vnode **result);
    /* Write everything that the file system keeps in memory to the device and flush it: 0, -EIO. */
    int (*sync)(struct mount *mount);
    /* Change between read-only and writable, to what flags says: 0, -EROFS, -EIO. */
    int (*remount)(struct mount *mount, uint64_t flags);
    /* Take new options, as file_system.mount does: 0, -EINVAL with nothing changed. */
    int (*configure)(struct mount *mount, const char *options);
    /* The options in force, each with a comma before it, as /proc/mounts shows them: the length as
     * format() gives it. */
    size_t (*describe)(struct mount *mount, char *buffer, size_t size);
    /* Leave the store clean and free mount->state; no vnode of the mount is left. */
    void (*unmount)(struct mount *mount);
    /* The machine is about to stop, files may still be open: leave the store clean all the same. */
    void (*shut_down)(struct mount *mount);
};

/* A type of file system, registered once at boot. */
struct file_system {
    const char *name;
    bool needs_device;
    /*
     * Begin to use the store: set mount->operations, mount->state and mount->root (referenced).
     * mount->device is set if one is needed, mount->flags may gain MS_RDONLY. options is the last
     * argument of mount(2): names, some with '=' and a value, with commas between them; -EINVAL for
     * one that is not known. On failure nothing is left.
     */
    int (*mount)(struct mount *mount, const char *options);
    struct list link;
};

#define MOUNT_NAME_SIZE 128

struct mount {
    const struct file_system *type;            /* (c) */
    const struct mount_operations *operations; /* (c) */
    struct vnode *root;                        /* (c) referenced */
    struct mount *base;                        /* (c) of a bind mount; else NULL */
    struct vnode *covered;        /* (v) referenced; NULL: the root of all, or detached */
    struct mount *parent;         /* (v) by which covered is seen */
    struct mount *copy;           /* of mount_lock, while a tree of mounts is bound: of this one */
    struct mount *covering;       /* (v) the next that covers the same vnode */
    uint64_t users;               /* (a) of a bind mount: places that it shows */
    bool detached;                /* of mount_lock: no path leads to it any more */
    unsigned id;                  /* (c) another one for each mount */
    struct block_device *device;  /* (c) */
    uint64_t device_number;       /* (c) st_dev of its files */
    uint64_t flags;               /* MS_*; changed by remounting only */
    uint64_t size_limit;          /* (c) the largest size of a file; 0: none */
    void *state;                  /* (c) of the file system */
    char source[MOUNT_NAME_SIZE]; /* (c) as /proc/mounts shows it */
    char target[MOUNT_NAME_SIZE]; /* (c) */
    char inside[MOUNT_NAME_SIZE]; /* (c) of a bind mount: its root's path in base */
    struct list link;             /* list of all mounts */
};

/* Set up the lists of mounts and types, the vnode cache and the name cache. Boot only, first. */
void file_systems_init(void);

/* Make a type known. Boot only. */
void file_system_register(struct file_system *type);

/* The type after previous, or the first (NULL); NULL: no more. */
const struct file_system *file_system_next(const struct file_system *previous);

static inline bool mount_is_read_only(const struct mount *mount)
{
    return mount && (__atomic_load_n(&mount->flags, __ATOMIC_RELAXED) & MS_RDONLY);
}

/* Is nothing of the mount to be executed? */
static inline bool mount_is_no_exec(const struct mount *mount)
{
    return mount && (__atomic_load_n(&mount->flags, __ATOMIC_RELAXED) & MS_NOEXEC);
}

/* Call visit for each mount, oldest first, with the options of its file system as describe gives
 * them. No mount comes or goes meanwhile; visit may sleep. */
typedef void mount_visitor(const struct mount *mount, const char *options, void *context);
void mount_visit(mount_visitor *visit, void *context);

/*
 * Take the next of the options: *name and *value point into buffer, *value is NULL without '='.
 * false: there is no more. *options moves on. -EINVAL goes into *error for one that is too long.
 */
#define MOUNT_OPTION_SIZE 128
bool mount_next_option(const char **options, char buffer[MOUNT_OPTION_SIZE], const char **value,
                       int *error);

/* The whole value of an option is the number of a user or group, or a mode in octal. */
bool mount_option_identifier(const char *value, uint64_t *number);
bool mount_option_mode(const char *value, uint64_t *mode);

/* What statfs(2) says of the mount. */
void mount_status(struct mount *mount, struct statfs *status);

/* Write all of one mount, or of every mount, to the devices: 0 or the first error. */
int mount_sync(struct mount *mount);
int mount_sync_all(void);

/* Step from a covered directory into what is mounted there, as deep as mounts are stacked: takes
 * over the references of place and returns a referenced one. */
struct place mount_enter(struct place place);

/* The place that a mount's root covers, referenced; false: vnode is not its root, or it covers
 * nothing. */
bool mount_leave(struct mount *mount, const struct vnode *vnode, struct place *covered);

/* The mount covers nothing from now on; its references stay. vnode_cache_lock held. */
void mount_uncover(struct mount *mount);

/* Is something mounted on the vnode, wherever it is seen? */
static inline bool mount_covers(const struct vnode *vnode)
{
    return __atomic_load_n(&vnode->mounted, __ATOMIC_ACQUIRE) != NULL;
}

/* Is the vnode the root of its mount? */
static inline bool mount_is_root(const struct vnode *vnode)
{
    return vnode->mount && vnode->mount->root == vnode;
}

/* Mount a file system of the type on no directory, for the kernel itself. Boot only. NULL: it
 * cannot be. */
struct mount *mount_nowhere(const char *type, const char *options);

/* The root of everything, referenced. */
struct place mount_root_place(void);

#endif
