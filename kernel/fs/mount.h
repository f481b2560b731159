/*
 * Mounts: a volume, or a directory or file of it, shown at a place.
 *
 * The root of a mount covers a vnode of another one (vnode->mounted there, mount->covered here);
 * path look-up steps from one to the other. Any number of mounts may show one volume (MS_BIND),
 * each by its own rules (read-only, without devices, ...). A mount goes only when nobody uses it,
 * that is, when there is no place (fs/place.h) of it; or at once from the paths, and for good later
 * (MNT_DETACH). A volume goes with the last mount that shows it.
 */
#ifndef MAPIX_FS_MOUNT_H
#define MAPIX_FS_MOUNT_H

#include "fs/place.h"
#include "fs/volume.h"

struct mount_namespace;

struct mount {
    struct volume *volume;         /* (c) */
    struct vnode *root;            /* (c) referenced: what it shows of the volume */
    struct vnode *covered;         /* (v) referenced; NULL: the root of all, or detached */
    struct mount *parent;          /* (v) by which covered is seen */
    struct mount *covering;        /* (v) the next that covers the same vnode */
    struct mount *copy;            /* (m) while a tree of mounts is bound: of this one */
    uint64_t users;                /* (a) places that it shows */
    uint64_t writers;              /* (a) files that have been opened for writing by it */
    uint64_t flags;                /* (a) MOUNT_FLAGS */
    bool detached;                 /* (m) no path leads to it any more */
    bool unbindable;               /* (m) MS_UNBINDABLE */
    struct mount_namespace *space; /* (m) in whose tree it is; NULL: in none */
    bool expiring;                 /* (a) not used since MNT_EXPIRE was asked for */
    unsigned id;                   /* (c) another one for each mount */
    char *source;                  /* (c) as /proc/mounts shows it */
    struct list link, volume_link; /* (m) list of all mounts; (v) volume->mounts */
}; /* (c) constant, (v) vnode_cache_lock, (m) mount_lock, (a) atomic */

/* The flags of mount(2) that are of a mount. */
#define MOUNT_FLAGS                                                                                \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME |     \
     MS_NOSYMFOLLOW)

/* Set up the lists of mounts and types, the vnode cache and the name cache. Boot only, first. */
void file_systems_init(void);

/* Has the mount the flag? NULL, of a file without a mount, has none. */
static inline bool mount_has_flag(const struct mount *mount, uint64_t flag)
{
    return mount && (__atomic_load_n(&mount->flags, __ATOMIC_RELAXED) & flag);
}

static inline bool mount_is_read_only(const struct mount *mount)
{
    return mount && (mount_has_flag(mount, MS_RDONLY) || volume_is_read_only(mount->volume));
}

/* A file is opened for writing by the mount (NULL: by none): -EROFS. And it is closed. */
int mount_write_begin(struct mount *mount);
void mount_write_end(struct mount *mount);

/* Call visit for each mount that can be reached from root, oldest first, with the path of its place
 * from there and the options of its file system as describe gives them. No mount comes or goes
 * meanwhile; visit may sleep. -ENOMEM. */
typedef void mount_visitor(const struct mount *mount, const char *path, const char *options,
                           void *context);
int mount_visit(const struct place *root, mount_visitor *visit, void *context);

/* What statfs(2) says of the mount. */
void mount_status(const struct mount *mount, struct statfs *status);

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

/* Mount a file system of the type on no directory, for the kernel itself. Boot only. NULL: it
 * cannot be. */
struct mount *mount_nowhere(const char *type, const char *options);

/* The root of everything, referenced. */
struct place mount_root_place(void);

#endif
